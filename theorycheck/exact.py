"""Exact evaluation of a single network: rationals, or balls where square roots occur.

Every float is a rational, and a network without batch normalisation computes outputs and gradients
that are rational in its weights and data, so identities and ranks are decided here with no
tolerance. Batch normalisation needs square roots; balls (Johansson, Arb: efficient
arbitrary-precision midpoint-radius interval arithmetic, IEEE Trans. Comput. 66(8), 2017) then
enclose the true value, and a comparison of balls is true only when it is proved.

Arrays are NumPy object arrays whose entries are all ``fmpq`` (from `rationals`) or all ``arb``
(from `balls`); nothing is ever rounded to a float. Unlike in `theorycheck.networks` there is no
member axis, and neither torch nor automatic differentiation takes part. Shapes below: ``N``
samples, ``d`` input width, ``C`` outputs, ``E`` entries of the parameter that is differentiated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb, arb_mat, ctx, fmpq, fmpq_mat
from flint.utils.flint_exceptions import DomainError
from torch import Tensor

from theorycheck.errors import InputError
from theorycheck.networks import LINEAR, RELU, Convolution, Identity, Layer, Map, Network

Array = npt.NDArray[np.object_]
MATRICES: dict[type, type[Any]] = {fmpq: fmpq_mat, arb: arb_mat}
"""The two kinds of number and the flint matrices that multiply them."""

FIRST_STEP = fmpq(1, 2**20)
REFINEMENT = fmpq(1, 2**20)
"""First step of `one_sided_derivatives` and the factor between one step and the next."""


def precision(bits: int) -> AbstractContextManager[None]:
    """Work on balls with ``bits`` bits inside a ``with`` statement (53 outside of any).

    Raises:
        InputError: unless ``bits`` is at least 2.
    """
    if bits < 2:
        raise InputError(f"a precision of {bits} bits is too small: give at least 2")
    manager: AbstractContextManager[None] = ctx.workprec(bits)
    return manager


def rationals(numbers: Any) -> Array:
    """Integers, finite floats of any format, Fractions or fmpq as fmpq, without rounding.

    Args:
        numbers: a number, nested lists, a NumPy array or a torch tensor.

    Raises:
        InputError: for a ragged list and for an entry that is not a finite number.
    """
    return _entrywise(_rational, numbers)


def balls(numbers: Any) -> Array:
    """Enclosures at the working precision of whatever `rationals` takes; balls stay as they are.

    Raises:
        InputError: as `rationals`.
    """
    return _entrywise(lambda x: x if isinstance(x, arb) else arb(_rational(x)), numbers)


def to_fractions(array: Array) -> Array:
    """The same rationals as ``fractions.Fraction``."""
    return _entrywise(lambda x: Fraction(int(x.p), int(x.q)), array)


def to_strings(array: Array) -> Any:
    """Nested lists of ``"p/q"`` or ``"p"``, as JSON stores them; one string for a scalar."""
    return _entrywise(str, array).tolist()


def from_strings(strings: Any) -> Array:
    """Inverse of `to_strings`.

    Raises:
        InputError: when an entry is not an integer or a quotient of two, or a list is ragged.
    """
    return _entrywise(_parse, strings)


def _entrywise(convert: Any, numbers: Any) -> Array:
    if isinstance(numbers, Tensor):
        array = np.array(numbers.tolist(), dtype=object).reshape(tuple(numbers.shape))
    else:
        try:
            array = np.asarray(numbers, dtype=object)
        except ValueError as error:
            raise InputError(f"not a rectangular array of numbers: {error}") from error
    result = np.empty(array.shape, dtype=object)
    for i, entry in enumerate(array.flat):
        result.flat[i] = convert(entry)
    return result


def _rational(number: Any) -> fmpq:
    if isinstance(number, fmpq):
        return number
    try:
        if hasattr(number, "as_integer_ratio"):
            return fmpq(*number.as_integer_ratio())
        return fmpq(int(number.numerator), int(number.denominator))
    except (AttributeError, OverflowError, ValueError) as error:
        raise InputError(f"{number!r} is not a finite rational number") from error


def _parse(string: Any) -> fmpq:
    try:
        numerator, _, denominator = string.partition("/")
        return fmpq(int(numerator), int(denominator or 1))
    except (AttributeError, ValueError, ZeroDivisionError) as error:
        raise InputError(f'{string!r} is not a rational: write "p" or "p/q"') from error


def vertices(network: Network, parameters: Sequence[Array], inputs: Array) -> list[Array]:
    """Values of all vertices, input first, each ``(N, width)``; the last one is ``f_W``.

    Args:
        parameters: one array per entry of ``network.parameters``, of that entry's shape.
        inputs: ``(N, d)``. Batch normalisation takes its statistics over the ``N`` samples, no
            epsilon added (galanti2022, Eq. 5).

    Raises:
        InputError: for shapes that do not fit the network; for entries that are not all fmpq or all
            arb; for rationals where a standard deviation is irrational (use `balls`); for a
            normalised unit that is not proved to vary over the batch.
    """
    return _forward(network, parameters, inputs).values


def preactivations(network: Network, parameters: Sequence[Array], inputs: Array) -> list[Array]:
    """Arguments of the activation, ``(N, width)`` for each layer; arguments as in `vertices`."""
    return _forward(network, parameters, inputs).preactivations


def has_kink(network: Network, parameters: Sequence[Array], inputs: Array) -> bool:
    """Whether any unit with an activation that bends has preactivation zero at any sample.

    A ball that contains zero leaves the question open and counts as a kink, so ``False`` is always
    proved: the network is then differentiable in its parameters at these inputs.
    """
    return any(
        layer.slope != LINEAR and not ((array > 0) | (array < 0)).all()
        for layer, array in zip(
            network.layers, preactivations(network, parameters, inputs), strict=True
        )
    )


def jacobian(
    network: Network,
    parameters: Sequence[Array],
    inputs: Array,
    index: int,
    *,
    at_kink: float | None = None,
) -> Array:
    """Derivative of each output at each sample with respect to every entry of one parameter.

    Forward mode: one tangent per entry is carried through the network, so that no structure of the
    gradient (such as the outer product of backpropagation) is built in. A "batch-detached" layer
    holds its standard deviation constant, the pseudo gradient of galanti2022, Section 2.1; a
    "batch" layer differentiates it.

    Args:
        index: position within ``network.parameters``; the other arguments as in `vertices`.
        at_kink: the derivative of every activation that bends where its argument is 0; by default
            its slope on negative arguments, which is autograd's convention.

    Returns:
        ``(N, C, *shape)``; for balls, enclosures of the derivatives under that convention.

    Raises:
        InputError: as `vertices`, and for an index out of range.
    """
    _check_index(network, index)
    trace = _forward(network, parameters, inputs)
    parameter = network.parameters[index]
    tangents: dict[int, Array] = {}
    for vertex in range(parameter.layer, network.depth + 1):
        layer, group = network.layers[vertex - 1], trace.groups[vertex - 1]
        if vertex == parameter.layer and parameter.role == "gain":
            tangent = trace.normalised[vertex][0][None]
        elif vertex == parameter.layer and parameter.role == "shift":
            tangent = _constant(trace, 1, (1, *trace.values[vertex].shape))
        else:
            terms = [
                _connect(edge.map, tangents[edge.source], weight)
                for edge, weight in zip(layer.edges, group.weights, strict=True)
                if edge.source in tangents
            ]
            if vertex == parameter.layer:
                terms.append(_direction(network, trace, index))
            if not terms:
                continue
            tangent = _sum(terms)
            if layer.normalisation != "none":
                tangent = group.gain * _normalise_tangent(layer, tangent, *trace.normalised[vertex])
        preactivation = trace.preactivations[vertex - 1]
        tangents[vertex] = _activate(tangent, preactivation, layer.slope)
        if at_kink is not None and layer.slope != LINEAR:
            selected = _rational(at_kink) * tangent
            tangents[vertex] = np.where(preactivation == 0, selected, tangents[vertex])
    if network.depth not in tangents:
        entries = int(np.prod(parameter.shape))
        tangents[network.depth] = _constant(trace, 0, (entries, *trace.values[-1].shape))
    return _per_sample(tangents[network.depth], parameter.shape)


def difference_quotients(
    network: Network, parameters: Sequence[Array], inputs: Array, index: int, step: fmpq
) -> tuple[Array, Array]:
    """``(f(W + hE) - f(W)) / h`` and ``(f(W) - f(W - hE)) / h``, each entry ``E`` of a parameter.

    Exact, and independent of any rule of differentiation. Each result is ``(N, C, *shape)``.

    Args:
        step: ``h > 0``; the other arguments as in `jacobian`.

    Raises:
        InputError: as `jacobian`; for a network with batch normalisation, for balls (their width
            would be divided by ``h``), and for a step that is not positive.
    """
    right, left, _ = _quotients(network, parameters, inputs, index, step)
    return right, left


def one_sided_derivatives(
    network: Network, parameters: Sequence[Array], inputs: Array, index: int, *, attempts: int = 8
) -> tuple[Array, Array] | None:
    """Right and left derivatives along every entry of a parameter, proved from quotients.

    Along one entry, on ``[0, h]``: when the argument of an activation is affine there and does not
    change sign strictly between the two ends, the activation is affine there too. By induction over
    the layers, a step without strict sign changes is one on which ``f`` is affine, and its
    difference quotient is the derivative. The pieces of ``f`` being finitely many, every
    sufficiently small step is of that kind; steps ``FIRST_STEP * REFINEMENT**i`` are tried.

    Args:
        attempts: how many steps to try; the other arguments as in `difference_quotients`.

    Returns:
        Two arrays ``(N, C, *shape)``; the partial derivative along an entry exists exactly where
        they agree. ``None`` when a kink lies nearer than the last step: not known, never "no".

    Raises:
        InputError: as `difference_quotients`.
    """
    step = FIRST_STEP
    for _ in range(attempts):
        right, left, affine = _quotients(network, parameters, inputs, index, step)
        if affine:
            return right, left
        step *= REFINEMENT
    return None


def derivative_by_quotients(
    network: Network, parameters: Sequence[Array], inputs: Array, index: int, *, attempts: int = 8
) -> Array | None:
    """Partial derivatives ``(N, C, *shape)`` proved by `one_sided_derivatives` that agree.

    ``None`` when some entry has no partial derivative, or when that stayed unknown. At a kink all
    partial derivatives may exist though ``f`` is not differentiable: see `has_kink`.
    """
    sides = one_sided_derivatives(network, parameters, inputs, index, attempts=attempts)
    if sides is None or (sides[0] != sides[1]).any():
        return None
    return sides[0]


def directional_derivative(
    network: Network,
    parameters: Sequence[Array],
    inputs: Array,
    index: int,
    direction: Array,
    *,
    attempts: int = 8,
) -> Array | None:
    """Derivative along one direction of one parameter, proved as in `one_sided_derivatives`.

    Two evaluations of the network for each step, whatever the number of entries.

    Args:
        direction: an array of rationals of the parameter's shape; the others as there.

    Returns:
        ``(N, C)``; ``None`` where the two sides differ, or when a kink lies nearer than the last
        step.

    Raises:
        InputError: as `difference_quotients`.
    """
    _check_index(network, index)
    if network.normalised_by_batch:
        raise InputError("difference quotients are exact only without batch normalisation")
    base = _forward(network, parameters, inputs)
    if base.number is not fmpq:
        raise InputError("difference quotients need rationals, not balls")
    step = FIRST_STEP
    for _ in range(attempts):
        sides = []
        for signed in (step, -step):
            moved = list(parameters)
            moved[index] = parameters[index] + signed * direction
            there = _forward(network, moved, inputs)
            if not _affine_between(network, base, there):
                break
            sides.append((there.values[-1] - base.values[-1]) / signed)
        if len(sides) == 2:
            right, left = sides
            return right if (right == left).all() else None
        step *= REFINEMENT
    return None


def batch_gradient(
    network: Network,
    parameters: Sequence[Array],
    inputs: Array,
    targets: Array,
    index: int,
    weight_decay: fmpq,
) -> Array:
    """Gradient of ``(1/B) sum_n ||f_W(x_n) - y_n||^2 + weight_decay ||W||^2`` on a batch.

    galanti2022, Eq. 6 with the square loss: ``(1/B) sum_n 2 (f_n - y_n) df_n/dW + 2 lambda W``.

    Args:
        inputs: the ``B`` samples of the batch, ``(B, d)``.
        targets: ``(B, C)``, of the same kind of number.
        index, parameters: as in `jacobian`.

    Returns:
        An array of the parameter's shape.

    Raises:
        InputError: as `jacobian`, and for targets of another shape.
    """
    _kind([*parameters, inputs, targets])
    derivatives = jacobian(network, parameters, inputs, index)
    outputs = vertices(network, parameters, inputs)[-1]
    if targets.shape != outputs.shape:
        raise InputError(f"targets have shape {targets.shape}: expected {outputs.shape}")
    shape = network.parameters[index].shape
    residuals = (outputs - targets).reshape(1, -1)
    fit = _product(derivatives.reshape(residuals.size, -1).T, residuals).reshape(shape)
    gradient: Array = fit * fmpq(2, len(inputs)) + 2 * weight_decay * parameters[index]
    return gradient


def rank(matrix: Array) -> int:
    """Rank of a matrix of rationals, exactly.

    Raises:
        InputError: unless ``matrix`` is two-dimensional and rational.
    """
    _check_matrix(matrix)
    if _kind([matrix]) is not fmpq:
        raise InputError("the rank of a matrix of balls is not determined: use rank_exceeds")
    rows, columns = matrix.shape
    return int(fmpq_mat(rows, columns, matrix.ravel().tolist()).rank())


def rank_exceeds(matrix: Array, bound: int) -> bool:
    """Whether elimination proves that every matrix within the balls has rank above ``bound``.

    Gaussian elimination with full pivoting on the entry of largest certain magnitude: ``bound + 1``
    pivots that exclude zero multiply to a minor of that order that excludes zero. ``False`` means
    that it was not proved, not that the rank is small.

    Raises:
        InputError: unless ``matrix`` is a two-dimensional array of balls.
    """
    _check_matrix(matrix)
    if _kind([matrix]) is not arb:
        raise InputError("rank_exceeds takes balls: use rank for rationals")
    rest = matrix
    for _ in range(bound + 1):
        if rest.size == 0:
            return False
        magnitudes = [entry.abs_lower() for entry in rest.ravel().tolist()]
        best = max(range(rest.size), key=magnitudes.__getitem__)
        if not magnitudes[best] > 0:
            return False
        row, column = divmod(best, rest.shape[1])
        pivot_row = rest[row] / rest[row, column]
        others = np.delete(rest, row, axis=0)
        rest = np.delete(others - np.outer(others[:, column], pivot_row), column, axis=1)
    return True


@dataclass(frozen=True)
class _Group:
    """The parameters of one layer; ``weights`` runs over its edges, None for a constant skip."""

    weights: tuple[Array | None, ...]
    bias: Array | None
    gain: Array | None
    shift: Array | None


@dataclass(frozen=True)
class _Trace:
    """What a forward pass computes, arrays ``(..., N, width)``; lists as in `vertices`."""

    number: type[Any]
    groups: list[_Group]
    values: list[Array]
    preactivations: list[Array] = field(default_factory=list)
    normalised: dict[int, tuple[Array, Array]] = field(default_factory=dict)
    """Per normalised vertex: centred values over their standard deviation, and the latter."""


def _forward(
    network: Network,
    parameters: Sequence[Array],
    inputs: Array,
    moved: tuple[int, Array] | None = None,
) -> _Trace:
    """Evaluate; ``moved`` is a vertex and an array added to its sums, with leading axes allowed."""
    trace = _Trace(_check(network, parameters, inputs), _groups(network, parameters), [inputs])
    for vertex, (layer, group) in enumerate(zip(network.layers, trace.groups, strict=True), 1):
        total = _sum(
            _connect(edge.map, trace.values[edge.source], weight)
            for edge, weight in zip(layer.edges, group.weights, strict=True)
        )
        if group.bias is not None:
            total = total + group.bias
        if moved is not None and moved[0] == vertex:
            total = total + moved[1]
        if layer.normalisation != "none":
            unit, deviation = _standardise(total, vertex)
            trace.normalised[vertex] = unit, deviation
            total = group.gain * unit + group.shift
        trace.preactivations.append(total)
        trace.values.append(_activate(total, total, layer.slope))
    return trace


def _groups(network: Network, parameters: Sequence[Array]) -> list[_Group]:
    stream = iter(parameters)
    return [
        _Group(
            tuple(next(stream) if _has_weight(edge.map) else None for edge in layer.edges),
            next(stream) if layer.bias else None,
            next(stream) if layer.normalisation != "none" else None,
            next(stream) if layer.normalisation != "none" else None,
        )
        for layer in network.layers
    ]


def _has_weight(connection: Map) -> bool:
    return not isinstance(connection, Identity)


def _patches(connection: Map, source: Array) -> Array:
    """What each copy of the filters reads, ``(..., positions, size)``; a dense map has one copy."""
    if isinstance(connection, Convolution):
        return source[..., connection.patches()]
    return source[..., None, :]


def _connect(connection: Map, source: Array, weight: Array | None) -> Array:
    if weight is None:
        return source
    by_filter = _product(_patches(connection, source), weight).swapaxes(-1, -2)
    return by_filter.reshape(*source.shape[:-1], -1)


def _direction(network: Network, trace: _Trace, index: int) -> Array:
    """Derivative ``(E, N, width)`` of a layer's sums with respect to its weight or its bias."""
    parameter = network.parameters[index]
    layer, samples = network.layers[parameter.layer - 1], len(trace.values[0])
    if parameter.role == "bias":
        direction = _constant(trace, 0, (layer.width, samples, layer.width))
        units = np.arange(layer.width)
        direction[units, :, units] = trace.number(1)
        return direction
    first = next(i for i, p in enumerate(network.parameters) if p.layer == parameter.layer)
    edge = [edge for edge in layer.edges if _has_weight(edge.map)][index - first]
    patches = _patches(edge.map, trace.values[edge.source])
    positions, size = patches.shape[-2:]
    filters = parameter.shape[0]
    direction = _constant(trace, 0, (filters, size, samples, filters, positions))
    for f in range(filters):
        direction[f, :, :, f] = patches.transpose(2, 0, 1)
    return direction.reshape(filters * size, samples, layer.width)


def _standardise(total: Array, vertex: int) -> tuple[Array, Array]:
    samples = total.shape[-2]
    centred = total - total.sum(axis=-2, keepdims=True) / samples
    variance = (centred * centred).sum(axis=-2, keepdims=True) / samples
    if not (variance > 0).all():
        raise InputError(
            f"layer {vertex}: a normalised unit is not proved to vary over the batch: "
            "change the batch, or raise the precision of balls"
        )
    try:
        deviation = np.frompyfunc(lambda x: x.sqrt(), 1, 1)(variance)
    except DomainError as error:
        raise InputError(
            f"layer {vertex}: a standard deviation is irrational: use balls"
        ) from error
    return centred / deviation, deviation


def _normalise_tangent(layer: Layer, tangent: Array, unit: Array, deviation: Array) -> Array:
    """Derivative of ``(z - mean) / deviation``; ``d deviation = mean(unit * centred tangent)``."""
    samples = tangent.shape[-2]
    centred = tangent - tangent.sum(axis=-2, keepdims=True) / samples
    if layer.normalisation == "batch":
        centred = centred - unit * ((unit * centred).sum(axis=-2, keepdims=True) / samples)
    result: Array = centred / deviation
    return result


def _activate(array: Array, preactivation: Array, slope: float) -> Array:
    """``array`` where the preactivation is positive, ``slope * array`` elsewhere.

    Where a ball leaves the sign open, the hull of the two.
    """
    if slope == LINEAR:
        return array
    zero = type(array.flat[0])(0)
    other = zero if slope == RELU else _rational(slope) * array
    result = np.where(preactivation > 0, array, other)
    undecided = ~((preactivation > 0) | (preactivation <= 0))
    if undecided.any():
        hull = np.frompyfunc(lambda x, y: x.union(y), 2, 1)(array, other)
        result = np.where(undecided, hull, result)
    return result


def _quotients(
    network: Network, parameters: Sequence[Array], inputs: Array, index: int, step: fmpq
) -> tuple[Array, Array, bool]:
    """Right and left quotients, and whether ``f`` is proved affine over each of the steps."""
    _check_index(network, index)
    if network.normalised_by_batch:
        raise InputError("difference quotients are exact only without batch normalisation")
    if not step > 0:
        raise InputError(f"a step of {step} is not positive")
    base = _forward(network, parameters, inputs)
    if base.number is not fmpq:
        raise InputError("difference quotients need rationals, not balls")
    parameter = network.parameters[index]
    move = _direction(network, base, index) * step
    moved = _forward(network, parameters, inputs, (parameter.layer, np.concatenate([move, -move])))
    affine = _affine_between(network, base, moved)
    here = base.values[-1]
    there = np.broadcast_to(moved.values[-1], (2 * len(move), *here.shape))
    right = (there[: len(move)] - here) / step
    left = (here - there[len(move) :]) / step
    return _per_sample(right, parameter.shape), _per_sample(left, parameter.shape), affine


def _affine_between(network: Network, base: _Trace, moved: _Trace) -> bool:
    """Whether no argument of an activation changes its sign strictly from one to the other."""
    return not any(
        (layer.slope != LINEAR) and (((here > 0) & (there < 0)) | ((here < 0) & (there > 0))).any()
        for layer, here, there in zip(
            network.layers, base.preactivations, moved.preactivations, strict=True
        )
    )


def _per_sample(derivatives: Array, shape: tuple[int, ...]) -> Array:
    """``(E, N, C)`` to ``(N, C, *shape)``."""
    moved = np.moveaxis(derivatives, 0, -1)
    return moved.reshape(*moved.shape[:2], *shape)


def _product(left: Array, right: Array) -> Array:
    """``left @ right.T``, ``(..., k)`` with ``(m, k)``, through one flint matrix product."""
    matrix = MATRICES[type(right.flat[0])]
    size = right.shape[1]
    rows = left.size // size
    product = matrix(rows, size, left.ravel().tolist()) * matrix(
        size, len(right), right.T.ravel().tolist()
    )
    return np.array(product.entries(), dtype=object).reshape(*left.shape[:-1], len(right))


def _sum(terms: Iterable[Array]) -> Array:
    first, *others = terms
    for term in others:
        first = first + term
    return first


def _constant(trace: _Trace, value: int, shape: tuple[int, ...]) -> Array:
    return np.full(shape, trace.number(value), dtype=object)


def _kind(arrays: Iterable[Array]) -> type[Any]:
    kinds = {type(entry) for array in arrays for entry in array.flat}
    if len(kinds) != 1 or not kinds <= MATRICES.keys():
        names = ", ".join(sorted(kind.__name__ for kind in kinds)) or "nothing"
        raise InputError(f"arrays hold {names}: convert all with rationals() or all with balls()")
    return kinds.pop()


def _check(network: Network, parameters: Sequence[Array], inputs: Array) -> type[Any]:
    expected = [parameter.shape for parameter in network.parameters]
    shapes = [parameter.shape for parameter in parameters]
    if shapes != expected:
        raise InputError(f"parameters have shapes {shapes}: the network expects {expected}")
    if inputs.ndim != 2 or len(inputs) == 0 or inputs.shape[1] != network.input_width:
        raise InputError(f"inputs have shape {inputs.shape}: expected (N, {network.input_width})")
    return _kind([*parameters, inputs])


def _check_index(network: Network, index: int) -> None:
    if not 0 <= index < len(network.parameters):
        raise InputError(f"no parameter {index}: the network has {len(network.parameters)}")


def _check_matrix(matrix: Array) -> None:
    if matrix.ndim != 2:
        raise InputError(f"an array of shape {matrix.shape} is not a matrix")
