"""Weight matrices are near matrices of low rank where a batch has a small gradient.

galanti2022, Theorem 1 (Eq. 10), in four norms, with several outputs, batch normalisation and
convolutional layers, at random, extremal and trained weights.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from properties.assumptions import (
    AUTOGRAD_AT_KINKS,
    DETACHED_VARIANCE,
    NORMALISED,
    NOT_NORMALISED,
    ONE_OUTPUT,
)
from properties.papers import GALANTI2022
from properties.ranks.bound import FULL, formal_bound, rank_bound
from properties.ranks.extremal_networks import (
    FLAT,
    NUMBERS,
    batch_normalised_cases,
    dead_networks,
    dead_normalised_networks,
    hadamard_matrices,
    random_networks,
    stationary_convolutions,
    stationary_networks,
)
from properties.ranks.trained_networks import trained, trainings
from theorycheck import (
    Case,
    Claim,
    Convolution,
    Findings,
    Network,
    Setting,
    cases,
    claim,
    convolutional_networks,
)
from theorycheck.arithmetic import NORMS
from theorycheck.training import resolve_device

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
CONTROL = "the constant 1/(2 lambda) is replaced by 7/8 of it"
STRENGTHENED = Fraction(7, 8)
DETACHED = (ONE_OUTPUT.formula, NORMALISED.formula, DETACHED_VARIANCE.formula)


def single_norm_claim(
    name: str,
    title: str,
    remark: str,
    matrices: st.SearchStrategy[np.ndarray] = FLAT,
) -> Claim:
    """The claim that Theorem 1 holds in one norm."""

    def check(setting: Setting, case: Case) -> Findings:
        yield from rank_bound(case, [name], constant=STRENGTHENED if setting.altered else FULL)

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
            AUTOGRAD_AT_KINKS.prose,
        ],
        control=CONTROL,
        on={
            "case": st.one_of(
                random_networks(), dead_networks(matrices), stationary_networks(matrices)
            )
        },
        examples=60,
        formal=formal_bound([name], given=[ONE_OUTPUT.formula, NOT_NORMALISED.formula]),
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
        AUTOGRAD_AT_KINKS.prose,
    ],
    control=CONTROL,
    on={"case": st.one_of(random_networks((2, 3)), dead_networks(FLAT, outputs=(2, 3)))},
    examples=30,
    formal=formal_bound(["frobenius", "spectral", "nuclear"], given=[NOT_NORMALISED.formula]),
)
def outputs_bound(setting: Setting, case: Case) -> Findings:
    """The bound needs no factor for the number of outputs, although the paper restricts itself to
    one: on a sample, the gradients of all components share the vector that the weight matrix reads,
    so that their weighted sum still has rank at most 1.
    """
    names = ("frobenius", "spectral", "nuclear")
    yield from rank_bound(case, names, constant=STRENGTHENED if setting.altered else FULL)


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
    yield from rank_bound(case, list(NORMS), constant=STRENGTHENED if setting.altered else FULL)


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
    formal=formal_bound(list(NORMS), given=[ONE_OUTPUT.formula, NOT_NORMALISED.formula]),
)
def trained_bound(setting: Setting, case: Case) -> Findings:
    """The bound at the weights that SGD with weight decay reaches, with batches of 1 to 8 samples,
    and at those that gradient descent on a single sample goes on to.

    On the way to a stationary point of one batch, what this batch does not see of a weight matrix
    decays with exp(-2 lambda t) alone and soon dominates the gradient: there both sides meet. The
    trained float64 weights are rationals, and so are all gradients. In the entrywise maximum norm
    the left side is a proven lower bound.
    """
    constant = STRENGTHENED if setting.altered else FULL
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
    constant = Fraction(1, 2) if setting.altered else FULL
    for after in trained(case, resolve_device(setting.device)):
        yield from rank_bound(after, list(NORMS), constant=constant)


def positions(network: Network, index: int) -> int:
    """How often a weight matrix is applied to a sample: the patches of its convolution, or once."""
    parameter = network.parameters[index]
    for edge in network.layers[parameter.layer - 1].edges:
        if edge.source == parameter.source and isinstance(edge.map, Convolution):
            return edge.map.positions
    return 1


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
    formal=formal_bound(["frobenius"], weights="filters", given=[NOT_NORMALISED.formula]),
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
        constant=STRENGTHENED if setting.altered else FULL,
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
        AUTOGRAD_AT_KINKS.prose,
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
    formal=formal_bound(list(NORMS), rank="patches(k) * B", given=[NOT_NORMALISED.formula]),
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
