"""Cohorts that do not fit into memory: trained in parts, one after the other.

A member's result does not depend on which others train beside it, so the parts give the results of
the whole.
"""

from __future__ import annotations

import errno
import gc
from collections.abc import Callable

import torch

from theorycheck.networks.specification import Network
from theorycheck.notes import note
from theorycheck.training.cohorts import Cohort, Objective, Parametrisation
from theorycheck.training.free_memory import free_memory
from theorycheck.training.vector_field import Evaluation, Field

_buffers: dict[tuple[Network, Parametrisation, int, torch.dtype], tuple[int, int]] = {}
"""How many numbers a state has and how many bytes its buffers take, as computed before."""

SHARE = 0.5
"""Definition: how much of the free memory may be taken; the rest is for what is not counted:
records, the libraries' own buffers, other processes."""
EXHAUSTION = (
    "allocate memory",
    "bad_alloc",
    "out of memory",
    "STATUS_ALLOC_FAILED",
    "start new thread",
)
"""What errors say that have no type of their own: torch on the CPU, libraries in C++, CUDA, cuBLAS
and its like, Python's threads, whose stacks take memory."""
FULL = 16
"""Definition: where possible, a part has a multiple of this many members, as the widest vectors."""
DESCENT_ROWS = 9
"""Definition: copies of the states that a descent holds at once: those now, at the start of the
epoch and at the last record, the momentum, masks, squares, and three while recording."""
ARENA_ROWS = 7
"""Definition: those of a descent whose members come and go in arenas: the states, their momentum,
and while recording the states before and after, the directions of both, and the change."""
FLOW_ROWS = 24
"""Definition: those of a flow: the seven slopes of a step, the points and slopes before and after
it, the error estimate, and what is computed from these for its norm."""


def bytes_per_member(
    cohort: Cohort, objective: Objective, batch_size: int, rows: int, in_arenas: bool
) -> int:
    """Bytes that training takes for every member, besides the cohort itself and its records.

    With ``P`` numbers in a state and ``N`` samples of ``d`` inputs and ``C`` outputs, that is

    - the buffers of the backward pass, see `vector_field.Evaluation`: for every vertex its values
      and what is differentiated by them, on a batch; for a convolution the patches of a batch;
    - ``rows * P`` numbers, see `DESCENT_ROWS` and `FLOW_ROWS`;
    - ``2 N (d + C)`` numbers for the data in the order of an epoch, and 40 ``N`` bytes to find it;
    - one forward pass on all samples, for measures.

    Where members come and go ``in_arenas``, one arena for each thread, they take neither buffers
    nor copies of the data.
    """
    dtype, parametrisation = cohort.inputs.dtype, cohort.state.parametrisation
    key = cohort.network, parametrisation, batch_size, dtype
    if key not in _buffers:
        field = Field(cohort, objective)
        _buffers[key] = sum(field.sizes), Evaluation(field, 1, batch_size, dtype, "meta").size
    states, buffers = _buffers[key]
    samples, data = cohort.inputs.shape[1], cohort.inputs.shape[2] + cohort.targets.shape[2]
    values = samples * sum(layer.width for layer in cohort.network.layers)
    own = rows * states + values
    if in_arenas:
        return own * dtype.itemsize + 40 * samples
    return buffers + (own + 2 * samples * data) * dtype.itemsize + 40 * samples


def in_parts(
    members: int,
    need: int,
    device: torch.device,
    train: Callable[[slice], None],
    result: int = 0,
) -> tuple[str, ...]:
    """Train members, all at once if they fit, and otherwise in as few parts as possible.

    A part that there is no memory for after all is halved. That leaves a note.

    Args:
        need: bytes that a member takes, see `bytes_per_member`.
        train: trains the members of a slice and puts the results away; members that it ran out of
            memory for are trained again.
        result: bytes that a member leaves, which parts put away together.

    Returns:
        The notes.

    Raises:
        MemoryError, torch.OutOfMemoryError, RuntimeError: as training a single member does when it
            does not fit.
    """
    free = free_memory(device)
    size = _fitting(free, need)
    if size < members:
        size = _fitting(free - members * result, need)
    notes: list[str] = []
    start = 0
    while start < members:
        stop = min(start + size, members)
        try:
            train(slice(start, stop))
        except Exception as error:
            if stop - start == 1 or not ran_out(error):
                raise
            size = (stop - start) // 2
        else:
            start = stop
            continue
        # Here the exception no longer holds what the part had allocated, but in cycles.
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
        notes.append(
            f"{stop - start} members at once ran out of memory on {device}: going on with {size}"
        )
        note(notes[-1])
    return tuple(notes)


def _fitting(free: int, need: int) -> int:
    """How many members train at once where this many bytes are free."""
    found = max(1, int(SHARE * free) // need)
    return found if found < FULL else found // FULL * FULL


def ran_out(error: BaseException) -> bool:
    """Whether an error, or one that it came from, says that memory ran out.

    Only some have a type of their own: torch's allocator on the CPU, libraries on the GPU and
    threads that cannot be started raise RuntimeError.
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    if isinstance(error, RuntimeError) and any(words in str(error) for words in EXHAUSTION):
        return True
    earlier = error.__cause__ or error.__context__
    return earlier is not None and ran_out(earlier)
