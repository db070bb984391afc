"""Entries of a report made by hand, one for every verdict."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from tests.claims.findings import traced
from theorycheck.arithmetic.cases import Case
from theorycheck.claims.declaration import Claim, Kind, Paper
from theorycheck.claims.entries import Entry
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.examination import describe
from theorycheck.claims.findings import Observation, Pair, Rejection, Unmet
from theorycheck.claims.outcomes import Reader
from theorycheck.claims.strengths import SAMPLED
from theorycheck.claims.verdicts import judge
from theorycheck.networks.specification import mlp
from theorycheck.reports.documents import Report, Run
from theorycheck.reports.reading import digest
from theorycheck.reports.sources import Sources

PAPER = Paper("toy2020", "A toy", "N. N.", 2020)
OTHER = Paper("toy2021", "Another toy", "N. N.", 2021)


def check(setting: Any) -> Any:
    """What the property says."""


def claim(name: str, kind: Kind = "identity", **changes: Any) -> Claim:
    fields: dict[str, Any] = {
        "id": name,
        "title": f"Title of {name}",
        "kind": kind,
        "sources": (PAPER.at("Eq. 1"),),
        "statement": r"\rho = 1",
        "hypotheses": ("first", "second"),
        "control": "one less",
        "check": check,
        "enough": 1,
    }
    return Claim(**{**fields, **changes})


def observed(holds: bool | None, **changes: Any) -> Observation:
    fields: dict[str, Any] = {
        "left": "7", "relation": "≤", "right": "6", "arithmetic": "rationals",
        "reader": Reader.RATIONALS, **changes,
    }  # fmt: skip
    return Observation(holds, **fields)


def evidence(*findings: Any) -> Evidence:
    gathered = Evidence()
    for finding in findings:
        gathered.add(finding)
    return gathered


def entry(
    about: Claim, found: Evidence, control: Evidence, positive: Evidence | None = None
) -> Entry:
    judgement = judge(about.kind, about.enough, found, control, positive)
    strength = SAMPLED if judgement.verdict.passes else None
    return describe(
        about, judgement, found, control, strength=strength, positive=positive, seeds=(0,)
    )


CASE = Case(
    mlp([2, 2, 1]),
    (
        np.array([[[1.0, -0.5], [10.0, 0.25]]]),
        np.array([[[Fraction(4, 3), Fraction(-1)]]], dtype=object),
    ),
    np.array([[[1.0, 0.0], [-12.0, 1.0]]]),
    np.array([[[1.0], [-1.0]]]),
    {"weight_decay": Fraction(1, 8), "batch_size": Fraction(2)},
)
REFUTED_CONTROL = evidence(observed(False, left="3", right="2"))
ENTRIES = {
    "proved": entry(
        claim("first-claim", "symbolic"),
        evidence(observed(True, arithmetic="rational functions")),
        REFUTED_CONTROL,
    ),
    "holds": entry(
        claim("second-claim", "inequality", sources=(PAPER.at("Eq. 2"), OTHER.at("Theorem 1"))),
        evidence(
            observed(True, left="1", right="2", tightness=0.5, count=40, case=lambda: CASE),
            observed(True, left="1", right="4", tightness=0.25, degenerate="zero weights"),
            observed(None, arithmetic="balls"),
            Rejection("a unit is constant", 3),
        ),
        REFUTED_CONTROL,
    ),
    "refuted": entry(
        claim("third-claim", "inequality"),
        evidence(observed(False, tightness=7 / 6, case=lambda: CASE, note="ReLU, width 2")),
        REFUTED_CONTROL,
    ),
    "vacuous": entry(
        claim("fourth-claim"), evidence(Unmet(0.125, "gradient norm")), evidence(observed(True))
    ),
    "undecided": entry(claim("fifth-claim"), evidence(observed(True)), evidence(observed(True))),
    "corrected": entry(
        claim("sixth-claim", corrects="third-claim", sources=()),
        evidence(observed(True)),
        REFUTED_CONTROL,
    ),
    "own": entry(claim("seventh-claim", sources=()), REFUTED_CONTROL, REFUTED_CONTROL),
    "tendency": entry(
        claim("eighth-claim", "tendency"),
        evidence(
            *[Pair(True, "rank, batch 4 against 16", effect=e / 64) for e in range(16, 46)],
            traced("all pairs", 2.0, 3.0, 4.0),
        ),
        evidence(*[Pair(False, "the other way round", effect=1.5)] * 30, traced("all pairs", 5.0)),
    ),
    "refuted tendency": entry(
        claim("ninth-claim", "tendency", positive="a larger factor"),
        evidence(
            *[Pair(False, "rank", "mixtures", 1.0, tie=True)] * 30,
            *[Pair(True, "rank", "images", 0.5)] * 3,
        ),
        evidence(),
        evidence(*[Pair(True, "rank", "mixtures", 0.25)] * 30),
    ),
}


def sealed(document: dict[str, Any]) -> dict[str, Any]:
    """A document as somebody writes it who knows that it has a digest."""
    content = {name: part for name, part in document.items() if name != "digest"}
    return {**content, "digest": digest(content)}


RUN = Run(
    profile="default",
    seed=0,
    device="cpu",
    images="digits",
    finished=True,
    sources=Sources(engine="0123456789abcdef", claims={"properties": "fedcba9876543210"}),
)


def report(*entries: Entry, runs: tuple[Run, ...] = (RUN,)) -> Report:
    return Report(runs=runs, claims=entries or tuple(ENTRIES.values()), merged=len(runs) > 1)
