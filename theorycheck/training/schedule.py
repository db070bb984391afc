"""The schedule of a training: learning rates, momenta, and when measures are recorded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from itertools import pairwise

from torch import Tensor

from theorycheck.errors import InputError
from theorycheck.training.arguments import per_member, real_number, whole_number, whole_numbers
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort

RECORDS = 8
"""Definition: a descent is recorded at most this often after its start, unless the caller says
otherwise."""

RECORD_UPDATES = 4000
"""Definition: one such record for this many updates, so that records cost little of the run; a run
of fewer updates is recorded at its start and at its end."""


LONGEST = 2**23
"""Definition: the most epochs of a stretch, so that counts of them are exact in float32."""


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
        self.epochs = epochs = whole_number("the number of epochs or steps", epochs)
        self.decay = decay = real_number("decay", decay)
        records = min(RECORDS, epochs * batches.updates // RECORD_UPDATES)
        default = -(-epochs // max(1, records))
        self.record_every = whole_number(
            "record_every", default if record_every is None else record_every
        )
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
        if not 0 < decay < math.inf:
            raise InputError(f"decay {decay} must be positive and finite")

    def part(self, members: slice) -> Schedule:
        """The schedule of some members."""
        part = copy(self)
        part.learning_rate, part.momentum = self.learning_rate[members], self.momentum[members]
        return part

    def rate(self, epoch: int) -> Tensor:
        """Learning rates ``(K, 1)`` of an epoch; epochs count from 0."""
        return self.learning_rate * self.decay ** sum(m <= epoch for m in self.milestones)

    def records(self, finished: int) -> bool:
        """Whether the measures are evaluated when this many epochs are finished."""
        return finished % self.record_every == 0 or finished == self.epochs

    def stretches(self) -> Iterator[tuple[int, int]]:
        """Epochs within which the rate is constant, and nothing is due to be recorded, in order.

        Each is the first epoch and the one after the last.
        """
        inner = (*self.milestones, *self.keep)
        ends = {m for m in inner if 0 < m < self.epochs} | {self.epochs}
        for step in (self.record_every, LONGEST):
            ends.update(range(step, self.epochs, step))
        return pairwise([0, *sorted(ends)])


def checkpoint_times(horizon: float, checkpoints: int | Sequence[float]) -> list[float]:
    """When a flow is recorded: the ends of equal intervals and time 0, or the times that are given.

    Raises:
        InputError: unless there is an interval, or the times increase within ``[0, horizon]``.
    """
    if not isinstance(checkpoints, Iterable) or isinstance(checkpoints, str):
        intervals = whole_number("checkpoints", checkpoints)
        return [horizon * i / intervals for i in range(intervals + 1)]
    times = [real_number("every one of the checkpoints", time) for time in checkpoints]
    ordered = all(before < after for before, after in pairwise(times))
    if not ordered or not all(0 <= time <= horizon for time in times):
        raise InputError(f"checkpoints must increase and lie between 0 and the horizon {horizon}")
    return times
