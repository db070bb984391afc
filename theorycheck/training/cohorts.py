"""Cohorts: K networks of one architecture, each with a start, data and a weight decay of its own.

All tensors carry a leading member axis. Shapes below: ``K`` members, ``N`` samples, ``d`` input
width, ``C`` outputs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from theorycheck.arguments import choose, instance
from theorycheck.errors import InputError
from theorycheck.networks.checks import (
    held,
    require_dtype,
    require_floats,
    require_numbers,
    require_parameters,
    require_tensors,
)
from theorycheck.networks.evaluation import forward
from theorycheck.networks.initialisation import normalise
from theorycheck.networks.norms import mean
from theorycheck.networks.specification import Network, Parameters

Loss = Literal["square", "cross_entropy", "exponential"]
Reduction = Literal["mean", "sum"]
Penalty = Literal["none", "weights", "rho"]
Parametrisation = Literal["plain", "lagrange", "weight-norm"]
Device = Literal["auto", "cpu", "cuda"]


def resolve_device(name: str) -> torch.device:
    """The device called ``auto`` (CUDA where there is one), ``cpu`` or ``cuda``.

    Raises:
        InputError: for any other name, and for ``cuda`` on a machine without it.
    """
    choose("device", name, Device)
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError("device cuda was asked for, but there is none: choose auto or cpu")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


@dataclass(frozen=True, eq=False)
class State:
    """What training changes: weights ``W``, or a factor ``rho`` and weights ``V``.

    - ``plain``: the function is ``f_W``; ``rho`` is None.
    - ``lagrange``: it is ``rho f_V``, with ``V`` held on the unit spheres by Lagrange multipliers
      (xu2022, Eq. 1).
    - ``weight-norm``: it is ``rho f_{v/|v|}``, each weight matrix divided by its Frobenius norm
      (xu2022, Section 3.2, Experiments).

    Raises:
        InputError: unless ``rho`` is given exactly when the parametrisation has one, and for what
            is no dense tensor of floats.
    """

    parameters: Parameters
    rho: Tensor | None = None
    """Shape ``(K,)``."""
    parametrisation: Parametrisation = "plain"

    def __post_init__(self) -> None:
        choose("parametrisation", self.parametrisation, Parametrisation)
        if (self.rho is None) != (self.parametrisation == "plain"):
            verb = "has no" if self.parametrisation == "plain" else "needs a"
            raise InputError(f"a {self.parametrisation} state {verb} rho")
        require_tensors(self.parameters)
        if self.rho is not None:
            require_floats("rho", self.rho)

    def part(self, members: slice) -> State:
        """The state of some members, on views of its tensors."""
        rho = None if self.rho is None else self.rho[members]
        return replace(self, parameters=tuple(p[members] for p in self.parameters), rho=rho)

    @property
    def bytes_per_member(self) -> int:
        """What the parameters and rho of a member take."""
        tensors = self.parameters if self.rho is None else (*self.parameters, self.rho)
        return sum(tensor[:1].numel() * tensor.element_size() for tensor in tensors)

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
        InputError: when the parametrisation is unknown, the parameters do not fit the network, a
            weight matrix to be normalised is zero or not finite, or ``rho`` is no number of the
            dtype but 0.
    """
    choose("parametrisation", parametrisation, Parametrisation)
    require_parameters(network, parameters)
    if parametrisation == "plain":
        return State(parameters)
    for i in network.weights:
        name, weight = network.parameters[i].name, parameters[i]
        if not bool(weight.isfinite().all()):
            raise InputError(f"{name} holds numbers that are not finite")
        if not bool(weight.flatten(1).any(dim=1).all()):
            raise InputError(f"{name}: a zero weight matrix cannot be normalised")
    rho, unit = normalise(network, parameters)
    if not bool((rho.isfinite() & (rho > 0)).all()):
        raise InputError(
            f"rho, the product of the norms, is beyond the numbers of {rho.dtype}: scale the "
            "weights, or use a wider dtype"
        )
    return State(unit, rho, parametrisation)


def outputs(network: Network, state: State, inputs: Tensor) -> Tensor:
    """The function that is trained, at inputs ``(K, N, d)`` or ``(N, d)``: ``(K, N, C)``.

    Raises:
        InputError: when the state or the inputs do not fit the network.
    """
    instance("the state", state, State)
    values = forward(network, state.effective(network), inputs)
    if state.rho is None:
        return values
    if tuple(require_numbers("rho", state.rho).shape) != (len(values),):
        raise InputError(f"rho must have shape ({len(values)},), not {tuple(state.rho.shape)}")
    return state.rho[:, None, None] * values


@dataclass(frozen=True, eq=False)
class Cohort:
    """K networks of one architecture, each with its start, its data and its weight decay.

    All tensors share one of the dtypes float16, bfloat16, float32 and float64, and one device.

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
        instance("the state", self.state, State)
        instance("the network", self.network, Network)
        parameters = self.network.parameters
        if len(self.state.parameters) != len(parameters):
            raise InputError(
                f"the network has {len(parameters)} parameters and the state "
                f"{len(self.state.parameters)}: they must be as many"
            )
        data = {"inputs": self.inputs, "targets": self.targets}
        for name, tensor in {**data, "weight_decay": self.weight_decay}.items():
            require_floats(name, tensor)
        first = self.state.parameters[0]
        members = len(first) if first.dim() else 0
        samples = self.inputs.shape[-2] if self.inputs.dim() > 1 else 0
        expected = {p.name: (members, *p.shape) for p in parameters}
        tensors = {p.name: t for p, t in zip(parameters, self.state.parameters, strict=True)}
        if self.state.rho is not None:
            tensors["rho"], expected["rho"] = self.state.rho, (members,)
        tensors |= data
        expected["inputs"] = (members, samples, self.network.input_width)
        expected["targets"] = (members, samples, self.network.output_width)
        tensors["weight_decay"], expected["weight_decay"] = self.weight_decay, (members,)
        if members < 1 or samples < 1:
            raise InputError("a cohort needs at least one member and one sample")
        self._check_tensors(tensors, expected)
        if bool((self.weight_decay < 0).any()):
            raise InputError("weight_decay must not be negative")

    def _check_tensors(
        self, tensors: dict[str, Tensor], expected: dict[str, tuple[int, ...]]
    ) -> None:
        """Raise InputError unless shapes are as expected, numbers finite, and all of one kind."""
        for name, tensor in tensors.items():
            require_numbers(name, tensor)
            if tuple(tensor.shape) != expected[name]:
                raise InputError(f"{name} has shape {tuple(tensor.shape)}, not {expected[name]}")
            if tensor.dtype != self.inputs.dtype:
                raise InputError(f"{name} is {tensor.dtype}: give all tensors one floating dtype")
            if tensor.device != self.inputs.device:
                raise InputError(f"{name} is on {tensor.device}: put all tensors on one device")
            if not bool(tensor.isfinite().all()):
                raise InputError(f"{name} holds numbers that are not finite")

    @classmethod
    def broadcast(
        cls,
        network: Network,
        state: State,
        inputs: Tensor,
        targets: Tensor,
        weight_decay: float | Tensor = 0.0,
    ) -> Cohort:
        """A cohort whose members share what has no member axis.

        Args:
            inputs: ``(K, N, d)``, or ``(N, d)`` for all members.
            targets: ``(K, N, C)``, or ``(N, C)`` for all members.
            weight_decay: ``(K,)``, or one number for all members.

        Raises:
            InputError: as `Cohort`.
        """
        instance("the state", state, State)
        for name, tensor in {"inputs": inputs, "targets": targets}.items():
            require_floats(name, require_numbers(name, tensor))
        decay = held("weight_decay", weight_decay, inputs)
        first = state.parameters[0] if state.parameters else torch.empty(0)
        members = len(first) if first.dim() else 0

        def shared(tensor: Tensor, axes: int) -> Tensor:
            lacks = tensor.dim() == axes or (tensor.dim() == axes + 1 and len(tensor) == 1)
            return tensor.expand(members, *tensor.shape[-axes:]) if lacks else tensor

        data = shared(inputs, 2), shared(targets, 2)
        return cls(network, state, *data, decay.expand(members) if decay.dim() == 0 else decay)

    @property
    def members(self) -> int:
        return self.state.parameters[0].shape[0]

    def part(self, members: slice) -> Cohort:
        """A cohort of some members, on views of its tensors."""
        if members == slice(0, self.members):
            return self
        data = (t[members] for t in (self.inputs, self.targets, self.weight_decay))
        return Cohort(self.network, self.state.part(members), *data)

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Cohort:
        """The same cohort on another device or in another dtype.

        Raises:
            InputError: when this machine has no such device, and for a dtype that is none of
                float16, bfloat16, float32 and float64, or cannot hold the numbers.
        """
        device = self.inputs.device if device is None else _require_device(device)
        dtype = self.inputs.dtype if dtype is None else require_dtype(dtype)
        like, rho = torch.empty(0, device=device, dtype=dtype), self.state.rho
        state = replace(
            self.state,
            parameters=tuple(
                held(f"parameter {i}", p, like) for i, p in enumerate(self.state.parameters)
            ),
            rho=None if rho is None else held("rho", rho, like),
        )
        inputs, targets = held("inputs", self.inputs, like), held("targets", self.targets, like)
        decay = held("weight_decay", self.weight_decay, like)
        return Cohort(self.network, state, inputs, targets, decay)


def _require_device(device: torch.device | str) -> torch.device:
    refused = InputError(
        f"cannot use the device {str(device)!r}: choose cpu, or a GPU that this machine has"
    )
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError, ValueError) as error:
        raise refused from error
    absent = found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count()
    if absent or found.type not in ("cpu", "cuda"):
        raise refused
    return torch.empty(0, device=found).device


def sample_losses(loss: Loss, outputs: Tensor, targets: Tensor) -> Tensor:
    """The loss of every sample, ``(K, N)``, from outputs and targets ``(K, N, C)``.

    - ``square``: ``|f - y|^2``, summed over the outputs (xu2022, Eq. 1 and Eq. 35).
    - ``cross_entropy``: ``-sum_c y_c log softmax(f)_c`` with one-hot ``y``.
    - ``exponential``: ``exp(-y f)`` with one output and ``y = +-1`` (banburski2019, Section 6).
    """
    if loss == "square":
        return (outputs - targets).square().sum(dim=-1)
    if loss == "cross_entropy":
        return _cross_entropies(outputs, targets)
    return torch.exp(-(targets * outputs).squeeze(-1))


def _cross_entropies(outputs: Tensor, targets: Tensor) -> Tensor:
    """How far the label's output is below the largest one, and ``log1p`` of the others beside that.

    Neither is negative, so that nothing cancels, however certain the outputs are.
    """
    largest, place = outputs.max(dim=-1, keepdim=True)
    # One of the largest, in whose difference of 0 gradients would cancel as well. Of an infinite
    # one the difference is no number, and shall be none.
    chosen = torch.zeros_like(outputs, dtype=torch.bool).scatter(-1, place, largest.isfinite())
    below = (outputs - largest).masked_fill(chosen, 0.0)
    others = below.exp().masked_fill(chosen, 0.0).sum(dim=-1)
    # A mask, since 0 times the infinite difference of another output is no number.
    return others.log1p() - below.masked_fill(targets == 0, 0.0).sum(dim=-1)


def sample_slopes(loss: Loss, outputs: Tensor, targets: Tensor, scale: float, out: Tensor) -> None:
    """Write the derivatives of `sample_losses` by the outputs, times ``scale``, to ``out``.

    Args:
        outputs, targets, out: ``(K, N, C)``; the targets have to fit the loss, see `check`.
    """
    if loss == "square":
        torch.sub(outputs, targets, out=out).mul_(2 * scale)
    elif loss == "cross_entropy":
        # Less 1, which the label's probability may round to, is less those of the others.
        torch.softmax(outputs, dim=-1, out=out).addcmul_(out, targets, value=-1)
        out.addcmul_(targets, out.sum(dim=-1, keepdim=True), value=-1).mul_(scale)
    else:
        torch.mul(outputs, targets, out=out).neg_().exp_().mul_(targets).mul_(-scale)


@dataclass(frozen=True)
class Objective:
    """What is minimised: a data term and a penalty, with no factor 1/2 anywhere.

    - ``reduction``: the losses of the samples at hand (all of them, or one batch) are averaged
      (galanti2022, Eq. 2; xu2022, Eq. 1) or summed (poggio2020, Eq. 4; poggio2021, Eq. 2).
    - ``penalty``: ``weights`` adds ``lambda sum_k |W_k|_F^2`` over the weight matrices of the
      state, never over biases, gains or shifts (galanti2022, Eq. 2); ``rho`` adds ``lambda rho^2``
      (xu2022, Eq. 1; poggio2020, Eq. 4). Neither is scaled by the size of a batch.

    Raises:
        InputError: for one that is unknown.
    """

    loss: Loss = "square"
    reduction: Reduction = "mean"
    penalty: Penalty = "weights"

    def __post_init__(self) -> None:
        choose("loss", self.loss, Loss)
        choose("reduction", self.reduction, Reduction)
        choose("penalty", self.penalty, Penalty)

    def reduce(self, values: Tensor) -> Tensor:
        """Mean or sum over the samples, ``(K, N)`` to ``(K,)``."""
        return mean(values, -1) if self.reduction == "mean" else values.sum(dim=-1)

    def share(self, samples: int) -> float:
        """The weight of the loss of each sample in `reduce`."""
        return 1 / samples if self.reduction == "mean" else 1.0


def check(cohort: Cohort, objective: Objective) -> None:
    """Raise InputError unless an objective's loss and penalty fit a cohort's targets and state."""
    instance("the cohort", cohort, Cohort)
    instance("the objective", objective, Objective)
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
