"""Examples and certificates for the tests of the kernel, and how they are sealed and judged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flint import arb, fmpq

from theorycheck import kernel
from theorycheck.arithmetic.cases import Case
from theorycheck.kernel import Evaluator, Example, Number, Rejected
from theorycheck.networks.specification import Network, mlp

ROOT = Path(__file__).parents[2]
COMMITTED = sorted((ROOT / "reports/certificates").glob("*.json"))
PROOFS = [path for path in COMMITTED if path.name.endswith(".proof.json")]
CERTIFICATES = [path for path in COMMITTED if path not in PROOFS]
each_certificate = pytest.mark.parametrize("path", CERTIFICATES, ids=lambda path: path.stem)
BITS = 64
"""Of enclosures, where a test does not say otherwise."""

Json = Any

DOCUMENT: dict[str, Any] = {
    "network": {
        "input_width": 2,
        "layers": [
            {
                "width": 2, "edges": [{"source": 0, "map": "dense"}],
                "slope": "1/4", "normalisation": "none", "bias": True,
            },
            {
                "width": 1, "edges": [{"source": 1, "map": "dense"}],
                "slope": "1", "normalisation": "none", "bias": False,
            },
        ],
    },
    "parameters": [[[["1", "2"], ["-1", "1"]]], [["0", "1"]], [[["3", "-2"]]]],
    "inputs": [[["1", "1"], ["2", "-1"], ["-2", "1"]]],
    "targets": [[["1"], ["-1"], ["1/2"]]],
    "numbers": {"rho": "1/2", "beta_1": "3", "beta_2": "-1", "beta_4": "9"},
}  # fmt: skip
"""Pre-activations (3, 1), (0, -2), (0, 4); outputs 7, 1, -8."""


def draw(network: Network, samples: int, seed: int) -> Case:
    """Weights in quarters up to 1 and inputs that are whole numbers up to 3."""
    generator = np.random.default_rng(seed)
    parameters = [generator.integers(-4, 5, (1, *p.shape)) / 4.0 for p in network.parameters]
    inputs = generator.integers(-3, 4, (1, samples, network.input_width)) * 1.0
    return Case(network, tuple(parameters), inputs)


def evaluator(document: dict[str, Any], where: Sequence[str] = (), bits: int = BITS) -> Evaluator:
    """Of formulas at an example, with some definitions."""
    return Evaluator(Example(document), where, bits)


def budget() -> Example:
    """Any example, for what it allows to spend."""
    return Example(draw(mlp([1, 1]), 1, 0).to_dict())


def encloses(found: Number, ball: arb) -> bool:
    """Whether a number of the kernel may be what a much smaller ball encloses."""
    low, high = (arb(fmpq(end.numerator, end.denominator)) for end in kernel.ends(found))
    return not (ball < low or ball > high)


def certificate(
    conclusion: str = "0 <= 1", *, given: Any = (), where: Any = (), forall: Any = (),
    at: Any = None, shows: str = "tight", left: Any = "0", right: Any = "1", case: Any = None,
    claim: str = "a-claim", latex: str = "0 \\le 1", hypotheses: Any = (),
) -> Json:  # fmt: skip
    """A sealed certificate; what is wrong with it is not the seal."""
    statement = {
        "latex": latex, "hypotheses": list(hypotheses), "given": list(given), "where": list(where),
        "forall": list(forall), "conclusion": conclusion,
    }  # fmt: skip
    return sealed({
        "schema_version": kernel.SCHEMA_VERSION, "claim": claim, "version": "", "shows": shows,
        "statement": statement, "case": DOCUMENT if case is None else case, "at": at or {},
        "left": left, "right": right,
    })  # fmt: skip


def sealed(document: Json) -> Json:
    """As an attacker would seal it, where there is still something to seal."""
    if not isinstance(document, dict):
        return document
    content = {key: value for key, value in document.items() if key != "digest"}
    if "claim" in content and "statement" in content:
        content["version"] = kernel.digest([content["claim"], content["statement"]])[:16]
    return {**content, "digest": kernel.digest(content)}


def judged(document: Json) -> str | None:
    """The reason of rejection after a journey through a file; None when accepted."""
    try:
        kernel.check(kernel.read(json.dumps(document), kernel.MOST_BYTES))
    except Rejected as error:
        reason = str(error)
    else:
        return None
    assert reason.isprintable()
    assert 0 < len(reason) < 1000
    return reason
