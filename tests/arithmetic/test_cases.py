"""Cases: exact numbers that survive being written to a file, and documents that are refused."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from theorycheck.arithmetic.cases import Case
from theorycheck.errors import InputError
from theorycheck.networks.specification import (
    LINEAR,
    Convolution,
    Edge,
    Identity,
    Layer,
    Network,
    mlp,
)

FILTERS = Convolution(channels=1, height=1, width=4, filters=2, kernel=(1, 3))
MIXED = Network(
    4,
    (
        Layer(4, (Edge(0, FILTERS),), 0.25, bias=True),
        Layer(4, (Edge(1), Edge(0, Identity())), normalisation="batch"),
        Layer(2, (Edge(2), Edge(0)), LINEAR),
    ),
)


def filled(network: Network, *, members: int = 3, samples: int = 2) -> Case:
    """Distinct eighths everywhere, so that no two entries can be mixed up."""
    count = 0

    def array(*shape: int) -> np.ndarray:
        nonlocal count
        size = math.prod(shape)
        count += size
        return np.arange(count - size, count, dtype=np.float64).reshape(shape) / 8

    return Case(
        network,
        tuple(array(members, *p.shape) for p in network.parameters),
        array(members, samples, network.input_width),
        array(members, samples, network.output_width),
        {"weight_decay": Fraction(1, 3), "batch_size": Fraction(2)},
    )


def scalar(weight: Any, value: Any = 1.0) -> Case:
    def one(number: Any) -> np.ndarray:
        dtype = object if isinstance(number, Fraction) else np.float64
        return np.array([[[number]]], dtype=dtype)

    return Case(mlp([1, 1]), (one(weight),), one(value))


def through_json(case: Case) -> Case:
    return Case.from_dict(json.loads(json.dumps(case.to_dict())))


def assert_same(left: Case, right: Case) -> None:
    assert left.network == right.network
    assert left.numbers == right.numbers
    assert (left.targets is None) == (right.targets is None)
    for a, b in zip(arrays(left), arrays(right), strict=True):
        assert a.dtype == b.dtype
        assert a.tolist() == b.tolist()


def arrays(case: Case) -> list[np.ndarray]:
    targets = [] if case.targets is None else [case.targets]
    return [*case.parameters, case.inputs, *targets]


def test_round_trip_through_json() -> None:
    case = filled(MIXED)
    assert_same(through_json(case), case)
    assert_same(through_json(replace(case, targets=None)), replace(case, targets=None))


@pytest.mark.parametrize(
    "number",
    [
        0.1,
        -1 / 3,
        math.pi,
        5e-324,
        2.0**-1022,
        1.7976931348623157e308,
        Fraction(4, 3),
        Fraction(1, 2**1075),
        Fraction(2**53 + 1),
        Fraction(10**400),
        Fraction(-(10**400), 3),
    ],
    ids=lambda number: f"{str(number)[:12]}",
)
def test_every_number_survives_exactly(number: float | Fraction) -> None:
    copied = through_json(scalar(number))
    assert copied.parameters[0].dtype == (object if isinstance(number, Fraction) else np.float64)
    assert Fraction(copied.parameters[0].item()) == Fraction(number)


def test_one_fraction_keeps_its_neighbours_exact() -> None:
    weights = np.array([[[Fraction(4, 3), Fraction(0.1)]]], dtype=object)
    copied = through_json(Case(mlp([2, 1]), (weights,), np.ones((1, 1, 2))))
    assert copied.parameters[0].tolist() == weights.tolist()
    assert copied.inputs.dtype == np.float64


def test_documents_hold_rational_strings() -> None:
    document = replace(
        scalar(0.75, -2.0), numbers={"b": Fraction(1, 3), "a": Fraction(2)}
    ).to_dict()
    assert document == {
        "network": mlp([1, 1]).to_dict(),
        "parameters": [[[["3/4"]]]],
        "inputs": [[["-2"]]],
        "targets": None,
        "numbers": {"a": "2", "b": "1/3"},
    }


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_numbers_that_are_not_finite_cannot_be_written(number: float) -> None:
    with pytest.raises(InputError, match="not a finite rational"):
        scalar(number).to_dict()


def test_counts() -> None:
    case = filled(MIXED, members=3, samples=2)
    assert (case.members, case.samples) == (3, 2)
    one = replace(scalar(0.75, -2.0), numbers={"a": Fraction(2)})
    assert (one.size, replace(one, targets=one.inputs).size) == (3, 4)


def test_member_takes_one_of_each() -> None:
    case = filled(MIXED)
    for index in range(case.members):
        one = case.member(index)
        assert (one.members, one.network, one.numbers) == (1, case.network, case.numbers)
        for whole, part in zip(arrays(case), arrays(one), strict=True):
            assert part.tolist() == [whole[index].tolist()]
    assert replace(case, targets=None).member(2).targets is None


def test_tensors_hold_the_same_numbers() -> None:
    case = filled(MIXED)
    parameters, inputs = case.tensors()
    for tensor, array in zip((*parameters, inputs), (*case.parameters, case.inputs), strict=True):
        assert tensor.dtype == torch.float64
        assert tensor.tolist() == array.tolist()


def test_tensors_round_fractions_to_nearest() -> None:
    assert scalar(Fraction(4, 3)).tensors()[0][0].item() == 4 / 3


Damage = Callable[[dict[str, Any]], object]


def layers(document: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document["network"]["layers"]
    return found


DAMAGES: dict[str, Damage] = {
    "no network": lambda d: d.pop("network"),
    "no parameters": lambda d: d.pop("parameters"),
    "no inputs": lambda d: d.pop("inputs"),
    "no targets": lambda d: d.pop("targets"),
    "no numbers": lambda d: d.pop("numbers"),
    "null inputs": lambda d: d.update(inputs=None),
    "empty inputs": lambda d: d.update(inputs=[]),
    "empty samples": lambda d: d.update(inputs=[[], [], []]),
    "word": lambda d: d.update(inputs=[[["one"] * 4] * 2] * 3),
    "float": lambda d: d.update(inputs=[[[0.5] * 4] * 2] * 3),
    "infinity": lambda d: d.update(inputs=[[[math.inf] * 4] * 2] * 3),
    "decimal": lambda d: d.update(inputs=[[["0.5"] * 4] * 2] * 3),
    "exponent": lambda d: d.update(inputs=[[["1e999999999999"] * 4] * 2] * 3),
    "zero denominator": lambda d: d.update(inputs=[[["1/0"] * 4] * 2] * 3),
    "ragged": lambda d: d["inputs"][0][1].pop(),
    "flat": lambda d: d.update(inputs=["1"] * 24),
    "wide inputs": lambda d: d.update(inputs=[[["1"] * 5] * 2] * 3),
    "fewer members": lambda d: d["inputs"].pop(),
    "fewer parameters": lambda d: d["parameters"].pop(),
    "more parameters": lambda d: d["parameters"].append(["1", "1", "1"]),
    "reshaped parameter": lambda d: d["parameters"].insert(0, d["parameters"].pop()),
    "fewer targets": lambda d: d["targets"].pop(),
    "targets of one sample": lambda d: d.update(targets=[t[:1] for t in d["targets"]]),
    "scalar targets": lambda d: d.update(targets="1"),
    "list of numbers": lambda d: d.update(numbers=["1/2"]),
    "number with a word": lambda d: d.update(numbers={"weight_decay": "much"}),
    "number as float": lambda d: d.update(numbers={"weight_decay": 0.5}),
    "number over zero": lambda d: d.update(numbers={"weight_decay": "1/0"}),
    "network list": lambda d: d.update(network=[]),
    "network null": lambda d: d.update(network=None),
    "width as float": lambda d: layers(d)[1].update(width=4.0),
    "width as word": lambda d: layers(d)[1].update(width="4"),
    "width as truth": lambda d: layers(d)[2].update(width=True),
    "input width as float": lambda d: d["network"].update(input_width=4.0),
    "slope as word": lambda d: layers(d)[0].update(slope="steep"),
    "slope null": lambda d: layers(d)[0].update(slope=None),
    "slope nan": lambda d: layers(d)[0].update(slope=math.nan),
    "bias as word": lambda d: layers(d)[0].update(bias="no"),
    "unknown normalisation": lambda d: layers(d)[1].update(normalisation="layer"),
    "normalisation list": lambda d: layers(d)[1].update(normalisation=[]),
    "source as float": lambda d: layers(d)[1]["edges"][0].update(source=1.0),
    "source ahead": lambda d: layers(d)[1]["edges"][0].update(source=2),
    "unknown map": lambda d: layers(d)[1]["edges"][0].update(map="attention"),
    "map list": lambda d: layers(d)[1]["edges"][0].update(map=[]),
    "kernel of one side": lambda d: layers(d)[0]["edges"][0].update(kernel=[1]),
    "kernel of three sides": lambda d: layers(d)[0]["edges"][0].update(kernel=[1, 3, 1]),
    "kernel of floats": lambda d: layers(d)[0]["edges"][0].update(kernel=[1, 3.0]),
    "kernel as text": lambda d: layers(d)[0]["edges"][0].update(kernel="13"),
    "stride zero": lambda d: layers(d)[0]["edges"][0].update(stride=0),
    "edges as text": lambda d: layers(d)[0].update(edges="0"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_documents_are_refused_in_one_line(damage: Damage) -> None:
    document = copy.deepcopy(filled(MIXED).to_dict())
    damage(document)
    with pytest.raises(InputError) as error:
        Case.from_dict(document)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("document", [None, [], "case", 3, {}])
def test_what_is_no_document_at_all(document: Any) -> None:
    with pytest.raises(InputError):
        Case.from_dict(document)


def test_arrays_that_do_not_fit_are_refused() -> None:
    case = filled(MIXED)
    with pytest.raises(InputError, match="stack one entry per member"):
        replace(case, parameters=case.member(0).parameters)
    with pytest.raises(InputError, match="targets"):
        replace(case, targets=case.inputs[:, :1])
