"""What certificates say that they are variants of."""

from __future__ import annotations

from typing import Any

import pytest

from theorycheck.claims.variants import said, variant_of

STATEMENT = {
    "latex": "1", "hypotheses": ["one output"], "given": ["len(outputs) == 1", "chain()"],
    "where": [], "forall": [], "conclusion": "f(0, 0) <= 1",
}  # fmt: skip


def certificate(claim: str, old: str, new: str, **changes: Any) -> dict[str, Any]:
    hypotheses = [*STATEMENT["hypotheses"], said(old, new)]
    return {"claim": claim, "statement": {**STATEMENT, "hypotheses": hypotheses, **changes}}


@pytest.mark.parametrize(
    ("claim", "old", "new", "changes"),
    [
        ("a-claim-needs-chain", "chain()", "not (chain())",
         {"given": ["len(outputs) == 1", "not (chain())"]}),
        ("a-claim-is-sharp", "f(0, 0) <= 1", "f(0, 0) < 1", {"conclusion": "f(0, 0) < 1"}),
    ],
)  # fmt: skip
def test_a_variant_can_be_undone(claim: str, old: str, new: str, changes: dict[str, Any]) -> None:
    found = variant_of(certificate(claim, old, new, **changes))
    assert found is not None
    assert (found.claim, found.old, found.new) == ("a-claim", old, new)
    assert found.statement == STATEMENT


def test_the_certificate_of_a_claim_is_no_variant() -> None:
    assert variant_of({"claim": "a-claim", "statement": STATEMENT}) is None
    assert variant_of({"claim": "what-it-needs-now", "statement": STATEMENT}) is None
    assert variant_of(certificate("a-claim", "chain()", "not (chain())")) is None
    empty = {**STATEMENT, "hypotheses": []}
    assert variant_of({"claim": "a-claim-is-sharp", "statement": empty}) is None
