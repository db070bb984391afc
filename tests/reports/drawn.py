"""Reports of single runs, drawn by Hypothesis."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from msgspec.structs import replace as replaced

from tests.claims.findings import traced
from tests.reports.runs import CLAIMS, bounded, entry, gathered, report, unfinished, violation
from theorycheck.claims.entries import Entry
from theorycheck.claims.findings import Finding, Observation, Pair, Rejection, Unmet
from theorycheck.claims.outcomes import Answer, KernelWord, Outcome
from theorycheck.reports.documents import Report

FINDINGS: st.SearchStrategy[Finding] = st.one_of(
    st.builds(
        Observation,
        st.sampled_from([True, None]),
        st.sampled_from(["1", "2"]),
        st.just("≤"),
        st.just("2"),
        st.sampled_from(["integers", "balls"]),
        tightness=st.sampled_from([None, 0.5, 1.0]),
        count=st.integers(1, 3),
        degenerate=st.sampled_from([None, "zero"]),
    ),
    st.builds(bounded, st.integers(29, 31)),
    st.builds(violation, st.integers(7, 9)),
    st.builds(
        lambda found, word: replace(found, kernel=word),
        st.builds(violation, st.integers(7, 9)) | st.builds(bounded, st.integers(29, 31)),
        st.builds(KernelWord, answer=st.sampled_from(Answer), reason=st.sampled_from([None, "so"])),
    ),
    st.builds(Rejection, st.sampled_from(["kink", "diverged"])),
    st.builds(Unmet, st.sampled_from([0.5, 0.25]), st.sampled_from(["gradient", "angle"])),
    st.builds(Pair, st.booleans(), st.sampled_from(["rank", "norm"])),
    st.builds(traced, st.sampled_from(["images", "mixtures"]), st.sampled_from([1.5, 2.5])),
)
EVIDENCE = st.lists(FINDINGS, max_size=3).map(lambda findings: gathered(*findings))


@st.composite
def drawn_reports(draw: st.DrawFn) -> Report:
    """Of one run, with some of the claims, some of them unfinished; its seed is set later."""
    entries = []
    for about in draw(st.permutations(CLAIMS)):
        match draw(st.sampled_from(["absent", "unfinished", "examined", "examined"])):
            case "unfinished":
                entries.append(unfinished(about, draw(st.sampled_from(["ended", "failed"]))))
            case "examined":
                found = draw(EVIDENCE), draw(EVIDENCE)
                entries.append(entry(about, [0], *found))
    return report(0, *entries, device=draw(st.sampled_from(["cpu", "cuda"])))


def reseeded(one: Entry, seed: int) -> Entry:
    """The entry of another run, which found the like with numbers of its own."""
    positive = one.positive
    return replace(
        one,
        seeds=tuple(seed for _ in one.seeds),
        fingerprints=changed(one, seed),
        control=replace(one.control, fingerprints=changed(one.control, seed)),
        positive=positive and replace(positive, fingerprints=changed(positive, seed)),
    )


def changed(one: Outcome, seed: int) -> tuple[str, ...]:
    return tuple(f"{seed:016x}" for _ in one.fingerprints)


def with_seed(one: Report, seed: int) -> Report:
    return replace(
        one,
        runs=tuple(replaced(run, seed=seed) for run in one.runs),
        claims=tuple(reseeded(e, seed) for e in one.claims),
    )


DIFFERENT = st.lists(drawn_reports(), min_size=1, max_size=4).map(
    lambda drawn: [with_seed(one, seed) for seed, one in enumerate(drawn)]
)
"""Several runs, each with a seed of its own."""
