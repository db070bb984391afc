"""Networks trained by SGD with weight decay, at whose weights the rank bound is checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import torch
from hypothesis import strategies as st

from theorycheck import (
    Case,
    Cohort,
    Dataset,
    Objective,
    State,
    digits,
    gradient_descent,
    initialise,
    mlp,
    sgd,
    uniform_ball,
)
from theorycheck.drawing import batch_normalised

SAMPLES = 8
UPDATES = 240


@cache
def handwritten() -> Dataset:
    return digits()


@st.composite
def trainings(draw: st.DrawFn, *, normalised: bool, members: int) -> Case:
    """Networks at initialisation, with their training in ``numbers``; data differ by member."""
    seed = draw(st.integers(0, 2**32 - 1))
    if draw(st.booleans()):
        width = draw(st.integers(6, 10))
        sets = [uniform_ball(SAMPLES, width, 2, seed + k) for k in range(members)]
    else:
        pair = handwritten().with_classes(draw(st.permutations(range(10)))[:2])
        sets = [pair.per_class(SAMPLES // 2, seed + k) for k in range(members)]
    depth = draw(st.integers(3 if normalised else 2, 4))
    network = mlp([sets[0].width, *(draw(st.integers(5, 8)) for _ in range(depth - 1)), 1])
    if normalised:
        network = draw(batch_normalised(st.just(network), "batch-detached"))
    numbers = {
        "weight_decay": Fraction(1, draw(st.sampled_from([32, 64]))),
        "learning_rate": Fraction(1, 16 if normalised else 8),
        "batch_size": Fraction(draw(st.sampled_from([4, 8] if normalised else [1, 2, 4, 8]))),
        "batch_seed": Fraction(seed),
        "updates": Fraction(UPDATES),
        "last_batch": Fraction(2 if normalised else 1),
    }
    return Case(
        network,
        tuple(p.numpy() for p in initialise(network, members, seed=seed)),
        np.stack([data.inputs for data in sets]),
        np.stack([data.signs for data in sets]),
        numbers,
    )


def trained(case: Case, device: torch.device) -> Iterator[Case]:
    """The case after SGD on all samples, and again after descent on the first few alone.

    The cases yielded ask for no updates: trained once more, such a case yields itself.
    """
    updates = int(case.numbers["updates"])
    if updates == 0:
        yield case
        return
    assert case.targets is not None
    parameters, inputs = case.tensors(device)
    targets = torch.tensor(case.targets, device=device)
    batch_size, last = int(case.numbers["batch_size"]), int(case.numbers["last_batch"])
    weight_decay = float(case.numbers["weight_decay"])
    learning_rate = float(case.numbers["learning_rate"])
    start = Cohort.broadcast(case.network, State(parameters), inputs, targets, weight_decay)
    finished = sgd(
        start,
        Objective(),
        batch_size=batch_size,
        epochs=updates * batch_size // case.samples,
        learning_rate=learning_rate,
        batch_seeds=torch.arange(case.members) + int(case.numbers["batch_seed"]),
        record_every=updates,
    ).state
    few = Cohort.broadcast(
        case.network, finished, inputs[:, :last], targets[:, :last], weight_decay
    )
    polished = gradient_descent(
        few, Objective(), learning_rate=learning_rate, steps=updates, record_every=updates
    ).state
    for state in (finished, polished):
        yield replace(
            case,
            parameters=tuple(p.detach().cpu().numpy() for p in state.parameters),
            numbers={**case.numbers, "updates": Fraction(0)},
        )
