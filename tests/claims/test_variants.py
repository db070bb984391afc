"""What certificates say that they are variants of."""

from __future__ import annotations

from typing import Any

import pytest

from theorycheck.claims.variants import said, variant_of

STATEMENT = {
    "latex": "1", "hypotheses": ["one output"], "given": ["len(outputs) == 1", "chain()"],
    "where": [], "forall": [], "conclusion": "f(0, 0) <= 1",
}  # fmt: skip


def certificate(claim: str, changes: dict[str, str], **others: Any) -> dict[str, Any]:
    hypotheses = [*STATEMENT["hypotheses"], said(changes)]
    return {"claim": claim, "statement": {**STATEMENT, "hypotheses": hypotheses, **others}}


@pytest.mark.parametrize(
    ("claim", "changes", "others"),
    [
        ("a-claim-needs-chain", {"chain()": "not (chain())"},
         {"given": ["len(outputs) == 1", "not (chain())"]}),
        ("a-claim-needs-both", {"len(outputs) == 1": "depth > 1", "chain()": "not (chain())"},
         {"given": ["depth > 1", "not (chain())"]}),
        ("a-claim-is-sharp", {"f(0, 0) <= 1": "f(0, 0) < 1"}, {"conclusion": "f(0, 0) < 1"}),
    ],
)  # fmt: skip
def test_a_variant_can_be_undone(
    claim: str, changes: dict[str, str], others: dict[str, Any]
) -> None:
    found = variant_of(certificate(claim, changes, **others))
    assert found is not None
    assert (found.claim, found.changes) == ("a-claim", changes)
    assert found.statement == STATEMENT


def test_what_is_changed_is_said_in_one_way_alone() -> None:
    said_otherwise = certificate("a-claim-needs-chain", {"chain()": "depth > 1"})
    for ending in ("; and more", "; of `depth`", "; of `depth`: 1"):
        said_otherwise["statement"]["hypotheses"][-1] = said({"chain()": "depth > 1"}) + ending
        assert variant_of(said_otherwise) is None


def test_the_certificate_of_a_claim_is_no_variant() -> None:
    assert variant_of({"claim": "a-claim", "statement": STATEMENT}) is None
    assert variant_of({"claim": "what-it-needs-now", "statement": STATEMENT}) is None
    assert variant_of(certificate("a-claim", {"chain()": "not (chain())"})) is None
    empty = {**STATEMENT, "hypotheses": []}
    assert variant_of({"claim": "a-claim-is-sharp", "statement": empty}) is None
