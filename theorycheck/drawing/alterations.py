"""Alterations: a drawn case with something about it changed, and cases without restriction.

A claim is about the cases that its strategy proposes. To see which of its hypotheses it needs, one
of them is changed in one place: an example that meets all hypotheses but one is found there sooner
than among random networks. Additions begin with zeros, which keep what holds at the point.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from theorycheck.arithmetic.cases import Case
from theorycheck.drawing.data import cases
from theorycheck.drawing.networks import (
    SLOPES,
    Cases,
    batch_normalised,
    convolutional_networks,
    directed_graphs,
    mlps,
    residual_networks,
)
from theorycheck.drawing.numbers import dyadics
from theorycheck.errors import InputError
from theorycheck.networks.specification import (
    Convolution,
    Dense,
    Edge,
    Identity,
    Layer,
    Network,
    Normalisation,
    Parameter,
)

LARGEST = 300
"""Numbers of a case up to which it is altered."""
SMALL = (0, 1, -1, 2, -2)
FACTORS = (Fraction(2), Fraction(-1), Fraction(0), Fraction(1, 2))
Alteration = Callable[[st.DrawFn, Case], Case]


@st.composite
def unrestricted_cases(draw: st.DrawFn, numbers: Collection[str]) -> Case:
    """Small single networks of any kind that the language has, on any data.

    Args:
        numbers: names of those that a case has; those of batch sizes begin with ``batch``.
    """
    outputs = (1, 2)
    plain = st.one_of(
        mlps(depths=(1, 3), widths=(1, 3), outputs=outputs),
        mlps(depths=(2, 3), widths=(1, 3), outputs=outputs, bias=True),
        directed_graphs(depths=(2, 3), outputs=outputs, skip_count=(1, 1)),
        residual_networks(blocks=(1, 1), widths=(1, 2), outputs=outputs),
        convolutional_networks(outputs=outputs),
    )
    kinds: list[Normalisation] = ["none", "none", "none", "batch-detached", "batch"]
    kind = draw(st.sampled_from(kinds))
    deep = plain.filter(lambda network: network.depth > 1)
    counts = st.integers(0, 3).map(Fraction)
    return draw(
        cases(
            plain if kind == "none" else batch_normalised(deep, kind),
            targets=draw(st.sampled_from(["dyadic", "signs", "one-hot"])),
            numbers={n: counts if n.startswith("batch") else dyadics() for n in numbers},
            cohort=1,
        )
    )


@st.composite
def altered_cases(
    draw: st.DrawFn, proposed: Cases, alterations: Sequence[Alteration], *, most: int = 1
) -> Case:
    """Single networks out of those proposed, with one change or several, some of which are none."""
    case = draw(proposed)
    if case.size > LARGEST * case.members:
        return case
    case = case.member(draw(st.integers(0, case.members - 1)))
    for _ in range(draw(st.integers(1, most))):
        try:
            case = draw(st.sampled_from(alterations))(draw, case)
        except InputError:  # It does not fit: the case stays as it is.
            continue
    return case


# Arrays


def _entries(draw: st.DrawFn, shape: tuple[int, ...]) -> np.ndarray:
    """``(1, *shape)``: zeros, one unit, or small integers."""
    size = int(np.prod(shape))
    values = [0] * size
    kind = draw(st.sampled_from(["zeros", "unit", "integers"]))
    if kind == "unit":
        values[draw(st.integers(0, size - 1))] = draw(st.sampled_from([1, -1]))
    elif kind == "integers":
        values = draw(st.lists(st.sampled_from(SMALL), min_size=size, max_size=size))
    return np.array(values, dtype=object).reshape(1, *shape)


def _changed(draw: st.DrawFn, array: np.ndarray) -> np.ndarray:
    """An array ``(1, *shape)`` with other numbers: scaled, one entry or row other, or all."""
    exact = _exact(array)
    kind = draw(st.sampled_from(["scaled", "entry", "row", "all"]))
    if kind == "scaled":
        return _scaled(exact, draw(st.sampled_from(FACTORS)))
    if kind == "all" or exact.ndim == 1:
        return _entries(draw, exact.shape[1:])
    if kind == "row":
        row = draw(st.integers(0, exact.shape[1] - 1))
        exact[:, row] = _entries(draw, exact.shape[2:])
        return exact
    place = draw(st.integers(0, exact.size - 1))
    exact.flat[place] = draw(st.sampled_from(SMALL))
    return exact


def _exact(array: np.ndarray) -> np.ndarray:
    """A copy as an object array: of floats, which are rationals, or of Fractions."""
    exact = np.empty(array.shape, dtype=object)
    exact[...] = array if array.dtype == object else np.vectorize(Fraction, otypes=[object])(array)
    return exact


def _scaled(array: np.ndarray, factor: Fraction) -> np.ndarray:
    scaled = np.empty(array.shape, dtype=object)
    scaled[...] = array * factor
    return scaled


# Networks


def _rebuilt(
    draw: st.DrawFn, case: Case, network: Network, resized: Callable[..., np.ndarray] | None = None
) -> Case:
    """A case on another network. Parameters of one name and shape stay, new ones are drawn.

    Args:
        resized: makes the array of a parameter whose shape changed out of the one it had.
    """
    described = zip(case.network.parameters, case.parameters, strict=True)
    known = {parameter.name: array for parameter, array in described}
    arrays = []
    for parameter in network.parameters:
        array = known.get(parameter.name)
        if array is not None and array.shape[1:] != parameter.shape:
            array = None if resized is None else resized(array, parameter)
        arrays.append(_initial(draw, parameter) if array is None else array)
    return replace(case, network=network, parameters=tuple(arrays))


def _initial(draw: st.DrawFn, parameter: Parameter) -> np.ndarray:
    if parameter.role == "gain":
        return np.array([draw(st.sampled_from([1.0, 2.0]))])
    return _entries(draw, parameter.shape)


def _with_layer(network: Network, place: int, **changes: Any) -> Network:
    layers = list(network.layers)
    layers[place] = replace(layers[place], **changes)
    return Network(network.input_width, tuple(layers))


def _biased(draw: st.DrawFn, case: Case) -> Case:
    place = draw(st.integers(0, case.network.depth - 1))
    return _rebuilt(draw, case, _with_layer(case.network, place, bias=True))


def _bent(draw: st.DrawFn, case: Case) -> Case:
    place = draw(st.integers(0, case.network.depth - 1))
    slope = draw(st.sampled_from(SLOPES))
    return replace(case, network=_with_layer(case.network, place, slope=slope))


def _normalised(draw: st.DrawFn, case: Case) -> Case:
    place = draw(st.integers(0, case.network.depth - 1))
    kinds: list[Normalisation] = ["batch-detached", "batch", "none"]
    kind = draw(st.sampled_from(kinds))
    return _rebuilt(draw, case, _with_layer(case.network, place, normalisation=kind))


def _skipping(draw: st.DrawFn, case: Case) -> Case:
    """One more edge, or the weights of one left out."""
    network = case.network
    place = draw(st.integers(0, network.depth - 1))
    layer, source = network.layers[place], draw(st.integers(0, place))
    sources = [edge.source for edge in layer.edges]
    kind: Dense | Identity = Dense() if draw(st.booleans()) else Identity()
    if source in sources:
        edges = tuple(replace(e, map=kind) if e.source == source else e for e in layer.edges)
    else:
        edges = (*layer.edges, Edge(source, kind))
    return _rebuilt(draw, case, _with_layer(network, place, edges=edges))


def _several_outputs(draw: st.DrawFn, case: Case) -> Case:
    """One output more, or one less; with its target, if there are as many."""
    network, more = case.network, draw(st.sampled_from([1, -1]))
    width = network.output_width

    def resized(array: np.ndarray, parameter: Parameter) -> np.ndarray:
        if more < 0:
            return array[:, :-1]
        return np.concatenate([_exact(array), _entries(draw, (1, *parameter.shape[1:]))], axis=1)

    changed = _rebuilt(
        draw, case, _with_layer(network, network.depth - 1, width=width + more), resized
    )
    targets = case.targets
    if targets is not None and targets.shape[-1] == width:
        new = _entries(draw, (case.samples, 1))
        targets = targets[..., :-1] if more < 0 else np.concatenate([_exact(targets), new], axis=2)
    return replace(changed, targets=targets)


def _convolved(draw: st.DrawFn, case: Case) -> Case:
    """The first layer as filters on several patches, if widths allow it."""
    network = case.network
    width, inputs = network.layers[0].width, network.input_width
    counts = [p for p in range(2, inputs + 1) if width % p == 0]
    if not counts:
        return _wider(draw, case)
    patches = draw(st.sampled_from(counts))
    filters, kernel = width // patches, inputs - patches + 1
    convolution = Convolution(1, 1, inputs, filters, (1, kernel))
    layer = replace(network.layers[0], edges=(Edge(0, convolution),))
    layers = (layer, *network.layers[1:])
    return _rebuilt(draw, case, Network(inputs, layers))


def _wider(draw: st.DrawFn, case: Case) -> Case:
    """One unit more in the first layer, or one more input."""
    network = case.network
    inside = network.depth > 1 and draw(st.booleans())
    layer = replace(network.layers[0], width=network.layers[0].width + 1)
    layers: tuple[Layer, ...] = (layer, *network.layers[1:]) if inside else network.layers

    def resized(array: np.ndarray, parameter: Parameter) -> np.ndarray:
        grown = _entries(draw, parameter.shape)
        grown[tuple(map(slice, array.shape))] = _exact(array)
        return grown

    changed = Network(network.input_width + (not inside), layers)
    inputs = case.inputs
    if not inside:
        inputs = np.concatenate([_exact(inputs), _entries(draw, (case.samples, 1))], axis=2)
    described = zip(case.network.parameters, changed.parameters, case.parameters, strict=True)
    arrays = [
        array if old.shape == new.shape else resized(array, new) for old, new, array in described
    ]
    return replace(case, network=changed, parameters=tuple(arrays), inputs=inputs)


# Numbers and data


def _other_weights(draw: st.DrawFn, case: Case) -> Case:
    place = draw(st.integers(0, len(case.parameters) - 1))
    arrays = list(case.parameters)
    arrays[place] = _changed(draw, arrays[place])
    return replace(case, parameters=tuple(arrays))


def _other_inputs(draw: st.DrawFn, case: Case) -> Case:
    return replace(case, inputs=_changed(draw, case.inputs))


def _other_targets(draw: st.DrawFn, case: Case) -> Case:
    if case.targets is None:
        return case
    return replace(case, targets=_changed(draw, case.targets))


def _other_number(draw: st.DrawFn, case: Case) -> Case:
    if not case.numbers:
        return case
    name = draw(st.sampled_from(sorted(case.numbers)))
    value = case.numbers[name]
    others: Sequence[Fraction] = [
        Fraction(case.samples), Fraction(0), -value, 2 * value, Fraction(1), Fraction(-1)
    ]  # fmt: skip
    return replace(case, numbers={**case.numbers, name: draw(st.sampled_from(others))})


def _other_samples(draw: st.DrawFn, case: Case) -> Case:
    """One sample less, or one of them twice."""
    rows = list(range(case.samples))
    chosen = draw(st.sampled_from(rows))
    if len(rows) > 1 and draw(st.booleans()):
        rows.remove(chosen)
    else:
        rows.append(chosen)
    targets = None if case.targets is None else case.targets[:, rows]
    return replace(case, inputs=case.inputs[:, rows], targets=targets)


ALTERATIONS: tuple[Alteration, ...] = (
    _other_weights, _other_inputs, _other_targets, _other_number, _other_samples, _biased, _bent,
    _several_outputs, _skipping, _normalised, _convolved, _wider,
)  # fmt: skip
