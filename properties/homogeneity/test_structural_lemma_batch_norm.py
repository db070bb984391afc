"""The structural lemma under batch normalisation (galanti2022, Eq. 5): claims of our own."""

from dataclasses import replace

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    AUTOGRAD_AT_KINKS,
    DETACHED_VARIANCE,
    DIFFERENTIATED_VARIANCE,
    GRADIENT_NOT_ZERO,
    NO_SHIFTS,
    NORMALISED_CHAIN,
    NORMALISED_LAYER,
)
from properties.notation import ADDED_UP, EVERYWHERE, LEMMA
from theorycheck.drawing import batches
from theorycheck.networks import Normalisation


def chains(normalisation: Normalisation) -> st.SearchStrategy[tc.Case]:
    """Chains with batch normalisation, on batches with rational standard deviations.

    Two samples, in which every standard deviation is half a difference, or four samples that the
    first layer standardises in rationals.
    """
    chains = tc.mlps(depths=(2, 3), widths=(1, 3))
    return st.one_of(
        batches(tc.batch_normalised(chains, normalisation), samples=(2, 2)),
        tc.rational_batches(tc.mlps(depths=(2, 3), widths=(1, 4)), normalisation),
    )


def without_shifts(case: tc.Case) -> tc.Case:
    """The same case with every shift zero."""
    described = zip(case.network.parameters, case.parameters, strict=True)
    parameters = tuple(0 * array if p.role == "shift" else array for p, array in described)
    return replace(case, parameters=parameters)


BATCH_NORM = tc.Family(given=[NORMALISED_CHAIN], forall=EVERYWHERE, examples=120)

structural_lemma_batch_norm = BATCH_NORM.stated(
    "structural-lemma-batch-norm",
    title="The structural lemma for networks with batch normalisation",
    printed=r"\Big\langle W_k, \frac{\partial f_W(x_j; \tilde X)}{\partial W_k} \Big\rangle"
    r" = f_W(x_j; \tilde X) \quad \forall j, k",
    given=[NO_SHIFTS, DIFFERENTIATED_VARIANCE, AUTOGRAD_AT_KINKS],
    states=LEMMA,
    control=ADDED_UP,
    on=chains("batch").map(without_shifts),
    why="A layer in front of batch normalisation does not change the output when it is scaled, so"
    " that its inner product with the gradient is 0 and not the output. In the smallest"
    " counterexamples a unit has two values on the batch, each on half of the samples, which"
    " normalisation turns into +1 and -1 whatever its weights, so that the whole gradient"
    " vanishes. That it is orthogonal to the weights in general is"
    " `structural-lemma-batch-norm-scale-invariance`.",
)

structural_lemma_batch_norm_scale_invariance = BATCH_NORM.stated(
    "structural-lemma-batch-norm-scale-invariance",
    title="A layer in front of batch normalisation is orthogonal to its gradient",
    printed=r"\Big\langle W_k, \frac{\partial f_W(x_j; \tilde X)}{\partial W_k} \Big\rangle = 0"
    r" \quad \forall j",
    given=[NORMALISED_LAYER, DIFFERENTIATED_VARIANCE, GRADIENT_NOT_ZERO, AUTOGRAD_AT_KINKS],
    states="inner(W[k], df(n, c, k)) == 0",
    control=tc.altered("layer k need not be normalised", without=[NORMALISED_LAYER]),
    on=chains("batch"),
    examples=280,
    corrects="structural-lemma-batch-norm",
    rests_on=["weight-normalisation-batch-norm"],
    why="The invariance to scale that xu2022 (caption of Figure 1) names as what batch"
    " normalisation and weight normalisation have in common, as an identity for the gradient. On"
    " two samples the whole gradient of such a layer vanishes, and there is nothing to show.",
)

structural_lemma_batch_norm_detached = BATCH_NORM.stated(
    "structural-lemma-batch-norm-detached",
    title="The structural lemma for pseudo gradients, which detach the variance",
    printed=r"\Big\langle W_k, \frac{\bar\partial f_W(x_j; \tilde X)}{\bar\partial W_k}"
    r" \Big\rangle = f_W(x_j; \tilde X) \quad \forall j, k",
    given=[NO_SHIFTS, DETACHED_VARIANCE, AUTOGRAD_AT_KINKS],
    states=LEMMA,
    control=tc.altered("shifts need not be 0", without=[NO_SHIFTS], on=chains("batch-detached")),
    on=chains("batch-detached").map(without_shifts),
    why="With its variances held constant the network is a chain of linear maps of the batch and of"
    " activations, homogeneous in each layer, so that the lemma survives. A shift is like a bias.",
)
