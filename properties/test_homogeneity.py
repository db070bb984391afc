"""Claims on the homogeneity of networks in each of their layers: the structural lemma."""

from __future__ import annotations

import torch

from theorycheck.cases import Case
from theorycheck.claims import Setting, claim
from theorycheck.dyadic import SIGNIFICAND_BITS, bits_needed
from theorycheck.evidence import Findings, Rejection, equality
from theorycheck.networks import forward, sample_gradients
from theorycheck.strategies import cases, homogeneous_networks

from properties.papers import BANBURSKI2019, POGGIO2020, XU2022

EXACT = "float64 without rounding"


def inner_products(case: Case, *, over_all_layers: bool) -> Findings:
    """Compare <W_k, df/dW_k> with f for every layer k, sample and output, exactly."""
    network = case.network
    if bits_needed(case).max() > SIGNIFICAND_BITS:
        yield Rejection("float64 would round", case.members)
        return
    parameters, inputs = case.tensors()
    outputs = forward(network, parameters, inputs).unsqueeze(1)
    gradients = sample_gradients(network, parameters, inputs)
    products = torch.stack(
        [(parameters[k][:, None, None] * gradients[k]).sum(dim=(-2, -1)) for k in network.weights],
        dim=1,
    )
    if over_all_layers:
        products = products.sum(dim=1, keepdim=True)
    yield equality(products, outputs.expand_as(products), EXACT, case.member)


@claim(
    "structural-lemma",
    title="Structural lemma: each layer's inner product with its gradient is the output",
    kind="identity",
    sources=[
        XU2022.at("Lemma 2, Eq. 3"),
        POGGIO2020.at("Eq. 1-2"),
        BANBURSKI2019.at("Eq. 3"),
    ],
    statement=r"\sum_{i,j} \frac{\partial f_W(x)}{\partial W_k^{ij}} W_k^{ij}"
    r" = \Big\langle W_k, \frac{\partial f_W(x)}{\partial W_k} \Big\rangle = f_W(x)"
    r" \quad \forall x, k",
    hypotheses=[
        "a chain of dense or convolutional layers without biases",
        "ReLU, leaky ReLU or linear activations; the output is linear (xu2022, poggio2020) or"
        " passes through the activation (banburski2019)",
        "where a pre-activation is 0, the derivative is autograd's",
    ],
    control="the inner products of all layers are added up",
    given={"case": cases(homogeneous_networks())},
)
def structural_lemma(setting: Setting, case: Case) -> Findings:
    """For every input and every layer, the inner product of the layer's weights with the gradient
    of the output equals the output.

    The gradient is autograd's. At a kink any choice of the derivative at zero gives the same inner
    product, because the pre-activation that it multiplies is zero.
    """
    yield from inner_products(case, over_all_layers=setting.altered)
