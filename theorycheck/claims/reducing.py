"""Reducing: a case made as small as can be, one step at a time, while something stays true of it.

Steps leave out a sample, a unit, an edge, a layer, a bias or a normalisation, or put a full matrix
in the place of filters, or a simpler number in that of another. The first one that keeps what is to
be kept is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.numbers import fractions
from theorycheck.errors import InputError
from theorycheck.networks.specification import LINEAR, Convolution, Dense, Edge, Network

SIMPLE = tuple(map(Fraction, (1, 0, -1, 2, -2)))
"""Numbers, the simplest first: a network of ones stays an example when it loses units."""
MOST_STEPS = 600
"""Cases that are looked at."""


def reduced(case: Case, keeps: Callable[[Case], bool]) -> Case:
    """The smallest case that is reached from one of which ``keeps`` is true."""
    left = MOST_STEPS

    def looked_at(candidates: Iterator[Case]) -> Case | None:
        nonlocal left
        for candidate in candidates:
            if left == 0:
                return None
            left -= 1
            if keeps(candidate):
                return candidate
        return None

    case = _exact(case)
    for steps in (_smaller, _simpler, _smaller):
        while (found := looked_at(steps(case))) is not None:
            case = found
    return case


def _exact(case: Case) -> Case:
    """The same numbers as Fractions."""
    return replace(
        case,
        parameters=tuple(map(fractions, case.parameters)),
        inputs=fractions(case.inputs),
        targets=None if case.targets is None else fractions(case.targets),
    )


# Fewer numbers


def _smaller(case: Case) -> Iterator[Case]:
    for make in (_without_layer, _without_parts, _without_filters, _without_unit):
        for place in range(case.network.depth + 1):
            try:
                yield from make(case, place)
            except InputError:  # What is left does not fit together.
                continue
    for sample in range(case.samples if case.samples > 1 else 0):
        targets = None if case.targets is None else np.delete(case.targets, sample, axis=1)
        yield replace(case, inputs=np.delete(case.inputs, sample, axis=1), targets=targets)


def _without_layer(case: Case, vertex: int) -> Iterator[Case]:
    """Those that read a hidden layer read what it reads first, if that is as wide."""
    network = case.network
    if not 0 < vertex < network.depth:
        return
    source = network.layers[vertex - 1].edges[0].source
    if network.width(source) != network.width(vertex):
        return

    def moved(edge: Edge) -> Edge:
        read = source if edge.source == vertex else edge.source
        return replace(edge, source=read - (read > vertex))

    layers = [
        replace(layer, edges=tuple(map(moved, layer.edges)))
        for place, layer in enumerate(network.layers, start=1)
        if place != vertex
    ]
    kept = [p.layer != vertex for p in network.parameters]
    if all(len({e.source for e in layer.edges}) == len(layer.edges) for layer in layers):
        changed = Network(network.input_width, tuple(layers))
        yield replace(case, network=changed, parameters=_chosen(case.parameters, kept))


def _without_parts(case: Case, vertex: int) -> Iterator[Case]:
    """A layer without its bias, its normalisation, its bend, or one of several edges."""
    network = case.network
    if vertex == 0:
        return
    layer = network.layers[vertex - 1]
    others = [
        *([replace(layer, bias=False)] if layer.bias else []),
        *([replace(layer, normalisation="none")] if layer.normalisation != "none" else []),
        *([replace(layer, slope=LINEAR)] if layer.slope != LINEAR else []),
    ]
    if len(layer.edges) > 1:
        edges = [tuple(e for e in layer.edges if e is not edge) for edge in layer.edges]
        others += [replace(layer, edges=left) for left in edges]
    for other in others:
        layers = [*network.layers]
        layers[vertex - 1] = other
        changed = Network(network.input_width, tuple(layers))
        names = {parameter.name for parameter in changed.parameters}
        kept = [parameter.name in names for parameter in network.parameters]
        yield replace(case, network=changed, parameters=_chosen(case.parameters, kept))


def _without_filters(case: Case, vertex: int) -> Iterator[Case]:
    """The full matrix that computes the same as the filters of an edge into a layer."""
    network = case.network
    if vertex == 0:
        return
    layer = network.layers[vertex - 1]
    for edge in layer.edges:
        if not isinstance(edge.map, Convolution):
            continue
        edges = tuple(Edge(e.source, Dense()) if e is edge else e for e in layer.edges)
        layers = [*network.layers]
        layers[vertex - 1] = replace(layer, edges=edges)
        arrays = [
            _unrolled(edge.map, array)
            if (parameter.layer, parameter.source) == (vertex, edge.source)
            else array
            for parameter, array in zip(network.parameters, case.parameters, strict=True)
        ]
        changed = Network(network.input_width, tuple(layers))
        yield replace(case, network=changed, parameters=tuple(arrays))


def _unrolled(filters: Convolution, array: np.ndarray) -> np.ndarray:
    """One row for each filter and patch, in the order of the layer's units."""
    shape = (filters.filters, filters.positions, filters.source_width)
    matrix = np.full(shape, Fraction(0), dtype=object)
    for place, patch in enumerate(filters.patches()):
        matrix[:, place, patch] = array[0]
    return matrix.reshape(1, filters.target_width, filters.source_width)


def _without_unit(case: Case, vertex: int) -> Iterator[Case]:
    """A unit of a vertex that only full matrices, and biases, belong to; with its target."""
    network = case.network
    touching = [
        edge.map
        for place, layer in enumerate(network.layers, start=1)
        for edge in layer.edges
        if vertex in (place, edge.source)
    ]
    if network.width(vertex) == 1 or not all(isinstance(one, Dense) for one in touching):
        return
    layers = [*network.layers]
    if vertex > 0:
        layers[vertex - 1] = replace(layers[vertex - 1], width=network.width(vertex) - 1)
    changed = Network(network.input_width - (vertex == 0), tuple(layers))
    for unit in range(network.width(vertex)):
        arrays = []
        for parameter, array in zip(network.parameters, case.parameters, strict=True):
            if parameter.layer == vertex and parameter.shape:
                array = np.delete(array, unit, axis=1)
            elif parameter.source == vertex:
                array = np.delete(array, unit, axis=2)
            arrays.append(array)
        inputs = np.delete(case.inputs, unit, axis=2) if vertex == 0 else case.inputs
        targets = case.targets
        if vertex == network.depth and targets is not None and targets.shape[2] > unit:
            targets = np.delete(targets, unit, axis=2)
        yield replace(
            case, network=changed, parameters=tuple(arrays), inputs=inputs, targets=targets
        )


def _chosen(arrays: Sequence[np.ndarray], kept: Sequence[bool]) -> tuple[np.ndarray, ...]:
    return tuple(array for array, keep in zip(arrays, kept, strict=True) if keep)


# Simpler numbers


def _simpler(case: Case) -> Iterator[Case]:
    for place, array in enumerate(case.parameters):
        for other in _simpler_entries(array):
            arrays = (*case.parameters[:place], other, *case.parameters[place + 1 :])
            yield replace(case, parameters=arrays)
    for other in _simpler_entries(case.inputs):
        yield replace(case, inputs=other)
    if case.targets is not None:
        for other in _simpler_entries(case.targets):
            yield replace(case, targets=other)
    for name, number in case.numbers.items():
        for simple in _simpler_numbers(number):
            yield replace(case, numbers={**case.numbers, name: simple})


def _simpler_entries(array: np.ndarray) -> Iterator[np.ndarray]:
    for place in range(array.size):
        for number in _simpler_numbers(array.flat[place]):
            other = array.copy()
            other.flat[place] = number
            yield other


def _simpler_numbers(number: Fraction) -> Iterator[Fraction]:
    known = SIMPLE.index(number) if number in SIMPLE else len(SIMPLE)
    yield from SIMPLE[:known]
    if number.denominator > 1:
        yield Fraction(round(number))
