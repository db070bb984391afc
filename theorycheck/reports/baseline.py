"""The baseline: verdicts and statements on record, and what differs from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from theorycheck.errors import InputError
from theorycheck.reports.documents import BASELINE_VERSION, Entry, Table, dumps, load


def load_baseline(path: Path, table: Literal["verdicts", "statements"] = "verdicts") -> Table:
    """Verdicts on record by claim id, or versions of the statements that they are about.

    Empty when there is no record yet. Errors as in `load`.
    """
    if not path.exists():
        return {}
    found = load(path, "baseline", BASELINE_VERSION).get(table, {} if table == "statements" else 0)
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise InputError(f"baseline {path} has no table of {table}; restore or delete it")
    return found


def baseline_text(verdicts: Mapping[str, str], statements: Mapping[str, str] | None = None) -> str:
    return dumps(
        {
            "schema_version": BASELINE_VERSION,
            "verdicts": dict(sorted(verdicts.items())),
            "statements": dict(sorted((statements or {}).items())),
        }
    )


def difference(entry: Entry, record: Mapping[str, str]) -> str | None:
    """What differs between an entry's verdict and the record, in words; None when nothing does."""
    recorded = record.get(entry["id"])
    if recorded == entry["verdict"]:
        return None
    reason = f"{entry['verdict']} ({entry['reason']})"
    if recorded is None:
        return (
            f"{entry['id']}: no verdict on record, now {reason};"
            " record it with `theorycheck gate --accept`"
        )
    return f"{entry['id']}: on record as {recorded}, now {reason}"


def differences(entries: Sequence[Entry], record: Mapping[str, str]) -> list[str]:
    """All differences between a whole report and the record, one line each."""
    changes = [difference(entry, record) for entry in entries]
    reported = {entry["id"] for entry in entries}
    lost = [
        f"{claim}: on record as {verdict}, not in the report"
        for claim, verdict in record.items()
        if claim not in reported
    ]
    return [change for change in changes if change is not None] + lost
