"""Equivalents: other networks, or other data, with the same outputs or margins.

A hypothesis such as "a chain" is left out at a network that is none. Where the other hypotheses are
met at rare points only (rest, interpolation, equal margins), a random change of the network leaves
them. A change that keeps what the network makes of its data often does not.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from random import Random

import numpy as np
from flint.utils.flint_exceptions import DomainError

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.evaluation import evaluate
from theorycheck.arithmetic.numbers import fractions, rationals
from theorycheck.errors import InputError
from theorycheck.networks.specification import (
    Convolution,
    Dense,
    Edge,
    Layer,
    Network,
    Normalisation,
)

POSITIVE = (Fraction(2), Fraction(1, 2), Fraction(3))


def idle_skip(rng: Random, case: Case) -> Case:
    """One more input, which is 0, and a skip from the inputs that reads it alone.

    The matrix of the skip has one entry, 1, so that it has a norm of 1 too.

    Raises:
        InputError: for one layer, for a layer that reads the inputs already, and for filters on
            the inputs.
    """
    network, width = case.network, case.network.input_width
    if network.depth == 1:
        raise InputError("there is one layer: choose another network")
    place = rng.randint(1, network.depth - 1)
    if 0 in [edge.source for edge in network.layers[place].edges]:
        raise InputError("a layer that reads the inputs: choose another one")
    layers = list(network.layers)
    around = [*layers[place].edges]
    around.insert(rng.choice([0, len(around)]), Edge(0))
    layers[place] = replace(layers[place], edges=tuple(around))
    wider = Network(width + 1, tuple(layers))
    idle = _zeros(layers[place].width, width + 1)
    idle[0, rng.randrange(layers[place].width), width] = Fraction(1)
    known = case.by_name
    arrays = []
    for parameter in wider.parameters:
        array = known.get(parameter.name, idle)
        if parameter.source == 0 and array is not idle:
            array = _with_zeros(array, np.arange(width), width + 1)
        arrays.append(array)
    return replace(
        case,
        network=wider,
        parameters=tuple(arrays),
        inputs=_with_zeros(case.inputs, np.arange(width), width + 1),
    )


def second_patch(rng: Random, case: Case) -> Case:
    """The first matrix as filters, which read the inputs, and a second patch of zeros.

    What reads the layer has zeros for what they make of the second patch.

    Raises:
        InputError: unless the first layer is dense, without bias and normalisation, and another
            one reads it through a matrix.
    """
    network, width = case.network, case.network.input_width
    first, *others = network.layers
    plain = first.edges == (Edge(0, Dense()),) and not first.bias
    if not (plain and others and first.normalisation == "none"):
        raise InputError("the first layer has more than one matrix: choose another network")
    image = Convolution(1, 1, 2 * width, first.width, (1, width), width)
    filtered = replace(first, width=image.target_width, edges=(Edge(0, image),))
    patched = Network(2 * width, (filtered, *others))
    known = case.by_name
    arrays = []
    for parameter in patched.parameters:
        array = known[parameter.name]
        columns = {0: np.arange(width), 1: np.arange(first.width) * image.positions}
        if parameter.role == "weight" and parameter.layer > 1 and parameter.source in columns:
            sizes = patched.width(parameter.source)
            array = _with_zeros(array, columns[parameter.source], sizes)
        arrays.append(array)
    return replace(
        case,
        network=patched,
        parameters=tuple(arrays),
        inputs=_with_zeros(case.inputs, np.arange(width), 2 * width),
    )


def normalised_unit(rng: Random, case: Case) -> Case:
    """Batch normalisation of one unit that gives it back: mean and deviation as shift and gain.

    Raises:
        InputError: where no layer has a single unit, and for a deviation that is 0 or irrational.
    """
    network = case.network
    single = [
        place
        for place, layer in enumerate(network.layers)
        if layer.width == 1 and layer.normalisation == "none"
    ]
    if not single:
        raise InputError("no layer has a single unit: choose another network")
    place = rng.choice(single)
    values = [rationals(array[0]) for array in case.parameters]
    arguments = evaluate(network, values, rationals(case.inputs[0])).preactivations[place][:, 0]
    mean = sum(arguments) / len(arguments)
    try:
        deviation = (sum((u - mean) ** 2 for u in arguments) / len(arguments)).sqrt()
    except DomainError as error:
        raise InputError("an irrational deviation: choose another network") from error
    if deviation == 0:
        raise InputError("a unit that does not vary: choose another network")
    kinds: list[Normalisation] = ["batch", "batch-detached"]
    layers = list(network.layers)
    layers[place] = replace(layers[place], normalisation=rng.choice(kinds))
    normalised = Network(network.input_width, tuple(layers))
    known = case.by_name
    known[f"gain[{place + 1}]"] = fractions(np.array([deviation], dtype=object))
    known[f"shift[{place + 1}]"] = fractions(np.array([mean], dtype=object))
    arrays = tuple(known[parameter.name] for parameter in normalised.parameters)
    return replace(case, network=normalised, parameters=arrays)


def without_first_layer(rng: Random, case: Case) -> Case:
    """The network from its first layer on, on what that makes of the data.

    Raises:
        InputError: for a single layer, and where another one reads the inputs too.
    """
    network = case.network
    first, *others = network.layers
    if not others or any(edge.source == 0 for layer in others for edge in layer.edges):
        raise InputError("the first layer cannot be left out: choose another network")

    def moved(layer: Layer) -> Layer:
        edges = tuple(replace(edge, source=edge.source - 1) for edge in layer.edges)
        return replace(layer, edges=edges)

    values = [rationals(array[0]) for array in case.parameters]
    features = evaluate(network, values, rationals(case.inputs[0])).values[1]
    described = zip(network.parameters, case.parameters, strict=True)
    return replace(
        case,
        network=Network(first.width, tuple(map(moved, others))),
        parameters=tuple(array for parameter, array in described if parameter.layer > 1),
        inputs=fractions(features)[None],
    )


def rescaled_layers(rng: Random, case: Case) -> Case:
    """One matrix of a chain multiplied by a factor, and another one divided by it.

    Raises:
        InputError: for a single matrix.
    """
    if len(case.network.weights) == 1:
        raise InputError("there is one matrix: choose another network")
    up, down = rng.sample(case.network.weights, 2)
    factor = rng.choice(POSITIVE)
    arrays = list(case.parameters)
    arrays[up], arrays[down] = times(arrays[up], factor), times(arrays[down], 1 / factor)
    return replace(case, parameters=tuple(arrays))


def exchanged_scale(rng: Random, case: Case) -> Case:
    """A matrix or the inputs multiplied by a factor, and the number ``rho`` divided by it.

    What rho times the outputs of a homogeneous network are stays.

    Raises:
        InputError: when there is no such number.
    """
    if "rho" not in case.numbers:
        raise InputError("there is no rho: choose another case")
    factor, numbers = rng.choice(POSITIVE), dict(case.numbers)
    numbers["rho"] /= factor
    place = rng.choice([None, *case.network.weights])
    if place is None:
        return replace(case, inputs=times(case.inputs, factor), numbers=numbers)
    arrays = list(case.parameters)
    arrays[place] = times(arrays[place], factor)
    return replace(case, parameters=tuple(arrays), numbers=numbers)


def exchanged_lengths(rng: Random, case: Case) -> Case:
    """The label of a sample multiplied by a factor, and its input divided by it.

    Homogeneous networks have the same margins then.

    Raises:
        InputError: when there are no labels.
    """
    if case.targets is None:
        raise InputError("there are no labels: choose another case")
    factors = np.full((1, case.samples, 1), Fraction(1), dtype=object)
    factors[0, rng.randrange(case.samples)] = rng.choice(POSITIVE)
    return replace(
        case, inputs=times(case.inputs, 1 / factors), targets=times(case.targets, factors)
    )


def _zeros(*shape: int) -> np.ndarray:
    """``(1, *shape)``, of Fractions."""
    return np.full((1, *shape), Fraction(0), dtype=object)


def _with_zeros(array: np.ndarray, columns: np.ndarray, width: int) -> np.ndarray:
    """``(1, rows, width)``: an array's columns in these places, and zeros elsewhere."""
    grown = _zeros(array.shape[1], width)
    grown[:, :, columns] = array
    return grown


def times(array: np.ndarray, factor: Fraction | np.ndarray) -> np.ndarray:
    """An array in Fractions, times a factor."""
    product: np.ndarray = fractions(array) * factor
    return product


EQUIVALENTS = (
    idle_skip, second_patch, normalised_unit, without_first_layer, rescaled_layers,
    exchanged_scale, exchanged_lengths,
)  # fmt: skip
