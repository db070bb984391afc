"""Syntax trees: the names in one, and one with another part."""

from __future__ import annotations

import ast
from operator import is_not
from typing import Any


def names_of(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def exchanged(tree: ast.expr, part: ast.expr, new: ast.expr) -> ast.expr:
    """A tree with another part in the place of one; neither is changed, and the rest is shared."""

    def walked(node: Any) -> Any:
        if node is part:
            return new
        if isinstance(node, list):
            found = [walked(child) for child in node]
            return found if any(map(is_not, found, node)) else node
        if not isinstance(node, ast.AST):
            return node
        fields = {name: walked(child) for name, child in ast.iter_fields(node)}
        if all(fields[name] is child for name, child in ast.iter_fields(node)):
            return node
        return type(node)(**fields)

    found: ast.expr = walked(tree)
    return found


def product(left: ast.expr, right: ast.expr) -> ast.expr:
    return ast.BinOp(left, ast.Mult(), right)
