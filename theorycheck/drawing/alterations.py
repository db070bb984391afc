"""Alterations: a case with something about it changed, and cases without restriction.

A claim is about the cases that its strategy proposes. To see which of its hypotheses it needs, one
of them is changed in one place: an example that meets all hypotheses but one is found there sooner
than among random networks. Additions are often zeros, which keep what holds at the point.

All that is random comes from a generator, not from Hypothesis, which prefers to vary what it has
drawn; what is found is made small afterwards (`theorycheck.claims.reducing`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.numbers import fractions
from theorycheck.drawing.equivalents import EQUIVALENTS, times
from theorycheck.drawing.networks import SLOPES
from theorycheck.drawing.normalised import HADAMARD, PYTHAGOREAN
from theorycheck.errors import InputError
from theorycheck.networks.specification import (
    LINEAR,
    Convolution,
    Dense,
    Edge,
    Identity,
    Layer,
    Network,
    Normalisation,
    Parameter,
    mlp,
)

SMALL = (0, 1, -1, 2, -2)
STEEP = (2.0, -1.0)
"""Slopes that no ReLU or leaky ReLU has: one stretches, the other turns signs."""
FACTORS = (Fraction(2), Fraction(-1), Fraction(0), Fraction(1, 2))
NUMBERS = tuple(Fraction(n, d) for d in (1, 2) for n in (0, 1, -1, 2, 3))
Alteration = Callable[[Random, Case], Case]


def altered(rng: Random, case: Case) -> Case:
    """A single network with one change or two, some of which may be none."""
    return _altered(rng, case, ALTERATIONS, 2)


def _altered(rng: Random, case: Case, among: Sequence[Alteration], most: int) -> Case:
    for _ in range(rng.randint(1, most)):
        try:
            case = rng.choice(among)(rng, case)
        except InputError:  # It does not fit: the case stays as it is.
            continue
    return case


def any_case(rng: Random, numbers: Collection[str]) -> Case:
    """A small network on any data: a chain, more often than not with up to three changes.

    Args:
        numbers: names of those that a case has; those of batch sizes begin with ``batch``.
    """
    widths = [rng.randint(1, 3) for _ in range(rng.choice([2, 3, 3, 4]))]
    widths[-1] = rng.choice([1, 1, 2])
    network = mlp(widths, rng.choice(SLOPES), output_slope=rng.choice([LINEAR, LINEAR, 0.0]))
    samples = rng.randint(1, 3)
    given = {
        name: Fraction(rng.randint(1, 3)) if name.startswith("batch") else rng.choice(NUMBERS)
        for name in numbers
    }
    case = Case(
        network,
        tuple(_integers(rng, parameter.shape) for parameter in network.parameters),
        _integers(rng, (samples, widths[0])),
        _labels(rng, samples, widths[-1]),
        given,
    )
    return _altered(rng, case, OF_NETWORKS, 3) if rng.random() < 7 / 8 else case


def _labels(rng: Random, samples: int, outputs: int) -> np.ndarray:
    kind = rng.choice(["signs", "one-hot", "integers"])
    if kind == "integers":
        return _integers(rng, (samples, outputs))
    if kind == "signs":
        signs = rng.choices([1.0, -1.0], k=samples * outputs)
        return np.array(signs).reshape(1, samples, outputs)
    return np.eye(outputs)[[rng.randrange(outputs) for _ in range(samples)]][None]


# Arrays


def _entries(rng: Random, shape: tuple[int, ...]) -> np.ndarray:
    """``(1, *shape)``: zeros, one unit, or small integers."""
    size = int(np.prod(shape))
    values = [0] * size
    kind = rng.choice(["zeros", "unit", "integers"])
    if kind == "unit":
        values[rng.randint(0, size - 1)] = rng.choice([1, -1])
    elif kind == "integers":
        values = rng.choices(SMALL, k=size)
    return np.array([*map(Fraction, values)], dtype=object).reshape(1, *shape)


def _integers(rng: Random, shape: tuple[int, ...]) -> np.ndarray:
    """``(1, *shape)``: small integers."""
    size = int(np.prod(shape))
    values = [*map(Fraction, rng.choices(SMALL, k=size))]
    return np.array(values, dtype=object).reshape(1, *shape)


def _changed(rng: Random, array: np.ndarray) -> np.ndarray:
    """An array ``(1, *shape)`` with other numbers: scaled, one entry or row other, or all."""
    exact = fractions(array)
    kind = rng.choice(["scaled", "entry", "row", "all"])
    if kind == "scaled":
        return times(exact, rng.choice(FACTORS))
    if kind == "all" or exact.ndim == 1:
        return _entries(rng, exact.shape[1:])
    if kind == "row":
        row = rng.randint(0, exact.shape[1] - 1)
        exact[:, row] = _entries(rng, exact.shape[2:])
        return exact
    place = rng.randint(0, exact.size - 1)
    exact.flat[place] = Fraction(rng.choice(SMALL))
    return exact


# Networks


def _rebuilt(
    rng: Random,
    case: Case,
    network: Network,
    inputs: np.ndarray | None = None,
    targets: np.ndarray | None = None,
) -> Case:
    """A case on another network. Arrays of the same name and shape stay, others are resized.

    Args:
        inputs, targets: where they are not those of the case.
    """
    known = case.by_name
    arrays = []
    for parameter in network.parameters:
        array = known.get(parameter.name)
        if array is None:
            array = _initial(rng, parameter)
        elif array.shape[1:] != parameter.shape:
            array = _resized(rng, array, parameter.shape)
        arrays.append(array)
    return Case(
        network,
        tuple(arrays),
        case.inputs if inputs is None else inputs,
        case.targets if targets is None else targets,
        case.numbers,
    )


def _initial(rng: Random, parameter: Parameter) -> np.ndarray:
    if parameter.role == "gain":
        return np.array([rng.choice([1.0, 2.0])])
    return _entries(rng, parameter.shape)


def _with_layer(network: Network, place: int, **changes: Any) -> Network:
    layers = list(network.layers)
    layers[place] = replace(layers[place], **changes)
    return Network(network.input_width, tuple(layers))


def _biased(rng: Random, case: Case) -> Case:
    place = rng.randint(0, case.network.depth - 1)
    return _rebuilt(rng, case, _with_layer(case.network, place, bias=True))


def _bent(rng: Random, case: Case) -> Case:
    place = rng.randint(0, case.network.depth - 1)
    slope = rng.choice((*SLOPES, *STEEP, *STEEP))
    return replace(case, network=_with_layer(case.network, place, slope=slope))


def _normalised(rng: Random, case: Case) -> Case:
    """A layer normalised, or no longer so; one that reads several, more often than not."""
    layers = case.network.layers
    several = [place for place, layer in enumerate(layers) if len(layer.edges) > 1]
    place = rng.choice([*range(len(layers)), *(2 * len(layers) * several)])
    kinds: list[Normalisation] = ["batch-detached", "batch", "none"]
    kind = rng.choice(kinds)
    return _rebuilt(rng, case, _with_layer(case.network, place, normalisation=kind))


def _standardised(rng: Random, case: Case) -> Case:
    """The first layer normalised, on four samples on which its deviations are rational."""
    width = rng.randint(2, 3)
    kinds: list[Normalisation] = ["batch-detached", "batch"]
    network = _with_layer(case.network, 0, normalisation=rng.choice(kinds), edges=(Edge(0),))
    layer = replace(network.layers[0], width=rng.randint(1, 3))
    network = Network(width, (layer, *network.layers[1:]))
    targets = case.targets
    if targets is not None:
        targets = _resized(rng, targets, (len(HADAMARD), targets.shape[-1]))
    data = HADAMARD[None, :, :width] + float(rng.randint(0, 1))
    changed = _rebuilt(rng, case, network, data, targets)
    rows = np.array([rng.choice(PYTHAGOREAN[width]) for _ in range(layer.width)], dtype=np.float64)
    return replace(changed, parameters=(rows[None], *changed.parameters[1:]))


def _skipping(rng: Random, case: Case) -> Case:
    """One more edge, or another one in the place of that from the layer before.

    Constant where the widths are the same, sometimes; weights otherwise.
    """
    network = case.network
    place = rng.randint(min(1, network.depth - 1), network.depth - 1)
    source = rng.choice([place, *(3 * [*range(place)])])
    layer = network.layers[place]
    same = network.width(source) == layer.width
    kind: Dense | Identity = Identity() if same and rng.random() < 1 / 2 else Dense()
    if source in [edge.source for edge in layer.edges]:
        edges = tuple(replace(e, map=kind) if e.source == source else e for e in layer.edges)
    else:
        edges = (*layer.edges, Edge(source, kind))
    return _rebuilt(rng, case, _with_layer(network, place, edges=edges))


def _several_outputs(rng: Random, case: Case) -> Case:
    """One output more, or one less; with its target, if there are as many."""
    network = case.network
    width = network.output_width + rng.choice([1, -1])
    targets = case.targets
    if targets is not None and targets.shape[-1] == network.output_width and width > 0:
        targets = _resized(rng, targets, (case.samples, width))
    wider = _with_layer(network, network.depth - 1, width=width)
    return _rebuilt(rng, case, wider, targets=targets)


def _convolved(rng: Random, case: Case) -> Case:
    """The first matrix of a layer, of the first one most often, as filters.

    What they read and the next layers get their widths. Patches may overlap in either direction;
    there may be one only, and entries that it does not read, between and after its own.
    """
    network = case.network
    place = rng.choice([0, rng.randrange(network.depth)])
    kernel, stride = rng.choice([(1, 1), (1, 2), (2, 1), (2, 2), (2, 2)]), rng.choice([1, 1, 2, 3])
    height, width = (side + rng.choice([0, 1, 1, stride]) for side in kernel)
    image = Convolution(rng.choice([1, 1, 2]), height, width, rng.choice([1, 2]), kernel, stride)
    layers = list(network.layers)
    convolved = (replace(layers[place].edges[0], map=image), *layers[place].edges[1:])
    layers[place] = replace(layers[place], width=image.target_width, edges=convolved)
    source = convolved[0].source
    if source > 0:
        layers[source - 1] = replace(layers[source - 1], width=image.source_width)
    if place == network.depth - 1:
        layers.append(Layer(network.output_width, (Edge(network.depth),), LINEAR))
    inputs = case.inputs
    if source == 0:
        inputs = _resized(rng, inputs, (case.samples, image.source_width))
    return _rebuilt(rng, case, Network(inputs.shape[-1], tuple(layers)), inputs)


def _resized(rng: Random, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """An array of a shape, with what fits of another one in its corner."""
    grown = _entries(rng, shape)
    common = tuple(slice(min(pair)) for pair in zip(array.shape, grown.shape, strict=True))
    grown[common] = fractions(array)[common]
    return grown


def _wider(rng: Random, case: Case) -> Case:
    """One unit more in a hidden layer, or one more input."""
    network, vertex = case.network, rng.randint(0, case.network.depth - 1)
    if vertex > 0:
        wider = _with_layer(network, vertex - 1, width=network.width(vertex) + 1)
        return _rebuilt(rng, case, wider)
    data = _resized(rng, case.inputs, (case.samples, network.input_width + 1))
    return _rebuilt(rng, case, Network(network.input_width + 1, network.layers), data)


# Numbers and data


def _other_weights(rng: Random, case: Case) -> Case:
    place = rng.randint(0, len(case.parameters) - 1)
    arrays = list(case.parameters)
    arrays[place] = _changed(rng, arrays[place])
    return replace(case, parameters=tuple(arrays))


def _other_inputs(rng: Random, case: Case) -> Case:
    return replace(case, inputs=_changed(rng, case.inputs))


def _other_targets(rng: Random, case: Case) -> Case:
    if case.targets is None:
        return case
    return replace(case, targets=_changed(rng, case.targets))


def _other_number(rng: Random, case: Case) -> Case:
    if not case.numbers:
        return case
    name = rng.choice(sorted(case.numbers))
    value = case.numbers[name]
    others: Sequence[Fraction] = [
        Fraction(case.samples), Fraction(0), -value, 2 * value, Fraction(1), Fraction(-1)
    ]  # fmt: skip
    return replace(case, numbers={**case.numbers, name: rng.choice(others)})


def _other_samples(rng: Random, case: Case) -> Case:
    """One sample less, or one of them twice."""
    rows = list(range(case.samples))
    chosen = rng.choice(rows)
    if len(rows) > 1 and (rng.random() < 1 / 2):
        rows.remove(chosen)
    else:
        rows.append(chosen)
    targets = None if case.targets is None else case.targets[:, rows]
    return replace(case, inputs=case.inputs[:, rows], targets=targets)


OF_NETWORKS: tuple[Alteration, ...] = (
    _biased, _bent, _several_outputs, _skipping, _skipping, _normalised, _standardised, _convolved,
    _convolved, _convolved, _wider,
)  # fmt: skip
"""Changes of the network; the data get the sizes that it needs."""
ALTERATIONS: tuple[Alteration, ...] = (
    _other_weights, _other_inputs, _other_targets, _other_number, _other_samples, *OF_NETWORKS,
    *EQUIVALENTS,
)  # fmt: skip
