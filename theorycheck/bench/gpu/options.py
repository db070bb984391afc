"""The checks of what goes along with training: measures, states that are kept, flows at kinks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import product

import torch
from torch import Tensor

from theorycheck import measures
from theorycheck.bench.gpu.checks import LOOSER, TOLERANCE, apart, chosen, name, numbers, same_bits
from theorycheck.bench.gpu.findings import Finding, Work
from theorycheck.bench.gpu.modes import DTYPES, EPOCHS, SOME, Mode, descend
from theorycheck.networks.evaluation import vertices
from theorycheck.networks.specification import mlp
from theorycheck.training.cohorts import Cohort, Objective, State
from theorycheck.training.engines import AtKinks
from theorycheck.training.recording import GradientNorm, Run
from theorycheck.training.trainers import gradient_flow

NEAR = 2**10
"""Definition: by how many units in the last place of its largest number a measure may differ from
that of the same numbers on the CPU; matrices have at most seven rows and columns."""
CLASSES = 4


def _grouped(cohort: Cohort) -> Tensor:
    """The features of the last hidden layer, in as many classes as there are samples in each."""
    features = vertices(cohort.network, cohort.state.parameters, cohort.inputs)[-2]
    labels = torch.arange(features.shape[1], device=features.device) % CLASSES
    return measures.by_class(features, labels, CLASSES)


def _gradient(cohort: Cohort, objective: Objective) -> Tensor:
    measure = GradientNorm(objective).of(cohort)
    return measure(cohort.network, cohort.state, cohort.inputs, cohort.targets)


def _outputs(cohort: Cohort) -> Tensor:
    return vertices(cohort.network, cohort.state.parameters, cohort.inputs)[-1]


PLAIN = SOME[0]
MEASURES: Mapping[str, Callable[[Cohort], Tensor]] = {
    "singular values": lambda c: measures.singular_values(c.state.parameters[0]),
    "threshold rank": lambda c: measures.threshold_rank(c.state.parameters[0]),
    "effective rank": lambda c: measures.effective_rank(c.state.parameters[0]),
    "stable rank": lambda c: measures.stable_rank(c.state.parameters[0]),
    "gradient norm": lambda c: _gradient(c, PLAIN.objective),
    "nc1": lambda c: measures.nc1(_grouped(c)),
    "nc2, norms": lambda c: measures.nc2_norms(_grouped(c)),
    "nc2, angles": lambda c: measures.nc2_angles_mean(_grouped(c)),
    "accuracy": lambda c: measures.accuracy(_outputs(c), c.targets.argmax(dim=-1)),
}
"""Of the dense network of `PLAIN`, by name."""


def options(device: torch.device) -> Iterator[tuple[str, Work]]:
    """What is measured, kept and asked of flows on the device is what it is on the CPU."""
    yield from measured(device)
    yield from kept(device)
    yield from slides(device)


def measured(device: torch.device) -> Iterator[tuple[str, Work]]:
    """Measures on the device are those of the same numbers on the CPU, but for rounding."""
    for measure, dtype in product(MEASURES, DTYPES):
        yield f"{measure}, {name(dtype)}", partial(_measured, MEASURES[measure], dtype, device)
    for mode in chosen(SOME, device):
        yield f"recorded, {mode}", partial(_recorded, mode, device)


def _measured(
    measure: Callable[[Cohort], Tensor], dtype: torch.dtype, device: torch.device
) -> Finding:
    cohort = PLAIN.cohort(dtype)
    expected = measure(cohort).to(torch.float64)
    found = measure(cohort.to(device)).to("cpu", torch.float64)
    largest, deviation = float(expected.abs().max()), apart([found], [expected])
    figures = {"largest": largest, "deviation": deviation / largest}
    if not deviation <= NEAR * torch.finfo(dtype).eps * largest:
        return Finding(False, "off by more than rounding explains", figures)
    return Finding(True, figures=figures)


def _recorded(mode: Mode, device: torch.device) -> Finding:
    """The norm of the gradient is that of the state, and recording it changes nothing."""
    cohort = mode.cohort(torch.float64).to(device)
    gradient = GradientNorm(mode.objective)
    run = descend(mode, cohort, measures={"gradient": gradient})
    here = Cohort(cohort.network, run.state, cohort.inputs, cohort.targets, cohort.weight_decay)
    last, expected = run.trace["gradient"][-1], _gradient(here, mode.objective)
    figures = {"deviation": apart([last.cpu()], [expected.cpu()])}
    if not torch.equal(last, expected):
        return Finding(False, "not that of the state", figures)
    del run.trace["gradient"]
    return same_bits(run, descend(mode, cohort))


def kept(device: torch.device) -> Iterator[tuple[str, Work]]:
    """States that are kept on the way are those at which shorter trainings end."""
    for mode, dtype in product(chosen(SOME, device), DTYPES):
        yield f"kept, {mode}, {name(dtype)}", partial(_kept, mode, dtype, device)


def _kept(mode: Mode, dtype: torch.dtype, device: torch.device) -> Finding:
    cohort = mode.cohort(dtype).to(device)
    on_way = (1, EPOCHS - 1)
    run = descend(mode, cohort, keep=(0, *on_way, EPOCHS))
    ends = {0: cohort.state, EPOCHS: run.state}
    ends |= {epoch: descend(mode, cohort, epochs=epoch).state for epoch in on_way}
    wrong = [e for e, state in ends.items() if not _equal(run.kept[e], state)]
    if wrong:
        return Finding(False, "another state", {"epoch": wrong[0]})
    return Finding(True)


def _equal(one: State, other: State) -> bool:
    return all(map(torch.equal, numbers(one), numbers(other)))


def slides(device: torch.device) -> Iterator[tuple[str, Work]]:
    """Flows that arrive at kinks go on along them as on the CPU."""
    yield "along a kink", partial(_slides, device)


HORIZON, MOST_STEPS = 3.0, 400
"""Where those flows end, long after they arrive; and how many steps they may try at a kink."""


def _slides(device: torch.device) -> Finding:
    """``f = relu(<w, x>)``: one sample pulls the first weight to 0, from where the other pulls it.

    The members start apart, and the last one away from the kink, where both samples are cut off.
    """
    inputs = torch.tensor([[1.0, 0.0], [1.0, 2.0]], dtype=torch.float64)
    targets = torch.tensor([[-1.0], [3.0]], dtype=torch.float64)
    rows = torch.tensor([[0.5, 0.375], [0.25, 0.5], [-1.0, -1.0]], dtype=torch.float64)
    cohort = Cohort.broadcast(
        mlp((2, 1), output_slope=0.0), State((rows[:, None],)), inputs, targets, 0.0625
    )

    def end(where: torch.device | str, tolerance: float, at_kinks: AtKinks) -> Run:
        return gradient_flow(
            cohort.to(where),
            Objective(),
            horizon=HORIZON,
            relative_tolerance=tolerance,
            absolute_tolerance=tolerance / 100,
            max_steps=MOST_STEPS,
            at_kinks=at_kinks,
            engine="stacked",
        )

    stopped, found = end(device, TOLERANCE, "stop"), end(device, TOLERANCE, "slide")
    expected, loose = end("cpu", TOLERANCE, "slide"), end("cpu", LOOSER * TOLERANCE, "slide")
    allowed = apart(numbers(loose.state), numbers(expected.state))
    deviation = apart(numbers(found.state), numbers(expected.state))
    figures = {
        "at_kink": int(stopped.at_kink.sum()),
        "stalled": int(found.stalled.sum()),
        "allowed": allowed,
        "deviation": deviation,
    }
    if not figures["at_kink"]:
        return Finding(False, "no flow stopped at a kink", figures)
    if figures["stalled"] or not deviation <= allowed:
        return Finding(False, "not where it ends on the CPU", figures)
    return Finding(True, figures=figures)
