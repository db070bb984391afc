"""Statements along training: from a drawn case to the weights that real training reaches."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import torch

from theorycheck.arguments import real_number
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.numbers import fractions
from theorycheck.claims.findings import Rejection
from theorycheck.claims.setting import Setting
from theorycheck.errors import InputError
from theorycheck.training.cohorts import Cohort, Loss, Objective, State, resolve_device
from theorycheck.training.trainers import sgd

Along = Callable[[Setting, Case], Iterator[Case | Rejection]]
"""From a case at its initial weights to cases at the weights that training reaches."""


@dataclass(frozen=True)
class Observing:
    """What training from a drawn case yields, as further numbers of the case, for `stated`.

    The statement is about the start and these numbers. A certificate holds them, and the kernel,
    which trains nothing, has to believe them; where its example is replayed, training is done anew
    and finds its own.

    Attributes:
        numbers: what each number is, by its name.
        observe: from the setting and a case to the numbers of each member in turn, or why it has
            none. A member with one that is not finite is rejected.
    """

    numbers: Mapping[str, str]
    observe: Callable[[Setting, Case], Iterable[Mapping[str, float] | Rejection]]

    def __call__(self, setting: Setting, case: Case) -> Iterator[Case | Rejection]:
        for member, found in enumerate(self.observe(setting, case)):
            if isinstance(found, Rejection):
                yield found
                continue
            one = case.member(member)
            exact = {name: _exact(name, found.get(name)) for name in self.numbers}
            numbers = {name: number for name, number in exact.items() if number is not None}
            if numbers == exact:
                yield replace(one, numbers={**one.numbers, **numbers})
            else:
                first = next(name for name in exact if name not in numbers)
                yield Rejection(f"{first} is no finite number")

    @property
    def words(self) -> str:
        """The numbers, as a convention of the claim."""
        said = ", ".join(f"{name} is {words}" for name, words in self.numbers.items())
        return f"{said}; all found by training from here, which `theorycheck replay` repeats"


def _exact(name: str, number: Any) -> Fraction | None:
    """A number without rounding; None for NaN and infinity."""
    if not math.isfinite(real_number(f"the number {name}", number)):
        return None
    exact: Fraction = fractions(number).item()
    return exact


def trained_by(
    *,
    learning_rate: float,
    epochs: int,
    loss: Loss = "square",
    batch_size: int = 1,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    samples: int | None = None,
) -> Along:
    """Mini-batch SGD from the drawn weights on the drawn data, in float64, for `stated`.

    Members that diverge are counted as rejected. The case needs targets; a weight decay among its
    numbers is used instead of the one given here.

    Args:
        loss: mean over a batch (`theorycheck.training.Objective`).
        samples: train on the first ones alone, this many; the statement is still about all of them.
        epochs, batch_size, learning_rate, weight_decay, momentum: as for
            `theorycheck.training.sgd`.
    """

    def along(setting: Setting, case: Case) -> Iterator[Case | Rejection]:
        if case.targets is None:
            raise InputError('training needs targets: draw them, as in cases(..., targets="signs")')
        device = resolve_device(setting.device)
        parameters, inputs = case.tensors(device)
        targets = torch.tensor(case.targets, dtype=torch.float64, device=device)
        decay = float(case.numbers.get("weight_decay", weight_decay))
        run = sgd(
            Cohort.broadcast(
                case.network, State(parameters), inputs[:, :samples], targets[:, :samples], decay
            ),
            Objective(loss),
            batch_size=batch_size,
            epochs=epochs,
            learning_rate=learning_rate,
            momentum=momentum,
            batch_seeds=torch.arange(case.members) + setting.seed % 2**31,
        )
        kept = (~run.diverged).nonzero().flatten().cpu().numpy()
        if len(kept) < case.members:
            yield Rejection("training diverged", case.members - len(kept))
        if len(kept):
            reached = tuple(p.detach().cpu().numpy() for p in run.state.parameters)
            yield replace(case, parameters=reached).members_at(kept)

    return along


def one_after_another(stages: Sequence[Along]) -> Along:
    """Trainings each of which goes on from where the one before it ended.

    Yields what each of them reaches.
    """

    def along(setting: Setting, case: Case) -> Iterator[Case | Rejection]:
        starts = [case]
        for stage in stages:
            reached = [one for start in starts for one in stage(setting, start)]
            yield from reached
            starts = [one for one in reached if isinstance(one, Case)]

    return along
