"""Cases for a reader: networks in words, and their numbers as matrices."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from theorycheck.statements.vocabulary import NAMES

LONGEST_ROW = 12

MOST_ROWS = 12

OF_NETWORKS = {*NAMES, "f", "h", "df", "network", "features"}
"""Words of formulas about networks."""


def case_lines(case: Mapping[str, Any], formula: Sequence[str] = ()) -> list[str]:
    """A case as matrices for a reader; large ones are named by their shape.

    Args:
        formula: what is checked there, if that is known. One about numbers alone has no network.

    Raises:
        InputError: when it is no case.
    """
    network, matrices = case_matrices(case, formula)
    lines = [line for named in matrices.items() for line in _matrix(*named)]
    return [f"network  {network}", *lines] if network else lines


def about_networks(formula: Sequence[str]) -> bool:
    """Whether a formula has words of a network or its data, not of numbers alone; none may."""
    used = {word for line in formula for word in re.findall(r"[A-Za-z_]\w*", line)}
    return not formula or bool(used & OF_NETWORKS)


def case_matrices(
    case: Mapping[str, Any], formula: Sequence[str] = ()
) -> tuple[str, dict[str, Any]]:
    """The network of a case, in words, and all its numbers by name: alone, in rows, or deeper.

    Args:
        formula: as of `case_lines`; where it is about numbers alone the words are empty.

    Raises:
        InputError: when it is no case.
    """
    from theorycheck.arithmetic.cases import Case

    network = Case.from_dict(case).network
    parameters = zip(network.parameters, case["parameters"], strict=True)
    matrices = {parameter.name: values[0] for parameter, values in parameters}
    matrices["x"] = case["inputs"][0]
    if case["targets"] is not None:
        matrices["y"] = case["targets"][0]
    if not about_networks(formula):
        return "", dict(case["numbers"])
    return str(network), {**matrices, **case["numbers"]}


def matrix_rows(values: Any) -> list[list[str]] | str:
    """The rows of a matrix as they are printed, or the shape of one that is too large for that."""
    rows = values if values and isinstance(values[0], list) else [values]
    if len(rows) > MOST_ROWS or len(rows[0]) > LONGEST_ROW:
        return f"({len(rows)} x {len(rows[0])} matrix, see claims.json)"
    return [[short(entry) for entry in row] for row in rows]


def _matrix(name: str, values: Any) -> list[str]:
    if not isinstance(values, list):
        return [f"{name} = {short(values)}"]
    texts = matrix_rows(values)
    if isinstance(texts, str):
        return [f"{name} = {texts}"]
    widths = [max(len(row[j]) for row in texts) for j in range(len(texts[0]))]
    body = ["  ".join(t.rjust(w) for t, w in zip(row, widths, strict=True)) for row in texts]
    indent = " " * len(f"{name} = ")
    return [(f"{name} = " if i == 0 else indent) + f"[ {line} ]" for i, line in enumerate(body)]


def short(text: str) -> str:
    """A rational as it is printed: exact where it is short, else to four digits."""
    from theorycheck.claims.comparisons import number_text

    return number_text(Fraction(text), longest=9, digits=4)
