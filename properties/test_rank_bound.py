"""Claims on the distance of weight matrices from low rank: galanti2022, Theorem 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache, cached_property
from itertools import combinations
from math import comb

import numpy as np
import torch
from flint import fmpq
from hypothesis import strategies as st
from scipy.linalg import hadamard

from properties.formulas import DECAY, GRADIENT
from properties.papers import GALANTI2022
from theorycheck import arithmetic
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.enclosures import Interval
from theorycheck.arithmetic.singular_values import NORMS, Ball, distance_to_rank, norm
from theorycheck.claims.comparisons import inequality
from theorycheck.claims.declaration import Claim, Formal, claim
from theorycheck.claims.evidence import Findings, Observation, Rejection
from theorycheck.claims.setting import Setting
from theorycheck.data.dataset import Dataset
from theorycheck.data.image_sets import digits
from theorycheck.data.synthetic import uniform_ball
from theorycheck.drawing.data import cases
from theorycheck.drawing.networks import (
    SLOPES,
    batch_normalised,
    convolutional_networks,
    directed_graphs,
    mlps,
)
from theorycheck.drawing.numbers import positive_dyadics
from theorycheck.errors import InputError
from theorycheck.networks.evaluation import forward
from theorycheck.networks.initialisation import initialise
from theorycheck.networks.specification import LINEAR, RELU, Convolution, Edge, Layer, Network, mlp
from theorycheck.training.cohorts import Cohort, Objective, State, resolve_device
from theorycheck.training.trainers import gradient_descent, sgd

VERIFIED = "rationals, then verified singular values"
WITNESSED = "rank of a witness in rationals"
BALLS = "balls, then verified singular values"
PRECISIONS = (192, 768)
"""Bits of the balls; where they leave a sign open, the gradient is tried again with more."""
ENUMERATED = 64
"""Up to so many batches of one size are all tried; beyond, a local search picks among them."""

ONE, STRENGTHENED = Fraction(1), Fraction(7, 8)

STATEMENT = (
    r"\min_{\substack{V \in \mathbb{R}^{d_p \times d_q}:\\ \operatorname{rank}(V) \leq B^*}}"
    r" \|W^{pq} - V\| \leq \frac{1}{2\lambda} \min_{\tilde S \subset S:\ |\tilde S| = B^*}"
    r" \|\nabla_{W^{pq}} L^\lambda_{\tilde S}(\tilde f_W)\|"
)
LOSS = (
    "the square loss with one output: the mean over the batch of (f - y)^2, plus weight decay"
    " times the squared Frobenius norm of every weight matrix (Eq. 2); weight decay > 0"
)
SIZES = "every weight matrix; every batch size B* from 1 to m - 1"
KINKS = "where a pre-activation is 0, the derivative is autograd's"
CONTROL = "the constant 1/(2 lambda) is replaced by 7/8 of it"

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


DETACHED = ("len(outputs) == 1", "normalised()", "detached()")


def formal_bound(
    norms: Sequence[str],
    *,
    weights: str = "weights",
    least: int = 1,
    rank: str = "B",
    given: Sequence[str] = (),
) -> Formal:
    """Eq. 10 in some norms: the smallest gradient among the batches is any of them."""
    return Formal(
        f"distance(p, W[k], {rank}) <= norm(p, gradient(S, k)) / (2 * weight_decay)",
        (
            f"p in {[list(NORMS).index(name) for name in norms]}",
            f"k in {weights}",
            f"B in range({least}, len(samples))",
            "S in batches(B)",
        ),
        given=(DECAY, *given),
        where=(NORM, DISTANCE, GRADIENT),
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
        why = "a normalised unit is constant over the batch"
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
    constant: Fraction = ONE,
    weights: Sequence[int] | None = None,
    rank: Callable[[int, int], int] = lambda index, size: size,
) -> Findings:
    """Compare both sides of Eq. 10 for weight matrices, batch sizes and norms of every member.

    Args:
        constant: factor on the right side.
        weights: positions of the weight matrices, all by default.
        rank: the rank allowed to ``V``, given the position of the weight and the batch size.
    """
    for member in range(case.members):
        one = case.member(member)
        for index in case.network.weights if weights is None else weights:
            gradients = Gradients(one, index)
            weight = Ball.exact(gradients.weight)
            for size in range(1, case.samples):
                for name in names:
                    yield _compare(gradients, weight, size, name, constant, rank(index, size))


def _compare(
    gradients: Gradients, weight: Ball, size: int, name: str, constant: Fraction, rank: int
) -> Observation | Rejection:
    case = gradients.case
    normalised = case.network.normalised_by_batch
    if normalised and size == 1:
        return Rejection("B* = 1: a batch of one sample has no variance")
    batch = strongest_batch(gradients, size, name)
    gradient = gradients.enclosed(batch)
    if isinstance(gradient, str):
        return Rejection(gradient)
    trivial = gradients.weight_rank <= rank
    distance = Interval(0.0, 0.0) if trivial else distance_to_rank(weight, rank, name)
    # No closed form is known for the entrywise maximum: its proven lower end is shown.
    shown = Interval(distance.low, distance.low) if name == "max" else distance
    bound = norm(gradient, name)
    right = bound.scaled(constant / (2 * case.numbers["weight_decay"])) if bound.high else bound
    numbers = ", ".join(str(n + 1) for n in batch)
    found = inequality(
        shown,
        right,
        BALLS if normalised else VERIFIED,
        lambda: case,
        at={"p": list(NORMS).index(name), "k": gradients.index, "B": size, "S": list(batch)},
        degenerate=f"the weight matrix itself has rank at most {rank}" if trivial else None,
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
    return replace(found, holds=arithmetic.rank(witness) <= rank or None, arithmetic=WITNESSED)


NUMBERS = {"weight_decay": positive_dyadics()}
SIGNS = st.sampled_from([1.0, -1.0])
INTEGERS = st.integers(-3, 3)


def array(draw: st.DrawFn, *shape: int, entries: st.SearchStrategy[int] = INTEGERS) -> np.ndarray:
    size = int(np.prod(shape))
    return np.array(draw(st.lists(entries, min_size=size, max_size=size)), float).reshape(shape)


@st.composite
def signed_permutations(draw: st.DrawFn, *, orders: tuple[int, int]) -> np.ndarray:
    rows = draw(st.permutations(range(draw(st.integers(*orders)))))
    signs = draw(st.lists(SIGNS, min_size=len(rows), max_size=len(rows)))
    return np.diag(signs) @ np.eye(len(rows))[rows]


@st.composite
def hadamard_matrices(draw: st.DrawFn, *, order: int = 8) -> np.ndarray:
    signs = draw(st.lists(SIGNS, min_size=order, max_size=order))
    return np.asarray(np.diag(signs) @ hadamard(order)[draw(st.permutations(range(order)))])


@st.composite
def dead_networks(
    draw: st.DrawFn,
    matrices: st.SearchStrategy[np.ndarray],
    *,
    outputs: tuple[int, int] = (1, 1),
) -> Case:
    """One hidden layer of ReLUs, strictly negative at all samples: the gradient is weight decay.

    The samples are ``-W' v`` with ``v > 0``, where ``W W'`` is a positive multiple of the identity.
    """
    weight = draw(matrices)
    order, samples = len(weight), draw(st.integers(2, 4))
    classes = draw(st.integers(*outputs))
    inputs = -array(draw, samples, order, entries=st.integers(1, 3)) @ weight
    return Case(
        mlp([order, order, classes], RELU),
        (float(draw(positive_dyadics())) * weight[None], array(draw, 1, classes, order)),
        inputs[None],
        array(draw, 1, samples, classes),
        {"weight_decay": draw(positive_dyadics())},
    )


@st.composite
def stationary_networks(draw: st.DrawFn, matrices: st.SearchStrategy[np.ndarray]) -> Case:
    """Two layers; the first sample balances weight decay on one entry and does not see the others.

    With ``W = diag(c, e Q)``, ``f = a sigma((W x)_1)`` and ``x_1 = (s, 0, ..., 0)``, the gradient
    on the first sample is ``diag(2 (a c s - y) a s + 2 lambda c, 2 lambda e Q)``, whose corner is
    made 0 by the choice of ``y``. As ``c >= ||e Q||``, both sides of Eq. 10 are ``||e Q||``. The
    other units are at their kink, but the last layer ignores them.
    """
    unseen = draw(matrices)
    order, samples = len(unseen) + 1, draw(st.integers(2, 3))
    powers = st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(2)])
    scale, weight_decay = draw(positive_dyadics()), draw(positive_dyadics())
    corner, length = scale * len(unseen), draw(powers)
    last = draw(powers) * int(draw(SIGNS))
    weight, readout = np.zeros((1, order, order)), np.zeros((1, 1, order))
    weight[0, 0, 0], weight[0, 1:, 1:] = float(corner), float(scale) * unseen
    readout[0, 0, 0] = float(last)
    inputs, targets = array(draw, 1, samples, order), array(draw, 1, samples, 1)
    inputs[0, 0] = float(length) * np.eye(order)[0]
    targets[0, 0] = float(last * corner * length + weight_decay * corner / (last * length))
    network = mlp([order, order, 1], draw(st.sampled_from(SLOPES)))
    return Case(network, (weight, readout), inputs, targets, {"weight_decay": weight_decay})


def random_networks(outputs: tuple[int, int] = (1, 1)) -> st.SearchStrategy[Case]:
    return cases(
        st.one_of(
            mlps(depths=(1, 3), outputs=outputs), directed_graphs(depths=(2, 3), outputs=outputs)
        ),
        samples=(2, 4),
        targets="dyadic",
        numbers=NUMBERS,
        cohort=4,
    )


FLAT = st.one_of(signed_permutations(orders=(1, 12)), hadamard_matrices())
"""All singular values are equal: as far from low rank as the norm allows."""


def single_norm_claim(
    name: str,
    title: str,
    remark: str,
    matrices: st.SearchStrategy[np.ndarray] = FLAT,
) -> Claim:
    """The claim that Theorem 1 holds in one norm."""

    def check(setting: Setting, case: Case) -> Findings:
        yield from rank_bound(case, [name], constant=STRENGTHENED if setting.altered else ONE)

    check.__doc__ = f"""The distance of a weight matrix from the matrices of rank at most B* is at
    most 1/(2 lambda) times the smallest gradient norm over the batches of B* samples.

    {remark}

    The gradient is rational. Eq. 10 is compared at the batch whose gradient norm is smallest
    in float64 among all batches. Where rounding cannot separate the two sides, the matrix
    W - gradient/(2 lambda) of Eq. 18, found to have rank at most B* in rational arithmetic,
    proves the inequality. Besides random networks the examples contain networks whose data gradient
    vanishes and networks stationary on one sample but for a remainder that this sample does not
    see: there the constant cannot be improved.
    """
    return claim(
        f"rank-bound-{name}",
        title=title,
        kind="inequality",
        sources=[GALANTI2022.at("Theorem 1, Eq. 10; Eq. 17-18")],
        statement=STATEMENT,
        hypotheses=[
            "multilayer perceptrons and graphs with dense and constant skip edges, no biases;"
            " ReLU, leaky ReLU or linear",
            LOSS,
            SIZES,
            KINKS,
        ],
        control=CONTROL,
        on={
            "case": st.one_of(
                random_networks(), dead_networks(matrices), stationary_networks(matrices)
            )
        },
        examples=60,
        formal=formal_bound([name], given=["len(outputs) == 1", "not normalised()"]),
    )(check)


SINGULAR_VALUES = (
    "The minimum on the left is the norm of the singular values after the first B* (Eckart,"
    " Young, Mirsky), enclosed with proven bounds."
)
frobenius_bound = single_norm_claim(
    "frobenius", "Rank bound of Theorem 1 in the Frobenius norm", SINGULAR_VALUES
)
spectral_bound = single_norm_claim(
    "spectral", "Rank bound of Theorem 1 in the spectral norm", SINGULAR_VALUES
)
nuclear_bound = single_norm_claim(
    "nuclear", "Rank bound of Theorem 1 in the nuclear norm", SINGULAR_VALUES
)
max_bound = single_norm_claim(
    "max",
    "Rank bound of Theorem 1 in the entrywise maximum norm",
    "No closed form of the left side is known. What is shown as the left side is a proven lower"
    " bound, the Frobenius distance over the root of the number of entries; a violation would have"
    " to exceed the right side with it. Hadamard matrices come close to it.",
    hadamard_matrices(),
)


@claim(
    "rank-bound-outputs",
    title="Rank bound of Theorem 1 for several outputs",
    kind="inequality",
    sources=[GALANTI2022.at("Theorem 1, Eq. 10, with footnote 1")],
    statement=STATEMENT,
    hypotheses=[
        "as for one output, but f has 2 or 3; the loss of a sample is the squared distance",
        SIZES,
        KINKS,
    ],
    control=CONTROL,
    on={"case": st.one_of(random_networks((2, 3)), dead_networks(FLAT, outputs=(2, 3)))},
    examples=30,
    formal=formal_bound(["frobenius", "spectral", "nuclear"], given=["not normalised()"]),
)
def outputs_bound(setting: Setting, case: Case) -> Findings:
    """The bound needs no factor for the number of outputs, although the paper restricts itself to
    one: on a sample, the gradients of all components share the vector that the weight matrix reads,
    so that their weighted sum still has rank at most 1.
    """
    names = ("frobenius", "spectral", "nuclear")
    yield from rank_bound(case, names, constant=STRENGTHENED if setting.altered else ONE)


@st.composite
def batch_normalised_cases(draw: st.DrawFn) -> Case:
    """Random ones; shifts are moved by 1/4, as two normalised samples are exactly 1 and -1."""
    case = draw(
        cases(
            batch_normalised(
                st.one_of(mlps(depths=(2, 3)), directed_graphs(depths=(2, 3))), "batch-detached"
            ),
            samples=(3, 4),
            targets="dyadic",
            numbers=NUMBERS,
            cohort=4,
        )
    )
    roles = [parameter.role for parameter in case.network.parameters]
    moved = [
        values + 0.25 if role == "shift" else values
        for role, values in zip(roles, case.parameters, strict=True)
    ]
    return replace(case, parameters=tuple(moved))


@st.composite
def dead_normalised_networks(draw: st.DrawFn) -> Case:
    """Units shifted so far below 0 that the gradient is weight decay, whatever the batch.

    Normalised values of ``B`` samples are at most ``sqrt(B - 1)``. The two longer rows of
    the permutation keep its distance from rank 2 apart from its norm, so that rounding can decide.
    """
    order, samples = draw(st.integers(4, 8)), 4
    lengths = np.where(np.arange(order) < 2, 17 / 16, 1.0)
    rows = draw(st.permutations(range(order)))
    columns = [draw(st.permutations(range(samples))) for _ in range(order)]
    return Case(
        mlp([order, order, 1], RELU, normalisation="batch-detached"),
        (
            np.diag(lengths)[None, rows],
            np.array([0.5]),
            np.array([-2.0]),
            array(draw, 1, 1, order),
        ),
        np.array([columns], dtype=float).mT,
        array(draw, 1, samples, 1),
        {"weight_decay": draw(positive_dyadics())},
    )


@claim(
    "rank-bound-batch-norm",
    title="Rank bound of Theorem 1 with batch normalisation",
    kind="inequality",
    sources=[GALANTI2022.at("Theorem 1, Eq. 10; Lemma 2")],
    statement=STATEMENT,
    hypotheses=[
        "perceptrons and graphs, batch normalisation in some hidden layers, its variance detached",
        "statistics over the batch at hand, B* >= 2, every normalised unit varies over it",
        LOSS,
        "Frobenius, spectral, nuclear and entrywise maximum norm; every weight matrix",
        "no pre-activation of ReLU or leaky ReLU is 0",
    ],
    control=CONTROL,
    on={"case": st.one_of(batch_normalised_cases(), dead_normalised_networks())},
    examples=40,
    formal=formal_bound(list(NORMS), least=2, given=[*DETACHED, "smooth(S)"]),
)
def batch_norm_bound(setting: Setting, case: Case) -> Findings:
    """As without batch normalisation, where the network is a function of the batch and its gradient
    the pseudo gradient that holds the standard deviations constant.

    A batch of one sample has no variance: Eq. 5 divides by zero, and the case B* = 1 of the theorem
    is void for normalised networks. Gradients are enclosed by balls of 192 bits, or of 768 where
    those leave a sign open. In the entrywise maximum norm the left side is a proven lower bound.
    """
    yield from rank_bound(case, list(NORMS), constant=STRENGTHENED if setting.altered else ONE)


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


@claim(
    "rank-bound-trained",
    title="Rank bound of Theorem 1 at trained weights",
    kind="trajectory",
    sources=[GALANTI2022.at("Theorem 1, Eq. 10; Section 3.2")],
    statement=STATEMENT,
    hypotheses=[
        "ReLU perceptrons of depth 2 to 4; points of the unit ball with random labels, or pairs of"
        " handwritten digits; targets 1 and -1",
        LOSS,
        "Frobenius, spectral, nuclear and entrywise maximum norm; " + SIZES,
    ],
    control=CONTROL,
    on={"case": trainings(normalised=False, members=3)},
    examples=6,
    formal=formal_bound(list(NORMS), given=["len(outputs) == 1", "not normalised()"]),
)
def trained_bound(setting: Setting, case: Case) -> Findings:
    """The bound at the weights that SGD with weight decay reaches, with batches of 1 to 8 samples,
    and at those that gradient descent on a single sample goes on to.

    On the way to a stationary point of one batch, what this batch does not see of a weight matrix
    decays with exp(-2 lambda t) alone and soon dominates the gradient: there both sides meet. The
    trained float64 weights are rationals, and so are all gradients. In the entrywise maximum norm
    the left side is a proven lower bound.
    """
    constant = STRENGTHENED if setting.altered else ONE
    for after in trained(case, resolve_device(setting.device)):
        yield from rank_bound(after, list(NORMS), constant=constant)


@claim(
    "rank-bound-trained-batch-norm",
    title="Rank bound of Theorem 1 at trained weights with batch normalisation",
    kind="trajectory",
    sources=[GALANTI2022.at("Theorem 1, Eq. 10; Section 3.2; Lemma 2")],
    statement=STATEMENT,
    hypotheses=[
        "ReLU perceptrons of depth 3 and 4, batch normalisation with detached variance in some"
        " hidden layers; data as without normalisation",
        "B* >= 2 and every normalised unit varies over the batch",
        LOSS,
        "Frobenius, spectral, nuclear and entrywise maximum norm; every weight matrix",
        "no pre-activation of a ReLU is 0",
    ],
    control="the constant 1/(2 lambda) is replaced by half of it",
    on={"case": trainings(normalised=True, members=2)},
    examples=6,
    formal=formal_bound(list(NORMS), least=2, given=[*DETACHED, "smooth(S)"]),
)
def trained_batch_norm_bound(setting: Setting, case: Case) -> Findings:
    """The bound at the weights that SGD with weight decay reaches, the batches normalised by their
    own statistics, and at those that descent on two samples goes on to.

    Equality is not approached as closely as without normalisation: the gradient of a weight matrix
    before a normalisation contains the centred samples only, so that on B samples its rank is at
    most B - 1.
    """
    constant = Fraction(1, 2) if setting.altered else ONE
    for after in trained(case, resolve_device(setting.device)):
        yield from rank_bound(after, list(NORMS), constant=constant)


def positions(network: Network, index: int) -> int:
    """How often a weight matrix is applied to a sample: the patches of its convolution, or once."""
    parameter = network.parameters[index]
    for edge in network.layers[parameter.layer - 1].edges:
        if edge.source == parameter.source and isinstance(edge.map, Convolution):
            return edge.map.positions
    return 1


@st.composite
def stationary_convolutions(draw: st.DrawFn, *, unseen: tuple[int, int] = (0, 0)) -> Case:
    """One convolution; on the first sample the data term balances the weight decay of ``K``.

    The patches of the first sample are unit vectors, one per column of the non-negative ``K``, and
    the last layer holds the entries of ``K`` themselves. Then ``df/dK = K`` and ``f = ||K||^2``, so
    that the target ``f + lambda`` makes the gradient ``2 (f - y) K + 2 lambda K`` vanish. Added to
    them are ``unseen`` filters and kernel entries that the sample and the last layer do not touch.
    """
    filters, patches = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    more = draw(st.integers(*unseen))
    kernel = patches + more
    seen = array(draw, filters, patches, entries=st.integers(0, 3))
    weight = np.zeros((1, filters + more, kernel))
    weight[0, :filters, :patches] = seen
    weight[0, filters:, patches:] = draw(st.integers(1, 3)) * np.eye(more)
    readout = np.zeros((filters + more, patches))
    readout[:filters] = seen
    weight_decay = draw(positive_dyadics())
    inputs, targets = array(draw, 1, 2, kernel * patches), array(draw, 1, 2, 1)
    inputs[0, 0] = np.eye(patches, kernel).ravel()
    targets[0, 0] = np.square(seen).sum() + float(weight_decay)
    convolution = Convolution(1, 1, kernel * patches, filters + more, (1, kernel), kernel)
    slope = draw(st.sampled_from(SLOPES))
    layers = (
        Layer(convolution.target_width, (Edge(0, convolution),), slope),
        Layer(1, (Edge(1),), LINEAR),
    )
    return Case(
        Network(kernel * patches, layers),
        (weight, readout.reshape(1, 1, -1)),
        inputs,
        targets,
        {"weight_decay": weight_decay},
    )


@claim(
    "rank-bound-convolution",
    title="Rank bound of Theorem 1 for the filters of a convolutional layer",
    kind="inequality",
    sources=[GALANTI2022.at("Abstract of the memo: convolutional layers; Theorem 1, Eq. 10")],
    statement=STATEMENT,
    hypotheses=[
        "W is the matrix of filters, one per row, of a convolutional layer; Frobenius norm",
        LOSS,
        "every batch size B* from 1 to m - 1",
    ],
    control=CONTROL,
    on={"case": stationary_convolutions()},
    formal=formal_bound(["frobenius"], weights="filters", given=["not normalised()"]),
)
def convolution_bound(setting: Setting, case: Case) -> Findings:
    """Theorem 1 read for convolutional layers, which the first abstract says the networks may
    include; Section 2.1 and the proofs do not treat them.

    The filters are applied to every patch, so that the gradient on one sample is a sum over the
    patches and its rank is not at most 1. In the counterexample a single sample balances the weight
    decay of filters of rank 2: the gradient on it is exactly zero, the distance from rank 1 is not.
    Where a filter sees a patch at the kink of the activation, the last layer ignores that unit, so
    that the loss is differentiable in the filters.
    """
    yield from rank_bound(
        case,
        ["frobenius"],
        constant=STRENGTHENED if setting.altered else ONE,
        weights=[i for i in case.network.weights if positions(case.network, i) > 1],
    )


@claim(
    "rank-bound-convolution-patches",
    title="Rank bound for filters, with the number of patches counted",
    kind="inequality",
    sources=[],
    statement=r"\min_{\operatorname{rank}(V) \leq P B^*} \|W - V\| \leq \frac{1}{2\lambda}"
    r" \min_{\tilde S \subset S:\ |\tilde S| = B^*} \|\nabla_W L^\lambda_{\tilde S}(f_W)\|,"
    r" \quad P \text{ the number of patches}",
    hypotheses=[
        "W is the matrix of filters, one per row, of a convolutional layer applied to P patches, or"
        " a dense matrix (P = 1)",
        LOSS,
        "Frobenius, spectral, nuclear and entrywise maximum norm; " + SIZES,
        KINKS,
    ],
    control="V has rank at most P B* - 1",
    on={
        "case": st.one_of(
            stationary_convolutions(unseen=(0, 3)),
            cases(
                convolutional_networks(),
                samples=(2, 3),
                targets="dyadic",
                numbers=NUMBERS,
                cohort=4,
            ),
        )
    },
    corrects="rank-bound-convolution",
    formal=formal_bound(list(NORMS), rank="patches(k) * B", given=["not normalised()"]),
)
def convolution_patches_bound(setting: Setting, case: Case) -> Findings:
    """On one sample the gradient of the filters is a sum of P matrices of rank 1, one for each
    patch that they are applied to, so that the argument of Theorem 1 gives the rank P B* instead of
    B*.
    """
    lowered = int(setting.altered)
    yield from rank_bound(
        case,
        list(NORMS),
        rank=lambda index, size: positions(case.network, index) * size - lowered,
    )
