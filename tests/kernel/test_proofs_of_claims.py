"""Proofs on record beside the claims that they are about, by the kernel and by the engine.

To load all claims takes seconds, which is why these tests are apart: `tests.mutation` has no use
for them.
"""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.claims.on_record import claims
from tests.kernel.test_proofs import each_proof, statement
from theorycheck import kernel
from theorycheck.arithmetic import residues
from theorycheck.claims import settling
from theorycheck.kernel import Architecture, Evaluator, Rejected, Residue, Statement, settle
from theorycheck.networks.specification import Network
from theorycheck.statements import architectures, field


@each_proof
def test_the_control_of_a_claim_is_never_verified(path: Path) -> None:
    """One that leaves out hypotheses is true where they are met, and false elsewhere."""
    document = json.loads(path.read_text())
    claim = claims()[document["claim"]]
    altered = claim.altered
    assert altered is not None
    formal = statement(
        altered.conclusion, given=list(altered.given), where=list(altered.where),
        forall=list(altered.forall),
    )  # fmt: skip
    about, exponent = document["architecture"], document["exponent"]
    other = settling.false_control(claim)
    if other is not None:
        about, exponent = other.architecture.document(), other.exponent
    with pytest.raises(Rejected, match="not true of all weights"):
        settle(formal, Architecture(formal, document["version"], about, exponent))


def engine_architecture(about: Any) -> architectures.Architecture:
    targets = about["targets"]
    return architectures.Architecture(
        network=Network.from_dict(about["network"]),
        samples=about["samples"],
        outputs=about["outputs"],
        numbers={n: None if v is None else Fraction(v) for n, v in about["numbers"].items()},
        targets=None if targets is None else tuple(tuple(map(Fraction, r)) for r in targets),
    )


@each_proof
def test_kernel_and_engine_compute_the_same_at_the_same_point(path: Path) -> None:
    """Outputs, derivatives and slopes, each by its own code, and their bounds."""
    document = json.loads(path.read_text())
    formal = claims()[document["claim"]].formal
    assert formal is not None
    parsed = Statement.read(document["statement"])
    about, exponent = document["architecture"], document["exponent"]
    example = Architecture(parsed, document["version"], about, exponent)
    for row in example.signs:
        row[0] = Fraction(1)
    evaluator = Evaluator(example, parsed.where, 64)
    unit = parsed.assumes(*kernel.UNIT_WEIGHTS)
    single = [p for p in example.network.parameters if p.role == "weight" and p.shape == (1, 1)]
    seed = kernel.digest([document["version"], about, exponent])
    engine = field.FieldEvaluator(
        engine_architecture(about),
        residues.Field(2**exponent - 1, seed),
        formal.statement,
        [1] * (len(single) if unit else 0),
    )
    compared = 0
    for n, c in product(range(example.samples), range(example.outputs)):
        pairs = [(evaluator.output(n, c), engine.functions["f"](n, c))]
        for k in range(len(example.network.parameters)):
            mine = np.ravel(np.array(evaluator.derivative(n, c, k), dtype=object))
            pairs += zip(mine, np.ravel(engine.functions["df"](n, c, k)), strict=True)
        for one, other in pairs:
            if isinstance(one, Residue):
                assert one.value == other.value
                assert one.bounds[0] <= other.bounds.degree
                compared += 1
            else:
                assert other.value == one == 0 or other.bounds.degree == 0
    assert compared >= example.samples * example.outputs
    assert {value for _, value in example.field.slopes} == {
        value for _, value in engine.field.gates
    }
