"""Documents as reports hold them, written down without the classes that read them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from theorycheck.claims.declaration import KINDS
from theorycheck.claims.outcomes import MOST_PAIRS, is_finite
from theorycheck.claims.slack import BINS

Document = dict[str, Any]

EXAMPLE: Document = {
    "holds": True,
    "left": "1/2",
    "relation": "≤",
    "right": "1",
    "tightness": 0.5,
    "arithmetic": "rationals",
    "reader": "rationals",
    "kernel": {"answer": "confirmed", "reason": None},
    "degenerate": "zero weights",
    "note": "a note",
    "case": None,
}
VIOLATION: Document = {
    **EXAMPLE, "holds": False, "left": "7", "right": "6", "tightness": 1.16667,
    "reader": None, "kernel": {"answer": "open", "reason": "not decided"}, "degenerate": None,
    "note": None, "case": {"numbers": {"weight": "7"}, "inputs": [[["1/3"]]]},
}  # fmt: skip
EXAMPLES: Document = {
    "tried": 9,
    "met": 6,
    "fraction": 0.666667,
    "degenerate": 2,
    "open": 1,
    "counted": 4,
    "agreed": 2,
    "corners": {"depth 1": 3},
    "trivially": ["zero weights"],
    "rejected": {"diverged": 1, "kink": 2},
    "strata": {
        "images": {
            "successes": 3,
            "failures": 2,
            "ties": 1,
            "effects": {"-0.5": 1, "0.25": 4},
            "measured": ["rank", "width"],
        },
    },
    "slack": {"0": 1, "0.3": 2},
}
COURSE: Document = {
    "recipes": [
        {
            "batch_size": 4,
            "epochs": 25,
            "learning_rate": 0.1,
            "weight_decay": 0.02,
            "momentum": 0.9,
            "milestones": [10, 20],
            "order": 0,
        }
    ],
    "epochs": [0, 25],
    "threshold": 0.5,
    "pairs": 3,
    "lines": [{"words": "rank", "stages": ["4:3", "2.3:1 3:2"]}],
}
OUTCOME: Document = {
    "examples": EXAMPLES,
    "tightest": EXAMPLE,
    "counterexample": VIOLATION,
    "nearest": {"distance": 0.125, "note": "gradient norm"},
    "arithmetic": ["balls", "rationals"],
    "fingerprints": ["0123456789abcdef"],
    "courses": {"images": COURSE},
}
NOTHING: Document = {
    "examples": {
        "tried": 0, "met": 0, "fraction": None, "degenerate": 0, "open": 0, "counted": 0,
        "agreed": 0, "corners": {},
        "trivially": [], "rejected": {}, "strata": {}, "slack": {},
    },
    "tightest": None,
    "counterexample": None,
    "nearest": None,
    "arithmetic": [],
    "fingerprints": [],
    "courses": {},
}  # fmt: skip
ENTRY: Document = {
    "id": "toy-claim",
    "title": "A title",
    "kind": "inequality",
    "sources": [
        {
            "paper": "toy2020",
            "title": "A toy",
            "authors": "N. N.",
            "year": 2020,
            "place": "Eq. 1",
        }
    ],
    "statement": "1 = 1",
    "description": "No weight exceeds 6.",
    "hypotheses": ["first", "second"],
    "formula": ["for all n in samples", "f(n, 0) == 1"],
    "corrects": "printed-claim",
    "enough": 20,
    "version": {"title": "0123456789abcdef", "control": "fedcba9876543210"},
    "formal_version": "0011223344556677",
    "module": "properties.toys.test_toys",
    "rests_on": ["other-claim"],
    "verdict": "refuted",
    "reason": "counterexample: 7 ≤ 6 is false (rationals)",
    **OUTCOME,
    "strength": None,
    "control": {"statement": "one less", **NOTHING},
    "positive": {"statement": "one more", **NOTHING},
    "certificate": "certificates/toy-claim.json",
    "seeds": [0, 7],
    "neighbours": {"sign: `-a` for `a`": "refuted"},
}
"""Keys in the order of the file."""


def changed(document: Any, path: tuple[str, ...], value: Any) -> Any:
    """A copy with another value at a place."""
    if not path:
        return value
    return {**document, path[0]: changed(document[path[0]], path[1:], value)}


def without(document: Any, path: tuple[str, ...]) -> Any:
    """A copy without the key at the end of a path."""
    if len(path) > 1:
        return {**document, path[0]: without(document[path[0]], path[1:])}
    return {key: value for key, value in document.items() if key != path[0]}


def paths(document: Any) -> list[tuple[str, ...]]:
    """Places of a document, the whole first; none within lists."""
    if not isinstance(document, dict):
        return [()]
    return [(), *((key, *rest) for key, value in document.items() for rest in paths(value))]


def text(document: Any) -> str:
    """As Python's json writes it, with the order of keys; NaN where it is."""
    return json.dumps(document, ensure_ascii=False)


NOT_FINITE = [math.nan, math.inf, -math.inf]

# Random documents. No lone surrogates, which no UTF-8 holds.

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
POSITIVE = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
ANSWERS = st.sampled_from(["confirmed", "contradicted", "open"])
COUNTS = st.integers(0, 2**70)
PAIRS = st.integers(0, MOST_PAIRS // 2)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(TEXTS | st.none(), lambda inner: st.lists(inner, max_size=2), max_leaves=4)
CASES = st.dictionaries(TEXTS, JSON, max_size=2)


def documents(fields: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Document]:
    """With the keys in this order, which `hypothesis.strategies.fixed_dictionaries` changes."""
    return st.tuples(*fields.values()).map(lambda values: dict(zip(fields, values, strict=True)))


SIDES = TEXTS.filter(is_finite)


STRENGTHS = {
    "level": st.sampled_from(["sampled", "architectures", "general"]), "architectures": COUNTS,
    "largest": COUNTS, "reason": st.none() | TEXTS,
}  # fmt: skip


def example_documents(holds: st.SearchStrategy[bool | None]) -> st.SearchStrategy[Document]:
    return documents(
        {
            "holds": holds, "left": SIDES, "relation": TEXTS, "right": SIDES,
            "tightness": st.none() | FLOATS, "arithmetic": TEXTS,
            "reader": st.sampled_from([None, "rationals", "balls", "rational functions"]),
            "kernel": st.none() | documents({"answer": ANSWERS, "reason": st.none() | TEXTS}),
            "degenerate": st.none() | TEXTS, "note": st.none() | TEXTS, "case": st.none() | CASES,
        }
    )  # fmt: skip


@st.composite
def stratum_documents(draw: st.DrawFn) -> Document:
    """Pairs of which some have an effect, and some are ties."""
    successes, failures = draw(PAIRS), draw(PAIRS)
    part = st.integers(0, successes + failures)
    effects = {draw(FLOATS.map(str)): draw(part)} if draw(st.booleans()) else {}
    return {
        "successes": successes, "failures": failures, "ties": draw(part), "effects": effects,
        "measured": draw(st.lists(TEXTS, max_size=2)),
    }  # fmt: skip


@st.composite
def examples_documents(draw: st.DrawFn) -> Document:
    """Counts whose parts are no more than the whole."""
    rejected = draw(st.dictionaries(TEXTS, COUNTS, max_size=2))
    strata = draw(st.dictionaries(TEXTS, stratum_documents(), max_size=2))
    pairs = sum(stratum["successes"] + stratum["failures"] for stratum in strata.values())
    met, more = pairs + draw(COUNTS), draw(COUNTS)
    part = st.integers(0, met)
    return {
        "tried": met + more, "met": met, "fraction": draw(FLOATS) if met + more else None,
        "degenerate": draw(part), "open": draw(part), "counted": draw(part),
        "agreed": draw(part), "corners": draw(st.dictionaries(TEXTS, part, max_size=2)),
        "trivially": draw(st.lists(TEXTS, max_size=2)), "rejected": rejected,
        "strata": strata,
        "slack": draw(st.dictionaries(st.sampled_from(BINS), st.integers(0, met // 15))),
    }  # fmt: skip


@st.composite
def course_documents(draw: st.DrawFn) -> Document:
    """With a value at each stage."""
    stages = draw(st.integers(0, 9))
    line = {"words": draw(TEXTS), "stages": ["-1e-05:2 0.25:1"] * stages}
    recipe: Document = {**COURSE["recipes"][0], "milestones": draw(st.lists(COUNTS, max_size=3))}
    for name in ("learning_rate", "weight_decay", "momentum"):
        recipe[name] = draw(FLOATS)
    return {
        "recipes": [recipe] * draw(st.integers(1, 4)),
        "epochs": draw(st.lists(COUNTS, min_size=stages, max_size=stages)),
        "threshold": draw(FLOATS),
        "pairs": draw(COUNTS),
        "lines": [line] * draw(st.integers(0, 4)),
    }


OUTCOMES: dict[str, st.SearchStrategy[Any]] = {
    "examples": examples_documents(),
    "tightest": st.none() | example_documents(st.sampled_from([True, False, None])),
    "counterexample": st.none() | example_documents(st.just(False)),
    "nearest": st.none() | documents({"distance": POSITIVE, "note": TEXTS}),
    "arithmetic": st.lists(TEXTS, max_size=2),
    "fingerprints": st.lists(TEXTS, max_size=2),
    "courses": st.dictionaries(TEXTS, course_documents(), max_size=2),
}


@st.composite
def entry_documents(draw: st.DrawFn) -> Document:
    name = draw(st.from_regex(r"\A[a-z0-9]{1,3}(-[a-z0-9]{1,3}){1,2}\Z"))
    source = {"paper": TEXTS, "title": TEXTS, "authors": TEXTS, "year": st.integers()}
    document: Document = {
        "id": name,
        "title": draw(TEXTS),
        "kind": draw(st.sampled_from(sorted({*KINDS} - {"tendency"}))),
        "sources": draw(st.lists(documents({**source, "place": TEXTS}), max_size=2)),
        "statement": draw(TEXTS),
        "description": draw(TEXTS),
        "hypotheses": draw(st.lists(TEXTS, max_size=2)),
        "formula": draw(st.lists(TEXTS, max_size=2)),
        "corrects": draw(st.none() | TEXTS),
        "enough": draw(COUNTS),
        "version": draw(st.dictionaries(TEXTS, TEXTS, max_size=2)),
        "formal_version": draw(st.none() | TEXTS),
        "module": draw(TEXTS),
        "rests_on": draw(st.lists(TEXTS)),
        "verdict": draw(st.sampled_from(["proved", "holds", "refuted", "vacuous", "undecided"])),
        "reason": draw(TEXTS),
        **draw(documents(OUTCOMES)),
        "strength": draw(st.none() | documents(STRENGTHS)),
        "control": draw(documents({"statement": TEXTS, **OUTCOMES})),
        "positive": draw(st.none() | documents({"statement": TEXTS, **OUTCOMES})),
        "certificate": None,
        "seeds": draw(st.lists(st.integers(), min_size=1, max_size=2)),
        "neighbours": draw(st.dictionaries(TEXTS, st.sampled_from(["refuted", "true"]))),
    }
    if document["counterexample"] or document["tightest"]:
        document["certificate"] = draw(st.sampled_from([None, f"certificates/{name}.json"]))
    return document
