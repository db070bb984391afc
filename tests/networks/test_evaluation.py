"""Evaluation against a loop over units, and gradients against exact central differences."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
import torch

from tests.networks.architectures import RESIDUAL, each_network, integers, quarters
from theorycheck import arithmetic
from theorycheck.arithmetic.numbers import rationals
from theorycheck.networks.evaluation import forward, noise, sample_gradients, vertices
from theorycheck.networks.initialisation import initialise
from theorycheck.networks.specification import (
    LINEAR,
    Convolution,
    Dense,
    Identity,
    Map,
    Network,
    mlp,
)

Values = npt.NDArray[np.float64]


def loop(network: Network, parameters: list[Values], inputs: Values) -> list[Values]:
    """Vertices of one member, unit by unit, straight from galanti2022, Eq. 3-5."""
    by_name = dict(zip((p.name for p in network.parameters), parameters, strict=True))
    values = [inputs]
    for vertex, layer in enumerate(network.layers, 1):
        total = np.zeros((len(inputs), layer.width))
        for edge in layer.edges:
            source = values[edge.source]
            if isinstance(edge.map, Identity):
                total += source
                continue
            weight = by_name[f"W[{vertex},{edge.source}]"]
            for n, sample in enumerate(source):
                if isinstance(edge.map, Convolution):
                    assert edge.map.channels == edge.map.height == edge.map.stride == 1
                    width = edge.map.kernel[1]
                    windows = [sample[i : i + width] for i in range(edge.map.positions)]
                    total[n] += [sum(f * window) for f in weight for window in windows]
                else:
                    total[n] += [sum(row * sample) for row in weight]
        if layer.bias:
            total += by_name[f"bias[{vertex}]"]
        for j in range(layer.width if layer.normalisation != "none" else 0):
            unit = total[:, j]
            deviation = math.sqrt(sum((unit - sum(unit) / len(unit)) ** 2) / len(unit))
            standardised = (unit - sum(unit) / len(unit)) / deviation
            total[:, j] = by_name[f"gain[{vertex}]"] * standardised + by_name[f"shift[{vertex}]"]
        values.append(np.where(total > 0, total, layer.slope * total))
    return values


@each_network
def test_vertices_equal_a_loop_over_units(network: Network) -> None:
    """Over two samples a normalised unit is exactly +-1, whatever its deviation."""
    compared = 0
    for seed in range(20):
        parameters = quarters(network, 3, seed)
        inputs = integers(3, 2, network.input_width, seed=seed + 100)
        found = vertices(network, parameters, inputs)
        for member in range(3):
            if not found[-1][member].isfinite().all():  # a normalised unit happens to be constant
                continue
            single = [p[member].numpy() for p in parameters]
            expected = loop(network, single, inputs[member].numpy())
            for ours, theirs in zip(found, expected, strict=True):
                assert ours[member].tolist() == theirs.tolist()
            compared += 1
    assert compared >= 10


@each_network
def test_members_may_share_the_samples(network: Network) -> None:
    parameters, inputs = quarters(network, 3, seed=2), integers(2, network.input_width, seed=3)
    shared = forward(network, parameters, inputs)
    assert shared.shape == (3, 2, network.output_width)
    repeated = forward(network, parameters, inputs.expand(3, -1, -1))
    assert torch.equal(shared.nan_to_num(), repeated.nan_to_num())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("samples", [1, 2, 3, 7, 12, 33])
@pytest.mark.parametrize("constant", [1.0, 0.1, 1 / 3, -0.7, 1e30, 1e-30])
def test_a_constant_normalised_unit_has_no_value(
    constant: float, samples: int, dtype: torch.dtype
) -> None:
    """The rounded mean of equal numbers is another; products of equal samples differ, too."""
    for width in (1, 5, 13):
        network = mlp([width, 8, 4, 1], normalisation="batch")
        parameters = initialise(network, 3, seed=width, dtype=dtype)
        inputs = torch.full((samples, width), constant, dtype=dtype)
        for values in vertices(network, parameters, inputs)[1:]:
            assert values.isnan().all()


def test_what_does_not_reach_a_unit_may_vary() -> None:
    """The first unit sees the first feature, which is constant; the second unit is alive."""
    network = mlp([3, 2, 1], normalisation="batch")
    weight = torch.tensor([[[0.3, 0.0, 0.0], [0.3, 0.5, 0.7]]])
    given = (weight, *initialise(network, 1, dtype=torch.float32)[1:])
    inputs = torch.randn(12, 3, generator=torch.Generator().manual_seed(1))
    inputs[:, 0] = 0.1
    hidden = vertices(network, given, inputs)[1]
    assert hidden[..., 0].isnan().all()
    assert hidden[..., 1].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("width", [1, 2, 5, 40])
def test_noise_bounds_what_rounding_makes_of_equal_values(width: int, dtype: torch.dtype) -> None:
    """Against exact sums: two floats whose numbers are equal differ by no more than the noise."""
    generator = torch.Generator().manual_seed(width)
    source = torch.randn(1, 50, width, generator=generator, dtype=dtype)
    weight = torch.randn(1, 3, width, generator=generator, dtype=dtype)
    bias = torch.randn(1, 1, 3, generator=generator, dtype=dtype)
    kept = torch.randn(1, 50, 3, generator=generator, dtype=dtype)
    edges: list[tuple[Map, torch.Tensor, torch.Tensor | None, None]] = [
        (Dense(), source, weight, None),
        (Identity(), kept, None, None),
    ]  # fmt: kept
    found = noise(edges, bias)
    floats = source @ weight.mT + kept + bias
    for n, unit in np.ndindex(50, 3):
        terms = [
            Fraction(float(a)) * Fraction(float(b))
            for a, b in zip(source[0, n], weight[0, unit], strict=True)
        ]  # fmt: kept
        exact = sum(terms, Fraction(float(kept[0, n, unit])) + Fraction(float(bias[0, 0, unit])))
        off = abs(Fraction(float(floats[0, n, unit])) - exact)
        assert 2 * off <= Fraction(float(found[0, 0, unit]))
    # It is no more than it has to be: of the size of one rounding for each term, on both sides.
    size = weight.abs().sum(dim=2) * source.abs().amax() + kept.abs().amax() + bias.abs()[:, 0]
    eps = torch.finfo(dtype).eps
    assert (found[:, 0] <= 4 * (width + 4) * eps * size).all()


def test_one_term_alone_has_no_noise() -> None:
    source, weight = torch.randn(2, 5, 1), torch.randn(2, 3, 1)
    product, kept = (Dense(), source, weight, None), (Identity(), torch.randn(2, 5, 3), None, None)
    assert not noise([product], None).any()
    assert not noise([kept], None).any()
    assert noise([product, kept], None).all()


NEIGHBOURS = (1, -1, -1, 1, -1, 1)
"""Mean 0 and deviation 1."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("middle", [1.5, -1.5, 0.1, 1e30, 0.0])
def test_units_that_are_nearly_constant_are_normalised_exactly(
    middle: float, dtype: torch.dtype
) -> None:
    """Neighbours of a number, the next on either side: one deviation from their mean."""
    network = mlp([1, 1, 1], slope=LINEAR, normalisation="batch")
    one = torch.ones(1, 1, 1, dtype=dtype)
    parameters = tuple(one.view(1, *p.shape) * ("shift" not in p.name) for p in network.parameters)
    centre = torch.tensor(middle, dtype=dtype)
    sides = {sign: torch.nextafter(centre, torch.tensor(sign * math.inf)) for sign in (-1, 1)}
    assert sides[1] - centre == centre - sides[-1]
    inputs = torch.stack([sides[sign] for sign in NEIGHBOURS])[:, None]
    assert forward(network, parameters, inputs).flatten().tolist() == list(NEIGHBOURS)


@pytest.mark.parametrize("power", [-1040, -600, -300, 300, 600, 1000])
def test_normalised_outputs_do_not_depend_on_the_scale(power: int) -> None:
    """Samples times a power of 2: neither squares nor sums overflow or vanish."""
    network = mlp([1, 4, 3, 2], normalisation="batch")
    parameters = quarters(network, 3, seed=0)
    inputs = integers(3, 5, 1, seed=1)
    expected = forward(network, parameters, inputs)
    assert expected.isfinite().any(dim=2).all(dim=1).any()
    found = forward(network, parameters, torch.ldexp(inputs, torch.tensor(power)))
    assert torch.equal(found.nan_to_num(), expected.nan_to_num())


@pytest.mark.parametrize(
    "network",
    [mlp([3, 2]), mlp([2, 3, 3, 2], 0.25, bias=True), mlp([2, 3, 2], output_slope=0.0), RESIDUAL],
    ids=str,
)
def test_gradients_equal_central_differences(network: Network) -> None:
    """Exact where no preactivation is zero, as the function is affine along an entry nearby.

    The step moves a preactivation by at most 24 times itself (a weight of the last residual layer
    meets values up to 24), which is less than the smallest nonzero preactivation, 4**-3.
    """
    step, compared = 2.0**-12, 0
    for seed in range(10):
        parameters = quarters(network, 1, seed)
        inputs = integers(1, 3, network.input_width, seed=seed + 100)
        if arithmetic.has_kink(
            network, [rationals(p[0]) for p in parameters], rationals(inputs[0])
        ):
            continue
        for index, gradient in enumerate(sample_gradients(network, parameters, inputs)):
            shape = network.parameters[index].shape
            assert gradient.shape == (1, 3, network.output_width, *shape)
            for entry in np.ndindex(shape):
                ends = []
                for sign in (1, -1):
                    moved = [p.clone() for p in parameters]
                    moved[index][:, *entry] += sign * step
                    ends.append(forward(network, tuple(moved), inputs))
                quotient = (ends[0] - ends[1]) / (2 * step)
                assert torch.equal(gradient[..., *entry], quotient)
        compared += 1
    assert compared >= 3


def test_gradients_of_stacked_members_are_their_own() -> None:
    network = mlp([2, 3, 2], 0.25)
    parameters, inputs = quarters(network, 3, seed=0), integers(3, 2, 2, seed=1)
    together = sample_gradients(network, parameters, inputs)
    for member in range(3):
        alone = tuple(p[member : member + 1] for p in parameters)
        single = sample_gradients(network, alone, inputs[member : member + 1])
        for ours, theirs in zip(together, single, strict=True):
            assert torch.equal(ours[member], theirs[0])


@pytest.mark.parametrize("slope", [0.0, 0.25, 1.0])
def test_the_derivative_at_a_kink_is_the_slope(slope: float) -> None:
    network = mlp([1, 1], output_slope=slope)
    weight = torch.zeros(1, 1, 1, dtype=torch.float64)
    (gradient,) = sample_gradients(network, (weight,), torch.full((1, 1, 1), 3.0).double())
    assert gradient.item() == 3 * slope
