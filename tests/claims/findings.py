"""Findings for the tests of evidence, and what they add up to."""

from __future__ import annotations

from typing import Any

import numpy as np

from theorycheck.arithmetic.cases import Case
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Finding, Observation
from theorycheck.claims.outcomes import Answer, KernelWord
from theorycheck.networks.specification import mlp

CASES = [
    Case(mlp([1, 1]), (np.ones((1, 1, 1)),), np.full((1, samples, 1), 0.5)) for samples in (1, 1, 2)
]


def observation(holds: bool | None = True, **changes: Any) -> Observation:
    fields: dict[str, Any] = {"left": "1", "relation": "≤", "right": "2", "arithmetic": "integers"}
    return Observation(holds, **{**fields, **changes})


def gathered(*findings: Finding) -> Evidence:
    evidence = Evidence()
    for finding in findings:
        evidence.add(finding)
    return evidence


def word(answer: Answer) -> KernelWord:
    return KernelWord(answer=answer, reason=None if answer is Answer.CONFIRMED else "so")
