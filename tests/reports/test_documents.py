"""Report documents: files that everyone can read, and files that cannot be used."""

from __future__ import annotations

import json
import math
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.reports.entries import ENTRIES, RUN, document
from theorycheck import reports
from theorycheck.claims.verdicts import Verdict
from theorycheck.errors import InputError


def test_entries_have_the_verdicts_that_they_are_named_after() -> None:
    verdicts = {name: ENTRIES[name]["verdict"] for name in reports.ORDER}
    assert verdicts == {name: name for name in reports.ORDER}
    assert ENTRIES["tendency"]["verdict"] == ENTRIES["corrected"]["verdict"] == "holds"
    assert set(reports.ORDER) == {str(verdict) for verdict in Verdict}


def test_written_files_can_be_read_by_everyone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "claims.md"
    reports.write_atomically(path, "ρ ≤ 1\n")
    assert path.read_bytes() == "ρ ≤ 1\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    reports.write_atomically(path, "again")
    assert path.read_text(encoding="utf-8") == "again"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_is_a_file_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        reports.write_atomically(tmp_path / "file" / "claims.md", "text")


def test_report_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    reports.write_atomically(path, reports.report_text(RUN, list(ENTRIES.values())))
    loaded = reports.load_report(path)
    assert loaded == {
        "schema_version": reports.SCHEMA_VERSION,
        "run": RUN,
        "claims": list(ENTRIES.values()),
    }


def written(**changes: Any) -> str:
    return json.dumps({**document(), **changes})


def changed_claim(**changes: Any) -> str:
    return written(claims=[{**ENTRIES["holds"], **changes}])


FAULTS: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "cannot be read"),
    "truncated": (reports.report_text(RUN, list(ENTRIES.values()))[:-20], "cannot be read"),
    "binary": (b"\xff\xfe\x00", "cannot be read"),
    "list": ("[]", "no schema_version"),
    "no version": ('{"run": {}, "claims": []}', "no schema_version"),
    "version as text": ('{"schema_version": "1"}', "no schema_version"),
    "version as truth": ('{"schema_version": true}', "no schema_version"),
    "newer": ('{"schema_version": 99}', "upgrade theorycheck"),
    "older": ('{"schema_version": 1}', "run the claims again"),
    "too deep": ("[" * 100_000, "cannot be read"),
    "not a number": (written(run={"seconds": math.nan}), "NaN is no finite number"),
    "too large": (written().replace("1.25", "1e999"), "1e999 is no finite number"),
    "no claims": (written(claims=None), "no list of claims"),
    "claims as object": (written(claims={}), "no list of claims"),
    "no run": (written(run=None), "no run"),
    "incomplete run": (written(run={"seed": 0}), "incomplete run"),
    "incomplete merged run": (written(run={"merged": [RUN, {}]}), "incomplete run"),
    "merged runs as text": (written(run={"merged": "two"}), "incomplete run"),
    "claim as text": (written(claims=["a"]), "incomplete claim"),
    "incomplete claim": (written(claims=[{}]), "incomplete claim"),
    "unknown verdict": (changed_claim(verdict="maybe"), "'maybe' is no verdict"),
}


@pytest.mark.parametrize(("content", "message"), FAULTS.values(), ids=FAULTS)
def test_unusable_reports(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "claims.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError) as error:
        reports.load_report(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_report_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist; run"):
        reports.load_report(tmp_path / "claims.json")
    with pytest.raises(InputError, match="cannot be read"):
        reports.load_report(tmp_path)


def test_numbers_that_json_lacks_are_never_written() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        reports.dumps({"seconds": float("nan")})


def test_failed_write_leaves_the_previous_file(tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    reports.write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        reports.write_atomically(path, "\udc80")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
