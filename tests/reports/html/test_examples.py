"""Examples: matrices by name, and what each layer makes of them, checked by hand."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest

from tests.reports.entries import CASE, ENTRIES
from theorycheck.arithmetic.cases import Case
from theorycheck.errors import InputError
from theorycheck.networks.specification import Network, mlp
from theorycheck.reports.html.examples import Numbers, numbers


def read(case: Case) -> Numbers:
    return numbers(ENTRIES["refuted"], case.to_dict())


def plain(line: str) -> str:
    """A line of HTML as text, with a matrix in brackets, and spaces between its numbers."""
    for tag, text in {"<table>": "[", "</table>": "]", "</td>": " ", "</tr>": "/ "}.items():
        line = line.replace(tag, text)
    return re.sub(r"<[^>]*>", "", line)


def test_all_numbers_of_a_case_by_name() -> None:
    found = read(CASE)
    assert found.network == "2 -> relu 2 -> linear 1"
    assert [plain(line) for line in found.given] == [
        "W1,0 = [1 −1/2 / 10 1/4 / ]",
        "W2,1 = [4/3 −1 / ]",
        "x = [1 0 / −12 1 / ]",
        "y = [1 / −1 / ]",
        "batch_size = 2",
        "weight_decay = 1/8",
    ]


def test_layers_are_evaluated_exactly() -> None:
    """By hand: (1, 0) gives 1, 10, then 4/3 - 10; (-12, 1) gives -25/2, -479/4, then 0."""
    assert [plain(line) for line in read(CASE).steps] == [
        "z1 = [1 10 / −25/2 −479/4 / ]",
        "h1 = [1 10 / 0 0 / ]",
        "f = [−26/3 / 0 / ]",
    ]


def test_normalised_layers_have_no_steps() -> None:
    document = mlp([1, 1]).to_dict()
    document["layers"][0]["normalisation"] = "batch"
    network = Network.from_dict(document)
    parameters = tuple(np.ones((1, *parameter.shape)) for parameter in network.parameters)
    assert read(Case(network, parameters, np.array([[[1.0], [2.0]]]))).steps == ()


def test_a_large_matrix_is_named_by_its_shape() -> None:
    case = Case(mlp([20, 1]), (np.ones((1, 1, 20)),), np.ones((1, 1, 20)))
    assert "(1 x 20 matrix, see claims.json)" in plain(read(case).given[0])


def test_long_numbers_are_shortened() -> None:
    case = Case(
        mlp([1, 1]), (np.ones((1, 1, 1)),), np.ones((1, 1, 1)),
        numbers={"rate": Fraction(1, 3**20)},
    )  # fmt: skip
    assert plain(read(case).given[-1]) == "rate = 2.868e-10"


def test_what_is_no_case_names_its_claim() -> None:
    with pytest.raises(InputError, match=r"^claim 'third-claim' cannot be read: not a case: "):
        numbers(ENTRIES["refuted"], {"inputs": []})
