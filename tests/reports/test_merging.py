"""Merging: reports add up in any order, seeds count once, and verdicts come from evidence alone."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reports.runs import (
    CLAIMS,
    FAILED,
    MET,
    Document,
    bounded,
    document,
    entry,
    gathered,
    only,
    unfinished,
    violation,
)
from theorycheck import reports
from theorycheck.claims.evidence import Evidence, Finding, Observation, Pair, Rejection, Unmet
from theorycheck.claims.verdicts import judge
from theorycheck.errors import InputError
from theorycheck.reports.merging import merge

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
    st.builds(Rejection, st.sampled_from(["kink", "diverged"])),
    st.builds(Unmet, st.sampled_from([0.5, 0.25]), st.sampled_from(["gradient", "angle"])),
    st.builds(Pair, st.booleans(), st.sampled_from(["rank", "norm"])),
)
EVIDENCE = st.lists(FINDINGS, max_size=3).map(lambda findings: gathered(*findings))


@st.composite
def report_documents(draw: st.DrawFn) -> Document:
    """Of one run, with some of the claims, some of them unfinished; its seed is set later."""
    entries = []
    for about in draw(st.permutations(CLAIMS)):
        match draw(st.sampled_from(["absent", "unfinished", "examined", "examined"])):
            case "unfinished":
                entries.append(unfinished(about, draw(st.sampled_from(["ended", "failed"]))))
            case "examined":
                hundredths = draw(st.integers(0, 10**6))
                found = draw(EVIDENCE), draw(EVIDENCE)
                entries.append(entry(about, [0], *found, seconds=hundredths / 100))
    return document(0, *entries, device=draw(st.sampled_from(["cpu", "cuda"])))


def with_seed(one: Document, seed: int) -> Document:
    changed = deepcopy(one)
    changed["run"]["seed"] = seed
    for examined in changed["claims"]:
        examined["seeds"] = [seed for _ in examined["seeds"]]
    return changed


DIFFERENT = st.lists(report_documents(), min_size=1, max_size=4).map(
    lambda drawn: [with_seed(one, seed) for seed, one in enumerate(drawn)]
)


def bracketed(documents: Sequence[Document], data: st.DataObject) -> Document:
    """The merge of documents in two groups, each of them merged in groups before, and so on."""
    if len(documents) == 1:
        return documents[0]
    cut = data.draw(st.integers(1, len(documents) - 1))
    return merge([bracketed(documents[:cut], data), bracketed(documents[cut:], data)])


@given(DIFFERENT, st.data())
def test_order_and_grouping_do_not_matter(documents: list[Document], data: st.DataObject) -> None:
    """Byte for byte, in the verdict part and in everything else."""
    expected = merge(documents)
    shuffled = data.draw(st.permutations(documents))
    grouped = merge([bracketed(shuffled, data)])
    assert reports.verdict_part(grouped) == reports.verdict_part(expected)
    assert reports.dumps(grouped) == reports.dumps(expected)


@given(report_documents())
def test_merging_one_report_changes_nothing_but_the_order_of_its_claims(one: Document) -> None:
    ordered = sorted(one["claims"], key=lambda examined: str(examined["id"]))
    assert reports.dumps(merge([one])["claims"]) == reports.dumps(ordered)


@given(report_documents())
def test_the_report_of_nothing_is_the_identity(one: Document) -> None:
    nothing = merge([])
    assert nothing["claims"] == reports.runs(nothing) == []
    assert reports.dumps(merge([one, nothing])) == reports.dumps(merge([one]))


@given(DIFFERENT)
def test_verdicts_come_from_the_evidence_of_all_runs(documents: list[Document]) -> None:
    """The judgement of the sums, whatever verdicts and reasons the runs had."""
    expected = merge(documents)
    for about in CLAIMS:
        examined = [e for d in documents for e in d["claims"] if e["id"] == about.id and e["seeds"]]
        if not examined:
            continue
        evidence = sum((Evidence.from_dict(e) for e in examined), Evidence())
        control = sum((Evidence.from_dict(e["control"]) for e in examined), Evidence())
        merged = next(e for e in expected["claims"] if e["id"] == about.id)
        judgement = judge(about.kind, about.enough, evidence, control)
        assert (merged["verdict"], merged["reason"]) == (judgement.verdict, judgement.reason)
        assert merged["seeds"] == sorted(e["seeds"][0] for e in examined)
        for one in examined:
            one.update(verdict="proved", reason="said so")
    assert merge(documents) == expected


def counted(examined: Document) -> tuple[int, int]:
    return examined["examples"]["successes"], examined["examples"]["failures"]


@given(DIFFERENT)
def test_a_certificate_belongs_to_the_example_shown(documents: list[Document]) -> None:
    """To the counterexample, or else the tightest example; there is one if its numbers are.

    What the pairs of a tendency show is certified as a whole, so that no part of them has it.
    """
    for merged in merge(documents)["claims"]:
        if merged["kind"] == "tendency":
            parts = [one for d in documents for one in d["claims"] if one["id"] == merged["id"]]
            whole = [one for one in parts if counted(one) == counted(merged)]
            certified = any(one["certificate"] for one in whole)
            assert (merged["certificate"] is not None) is certified
            continue
        shown = merged["counterexample"] or merged["tightest"]
        named = f"certificates/{merged['id']}.json"
        exact = shown is not None and shown["case"] is not None
        assert merged["certificate"] == (named if exact else None)


@given(DIFFERENT, st.data())
def test_a_seed_that_comes_twice_is_refused(documents: list[Document], data: st.DataObject) -> None:
    """In whatever order and grouping, if and only if some claim has evidence from it twice."""
    again = data.draw(st.sampled_from(documents))
    twice = data.draw(st.permutations([*documents, with_seed(again, again["run"]["seed"])]))
    if any(examined["seeds"] for examined in again["claims"]):
        with pytest.raises(InputError, match=r"-claim: .* seed \d"):
            bracketed(twice, data)
    else:
        bracketed(twice, data)


def pairs(successes: int, failures: int) -> Evidence:
    return gathered(*[Pair(True, "rank")] * successes, *[Pair(False, "rank")] * failures)


def test_pairs_of_several_runs_decide_what_none_of_them_decides() -> None:
    runs = [document(seed, entry(CLAIMS[2], [seed], pairs(6, 0), pairs(0, 6))) for seed in range(3)]
    assert [only(run)["verdict"] for run in runs] == ["undecided"] * 3
    assert only(merge(runs[:2]))["verdict"] == "undecided"
    merged = only(merge(runs))
    assert (merged["verdict"], merged["seeds"]) == ("holds", [0, 1, 2])
    assert merged["reason"] == "the effect appeared in 18 of 18 pairs; control contradicted"


def test_examples_of_several_runs_suffice_together() -> None:
    runs = [
        document(0, entry(CLAIMS[0], [0], gathered(MET, MET, MET), gathered(FAILED))),
        document(1, entry(CLAIMS[0], [1], gathered(MET, Rejection("kink")), Evidence())),
    ]
    assert [only(run)["verdict"] for run in runs] == ["undecided"] * 2
    merged = only(merge(runs))
    assert merged["verdict"] == "holds"
    assert merged["examples"]["fraction"] == 0.8


def test_one_counterexample_refutes() -> None:
    holds = document(0, entry(CLAIMS[0], [0], gathered(*[MET] * 4), gathered(FAILED)))
    refuted = document(1, entry(CLAIMS[0], [1], gathered(violation(7)), gathered(FAILED)))
    merged = only(merge([holds, refuted]))
    assert merged["verdict"] == "refuted"
    assert merged["certificate"] == "certificates/identity-claim.json"


def test_seconds_add_up() -> None:
    runs = [
        document(seed, entry(CLAIMS[0], [seed], gathered(MET), Evidence(), seconds=0.1))
        for seed in range(3)
    ]
    assert only(merge(runs))["seconds"] == 0.3


def test_claims_that_some_runs_lack_are_kept_and_runs_of_one_seed_may_share_the_work() -> None:
    halves = [document(0, entry(about, [0], gathered(MET), Evidence())) for about in CLAIMS[:2]]
    merged = merge(halves)
    assert [one["id"] for one in merged["claims"]] == ["identity-claim", "proved-claim"]
    assert [run["seed"] for run in reports.runs(merged)] == [0, 0]


@pytest.mark.parametrize(
    "change", [{}, {"profile": "deep"}, {"device": "cuda"}, {"started": "later"}], ids=str
)
def test_the_same_run_twice_is_refused_also_when_it_was_made_elsewhere(
    change: dict[str, Any],
) -> None:
    first = document(5, entry(CLAIMS[0], [5], gathered(MET), Evidence()))
    again = document(5, entry(CLAIMS[0], [5], gathered(MET, MET), Evidence()), **change)
    other = document(6, entry(CLAIMS[0], [6], gathered(MET), Evidence()))
    for runs in ([first, again], [merge([first, other]), again], [merge([other]), first, again]):
        with pytest.raises(InputError, match=r"identity-claim: .* seed 5") as error:
            merge(runs)
        assert "\n" not in str(error.value)


def test_a_claim_that_was_not_finished_adds_nothing_and_no_seed() -> None:
    whole = document(0, entry(CLAIMS[0], [0], gathered(*[MET] * 4), gathered(FAILED)))
    ended = document(0, unfinished(CLAIMS[0], "the run ended"), finished=False)
    merged = merge([ended, whole])
    assert merged["claims"] == whole["claims"]
    assert [run["finished"] for run in reports.runs(merged)] == [False, True]
    nothing = only(merge([ended, document(1, unfinished(CLAIMS[0], "the check failed"))]))
    assert (nothing["verdict"], nothing["seeds"]) == ("undecided", [])
    assert nothing["reason"] == "the check failed"
