"""The structural lemma under batch normalisation (galanti2022, Eq. 5): claims of our own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from properties.assumptions import AUTOGRAD_AT_KINKS, DIFFERENTIATED_VARIANCE, NORMALISED
from properties.homogeneity.inner_products import LEMMA, lemma, products
from properties.notation import EVERYWHERE
from theorycheck import Case, Findings, Formal, Network, Rejection, Setting, claim, equality, mlps
from theorycheck.drawing import batch_normalised, batches, rational_batches
from theorycheck.networks import Normalisation


def batch_normalised_chains(normalisation: Normalisation) -> st.SearchStrategy[Case]:
    """Chains with batch normalisation, on batches with rational standard deviations.

    Two samples, in which every standard deviation is half a difference, or four samples that the
    first layer standardises in rationals.
    """
    chains = mlps(depths=(2, 3), widths=(1, 3))
    return st.one_of(
        batches(batch_normalised(chains, normalisation), samples=(2, 2)),
        rational_batches(mlps(depths=(2, 3), widths=(1, 4)), normalisation),
    )


NORMALISED_CHAIN = (
    "a chain of dense layers, some hidden ones normalised over the batch (galanti2022, Eq. 5), with"
    " shift 0"
)


def without_shifts(case: Case) -> Case:
    """The same case with every shift zero."""
    described = zip(case.network.parameters, case.parameters, strict=True)
    parameters = tuple(0 * array if p.role == "shift" else array for p, array in described)
    return replace(case, parameters=parameters)


def with_detached_variance(case: Case) -> Case:
    """The same case, every variance treated as a constant."""
    layers = tuple(
        replace(layer, normalisation="batch-detached") if layer.normalisation == "batch" else layer
        for layer in case.network.layers
    )
    return replace(case, network=Network(case.network.input_width, layers))


@claim(
    "structural-lemma-batch-norm",
    title="The structural lemma for networks with batch normalisation",
    kind="identity",
    sources=[],
    statement=r"\Big\langle W_k, \frac{\partial f_W(x_j; \tilde X)}{\partial W_k} \Big\rangle"
    r" = f_W(x_j; \tilde X) \quad \forall j, k",
    hypotheses=[
        NORMALISED_CHAIN,
        DIFFERENTIATED_VARIANCE.prose,
        AUTOGRAD_AT_KINKS,
    ],
    control="the inner products of all layers are added up",
    on={"case": batch_normalised_chains("batch")},
    examples=300,
    formal=Formal(
        LEMMA,
        EVERYWHERE,
        given=(
            "chain()",
            NORMALISED.formula,
            DIFFERENTIATED_VARIANCE.formula,
            "all([W[k] == 0 for k in shifts])",
        ),
    ),
)
def structural_lemma_batch_norm(setting: Setting, case: Case) -> Findings:
    """A layer in front of batch normalisation does not change the output when it is scaled, so that
    its inner product with the gradient is 0 and not the output.

    In the smallest counterexamples a unit has two values on the batch, which normalisation turns
    into +1 and -1 whatever its weights, so that the whole gradient vanishes. That it is orthogonal
    to the weights in general is the next claim.
    """
    yield from lemma(without_shifts(case), all_layers=setting.altered)


@claim(
    "structural-lemma-batch-norm-scale-invariance",
    title="A layer in front of batch normalisation is orthogonal to its gradient",
    kind="identity",
    sources=[],
    statement=r"\Big\langle W_k, \frac{\partial f_W(x_j; \tilde X)}{\partial W_k} \Big\rangle = 0"
    r" \quad \forall j",
    hypotheses=[
        "a chain of dense layers; layer k is normalised over the batch (galanti2022, Eq. 5)",
        DIFFERENTIATED_VARIANCE.prose,
        AUTOGRAD_AT_KINKS,
    ],
    control="the variance is detached",
    on={"case": batch_normalised_chains("batch")},
    examples=300,
    corrects="structural-lemma-batch-norm",
)
def structural_lemma_batch_norm_scale_invariance(setting: Setting, case: Case) -> Findings:
    """The invariance to scale that xu2022 (caption of Figure 1) names as what batch normalisation
    and weight normalisation have in common, as an identity for the gradient.

    On two samples the whole gradient of such a layer vanishes; these examples are counted as
    degenerate. On the batches of four samples it does not.
    """
    checked = with_detached_variance(case) if setting.altered else case
    found = products(checked)
    if isinstance(found, Rejection):
        yield found
        return
    inner, _, how = found
    described = case.network.parameters
    normalised = [
        inner[k]
        for k in case.network.weights
        if case.network.layers[described[k].layer - 1].normalisation != "none"
    ]
    degenerate = "two samples: the whole gradient is zero" if case.samples == 2 else None
    left = np.stack(normalised, axis=1)
    yield equality(left, 0 * left, how, checked.member, degenerate=degenerate)


@claim(
    "structural-lemma-batch-norm-detached",
    title="The structural lemma for pseudo gradients, which detach the variance",
    kind="identity",
    sources=[],
    statement=r"\Big\langle W_k, \frac{\bar\partial f_W(x_j; \tilde X)}{\bar\partial W_k}"
    r" \Big\rangle = f_W(x_j; \tilde X) \quad \forall j, k",
    hypotheses=[
        NORMALISED_CHAIN,
        "the variance is detached (galanti2022, Section 2.1)",
        AUTOGRAD_AT_KINKS,
    ],
    control="shifts need not be 0",
    on={"case": batch_normalised_chains("batch-detached")},
    examples=300,
)
def structural_lemma_batch_norm_detached(setting: Setting, case: Case) -> Findings:
    """With its variances held constant the network is a chain of linear maps of the batch and
    activations, homogeneous in each layer, so that the lemma survives. A shift acts like a bias.

    The gradient is taken in forward mode in rationals, never by backpropagation.
    """
    yield from lemma(case if setting.altered else without_shifts(case))
