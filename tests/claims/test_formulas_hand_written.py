"""Stated claims against bodies written by hand, network by network.

The formula of a claim is its check, so that a mistake of the language would be in both. Formula and
body must agree on each network drawn: are the hypotheses met, and is the conclusion true, of the
claim and of its control.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.claims.hand_written import ByHand, ConstantUnit
from tests.claims.hand_written_bodies import BODIES, Body
from theorycheck.arithmetic.cases import Case
from theorycheck.claims.declaration import Claim
from theorycheck.claims.findings import Observation
from theorycheck.claims.setting import Setting

EXAMPLES = 40

ALONE = 11
"""Every eleventh network of a cohort is checked alone too; every fourth is a corner."""

Answers = Counter[bool | None]
"""How many networks have which answer."""


def by_hand(body: Body, net: ByHand, *, altered: bool) -> bool | None:
    try:
        return body(net, altered)
    except ConstantUnit:
        return None


def by_formula(claim: Claim, case: Case, *, altered: bool) -> Answers:
    answers: Answers = Counter()
    for found in claim.check(Setting(altered=altered), case):
        assert not isinstance(found, Observation) or found.holds is not None
        answers[found.holds if isinstance(found, Observation) else None] += found.count
    return answers


def compared(
    claim: Claim, body: Body, strategies: Mapping[str, Any], variants: Sequence[bool]
) -> dict[bool, Answers]:
    """How often body and formula agree on which answer, by whether the control is checked.

    They must agree on each case: on all its members together, which other readers see, and on some
    of them alone.
    """
    answers: dict[bool, Answers] = {altered: Counter() for altered in variants}

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(strategies["case"])
    def compare(case: Case) -> None:
        members = [case.member(m) for m in range(case.members)]
        nets = [ByHand.of(member) for member in members]
        for altered, total in answers.items():
            written = [by_hand(body, net, altered=altered) for net in nets]
            assert by_formula(claim, case, altered=altered) == Counter(written), case.to_dict()
            for member, answer in list(zip(members, written, strict=True))[::ALONE]:
                found = by_formula(claim, member, altered=altered)
                assert found == Counter([answer]), member.to_dict()
            total.update(written)

    compare()
    return answers


REFUTED = {"sgd-stationary-only-zero"}
"""The only one of these claims that is false."""


@pytest.mark.parametrize("name", BODIES)
def test_formulas_and_bodies_agree(name: str) -> None:
    claim, body = BODIES[name]
    if claim.control_on is None:
        answers = compared(claim, body, claim.on, [False, True])
    else:
        answers = compared(claim, body, claim.on, [False])
        answers |= compared(claim, body, claim.control_on, [True])
    assert answers[False][name not in REFUTED] > 0
    assert answers[False][name in REFUTED] == 0
    assert answers[True][False] > 0
