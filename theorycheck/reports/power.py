"""The document of powers: what became of the false neighbours of every claim, ``power.json``.

The same claims with the same seed give the same document, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from theorycheck.claims.entries import Entry
from theorycheck.claims.outcomes import Count
from theorycheck.errors import InputError
from theorycheck.reports.documents import unreadable
from theorycheck.reports.reading import digest, is_sealed, load, sealed

POWER_VERSION = 2
"""Of the form of ``power.json``."""
FILE = "power.json"


def formula_digest(claim: str, formula: Sequence[str]) -> str:
    """What names the formula of a claim, from its lines as an entry holds them."""
    return digest({"claim": claim, "formula": list(formula)})[:16]


class Mutated(msgspec.Struct, frozen=True, kw_only=True):
    """A mutant that is not refuted.

    Attributes:
        change: what is changed, in a word or two.
        words: what stands where in its place.
        reason: why it is true, or what is known of it.
    """

    change: str
    words: str
    reason: str


class Power(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the mutants of one claim.

    Attributes:
        formula: what names the formula that they are mutants of, see `formula_digest`.
        refuted: how many an example refutes, to the kernel too.
        true: those that are no false neighbours.
        survived: those that may be false, although no example says so.
        without_value: how many have no value at any example, and do not count.
    """

    claim: str
    formula: str
    refuted: Count
    true: tuple[Mutated, ...]
    survived: tuple[Mutated, ...]
    without_value: Count

    @property
    def false(self) -> int:
        """How many may be false."""
        return self.refuted + len(self.survived)

    @property
    def made(self) -> int:
        """How many there are that say something."""
        return self.false + len(self.true)


@dataclass(frozen=True, kw_only=True)
class Powers:
    """What became of the mutants of all claims.

    Attributes:
        seed: from which examples were drawn.
        claims: in the order of their ids.
        without_formula: claims that pass and have no mutants, because no formula states them.
    """

    seed: int
    claims: tuple[Power, ...]
    without_formula: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As ``power.json`` holds it, with the digest of all that it says."""
        content = {
            "schema_version": POWER_VERSION,
            "seed": self.seed,
            "claims": msgspec.to_builtins(self.claims),
            "without_formula": list(self.without_formula),
        }
        return sealed(content)

    def shown(self, entry: Entry) -> str:
        """How many false neighbours of a claim are refuted; empty where that is of another one.

        What a claim says in words is no part of what its neighbours are made of.
        """
        power = self._by_claim.get(entry.id)
        if power is None or not entry.verdict.passes:
            return ""
        if power.formula != formula_digest(entry.id, entry.formula):
            return ""
        return f"{power.refuted} of {power.false}"

    def fates(self, entry: Entry) -> dict[str, str]:
        """What became of the false neighbours that a run tried, in words, by what they change.

        A run tries them at few examples. What those do not refute, others may.
        """
        found = {words: fate.value for words, fate in entry.neighbours.items()}
        power = self._by_claim.get(entry.id)
        if power is not None and self.shown(entry) and not power.without_value:
            true, left = (
                {f"{m.change}: {m.words}" for m in g} for g in (power.true, power.survived)
            )
            for words, fate in found.items():
                if fate == "survived" and words not in left:
                    found[words] = "true" if words in true else "refuted by other examples"
        return found

    @cached_property
    def _by_claim(self) -> Mapping[str, Power]:
        return {power.claim: power for power in self.claims}


NONE = Powers(seed=0, claims=())
"""Nothing is known."""


def load_powers(path: Path) -> Powers:
    """Read ``power.json``.

    Raises:
        InputError: as `theorycheck.reports.reading.load`; saying what is wrong and where; and when
            the document is not the one that was written.
    """
    document = load(path, "powers", POWER_VERSION)
    if not is_sealed(document):
        reason = "it was changed after it was written: its digest differs"
    else:
        try:
            return Powers(
                seed=msgspec.convert(document.get("seed"), int),
                claims=msgspec.convert(document.get("claims"), tuple[Power, ...]),
                without_formula=msgspec.convert(document.get("without_formula"), tuple[str, ...]),
            )
        except msgspec.ValidationError as error:
            reason = str(unreadable("a part of it", error))
    raise InputError(f"powers {path}: {reason}; run `theorycheck power` again")


def beside(folder: Path) -> Powers:
    """The powers in the folder of a report; none where there is no such file.

    Raises:
        InputError: as `load_powers`.
    """
    path = folder / FILE
    return load_powers(path) if path.exists() else NONE
