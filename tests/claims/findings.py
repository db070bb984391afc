"""Findings for the tests of evidence, and what they add up to."""

from __future__ import annotations

from typing import Any

import numpy as np

from theorycheck.arithmetic.cases import Case
from theorycheck.claims.courses import Course, Line, Settings, binned
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Finding, Observation, Traced
from theorycheck.claims.outcomes import Answer, KernelWord
from theorycheck.networks.specification import mlp

CASES = [
    Case(mlp([1, 1]), (np.ones((1, 1, 1)),), np.full((1, samples, 1), 0.5)) for samples in (1, 1, 2)
]


def observation(holds: bool | None = True, **changes: Any) -> Observation:
    fields: dict[str, Any] = {"left": "1", "relation": "≤", "right": "2", "arithmetic": "integers"}
    return Observation(holds, **{**fields, **changes})


RECIPE = Settings(
    batch_size=4,
    epochs=25,
    learning_rate=0.1,
    weight_decay=0.02,
    momentum=0.9,
    milestones=(10, 20),
    order=0,
)


def traced(population: str, *values: float) -> Traced:
    """Of pairs of which the rank rises from 1 to these values."""
    stages = binned([1.0] * len(values)), binned(values)
    return Traced(
        population,
        Course(
            recipes=(RECIPE,),
            epochs=(0, 25),
            threshold=1.0,
            pairs=len(values),
            lines=(Line(words="rank", stages=stages),),
        ),
    )


def gathered(*findings: Finding) -> Evidence:
    evidence = Evidence()
    for finding in findings:
        evidence.add(finding)
    return evidence


def word(answer: Answer) -> KernelWord:
    return KernelWord(answer=answer, reason=None if answer is Answer.CONFIRMED else "so")
