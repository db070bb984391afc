"""Verdicts: every row of the table from evidence to verdict, by hand-made evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from theorycheck.claims.declaration import Kind
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Observation, Unmet
from theorycheck.claims.outcomes import Answer, KernelWord, Reader, Stratum
from theorycheck.claims.sequential import TENDENCY, Decision, decide
from theorycheck.claims.verdicts import Verdict, contradicted, judge

ENOUGH = 20


VIOLATION = Observation(False, "7", "≤", "6", "integers", reader=Reader.RATIONALS)
SAID = Observation(False, "7", "≤", "6", "integers")
"""By the check alone."""
MISS = Unmet(0.125, "gradient norm")


def found(**fields: Any) -> Evidence:
    return Evidence(**fields)


def refuted(**fields: Any) -> Evidence:
    return Evidence(tried=1, met=1, counterexample=VIOLATION, **fields)


def judged(found: Observation, answer: Answer, reason: str | None = None) -> Observation:
    """With the kernel's answer."""
    return replace(found, kernel=KernelWord(answer=answer, reason=reason))


TIGHT = Observation(True, "6", "≤", "7", "integers", tightness=6 / 7)


def pairs(*counts: tuple[int, int]) -> Evidence:
    """Successes and failures of each population."""
    strata = {
        name: Stratum(successes=s, failures=f, ties=0, effects={}, measured=())
        for name, (s, f) in zip("abc", counts, strict=False)
    }
    tried = sum(sum(each) for each in counts)
    return Evidence(tried=tried, met=tried, strata=strata)


MET = found(tried=ENOUGH, met=ENOUGH, counted=ENOUGH)
SYMBOLIC = found(tried=ENOUGH, met=ENOUGH, counted=ENOUGH, arithmetic={"rational functions"})
NOTHING = found()
CONFIRMED, CONTRADICTED, EVEN = pairs((40, 0)), pairs((0, 40)), pairs((12, 12))

ROWS: dict[str, tuple[Kind, Evidence, Evidence, Verdict, str]] = {
    # id: kind, evidence, control, verdict, part of the reason
    "holds": ("identity", MET, refuted(), Verdict.HOLDS, "no counterexample; control refuted"),
    "an inequality holds": ("inequality", MET, refuted(), Verdict.HOLDS, "control refuted"),
    "a rank holds": ("rank", MET, refuted(), Verdict.HOLDS, "control refuted"),
    "a trajectory holds": ("trajectory", MET, refuted(), Verdict.HOLDS, "control refuted"),
    "proved": ("symbolic", SYMBOLIC, refuted(), Verdict.PROVED, "control refuted"),
    "symbolic in numbers": (
        "symbolic",
        found(met=ENOUGH, counted=ENOUGH, arithmetic={"rational functions", "rationals"}),
        refuted(),
        Verdict.UNDECIDED,
        "decided in rationals, which is no symbolic procedure",
    ),
    "symbolic and false": (
        "symbolic",
        Evidence(counterexample=Observation(False, "x", "=", "y", "rational functions")),
        refuted(),
        Verdict.REFUTED,
        "counterexample: x = y is false (rational functions)",
    ),
    "symbolic without control": ("symbolic", SYMBOLIC, MET, Verdict.UNDECIDED, "no power"),
    "symbolic and refuted": ("symbolic", refuted(), refuted(), Verdict.REFUTED, "counterexample"),
    "refuted": (
        "inequality",
        refuted(),
        refuted(),
        Verdict.REFUTED,
        "counterexample: 7 ≤ 6 is false (integers)",
    ),
    "refuted by the check alone": (
        "inequality",
        Evidence(counterexample=SAID),
        refuted(),
        Verdict.UNDECIDED,
        "7 ≤ 6 is false (integers); the kernel: not asked, and no exact reader found that",
    ),
    "a computation that is no symbolic one": (
        "inequality",
        Evidence(counterexample=replace(SAID, arithmetic="rational functions")),
        refuted(),
        Verdict.UNDECIDED,
        "not asked",
    ),
    "refuted, and the kernel confirms it": (
        "inequality",
        Evidence(counterexample=judged(SAID, Answer.CONFIRMED)),
        refuted(),
        Verdict.REFUTED,
        "counterexample: 7 ≤ 6 is false (integers)",
    ),
    "refuted, and the kernel cannot tell": (
        "inequality",
        Evidence(counterexample=judged(VIOLATION, Answer.OPEN, "not decided by 1024 bits")),
        refuted(),
        Verdict.UNDECIDED,
        "counterexample: 7 ≤ 6 is false (integers); the kernel: not decided by 1024 bits",
    ),
    "refuted, and the kernel disagrees": (
        "inequality",
        Evidence(counterexample=judged(VIOLATION, Answer.CONTRADICTED, "nowhere false")),
        refuted(),
        Verdict.UNDECIDED,
        "the engine: 7 ≤ 6 is false (integers); the kernel: nowhere false",
    ),
    "holds, and the kernel disagrees": (
        "inequality",
        replace(MET, tightest=judged(TIGHT, Answer.CONTRADICTED, "the conclusion is false")),
        refuted(),
        Verdict.UNDECIDED,
        "the engine: 6 ≤ 7 holds (integers); the kernel: the conclusion is false",
    ),
    "refuted, and the kernel disagrees about another example": (
        "inequality",
        Evidence(
            counterexample=judged(SAID, Answer.CONFIRMED),
            tightest=judged(TIGHT, Answer.CONTRADICTED, "the conclusion is false"),
        ),
        refuted(),
        Verdict.UNDECIDED,
        "the engine: 6 ≤ 7 holds (integers)",
    ),
    "holds, and the kernel cannot tell": (
        "inequality",
        replace(MET, tightest=judged(TIGHT, Answer.OPEN, "too much work")),
        refuted(),
        Verdict.HOLDS,
        "control refuted",
    ),
    "holds, and the kernel confirms it": (
        "inequality",
        replace(MET, tightest=judged(TIGHT, Answer.CONFIRMED)),
        refuted(),
        Verdict.HOLDS,
        "control refuted",
    ),
    "refuted with a powerless control": (
        "identity",
        refuted(),
        MET,
        Verdict.REFUTED,
        "counterexample",
    ),
    "refuted though the search came near": (
        "identity",
        refuted(nearest=MISS),
        NOTHING,
        Verdict.REFUTED,
        "counterexample",
    ),
    "control not refuted": ("identity", MET, MET, Verdict.UNDECIDED, "no power"),
    "nothing tried": ("identity", NOTHING, NOTHING, Verdict.UNDECIDED, "no power"),
    "one example too few": (
        "identity",
        found(met=1000, counted=ENOUGH - 1),
        refuted(),
        Verdict.UNDECIDED,
        "by 19 examples, 20 are needed; of 1000 comparisons 0 are open and 0 degenerate",
    ),
    "only rejections": (
        "identity",
        found(tried=100, rejected={"kink": 100}),
        refuted(),
        Verdict.UNDECIDED,
        "by 0 examples, 20 are needed",
    ),
    "rounding left one too many open": (
        "inequality",
        found(met=ENOUGH + 4, counted=ENOUGH - 1, open=5),
        refuted(),
        Verdict.UNDECIDED,
        "by 19 examples, 20 are needed; of 24 comparisons 5 are open",
    ),
    "rounding left some open": (
        "inequality",
        found(met=ENOUGH + 5, counted=ENOUGH, open=5),
        refuted(),
        Verdict.HOLDS,
        "control refuted",
    ),
    "vacuous": (
        "identity",
        found(tried=9, nearest=MISS),
        found(met=1),
        Verdict.VACUOUS,
        "no closer than 0.125 (gradient norm)",
    ),
    "vacuous with a refuted control": (
        "identity",
        found(tried=9, nearest=MISS),
        refuted(),
        Verdict.VACUOUS,
        "no closer than 0.125",
    ),
    "a search that finds nothing for the control either": (
        "identity",
        found(tried=9, nearest=MISS),
        found(tried=9, nearest=MISS),
        Verdict.UNDECIDED,
        "neither of the claim nor of its control",
    ),
    "a search that met the hypotheses": (
        "identity",
        found(met=ENOUGH, counted=ENOUGH, nearest=MISS),
        refuted(),
        Verdict.HOLDS,
        "control refuted",
    ),
    "tendency with a counterexample": (
        "tendency",
        refuted(strata=CONFIRMED.strata),
        CONTRADICTED,
        Verdict.REFUTED,
        "counterexample",
    ),
}


@pytest.mark.parametrize(
    ("kind", "evidence", "control", "verdict", "reason"), ROWS.values(), ids=ROWS
)
def test_table(
    kind: Kind, evidence: Evidence, control: Evidence, verdict: Verdict, reason: str
) -> None:
    judgement = judge(kind, ENOUGH, evidence, control)
    assert judgement.verdict is verdict
    assert reason in judgement.reason


def degenerate(count: int, **fields: Any) -> Evidence:
    """All trivial but those that count."""
    met, why = count + fields.get("counted", 0), {"zero", "collinear"}
    return Evidence(met=met, degenerate=count, trivially=why, **fields)


def test_what_is_met_only_in_degenerate_cases_does_not_hold_and_says_what_it_is() -> None:
    judgement = judge("identity", ENOUGH, degenerate(ENOUGH), refuted())
    assert judgement.verdict is Verdict.VACUOUS
    reason = "the hypotheses are met only in degenerate cases: collinear; zero"
    assert judgement.reason == reason
    searched = judge("identity", ENOUGH, degenerate(ENOUGH, nearest=MISS), refuted())
    assert searched.reason == (
        f"{reason}; elsewhere the directed search came no closer than 0.125 (gradient norm)"
    )


@pytest.mark.parametrize(
    ("evidence", "control", "verdict"),
    [
        (degenerate(ENOUGH - 1), refuted(), Verdict.UNDECIDED),
        (degenerate(ENOUGH), MET, Verdict.UNDECIDED),
        (degenerate(ENOUGH, counted=1), refuted(), Verdict.UNDECIDED),
        (degenerate(ENOUGH, counted=ENOUGH), refuted(), Verdict.HOLDS),
    ],
    ids=["too few", "a check without power", "too few others", "enough others"],
)
def test_degenerate_cases_neither_count_nor_harm(
    evidence: Evidence, control: Evidence, verdict: Verdict
) -> None:
    assert judge("identity", ENOUGH, evidence, control).verdict is verdict


TENDENCIES: dict[str, tuple[Evidence, Evidence, Evidence | None, Verdict, str]] = {
    # id: evidence, control, positive control, verdict, part of the reason
    "holds": (CONFIRMED, EVEN, None, Verdict.HOLDS, "in 40 of 40 pairs; the control does not"),
    "control contradicted": (CONFIRMED, CONTRADICTED, None, Verdict.HOLDS, "40 of 40 pairs"),
    "control with few pairs": (
        CONFIRMED, pairs((8, 8)), None, Verdict.UNDECIDED, "the control has fewer than 17 pairs",
    ),
    "control with just enough pairs": (
        CONFIRMED, pairs((9, 8)), None, Verdict.HOLDS, "the control does not show it",
    ),
    "control with too few pairs for an effect as rare as the claim's": (
        pairs((168, 84)), pairs((14, 10)), None, Verdict.UNDECIDED, "has fewer than 195 pairs",
    ),
    "control with as many pairs as would show it": (
        pairs((168, 84)), pairs((98, 97)), None, Verdict.HOLDS, "the control does not show it",
    ),
    "control that is contradicted at once": (
        pairs((168, 84)), pairs((0, 24)), None, Verdict.HOLDS, "the control does not show it",
    ),
    "no control": (CONFIRMED, NOTHING, None, Verdict.UNDECIDED, "fewer than 17 pairs"),
    "control that shows it too": (
        CONFIRMED, CONFIRMED, None, Verdict.UNDECIDED, "the control shows it too (a)",
    ),
    "refuted": (
        CONTRADICTED, EVEN, CONFIRMED, Verdict.REFUTED,
        "only 0 of 40 pairs; the positive control shows it",
    ),
    "refuted whatever the control shows": (
        CONTRADICTED, CONFIRMED, CONFIRMED, Verdict.REFUTED, "0 of 40 pairs",
    ),
    "no positive control": (
        CONTRADICTED, EVEN, None, Verdict.UNDECIDED,
        "it shows in only 0 of 40 pairs, but no positive control shows that it could",
    ),
    "open positive control": (
        CONTRADICTED, EVEN, EVEN, Verdict.UNDECIDED, "no positive control shows that it could",
    ),
    "contradicted positive control": (
        CONTRADICTED, EVEN, CONTRADICTED, Verdict.UNDECIDED, "no positive control",
    ),
    "few pairs": (pairs((3, 1)), EVEN, None, Verdict.UNDECIDED, "in 3 of 4 pairs: not decided"),
    "more often than not, but not beyond doubt": (
        pairs((22, 2)), EVEN, CONFIRMED, Verdict.UNDECIDED, "in 22 of 24 pairs: not decided",
    ),
    "no pairs": (NOTHING, NOTHING, NOTHING, Verdict.UNDECIDED, "no pair: not decided"),
    "all populations": (
        pairs((40, 0), (24, 0)), pairs((9, 9), (0, 20)), None, Verdict.HOLDS,
        "it shows in 40 of 40 pairs (a); 24 of 24 pairs (b)",
    ),
    "one population is open": (
        pairs((400, 0), (12, 0)), pairs((9, 9), (9, 9)), None, Verdict.UNDECIDED, "12 of 12",
    ),
    "one population fails, and could not be seen to succeed": (
        pairs((400, 0), (0, 40)), EVEN, CONFIRMED, Verdict.UNDECIDED, "no positive control",
    ),
    "one population fails": (
        pairs((400, 0), (0, 40)), EVEN, pairs((40, 0), (40, 0)), Verdict.REFUTED,
        "0 of 40 pairs (b)",
    ),
    "of two that fail, the one that could be seen to succeed": (
        pairs((0, 40), (0, 30)), EVEN, pairs((40, 0), (9, 9)), Verdict.REFUTED,
        "it shows in only 0 of 40 pairs (a); the positive control",
    ),
    "a population without a control": (
        pairs((40, 0), (24, 0)), EVEN, None, Verdict.UNDECIDED, "fewer than 17 pairs",
    ),
    "a population whose control shows it": (
        pairs((40, 0), (24, 0)), pairs((9, 9), (40, 0)), None, Verdict.UNDECIDED, "it too (b)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("evidence", "control", "positive", "verdict", "reason"), TENDENCIES.values(), ids=TENDENCIES
)
def test_table_of_tendencies(
    evidence: Evidence, control: Evidence, positive: Evidence | None, verdict: Verdict, reason: str
) -> None:
    judgement = judge("tendency", ENOUGH, evidence, control, positive)
    assert judgement.verdict is verdict
    assert reason in judgement.reason


def test_populations_that_disagree_do_not_hold_when_they_are_merged() -> None:
    """Pooled, 36 successes and 12 failures in each run would be confirmed after a few runs."""
    one, control = pairs((36, 0), (0, 12)), pairs((12, 12), (12, 12))
    for runs in (1, 2, 10):
        found, placebo = (sum([each] * runs, Evidence()) for each in (one, control))
        assert judge("tendency", ENOUGH, found, placebo).verdict is Verdict.UNDECIDED
        positive = pairs((40, 0), (40, 0))
        expected = Verdict.REFUTED if runs > 1 else Verdict.UNDECIDED
        assert judge("tendency", ENOUGH, found, placebo, positive).verdict is expected
    assert decide(TENDENCY, 10 * 36, 10 * 12) is Decision.CONFIRMED


def test_contradicted_names_the_populations() -> None:
    found, positive = pairs((0, 40), (0, 40), (40, 0)), pairs((40, 0), (12, 12), (40, 0))
    assert contradicted(found.strata, positive.strata) == ["a"]


def test_only_proved_and_holds_pass() -> None:
    assert {verdict for verdict in Verdict if verdict.passes} == {Verdict.PROVED, Verdict.HOLDS}
