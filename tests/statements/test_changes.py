"""Changes of formulas, operator by operator, written down by hand."""

from __future__ import annotations

import ast

import pytest

from theorycheck.statements.changes import Changes, Scope
from theorycheck.statements.syntax import Statement


def changed(
    conclusion: str, kind: str, *, forall: tuple[str, ...] = (), numbers: tuple[str, ...] = ()
) -> set[str]:
    """What becomes of a conclusion by changes of one kind."""
    statement = Statement.of(conclusion, forall=forall, numbers=numbers)
    changes = Changes(statement.conclusion.tree, Scope(statement)).of_a_conclusion()
    return {ast.unparse(new) for change, new in changes if change.kind == kind}


@pytest.mark.parametrize(
    ("conclusion", "kind", "expected"),
    [
        ("f(0, 0) == 1", "sign", {"-f(0, 0) == 1"}),
        ("f(0, 0) == 1", "factor", {"2 * f(0, 0) == 1", "f(0, 0) / 2 == 1"}),
        # Where the other side is 0, a factor of the whole side changes nothing.
        ("f(0, 0) == 0", "factor", set()),
        ("f(0, 0) == 0", "sign", set()),
        ("depth + f(0, 0) == 0", "sign", {"depth - f(0, 0) == 0", "-depth + f(0, 0) == 0"}),
        ("depth - f(0, 0) == 0", "dropped term", {"depth == 0", "-f(0, 0) == 0"}),
        ("depth * f(0, 0) == 1", "dropped factor", {"depth == 1", "f(0, 0) == 1"}),
        # Without a factor 2 is the same as with a factor 1/2.
        ("2 * depth == 1", "dropped factor", {"2 == 1"}),
        ("f(0, 0) / depth == 1", "dropped divisor", {"f(0, 0) == 1"}),
        ("f(0, 0) ** 2 == 1", "dropped exponent", {"f(0, 0) == 1"}),
        ("abs(f(0, 0)) == 1", "dropped absolute value", {"f(0, 0) == 1"}),
        (
            "sum([f(n, 0) for n in samples]) == 1",
            "mean",
            {"sum([f(n, 0) for n in samples]) / len(samples) == 1"},
        ),
        (
            "sum([f(n, 0) for n in samples]) == 1",
            "dropped first",
            {"sum([f(n, 0) for n in samples if n != samples[0]]) == 1"},
        ),
        (
            "sum([depth for b in biases if layer(b) >= 2]) == 1",
            "condition",
            {
                "sum([depth for b in biases if layer(b) <= 2]) == 1",
                "sum([depth for b in biases if layer(b) > 2]) == 1",
            },
        ),
        (
            "sum([depth for b in biases if layer(b) >= 2]) == 1",
            "dropped condition",
            {"sum([depth for b in biases]) == 1"},
        ),
        ("max([f(n, 0) for n in samples]) == 1", "extreme",
         {"min([f(n, 0) for n in samples]) == 1"}),
        ("frobenius(x) <= spectral(x)", "norm",
         {"spectral(x) <= spectral(x)", "frobenius(x) <= nuclear(x)"}),
        ("squared(x) == 1", "norm", {"largest(x) ** 2 == 1"}),
        ("frobenius(x) <= 2", "relation", {"frobenius(x) >= 2"}),
        ("frobenius(x) <= 2", "constant", {"frobenius(x) <= 63 / 64 * 2"}),
        ("frobenius(x) >= 2", "constant", {"63 / 64 * frobenius(x) >= 2"}),
        ("f(0, 0) == 1", "constant", set()),
        ("f(0, 0) != 0", "relation", {"f(0, 0) == 0"}),
        ("f(0, 0) + depth != 0", "sign", set()),
        ("rank(x) <= 1", "rank", {"rank(x) <= 1 + 1", "rank(x) <= 1 - 1"}),
        ("f(0, 0) == 1 or depth == 2", "dropped alternative", {"depth == 2", "f(0, 0) == 1"}),
        ("inner(df(0, 0, 0), x) == 1", "transposition", {"inner(T(df(0, 0, 0)), x) == 1"}),
        ("trace(T(x)) == 1", "transposition", {"trace(x) == 1"}),
        ("y[0][0] * f(0, 0) == 1", "margin", {"y[0][0] * (y[0][0] * f(0, 0)) == 1"}),
    ],
)  # fmt: skip
def test_what_each_kind_of_change_makes(conclusion: str, kind: str, expected: set[str]) -> None:
    assert changed(conclusion, kind) == expected


def test_an_index_is_shifted_wherever_it_stands() -> None:
    found = changed(
        "inner(W[k], df(n, 0, k)) == 1", "index", forall=("k in weights", "n in samples")
    )
    assert found == {
        "inner(W[k + 1], df(n, 0, k)) == 1",
        "inner(W[k], df(n + 1, 0, k)) == 1",
        "inner(W[k], df(n, 0, k + 1)) == 1",
    }


def test_rows_and_columns_are_exchanged() -> None:
    forall = ("k in weights", "i in samples", "j in samples")
    found = changed("df(0, 0, k)[i][j] == 1", "transposition", forall=forall)
    assert "df(0, 0, k)[j][i] == 1" in found
    assert "inner(T(W[k]), x) == 1" in changed(
        "inner(W[k], x) == 1", "transposition", forall=("k in weights",)
    )


def test_all_samples_take_the_place_of_a_batch() -> None:
    found = changed("sum([f(n, 0, S) for n in S]) == 1", "all samples", forall=("S in batches(2)",))
    assert found == {"sum([f(n, 0, S) for n in samples]) == 1"}


def test_outputs_are_exchanged_for_those_of_other_weights() -> None:
    assert changed("f(0, 0) == 1", "normalisation", numbers=("rho",)) == {"rho * f(0, 0) == 1"}
    assert changed("f(0, 0) == 1", "normalisation") == set()


def test_batches_are_not_compared() -> None:
    """No reader compares batches with `!=`; the samples of one, it does."""
    where = ("sets = [S for B in samples for S in batches(B)]", "some = [n for n in samples]")
    for name, count in (("sets", 0), ("some", 1)):
        conclusion = f"sum([depth for a in {name}]) == 1"
        statement = Statement.of(conclusion, where=where)
        changes = Changes(statement.conclusion.tree, Scope(statement)).of_a_conclusion()
        assert len([c for c, _ in changes if c.kind == "dropped first"]) == count
