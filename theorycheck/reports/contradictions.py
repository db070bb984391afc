"""Contradictions: what no run writes, and one report shows by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from theorycheck.claims.entries import Entry
from theorycheck.claims.outcomes import Examples, Outcome
from theorycheck.errors import InputError

if TYPE_CHECKING:
    from theorycheck.reports.documents import Run


def require_none(runs: Sequence[Run], entries: Iterable[Entry]) -> None:
    """Raise InputError for what contradicts itself, or another part of the report."""
    seeds = {run.seed for run in runs}
    # Parts with one seed may be of different claims; what was examined as a whole counts once.
    whole = [run for run in runs if run.finished and not run.omitted]
    for run in whole:
        if whole.count(run) > 1:
            raise InputError(f"the run with seed {run.seed} occurs twice")
    for entry in entries:
        for words in _of_entry(entry, seeds):
            raise InputError(f"claim {entry.id!r}: {words}")


def require_judged(entries: Iterable[Entry]) -> None:
    """Raise InputError for what does not follow from the rest: what a version names, a verdict.

    Loads the engine, which knows how to judge.
    """
    from theorycheck.claims.versions import misnamed
    from theorycheck.reports.merging import Part

    for entry in entries:
        wrong = misnamed(entry)
        if wrong:
            raise InputError(
                f"claim {entry.id!r}: its {wrong[0]} is not the one that its version names"
            )
        found = Part.of(entry).entry().verdict
        # A claim that was not examined to the end is undecided, whatever passes by its evidence.
        unfinished = entry.verdict == "undecided" and found != "refuted"
        if found != entry.verdict and not unfinished:
            raise InputError(f"{entry.id}: {entry.verdict}, but by its evidence {found}")


def _of_entry(entry: Entry, seeds: set[int]) -> Iterator[str]:
    strange = sorted({*entry.seeds} - seeds)
    if strange:
        yield f"its seed {strange[0]} is that of no run"
    if len({*entry.seeds}) < len(entry.seeds):
        yield "one of its seeds occurs twice"
    if entry.strength is not None and not entry.verdict.passes:
        yield f"it is {entry.verdict}, and has a strength"
    if entry.level == "general" and entry.kind != "symbolic":
        yield "only a symbolic claim is true in general"
    parts: tuple[Outcome | None, ...] = (entry, entry.control, entry.positive)
    for part in filter(None, parts):
        yield from _of_counts(part.examples)


def _of_counts(counts: Examples) -> Iterator[str]:
    # What is open may be degenerate as well; what counts is neither.
    least = counts.counted + max(counts.open, counts.degenerate)
    if least > counts.met:
        yield f"at least {least} examples met its hypotheses, and {counts.met} did"
    known = counts.met + sum(counts.rejected.values())
    if known > counts.tried:
        yield f"{known} examples were met or rejected, of {counts.tried}"
    if max([counts.agreed, *counts.corners.values()]) > counts.met:
        yield f"more examples agreed, or were of one kind, than the {counts.met} that were met"
    fraction = float(f"{counts.met / counts.tried:.6g}") if counts.tried else None
    if counts.fraction != fraction:
        yield f"{counts.met} of {counts.tried} examples are not a fraction of {counts.fraction}"
