"""Formulas and statements at the edges of what is allowed, with values worked out by hand."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest

from tests.kernel.examples import DOCUMENT, evaluator
from tests.kernel.test_proofs import statement
from theorycheck import kernel
from theorycheck.kernel import Rejected

F = Fraction


def value_of(formula: str, *where: str, document: Any = DOCUMENT) -> Any:
    return evaluator(document, where).evaluate(kernel.parse(formula), {})


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("abs(rho)", F(1, 2)),
        ("abs(-rho)", F(1, 2)),
        ("outside([[3, 1]], [[2, 0]])", [[0, 1]]),
        ("outside([[1, 0]], [[3, 4]])", [[F(16, 25), F(-12, 25)]]),
        ("outside([[0, 5, 6]], [[1, 1, 0], [1, 0, 0]])", [[0, 0, 6]]),
        ("range(19999, 20000)", (19999,)),
        ("sum([20000, -20000])", 0),
        ("range(-20000, -19999)", (-20000,)),
        ("varies([1])", True),
        ("varies([2, 0])", True),
    ],
)
def test_formulas_at_the_edges_have_values(formula: str, expected: Any) -> None:
    assert value_of(formula) == expected


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        ("range(20000, 20001)", "not whole, or too large"),
        ("range(-20001, -20000)", "not whole, or too large"),
        ("1 + [1, 2]", "is none"),
        ("3 - [1, 2]", "is none"),
        ("1 / [1, 2]", "is none"),
        ("2 ** [1, 2]", "is none"),
        ("[1, 2] + [1, 2, 3]", "arrays that cannot be combined"),
        ("[1, 2, 3] - [1, 2]", "arrays that cannot be combined"),
        ("[1, 2] * [1, 2]", "arrays that cannot be combined"),
        ("[1 for (i, j) in []]", "a loop that is not of the form"),
        ("[1 for (i, j) in [[1, 2]]]", "a loop that is not of the form"),
        ("[1 for W[0] in [1]]", "a loop that is not of the form"),
    ],
)
def test_formulas_beyond_the_edges_say_why_they_have_none(formula: str, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        value_of(formula)


@pytest.mark.parametrize(("normalisation", "varies"), [("none", True), ("batch", False)])
def test_one_sample_varies_where_nothing_is_normalised(normalisation: str, varies: bool) -> None:
    """Be it the only one or a batch by itself; where units are normalised they are constant."""
    first, last = DOCUMENT["network"]["layers"]
    layers = [{**first, "normalisation": normalisation}, last]
    parameters = [*DOCUMENT["parameters"]]
    if normalisation == "batch":
        parameters[2:2] = [["1"], ["0"]]  # The gain and the shift.
    case = {**DOCUMENT, "network": {"input_width": 2, "layers": layers}, "parameters": parameters}
    alone = {**case, "inputs": [DOCUMENT["inputs"][0][:1]], "targets": None}
    assert value_of("varies()", document=alone) is varies
    for n in range(3):
        assert value_of(f"varies([{n}])", document=case) is varies


@pytest.mark.parametrize(
    ("opening", "closing", "signs"),
    [
        ("", "1", 40),
        # A loop stands one level below its list, and what it repeats one level below the loop.
        ("[", "1 for i in [0]]", 38),
        ("[1 for i in [", "0]]", 38),
        ("[1 for i in [0] if ", "1 < 2]", 38),
        ("-[", "1 for i in [0]]", 37),
        ("[", "1 for i in [0] for j in [0]]", 37),
        ("--[", "1 for i in [0] for j in [0]]", 35),
    ],
)
def test_formulas_are_nested_up_to_forty_levels(opening: str, closing: str, signs: int) -> None:
    sign = "not " if closing == "1 < 2]" else "-"
    value_of(f"{opening}{sign * signs}{closing}")
    with pytest.raises(Rejected, match="a formula is nested too deeply"):
        value_of(f"{opening}{sign * (signs + 1)}{closing}")


def test_a_definition_may_call_all_functions() -> None:
    calls = ", ".join(f"{name}()" for name in evaluator(DOCUMENT).functions)
    assert value_of("3", f"g(a) = [{calls}]") == 3
    with pytest.raises(Rejected, match="not yet defined"):
        value_of("3", f"g(a) = [{calls}, g()]")


def test_a_name_keeps_the_value_that_it_had_when_it_was_defined() -> None:
    """Here its formula has a variable of the name that is defined later."""
    assert value_of("[sum(v), i]", "v = [2 * i for i in samples]", "i = 7") == [6, 7]


def test_all_batches_together_are_not_too_long() -> None:
    """At most 200,000, counted as 5 each: 35,960 of 4 out of 32, but not 40,920 of 4 out of 33."""
    inputs, nothing = DOCUMENT["inputs"][0][:1], {"targets": None}
    found = evaluator({**DOCUMENT, **nothing, "inputs": [inputs * 32]}).batches(4)
    assert (len(found), found[0], found[-1]) == (35_960, (0, 1, 2, 3), (28, 29, 30, 31))
    with pytest.raises(Rejected, match="too many batches"):
        evaluator({**DOCUMENT, **nothing, "inputs": [inputs * 33]}).batches(4)


@pytest.mark.parametrize("part", ["hypotheses", "given", "where", "forall"])
def test_a_statement_has_up_to_forty_entries_of_each_part(part: str) -> None:
    entries = [
        {"forall": f"v{i} in samples", "where": f"v{i} = 0"}.get(part, "1 < 2") for i in range(41)
    ]
    read = statement("0 <= 1", **{part: entries[:40]})
    assert part == "hypotheses" or len(getattr(read, part)) == 40
    with pytest.raises(Rejected, match="more than 40"):
        statement("0 <= 1", **{part: entries})


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("all([squared(W[k]) == 1 for k in weights])", True),
        ("all([depth == 2 and squared(W[k]) == 1 for k in weights])", True),
        ("depth == 2 and all([squared(W[k]) == 1 for k in weights])", True),
        ("all([squared(W[k]) == 2 for k in weights])", False),
        ("all([squared(W[k]) <= 1 for k in weights])", False),
        ("all([squared(W[k]) == 1 or depth == 2 for k in weights])", False),
        ("all([squared(W[k]) == 1 for k in biases])", False),
        ("any([squared(W[k]) == 1 for k in weights])", False),
        ("squared(W[k]) == 1", False),
    ],
)
def test_a_hypothesis_says_one_equation_of_all_weights(condition: str, said: bool) -> None:
    assert (
        statement("0 <= 1", given=[condition]).assumes("squared(W[k]) == 1", "k", "weights") is said
    )


def test_what_is_equal_and_moves_with_nothing_has_a_greatest() -> None:
    """Five twice, and an output that is less: moving the weights changes nothing."""
    assert value_of("grad(max([5, 5, f(2, 0)]), 2)") == [[0, 0]]
    assert value_of("grad(min([-9, -9, f(0, 0)]), 2)") == [[0, 0]]
    with pytest.raises(Rejected, match="that two are"):
        value_of("grad(max([f(0, 0), f(0, 0)]), 2)")


@pytest.mark.parametrize(
    "formula", ["max([{0}, {1}])", "min([{1}, {0}])", "largest([[{0}, -{1}]])"]
)
def test_what_enclosures_do_not_tell_apart_has_a_greatest(formula: str) -> None:
    """It is enclosed, not known; what is beyond it is."""
    same = formula.format("exp(1)", "exp(1 / 2) ** 2")
    found = value_of(same)
    assert F(271828, 10**5) < found.low <= found.high < F(271829, 10**5)
    assert value_of(f"max([{same}, 3])") == 3
    assert value_of(f"min([{same}, 2])") == 2


def test_an_enclosure_around_0_has_an_absolute_value() -> None:
    found = value_of("abs(exp(1) - exp(1 / 2) ** 2)")
    assert found.low == 0
    assert 0 < found.high < F(1, 10**9)
    below, above = value_of("abs(exp(1) - 3)"), value_of("3 - exp(1)")
    assert (below.low, below.high) == (above.low, above.high)
    with pytest.raises(kernel.Undecided):
        value_of("grad(abs(f(0, 0) * (exp(1) - exp(1 / 2) ** 2)), 2)")
    with pytest.raises(kernel.Undecided):
        value_of("grad(max([W[2][0][0] * exp(1), W[2][0][0] * exp(1 / 2) ** 2]), 2)")


SAME, OTHER = "W[2][0][0] * exp(1)", "3 * exp(1 / 2) ** 2"
"""Equal, as that weight is 3, but only one of them moves with it."""


@pytest.mark.parametrize("numbers", [(SAME, OTHER), (OTHER, SAME)])
@pytest.mark.parametrize("function", ["max", "min", "largest"])
def test_a_greatest_that_may_move_has_no_derivative(
    function: str, numbers: tuple[str, str]
) -> None:
    with pytest.raises(kernel.Undecided):
        value_of(f"grad({function}([{', '.join(numbers)}]), 2)")


def between(low: int, high: int) -> kernel.Enclosure:
    return kernel.Enclosure(F(low), F(high), 64)


@pytest.mark.parametrize(
    ("ends", "expected"),
    [((-3, 1), (0, 3)), ((-1, 3), (0, 3)), ((-3, 0), (0, 3)), ((0, 3), (0, 3)), ((-3, -1), (1, 3))],
)
def test_the_ends_of_absolute_values(ends: tuple[int, int], expected: tuple[int, int]) -> None:
    assert evaluator(DOCUMENT).absolute(between(*ends)) == between(*expected)


@pytest.mark.parametrize(
    ("left", "right", "largest", "least"),
    [
        (between(1, 3), between(2, 5), (2, 5), (1, 3)),
        (between(1, 5), between(2, 3), (2, 5), (1, 3)),
        (between(1, 3), F(2), (2, 3), (1, 2)),
        (between(1, 3), F(3), (3, 3), (1, 3)),
    ],
)
def test_the_ends_of_what_is_greatest(
    left: Any, right: Any, largest: tuple[int, int], least: tuple[int, int]
) -> None:
    found = evaluator(DOCUMENT)
    for numbers in ([left, right], [right, left]):
        assert kernel.ends(found.greatest(numbers)) == tuple(map(F, largest))
        assert kernel.ends(found.greatest(numbers, "<")) == tuple(map(F, least))


def test_only_the_samples_of_a_batch_have_to_be_smooth() -> None:
    """At all but the first of three samples a unit is at its kink."""
    for batch, smooth in (("[0]", True), ("[1]", False), ("[2, 0]", False), ("[0, 0]", True)):
        assert value_of(f"smooth({batch})") is smooth
    assert value_of("smooth()") is False


def test_only_weights_have_patches() -> None:
    assert [value_of("patches(0)"), value_of("patches(2)")] == [1, 1]
    with pytest.raises(Rejected, match="a parameter that is not a weight"):
        value_of("patches(1)")


def test_skips_are_named_by_the_layers_that_they_join() -> None:
    document = json.loads(json.dumps(DOCUMENT))
    document["network"]["layers"][0]["edges"].append({"source": 0, "map": "identity"})
    assert value_of("skips", document=document) == [[0, 1]]
    assert value_of("skips") == []


def test_without_a_network_there_is_no_chain() -> None:
    nothing: dict[str, Any] = {
        "network": None,
        "parameters": [],
        "inputs": [[]],
        "targets": None,
        "numbers": {},
    }
    assert value_of("chain()") is True
    assert value_of("chain()", document=nothing) is False
