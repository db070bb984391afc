"""What the kernel refuses, where it refuses it: each limit by itself, with its own sentence."""

from __future__ import annotations

import ast
import copy
import io
import os
from typing import Any

import pytest

from tests.kernel.examples import DOCUMENT, evaluator
from theorycheck import kernel
from theorycheck.kernel import Example, Network, Rejected

LAYER: dict[str, Any] = {
    "width": 2, "edges": [{"source": 0, "map": "dense"}], "slope": "0", "normalisation": "none",
    "bias": False,
}  # fmt: skip
IDENTITY = {"source": 0, "map": "identity"}
CONVOLUTION = {
    "source": 0, "map": "convolution", "channels": 1, "height": 1, "width": 4, "filters": 1,
    "kernel": [1, 4], "stride": 1,
}  # fmt: skip


@pytest.mark.parametrize("text", ['{"a": 0.5}', '{"a": 1e3}', '{"a": NaN}', '{"a": 1234567890}'])
def test_numbers_that_are_no_sizes_are_strings(text: str) -> None:
    with pytest.raises(Rejected, match="numbers other than sizes are strings"):
        kernel.read(text, 100)
    assert kernel.read('{"a": 123456789}', 100) == {"a": 123456789}


@pytest.mark.parametrize("changes", [{"normalisation": "layer"}, {"edges": []}])
def test_a_layer_has_edges_and_a_normalisation_that_is_known(changes: dict[str, Any]) -> None:
    with pytest.raises(Rejected, match="a layer without edges or of unknown normalisation"):
        Network({"input_width": 2, "layers": [{**LAYER, **changes}]})


@pytest.mark.parametrize("kernel_size", [[1, 5], [2, 4], [1, 4, 1], [4]])
def test_the_kernel_of_a_convolution_has_two_sides_that_fit(kernel_size: list[int]) -> None:
    edge = {**CONVOLUTION, "kernel": kernel_size}
    with pytest.raises(Rejected, match="convolution: the kernel does not fit"):
        Network({"input_width": 4, "layers": [{**LAYER, "edges": [edge]}]})


def test_connections_are_counted() -> None:
    """A dense edge reads each of 1000 entries, twenty of them the most; an identity is one more."""
    dense = [{"source": 0, "map": "dense"}] * 20

    def network(edges: list[Any]) -> Network:
        return Network({"input_width": 1000, "layers": [{**LAYER, "width": 1000, "edges": edges}]})

    assert network(dense).connections == kernel.MOST_NUMBERS == 20_000
    with pytest.raises(Rejected, match="too many connections"):
        network([*dense, IDENTITY])


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [([[]], "a network without samples"), ([[["1", "1"]] * 5000], "too large an example")],
)
def test_an_example_has_samples_and_is_not_too_large(inputs: Any, reason: str) -> None:
    document = {**copy.deepcopy(DOCUMENT), "inputs": inputs, "targets": None}
    with pytest.raises(Rejected, match=reason):
        Example(document)


@pytest.mark.parametrize(
    "changes",
    [
        {"parameters": DOCUMENT["parameters"][:2]},
        {"inputs": DOCUMENT["inputs"] * 2},
        {"inputs": []},
        {"inputs": ["1"]},
    ],
)
def test_the_arrays_of_an_example_are_those_of_its_network(changes: dict[str, Any]) -> None:
    with pytest.raises(Rejected, match="the arrays are not those of the network"):
        Example({**DOCUMENT, **changes})


def test_an_identity_keeps_the_width() -> None:
    with pytest.raises(Rejected, match="an edge does not fit the widths"):
        Network({"input_width": 3, "layers": [{**LAYER, "edges": [IDENTITY]}]})


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ([{"source": 1, "map": "dense"}], True),
        ([{"source": 0, "map": "dense"}], False),
        ([{"source": 1, "map": "identity"}], False),
        ([{"source": 1, "map": "dense"}, {"source": 0, "map": "dense"}], False),
    ],
)
def test_in_a_chain_each_layer_reads_the_one_before_it_through_weights(
    edges: list[Any], expected: bool
) -> None:
    layers = [LAYER, {**LAYER, "edges": edges}]
    weights = [[[["1", "2"], ["3", "4"]]]] * (1 + sum(e["map"] == "dense" for e in edges))
    document = {
        "network": {"input_width": 2, "layers": layers}, "parameters": weights,
        "inputs": [[["1", "1"]]], "targets": None, "numbers": {},
    }  # fmt: skip
    node = ast.parse("chain()", mode="eval").body
    assert evaluator(document).evaluate(node, {}) is expected


class Full(io.StringIO):
    """A stream that notices only when it is emptied that there is no room."""

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_what_cannot_be_written_is_noticed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    monkeypatch.setattr(Full, "fileno", lambda _: 0)
    assert kernel.say("an answer", Full()) == "No space left on device"
    assert kernel.say("an answer", io.StringIO()) is None
