"""Arguments of another kind than what is meant: one line that names the argument."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import pytest
import torch

from tests.training.dyadic_cohorts import dyadic_cohort
from theorycheck.arguments import (
    choose,
    function,
    instance,
    instances,
    is_sequence,
    listed,
    nonnegative_number,
    positive_number,
    real_number,
    whole_number,
    whole_numbers,
)
from theorycheck.errors import InputError, quoted
from theorycheck.networks.specification import mlp
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Objective
from theorycheck.training.experiments import Experiment, Recipe
from theorycheck.training.schedule import per_member
from theorycheck.training.trainers import gradient_descent, gradient_flow, sgd

COHORT = dyadic_cohort(mlp((2, 1)))
SEEDS = torch.tensor([1, 2, 3])
DEFAULTS: dict[Callable[..., Any], dict[str, Any]] = {
    sgd: {"batch_size": 2, "epochs": 1, "learning_rate": 0.125, "batch_seeds": SEEDS},
    gradient_descent: {"steps": 1, "learning_rate": 0.125},
    gradient_flow: {"horizon": 0.125},
}
HUGE = 10**400
NO_COUNT: list[Any] = [2.0, 2.5, "2", None, True, [2], 0, -1, torch.tensor(2.0), np.float64(2),
                       b"2", torch.tensor(True), np.bool_(True), torch.tensor([2]), HUGE, 2**63,
                       10**5000, torch.tensor(2, device="meta")]  # fmt: skip
NO_COUNTS: list[Any] = [3, [1.0], [1.5], ["1"], "1", None, [[1]], torch.tensor([1.0]), b"2",
                        [True], torch.tensor([True]), np.array(2), torch.tensor(2), [HUGE],
                        range(10**12), {1: 2}, torch.tensor([2], device="meta")]  # fmt: skip
NO_NUMBER: list[Any] = ["0.5", None, [0.5], 0.5j, torch.tensor([0.5]), torch.tensor(0.5j), HUGE,
                        Fraction(HUGE, 3), math.inf, math.nan, True, torch.tensor(True), 0, -1,
                        torch.tensor(0.5, device="meta"), Fraction(1, HUGE)]  # fmt: skip
NO_NUMBERS: list[Any] = ["0.5", None, 0.5j, True, [True, 0.5, 0.5], torch.tensor(True), [0.5],
                         ["a"] * 3, torch.ones(3, 1), {}, HUGE, math.inf,
                         math.nan, torch.ones(3, device="meta"), torch.ones(3).to_sparse(),
                         -1]  # fmt: skip
NO_SEEDS: list[Any] = [[1, 2, 3], 1, None, np.arange(3), SEEDS[:2], SEEDS.int(), SEEDS.double(),
                       SEEDS.to_sparse(), SEEDS.to("meta")]  # fmt: skip
NO_MEASURES: list[Any] = [["rank"], {"rank": 3}, {3: len}, len, torch.ones(2), np.ones(2), 0, ""]

OPTIONS = np.array(["auto", "reshuffle"])

REFUSED: list[tuple[Callable[..., Any], str, str, list[Any]]] = [
    (sgd, "batch_size", "batch_size", NO_COUNT),
    (sgd, "epochs", "the number of epochs", NO_COUNT),
    (gradient_descent, "steps", "the number of epochs or steps", NO_COUNT),
    (sgd, "record_every", "record_every", [v for v in NO_COUNT if v is not None]),
    (gradient_flow, "max_steps", "max_steps", NO_COUNT),
    (sgd, "milestones", "milestones", NO_COUNTS),
    (gradient_descent, "milestones", "milestones", NO_COUNTS),
    (sgd, "learning_rate", "learning_rate", NO_NUMBERS),
    (sgd, "momentum", "momentum", NO_NUMBERS),
    (sgd, "decay", "decay", NO_NUMBER),
    (gradient_flow, "horizon", "horizon", NO_NUMBER),
    (gradient_flow, "relative_tolerance", "relative_tolerance", NO_NUMBER),
    (gradient_flow, "absolute_tolerance", "absolute_tolerance", NO_NUMBER),
    (gradient_flow, "checkpoints", "checkpoints", [10**30, 2**63, range(10**12), [HUGE], b"2"]),
    (gradient_flow, "checkpoints", "checkpoints", [2.0, "2", None, True, ["a"], [0.0625, None]]),
    (sgd, "batch_seeds", "batch_seeds", NO_SEEDS),
    (sgd, "measures", "measure", NO_MEASURES),
    (gradient_flow, "measures", "measure", NO_MEASURES),
    (sgd, "engine", "engine", ["gpu", None, 3, ["auto"], OPTIONS]),
    (gradient_flow, "engine", "engine", [None, OPTIONS]),
    (gradient_flow, "at_kinks", "at_kinks", ["go", None, OPTIONS]),
    (sgd, "sampling", "sampling", ["cyclic", None, 3, OPTIONS]),
]


@pytest.mark.parametrize(
    ("train", "name", "message", "value"),
    [(t, n, m, v) for t, n, m, values in REFUSED for v in values],
    ids=lambda value: getattr(value, "__name__", None) or quoted(value)[:30],
)
def test_trainers_name_the_argument(
    train: Callable[..., Any], name: str, message: str, value: Any
) -> None:
    with pytest.raises(InputError, match=message) as raised:
        train(COHORT, Objective(), **{**DEFAULTS[train], name: value})
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("train", DEFAULTS)
def test_what_is_trained_and_for_what(train: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match="objective must be an Objective, not 'square'"):
        train(COHORT, "square", **DEFAULTS[train])
    with pytest.raises(InputError, match="cohort must be a Cohort, not"):
        train(COHORT.state, Objective(), **DEFAULTS[train])


def test_numbers_of_numpy_and_torch_do_as_well() -> None:
    expected = sgd(
        COHORT,
        Objective(),
        batch_size=2,
        epochs=4,
        learning_rate=0.125,
        batch_seeds=SEEDS,
        milestones=[2],
        decay=0.5,
        record_every=2,
    )
    run = sgd(
        COHORT,
        Objective(),
        batch_size=np.int64(2),  # type: ignore[arg-type]
        epochs=torch.tensor(4),  # type: ignore[arg-type]
        learning_rate=np.float64(0.125),
        batch_seeds=SEEDS,
        milestones=np.array([2]),  # type: ignore[arg-type]
        decay=np.float32(0.5),  # type: ignore[arg-type]
        record_every=np.int32(2),  # type: ignore[arg-type]
    )
    assert all(map(torch.equal, run.state.parameters, expected.state.parameters))
    assert torch.equal(run.times, expected.times)


def test_batches_and_recipes_refuse_them_too() -> None:
    with pytest.raises(InputError, match="batch_size"):
        Batches(SEEDS, 4, 2.0)  # type: ignore[arg-type]
    targets = COHORT.targets
    shared = Experiment(COHORT.network, COHORT.state, COHORT.inputs, targets, SEEDS, Objective())
    for changed in (
        {"batch_size": 2.0},
        {"epochs": 1.5},
        {"milestones": (0.5,)},
        {"milestones": (-1,)},
    ):
        options: dict[str, Any] = {"batch_size": 2, "epochs": 1, **changed}
        with pytest.raises(InputError, match=next(iter(changed))):
            shared.train(Recipe(**options, learning_rate=0.125, weight_decay=0.0))


def test_what_is_read_is_returned() -> None:
    assert whole_number("n", np.uint8(3)) == 3
    assert type(whole_number("n", torch.tensor(3))) is int
    assert whole_number("n", 0, least=0) == 0
    assert whole_numbers("n", torch.tensor([3, 1])) == (3, 1)
    assert whole_numbers("n", range(2)) == (0, 1)
    assert real_number("x", 3) == real_number("x", np.float32(3)) == 3.0
    assert real_number("x", torch.tensor(0.5)) == real_number("x", np.array(0.5)) == 0.5
    assert real_number("x", Fraction(1, 2)) == 0.5
    assert whole_number("n", np.array(3)) == 3
    like = torch.zeros(1, dtype=torch.float32)
    assert per_member("x", 0.1, 2, like).tolist() == torch.tensor([[0.1], [0.1]]).tolist()
    assert per_member("x", np.array([1, 2]), 2, like).tolist() == [[1.0], [2.0]]


def test_sequences_are_read_up_to_a_limit() -> None:
    assert listed("n", iter([1, 2]), most=2) == [1, 2]
    with pytest.raises(InputError, match="n must be at most 2 numbers, there are more"):
        listed("n", iter(range(10**18)), most=2)
    sequences = [[1], (1,), range(3), np.ones(2), torch.ones(1, 1), {1, 2}, iter([1])]
    assert all(map(is_sequence, sequences))
    singles = [1, 2.5, None, "12", b"12", np.array(1), torch.tensor(1), np.float64(1)]
    assert not any(map(is_sequence, singles))


@pytest.mark.parametrize("value", [0, -1.0, math.inf, -math.inf, math.nan, Fraction(1, HUGE)])
def test_what_has_to_be_positive_and_finite(value: Any) -> None:
    with pytest.raises(InputError, match=r"x .* must be positive and finite"):
        positive_number("x", value)
    assert positive_number("x", 5e-324) == 5e-324


@pytest.mark.parametrize("value", [-1.0, -5e-324, math.inf, math.nan])
def test_what_has_to_be_finite_and_not_negative(value: Any) -> None:
    with pytest.raises(InputError, match=r"x is .*: give a finite number from 0 on"):
        nonnegative_number("x", value)
    assert nonnegative_number("x", 0) == 0


def test_objects_of_classes() -> None:
    with pytest.raises(InputError, match="x must be a str or an OSError, not 3"):
        instance("x", 3, str | OSError)
    with pytest.raises(InputError, match=r"x must be a tuple of int, not \[1\]"):
        instances("x", [1], int)
    with pytest.raises(InputError, match=r"x must be a tuple of int, not \(1, '2'\)"):
        instances("x", (1, "2"), int)
    with pytest.raises(InputError, match="x must be a function, not 3"):
        function("x", 3)
    with pytest.raises(InputError, match="unknown colour 'green': choose one of red, blue"):
        choose("colour", "green", Literal["red", "blue"])
    with pytest.raises(InputError, match="x must be a str or None, not 3"):
        instance("x", 3, str | None)
    instance("x", "3", str | OSError)
    instances("x", (), int)
    function("x", len)
    choose("colour", "red", Literal["red", "blue"])


def test_numbers_up_to_a_limit() -> None:
    assert whole_number("n", 3, most=3) == 3
    with pytest.raises(InputError, match="n must be at most 3, not 4"):
        whole_number("n", 4, most=3)
    assert whole_number("n", HUGE, most=math.inf) == HUGE
    assert whole_numbers("n", [1, 2], least=1) == (1, 2)
    with pytest.raises(InputError, match="at least 1"):
        whole_numbers("n", [1, 0], least=1)
