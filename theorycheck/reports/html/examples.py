"""Examples: a network and its data as matrices that a reader can check by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from theorycheck.claims.entries import Entry
from theorycheck.errors import InputError
from theorycheck.reports.documents import unreadable
from theorycheck.reports.markdown.cases import case_matrices, matrix_rows, short


@dataclass(frozen=True)
class Numbers:
    """The numbers of an example, each line ``name = value`` as HTML.

    Attributes:
        network: in words.
        given: weights, data and hyperparameters.
        steps: what each layer computes from them; empty where that is not rational.
    """

    network: str
    given: tuple[Markup, ...]
    steps: tuple[Markup, ...]


def numbers(entry: Entry, case: Mapping[str, Any]) -> Numbers:
    """The numbers of a case that an entry shows.

    Raises:
        InputError: when it is no case, naming the claim.
    """
    try:
        network, matrices = case_matrices(case, entry.formula)
        given = tuple(_line(name, values) for name, values in matrices.items())
        return Numbers(network, given, tuple(_steps(case)) if network else ())
    except InputError as error:
        raise unreadable(f"claim {entry.id!r}", error) from error


def _line(name: str, values: Any) -> Markup:
    return Markup("{} = {}").format(_name(name), _value(values))


def _value(values: Any) -> Markup:
    if not isinstance(values, list):
        return _number(short(values))
    rows = matrix_rows(values)
    return escape(rows) if isinstance(rows, str) else _matrix(rows)


def _matrix(rows: Sequence[Sequence[str]]) -> Markup:
    """A table that the style sheet puts in brackets: a third of what MathML takes for it."""
    body = "".join(
        f"<tr>{''.join(f'<td>{_number(text)}</td>' for text in row)}</tr>" for row in rows
    )
    return Markup(f"<table>{body}</table>")


def _number(text: str) -> Markup:
    """A number, its sign set as one."""
    return escape(re.sub(r"^-", "−", text))


def _name(name: str) -> Markup:
    """``W[1,0]`` with its index below, a word upright."""
    found = re.fullmatch(r"(\w+)\[(.+)\]", name)
    base, index = (found[1], found[2]) if found else (name, None)
    said = Markup("<i>{}</i>" if len(base) == 1 else "{}").format(base)
    return said if index is None else Markup("{}<sub>{}</sub>").format(said, index)


def _steps(case: Mapping[str, Any]) -> Iterator[Markup]:
    """Arguments of the activations and their values, layer by layer, one row for each sample."""
    from theorycheck.arithmetic.cases import Case
    from theorycheck.arithmetic.evaluation import evaluate
    from theorycheck.arithmetic.numbers import rationals, to_strings

    one = Case.from_dict(case)
    if any(layer.normalisation != "none" for layer in one.network.layers):
        return
    trace = evaluate(
        one.network, [rationals(p[0]) for p in one.parameters], rationals(one.inputs[0])
    )
    last = len(one.network.layers)
    for layer, (before, after) in enumerate(
        zip(trace.preactivations, trace.values[1:], strict=True), start=1
    ):
        if layer < last or (before != after).any():
            yield _line(f"z[{layer}]", to_strings(before))
        yield _line(f"h[{layer}]" if layer < last else "f", to_strings(after))
