"""What was found of hypotheses and bounds, as a report holds it."""

from __future__ import annotations

import msgspec
import pytest

from theorycheck.claims.needs import Need, Sharpness, Shown
from theorycheck.claims.strengths import Strength

SHOWN = Shown(comparison="1 = 2", network="1 -> linear 1", numbers=3, name="a-claim-needs-chain")


@pytest.mark.parametrize(
    "part",
    [
        Need(condition="chain()", words="a chain", outcome="needed", examples=1,
             counterexample=SHOWN),
        Need(condition="chain()", words="a chain", outcome="not seen", examples=9,
             strength=Strength(level="architectures", architectures=40, largest=50)),
        Sharpness(ratio=1.0, network="1 -> linear 1", equality=SHOWN),
        Sharpness(ratio=None, network=None),
    ],
)  # fmt: skip
def test_what_was_found_is_the_same_after_it_was_written(part: Need | Sharpness) -> None:
    assert msgspec.convert(msgspec.to_builtins(part), type(part)) == part


def test_there_are_no_other_outcomes() -> None:
    document = {"condition": "1", "words": "1", "outcome": "perhaps", "examples": 0}
    with pytest.raises(msgspec.ValidationError, match="perhaps"):
        msgspec.convert(document, Need)
