"""Report folders: all files of one run, and git told what is no part of the report."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

from tests.reports.entries import ENTRIES, report
from theorycheck import reports
from theorycheck.reports.markdown.pages import ONE_PAGE

WENT = reports.Circumstances(
    started="2026-01-01T00:00:00+00:00", seconds=1.5, workers=2, versions={"python": "3"},
    notes=("a note",), claims={"first-claim": 1.25},
)  # fmt: skip


def test_a_report_and_what_went_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    reports.write_report(folder, report(), WENT)
    assert reports.load_report(folder / "claims.json") == report()
    for name, text in reports.pages(report()).items():
        assert (folder / name).read_text(encoding="utf-8") == text
    assert json.loads((folder / "run.json").read_text())["claims"] == {"first-claim": 1.25}


def test_what_went_with_an_earlier_run_is_removed(tmp_path: Path) -> None:
    reports.write_report(tmp_path, report(), WENT)
    reports.write_report(tmp_path, report())
    assert not (tmp_path / "run.json").exists()


def test_git_sees_the_report_alone(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    reports.write_report(tmp_path / "reports", report(), WENT)
    reports.write_report(tmp_path / "reports/partial", report(), WENT)
    command = ["git", "status", "--short", "--untracked-files=all"]
    seen = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    written = ["reports/claims.html", "reports/claims.json", "reports/claims.md"]
    assert seen.splitlines() == [f"?? {name}" for name in written]


def test_what_a_folder_ignores_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")
    reports.write_report(tmp_path, report(), WENT)
    assert (tmp_path / ".gitignore").read_text() == "mine\n"


def test_pages_of_papers_that_are_no_more_are_removed(tmp_path: Path) -> None:
    """Not what somebody else has put there."""
    (tmp_path / "claims-mine.md").write_text("# Notes\n")
    many = [replace(ENTRIES["holds"], id=f"claim-{number}") for number in range(ONE_PAGE + 1)]
    reports.write_report(tmp_path, report(*many))
    assert (tmp_path / "claims-toy2020.md").exists()
    reports.write_report(tmp_path, report())
    left = sorted(path.name for path in tmp_path.glob("claims*.md"))
    assert left == ["claims-mine.md", "claims.md"]
