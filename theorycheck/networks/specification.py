"""Homogeneous networks: one specification object, and its evaluation on stacked members.

A network is a directed acyclic graph of layers (galanti2022, Section 2.1, Eq. 3-4). Vertex 0 is
the input; vertex ``i`` is ``layers[i - 1]`` and computes ``sigma(n(sum_j W[i,j] v_j))`` over its
incoming edges, where ``n`` is the identity or batch normalisation (Eq. 5). The last layer is the
output.

Every tensor carries a leading *member* axis: a cohort of ``K`` networks of one architecture is
evaluated at once. Shapes below: ``K`` members, ``N`` samples, ``d`` input width, ``C`` outputs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from theorycheck.arguments import (
    choose,
    instance,
    instances,
    real_number,
    whole_number,
    whole_numbers,
)
from theorycheck.errors import InputError, quoted

if TYPE_CHECKING:
    # Loading it takes longer than what reads reports and certificates does with them.
    from torch import Tensor

RELU = 0.0

LINEAR = 1.0
"""Slopes of the activation on negative inputs; leaky ReLU is anything in between."""

Normalisation = Literal["none", "batch", "batch-detached"]

Role = Literal["weight", "bias", "gain", "shift"]

Parameters: TypeAlias = "tuple[Tensor, ...]"
"""One tensor per entry of `Network.parameters`, each of shape ``(K, *parameter.shape)``."""


@dataclass(frozen=True)
class Dense:
    """A full weight matrix of shape ``(target width, source width)``."""


@dataclass(frozen=True)
class Identity:
    """A constant skip connection: the source is added as it is (no parameters)."""


@dataclass(frozen=True)
class Convolution:
    """Filters shared by all patches; the weight matrix holds one filter per row.

    The source is read as ``(channels, height, width)``, the target as ``(filters, rows, columns)``
    of patch positions. A ``stride`` equal to the kernel's sides gives non-overlapping patches.

    Raises:
        InputError: unless all sizes are positive whole numbers and the kernel fits.
    """

    channels: int
    height: int
    width: int
    filters: int
    kernel: tuple[int, int]
    stride: int = 1

    def __post_init__(self) -> None:
        for name in ("channels", "height", "width", "filters", "stride"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name)))
        kernel = whole_numbers("kernel", self.kernel, least=1)
        object.__setattr__(self, "kernel", kernel)
        if len(kernel) != 2 or kernel[0] > self.height or kernel[1] > self.width:
            raise InputError(f"kernel {kernel} must fit: give two sides, up to height and width")

    @property
    def source_width(self) -> int:
        return self.channels * self.height * self.width

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        rows = (self.height - self.kernel[0]) // self.stride + 1
        columns = (self.width - self.kernel[1]) // self.stride + 1
        return rows, columns

    @property
    def positions(self) -> int:
        """Number of patches."""
        return math.prod(self.grid)

    @property
    def target_width(self) -> int:
        return self.filters * self.positions

    def patches(self) -> np.ndarray:
        """Indices of the source entries of each patch, ``(positions, channels * kernel area)``."""
        grid = np.arange(self.source_width).reshape(self.channels, self.height, self.width)
        windows = np.lib.stride_tricks.sliding_window_view(grid, self.kernel, axis=(1, 2))
        strided = windows[:, :: self.stride, :: self.stride]
        return np.array(strided.transpose(1, 2, 0, 3, 4)).reshape(self.positions, -1)


Map = Dense | Identity | Convolution

MAPS: dict[str, type[Dense] | type[Identity] | type[Convolution]] = {
    "dense": Dense,
    "identity": Identity,
    "convolution": Convolution,
}


@dataclass(frozen=True)
class Edge:
    """A connection from vertex ``source`` into the layer that lists it.

    Raises:
        InputError: when the source is no whole number from 0 on, or the map is none.
    """

    source: int
    map: Map = Dense()

    def __post_init__(self) -> None:
        source = whole_number("the source of an edge", self.source, least=0)
        object.__setattr__(self, "source", source)
        instance("the map of an edge", self.map, Map)


@dataclass(frozen=True)
class Layer:
    """``sigma(n(sum over edges + bias))``; ``sigma(z)`` is z for z > 0, ``slope * z`` elsewhere.

    Raises:
        InputError: unless the width is a positive whole number, the edges are a tuple of `Edge`,
            the slope is finite, the normalisation known and the bias True or False.
    """

    width: int
    edges: tuple[Edge, ...]
    slope: float = RELU
    normalisation: Normalisation = "none"
    bias: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", whole_number("the width of a layer", self.width))
        instances("the edges of a layer", self.edges, Edge)
        object.__setattr__(self, "slope", real_number("the slope of a layer", self.slope))
        if not math.isfinite(self.slope):
            raise InputError(f"the slope of a layer is {self.slope}: give a finite number")
        choose("normalisation", self.normalisation, Normalisation)
        instance("bias", self.bias, bool)


@dataclass(frozen=True)
class Parameter:
    """Name, role and shape of one trainable tensor; ``layer`` and ``source`` are vertex numbers."""

    name: str
    role: Role
    shape: tuple[int, ...]
    layer: int
    source: int | None = None


@dataclass(frozen=True)
class Network:
    """The specification of a network: printable, hashable, serialisable.

    Raises:
        InputError: when the input width is no positive whole number, the layers are no tuple of
            `Layer`, a layer refers to a later vertex or has no edge, widths do not match, or
            nothing is trainable.
    """

    input_width: int
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_width", whole_number("the input width", self.input_width))
        instances("the layers of a network", self.layers, Layer)
        if not self.layers:
            raise InputError("a network needs at least one layer")
        for vertex, layer in enumerate(self.layers, start=1):
            if not layer.edges:
                raise InputError(f"layer {vertex} needs at least one edge")
            for edge in layer.edges:
                self._check_edge(vertex, edge)
        if not self.weights:
            raise InputError("a network needs at least one trainable weight matrix")

    def _check_edge(self, vertex: int, edge: Edge) -> None:
        """Raise InputError unless an edge into a vertex comes from an earlier one and fits both."""
        if edge.source >= vertex:
            raise InputError(f"layer {vertex} reads vertex {edge.source}, not an earlier one")
        source, target = self.width(edge.source), self.width(vertex)
        fits = True
        if isinstance(edge.map, Identity):
            fits = source == target
        elif isinstance(edge.map, Convolution):
            fits = (edge.map.source_width, edge.map.target_width) == (source, target)
        if not fits:
            raise InputError(f"layer {vertex}: {edge.map} does not map width {source} to {target}")

    def width(self, vertex: int) -> int:
        """Width of a vertex; vertex 0 is the input."""
        return self.input_width if vertex == 0 else self.layers[vertex - 1].width

    def edge_of(self, index: int) -> Edge:
        """The edge that a weight matrix belongs to; ``index`` is its position in `parameters`."""
        layer = self.parameters[index].layer
        first = next(i for i, parameter in enumerate(self.parameters) if parameter.layer == layer)
        edges = self.layers[layer - 1].edges
        return [edge for edge in edges if not isinstance(edge.map, Identity)][index - first]

    @property
    def depth(self) -> int:
        return len(self.layers)

    @property
    def output_width(self) -> int:
        return self.layers[-1].width

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """All trainable tensors in a fixed order: per layer its weights, bias, gain and shift."""
        return tuple(self._parameters())

    def _parameters(self) -> Iterator[Parameter]:
        for vertex, layer in enumerate(self.layers, start=1):
            for edge in layer.edges:
                name = f"W[{vertex},{edge.source}]"
                if isinstance(edge.map, Dense):
                    shape = (layer.width, self.width(edge.source))
                    yield Parameter(name, "weight", shape, vertex, edge.source)
                elif isinstance(edge.map, Convolution):
                    kernel_size = edge.map.channels * math.prod(edge.map.kernel)
                    shape = (edge.map.filters, kernel_size)
                    yield Parameter(name, "weight", shape, vertex, edge.source)
            if layer.bias:
                yield Parameter(f"bias[{vertex}]", "bias", (layer.width,), vertex)
            if layer.normalisation != "none":
                yield Parameter(f"gain[{vertex}]", "gain", (), vertex)
                yield Parameter(f"shift[{vertex}]", "shift", (), vertex)

    @cached_property
    def weights(self) -> tuple[int, ...]:
        """Positions of the weight matrices within `parameters`."""
        return tuple(i for i, p in enumerate(self.parameters) if p.role == "weight")

    @cached_property
    def products(self) -> int:
        """How many products of a weight and a number the output at a sample takes."""
        total = 0
        for layer in self.layers:
            for edge in layer.edges:
                if isinstance(edge.map, Dense):
                    total += layer.width * self.width(edge.source)
                elif isinstance(edge.map, Convolution):
                    total += layer.width * edge.map.channels * math.prod(edge.map.kernel)
        return total

    @property
    def normalised_by_batch(self) -> bool:
        return any(layer.normalisation != "none" for layer in self.layers)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-serialisable form; inverse of `from_dict`."""
        document: dict[str, Any] = {"input_width": self.input_width, "layers": []}
        for layer in self.layers:
            entry = asdict(layer)
            entry["slope"] = str(Fraction(layer.slope))
            entry["edges"] = [
                {
                    "source": edge.source,
                    "map": type(edge.map).__name__.lower(),
                    **{k: [*v] if k == "kernel" else v for k, v in asdict(edge.map).items()},
                }
                for edge in layer.edges
            ]
            document["layers"].append(entry)
        return document

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Network:
        """Rebuild a network from `to_dict`.

        Raises:
            InputError: when the document is not of that form.
        """
        instance("a network description", document, dict)
        try:
            layers = []
            for entry in document["layers"]:
                edges = []
                for item in entry["edges"]:
                    _check_types(item)
                    fields = {k: v for k, v in item.items() if k not in ("source", "map")}
                    if "kernel" in fields:
                        height, width = fields["kernel"]
                        fields["kernel"] = (height, width)
                        _check_types({"height": height, "width": width})
                    edges.append(Edge(item["source"], MAPS[item["map"]](**fields)))
                _check_types(entry)
                numerator, _, denominator = entry["slope"].partition("/")
                slope = int(numerator) / int(denominator or 1)
                layers.append(Layer(**{**entry, "edges": tuple(edges), "slope": slope}))
            _check_types({"input_width": document["input_width"]})
            return cls(document["input_width"], tuple(layers))
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise InputError(f"not a network description: {error!r}") from error

    def __str__(self) -> str:
        """For example ``2 -> relu 3 -> linear 1``; edges are listed where they skip or share."""
        parts = [str(self.input_width)]
        for vertex, layer in enumerate(self.layers, start=1):
            name = {RELU: "relu", LINEAR: "linear"}.get(layer.slope, f"leaky({layer.slope:g})")
            notes: list[str] = []
            if layer.normalisation != "none":
                notes.append(layer.normalisation)
            if layer.bias:
                notes.append("bias")
            if layer.edges != (Edge(vertex - 1),):
                notes.extend(_edge_text(edge) for edge in layer.edges)
            parts.append(f"{name} {layer.width}" + (f" [{', '.join(notes)}]" if notes else ""))
        return " -> ".join(parts)


FIELD_TYPES: dict[str, tuple[type, ...]] = {
    "bias": (bool,),
    "edges": (list,),
    "kernel": (list, tuple),
    "map": (str,),
    "normalisation": (str,),
    "slope": (str,),
}
"""Types within `Network.to_dict`, by name; all other fields are integers."""


def _check_types(fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if type(value) not in FIELD_TYPES.get(name, (int,)):
            raise TypeError(f"{name} is {value!r}")


def _edge_text(edge: Edge) -> str:
    if isinstance(edge.map, Convolution):
        kernel = "x".join(map(str, edge.map.kernel))
        filters = "1 filter" if edge.map.filters == 1 else f"{edge.map.filters} filters"
        return f"{filters} {kernel} stride {edge.map.stride} on v{edge.source}"
    return f"{'skip' if isinstance(edge.map, Identity) else 'dense'} v{edge.source}"


def mlp(
    widths: Sequence[int],
    slope: float = RELU,
    *,
    normalisation: Normalisation = "none",
    bias: bool = False,
    output_slope: float = LINEAR,
) -> Network:
    """``W_L sigma(W_{L-1} ... sigma(W_1 x))`` with the given widths, input first (xu2022, 3.2).

    Normalisation and biases apply to the hidden layers. ``output_slope=RELU`` gives the network of
    banburski2019, Section 2, whose output passes through the activation too.

    Raises:
        InputError: unless there are two widths at least, all of them positive whole numbers, and
            as `Layer`.
    """
    widths = whole_numbers("widths", widths, least=1)
    if len(widths) < 2:
        raise InputError(f"widths must be two at least, input first, not {quoted(widths)}")
    last = len(widths) - 1
    layers = [
        Layer(width, (Edge(i),), slope, normalisation, bias)
        if i + 1 < last
        else Layer(width, (Edge(i),), output_slope)
        for i, width in enumerate(widths[1:])
    ]
    return Network(widths[0], tuple(layers))
