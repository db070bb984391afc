"""Toy claims about the smallest networks, for tests of what happens to a claim."""

from __future__ import annotations

from typing import Any

import numpy as np

from theorycheck.arithmetic.cases import Case
from theorycheck.claims.declaration import Claim, Formal, Paper
from theorycheck.claims.findings import Findings, Observation
from theorycheck.claims.setting import Setting
from theorycheck.networks.specification import mlp


def scalar(*samples: float, weight: float = 1) -> Case:
    """The network that multiplies its input by a weight."""
    return Case(mlp([1, 1]), (np.array([[[weight]]]),), np.array([[[x] for x in samples]]))


def weight_check(setting: Setting, case: Case) -> Findings:
    """No weight exceeds 6."""
    weight = int(case.parameters[0].item())
    yield Observation(
        weight <= 6 - setting.altered,
        str(weight),
        "≤",
        "6",
        "integers",
        weight / 6,
        case=lambda: case,
    )


def toy(conclusion: str | None, **changes: Any) -> Claim:
    """A claim with this conclusion, and fields of its formal statement or its own."""
    parts = {key: changes.pop(key) for key in ("forall", "given", "where") if key in changes}
    fields: dict[str, Any] = {
        "id": "toy-claim",
        "title": "A title",
        "kind": "inequality",
        "sources": (Paper("toy2020", "A toy", "N. N.", 2020).at("Eq. 1"),),
        "statement": "1 = 1",
        "hypotheses": ("none",),
        "control": "one less",
        "check": weight_check,
        "formal": None if conclusion is None else Formal(conclusion, **parts),
    }
    return Claim(**{**fields, **changes})


def outputs() -> Claim:
    """Which is about every sample. A function, because the plugin collects what a module names."""
    return toy("f(n, 0) <= 6", forall=("n in samples",))
