"""The checks of what is computed: on the CPU and on a device, with and without CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product

import torch
from torch import Tensor

from theorycheck.bench.gpu.findings import Finding, Work
from theorycheck.bench.gpu.modes import DTYPES, MODES, SOME, Mode, descend, flow
from theorycheck.bench.gpu.stand_ins import no_recording, recording
from theorycheck.bench.gpu.trajectories import enclosure
from theorycheck.networks.specification import LINEAR, RELU
from theorycheck.simd.available import COMPILER
from theorycheck.training.cohorts import Cohort, State
from theorycheck.training.engines import Engine
from theorycheck.training.recording import Run

FAR = 0.01
"""Definition: a bound says something while it is at most this part of how far numbers move."""
TOLERANCE, LOOSER = 1e-9, 100.0
"""Definition: the tolerance of a flow, and how much looser another is; see `flows`."""
CPU_ENGINES: tuple[Engine, ...] = ("stacked", "compiled") if COMPILER else ("stacked",)


def trajectories(device: torch.device) -> Iterator[tuple[str, Work]]:
    """Descent on the device ends where every correct engine may end, in all modes and dtypes."""
    for mode, dtype in product(chosen(MODES, device), DTYPES):
        yield f"{mode}, {name(dtype)}", partial(_trajectory, mode, dtype, device)


def _trajectory(mode: Mode, dtype: torch.dtype, device: torch.device) -> Finding:
    cohort = mode.cohort(dtype)
    balls = enclosure(mode, cohort, dtype)
    found = numbers(descend(mode, cohort.to(device)).state)
    on_cpu = [numbers(descend(mode, cohort, engine).state) for engine in CPU_ENGINES]
    center, bounds = [b.value for b in balls], [b.error for b in balls]
    movement = apart(center, numbers(cohort.state))
    inside = all(
        bool(((a - c).abs() <= b).all()) for a, c, b in zip(found, center, bounds, strict=True)
    )
    bound = max(float(b.nan_to_num(nan=torch.inf).max()) for b in bounds)
    figures = {
        "movement": movement,
        "bound": bound / movement,
        "deviation": apart(found, on_cpu[0]) / movement,
        "deviation_of_cpu_engines": apart(on_cpu[0], on_cpu[-1]) / movement,
    }
    if not inside:
        return Finding(False, "off by more than rounding explains", figures)
    if not bound <= FAR * movement:
        return Finding(False, "the bound is so wide that it says nothing", figures)
    return Finding(True, figures=figures)


def flows(device: torch.device) -> Iterator[tuple[str, Work]]:
    """Gradient flow on the device ends where it ends on the CPU.

    Activations are linear: where a flow slides along a kink, steps become as small as they can be.
    No bound is derived. Both follow one solution within a tolerance, and what that allows is
    measured: they may be apart by no more than the end of the flow on the CPU moves when its
    tolerance is `LOOSER` times looser.
    """
    for mode in chosen(SOME, device):
        yield str(mode).rpartition(", ")[0], partial(_flow, mode, device)


def _flow(mode: Mode, device: torch.device) -> Finding:
    cohort = mode.cohort(torch.float64, LINEAR)
    found = numbers(flow(mode, cohort.to(device), TOLERANCE).state)
    on_cpu = [numbers(flow(mode, cohort, TOLERANCE, engine).state) for engine in CPU_ENGINES]
    loose = numbers(flow(mode, cohort, TOLERANCE * LOOSER).state)
    movement = apart(on_cpu[0], numbers(cohort.state))
    allowed, deviation = apart(loose, on_cpu[0]), apart(found, on_cpu[0])
    figures = {
        "movement": movement,
        "allowed": allowed / movement,
        "deviation": deviation / movement,
        "deviation_of_cpu_engines": apart(on_cpu[0], on_cpu[-1]) / movement,
    }
    if not deviation <= allowed:
        return Finding(False, "off by more than the tolerance explains", figures)
    if not allowed <= FAR * movement:
        return Finding(False, "the tolerance is so loose that it says nothing", figures)
    return Finding(True, figures=figures)


def graphs(device: torch.device) -> Iterator[tuple[str, Work]]:
    """Updates that are recorded and replayed give the bits of updates made one by one."""
    for mode, dtype in product(chosen(SOME, device), DTYPES):
        yield f"{mode}, {name(dtype)}", partial(_graph, mode, dtype, device)


def _graph(mode: Mode, dtype: torch.dtype, device: torch.device) -> Finding:
    cohort = mode.cohort(dtype).to(device)
    with recording(device) as recordings:
        replayed = descend(mode, cohort)
    with no_recording():
        one_by_one = descend(mode, cohort)
    if not recordings:
        return Finding(False, "nothing was recorded")
    return same_bits(replayed, one_by_one)


def determinism(device: torch.device) -> Iterator[tuple[str, Work]]:
    """The same training twice gives the same bits, descent and flow."""
    for mode, dtype in product(chosen(SOME, device), DTYPES):
        train = partial(descend, mode)
        yield f"{mode}, {name(dtype)}", partial(_twice, train, mode, dtype, RELU, device)
    for mode in chosen(SOME, device):
        train = partial(flow, mode, tolerance=TOLERANCE)
        subject = f"flow, {str(mode).rpartition(', ')[0]}"
        yield subject, partial(_twice, train, mode, torch.float64, LINEAR, device)


def _twice(
    train: Callable[[Cohort], Run],
    mode: Mode,
    dtype: torch.dtype,
    slope: float,
    device: torch.device,
) -> Finding:
    cohort = mode.cohort(dtype, slope).to(device)
    return same_bits(train(cohort), train(cohort))


def same_bits(one: Run, other: Run) -> Finding:
    """Whether two runs are the same to the bit; if not, by how much their states differ."""
    pairs = zip(one.by_member(), other.by_member(), strict=True)
    if all(a.cpu().numpy().tobytes() == b.cpu().numpy().tobytes() for a, b in pairs):
        return Finding(True)
    deviation = apart(numbers(one.state), numbers(other.state))
    return Finding(False, "other bits", {"deviation": deviation})


def name(dtype: torch.dtype) -> str:
    """``float32`` or ``float64``."""
    return str(dtype).removeprefix("torch.")


def chosen(modes: Sequence[Mode], device: torch.device) -> Sequence[Mode]:
    """All of the modes on a GPU; on a CPU some of one loss.

    The engine's own tests compare the others there.
    """
    if device.type == "cuda":
        return modes
    return [m for m in modes if m.loss == "square" and m.trainer == "SGD with momentum"]


def numbers(state: State) -> list[Tensor]:
    """The parameters, and ``rho`` if there is one, in float64 on the CPU."""
    tensors = [*state.parameters, *([] if state.rho is None else [state.rho])]
    return [tensor.to("cpu", torch.float64) for tensor in tensors]


def apart(one: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    """The largest difference of two numbers; infinite where one is none."""
    differences = ((a - b).abs().nan_to_num(nan=torch.inf) for a, b in zip(one, other, strict=True))
    return max(float(d.max()) for d in differences)
