"""Verdicts: every row of the table from evidence to verdict, by hand-made evidence."""

from __future__ import annotations

from typing import Any

import pytest

from theorycheck.claims.declaration import Kind
from theorycheck.claims.evidence import Evidence, Observation, Unmet
from theorycheck.claims.verdicts import Verdict, judge

ENOUGH = 20


VIOLATION = Observation(False, "7", "≤", "6", "integers")
MISS = Unmet(0.125, "gradient norm")


def found(**fields: Any) -> Evidence:
    return Evidence(**fields)


def refuted(**fields: Any) -> Evidence:
    return Evidence(tried=1, met=1, counterexample=VIOLATION, **fields)


def pairs(successes: int, failures: int) -> Evidence:
    tried = successes + failures
    return Evidence(tried=tried, met=tried, successes=successes, failures=failures)


MET = found(tried=ENOUGH, met=ENOUGH)
NOTHING = found()
CONFIRMED, CONTRADICTED = pairs(40, 0), pairs(0, 40)

ROWS: dict[str, tuple[Kind, Evidence, Evidence, Verdict, str]] = {
    # id: kind, evidence, control, verdict, part of the reason
    "holds": ("identity", MET, refuted(), Verdict.HOLDS, "no counterexample; control refuted"),
    "an inequality holds": ("inequality", MET, refuted(), Verdict.HOLDS, "control refuted"),
    "a rank holds": ("rank", MET, refuted(), Verdict.HOLDS, "control refuted"),
    "a trajectory holds": ("trajectory", MET, refuted(), Verdict.HOLDS, "control refuted"),
    "proved": ("symbolic", MET, refuted(), Verdict.PROVED, "control refuted"),
    "symbolic without control": ("symbolic", MET, MET, Verdict.UNDECIDED, "no power"),
    "symbolic and refuted": ("symbolic", refuted(), refuted(), Verdict.REFUTED, "counterexample"),
    "refuted": (
        "inequality",
        refuted(),
        refuted(),
        Verdict.REFUTED,
        "counterexample: 7 ≤ 6 is false (integers)",
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
        found(met=ENOUGH - 1),
        refuted(),
        Verdict.UNDECIDED,
        "met by 19 examples, 20 are needed",
    ),
    "only rejections": (
        "identity",
        found(tried=100, rejected={"kink": 100}),
        refuted(),
        Verdict.UNDECIDED,
        "met by 0 examples",
    ),
    "rounding left one too many open": (
        "inequality",
        found(met=ENOUGH + 4, open=5),
        refuted(),
        Verdict.UNDECIDED,
        "rounding left 5 of 24 examples open, 20 decided ones are needed",
    ),
    "rounding left some open": (
        "inequality",
        found(met=ENOUGH + 5, open=5),
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
        found(met=ENOUGH, nearest=MISS),
        refuted(),
        Verdict.HOLDS,
        "control refuted",
    ),
    "tendency": (
        "tendency",
        CONFIRMED,
        CONTRADICTED,
        Verdict.HOLDS,
        "appeared in 40 of 40 pairs; control contradicted",
    ),
    "tendency that is absent": (
        "tendency",
        CONTRADICTED,
        CONTRADICTED,
        Verdict.REFUTED,
        "in only 0 of 40 pairs",
    ),
    "tendency with few pairs": (
        "tendency",
        pairs(3, 1),
        CONTRADICTED,
        Verdict.UNDECIDED,
        "in 3 of 4 pairs: not decided yet",
    ),
    "tendency without pairs": ("tendency", NOTHING, NOTHING, Verdict.UNDECIDED, "0 of 0 pairs"),
    "tendency with an open control": (
        "tendency",
        CONFIRMED,
        pairs(2, 2),
        Verdict.UNDECIDED,
        "control was not contradicted",
    ),
    "tendency whose control shows it too": (
        "tendency",
        CONFIRMED,
        CONFIRMED,
        Verdict.UNDECIDED,
        "control was not contradicted",
    ),
    "tendency with a counterexample": (
        "tendency",
        refuted(successes=40),
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


def test_degenerate_cases_are_mentioned_when_there_are_no_others() -> None:
    reasons = [
        judge("identity", ENOUGH, Evidence(met=ENOUGH, degenerate=count), refuted()).reason
        for count in (0, 1, ENOUGH - 1, ENOUGH)
    ]
    assert ["degenerate" in reason for reason in reasons] == [False, False, False, True]


def test_only_proved_and_holds_pass() -> None:
    assert {verdict for verdict in Verdict if verdict.passes} == {Verdict.PROVED, Verdict.HOLDS}
