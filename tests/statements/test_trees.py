"""Parts of syntax trees."""

from __future__ import annotations

import ast

from theorycheck.statements.syntax import Formula
from theorycheck.statements.trees import exchanged, names_of, product


def test_neither_tree_is_changed() -> None:
    tree = Formula.of("a * (b + c)").tree
    assert isinstance(tree, ast.BinOp)
    new = exchanged(tree, tree.right, ast.Name("d"))
    assert (ast.unparse(new), ast.unparse(tree)) == ("a * d", "a * (b + c)")


def test_what_does_not_change_is_shared() -> None:
    tree = Formula.of("[a, b]").tree
    assert exchanged(tree, ast.Name("c"), ast.Name("d")) is tree


def test_names() -> None:
    tree = Formula.of("sum([f(n, 0) for n in samples])").tree
    assert names_of(product(tree, ast.Name("rho"))) == {"sum", "f", "n", "samples", "rho"}
