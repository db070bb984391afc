"""Merging: reports add up in any order, seeds count once, and verdicts come from evidence alone."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reports.drawn import DIFFERENT, drawn_reports, with_seed
from tests.reports.runs import (
    CLAIMS,
    FAILED,
    MET,
    bounded,
    claim,
    entry,
    gathered,
    only,
    report,
    unfinished,
    violation,
)
from theorycheck import reports
from theorycheck.claims.entries import Entry
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Observation, Pair, Rejection
from theorycheck.claims.outcomes import Answer, Fate, KernelWord
from theorycheck.claims.verdicts import Verdict, judge
from theorycheck.errors import InputError
from theorycheck.reports.documents import Report
from theorycheck.reports.merging import merge


def bracketed(runs: Sequence[Report], data: st.DataObject) -> Report:
    """The merge of reports in two groups, each of them merged in groups before, and so on."""
    if len(runs) == 1:
        return runs[0]
    cut = data.draw(st.integers(1, len(runs) - 1))
    return merge([bracketed(runs[:cut], data), bracketed(runs[cut:], data)])


def text(merged: Report) -> str:
    """Of ``claims.json``."""
    return reports.dumps(merged.document())


@given(DIFFERENT, st.data())
def test_order_and_grouping_do_not_matter(runs: list[Report], data: st.DataObject) -> None:
    """Byte for byte."""
    expected = merge(runs)
    shuffled = data.draw(st.permutations(runs))
    grouped = merge([bracketed(shuffled, data)])
    assert text(grouped) == text(expected)


@given(drawn_reports())
def test_merging_one_report_changes_nothing_but_the_order_of_its_claims(one: Report) -> None:
    ordered = replace(one, claims=tuple(sorted(one.claims, key=lambda e: e.id)), merged=True)
    assert text(merge([one])) == text(ordered)


@given(drawn_reports())
def test_the_report_of_nothing_is_the_identity(one: Report) -> None:
    nothing = merge([])
    assert nothing == Report(runs=(), claims=(), merged=True)
    assert text(merge([one, nothing])) == text(merge([one]))


@given(DIFFERENT)
def test_verdicts_come_from_the_evidence_of_all_runs(runs: list[Report]) -> None:
    """The judgement of the sums, whatever verdicts and reasons the runs had."""
    expected = merge(runs)
    for about in CLAIMS:
        examined = [e for run in runs for e in run.claims if e.id == about.id and e.seeds]
        if not examined:
            continue
        evidence = sum((Evidence.of(e) for e in examined), Evidence())
        control = sum((Evidence.of(e.control) for e in examined), Evidence())
        merged = next(e for e in expected.claims if e.id == about.id)
        positive = sum((Evidence.of(e.positive) for e in examined if e.positive), Evidence())
        judgement = judge(about.kind, about.enough, evidence, control, positive)
        assert (merged.verdict, merged.reason) == (judgement.verdict, judgement.reason)
        assert list(merged.seeds) == sorted(e.seeds[0] for e in examined)
    assert merge(replace(run, claims=tuple(map(misjudged, run.claims))) for run in runs) == expected


def misjudged(examined: Entry) -> Entry:
    if not examined.seeds:
        return examined
    return replace(examined, verdict=Verdict.PROVED, reason="said so")


@given(DIFFERENT)
def test_a_certificate_belongs_to_the_example_shown(runs: list[Report]) -> None:
    """To the counterexample, or else the tightest example; there is one if its numbers are.

    That of a tendency is issued for the pairs of all runs together, if they refute it.
    """
    for merged in merge(runs).claims:
        if merged.kind == "tendency":
            by_pairs = merged.verdict == "refuted" and merged.counterexample is None
            assert (merged.certificate is not None) is by_pairs
            continue
        shown = merged.counterexample or merged.tightest
        named = f"certificates/{merged.id}.json"
        exact = shown is not None and shown.case is not None
        assert merged.certificate == (named if exact else None)


@given(DIFFERENT, st.data())
def test_a_seed_that_comes_twice_is_refused(runs: list[Report], data: st.DataObject) -> None:
    """In whatever order and grouping, if and only if some claim has evidence from it twice."""
    again = data.draw(st.sampled_from(runs))
    twice = data.draw(st.permutations([*runs, with_seed(again, again.runs[0].seed)]))
    if any(examined.seeds for examined in again.claims):
        with pytest.raises(InputError, match=r"-claim: .* seed \d"):
            bracketed(twice, data)
    else:
        bracketed(twice, data)


def pairs(successes: int, failures: int) -> Evidence:
    return gathered(*[Pair(True, "rank")] * successes, *[Pair(False, "rank")] * failures)


def test_pairs_of_several_runs_decide_what_none_of_them_decides() -> None:
    runs = [report(seed, entry(CLAIMS[2], [seed], pairs(6, 0), pairs(3, 3))) for seed in range(3)]
    assert [only(run).verdict for run in runs] == ["undecided"] * 3
    assert only(merge(runs[:2])).verdict == "undecided"
    merged = only(merge(runs))
    assert (merged.verdict, merged.seeds) == ("holds", (0, 1, 2))
    assert merged.reason == "it shows in 18 of 18 pairs; the control does not show it"


def test_positive_controls_of_several_runs_add_up() -> None:
    about = claim("tendency-claim", "tendency", positive="the other coin")
    runs = [
        report(seed, entry(about, [seed], pairs(0, 9), pairs(3, 3), positive=pairs(9, 0)))
        for seed in range(2)
    ]
    assert [only(run).verdict for run in runs] == ["undecided"] * 2
    merged = only(merge(runs))
    assert merged.verdict == "refuted"
    assert merged.positive is not None
    assert merged.positive.examples.met == 18
    other = claim("tendency-claim", "tendency", positive="another coin")
    with pytest.raises(InputError, match="the reports differ in its positive control"):
        merge([runs[0], report(1, entry(other, [1], pairs(0, 9), pairs(3, 3)))])


def test_examples_of_several_runs_suffice_together() -> None:
    runs = [
        report(0, entry(CLAIMS[0], [0], gathered(MET, MET, MET), gathered(FAILED))),
        report(1, entry(CLAIMS[0], [1], gathered(MET, Rejection("kink")), Evidence())),
    ]
    assert [only(run).verdict for run in runs] == ["undecided"] * 2
    merged = only(merge(runs))
    assert merged.verdict == "holds"
    assert merged.examples.fraction == 0.8


def test_one_counterexample_refutes() -> None:
    holds = report(0, entry(CLAIMS[0], [0], gathered(*[MET] * 4), gathered(FAILED)))
    refuted = report(1, entry(CLAIMS[0], [1], gathered(violation(7)), gathered(FAILED)))
    merged = only(merge([holds, refuted]))
    assert merged.verdict == "refuted"
    assert merged.certificate == "certificates/identity-claim.json"


def asked(observation: Observation, answer: Answer, reason: str | None = None) -> Observation:
    return replace(observation, kernel=KernelWord(answer=answer, reason=reason))


@pytest.mark.parametrize("answer", [Answer.OPEN, Answer.CONTRADICTED])
def test_a_violation_that_the_kernel_refused_refutes_nothing_after_merging(answer: Answer) -> None:
    refused = gathered(asked(violation(7), answer, "nowhere false"))
    run = report(0, entry(CLAIMS[0], [0], refused, gathered(FAILED)))
    other = report(1, entry(CLAIMS[0], [1], gathered(*[MET] * 4), gathered(FAILED)))
    assert (only(run).verdict, only(other).verdict) == ("undecided", "holds")
    for runs in itertools.permutations([run, other]):
        merged = only(merge(runs))
        assert merged.verdict == "undecided"
        assert merged.reason == only(run).reason
        assert merged.reason.endswith("7 ≤ 6 is false (integers); the kernel: nowhere false")


def test_a_disagreement_about_a_tight_example_survives_merging() -> None:
    """Also where another run has a tighter one, on which both agree, or a counterexample."""
    disputed = gathered(*[MET] * 4, asked(bounded(30), Answer.CONTRADICTED, "conclusion false"))
    tighter = gathered(*[MET] * 4, asked(bounded(31), Answer.CONFIRMED))
    refuted = gathered(asked(violation(7), Answer.CONFIRMED))
    disputing = report(0, entry(CLAIMS[0], [0], disputed, gathered(FAILED)))
    for found in (tighter, refuted):
        other = report(1, entry(CLAIMS[0], [1], found, gathered(FAILED)))
        for runs in itertools.permutations([disputing, other]):
            merged = only(merge(runs))
            assert (merged.verdict, merged.reason) == (
                "undecided",
                "the engine: 30 ≤ 60 holds (integers); the kernel: conclusion false",
            )


def test_a_counterexample_that_one_kernel_confirmed_refutes_after_merging() -> None:
    """Though that of another run, which is shorter, was open."""
    opened = gathered(asked(violation(7), Answer.OPEN, "too much work"))
    confirmed = gathered(asked(violation(12), Answer.CONFIRMED))
    runs = [
        report(seed, entry(CLAIMS[0], [seed], found, gathered(FAILED)))
        for seed, found in enumerate((opened, confirmed))
    ]
    merged = only(merge(runs))
    assert (merged.verdict, merged.counterexample) == ("refuted", only(runs[1]).counterexample)


def test_claims_that_some_runs_lack_are_kept_and_runs_of_one_seed_may_share_the_work() -> None:
    halves = [report(0, entry(about, [0], gathered(MET), Evidence())) for about in CLAIMS[:2]]
    merged = merge(halves)
    assert [one.id for one in merged.claims] == ["identity-claim", "proved-claim"]
    assert [run.seed for run in merged.runs] == [0, 0]


@pytest.mark.parametrize(
    "change", [{}, {"profile": "deep"}, {"device": "cuda"}, {"finished": False}], ids=str
)
def test_the_same_run_twice_is_refused_also_when_it_was_made_elsewhere(
    change: dict[str, Any],
) -> None:
    first = report(5, entry(CLAIMS[0], [5], gathered(MET), Evidence()))
    again = report(5, entry(CLAIMS[0], [5], gathered(MET, MET), Evidence()), **change)
    other = report(6, entry(CLAIMS[0], [6], gathered(MET), Evidence()))
    for runs in ([first, again], [merge([first, other]), again], [merge([other]), first, again]):
        with pytest.raises(InputError, match=r"identity-claim: .* seed 5") as error:
            merge(runs)
        assert "\n" not in str(error.value)


def test_a_claim_that_was_not_finished_adds_nothing_and_no_seed() -> None:
    whole = report(0, entry(CLAIMS[0], [0], gathered(*[MET] * 4), gathered(FAILED)))
    ended = report(0, unfinished(CLAIMS[0], "the run ended"), finished=False)
    merged = merge([ended, whole])
    assert merged.claims == whole.claims
    assert [run.finished for run in merged.runs] == [False, True]
    nothing = only(merge([ended, report(1, unfinished(CLAIMS[0], "the check failed"))]))
    assert (nothing.verdict, nothing.seeds) == ("undecided", ())
    assert nothing.reason == "the check failed"


@pytest.mark.parametrize("order", [1, -1])
def test_what_one_run_knows_of_a_false_neighbour_is_known(order: int) -> None:
    known = [
        {"a": Fate.SURVIVED, "b": Fate.TRUE, "c": Fate.SURVIVED, "e": Fate.SURVIVED},
        {"a": Fate.REFUTED, "c": Fate.SURVIVED, "d": Fate.TRUE, "e": Fate.TRUE},
    ]
    runs = [
        report(seed, replace(entry(CLAIMS[0], [seed], Evidence(), Evidence()), neighbours=fates))
        for seed, fates in enumerate(known)
    ]
    merged = only(merge(runs[::order]))
    assert list(merged.neighbours.items()) == [
        ("a", Fate.REFUTED), ("b", Fate.TRUE), ("c", Fate.SURVIVED), ("d", Fate.TRUE),
        ("e", Fate.TRUE),
    ]  # fmt: skip
