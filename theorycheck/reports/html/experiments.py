"""Experiments: recipes in words, what was excluded, and the numbers behind figures as a link."""

from __future__ import annotations

import bz2
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from theorycheck.claims.courses import Course, Settings
from theorycheck.claims.entries import Entry
from theorycheck.claims.outcomes import Outcome

DECIDED = "Decided: "
"""How the description of a tendency begins (`theorycheck.claims.experiment_claim`)."""


@dataclass(frozen=True)
class Recipes:
    """How the networks of a pair are trained, in words, in the populations that are named."""

    whose: str
    words: tuple[str, ...]


def recipes(entry: Entry) -> list[Recipes]:
    """Those of the claim and of its controls; populations that are trained alike together."""
    parts: list[tuple[str, Outcome | None]] = [
        ("", entry), ("Control", entry.control), ("Positive control", entry.positive),
    ]  # fmt: skip
    found: list[Recipes] = []
    base: dict[str, Settings] = {}
    for whose, part in parts:
        alike: dict[tuple[str, ...], list[str]] = {}
        for name, course in part.courses.items() if part is not None else ():
            first = base.setdefault(name, course.recipes[0])
            alike.setdefault(_told(course, first, of_control=bool(whose)), []).append(name)
        for words, names in alike.items():
            where = ", ".join(names) if len(alike) > 1 else ""
            found.append(Recipes(": ".join(filter(None, (whose, where))), words))
    return found


def _told(course: Course, first: Settings, *, of_control: bool) -> tuple[str, ...]:
    """The first recipe of a claim in full, and how others differ from it."""
    others = course.recipes if of_control else course.recipes[1:]
    full = [] if of_control else [", ".join(_words(first))]
    return (*full, *(_difference(one, first) for one in others))


def _difference(recipe: Settings, first: Settings) -> str:
    known = set(_words(first))
    different = [words for words in _words(recipe) if words not in known]
    if recipe.order != first.order:
        different.append("another order of the batches")
    if first.milestones and not recipe.milestones:
        different.append("a constant learning rate")
    return "the same but for " + ", ".join(different) if different else "the same"


def _words(recipe: Settings) -> Iterator[str]:
    yield f"batches of {recipe.batch_size}"
    yield f"{recipe.epochs} epochs"
    yield f"learning rate {recipe.learning_rate:g}"
    yield f"weight decay {recipe.weight_decay:g}"
    yield f"momentum {recipe.momentum:g}" if recipe.momentum else "no momentum"
    if recipe.milestones:
        after = " and ".join(map(str, recipe.milestones))
        yield f"a tenth of the learning rate after {after} epochs"


def excluded(entry: Entry) -> str:
    """How many pairs of the claim were excluded, by which rule."""
    counts = entry.examples
    if not counts.rejected:
        return f"none of {counts.tried} pairs"
    reasons = "; ".join(f"{count}, as {reason}" for reason, count in counts.rejected.items())
    return f"{sum(counts.rejected.values())} of {counts.tried} pairs: {reasons}"


def decided(entry: Entry) -> tuple[str, str]:
    """What was decided, and the rest of the description; of other claims nothing, and all."""
    first, _, rest = entry.description.partition("\n\n")
    if entry.kind != "tendency" or not first.startswith(DECIDED):
        return "", entry.description
    words = first.removeprefix(DECIDED)
    return words[:1].upper() + words[1:], rest


def numbers_of(entries: Iterable[Entry]) -> str:
    """The numbers behind the figures of all entries, as the address of a packed JSON file.

    Packed by bzip2, of which one version is in use: the same numbers give the same bytes.
    """
    recorded = {entry.id: found for entry in entries if (found := _recorded(entry))}
    packed = b64encode(bz2.compress(msgspec.json.encode(recorded))).decode()
    return f"data:application/x-bzip2;base64,{packed}" if recorded else ""


def _recorded(entry: Entry) -> dict[str, Any]:
    """What of an entry is drawn."""
    if entry.kind != "tendency":
        return {"slack": entry.examples.slack} if entry.examples.slack else {}
    parts = {"claim": entry, "control": entry.control, "positive control": entry.positive}
    return {
        name: {"strata": part.examples.strata, "courses": part.courses}
        for name, part in parts.items()
        if part is not None
    }
