"""Statements along training: real steps, against the plain loop in torch."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from theorycheck import kernel
from theorycheck.arithmetic.cases import Case
from theorycheck.claims import certificates
from theorycheck.claims.declaration import Claim
from theorycheck.claims.examination import examine
from theorycheck.claims.families import altered, stated
from theorycheck.claims.findings import Rejection
from theorycheck.claims.search import replay
from theorycheck.claims.setting import PROFILES, Setting
from theorycheck.claims.trajectories import Observing, one_after_another, trained_by
from theorycheck.errors import InputError
from theorycheck.networks.specification import LINEAR, mlp


def linear(*weights: float, decay: Fraction | None = None) -> Case:
    """Members ``f(x) = w x`` at the sample x = 1 with target 1."""
    members = len(weights)
    return Case(
        mlp([1, 1], LINEAR),
        (np.array(weights)[:, None, None],),
        np.ones((members, 1, 1)),
        np.ones((members, 1, 1)),
        {} if decay is None else {"weight_decay": decay},
    )


def test_each_member_is_trained_as_by_hand() -> None:
    """``w <- w - rate (2 (w - 1) + 2 decay w)``, which is exact for these numbers."""
    [reached] = trained_by(learning_rate=0.25, epochs=3, weight_decay=0.5)(
        Setting(), linear(2.0, -1.0)
    )
    assert isinstance(reached, Case)
    expected = torch.tensor([2.0, -1.0], dtype=torch.float64)
    for _ in range(3):
        expected = expected - 0.25 * (2 * (expected - 1) + 2 * 0.5 * expected)
    assert reached.parameters[0].ravel().tolist() == expected.tolist()


def test_a_weight_decay_of_the_case_comes_first() -> None:
    [reached] = trained_by(learning_rate=0.5, epochs=1)(
        Setting(), linear(1.0, decay=Fraction(1, 4))
    )
    assert isinstance(reached, Case)
    assert reached.parameters[0].item() == 1 - 0.5 * 2 * 0.25


def test_members_that_diverge_are_rejected() -> None:
    """At rate 1e200 the second update overflows, unless the weight is 1, where nothing moves."""
    rejected, kept = trained_by(learning_rate=1e200, epochs=4)(Setting(), linear(1.0, 3.0))
    assert rejected == Rejection("training diverged", 1)
    assert isinstance(kept, Case)
    assert kept.parameters[0].tolist() == [[[1.0]]]


def test_training_on_the_first_samples_leaves_the_case_its_data() -> None:
    """The second sample, whose gradient is another, has no part in ``w <- w - 2 rate (w - 1)``."""
    case = Case(
        mlp([1, 1], LINEAR), (np.array([[[3.0]]]),), np.array([[[1.0], [5.0]]]), np.ones((1, 2, 1))
    )
    [reached] = trained_by(learning_rate=0.25, epochs=1, samples=1)(Setting(), case)
    assert isinstance(reached, Case)
    assert reached.parameters[0].item() == 3.0 - 0.25 * 2 * (3.0 - 1.0)
    assert reached.samples == 2


def test_of_several_trainings_each_goes_on_from_the_one_before() -> None:
    """Steps at rates 1/4 and 1/8 from w = 3: 2, then 7/4. A member that diverges stays away."""
    rates = [trained_by(learning_rate=rate, epochs=1) for rate in (0.25, 0.125)]
    first, second = one_after_another(rates)(Setting(), linear(3.0))
    assert isinstance(first, Case)
    assert isinstance(second, Case)
    assert (first.parameters[0].item(), second.parameters[0].item()) == (2.0, 1.75)
    wild = trained_by(learning_rate=1e200, epochs=4)
    rejected, kept, last = one_after_another([wild, rates[0]])(Setting(), linear(1.0, 3.0))
    assert isinstance(rejected, Rejection)
    assert isinstance(kept, Case)
    assert isinstance(last, Case)
    assert kept.members == last.members == 1


def weight_after_a_step() -> Observing:
    """``w <- w - (w - 1) / 2``, from w = 5 to 3; members that start at 0 stall."""

    def observe(setting: Setting, case: Case) -> Iterator[dict[str, float] | Rejection]:
        for weight in case.parameters[0].ravel():
            yield {"reached": (float(weight) + 1) / 2} if weight else Rejection("stalled")

    return Observing({"reached": "the weight after a step"}, observe)


def test_what_training_yields_are_numbers_of_its_start() -> None:
    case = linear(5.0, 0.0, 2.0, decay=Fraction(1, 4))
    first, second, third = weight_after_a_step()(Setting(), case)
    assert second == Rejection("stalled")
    for found, weight, reached in ((first, 5.0, 3), (third, 2.0, Fraction(3, 2))):
        assert isinstance(found, Case)
        assert found.parameters[0].tolist() == [[[weight]]]
        assert found.numbers == {"weight_decay": Fraction(1, 4), "reached": reached}


def yielding(number: Any) -> list[Case | Rejection]:
    observing = Observing({"reached": "a number"}, lambda *_: [{"reached": number}])
    return list(observing(Setting(), linear(5.0)))


@pytest.mark.parametrize("number", [math.nan, math.inf, np.float32("nan"), torch.tensor(-math.inf)])
def test_what_is_not_finite_decides_nothing(number: Any) -> None:
    assert yielding(number) == [Rejection("reached is no finite number")]


@pytest.mark.parametrize(
    "number", [0.1, np.float32(0.1), torch.tensor(0.1), Fraction(1, 10), np.int64(3)]
)
def test_numbers_of_any_type_are_not_rounded(number: Any) -> None:
    [found] = yielding(number)
    assert isinstance(found, Case)
    known = number.item() if hasattr(number, "item") else number
    assert found.numbers["reached"] == Fraction(known)


@pytest.mark.parametrize("number", [None, "3", 1j, [1.0], True])
def test_what_is_no_number_is_named(number: Any) -> None:
    with pytest.raises(InputError, match="the number reached must be a number, not"):
        yielding(number)


def about_the_weight(conclusion: str) -> Claim:
    return stated(
        "weight-after-a-step", title="The weight after a step", printed="w", states=conclusion,
        control=altered("more", "reached > 100"), on=st.just(linear(5.0)),
        along=weight_after_a_step(), why="It is halfway.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("conclusion", "violated"), [("reached <= 3", False), ("reached < 3", True)]
)
def test_a_replayed_example_is_trained_anew(conclusion: str, violated: bool) -> None:
    """Whatever a certificate says that training yields."""
    claim = about_the_weight(conclusion)
    for said in (2, 3, 4):
        case = replace(linear(5.0), numbers={"reached": Fraction(said)})
        assert (replay(claim, Setting(), case).counterexample is not None) is violated


def test_certificates_say_which_numbers_training_found() -> None:
    claim = about_the_weight("reached <= 3")
    assert claim.kind == "trajectory"
    assert claim.hypotheses == (
        "reached is the weight after a step; all found by training from here, which `theorycheck"
        " replay` repeats",
    )


def test_a_forged_certificate_is_not_replayed(tmp_path: Path) -> None:
    """The kernel, which trains nothing, accepts it."""
    claim = about_the_weight("reached <= 3")
    forged = replace(linear(5.0), numbers={"reached": Fraction(4)})
    path = tmp_path / "forged.json"
    path.write_text(json.dumps(certificates.issue(claim, forged, "refuted", {})))
    assert kernel.verify(str(path))
    with pytest.raises(InputError, match="its example no longer violates weight-after-a-step"):
        examine(claim, profile=PROFILES["quick"], run_seed=0, device="cpu", certificate=path)


@pytest.mark.parametrize("members", [1, 3])
def test_training_without_targets_is_bad_input(members: int) -> None:
    """Said in one line, without the case."""
    case = replace(linear(*[1.0] * members), targets=None)
    along = trained_by(learning_rate=0.1, epochs=1)
    with pytest.raises(InputError) as raised:
        list(along(Setting(altered=False, seed=0, effort=1.0), case))
    assert str(raised.value) == (
        'training needs targets: draw them, as in cases(..., targets="signs")'
    )
