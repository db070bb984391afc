"""Places that cannot be written: the file is named, and nothing is left."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from theorycheck import reports
from theorycheck.errors import InputError


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def failing(code: int) -> Callable[..., Any]:
    """As the system does it that is asked to write, or to move."""

    def fail(*arguments: Any, **options: Any) -> Any:
        raise OSError(code, os.strerror(code), ".claims.json.x2f9")

    return fail


STEPS = [(tempfile, "mkstemp"), (os, "fdopen"), (os, "chmod"), (os, "replace")]
"""What writing a file does, one after another."""


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EIO])
@pytest.mark.parametrize(("module", "name"), STEPS, ids=[name for _, name in STEPS])
def test_a_disk_that_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, code: int
) -> None:
    """The error names the file that was to be written; folders made for it are gone."""
    (tmp_path / "old").mkdir()
    before = tree(tmp_path)
    path = tmp_path / "old/new/newer/claims.json"
    monkeypatch.setattr(module, name, failing(code))
    with pytest.raises(OSError, match=os.strerror(code)) as raised:
        reports.write_atomically(path, "text")
    assert (raised.value.filename, raised.value.errno) == (str(path), code)
    assert tree(tmp_path) == before
    if name != "replace":
        with pytest.raises(InputError) as refused:
            reports.try_writing(path, "--here")
        said = f"{path} cannot be written ({os.strerror(code)}); name another with --here"
        assert str(refused.value) == said
        assert tree(tmp_path) == before


def test_a_file_that_is_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "claims.json/inner").mkdir(parents=True)
    with pytest.raises(OSError, match="directory") as raised:
        reports.write_atomically(tmp_path / "claims.json", "text")
    assert raised.value.filename == str(tmp_path / "claims.json")
    assert tree(tmp_path) == ["claims.json", "claims.json/inner"]


def test_folders_that_others_use_meanwhile_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **options: Any) -> Any:
        (tmp_path / "new/theirs").write_text("")
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(tempfile, "mkstemp", fail)
    with pytest.raises(OSError, match="full"):
        reports.write_atomically(tmp_path / "new/newer/claims.json", "text")
    assert tree(tmp_path) == ["new", "new/theirs"]


@pytest.mark.parametrize("name", ["a.json", "new/a.json", "new/newer/a.json", "there.json"])
def test_trying_leaves_nothing_and_changes_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "there.json").write_text("old")
    reports.try_writing(tmp_path / name, "--output")
    assert tree(tmp_path) == ["there.json"]
    assert (tmp_path / "there.json").read_text() == "old"


@pytest.mark.parametrize("place", ["", "folder", "fifo", "/dev/null", "there.json/a.json"])
def test_what_is_no_file_is_refused(tmp_path: Path, place: str) -> None:
    """A device would be replaced by a file."""
    (tmp_path / "there.json").write_text("old")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(InputError, match="name another with --output") as refused:
        reports.try_writing(tmp_path / place, "--output")
    assert str(refused.value).count("\n") == 0
