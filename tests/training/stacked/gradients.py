"""Gradients from a tape, from autograd, and against exact rationals.

Weights, slopes, gains and shifts are halves and inputs are integers, all so small that nothing
rounds: comparisons with autograd are exact, and with the Fractions they would fail otherwise.
"""

from __future__ import annotations

import torch
from torch import Tensor

from theorycheck import arithmetic
from theorycheck.arithmetic.numbers import rationals
from theorycheck.networks.evaluation import forward
from theorycheck.networks.specification import Network, Parameters
from theorycheck.training.stacked.tape import Tape


def played(
    network: Network, parameters: Parameters, inputs: Tensor, slopes: Tensor
) -> tuple[Tensor, Parameters]:
    """Outputs and gradients of ``sum slopes * outputs`` from a tape."""
    tape = Tape(network, len(inputs), inputs.shape[1], inputs.dtype, inputs.device)
    gradients = tuple(torch.full_like(p, torch.nan) for p in parameters)
    tape.forward(parameters, inputs)
    tape.slopes.copy_(slopes)
    tape.backward(gradients)
    return tape.outputs, gradients


def differentiated(
    network: Network, parameters: Parameters, inputs: Tensor, slopes: Tensor
) -> tuple[Tensor, Parameters]:
    """The same from autograd."""
    leaves = [p.clone().requires_grad_() for p in parameters]
    outputs = forward(network, tuple(leaves), inputs)
    total = (slopes * outputs).sum()
    gradients = torch.autograd.grad(total, leaves, materialize_grads=True)
    return outputs.detach(), gradients


def check_against_rationals(
    network: Network, parameters: Parameters, inputs: Tensor, slopes: Tensor
) -> None:
    outputs, gradients = played(network, parameters, inputs, slopes)
    numbers, batch = [rationals(p[0].numpy()) for p in parameters], rationals(inputs[0].numpy())
    values = arithmetic.vertices(network, numbers, batch)[-1]
    assert (values == rationals(outputs[0].numpy())).all()
    weighting = rationals(slopes[0].numpy())
    for index, gradient in enumerate(gradients):
        jacobian = arithmetic.jacobian(network, numbers, batch, index)
        by_output = weighting.reshape(*weighting.shape, *[1] * (jacobian.ndim - 2)) * jacobian
        assert (by_output.sum(axis=(0, 1)) == rationals(gradient[0].numpy())).all()
