"""The baseline: verdicts and statements on record, and what differs from them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from theorycheck.claims.entries import Entry
from theorycheck.claims.strengths import Known
from theorycheck.errors import InputError
from theorycheck.reports.documents import dumps
from theorycheck.reports.reading import load

BASELINE_VERSION = 1

T = TypeVar("T")

OnRecord = Literal["proved", "holds", "refuted", "vacuous"]
"""The verdicts that a record may have: undecided is none."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What is on record.

    Attributes:
        verdicts: by claim id.
        strengths: of claims that pass (`theorycheck.claims.Strength`), other than ``sampled``, by
            claim id. What is ``unexamined`` is compared with nothing.
        versions: of the claims that the verdicts are about (`theorycheck.claims.version_of`), by
            claim id. A record that is older than these has none, until a report is accepted.
        statements: versions of their formal statements, which the kernel compares with those of
            certificates, by claim id.
        renamed: ids that claims once had, and those that they have now.
        wording: what each claim says, in lines, to show what changes when a report is accepted, and
            to compare with it where versions agree.
    """

    verdicts: dict[str, OnRecord]
    strengths: dict[str, Known] = field(default_factory=dict)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    statements: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    wording: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def text(self) -> str:
        """The text of ``baseline.json``."""
        return dumps(
            {
                "schema_version": BASELINE_VERSION,
                "verdicts": dict(sorted(self.verdicts.items())),
                "strengths": dict(sorted(self.strengths.items())),
                "versions": dict(sorted(self.versions.items())),
                "statements": dict(sorted(self.statements.items())),
                "renamed": dict(sorted(self.renamed.items())),
                "wording": dict(sorted(self.wording.items())),
            }
        )

    def accepting(self, entries: Sequence[Entry]) -> Baseline:
        """The record with the verdicts and statements of a report on it.

        What stands under a name that a claim no longer has is dropped.

        Raises:
            InputError: when one of them is undecided, or has a name that its claim no longer has.
        """
        outdated = [self._named(entry.id) for entry in entries if entry.id in self.renamed]
        if outdated:
            raise InputError(
                f"the report has old names: {', '.join(outdated)}; run the claims again"
            )
        undecided = [f"{e.id} ({e.reason})" for e in entries if e.verdict == "undecided"]
        if undecided:
            raise InputError(
                f"undecided claims go on no record: {', '.join(undecided)}; mend what the reasons"
                " name, or try more examples with --profile deep, and accept the report of that run"
            )
        verdicts = {e.id: msgspec.convert(str(e.verdict), OnRecord) for e in entries}
        levels = {entry.id: self._known(entry) for entry in entries}
        strengths = {claim: level for claim, level in levels.items() if level != "sampled"}
        versions = {entry.id: entry.version for entry in entries}
        statements = {e.id: e.formal_version for e in entries if e.formal_version is not None}
        gone = verdicts.keys() | self.renamed.keys()

        def kept(table: Mapping[str, T]) -> dict[str, T]:
            return {claim: value for claim, value in table.items() if claim not in gone}

        return replace(
            self,
            verdicts={**kept(self.verdicts), **verdicts},
            strengths={**kept(self.strengths), **strengths},
            versions={**kept(self.versions), **versions},
            statements={**kept(self.statements), **statements},
            wording={**kept(self.wording), **{entry.id: entry.wording() for entry in entries}},
        )

    def unknown(self, ids: Iterable[str]) -> str:
        """What to say of ids that no claim has, some of which claims once had."""
        said = ", ".join(map(self._named, ids))
        return f"unknown claim: {said}; `theorycheck list` names all claims"

    def _named(self, claim: str) -> str:
        return f"{claim}, now called {self.renamed[claim]}" if claim in self.renamed else claim

    def differing(self, entries: Iterable[Entry]) -> frozenset[str] | None:
        """Ids of the claims that differ from the record; None where nothing is on record."""
        if not self.verdicts:
            return None
        return frozenset(entry.id for entry in entries if self.difference(entry))

    def difference(self, entry: Entry) -> str | None:
        """What differs between an entry and the record, in words; None if nothing.

        That is its verdict and its version: what is claimed is on record like what was found. What
        is undecided differs from any record.
        """
        if entry.id in self.renamed:
            return f"{self._named(entry.id)}; run the claims again"
        recorded, reason = self.verdicts.get(entry.id), f"{entry.verdict} ({entry.reason})"
        # Only what can be put on record is to be put there.
        undecided = entry.verdict == "undecided"
        advice = "" if undecided else "; record it with `theorycheck gate --accept`"
        if recorded is None:
            return f"{entry.id}: no verdict on record, now {reason}{advice}"
        found = []
        if recorded != entry.verdict:
            found.append(f"on record as {recorded}, now {reason}")
        elif entry.strength is not None and (known := self.other_strength(entry)):
            why = f" ({entry.strength.reason})" * (entry.strength.reason is not None)
            found.append(f"strength on record as {known}, now {entry.level}{why}{advice}")
        version = self.versions.get(entry.id)
        if version is None:
            found.append(f"no statement on record{advice}")
        elif parts := self._changed(version, entry):
            meant = "" if undecided else "; if that is meant, record it with"
            advice = "" if undecided else " `theorycheck gate --accept`"
            found.append(f"statement changed ({', '.join(parts)}){meant}{advice}")
        return f"{entry.id}: {'; '.join(found)}" if found else None

    def unexamined(self, entries: Iterable[Entry]) -> str | None:
        """What to say of strengths on record at which a run did not look; None if there are none.

        Those are of claims that pass in a profile without strengths.
        """
        passed = [e for e in entries if e.verdict.passes and e.level is None]
        count = sum(self._strength(e.id) not in ("sampled", "unexamined") for e in passed)
        if not count:
            return None
        return f"{count} strengths on record were not examined; the default profile does"

    def passes(self, claim: str) -> bool:
        """Whether a claim is on record as passing."""
        return self.verdicts.get(claim) in ("proved", "holds")

    def other_strength(self, entry: Entry) -> Known | None:
        """The strength on record, where it is another one than was found."""
        known = self._strength(entry.id)
        return None if entry.level is None or known in (entry.level, "unexamined") else known

    def _strength(self, claim: str) -> Known:
        return self.strengths.get(claim, "sampled")

    def _known(self, entry: Entry) -> Known:
        """What is known of a claim's strength: what is on record where nobody looked again."""
        if entry.level is not None or not entry.verdict.passes:
            return entry.level or "sampled"
        same = self.passes(entry.id) and self.versions.get(entry.id) == entry.version
        return self._strength(entry.id) if same else "unexamined"

    def same_statement(self, entry: Entry) -> bool:
        """Whether what a claim says is on record."""
        version = self.versions.get(entry.id)
        return version is not None and not self._changed(version, entry)

    def _changed(self, version: Mapping[str, str], entry: Entry) -> list[str]:
        """The parts of a statement that are not those on record."""
        names = dict.fromkeys([*version, *entry.version])
        parts = [name for name in names if version.get(name) != entry.version.get(name)]
        if not parts and self.statements.get(entry.id) != entry.formal_version:
            return ["formal statement"]
        if not parts and self.wording.get(entry.id, entry.wording()) != entry.wording():
            # Also what a version digests and no report holds: one of the two was edited.
            return ["wording"]
        return parts

    def lost(self, examined: Iterable[str]) -> list[str]:
        """What to say of claims on record that are not among those examined, one line each."""
        known = set(examined)
        return [
            f"{claim}: on record as {verdict}, not examined"
            for claim, verdict in self.verdicts.items()
            if claim not in known
        ]


def load_baseline(path: Path) -> Baseline:
    """Read the record; an empty one when there is none yet.

    Raises:
        InputError: as `theorycheck.reports.documents.load`, and for a file that is no record.
    """
    if not os.path.lexists(path):
        return EMPTY
    document = load(path, "baseline", BASELINE_VERSION)
    try:
        return msgspec.convert(document, Baseline)
    except msgspec.ValidationError as error:
        raise InputError(f"baseline {path}: {error}; restore or delete it") from error


EMPTY = Baseline(verdicts={})
"""Nothing is on record."""
