"""The exact reader against the kernel, which shares no code with it: word by word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import hypothesis
import numpy as np
import pytest
from flint import arb, fmpq
from hypothesis import given
from hypothesis import strategies as st

from theorycheck import kernel
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.numbers import precision
from theorycheck.drawing.data import cases
from theorycheck.drawing.networks import batch_normalised, convolutional_networks, mlps
from theorycheck.networks.specification import Normalisation, mlp
from theorycheck.statements.exact import Evaluator
from theorycheck.statements.numbers import Open, Undefined, enclosed
from theorycheck.statements.ranks import RankBounds
from theorycheck.statements.syntax import Definition, Formula
from theorycheck.statements.vocabulary import FUNCTIONS, NAMES

WORDS = {
    "f": "f(0, 0)",
    "h": "sum(h(0))",
    "df": "squared(df(0, 0, weights[0]))",
    "grad": "squared(grad(f(0, 0) * squared(W[weights[0]]), weights[0]))",
    "network": "sum(network(W, [x[0], 2 * x[len(x) - 1]])[1])",
    "features": "sum(features([2 * V for V in W], x)[0])",
    "replaced": "sum(network(replaced(W, weights[0], 3 * W[weights[0]]), x)[0])",
    "layer": "layer(weights[0])",
    "source": "source(weights[0])",
    "slope": "slope(1)",
    "patches": "patches(weights[0])",
    "chain": "chain()",
    "varies": "varies() and not (varies([0]) and normalised())",
    "smooth": "smooth() or smooth([0])",
    "detached": "detached()",
    "differentiated": "differentiated()",
    "normalised": "normalised()",
    "normalised_layer": "normalised_layer(1)",
    "inner": "inner(x[0], x[len(x) - 1])",
    "squared": "squared(W[weights[0]])",
    "outer": "rank(outer(x[0], x[0]))",
    "outside": "squared(outside(W[weights[0]], [W[weights[0]][0]]))",
    "T": "squared(T(W[weights[0]]) @ W[weights[0]]) + (W[weights[0]] @ W[weights[0]][0])[0]",
    "trace": "trace(W[weights[0]] @ T(W[weights[0]]))",
    "solve": "squared(solve([[3, x[0][0]], [-x[0][0], 4]], [[f(0, 0), 1], [1, 2]]))",
    "zero": "zero(x[0])",
    "rank": "rank(W[weights[0]])",
    "frobenius": "frobenius(W[weights[0]])",
    "spectral": "spectral(W[weights[0]])",
    "nuclear": "nuclear(W[weights[0]])",
    "frobenius_beyond": "frobenius_beyond(W[weights[0]], 1)",
    "spectral_beyond": "spectral_beyond(W[weights[0]], 1)",
    "nuclear_beyond": "nuclear_beyond(W[weights[0]], 1)",
    "largest": "largest(W[weights[0]])",
    "root": "root(squared(x[0])) + root(2) * root(2) - 1 / root(3)",
    "exp": "exp(-inner(x[0], x[0]) / 3) + exp(f(0, 0)) + exp(root(2) * f(0, 0)) + exp(0)",
    "log": "log(squared(x[0]) + 1 / 7) + log(1 + f(0, 0) ** 2) + log(root(3)) + log(1)",
    "abs": "abs(-f(0, 0))",
    "len": "len(x) + len(x[0]) + len(samples)",
    "range": "sum(range(1, 5, 2)) + sum(range(depth))",
    "sum": "squared(sum([x[n] for n in samples]) / len(samples) - 2 * x[0])",
    "product": "product([squared(W[k]) for k in weights])",
    "max": "max([inner(x[0], x[n]) for n in samples])",
    "min": "min([inner(x[0], x[n]) for n in samples])",
    "all": "all([squared(x[n]) >= 0 for n in samples if n > 0]) and not zero(x[0])",
    "any": "any([f(n, 0) > 0 or f(n, 0) == 0 for n in samples])",
    "batches": "sum([sum([f(n, 0, S) for n in S]) for S in batches(len(samples) - 1)])",
}
NAMED = {
    "samples": "sum([n ** 2 for n in samples])",
    "outputs": "len(outputs)",
    "depth": "depth if depth > 1 else -depth",
    "weights": "sum(weights)",
    "filters": "len(filters)",
    "biases": "sum(biases)",
    "shifts": "len(shifts)",
    "skips": "sum([3 * e[0] + e[1] for e in skips])",
    "W": "W[0][0][0] ** 3",
    "x": "sum(x)[0]",
    "y": "(y[0][0] - 1) / 7",
}

LOSS = [
    "total = sum([squared(W[k]) for k in weights])",
    "loss(n) = (f(n, 0) - y[n][0]) ** 2 + total / 7",
    "last = weights[len(weights) - 1]",
    "gram = [[1 + inner(W[last][0], W[last][0]), 2], [total, total]]",
    "moved(V) = network(V, [x[0], -x[len(x) - 1]])",
]
DERIVATIVES = [
    "sum([squared(grad(loss(n), k)) for n in samples for k in range(len(W))])",
    "squared(sum([grad(loss(n), 0) for n in samples]) - grad(sum([loss(n) for n in samples]), 0))",
    "squared(grad(total, last) - 2 * W[last])",
    "squared(grad(sum(h(0)), weights[0]))",
    "squared(grad(sum(moved(W)[1]), 0))",
    "squared(grad(moved(replaced(W, last, total * W[last]))[0][0], 0))",
    "squared(grad(network(W, [x[0], sum(W[0])])[1][0] if len(W[0][0]) == len(x[0]) else 0, 0))",
    "squared(grad(1 / (1 + total) - 3 / total, last))",
    "squared(grad(root(total) * frobenius(W[0]) + abs(total) + max([total, -1, 0]), last))",
    "squared(grad(largest(W[last]), last))",
    "squared(grad(f(0, 0) if f(0, 0) > 0 else 3 * f(0, 0), last))",
    "squared(grad(inner(W[0], df(0, 0, 0)) - f(0, 0), 0))",
    "squared(grad(squared(df(0, 0, weights[0])), last))",
    "squared(grad(squared(grad(loss(0), weights[0])), last))",
    "squared(grad(inner(grad(total ** 2, last), W[last]), last))",
    "squared(grad(squared(outside(W[last], [x[0]])) if len(W[last][0]) == len(x[0]) else 1, last))",
    "squared(grad(sum(solve(gram + [[3, root(2)], [0, -1]], [total, min([total, -1])])), last))",
    "squared(grad(trace(solve(gram, gram)) + T(W[last])[0] @ W[last] @ W[last][0], last))",
    "squared(grad(log(1 + exp(-y[0][0] * f(0, 0))) + exp(root(total)) * log(total), last))",
    "squared(grad(squared(grad(log(exp(f(0, 0)) + exp(-f(0, 0))), 0)), last))",
    "grad(total, last)[0] @ W[last][0]",
    "sum([squared(grad(t * f(0, 0) * inner(v, x[0]), 0)) for v in x for t in y[0]])",
]
"""Formulas that contain derivatives, with the definitions of `LOSS`."""

plain = st.one_of(mlps(depths=(1, 3), widths=(1, 3), bias=True), mlps(), convolutional_networks())
few = hypothesis.settings(max_examples=25, derandomize=True, database=None, deadline=None)


def drawn(networks: Any) -> st.SearchStrategy[Case]:
    return cases(networks, samples=(2, 3), targets="signs", cohort=1)


def read_by_kernel(text: str, case: Case, where: Sequence[str] = ()) -> Any:
    for bits in kernel.PRECISIONS:
        try:
            evaluator = kernel.Evaluator(kernel.Example(case.to_dict()), where, bits)
            return evaluator.evaluate(kernel.parse(text), {})
        except kernel.Undecided:
            continue
    return None


def read_exactly(text: str, case: Case, where: Sequence[str] = (), *, rational: bool) -> Any:
    definitions = [Definition.of(definition) for definition in where]
    with precision(256):
        try:
            evaluator = Evaluator(case, 0, definitions, rational=rational)
            value = evaluator.value(Formula.of(text).tree, {})
        except Open:
            return None
        # Compared at this precision, not at that of the caller.
        return value if isinstance(value, bool | int | fmpq | RankBounds) else arb(enclosed(value))


def agree(one: Any, other: Any) -> bool:
    """Whether the kernel's value and the reader's may be the same, and are where both are exact."""
    if one is None or other is None:
        return True
    if isinstance(other, RankBounds):
        return bool(other.least <= one <= other.most)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    ends = kernel.ends(Fraction(one) if isinstance(one, int) else one)
    low, high = (fmpq(end.numerator, end.denominator) for end in ends)
    if isinstance(other, int | fmpq):
        return bool(low <= other <= high)
    with precision(512):
        return not (arb(high) < other or arb(low) > other)


@pytest.mark.parametrize("text", [*WORDS.values(), *NAMED.values()])
def test_every_word_means_what_it_means_in_the_kernel(text: str) -> None:
    @few
    @given(drawn(plain))
    def check(case: Case) -> None:
        assert agree(read_by_kernel(text, case), read_exactly(text, case, rational=True))

    check()


@pytest.mark.parametrize("text", [*WORDS.values(), *NAMED.values()])
def test_under_batch_normalisation_too(text: str) -> None:
    networks = batch_normalised(mlps(depths=(2, 2), widths=(1, 2)), "batch")

    @hypothesis.settings(few, max_examples=8)
    @given(drawn(networks))
    def check(case: Case) -> None:
        try:
            found = read_by_kernel(text, case)
        except kernel.Rejected:
            hypothesis.reject()  # A unit that is constant over the batch: there is no value.
        assert agree(found, read_exactly(text, case, rational=False))

    check()


def value_or_none(read: Callable[[], Any]) -> Any:
    """What a reader finds; "none" where the formula has no value to it."""
    try:
        return read()
    except (kernel.Rejected, Undefined):
        return "none"


@pytest.mark.parametrize("text", DERIVATIVES)
def test_derivatives_of_formulas_are_those_of_the_kernel(text: str) -> None:
    @few
    @given(drawn(plain))
    def check(case: Case) -> None:
        mine = value_or_none(lambda: read_exactly(text, case, LOSS, rational=True))
        its = value_or_none(lambda: read_by_kernel(text, case, LOSS))
        assert mine == its == "none" or agree(its, mine)

    check()


@pytest.mark.parametrize("text", DERIVATIVES)
@pytest.mark.parametrize("normalisation", ["batch", "batch-detached"])
def test_derivatives_under_batch_normalisation(text: str, normalisation: Normalisation) -> None:
    networks = batch_normalised(mlps(depths=(2, 2), widths=(1, 2)), normalisation)

    @hypothesis.settings(few, max_examples=5)
    @given(drawn(networks))
    def check(case: Case) -> None:
        its = value_or_none(lambda: read_by_kernel(text, case, LOSS))
        hypothesis.assume(its != "none")
        assert agree(its, read_exactly(text, case, LOSS, rational=False))

    check()


def test_all_words_and_names_are_compared() -> None:
    assert set(WORDS) == set(FUNCTIONS)
    assert set(NAMED) == set(NAMES)
    for name, text in (WORDS | NAMED).items():
        assert name in text


# what has no value, and what stays open


def one_weight(weight: float) -> Case:
    return Case.single(mlp([1, 1]), [[[Fraction(weight)]]], [[1]], [[1]])


def test_what_has_no_value_says_so() -> None:
    case = one_weight(-1)
    for text in ("1 / (f(0, 0) + 1)", "root(f(0, 0))", "x[3]", "range(1 / 2)", "mu", "x[0][-1]"):
        with pytest.raises(Undefined):
            Evaluator(case, 0, []).value(Formula.of(text).tree, {})


def test_members_are_read_one_by_one() -> None:
    case = one_weight(1)
    both = replace(
        case,
        parameters=(np.array([[[1]], [[5]]], dtype=object),),
        inputs=np.array([[[1]], [[1]]], dtype=object),
        targets=np.array([[[1]], [[1]]], dtype=object),
    )
    output = Formula.of("f(0, 0)").tree
    assert [Evaluator(both, member, []).value(output, {}) for member in (0, 1)] == [1, 5]


def test_kinks_of_samples_beyond_a_batch_do_not_matter() -> None:
    """A unit of ReLU whose argument is 1 at the first sample and 0 at the second one."""
    case = Case.single(mlp([1, 1, 1]), [[[1]], [[1]]], [[1], [0]], [[1], [1]])
    expected = {"smooth()": False, "smooth([0])": True, "smooth([1])": False}
    for rational in (True, False):
        for text, smooth in expected.items():
            evaluator = Evaluator(case, 0, [], rational=rational)
            assert evaluator.value(Formula.of(text).tree, {}) is smooth


@pytest.mark.parametrize("name", ["moved", "point", "vertices", "name"])
def test_an_abbreviation_may_be_named_like_what_is_remembered(name: str) -> None:
    """Also while another one means something else."""
    network = mlp([1, 1])
    case = Case(network, (np.full((1, 1, 1), 2.0),), np.full((1, 1, 1), 3.0))
    definitions = [f"{name}(n) = f(n, 0) ** 2", "rest = 1"]
    evaluator = Evaluator(case, 0, [Definition.of(text) for text in definitions], rational=True)
    tree = Formula.of(f"grad({name}(0), 0)[0][0] + {name}(0) + rest").tree
    assert evaluator.value(tree, {}) == 2 * 6 * 3 + 36 + 1
    with evaluator.redefining([Definition.of("rest = 5")]):
        assert evaluator.value(tree, {}) == 2 * 6 * 3 + 36 + 5
    assert evaluator.value(tree, {}) == 2 * 6 * 3 + 36 + 1
