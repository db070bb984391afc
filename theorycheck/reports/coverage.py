"""Coverage: what of a paper is claimed, item by item in the order in which one reads it.

The items of a paper are listed in ``items/PAPER.toml`` within a folder of claims::

    paper = "me2026"
    [[items]]
    label = "Lemma 2"                # as places of sources name it
    words = "Each layer's inner product"  # at most ten words of the text, by which to find it
    says = "each inner product with the gradient is the output"
    shows = "curves that ..."         # only for a figure: what is to be seen on it
    unchecked = "a definition"       # only where it cannot be checked: why
    against = ["a-claim"]            # those of its claims that pass and contradict it
    only = { b-claim = "with bias" } # those of its claims that are about a part of it: which

A claim covers an item when a place of one of its sources in that paper names the label. A place is
one label or several with commas between them; ``Eq. 11-13`` names Eq. 11, Eq. 12 and Eq. 13.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from theorycheck.claims.declaration import Claim
from theorycheck.claims.entries import Entry
from theorycheck.errors import InputError
from theorycheck.reports.markdown.elements import Link, cell

FOLDER = "items"
MOST_WORDS = 10
"""Of a paper's text that a list quotes for each item."""
REMARKS = (
    "*Against it*: the claim passes, and contradicts the item. *Only*: what of the item it checks."
)
NEW = "new"
"""Stands where the verdict on record does."""


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that a paper numbers or claims; attributes as the module says."""

    label: str
    words: str
    says: str
    unchecked: str | None = None
    shows: str | None = None
    against: tuple[str, ...] = ()
    only: Mapping[str, str] = {}

    def remark(self, claim: str) -> str:
        """What keeps a claim from confirming all that the paper says; empty where nothing does."""
        part = [f"only {self.only[claim]}"] if claim in self.only else []
        return ", ".join(["against it"] * (claim in self.against) + part)

    def standing(self, claim: Placed) -> str:
        """The verdict of a claim, with the remark if there is one."""
        return ", ".join(filter(None, (claim.verdict, self.remark(claim.id))))


class Items(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The items of one paper, in reading order."""

    paper: str
    items: tuple[Item, ...]


def load_items(folders: Iterable[Path]) -> tuple[Items, ...]:
    """The lists in folders of claims, in the order of the papers' keys.

    Raises:
        InputError: naming the file, and saying what is wrong in it.
    """
    paths = {path for folder in folders for path in (folder / FOLDER).glob("*.toml")}
    lists: dict[str, Items] = {}
    for path in sorted(paths):
        found = _read(path)
        if found.paper in lists:
            raise InputError(f"{path}: {found.paper} has another list of items; keep one")
        lists[found.paper] = found
    return tuple(lists[paper] for paper in sorted(lists))


def _read(path: Path) -> Items:
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Items)
    except (OSError, ValueError) as error:
        reason = str(error).replace("\n", " ")
        raise InputError(f"{path} cannot be read: {reason}; correct it") from error
    for item in found.items:
        if not item.label.strip() or "," in item.label:
            raise InputError(f"{path}: label {item.label!r}; use a text without commas")
        if len(item.words.split()) > MOST_WORDS:
            raise InputError(f"{path}: {item.label} quotes more than {MOST_WORDS} words; shorten")
    twice = [label for label, n in Counter(item.label for item in found.items).items() if n > 1]
    if twice:
        raise InputError(f"{path}: label {twice[0]!r} occurs twice; rename one")
    return found


def named(place: str, labels: Iterable[str]) -> list[str]:
    """The labels that a place names, each range of numbers written out unless it is a label."""
    known, parts = set(labels), [part.strip() for part in place.split(",")]
    return [label for part in parts for label in ([part] if part in known else _written_out(part))]


def _written_out(part: str) -> list[str]:
    found = re.fullmatch(r"(.*?)(\d+)-(\d+)", part)
    if found is None:
        return [part]
    prefix, first, last = found.groups()
    return [f"{prefix}{number}" for number in range(int(first), int(last) + 1)]


@dataclass(frozen=True)
class Placed:
    """A claim as coverage sees it: its verdict, and the papers and places of its sources."""

    id: str
    verdict: str
    sources: tuple[tuple[str, str], ...]

    @classmethod
    def reported(cls, entry: Entry) -> Placed:
        """A claim of a report."""
        return cls(entry.id, entry.verdict, tuple((s.paper, s.place) for s in entry.sources))

    @classmethod
    def on_record(cls, claim: Claim, verdicts: Mapping[str, str]) -> Placed:
        """A claim as it is written, with the verdict on record if there is one."""
        sources = tuple((source.paper.key, source.place) for source in claim.sources)
        return cls(claim.id, verdicts.get(claim.id, NEW), sources)


@dataclass(frozen=True)
class Coverage:
    """What the claims cover of one paper.

    Attributes:
        rows: the items in reading order, each with the claims that cover it.
        faults: what does not fit together, one line each.
    """

    paper: str
    rows: tuple[tuple[Item, tuple[Placed, ...]], ...]
    faults: tuple[str, ...]

    @property
    def open(self) -> list[str]:
        """Labels of the items that are neither claimed nor excused."""
        return [item.label for item, claims in self.rows if not claims and not item.unchecked]

    @property
    def claims(self) -> set[str]:
        """Ids of the claims that cover some item."""
        return {claim.id for _, claims in self.rows for claim in claims}

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """How many items there are, with claims, not to be checked, and open."""
        claimed = sum(bool(claims) for _, claims in self.rows)
        still = len(self.open)
        return len(self.rows), claimed, len(self.rows) - claimed - still, still

    @property
    def is_complete(self) -> bool:
        return not (self.open or self.faults)

    def lines(self) -> Iterator[str]:
        """For the terminal: the counts, then each item with what became of it."""
        items, claimed, unchecked, still = self.counts
        yield (
            f"{self.paper}: {items} items, {claimed} with claims,"
            f" {unchecked} not to be checked, {still} open"
        )
        width = max((len(item.label) for item, _ in self.rows), default=0)
        for item, claims in self.rows:
            yield f"  {item.label:<{width}}  {item.says}"
            for claim in claims:
                remark = f"  ({said})" if (said := item.remark(claim.id)) else ""
                yield f"  {'':<{width}}  {claim.verdict:<9}  {claim.id}{remark}"
            if not claims:
                reason = f"not checked: {item.unchecked}" if item.unchecked else "OPEN"
                yield f"  {'':<{width}}  {reason}"
        yield from self.faults

    def table(self, link: Link) -> Iterator[str]:
        """The same in Markdown, without the counts."""
        yield from (f"### Items of {self.paper}", "", REMARKS, "")
        yield from ("| item | says | claims |", "|---|---|---|")
        for item, claims in self.rows:
            found = "; ".join(f"{link(c.id, c.id)} {item.standing(c)}" for c in claims)
            reason = f"not checked: {item.unchecked}" if item.unchecked else "**open**"
            yield f"| {' | '.join(map(cell, (item.label, item.says, found or reason)))} |"
        yield from ("", *(f"- {fault}" for fault in self.faults))
        yield from [""] * bool(self.faults)


def covered(lists: Iterable[Items], claims: Iterable[Placed]) -> list[Coverage]:
    """What the claims cover of each paper that has a list."""
    known = sorted(claims, key=lambda claim: claim.id)
    return [_of_one(one, known) for one in lists]


def _of_one(listed: Items, claims: Sequence[Placed]) -> Coverage:
    covering: dict[str, list[Placed]] = {item.label: [] for item in listed.items}
    faults = []
    for claim in claims:
        places = [place for paper, place in claim.sources if paper == listed.paper]
        for label in dict.fromkeys(label for p in places for label in named(p, covering)):
            if label in covering:
                covering[label].append(claim)
            else:
                faults.append(f"{claim.id}: no item of {listed.paper} is labelled {label!r}")
    faults += [
        f"{listed.paper}, {item.label}: said not to be checked, but {covering[item.label][0].id}"
        " is about it"
        for item in listed.items
        if item.unchecked and covering[item.label]
    ]
    faults += [
        f"{listed.paper}, {item.label}: {name} is said to be {said} it, but is not about it"
        for item in listed.items
        for said, names in (("against", item.against), ("about a part of", item.only))
        for name in names
        if name not in [claim.id for claim in covering[item.label]]
    ]
    rows = tuple((item, tuple(covering[item.label])) for item in listed.items)
    return Coverage(listed.paper, rows, tuple(faults))


def unlisted(lists: Iterable[Items], claims: Iterable[Placed]) -> list[str]:
    """Papers that claims are taken from and that have no list of items."""
    cited = {paper for claim in claims for paper, _ in claim.sources}
    return sorted(cited - {one.paper for one in lists})


def coverage_section(found: Sequence[Coverage], without_list: Iterable[str]) -> list[str]:
    """How many items of each paper are covered, in Markdown; nothing where no paper has a list."""
    if not found:
        return []
    lines = ["## Coverage", "", "| paper | items | with claims | not to be checked | open |"]
    lines.append("|---|---:|---:|---:|---:|")
    for one in found:
        lines.append(f"| {one.paper} | {' | '.join(map(str, one.counts))} |")
    others = [*without_list]
    lines += [f"| {paper} | no list | | | |" for paper in others]
    if others:
        lines += ["", "Of a paper without a list only what claims name was read, not the rest."]
    return [*lines, ""]
