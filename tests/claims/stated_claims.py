"""Stated claims about small networks, whose conditions and bounds are known by hand."""

from __future__ import annotations

from typing import Any

from theorycheck import Assumption, Claim, altered, cases, mlps, stated

NO_BIASES = Assumption("no biases", "chain() and len(biases) == 0 and not normalised()")
ONE_OUTPUT = Assumption("one output", "len(outputs) == 1")
LEMMA = "inner(W[k], df(n, c, k)) == f(n, c)"


def lemma(states: str = LEMMA, **changes: Any) -> Claim:
    """The structural lemma; a function, because the plugin collects what a module names."""
    parts: dict[str, Any] = {
        "id": "toy-lemma", "title": "A lemma", "kind": "identity", "sources": [], "printed": "1=1",
        "given": [NO_BIASES, ONE_OUTPUT], "control": altered("2", "1 == 2"),
        "forall": ["k in weights", "n in samples", "c in outputs"], "on": cases(mlps()),
        "why": "Because.", **changes,
    }  # fmt: skip
    return stated(states=states, **parts)


def means(states: str = "2 * a * b <= a ** 2 + b ** 2", **changes: Any) -> Claim:
    """The inequality of the geometric and the arithmetic mean, of the first weight and input."""
    parts: dict[str, Any] = {
        "id": "toy-means", "kind": "inequality", "given": [], "forall": [],
        "where": ["a = W[0][0][0]", "b = x[0][0]"], **changes,
    }  # fmt: skip
    return lemma(states, **parts)
