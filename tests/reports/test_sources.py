"""Of which code a report is: names and contents of all Python files beside the claims."""

from __future__ import annotations

from pathlib import Path

import pytest

from theorycheck.reports.sources import Sources


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "run/properties/deep").mkdir(parents=True)
    (tmp_path / "run/properties/test_one.py").write_text("1")
    (tmp_path / "run/properties/deep/test_two.py").write_text("2")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/test_three.py").write_text("3")
    return tmp_path / "run"


def test_the_first_folder_counts_as_a_whole(root: Path) -> None:
    files = ["properties/deep/test_two.py", "properties/test_one.py"]
    known = Sources.of(root, files)
    assert known == Sources.of(root, files[:1])
    assert known.claims.keys() == {"properties"}
    assert known.changed(root) == []


def test_what_lies_outside_counts_with_its_folder(root: Path) -> None:
    known = Sources.of(root, ["../elsewhere/test_three.py"])
    assert known.claims.keys() == {"../elsewhere"}
    (root / "properties/test_one.py").write_text("other")
    assert known.changed(root) == []
    (root / "../elsewhere/test_three.py").write_text("other")
    assert known.changed(root) == ["../elsewhere"]


@pytest.mark.parametrize("edit", ["content", "name", "new", "gone", "moved", "all gone"])
def test_every_change_is_seen(root: Path, edit: str) -> None:
    known = Sources.of(root, ["properties/test_one.py"])
    one, two = root / "properties/test_one.py", root / "properties/deep/test_two.py"
    match edit:
        case "content":
            one.write_text("2")
        case "name":
            one.rename(one.with_stem("test_other"))
        case "new":
            (root / "properties/assumptions.py").write_text("")
        case "gone":
            two.unlink()
        case "moved":
            two.rename(root / "properties/test_two.py")
        case _:
            (root / "properties").rename(root / "claims")
    assert known.changed(root) == ["properties"]


def test_caches_and_other_files_do_not_count(root: Path) -> None:
    known = Sources.of(root, ["properties/test_one.py"])
    (root / "properties/.cache").mkdir()
    (root / "properties/.cache/x.py").write_text("x")
    (root / "properties/notes.md").write_text("x")
    (root / "test_other.py").write_text("x")
    assert known.changed(root) == []


def test_a_file_in_the_folder_of_the_run_counts_alone(root: Path) -> None:
    (root / "test_four.py").write_text("4")
    known = Sources.of(root, ["test_four.py"])
    (root / "properties/test_one.py").write_text("other")
    assert known.changed(root) == []
    (root / "test_four.py").write_text("5")
    assert known.changed(root) == ["test_four.py"]
