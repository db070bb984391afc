"""The report of needs: ``needs.json``, and its line in the report of claims.

What was found of the hypotheses and of the bounds of claims that pass, each tied to the statement
that it was found of: what is known of an earlier statement is not shown. Its certificates lie in
``needs/`` beside it. The same claims with the same seed give the same document, byte for byte.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from theorycheck.claims.entries import Entry
from theorycheck.claims.needs import Need, Outcome, Sharpness, Shown
from theorycheck.claims.outcomes import Example
from theorycheck.errors import InputError
from theorycheck.reports.reading import is_sealed, load, sealed

SCHEMA_VERSION = 1
FILE, FOLDER = "needs.json", "needs"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was found of a claim.

    Attributes:
        version: of its formal statement.
        seed: of the search.
        needs: of its conditions, in the order of its hypotheses.
        sharpness: of its bound; None where it is none.
    """

    version: str
    seed: int
    needs: tuple[Need, ...]
    sharpness: Sharpness | None

    def certificates(self) -> list[str]:
        """Names of those that the row rests on."""
        shown = [need.counterexample for need in self.needs]
        shown.append(None if self.sharpness is None else self.sharpness.equality)
        return [one.name for one in shown if one is not None]


@dataclass(frozen=True, kw_only=True)
class Needs:
    """All that was found, by claim id."""

    claims: dict[str, Row] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As ``needs.json`` holds it, with the digest of all that it says."""
        rows = {claim: msgspec.to_builtins(row) for claim, row in sorted(self.claims.items())}
        content = {"schema_version": SCHEMA_VERSION, "claims": rows}
        return sealed(content)

    def of(self, entry: Entry) -> Row | None:
        """What was found of the statement of an entry that passes."""
        row = self.claims.get(entry.id)
        known = row is not None and row.version == entry.formal_version
        return row if known and entry.verdict.passes else None


def schema() -> dict[str, Any]:
    """The JSON Schema of ``needs.json``."""
    (row,), parts = msgspec.json.schema_components((Row,))
    for part in parts.values():
        part["description"] = cleandoc(part.get("description", ""))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Needed hypotheses and sharp bounds: needs.json of theorycheck",
        "type": "object",
        "required": ["schema_version", "claims", "digest"],
        "properties": {
            "schema_version": {"const": SCHEMA_VERSION},
            "claims": {"type": "object", "additionalProperties": row},
            "digest": {"type": "string"},
        },
        "$defs": parts,
    }


def load_needs(folder: Path) -> Needs:
    """Read ``needs.json`` of a report folder; nothing is known where there is none.

    Raises:
        InputError: when it cannot be read, or was edited.
    """
    path = folder / FILE
    if not os.path.lexists(path):
        return Needs()
    document = load(path, "report of needs", SCHEMA_VERSION)
    try:
        found = msgspec.convert(document.get("claims"), dict[str, Row])
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {error}; run `theorycheck needs` again") from error
    if not is_sealed(document):
        raise InputError(
            f"{path} was changed after the run that wrote it: its digest differs; run"
            " `theorycheck needs` again"
        )
    return Needs(claims=found)


# In words

WORDS: dict[Outcome, str] = {
    "needed": "needed",
    "open": "not decided by the kernel",
    "not seen": "not seen to be needed",
    "no meaning": "no meaning without",
    "not tried": "not tried",
}
"""The glossary explains each."""


def lines_of(row: Row | None, tightest: Example | None = None) -> list[str]:
    """What was found of a claim, for the report of claims: one line, if anything.

    Args:
        tightest: as of `said_of`.
    """
    if row is None:
        return []
    said = said_of(row, tightest)
    asked = "Hypotheses, left out one at a time: " if row.needs else ""
    return ["", asked + said] if said else []


def said_of(row: Row, tightest: Example | None = None, *, networks: bool = True) -> str:
    """What was found of a claim, in words; none for nothing.

    Args:
        tightest: the example that the report shows. It is of another search, and can be nearer to
            equality than what the row knows.
        networks: name those of examples, which their certificates hold.
    """
    parts = [
        f"{words}: {', '.join(dict.fromkeys(_said(need, networks) for need in found))}"
        for outcome, words in WORDS.items()
        if (found := [need for need in row.needs if need.outcome == outcome])
    ]
    sentences = [f"{'; '.join(parts)}."] if parts else []
    if row.sharpness is not None:
        sentences.append(f"The bound is {_sharpness(row.sharpness, tightest, networks)}.")
    return " ".join(sentences)


def _said(need: Need, networks: bool) -> str:
    found = ""
    if need.counterexample is not None:
        found = _example(need.counterexample, networks)
    elif need.outcome == "not seen":
        found = f"{need.examples} example{'s' * (need.examples != 1)}"
        if need.strength is not None:
            found += f", {need.strength.architectures} architectures"
    return f"{need.words} ({found})" if found else need.words


def _example(shown: Shown, networks: bool) -> str:
    place = f" at `{shown.network}`" if networks else ""
    return f"[`{shown.comparison}`]({FOLDER}/{shown.name}.json){place}"


def _sharpness(found: Sharpness, tightest: Example | None, networks: bool) -> str:
    if found.equality is not None:
        return f"sharp: {_example(found.equality, networks)} is false"
    ratio, place = found.ratio or 0.0, f"`{found.network}`"
    if tightest is not None and tightest.ratio is not None:
        if tightest.left == tightest.right and tightest.arithmetic.startswith("rationals"):
            return "sharp: the tightest example has equality"
        if tightest.ratio > ratio:
            ratio, place = tightest.ratio, "the tightest example"
    if not ratio:
        return "not tried: no example has two sides that are not 0"
    return f"not seen to be reached: the best ratio of the sides is {ratio:g}, at {place}"


def summary(claim: str, row: Row) -> list[str]:
    """What the command prints: a line for each condition, and one for the bound."""
    lines = [
        f"{claim}: {need.words}: {need.outcome}"
        + (f", {need.examples} examples" if need.outcome == "not seen" else "")
        + (f", {need.counterexample.comparison}" if need.counterexample is not None else "")
        + (", settled" if need.strength is not None else "")
        for need in row.needs
    ]
    if row.sharpness is not None:
        ratio = "none" if row.sharpness.ratio is None else f"{row.sharpness.ratio:g}"
        reached = "sharp" if row.sharpness.equality is not None else f"best ratio {ratio}"
        lines.append(f"{claim}: the bound: {reached}")
    return lines
