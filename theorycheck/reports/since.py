"""What a report says otherwise than an earlier report, or than a record."""

from __future__ import annotations

from pathlib import Path

import msgspec

from theorycheck.errors import InputError
from theorycheck.reports.baseline import Baseline
from theorycheck.reports.documents import SCHEMA_VERSION, Report
from theorycheck.reports.gating import changes
from theorycheck.reports.reading import load


def since(path: Path, report: Report) -> list[str]:
    """Verdicts, strengths and statements of a report that differ from those of a file, in lines.

    Claims that only one of the two has are named as well.

    Args:
        path: of an earlier ``claims.json``, or of a ``baseline.json``.

    Raises:
        InputError: when the file is missing, or is neither.
    """
    before = _record(path)
    gone = before.verdicts.keys() - {entry.id for entry in report.claims}
    lines = [f"{claim}: gone, was {before.verdicts[claim]}" for claim in sorted(gone)]
    return [*lines, *changes(before, report)]


def _record(path: Path) -> Baseline:
    """What a file says, as a record; of a report also what is undecided."""
    document = load(path, "report or record", SCHEMA_VERSION)
    try:
        if "verdicts" in document:
            return msgspec.convert(document, Baseline)
        entries = Report.of(document).claims
    except (msgspec.ValidationError, InputError) as error:
        raise InputError(f"{path} is no report and no record: {error}") from error
    return Baseline(
        verdicts={entry.id: entry.verdict.value for entry in entries},  # type: ignore[misc]
        strengths={e.id: e.level or "unexamined" for e in entries if e.verdict.passes},
        versions={entry.id: entry.version for entry in entries},
        statements={e.id: e.formal_version for e in entries if e.formal_version is not None},
        wording={entry.id: entry.wording() for entry in entries},
    )
