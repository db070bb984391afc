"""Gating: whether a report is one to compare with the record, and what accepting it changes."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

from theorycheck.errors import InputError
from theorycheck.reports import certified
from theorycheck.reports.baseline import Baseline
from theorycheck.reports.documents import Report, dumps, write_atomically
from theorycheck.reports.markdown.words import how_many
from theorycheck.reports.merging import require_same_images


def missing(report: Report) -> Iterator[str]:
    """What to say of a report that is on a part of the claims, whether these differ or not."""
    if report.omitted:
        yield f"the report is on {how_many(report)} only; run them all, or ask for a --part"


def unfinished(report: Report) -> Iterator[str]:
    """What to say of runs that ended early, one line each."""
    for run in report.runs:
        if not run.finished:
            yield f"the run with seed {run.seed} did not finish; run the claims again"


def doubts(folder: Path, report: Report, root: Path, paths: Sequence[Path]) -> Iterator[str]:
    """Why a report is none to rely on, one line each.

    Args:
        folder: of the report.
        root: the folder of the project.
        paths: where its claims are.
    """
    if not report.runs:
        yield "the report is of no run; run the claims"
    yield from unfinished(report)
    try:
        changed = {one for run in report.runs for one in run.sources.changed(root, paths)}
        if changed:
            yield (
                f"the report is older than what is in {', '.join(sorted(changed))}, or is not of"
                " this folder; run the claims again"
            )
        require_same_images(report.runs)
        certified.of_report(folder, report)
    except InputError as error:
        yield str(error)


def accept(
    folder: Path,
    report: Report,
    baseline: Path,
    record: Baseline,
    root: Path,
    paths: Sequence[Path],
) -> list[str]:
    """Put a report on record, with its certificates, and say what that changed.

    Args:
        folder: of the report.
        baseline: the file of the record; certificates lie in a folder beside it.
        root, paths: as in `doubts`.

    Raises:
        InputError: when the report is none to rely on, or has undecided claims. Nothing is written.
    """
    found = next(doubts(folder, report, root, paths), None)
    if found is not None:
        raise InputError(f"{found}; nothing was accepted")
    accepted = record.accepting(report.claims)
    verified = certified.of_report(folder, report)
    for name, document in verified.items():
        write_atomically(baseline.parent / name, dumps(document))
    write_atomically(baseline, accepted.text())
    removed = certified.stale(baseline, report, accepted)
    for path in removed:
        path.unlink()
    return [f"removed {path}, which no claim has any more" for path in removed]


def changes(record: Baseline, report: Report) -> list[str]:
    """What accepting a report changes, verdicts, strengths and statements, in lines."""
    lines = []
    for entry in report.claims:
        before, words = record.verdicts.get(entry.id), record.wording.get(entry.id)
        if before is None:
            lines.append(f"{entry.id}: new, {entry.verdict}")
        elif before != entry.verdict:
            lines.append(f"{entry.id}: {before} -> {entry.verdict}")
        if record.passes(entry.id) and (strength := record.other_strength(entry)):
            lines.append(f"{entry.id}: {strength} -> {entry.level}")
        if before is not None and record.same_statement(entry) and words in (None, entry.wording()):
            continue
        if before == entry.verdict:
            lines.append(f"{entry.id}: {before}, with another statement")
        if words is None and before is not None:
            lines.append("  (the record does not hold how it was worded)")
        compared = difflib.ndiff(words or (), entry.wording())
        lines += [f"  {line}" for line in compared if not line.startswith("?")]
    return lines
