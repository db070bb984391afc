"""Commands that work for hours try first whether what they find can be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from theorycheck.cli import commands
from theorycheck.cli.commands import main
from theorycheck.errors import ExitCode


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("power --report-dir file", "file/power.json"),
        ("needs --report-dir file", "file/needs.json"),
        ("needs --report-dir /proc/nowhere", "/proc/nowhere/needs.json"),
        ("power --report-dir taken", "taken/power.json"),
        ("stability --output file/s.json", "file/s.json"),
        ("stability --output taken", "taken"),
        ("stability --output /dev/null", "/dev/null"),
    ],
)
def test_the_place_is_tried_first(
    words: str,
    place: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Here, before it is found that there are no claims at all."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "taken/power.json").mkdir(parents=True)
    assert main(words.split()) == ExitCode.BAD_INPUT
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"theorycheck: {place} ")
    assert line.endswith(f"; name another with --{'output' if 'stab' in words else 'report-dir'}")


class Found:
    """Figures of hours."""

    interrupted, flips = False, 0

    def lines(self) -> list[str]:
        return ["all is stable"]

    def document(self) -> dict[str, str]:
        return {}


def test_what_cannot_be_written_in_the_end_was_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The place was there when the command began."""
    monkeypatch.chdir(tmp_path)

    def measured(*arguments: object, **options: object) -> Found:
        (tmp_path / "s.json/inner").mkdir(parents=True)
        return Found()

    monkeypatch.setattr("theorycheck.cli.stability.measure", measured)
    assert commands.main(["stability", "--output", "s.json"]) == ExitCode.BAD_INPUT
    printed = capsys.readouterr()
    assert printed.out == "all is stable\n"
    assert printed.err == "theorycheck: s.json: Is a directory\n"
