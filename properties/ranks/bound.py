"""galanti2022, Eq. 10: the distance from low rank is at most a gradient over 2 lambda.

Gradients are rational, or enclosed by balls under batch normalisation; norms are enclosed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from itertools import combinations
from math import comb

import numpy as np
import torch
from flint import fmpq

from properties.assumptions import POSITIVE_WEIGHT_DECAY
from properties.notation import BATCH_GRADIENT, CONSTANT_UNIT
from theorycheck import (
    Case,
    Findings,
    Formal,
    InputError,
    Interval,
    Observation,
    Rejection,
    arithmetic,
    forward,
    inequality,
)
from theorycheck.arithmetic import NORMS, Ball, distance_to_rank, norm

VERIFIED = "rationals, then verified singular values"
WITNESSED = "rank of a witness in rationals"
VERIFIED_BALLS = "balls, then verified singular values"
PRECISIONS = (192, 768)
"""Bits of the balls; where they leave a sign open, the gradient is tried again with more."""

ENUMERATED = 64
"""Up to this many batches of one size are all tried; beyond, a local search picks among them."""

FULL = Fraction(1)
"""The constant of the printed bound, in units of 1/(2 lambda)."""

NORM = (
    "norm(p, A) = frobenius(A) if p == 0 else spectral(A) if p == 1"
    " else nuclear(A) if p == 2 else largest(A)"
)

DISTANCE = (
    "distance(p, A, r) = frobenius_beyond(A, r) if p == 0 else spectral_beyond(A, r) if p == 1"
    " else nuclear_beyond(A, r) if p == 2"
    " else frobenius_beyond(A, r) / root(len(A) * len(A[0]))"
)
"""From the matrices of rank at most r; in the entrywise maximum norm a lower bound of it."""


def formal_bound(norms: Sequence[str], *, least: int = 1, given: Sequence[str] = ()) -> Formal:
    """Eq. 10 in some norms: the smallest gradient among the batches is any of them."""
    return Formal(
        "distance(p, W[k], B) <= norm(p, gradient(S, k)) / (2 * weight_decay)",
        (
            f"p in {[list(NORMS).index(name) for name in norms]}",
            "k in weights",
            f"B in range({least}, len(samples))",
            "S in batches(B)",
        ),
        given=(POSITIVE_WEIGHT_DECAY.formula, *given),
        where=(NORM, DISTANCE, BATCH_GRADIENT),
        numbers=("weight_decay",),
    )


@dataclass(frozen=True, eq=False)
class Gradients:
    """Gradients of ``L^lambda`` on batches of a case of one member, for one weight matrix."""

    case: Case
    index: int
    _known: dict[tuple[int, ...], Ball | str] = field(default_factory=dict)

    @cached_property
    def weight(self) -> arithmetic.Array:
        return arithmetic.rationals(self.case.parameters[self.index][0])

    @cached_property
    def weight_rank(self) -> int:
        return arithmetic.rank(self.weight)

    @cached_property
    def weight_decay(self) -> fmpq:
        number = self.case.numbers["weight_decay"]
        return fmpq(number.numerator, number.denominator)

    def approximate(self, batches: Sequence[Sequence[int]]) -> np.ndarray:
        """Gradients on several batches of one size, ``(batches, p, q)`` float64, rounded."""
        assert self.case.targets is not None
        parameters, inputs = self.case.tensors()
        leaves = tuple(p.expand(len(batches), *p.shape[1:]) for p in parameters)
        weight = leaves[self.index].clone().requires_grad_()
        leaves = (*leaves[: self.index], weight, *leaves[self.index + 1 :])
        chosen = torch.tensor(batches)
        targets = torch.tensor(self.case.targets[0].astype(np.float64))[chosen]
        outputs = forward(self.case.network, leaves, inputs[0][chosen])
        losses = (outputs - targets).square().sum(dim=-1).mean(dim=-1)
        (gradient,) = torch.autograd.grad(losses.sum(), weight)
        decay = 2 * float(self.case.numbers["weight_decay"])
        return (gradient + decay * weight.detach()).numpy()

    @cached_property
    def _of_samples(self) -> list[arithmetic.Array]:
        """Without batch normalisation the gradient of a batch is a mean over its samples."""
        parameters, inputs, targets = self._numbers(arithmetic.rationals, range(self.case.samples))
        return [
            arithmetic.batch_gradient(
                self.case.network, parameters, inputs[[n]], targets[[n]], self.index, fmpq(0)
            )
            for n in range(self.case.samples)
        ]

    def rational(self, batch: Sequence[int]) -> arithmetic.Array:
        """The gradient on a batch of a network without batch normalisation."""
        fit = sum(self._of_samples[n] for n in batch)
        gradient: arithmetic.Array = fit * fmpq(1, len(batch)) + 2 * self.weight_decay * self.weight
        return gradient

    def enclosed(self, batch: tuple[int, ...]) -> Ball | str:
        """The (pseudo) gradient on a batch, or why it has none."""
        if batch not in self._known:
            self._known[batch] = self._enclose(batch)
        return self._known[batch]

    def _enclose(self, batch: tuple[int, ...]) -> Ball | str:
        network = self.case.network
        if not network.normalised_by_batch:
            return Ball.exact(self.rational(batch))
        why = CONSTANT_UNIT
        for bits in PRECISIONS:
            with arithmetic.precision(bits):
                parameters, inputs, targets = self._numbers(arithmetic.balls, batch)
                try:
                    kink = arithmetic.has_kink(network, parameters, inputs)
                except InputError:
                    continue
                if kink:
                    why = "a pre-activation may be 0, which leaves its derivative open"
                    continue
                return Ball.from_arb(
                    arithmetic.batch_gradient(
                        network, parameters, inputs, targets, self.index, self.weight_decay
                    )
                )
        return why

    def _numbers(
        self, convert: Callable[[np.ndarray], arithmetic.Array], batch: Sequence[int]
    ) -> tuple[list[arithmetic.Array], arithmetic.Array, arithmetic.Array]:
        assert self.case.targets is not None
        chosen = list(batch)
        return (
            [convert(p[0]) for p in self.case.parameters],
            convert(self.case.inputs[0][chosen]),
            convert(self.case.targets[0][chosen]),
        )


def approximate_norms(matrices: np.ndarray, name: str) -> np.ndarray:
    """Norms of stacked matrices, rounded; infinite where an entry is not finite."""
    finite = np.isfinite(matrices).all(axis=(1, 2))
    matrices = np.where(finite[:, None, None], matrices, 0.0)
    if name == "max":
        norms = np.abs(matrices).max(axis=(1, 2))
    elif name == "frobenius":
        norms = np.linalg.norm(matrices, axis=(1, 2))
    else:
        values = np.linalg.svd(matrices, compute_uv=False)
        norms = values[:, 0] if name == "spectral" else values.sum(axis=1)
    return np.where(finite, norms, np.inf)


def strongest_batch(gradients: Gradients, size: int, name: str) -> tuple[int, ...]:
    """The batch of that size with the smallest gradient norm: where the bound is strongest.

    Among all batches if they are few; otherwise by descent, exchanging one sample at a time.
    """
    samples = range(gradients.case.samples)

    def best(batches: list[tuple[int, ...]]) -> tuple[float, tuple[int, ...]]:
        norms = approximate_norms(gradients.approximate(batches), name)
        least = int(np.argmin(norms))
        return float(norms[least]), batches[least]

    if comb(len(samples), size) <= ENUMERATED:
        return best(list(combinations(samples, size)))[1]
    found = best([tuple(range(size))])
    while True:
        batch = found[1]
        others = [n for n in samples if n not in batch]
        neighbour = best(
            [tuple(sorted({*batch} - {old} | {new})) for old in batch for new in others]
        )
        if not neighbour[0] < found[0]:
            return batch
        found = neighbour


def rank_bound(
    case: Case,
    names: Sequence[str],
    *,
    constant: Fraction = FULL,
) -> Findings:
    """Compare both sides of Eq. 10 for weight matrices, batch sizes and norms of every member.

    Args:
        constant: factor on the right side.
    """
    for member in range(case.members):
        one = case.member(member)
        for index in case.network.weights:
            gradients = Gradients(one, index)
            weight = Ball.exact(gradients.weight)
            for size in range(1, case.samples):
                for name in names:
                    yield _compare(gradients, weight, size, name, constant)


def _compare(
    gradients: Gradients, weight: Ball, size: int, name: str, constant: Fraction
) -> Observation | Rejection:
    case = gradients.case
    normalised = case.network.normalised_by_batch
    if normalised and size == 1:
        return Rejection("B* = 1: a batch of one sample has no variance")
    batch = strongest_batch(gradients, size, name)
    gradient = gradients.enclosed(batch)
    if isinstance(gradient, str):
        return Rejection(gradient)
    trivial = gradients.weight_rank <= size
    distance = Interval(0.0, 0.0) if trivial else distance_to_rank(weight, size, name)
    # No closed form is known for the entrywise maximum: its proven lower end is shown.
    shown = Interval(distance.low, distance.low) if name == "max" else distance
    bound = norm(gradient, name)
    right = bound.scaled(constant / (2 * case.numbers["weight_decay"])) if bound.high else bound
    numbers = ", ".join(str(n + 1) for n in batch)
    found = inequality(
        shown,
        right,
        VERIFIED_BALLS if normalised else VERIFIED,
        lambda: case,
        at={"p": list(NORMS).index(name), "k": gradients.index, "B": size, "S": list(batch)},
        degenerate=f"the weight matrix itself has rank at most {size}" if trivial else None,
        note=f"{case.network}; {case.network.parameters[gradients.index].name}, {name} norm,"
        f" B* = {size}, batch {{{numbers}}} of {case.samples} samples",
    )
    if found.holds is False or distance.certainly_at_most(right):
        return found
    # Intervals cannot tell equality; but any matrix of low rank bounds the left side from above,
    # and with that of the proof, Eq. 18, it is the right side in every norm.
    if normalised or constant != 1:
        return replace(found, holds=None)
    witness = gradients.weight - gradients.rational(batch) * (1 / (2 * gradients.weight_decay))
    return replace(found, holds=arithmetic.rank(witness) <= size or None, arithmetic=WITNESSED)
