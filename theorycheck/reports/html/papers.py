"""Papers: what each of them got right and wrong, for the first screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from theorycheck.claims.entries import Entry, Reference
from theorycheck.reports.documents import ORDER
from theorycheck.reports.html.dependencies import Dependencies
from theorycheck.reports.markdown.words import wrong_as_printed

WEIGHTS = ("theorem", "abstract", "lemma", "proposition", "corollary")
"""Kinds of places whose errors matter more than those of others, the first ones most."""


@dataclass(frozen=True)
class Erratum:
    """A printed statement that is wrong, where it is printed, and its corrected forms.

    Attributes:
        reach: how many claims rest on it.
        surviving: how many of these pass by themselves.
    """

    entry: Entry
    place: str
    corrected: Sequence[Entry]
    reach: int
    surviving: int


@dataclass(frozen=True)
class Sheet:
    """What is known of one paper.

    Attributes:
        paper: None for claims of our own.
        entries: its claims, in the order of the report, each with its place.
        errata: what fails as printed, or as we read it, that which matters most first.
        absent: tendencies that did not show.
    """

    paper: Reference | None
    entries: tuple[tuple[Entry, str], ...]
    errata: tuple[Erratum, ...]
    absent: tuple[tuple[Entry, str], ...]

    @property
    def key(self) -> str:
        """What filters call it."""
        return "" if self.paper is None else self.paper.paper

    @property
    def verdicts(self) -> dict[str, int]:
        """How many claims have which verdict, the good ones first."""
        counts = Counter(entry.verdict for entry, _ in self.entries)
        return {verdict.value: counts[verdict] for verdict in reversed(ORDER) if counts[verdict]}

    @property
    def strengths(self) -> dict[str, int]:
        """How many of the claims that pass have which strength, the strongest first."""
        counts = Counter(entry.level for entry, _ in self.entries)
        return {level: counts[level] for level in ("general", "architectures", "sampled")
                if counts[level]}  # fmt: skip


def sheets(entries: Sequence[Entry]) -> list[Sheet]:
    """One for each paper, that with the most claims first, and one for claims of our own."""
    papers: dict[str, Reference] = {}
    printed: dict[str, dict[str, tuple[Entry, str]]] = {}
    for entry in entries:
        for source in entry.sources:
            papers.setdefault(source.paper, source)
            of_paper = printed.setdefault(source.paper, {})
            earlier = of_paper.get(entry.id)
            place = source.place if earlier is None else f"{earlier[1]}; {source.place}"
            of_paper[entry.id] = entry, place
    ours = {entry.id: (entry, "") for entry in entries if not entry.sources}
    corrected = corrections(entries)
    dependencies = Dependencies.of(entries)
    most_first = sorted(papers, key=lambda key: (-len(printed[key]), key))
    found = [
        _sheet(papers[key], printed[key].values(), corrected, dependencies) for key in most_first
    ]
    return [*found, *([_sheet(None, ours.values(), corrected, dependencies)] if ours else [])]


def corrections(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """The corrected forms that there are, by the claim that they correct."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.corrects:
            found.setdefault(entry.corrects, []).append(entry)
    return found


def _sheet(
    paper: Reference | None,
    placed: Iterable[tuple[Entry, str]],
    corrected: Mapping[str, Sequence[Entry]],
    dependencies: Dependencies,
) -> Sheet:
    entries = tuple(placed)
    places = {entry.id: place for entry, place in entries}
    wrong = [
        Erratum(
            entry,
            places[entry.id],
            corrected.get(entry.id, ()),
            dependencies.size(entry.id),
            dependencies.surviving(entry.id),
        )
        for entry in wrong_as_printed(entry for entry, _ in entries)
    ]
    absent = tuple(
        (entry, place)
        for entry, place in entries
        if entry.kind == "tendency" and entry.verdict == "refuted"
    )
    return Sheet(paper, entries, tuple(sorted(wrong, key=_importance)), absent)


def _importance(erratum: Erratum) -> tuple[int, int, bool]:
    """Errors of main results first, then those on which much rests, then those without repair."""
    first = [place.split()[0].lower() for place in erratum.place.split("; ") if place.strip()]
    ranks = [WEIGHTS.index(word) for word in first if word in WEIGHTS]
    rank = min(ranks, default=len(WEIGHTS))
    return rank, -erratum.reach, bool(erratum.corrected)
