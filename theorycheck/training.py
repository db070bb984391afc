"""Training of cohorts: gradient flow, gradient descent and SGD on stacked members.

A *cohort* is K networks of one architecture that train together as tensors with a leading member
axis; no loop runs over members, and no member's result depends on which others train beside it.
Shapes below: ``K`` members, ``N`` samples, ``d`` input width, ``C`` outputs, ``T`` records.

All trainers follow one vector field, `velocity`, and return a `Run`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from theorycheck.errors import InputError
from theorycheck.networks import Network, Parameters, forward, frobenius_norms, normalise

Loss = Literal["square", "cross_entropy", "exponential"]
Reduction = Literal["mean", "sum"]
Penalty = Literal["none", "weights", "rho"]
Parametrisation = Literal["plain", "lagrange", "weight-norm"]
Sampling = Literal["reshuffle", "uniform"]


def resolve_device(name: str) -> torch.device:
    """The device called ``auto`` (CUDA where there is one), ``cpu`` or ``cuda``.

    Raises:
        InputError: for any other name, and for ``cuda`` on a machine without it.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"unknown device {name!r}: choose auto, cpu or cuda")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError("device cuda was asked for, but there is none: choose auto or cpu")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


@dataclass(frozen=True, eq=False)
class State:
    """What training moves: weights ``W``, or a factor ``rho`` and weights ``V``.

    - ``plain``: the function is ``f_W``; ``rho`` is None.
    - ``lagrange``: it is ``rho f_V``, with ``V`` held on the unit spheres by Lagrange multipliers
      (xu2022, Eq. 1).
    - ``weight-norm``: it is ``rho f_{v/|v|}``, each weight matrix divided by its Frobenius norm
      (xu2022, Section 3.2, Experiments).

    Raises:
        InputError: unless ``rho`` is given exactly when the parametrisation has one.
    """

    parameters: Parameters
    rho: Tensor | None = None
    """Shape ``(K,)``."""
    parametrisation: Parametrisation = "plain"

    def __post_init__(self) -> None:
        _choose("parametrisation", self.parametrisation, Parametrisation)
        if (self.rho is None) != (self.parametrisation == "plain"):
            verb = "has no" if self.parametrisation == "plain" else "needs a"
            raise InputError(f"a {self.parametrisation} state {verb} rho")

    def effective(self, network: Network) -> Parameters:
        """The parameters at which the network is evaluated: ``W``, ``V`` or ``v/|v|``."""
        if self.parametrisation == "weight-norm":
            return normalise(network, self.parameters)[1]
        return self.parameters


def parametrise(
    network: Network, parameters: Parameters, parametrisation: Parametrisation
) -> State:
    """Write ``f_W`` in a parametrisation: ``rho = prod_k |W_k|`` and ``V_k = W_k / |W_k|``.

    The function is unchanged where it is homogeneous of degree one in each weight matrix (xu2022,
    Section 3.2).

    Raises:
        InputError: when a weight matrix to be normalised is zero.
    """
    if parametrisation == "plain":
        return State(parameters)
    if not bool((frobenius_norms(network, parameters) > 0).all()):
        raise InputError("a zero weight matrix cannot be normalised: start from non-zero weights")
    rho, unit = normalise(network, parameters)
    return State(unit, rho, parametrisation)


def outputs(network: Network, state: State, inputs: Tensor) -> Tensor:
    """The trained function at ``inputs``, which are ``(K, N, d)`` or ``(N, d)``: ``(K, N, C)``."""
    values = forward(network, state.effective(network), inputs)
    return values if state.rho is None else state.rho[:, None, None] * values


@dataclass(frozen=True, eq=False)
class Cohort:
    """K networks of one architecture, each with its start, its data and its weight decay.

    All tensors share one floating dtype and one device.

    Raises:
        InputError: when shapes, dtypes or devices do not fit together, when a number is not finite,
            or when a weight decay is negative.
    """

    network: Network
    state: State
    inputs: Tensor
    """Shape ``(K, N, d)``."""
    targets: Tensor
    """Shape ``(K, N, C)``: labels +-1, one-hot rows, or any numbers for the square loss."""
    weight_decay: Tensor
    """``lambda``, shape ``(K,)``."""

    def __post_init__(self) -> None:
        parameters = self.network.parameters
        if len(self.state.parameters) != len(parameters):
            raise InputError(
                f"the network has {len(parameters)} parameters and the state "
                f"{len(self.state.parameters)}: they must be as many"
            )
        members, samples = self.members, self.inputs.shape[-2] if self.inputs.dim() > 1 else 0
        expected = {p.name: (members, *p.shape) for p in parameters}
        tensors = {p.name: t for p, t in zip(parameters, self.state.parameters, strict=True)}
        if self.state.rho is not None:
            tensors["rho"], expected["rho"] = self.state.rho, (members,)
        tensors |= {"inputs": self.inputs, "targets": self.targets}
        expected["inputs"] = (members, samples, self.network.input_width)
        expected["targets"] = (members, samples, self.network.output_width)
        tensors["weight_decay"], expected["weight_decay"] = self.weight_decay, (members,)
        if members < 1 or samples < 1:
            raise InputError("a cohort needs at least one member and one sample")
        for name, tensor in tensors.items():
            if tuple(tensor.shape) != expected[name]:
                raise InputError(f"{name} has shape {tuple(tensor.shape)}, not {expected[name]}")
            if tensor.dtype != self.inputs.dtype or not tensor.is_floating_point():
                raise InputError(f"{name} is {tensor.dtype}: give all tensors one floating dtype")
            if tensor.device != self.inputs.device:
                raise InputError(f"{name} is on {tensor.device}: put all tensors on one device")
            if not bool(tensor.isfinite().all()):
                raise InputError(f"{name} holds numbers that are not finite")
        if bool((self.weight_decay < 0).any()):
            raise InputError("weight_decay must not be negative")

    @classmethod
    def broadcast(
        cls,
        network: Network,
        state: State,
        inputs: Tensor,
        targets: Tensor,
        weight_decay: float | Tensor = 0.0,
    ) -> Cohort:
        """A cohort whose members share what has no member axis of its own.

        Args:
            inputs: ``(K, N, d)``, or ``(N, d)`` for all members.
            targets: ``(K, N, C)``, or ``(N, C)`` for all members.
            weight_decay: ``(K,)``, or one number for all members.
        """
        members = state.parameters[0].shape[0] if state.parameters else 0
        decay = torch.as_tensor(weight_decay, dtype=inputs.dtype, device=inputs.device)
        return cls(
            network,
            state,
            inputs.expand(members, *inputs.shape[-2:]),
            targets.expand(members, *targets.shape[-2:]),
            decay.expand(members) if decay.dim() == 0 else decay,
        )

    @property
    def members(self) -> int:
        return self.state.parameters[0].shape[0]

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Cohort:
        """The same cohort on another device or in another dtype."""
        device, dtype = device or self.inputs.device, dtype or self.inputs.dtype
        rho = self.state.rho
        state = replace(
            self.state,
            parameters=tuple(p.to(device, dtype) for p in self.state.parameters),
            rho=None if rho is None else rho.to(device, dtype),
        )
        data = (t.to(device, dtype) for t in (self.inputs, self.targets, self.weight_decay))
        return Cohort(self.network, state, *data)


def sample_losses(loss: Loss, outputs: Tensor, targets: Tensor) -> Tensor:
    """The loss of every sample; arguments ``(K, N, C)``, result ``(K, N)``.

    - ``square``: ``|f - y|^2``, summed over the outputs (xu2022, Eq. 1 and Eq. 35).
    - ``cross_entropy``: ``-sum_c y_c log softmax(f)_c`` with one-hot ``y``.
    - ``exponential``: ``exp(-y f)`` with one output and ``y = +-1`` (banburski2019, Section 6).
    """
    if loss == "square":
        return (outputs - targets).square().sum(dim=-1)
    if loss == "cross_entropy":
        return -(targets * torch.log_softmax(outputs, dim=-1)).sum(dim=-1)
    return torch.exp(-(targets * outputs).squeeze(-1))


@dataclass(frozen=True)
class Objective:
    """What is minimised: a data term and a penalty, with no factor 1/2 anywhere.

    - ``reduction``: the losses of the samples at hand (all of them, or one batch) are averaged
      (galanti2022, Eq. 2; xu2022, Eq. 1) or summed (poggio2020, Eq. 4; poggio2021, Eq. 2).
    - ``penalty``: ``weights`` adds ``lambda sum_k |W_k|_F^2`` over the weight matrices of the
      state, never over biases, gains or shifts (galanti2022, Eq. 2); ``rho`` adds ``lambda rho^2``
      (xu2022, Eq. 1; poggio2020, Eq. 4). Neither is scaled by the size of a batch.
    """

    loss: Loss = "square"
    reduction: Reduction = "mean"
    penalty: Penalty = "weights"

    def __post_init__(self) -> None:
        _choose("loss", self.loss, Loss)
        _choose("reduction", self.reduction, Reduction)
        _choose("penalty", self.penalty, Penalty)

    def reduce(self, values: Tensor) -> Tensor:
        """Mean or sum over the samples, ``(K, N)`` to ``(K,)``."""
        return values.mean(dim=-1) if self.reduction == "mean" else values.sum(dim=-1)

    def multiplier(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The Lagrange multiplier ``nu``, the same for every layer, ``(K,)``.

        For the square loss it is, with ``outputs = rho f_V``, the reduction over the samples of

            ``rho fbar_n - rho^2 f_n^2``                  (xu2022, Eq. 4, first form; one output),
            ``-rho <f_V(x_n), rho f_V(x_n) - y_n>``       (xu2022, Eq. 37; several outputs).

        For the other losses the same derivation, which asks for ``<V_k, V_k'> = 0`` and uses
        ``<V_k, df_V/dV_k> = f_V`` on the unit sphere, gives half of ``-<rho f, dl/d(rho f)>``.
        """
        if self.loss == "square":
            terms = outputs * targets - outputs.square()
        elif self.loss == "cross_entropy":
            terms = 0.5 * outputs * (targets - torch.softmax(outputs, dim=-1))
        else:
            terms = 0.5 * targets * outputs * torch.exp(-targets * outputs)
        return self.reduce(terms.sum(dim=-1))


def objective_values(cohort: Cohort, objective: Objective) -> Tensor:
    """The objective of every member at its state and on its data, ``(K,)``.

    Raises:
        InputError: as `velocity` does.
    """
    _check(cohort, objective)
    network, state = cohort.network, cohort.state
    values = outputs(network, state, cohort.inputs)
    total = objective.reduce(sample_losses(objective.loss, values, cohort.targets))
    if objective.penalty == "weights":
        for i in network.weights:
            squares = state.parameters[i].square().sum(dim=(-2, -1))
            total = total + cohort.weight_decay * squares
    elif state.rho is not None and objective.penalty == "rho":
        total = total + cohort.weight_decay * state.rho.square()
    return total


def velocity(cohort: Cohort, objective: Objective) -> State:
    """Minus the gradient at the cohort's state, one tensor for every tensor of the state.

    In the ``lagrange`` parametrisation ``V_k' = -(dL/dV_k + 2 nu V_k)``, which is xu2022, Eq. 2
    with Eq. 4, hence Eq. 5 (mean), and poggio2020, Eq. 5-6 (sum). xu2022, Eq. 46 is a step along it
    from a batch; its right-hand sides are printed with the sign of the data term reversed (and
    the second without the learning rate), the gradients on its left are meant.

    Raises:
        InputError: when the loss does not fit the targets or the penalty does not fit the state.
    """
    _check(cohort, objective)
    field = _Field(cohort, objective)
    return field.unpack(field.velocity(field.pack(cohort.state), cohort.inputs, cohort.targets))


Measure = Callable[[Network, State, Tensor, Tensor], Tensor]
"""``(network, state, inputs, targets)`` to a tensor whose first axis is the member."""


@dataclass(frozen=True, eq=False)
class Run:
    """The result of training. A flagged member holds the last state that it reached."""

    state: State
    times: Tensor
    """When the records were taken, ``(T,)`` float64: the time of a flow, the count of epochs."""
    trace: dict[str, Tensor]
    """Each measure at each record, ``(T, K, ...)``."""
    steps: Tensor
    """Updates made, ``(K,)`` int64; in a flow, the accepted steps of the member."""
    diverged: Tensor
    """Members whose squared norm, or whose velocity at the start, is not finite, ``(K,)`` bool."""
    stalled: Tensor
    """Members that a flow could not bring to its horizon, ``(K,)`` bool."""


def gradient_flow(
    cohort: Cohort,
    objective: Objective,
    *,
    horizon: float,
    checkpoints: int | Sequence[float] = 1,
    relative_tolerance: float = 1e-8,
    absolute_tolerance: float = 1e-10,
    max_steps: int = 100_000,
    measures: Mapping[str, Measure] | None = None,
) -> Run:
    """Follow `velocity` from time 0 to ``horizon`` with error control.

    The pair of Dormand and Prince (1980) of order 5(4) with local extrapolation and the step
    control of Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, 2nd ed.,
    Section II.4: a step is accepted when the root mean square over a member's coordinates of the
    estimated error over ``absolute_tolerance + relative_tolerance |coordinate|`` is at most 1.
    Every member has its own time and step.

    Args:
        checkpoints: when to evaluate the measures: the ends of that many equal intervals and time
            0, or increasing times within ``[0, horizon]``. Steps end on them exactly.
        max_steps: a member that has tried so many steps is stalled, and so is one whose step has
            become too small to change its time.

    Raises:
        InputError: for arguments out of range, for a cohort that is not float64, and as `velocity`.
    """
    _check(cohort, objective)
    if cohort.inputs.dtype != torch.float64:
        raise InputError("gradient flow needs float64: use cohort.to(dtype=torch.float64)")
    if not 0 < horizon < math.inf:
        raise InputError(f"horizon {horizon} must be positive and finite")
    if not (relative_tolerance > 0 and absolute_tolerance > 0 and max_steps > 0):
        raise InputError("tolerances and max_steps must be positive")
    times = _checkpoint_times(horizon, checkpoints)
    field, recorder = _Field(cohort, objective), _Recorder(cohort, measures)
    with torch.no_grad():
        integrator = _Integrator(
            lambda point: field.velocity(point, cohort.inputs, cohort.targets),
            field.pack(cohort.state),
            relative_tolerance,
            absolute_tolerance,
            max_steps,
        )
        for time in times:
            integrator.advance(time)
            recorder.record(time, field.unpack(integrator.point))
        integrator.advance(horizon)
    state = field.unpack(integrator.point)
    return recorder.run(state, integrator.accepted, integrator.diverged, integrator.stalled)


def gradient_descent(
    cohort: Cohort,
    objective: Objective,
    *,
    learning_rate: float | Tensor,
    steps: int,
    momentum: float | Tensor = 0.0,
    milestones: Sequence[int] = (),
    decay: float = 0.1,
    measures: Mapping[str, Measure] | None = None,
    record_every: int = 1,
) -> Run:
    """Full-batch gradient descent: `sgd` with one batch of all samples, an epoch being a step."""
    batch = (cohort.inputs, cohort.targets)
    schedule = _Schedule(cohort, steps, learning_rate, momentum, milestones, decay, record_every)
    return _descend(cohort, objective, lambda epoch: [batch], schedule, measures)


def sgd(
    cohort: Cohort,
    objective: Objective,
    *,
    batch_size: int,
    epochs: int,
    learning_rate: float | Tensor,
    batch_seeds: Tensor,
    momentum: float | Tensor = 0.0,
    milestones: Sequence[int] = (),
    decay: float = 0.1,
    sampling: Sampling = "reshuffle",
    measures: Mapping[str, Measure] | None = None,
    record_every: int = 1,
) -> Run:
    """Mini-batch SGD (galanti2022, Section 2.1; xu2022, Eq. 46) with heavy-ball momentum.

    With ``g`` the gradient on the batch, an update is ``b = momentum b + g`` and then
    ``p = p - learning_rate b`` (as in ``torch.optim.SGD``), where ``b`` starts at 0.

    Besides the measures, the trace always holds, over the time since the previous record (NaN at
    the first record, and for members that have diverged):

    - ``distance``: ``mean_k |W_k' - W_k|_F`` between the two records, for the `State.effective`
      weight matrices; with ``record_every=1`` it is d(W_{t+1}, W_t) of galanti2022, Section 4.2;
    - ``step``: the mean over the updates of ``sqrt(sum_k |dW_k|_F^2)`` for the state's own weight
      matrices (``v`` in weight normalisation).

    A member has diverged when at the end of an epoch its squared norm is not finite; it is put back
    to where the epoch began and stays there.

    Args:
        learning_rate, momentum: one number, or one per member, ``(K,)``.
        batch_seeds: ``(K,)`` int64; equal seeds see equal batches, see `batch_order`.
        milestones: counts of finished epochs after which the learning rate is multiplied by
            ``decay``.
        record_every: the measures are evaluated at the start, after every so many epochs, and at
            the end, on all samples.

    Raises:
        InputError: for arguments out of range, and as `velocity` and `batch_order`.
    """
    inputs, targets = cohort.inputs, cohort.targets
    samples = inputs.shape[1]
    if tuple(batch_seeds.shape) != (cohort.members,) or batch_seeds.dtype != torch.int64:
        raise InputError(f"batch_seeds must be int64 of shape ({cohort.members},)")
    batch_order(batch_seeds, 0, samples, batch_size, sampling)
    member = torch.arange(cohort.members, device=inputs.device)[:, None]

    def batches(epoch: int) -> Iterable[tuple[Tensor, Tensor]]:
        order = batch_order(batch_seeds, epoch, samples, batch_size, sampling)
        order = order.to(inputs.device).flatten(1)
        return zip(
            torch.split(inputs[member, order], batch_size, dim=1),
            torch.split(targets[member, order], batch_size, dim=1),
            strict=True,
        )

    schedule = _Schedule(cohort, epochs, learning_rate, momentum, milestones, decay, record_every)
    return _descend(cohort, objective, batches, schedule, measures)


def batch_order(
    seeds: Tensor, epoch: int, samples: int, batch_size: int, sampling: Sampling = "reshuffle"
) -> Tensor:
    """The samples of every batch of an epoch, ``(K, updates, batch_size)`` int64 on the CPU.

    ``reshuffle`` cuts one random permutation into batches; ``uniform`` draws each of the
    ``samples // batch_size`` batches as a subset of its own (xu2022, Section 6). A batch of all
    samples keeps their order. A permutation sorts random keys: the numbers of SplitMix64 (Steele,
    Lea and Flood, Fast splittable pseudorandom number generators, 2014) started from the member's
    seed and the epoch, so that it depends on nothing else.

    Args:
        seeds: ``(K,)`` int64.

    Raises:
        InputError: when the batch size is out of range, or does not divide the samples into equal
            batches in a reshuffled epoch.
    """
    _choose("sampling", sampling, Sampling)
    if not 1 <= batch_size <= samples:
        raise InputError(f"batch_size {batch_size} must be between 1 and the {samples} samples")
    if sampling == "reshuffle" and samples % batch_size:
        raise InputError(
            f"batch_size {batch_size} leaves a smaller last batch of {samples} samples: "
            "choose a divisor, or sampling='uniform'"
        )
    if batch_size == samples:
        return torch.arange(samples).expand(seeds.shape[0], 1, samples)
    updates = samples // batch_size
    rounds, taken = (1, samples) if sampling == "reshuffle" else (updates, batch_size)
    start = _mix(_mix(seeds.cpu().numpy().astype(np.uint64)) + np.uint64(epoch))
    counter = np.arange(1, rounds * samples + 1, dtype=np.uint64)
    keys = _mix(start[:, None] + _GOLDEN * counter).view(np.int64)
    order = torch.from_numpy(keys).reshape(-1, rounds, samples).argsort(dim=-1, stable=True)
    return order[..., :taken].reshape(seeds.shape[0], updates, batch_size)


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The output function of SplitMix64, a bijection of the 64-bit integers."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


class _Field:
    """The vector field that all trainers follow, on states packed as rows of a ``(K, P)`` tensor.

    A row holds the weight matrices, then the other parameters, then ``rho``: updates, norms and
    penalties of a whole cohort are then single operations on a block of columns.
    """

    def __init__(self, cohort: Cohort, objective: Objective) -> None:
        self.network, self.objective = cohort.network, objective
        self.parametrisation = cohort.state.parametrisation
        parameters, weights = cohort.network.parameters, cohort.network.weights
        self.order = (*weights, *(i for i in range(len(parameters)) if i not in weights))
        self.sizes = [math.prod(parameters[i].shape) for i in self.order]
        self.weights = slice(0, sum(self.sizes[: len(weights)]))
        """The columns of the weight matrices."""
        if cohort.state.rho is not None:
            self.sizes.append(1)
        self.decay = 2 * cohort.weight_decay[:, None]
        """The gradient of ``lambda |W|^2`` is ``2 lambda W``."""

    def pack(self, state: State) -> Tensor:
        """A copy of the state's numbers."""
        tensors = [state.parameters[i] for i in self.order]
        if state.rho is not None:
            tensors.append(state.rho)
        return torch.cat([t.reshape(t.shape[0], -1) for t in tensors], dim=1)

    def unpack(self, rows: Tensor) -> State:
        """Views of the rows."""
        blocks = list(torch.split(rows, self.sizes, dim=1))
        rho = None if self.parametrisation == "plain" else blocks.pop().squeeze(1)
        block_of = dict(zip(self.order, blocks, strict=True))
        shaped = (block_of[i].reshape(-1, *p.shape) for i, p in enumerate(self.network.parameters))
        return State(tuple(shaped), rho, self.parametrisation)

    def velocity(self, rows: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        """Minus the gradient (and the Lagrange term) of every member, ``(K, P)``."""
        objective = self.objective
        with torch.enable_grad():
            leaf = rows.detach().requires_grad_()
            values = outputs(self.network, self.unpack(leaf), inputs)
            losses = objective.reduce(sample_losses(objective.loss, values, targets))
            # The sum over members has each member's own gradient in its row.
            (gradient,) = torch.autograd.grad(losses.sum(), leaf)
        if objective.penalty == "weights":
            gradient[:, self.weights].addcmul_(rows[:, self.weights], self.decay)
        elif objective.penalty == "rho":
            gradient[:, -1:].addcmul_(rows[:, -1:], self.decay)
        if self.parametrisation == "lagrange":
            # Not the projection of the gradient on the tangent space: the two agree on the unit
            # spheres only. Off them the printed equation gives
            # (|V_k|^2)' = 4 nu (1 - |V_k|^2), so it restores the norm when nu > 0, that is, for
            # the square loss, when rho sum_n ell_n fbar_n > 0, and drives it away otherwise.
            multiplier = objective.multiplier(values.detach(), targets)
            gradient[:, self.weights].addcmul_(rows[:, self.weights], 2 * multiplier[:, None])
        return gradient.neg_()


class _Recorder:
    """Evaluates the measures and gathers the trace."""

    def __init__(
        self, cohort: Cohort, measures: Mapping[str, Measure] | None, reserved: Sequence[str] = ()
    ) -> None:
        self.cohort, self.measures = cohort, measures or {}
        taken = sorted(set(self.measures) & set(reserved))
        if taken:
            raise InputError(f"the measure name {taken[0]!r} is taken: choose another")
        self.times: list[float] = []
        self.values: dict[str, list[Tensor]] = {name: [] for name in (*self.measures, *reserved)}

    def record(self, time: float, state: State, **values: Tensor) -> None:
        self.times.append(time)
        data = (self.cohort.inputs, self.cohort.targets)
        for name, measure in self.measures.items():
            self.values[name].append(measure(self.cohort.network, state, *data))
        for name, value in values.items():
            self.values[name].append(value)

    def run(self, state: State, steps: Tensor, diverged: Tensor, stalled: Tensor) -> Run:
        trace = {name: torch.stack(values) for name, values in self.values.items() if values}
        times = torch.tensor(self.times, dtype=torch.float64)
        return Run(state, times, trace, steps, diverged, stalled)


class _Schedule:
    """Checked learning rates, momenta and record times of a descent."""

    def __init__(
        self,
        cohort: Cohort,
        epochs: int,
        learning_rate: float | Tensor,
        momentum: float | Tensor,
        milestones: Sequence[int],
        decay: float,
        record_every: int,
    ) -> None:
        self.epochs, self.decay, self.record_every = epochs, decay, record_every
        self.milestones = tuple(milestones)
        self.learning_rate = _per_member("learning_rate", learning_rate, cohort)
        self.momentum = _per_member("momentum", momentum, cohort)
        if epochs < 1 or record_every < 1:
            raise InputError("the number of epochs or steps and record_every must be at least 1")
        if not bool(((self.learning_rate > 0) & self.learning_rate.isfinite()).all()):
            raise InputError("learning_rate must be positive and finite")
        if not bool(((self.momentum >= 0) & (self.momentum < 1)).all()):
            raise InputError("momentum must be at least 0 and less than 1")
        if not 0 < decay < math.inf:
            raise InputError(f"decay {decay} must be positive and finite")
        self.has_momentum = bool((self.momentum > 0).any())

    def rate(self, epoch: int) -> Tensor:
        """Learning rates ``(K, 1)`` of an epoch; epochs count from 0."""
        return self.learning_rate * self.decay ** sum(m <= epoch for m in self.milestones)

    def records(self, finished: int) -> bool:
        """Whether the measures are evaluated after so many epochs."""
        return finished % self.record_every == 0 or finished == self.epochs


def _descend(
    cohort: Cohort,
    objective: Objective,
    batches: Callable[[int], Iterable[tuple[Tensor, Tensor]]],
    schedule: _Schedule,
    measures: Mapping[str, Measure] | None,
) -> Run:
    """The one loop of descent; ``batches`` gives the inputs and targets of an epoch's updates."""
    _check(cohort, objective)
    network, field = cohort.network, _Field(cohort, objective)
    recorder = _Recorder(cohort, measures, ("distance", "step"))
    with torch.no_grad():
        rows = field.pack(cohort.state)
        buffer = torch.zeros_like(rows)
        diverged = torch.zeros(cohort.members, dtype=torch.bool, device=rows.device)
        unknown = torch.full_like(rows[:, 0], math.nan)
        recorder.record(0, field.unpack(rows), distance=unknown, step=unknown)
        recorded, path, updates, total = rows, torch.zeros_like(unknown), 0, 0
        for epoch in range(schedule.epochs):
            rate = schedule.rate(epoch)
            # A copy, since records and measures may hold views of the rows as they were.
            start, rows = rows, rows.clone()
            lengths = torch.zeros_like(path)
            for inputs, targets in batches(epoch):
                slope = field.velocity(rows, inputs, targets)
                if schedule.has_momentum:
                    slope = buffer.mul_(schedule.momentum).add_(slope)
                rows.addcmul_(slope, rate)
                lengths += torch.linalg.vector_norm(slope[:, field.weights], dim=1)
                updates += 1
            path += lengths * rate[:, 0]
            # Numbers that are not finite stay so and stay with their member, so that one look per
            # epoch finds them all.
            diverged |= ~rows.square().sum(dim=1).isfinite()
            rows = torch.where(diverged[:, None], start, rows)
            if schedule.records(epoch + 1):
                state, before = field.unpack(rows), field.unpack(recorded)
                distance = _mean_distance(network, before, state)
                recorder.record(
                    epoch + 1,
                    state,
                    distance=torch.where(diverged, unknown, distance),
                    step=torch.where(diverged, unknown, path / updates),
                )
                total += updates
                recorded, path, updates = rows, torch.zeros_like(path), 0
    steps = torch.full_like(diverged, total, dtype=torch.int64)
    return recorder.run(field.unpack(rows), steps, diverged, torch.zeros_like(diverged))


def _mean_distance(network: Network, before: State, after: State) -> Tensor:
    """Mean over the weight matrices of the Frobenius norms of their changes, ``(K,)``."""
    pairs = zip(before.effective(network), after.effective(network), strict=True)
    changes = tuple(new - old for old, new in pairs)
    return frobenius_norms(network, changes).mean(dim=-1)


NEGLIGIBLE = 1e-5
"""Definition: Hairer, Norsett and Wanner I, Section II.4; below it the first step is 1e-6."""


# The pair of Dormand and Prince (Hairer, Norsett and Wanner I, Table II.5.2). The last row of
# stages holds the weights of the solution too, so that the last slope serves the next step.
_STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERROR = (71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)


class _Integrator:
    """Dormand-Prince 5(4) on rows that each keep their own time and step."""

    def __init__(
        self,
        velocity: Callable[[Tensor], Tensor],
        start: Tensor,
        relative_tolerance: float,
        absolute_tolerance: float,
        max_steps: int,
    ) -> None:
        self.velocity, self.max_steps = velocity, max_steps
        self.relative, self.absolute = relative_tolerance, absolute_tolerance
        self.point, self.slope = start, velocity(start)
        self.stages = [start.new_tensor(row) for row in (*_STAGES, _ERROR)]
        self.time = start.new_zeros(start.shape[0])
        self.accepted = torch.zeros_like(self.time, dtype=torch.int64)
        self.tried = torch.zeros_like(self.accepted)
        self.diverged = ~self.slope.isfinite().all(dim=1)
        self.stalled = torch.zeros_like(self.diverged)
        # The first guess of Hairer, Norsett and Wanner I, Section II.4; the control corrects it.
        position, speed = self._norm(start, start), self._norm(self.slope, start)
        moving = (position > NEGLIGIBLE) & (speed > NEGLIGIBLE)
        self.step = torch.where(moving, 0.01 * position / speed, 1e-6)

    def _norm(self, change: Tensor, point: Tensor) -> Tensor:
        """Root mean square over the coordinates, in units of the tolerance at a point."""
        scale = self.absolute + self.relative * point.abs()
        return (change / scale).square().mean(dim=1).sqrt()

    def advance(self, end: float) -> None:
        """Bring every row to time ``end``, unless it stalls before."""
        while bool((going := (self.time < end) & ~self.stalled & ~self.diverged).any()):
            self._try(end, going)

    def _try(self, end: float, going: Tensor) -> None:
        """One step of the rows that are going; the others keep all they have."""
        final = self.step >= end - self.time
        step = torch.where(final, end - self.time, self.step)
        slopes = self.slope.new_empty(len(self.stages), *self.slope.shape)
        slopes[0] = self.slope
        point = self.point
        for stage, row in enumerate(self.stages[:-1], start=1):
            increment = torch.tensordot(row, slopes[:stage], dims=1)
            point = self.point + step[:, None] * increment
            slopes[stage] = self.velocity(point)
        error = step[:, None] * torch.tensordot(self.stages[-1], slopes, dims=1)
        ratio = self._norm(error, torch.maximum(self.point.abs(), point.abs()))
        # NaN compares as not accepted and becomes the largest error: the step shrinks fivefold.
        accepted = going & (ratio <= 1)
        factor = (0.9 * ratio.nan_to_num(nan=math.inf) ** -0.2).clamp(0.2, 10.0)
        # A step cut short by the end says nothing against the longer one that had been planned.
        proposal = torch.where(
            accepted & final, torch.maximum(self.step, step * factor), step * factor
        )
        self.point = torch.where(accepted[:, None], point, self.point)
        self.slope = torch.where(accepted[:, None], slopes[-1], self.slope)
        self.time = torch.where(accepted, torch.where(final, end, self.time + step), self.time)
        self.step = torch.where(going, proposal, self.step)
        self.accepted += accepted
        self.tried += going
        spent = (self.tried >= self.max_steps) | (self.time + self.step <= self.time)
        self.stalled |= going & spent & (self.time < end)


def _checkpoint_times(horizon: float, checkpoints: int | Sequence[float]) -> list[float]:
    if isinstance(checkpoints, int):
        if checkpoints < 1:
            raise InputError(f"checkpoints {checkpoints} must be at least 1")
        return [horizon * i / checkpoints for i in range(checkpoints + 1)]
    times = [float(time) for time in checkpoints]
    ordered = all(before < after for before, after in pairwise(times))
    if not ordered or not all(0 <= time <= horizon for time in times):
        raise InputError(f"checkpoints must increase and lie between 0 and the horizon {horizon}")
    return times


def _per_member(name: str, value: float | Tensor, cohort: Cohort) -> Tensor:
    """A number or one per member as ``(K, 1)`` in the cohort's dtype."""
    tensor = torch.as_tensor(value, dtype=cohort.inputs.dtype, device=cohort.inputs.device)
    if tensor.dim() > 0 and tuple(tensor.shape) != (cohort.members,):
        raise InputError(f"{name} must be a number or have shape ({cohort.members},)")
    return tensor.expand(cohort.members)[:, None]


def _check(cohort: Cohort, objective: Objective) -> None:
    targets, width = cohort.targets, cohort.network.output_width
    if objective.loss == "exponential" and not (width == 1 and bool((targets.abs() == 1).all())):
        raise InputError("the exponential loss needs one output and targets +1 or -1")
    if objective.loss == "cross_entropy":
        one_hot = ((targets == 0) | (targets == 1)).all() & (targets.sum(dim=-1) == 1).all()
        if width < 2 or not bool(one_hot):
            raise InputError("cross-entropy needs two or more outputs and one-hot targets")
    if objective.penalty == "rho" and cohort.state.rho is None:
        raise InputError("the penalty on rho needs a lagrange or weight-norm state")
    if objective.penalty == "none" and bool((cohort.weight_decay > 0).any()):
        raise InputError("weight_decay without a penalty has no effect: set it to 0")


def _choose(name: str, value: str, options: object) -> None:
    """Check a value against a ``Literal``: types are not checked when a program runs."""
    if value not in get_args(options):
        raise InputError(f"unknown {name} {value!r}: choose one of {', '.join(get_args(options))}")
