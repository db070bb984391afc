"""What the kernel reads and computes of arrays, networks and matrices, worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction as F
from typing import Any

import pytest

from tests.kernel.examples import BITS, DOCUMENT, Json, budget, evaluator
from theorycheck import kernel
from theorycheck.kernel import (
    ConstantUnit,
    Dual,
    Enclosure,
    Example,
    Field,
    Network,
    Rejected,
    Undecided,
)

# --- Documents -----------------------------------------------------------------------------------


@pytest.mark.parametrize("document", [[], "a", None, {}, {"a": 1, "b": 2}])
def test_what_has_not_the_fields_says_so(document: Json) -> None:
    with pytest.raises(Rejected, match=r"part: the keys are not a$"):
        kernel.fields(document, "part", a=int)


@pytest.mark.parametrize("document", [{"3": "4"}, "3", 3, None, [], ["3", "4"]])
def test_an_array_is_a_list_of_its_length(document: Json) -> None:
    """The key of an object, and the letter of a text, are no entries."""
    with pytest.raises(Rejected, match=r"part: not an array of shape \(1,\)"):
        kernel.array(document, (1,), "part")
    assert kernel.array(["3"], (1,), "part") == [3]


@pytest.mark.parametrize("value", [0, 1001, True, "3", F(3), None])
def test_a_size_is_a_whole_number_from_1_to_1000(value: Any) -> None:
    with pytest.raises(Rejected, match="is not a size from 1 to 1000"):
        kernel.size(value, "part")
    assert [kernel.size(1, "part"), kernel.size(1000, "part")] == [1, 1000]


def test_an_example_may_have_1000_numbers() -> None:
    numbers = {f"b{i}": "1" for i in range(1000)}
    assert len(Example({**DOCUMENT, "numbers": numbers}).numbers) == 1000
    with pytest.raises(Rejected, match="more than 1000 numbers"):
        Example({**DOCUMENT, "numbers": {**numbers, "c": "1"}})


def test_an_example_may_be_as_large_as_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters of 4, 2 and 2 entries, and for each of 3 samples vertices of 2, 2 and 1."""
    monkeypatch.setattr(kernel, "MOST_NUMBERS", 8 + 3 * 5)
    assert Example(DOCUMENT).samples == 3
    monkeypatch.setattr(kernel, "MOST_NUMBERS", 8 + 3 * 5 - 1)
    with pytest.raises(Rejected, match="too large an example"):
        Example(DOCUMENT)


def test_numbers_alone_have_no_outputs() -> None:
    case: Json = {"network": None, "parameters": [], "inputs": [[]], "targets": None, "numbers": {}}
    assert evaluator(case).names["outputs"] == ()
    assert Example(case).network.widths == [0]


# --- Networks ------------------------------------------------------------------------------------

CONVOLUTION = {
    "source": 0, "map": "convolution", "channels": 2, "height": 3, "width": 4, "filters": 1,
    "kernel": [2, 3], "stride": 1,
}  # fmt: skip


def one_layer(edge: Json, inputs: int = 24, width: int = 4) -> Json:
    layer = {
        "width": width, "edges": [edge], "slope": "1", "normalisation": "none", "bias": False,
    }  # fmt: skip
    return {"input_width": inputs, "layers": [layer]}


def test_the_patches_of_a_convolution() -> None:
    """Two channels of three rows of four; the second channel begins at 12, a row every 4."""
    first = [0, 1, 2, 4, 5, 6, 12, 13, 14, 16, 17, 18]
    edge = Network(one_layer(CONVOLUTION)).layers[0].edges[0]
    assert edge.patches == [[place + moved for place in first] for moved in (0, 1, 4, 5)]


@pytest.mark.parametrize(
    ("edge", "inputs", "reason"),
    [
        ({**CONVOLUTION, "stride": 0}, 24, "convolution: 0 is not a size"),
        ({**CONVOLUTION, "kernel": [2, "3"]}, 24, "convolution: 3 is not a size"),
        # All patches lie within a longer source, of which nothing reads the rest.
        (CONVOLUTION, 25, "an edge does not fit the widths"),
        ({"source": 1, "map": "dense"}, 24, "does not come from an earlier layer"),
        ({"source": -1, "map": "dense"}, 24, "does not come from an earlier layer"),
    ],
)
def test_an_edge_that_does_not_fit_says_why(edge: Json, inputs: int, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        Network(one_layer(edge, inputs))


def test_a_matrix_with_two_patches_is_one_of_filters() -> None:
    edge = {**CONVOLUTION, "channels": 1, "height": 1, "width": 2, "kernel": [1, 1]}
    case = {
        "network": one_layer(edge, 2, 2), "parameters": [[[["3"]]]],
        "inputs": [[["1", "2"]]], "targets": None, "numbers": {},
    }  # fmt: skip
    assert evaluator(case).names["filters"] == [0]
    dense = {**case, "network": one_layer({"source": 0, "map": "dense"}, 2, 1)}
    dense["parameters"] = [[[["3", "4"]]]]
    assert evaluator(dense).names["filters"] == []


def test_units_that_are_left_open_are_standardised_by_one_function_of_their_variance() -> None:
    """Of 1 and 5, which are 2 below and above their mean, the variance is 4."""
    made = Field(127, "seed")
    found = budget().standardised([[made.rational(F(1))], [made.rational(F(5))]], False, BITS)
    inverse = made.slope(kernel.DEVIATION, made.rational(F(4))).value
    assert [row[0].value for row in found] == [-2 * inverse % made.prime, 2 * inverse % made.prime]


@pytest.mark.parametrize("detached", [True, False])
@pytest.mark.parametrize("lifted", [F, lambda number: Field(127, "seed").rational(F(number))])
def test_a_single_sample_is_constant(lifted: Callable[[int], Any], detached: bool) -> None:
    with pytest.raises(ConstantUnit, match="constant over the batch"):
        budget().standardised([[lifted(3)]], detached, BITS)


def test_a_unit_that_is_constant_over_the_batch_is_not_normalised() -> None:
    with pytest.raises(ConstantUnit, match="constant over the batch"):
        budget().standardised([[F(1), F(2)], [F(3), F(2)]], False, BITS)
    # The deviation of 1 and 3 is 1.
    assert budget().standardised([[F(1)], [F(3)]], False, BITS) == [[-1], [1]]


# --- Matrices ------------------------------------------------------------------------------------


def test_matrices_have_a_least_common_denominator() -> None:
    assert kernel.integers([[F(2), F(-1)]], budget()) == ([[2, -1]], 1)
    assert kernel.integers([[F(1, 4), F(5, 6)]], budget()) == ([[3, 10]], 12)


def test_the_rank_of_what_is_not_known_exactly_is_undecided() -> None:
    with pytest.raises(Undecided):
        kernel.rank([[F(1), Enclosure(F(1), F(2), BITS)]], budget())


SIGNS = [1, -1, -1, 1, -1, 1, 1, -1, -1, -1, 1, -1]
"""Of the diagonal; five are positive."""


def test_elimination_does_not_make_numbers_longer_than_minors() -> None:
    """A minor of 12 rows has at most 12 times as many bits as an entry, and 12 more for each row.

    The diagonal outweighs the rest: no eigenvalue has another sign than its disc (Gershgorin), and
    none is 0.
    """
    matrix = [[2**200 * s if i == j else i * j + 1 for j in range(12)] for i, s in enumerate(SIGNS)]
    lengths: list[int] = []

    class Measured(Example):
        def spend(self, result: Any) -> Any:
            if isinstance(result, list):
                rows = [row if isinstance(row, list) else [row] for row in result]
                lengths.extend(int(entry).bit_length() for row in rows for entry in row)
            return super().spend(result)

    assert kernel.rank([[F(entry) for entry in row] for row in matrix], Measured(DOCUMENT)) == 12
    assert kernel.signature(matrix, Measured(DOCUMENT)) == (5, 7)
    assert max(lengths) <= 12 * (200 + 12)


@pytest.mark.parametrize(("b", "c"), [(-1, 3), (1, -3), (-5, 1)])
def test_a_column_is_added_as_well_as_a_row(b: int, c: int) -> None:
    """The determinant 2 b c is negative and the trace 0: two eigenvalues are positive."""
    assert kernel.signature([[0, 1, b], [1, 0, c], [b, c, 0]], budget()) == (2, 1)


@pytest.mark.parametrize("bits", [16, BITS])
@pytest.mark.parametrize("common", [1, 3])
def test_the_squared_singular_values_of_a_shear(bits: int, common: int) -> None:
    """They are (3 + root(5)) / 2 and (3 - root(5)) / 2, over the square of the denominator."""
    found = kernel.squared_singular_values([[1, 1], [0, 1]], common, budget(), bits)
    for sign, number in zip((1, -1), found, strict=True):
        assert isinstance(number, Enclosure)
        low, high = (sign * (2 * common**2 * end - 3) for end in (number.low, number.high))
        below, above = sorted((low, high))
        assert below > 0
        assert below**2 < 5 < above**2
        assert number.high - number.low <= 5 * number.high / 2**bits


def test_squared_singular_values_that_are_rational_are_exact() -> None:
    rows = [[3, 0, 0], [0, 2, 0], [0, 0, 2], [0, 0, 0]]
    assert kernel.squared_singular_values(rows, 5, budget(), BITS) == [F(9, 25), F(4, 25), F(4, 25)]


def test_bisection_takes_as_many_steps_as_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the numbers are; what comes of it is as narrow as it is asked for."""
    steps = 0
    signature = kernel.signature

    def counted(matrix: Any, example: Example) -> tuple[int, int]:
        nonlocal steps
        steps += 1
        return signature(matrix, example)

    monkeypatch.setattr(kernel, "signature", counted)
    rows = [[2**3000, 0], [0, 2**3000 + 1]]
    found = kernel.squared_singular_values(rows, 1, budget(), 16)
    for number, expected in zip(found, (2**3000 + 1, 2**3000), strict=True):
        low, high = kernel.ends(number)
        assert low <= expected**2 <= high
        assert high - low <= 5 * high / 2**16
    assert steps <= 2 * (2 * 16 + 16)


# --- Values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, True), (-3, True), ((), True), ((1, (2, 3)), True),
        (True, False), (F(3), False), ([1], False), ((1, F(2)), False), ((1, (True,)), False),
    ],
)  # fmt: skip
def test_a_value_of_a_variable_is_whole_or_a_tuple_of_such(value: Any, expected: bool) -> None:
    assert kernel.is_index(value) is expected


def test_an_identity_is_one_connection() -> None:
    for edges, few in ((kernel.MOST_NUMBERS, True), (kernel.MOST_NUMBERS + 1, False)):
        layer = {
            "width": 1, "edges": [{"source": 0, "map": "identity"}] * edges, "slope": "1",
            "normalisation": "none", "bias": False,
        }  # fmt: skip
        document = {"input_width": 1, "layers": [layer]}
        if few:
            assert Network(document).connections == edges
        else:
            with pytest.raises(Rejected, match="too many connections"):
                Network(document)


def test_a_detached_deviation_does_not_move() -> None:
    """Of (a - b) g / 2, where a moves by 1: g / 2, and more where the deviation g moves, too."""
    made = Field(127, "seed")
    a, b = made.coordinate("a"), made.coordinate("b")
    for detached in (True, False):
        rows = [[Dual(a, F(1), 1)], [Dual(b, F(0), 1)]]
        (first,), (second,) = budget().standardised(rows, detached, 64)
        assert (first.value.value + second.value.value) % made.prime == 0
        moved = (first.motion * (a - b)).value == first.value.value
        assert moved is detached
