"""The schedule of a training: learning rates, momenta, and when measures are recorded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from copy import copy
from itertools import pairwise
from typing import Any

from torch import Tensor

from theorycheck.arguments import (
    LONGEST,
    is_sequence,
    listed,
    positive_number,
    real_number,
    whole_number,
    whole_numbers,
)
from theorycheck.errors import InputError
from theorycheck.networks.checks import held
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort

RECORDS = 8
"""Definition: a descent is recorded at most this often after its start, unless the caller says
otherwise."""

RECORD_UPDATES = 4000
"""Definition: one such record for this many updates, so that records cost little of the run; a run
of fewer updates is recorded at its start and at its end."""


STRETCH = 2**23
"""Definition: the most epochs of a stretch, so that counts of them are exact in float32."""

MOST_EPOCHS = 2**40
"""Definition: the most epochs of a training, which leaves some hundred thousand stretches."""


class Schedule:
    """Checked learning rates, momenta and record times of a descent.

    Args:
        learning_rate, momentum: a number, or one for every member, ``(K,)``.
        milestones: counts of finished epochs after which the learning rate is multiplied by
            ``decay``.
        record_every: epochs between records; by default as `RECORD_UPDATES` and `RECORDS` say.
        keep: counts of finished epochs at which the state is kept, 0 for the start.

    Raises:
        InputError: for numbers out of range and tensors of another shape.
    """

    def __init__(
        self,
        cohort: Cohort,
        batches: Batches,
        epochs: int,
        learning_rate: float | Tensor,
        momentum: float | Tensor,
        milestones: Sequence[int],
        decay: float,
        record_every: int | None,
        keep: Sequence[int] = (),
    ) -> None:
        name = "the number of epochs or steps"
        self.epochs = epochs = whole_number(name, epochs, most=MOST_EPOCHS)
        self.decay = positive_number("decay", decay)
        records = min(RECORDS, epochs * batches.updates // RECORD_UPDATES)
        default = -(-epochs // max(1, records))
        self.record_every = whole_number(
            "record_every", default if record_every is None else record_every
        )
        if epochs // self.record_every > LONGEST:
            raise InputError(f"record_every {self.record_every} makes over {LONGEST} records")
        self.milestones = whole_numbers("milestones", milestones)
        self.keep = frozenset(whole_numbers("keep", keep))
        members, like = cohort.members, cohort.inputs
        self.learning_rate = per_member("learning_rate", learning_rate, members, like)
        self.momentum = per_member("momentum", momentum, members, like)
        if not bool(((self.learning_rate > 0) & self.learning_rate.isfinite()).all()):
            raise InputError("learning_rate must be positive and finite")
        if not all(0 <= epoch <= epochs for epoch in self.keep):
            raise InputError(f"keep names epochs that are not between 0 and {epochs}")
        if not bool(((self.momentum >= 0) & (self.momentum < 1)).all()):
            raise InputError("momentum must be at least 0 and less than 1")
        if not bool(self.rate(epochs).isfinite().all()):
            raise InputError(
                f"decay {self.decay} takes the learning rate beyond the numbers of "
                f"{self.learning_rate.dtype} at the last of {len(self.milestones)} milestones"
            )

    def part(self, members: slice) -> Schedule:
        """The schedule of some members."""
        part = copy(self)
        part.learning_rate, part.momentum = self.learning_rate[members], self.momentum[members]
        return part

    def rate(self, epoch: int) -> Tensor:
        """Learning rates ``(K, 1)`` of an epoch; epochs count from 0."""
        passed = sum(m <= epoch for m in self.milestones)
        try:
            return self.learning_rate * self.decay**passed
        except OverflowError:
            return self.learning_rate * math.inf

    def records(self, finished: int) -> bool:
        """Whether the measures are evaluated when this many epochs are finished."""
        return finished % self.record_every == 0 or finished == self.epochs

    def stretches(self) -> Iterator[tuple[int, int]]:
        """Epochs within which the rate is constant, and nothing is due to be recorded, in order.

        Each is the first epoch and the one after the last.
        """
        inner = (*self.milestones, *self.keep)
        ends = {m for m in inner if 0 < m < self.epochs} | {self.epochs}
        for step in (self.record_every, STRETCH):
            ends.update(range(step, self.epochs, step))
        return pairwise([0, *sorted(ends)])


def checkpoint_times(horizon: float, checkpoints: int | Sequence[float]) -> list[float]:
    """When a flow is recorded: the ends of equal intervals and time 0, or the times that are given.

    Raises:
        InputError: unless there is an interval, or the times increase within ``[0, horizon]``.
    """
    if not is_sequence(checkpoints):
        intervals = whole_number("checkpoints", checkpoints, most=LONGEST)
        # Multiplied first, the times of ordinary horizons are exact more often.
        far = math.isinf(horizon * intervals)
        parts = range(intervals + 1)
        found = (horizon * (i / intervals) if far else horizon * i / intervals for i in parts)
        times = [min(time, horizon) for time in found]
    else:
        every = listed("checkpoints", checkpoints)  # type: ignore[arg-type]
        times = [real_number("every one of the checkpoints", time) for time in every]
    ordered = all(before < after for before, after in pairwise(times))
    if not ordered or not all(0 <= time <= horizon for time in times):
        raise InputError(f"checkpoints must increase and lie between 0 and the horizon {horizon}")
    return times


def per_member(name: str, value: Any, members: int, like: Tensor) -> Tensor:
    """A number, or one for every member, as ``(K, 1)`` in the dtype and on the device of a tensor.

    Raises:
        InputError: for anything else, and for numbers that the dtype cannot hold.
    """
    tensor = held(name, value, like)
    if tensor.dim() > 0 and tuple(tensor.shape) != (members,):
        raise InputError(f"{name} must be a number or have shape ({members},)")
    return tensor.expand(members)[:, None]
