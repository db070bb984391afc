"""How far weights move, and how much of that comes from sampling batches.

Conventions are those of `theorycheck.measures`.
"""

from __future__ import annotations

from torch import Tensor

from theorycheck.arguments import whole_number
from theorycheck.measures.members import reals, require
from theorycheck.networks.checks import require_parameters
from theorycheck.networks.initialisation import mean_distance
from theorycheck.networks.norms import euclidean_norm, moderate, summable, without_mean
from theorycheck.networks.specification import Network, Parameters


def weight_distance(network: Network, before: Parameters, after: Parameters) -> Tensor:
    """``d(W_{t+1}, W_t)``: mean over weight matrices of ``||W_{t+1} - W_t||_F``.

    galanti2022, Section 4.2. Biases, gains and shifts do not enter.

    Raises:
        InputError: when the parameters do not fit the network, or are of other members.
    """
    for parameters in (before, after):
        require_parameters(network, parameters)
    old, new = (tuple(reals(p, "parameter") for p in each) for each in (before, after))
    return mean_distance(network, old, new)


def batch_gradient_norms(gradients: Tensor) -> Tensor:
    """Euclidean norm of each mini-batch gradient, ``(K, batches)``.

    For a weight matrix this is the Frobenius norm.

    Args:
        gradients: one parameter's gradients on each batch, ``(K, batches, *shape)``.

    Raises:
        InputError: when there is no axis of batches, or nothing on an axis.
    """
    gradients = reals(gradients, "gradients")
    require(
        gradients.ndim >= 2 and gradients.numel() > 0,
        f"gradients must have shape (members, batches, ...), not {tuple(gradients.shape)}",
    )
    return euclidean_norm(gradients.unsqueeze(-1).flatten(2), -1)


def sampling_variance(gradients: Tensor, batch_size: int) -> Tensor:
    """``E ||g_B - g||^2``: how far the gradient on a batch is from that on all samples, ``(K,)``.

    The mean over all batches of that many distinct samples, hence exactly 0 for a batch of all:
    ``(N - B) / (B (N - 1))`` times the mean of ``||g_n - g||^2`` (W. G. Cochran, Sampling
    Techniques, 3rd ed., 1977, Theorem 2.2). A penalty on the weights shifts all gradients alike and
    does not enter. Variances of several parameters add up.

    Args:
        gradients: one parameter's gradient at each sample, ``(K, N, *shape)``.

    Raises:
        InputError: when there is no axis of samples, or nothing on an axis, or the batch size is
            out of range.
    """
    gradients = reals(gradients, "gradients")
    require(
        gradients.ndim >= 2 and gradients.numel() > 0,
        f"gradients must have shape (members, samples, ...), not {tuple(gradients.shape)}",
    )
    samples, batch_size = gradients.shape[1], whole_number("batch_size", batch_size)
    require(
        1 <= batch_size <= samples,
        f"batch_size {batch_size} must be between 1 and the {samples} samples",
    )
    unit, power = summable(gradients.unsqueeze(-1).flatten(2), (1, 2))
    spread, _, other = moderate(without_mean(unit, 1), (1, 2))
    size = (power * other).flatten()
    variance = spread.square().sum(dim=-1).mean(dim=1)
    # A single sample has no spread, and its only batch no variance.
    factor = (samples - batch_size) / (batch_size * max(samples - 1, 1))
    return variance * factor * size * size
