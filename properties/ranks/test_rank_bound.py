"""Weight matrices are near matrices of low rank where a batch has a small gradient.

galanti2022, Theorem 1 (Eq. 10), in four norms, with several outputs, batch normalisation and
convolutional layers, at random, extremal and trained weights.
"""

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    AUTOGRAD_AT_KINKS,
    DENSE,
    DETACHED_VARIANCE,
    FILTERS,
    NORMALISED,
    NORMALISED_LAYER,
    NOT_NORMALISED,
    ONE_OUTPUT,
    POSITIVE_WEIGHT_DECAY,
    SEVERAL_OUTPUTS,
    SEVERAL_PATCHES,
    SMOOTH_ON_BATCH,
    VARYING_UNITS,
)
from properties.papers import GALANTI2022
from properties.ranks import eckart_young
from properties.ranks.eckart_young import strengthened
from properties.ranks.extremal_networks import (
    FLAT,
    NUMBERS,
    balanced_centred_networks,
    balanced_networks,
    balanced_normalised_networks,
    batch_normalised_cases,
    checkered_networks,
    dead_networks,
    dead_normalised_networks,
    fitted_as_a_whole,
    hadamard_matrices,
    random_networks,
    silent_networks,
    stationary_convolutions,
    stationary_networks,
)
from properties.ranks.trained_networks import DECAYS, TRAINED, TRAINED_NORMALISED, perceptrons
from theorycheck.arithmetic import NORMS

STATEMENT = (
    r"\min_{\substack{V \in \mathbb{R}^{d_p \times d_q}:\\ \operatorname{rank}(V) \leq B^*}}"
    r" \|W^{pq} - V\| \leq \frac{1}{2\lambda} \min_{\tilde S \subset S:\ |\tilde S| = B^*}"
    r" \|\nabla_{W^{pq}} L^\lambda_{\tilde S}(\tilde f_W)\|"
)
LOSS = tc.Convention(
    "the square loss: the mean over the batch of |f - y|^2, plus weight decay times the squared"
    " Frobenius norm of every weight matrix (Eq. 2)"
)
SEVERAL_SAMPLES = tc.Assumption("B* >= 2: a batch of one sample has no variance", "B >= 2")
DENSE_NETWORK = [DENSE, NOT_NORMALISED, POSITIVE_WEIGHT_DECAY, LOSS, AUTOGRAD_AT_KINKS]
NORMALISED_NETWORK = [
    ONE_OUTPUT,
    DENSE,
    NORMALISED,
    DETACHED_VARIANCE,
    SEVERAL_SAMPLES,
    VARYING_UNITS,
    SMOOTH_ON_BATCH,
    POSITIVE_WEIGHT_DECAY,
    LOSS,
]
OTHERS = st.one_of(random_networks(), balanced_networks(), silent_networks())
IN_NORMS = (
    " Norms: p = 0 Frobenius, 1 spectral, 2 nuclear, 3 largest entry, for which a lower bound of"
    " the distance is checked."
)

THEOREM_1 = tc.Family(
    sources=[GALANTI2022.at("Theorem 1, Eq. 10")],
    rests_on=["batch-gradient-chain-rule-printed", "gradient-rank-batch"],
    printed=STATEMENT,
    given=[ONE_OUTPUT, *DENSE_NETWORK],
    on=st.one_of(OTHERS, dead_networks(FLAT), stationary_networks(FLAT)),
    examples=70,
    why="The distance of a weight matrix from the matrices of rank at most B* is at most 1/(2"
    " lambda) times the smallest gradient norm over the batches of B* samples: the gradient less"
    " its weight decay has rank at most B* (Eq. 17-18). The minimum on the left is the norm of the"
    " singular values after the first B* (Eckart, Young, Mirsky). Besides random networks the"
    " examples contain networks whose data gradient vanishes and networks stationary on one sample"
    " but for a remainder that this sample does not see: there the constant cannot be improved. In"
    " others all samples together balance weight decay, or a layer is 0 and its neighbour is not:"
    " there the bound would fail with more samples than B*, or with the gradient of another layer."
    " p = 0 is the norm.",
)

frobenius_bound = THEOREM_1.stated(
    "rank-bound-frobenius",
    title="Rank bound of Theorem 1 in the Frobenius norm",
    **eckart_young.rank_bound("frobenius"),
    control=strengthened(),
)

spectral_bound = THEOREM_1.stated(
    "rank-bound-spectral",
    title="Rank bound of Theorem 1 in the spectral norm",
    **eckart_young.rank_bound("spectral"),
    control=strengthened(),
)

nuclear_bound = THEOREM_1.stated(
    "rank-bound-nuclear",
    title="Rank bound of Theorem 1 in the nuclear norm",
    **eckart_young.rank_bound("nuclear"),
    control=strengthened(),
)

HADAMARD = hadamard_matrices()

max_bound = THEOREM_1.stated(
    "rank-bound-max",
    title="Rank bound of Theorem 1 in the entrywise maximum norm",
    **eckart_young.rank_bound("max"),
    control=strengthened(),
    on=st.one_of(
        OTHERS, dead_networks(HADAMARD), stationary_networks(HADAMARD), checkered_networks()
    ),
    why="No closed form of the left side is known. What is compared is a proven lower bound of it,"
    " the Frobenius distance over the root of the number of entries: what is checked follows from"
    " what is printed, and a violation would refute it. Both are equal where a sample sees all of W"
    " but a matrix whose entries are all +-e. p = 0 is the norm.",
)

outputs_bound = tc.stated(
    "rank-bound-outputs",
    title="Rank bound of Theorem 1 for several outputs",
    sources=[GALANTI2022.at("Theorem 1, Eq. 10, Footnote 1")],
    printed=STATEMENT,
    given=[SEVERAL_OUTPUTS, *DENSE_NETWORK],
    **eckart_young.rank_bound("frobenius", "spectral", "nuclear"),
    control=strengthened(),
    on=st.one_of(fitted_as_a_whole(), random_networks((2, 3)), dead_networks(FLAT, outputs=(2, 3))),
    examples=30,
    enough=10,
    rests_on=["batch-gradient-chain-rule-printed", "gradient-rank-batch"],
    why="The bound needs no factor for the number of outputs, although the paper restricts itself"
    " to one: on a sample, the gradients of all components share the vector that the weight matrix"
    " reads, so that their weighted sum still has rank at most 1. Norms: p = 0 Frobenius, 1"
    " spectral, 2 nuclear.",
)

batch_norm_bound = tc.stated(
    "rank-bound-batch-norm",
    title="Rank bound of Theorem 1 with batch normalisation",
    sources=[GALANTI2022.at("Theorem 1, Eq. 10")],
    printed=STATEMENT,
    given=NORMALISED_NETWORK,
    **eckart_young.rank_bound(*NORMS),
    control=strengthened(),
    on=st.one_of(
        batch_normalised_cases(), dead_normalised_networks(), balanced_normalised_networks()
    ),
    examples=32,
    enough=10,
    rests_on=["batch-gradient-chain-rule-printed", "batch-norm-gradient-rank"],
    why="As without batch normalisation, where the network is a function of the batch, whose"
    " statistics it uses, and its gradient the pseudo gradient that holds the standard deviations"
    " constant. A batch of one sample has no variance: Eq. 5 divides by zero, and the case B* = 1"
    " of the theorem is void for normalised networks. In the spectral norm both sides are equal"
    " where all units are off and W is the identity, of more than B* rows. Equality is not decided"
    f" in balls, so that the examples stay at 128/129 of it.{IN_NORMS}",
)

convolution_bound = tc.stated(
    "rank-bound-convolution",
    title="Rank bound of Theorem 1 for the filters of a convolutional layer",
    sources=[GALANTI2022.at("Memo abstract: convolutional layers")],
    printed=STATEMENT,
    given=[
        FILTERS,
        SEVERAL_PATCHES,
        ONE_OUTPUT,
        NOT_NORMALISED,
        POSITIVE_WEIGHT_DECAY,
        LOSS,
        AUTOGRAD_AT_KINKS,
    ],
    **eckart_young.rank_bound("frobenius"),
    control=strengthened(),
    on=stationary_convolutions(),
    rests_on=["batch-gradient-chain-rule-printed", "gradient-rank-convolution"],
    why="Theorem 1 read for convolutional layers, which the first abstract says the networks may"
    " include; Section 2.1 and the proofs do not treat them. The filters are applied to every"
    " patch, so that the gradient on one sample is a sum over the patches and its rank is not at"
    " most 1. In the counterexample a single sample balances the weight decay of filters of rank 2:"
    " the gradient on it is exactly zero, the distance from rank 1 is not. Where a filter sees a"
    " patch at the kink of the activation, the last layer ignores that unit, so that the loss is"
    " differentiable in the filters. p = 0 is the norm.",
)

convolution_patches_bound = tc.stated(
    "rank-bound-convolution-patches",
    title="Rank bound for filters, with the number of patches counted",
    printed=r"\min_{\operatorname{rank}(V) \leq P B^*} \|W - V\| \leq \frac{1}{2\lambda}"
    r" \min_{\tilde S \subset S:\ |\tilde S| = B^*} \|\nabla_W L^\lambda_{\tilde S}(f_W)\|,"
    r" \quad P \text{ the number of patches}",
    given=[FILTERS, NOT_NORMALISED, POSITIVE_WEIGHT_DECAY, LOSS, AUTOGRAD_AT_KINKS],
    **eckart_young.rank_bound(*NORMS, rank="patches(k) * B"),
    control=tc.altered("V has rank at most P B* - 1", {"* B": "* B - 1"}),
    on=st.one_of(
        stationary_convolutions(unseen=(0, 3)),
        silent_networks(),
        balanced_networks(further=1),
        tc.cases(
            tc.convolutional_networks(), samples=(2, 3), targets="dyadic", numbers=NUMBERS, cohort=4
        ),
    ),
    corrects="rank-bound-convolution",
    examples=80,
    enough=10,
    rests_on=["batch-gradient-chain-rule", "gradient-rank-convolution-patches"],
    why="On one sample the gradient of the filters is a sum of P matrices of rank 1, one for each"
    " patch that they are applied to, so that the argument of galanti2022, Theorem 1, gives the"
    f" rank P B* instead of B*. A dense matrix has P = 1.{IN_NORMS}",
)

trained_bound = tc.stated(
    "rank-bound-trained",
    title="Rank bound of Theorem 1 at trained weights",
    sources=[
        GALANTI2022.at("Theorem 1, Eq. 10, Section 1.2: low-rank bias"),
        GALANTI2022.at("Section 3.2: progress of the optimization"),
    ],
    printed=STATEMENT,
    given=[ONE_OUTPUT, *DENSE_NETWORK],
    **eckart_young.rank_bound(*NORMS),
    control=strengthened(),
    on=perceptrons(normalised=False, members=3),
    along=TRAINED,
    examples=6,
    rests_on=["rank-bound-frobenius"],
    why="The bound at the weights that SGD with weight decay reaches, on points of the unit ball"
    " with random labels or on pairs of handwritten digits, and at those that further descent on a"
    " single sample reaches. There the two sides meet: what the sample does not see of a weight"
    " matrix decays with exp(-2 lambda t) alone and soon dominates the gradient. The trained"
    f" weights are rationals, and so are all gradients.{IN_NORMS}",
)

trained_batch_norm_bound = tc.stated(
    "rank-bound-trained-batch-norm",
    title="Rank bound of Theorem 1 at trained weights with batch normalisation",
    sources=[GALANTI2022.at("Theorem 1, Eq. 10, Section 1.2: low-rank bias")],
    printed=STATEMENT,
    given=NORMALISED_NETWORK,
    **eckart_young.rank_bound(*NORMS),
    control=strengthened("1/2"),
    on=st.one_of(
        perceptrons(normalised=True, members=1),
        dead_normalised_networks(DECAYS),
        balanced_normalised_networks(DECAYS),
    ),
    along=TRAINED_NORMALISED,
    examples=12,
    rests_on=["rank-bound-batch-norm"],
    why="The bound at the weights that SGD with weight decay reaches, the batches normalised by"
    " their own statistics, and at those that further descent on two samples reaches. Equality is"
    " not approached as closely as without normalisation: the gradient of a weight matrix before a"
    " normalisation contains the centred samples only, so that on B samples its rank is at most B -"
    " 1. Some start with all normalised units off, so that W only shrinks, or where all samples"
    f" together balance weight decay.{IN_NORMS}",
)

batch_norm_centred_bound = tc.stated(
    "rank-bound-batch-norm-centred",
    title="galanti2022's Theorem 1 in front of batch normalisation: rank B* - 1 is enough",
    printed=STATEMENT.replace(r"\leq B^*}", r"\leq B^* - 1}")
    + r" \quad \text{if } n_p \text{ is batch normalisation}",
    given=[*NORMALISED_NETWORK, NORMALISED_LAYER],
    **eckart_young.rank_bound(*NORMS, rank="B - 1"),
    control=strengthened(),
    on=st.one_of(
        batch_normalised_cases(), dead_normalised_networks(longer=1), balanced_centred_networks()
    ),
    examples=32,
    enough=10,
    rests_on=["batch-gradient-chain-rule", "batch-norm-gradient-rank-centred"],
    why="A sharpening of galanti2022, Theorem 1, of our own."
    " The gradient on a batch S is D + 2 lambda W, and in front of a"
    " normalisation D has rank at most B* - 1 (`batch-norm-gradient-rank-centred`): subtracting the"
    " mean makes its left factors add up to 0. So `-D / (2 lambda)` is a matrix of rank at most"
    " B* - 1 whose distance from W is the norm of the gradient over 2 lambda, in any"
    f" norm.{IN_NORMS}",
)
