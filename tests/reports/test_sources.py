"""Of what a report is: the files beside the claims, what they import, and the configuration."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.files import write_files
from theorycheck.reports.sources import MOST_BYTES, Sources

PATHS = ["properties"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    texts = {
        "properties/test_one.py": "import helper\nfrom tools import part",
        "properties/deep/test_two.py": "2",
        "properties/data.json": "1",
        "helper.py": "import second",
        "second.py": "TRUE = 1",
        "tools/part.py": "",
        "unrelated.py": "",
        "../elsewhere/test_three.py": "3",
        "more/test_more.py": "4",
    }
    return write_files(tmp_path / "run", texts)


def write(name: str, text: str = "other") -> Callable[[Path], object]:
    def edit(root: Path) -> None:
        write_files(root, {name: text})

    return edit


CONFIGURED = "[tool.theorycheck]\n{}\n[tool.pytest.ini_options]\n{}\n[tool.other]\n{}\n"
EDITS: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "content": (write("properties/test_one.py", "import helper, tools.part"), ["properties"]),
    "name": (
        lambda r: (r / "properties/data.json").rename(r / "properties/d.json"),
        ["properties"],
    ),
    "new": (write("properties/assumptions.py", ""), ["properties"]),
    "gone": (lambda r: (r / "properties/deep/test_two.py").unlink(), ["properties"]),
    "moved": (
        lambda r: (r / "properties/deep/test_two.py").rename(r / "properties/test_two.py"),
        ["properties"],
    ),
    "all gone": (
        lambda r: (r / "properties").rename(r / "claims"),
        ["properties"],
    ),
    "data": (write("properties/data.json", "2"), ["properties"]),
    "new data": (write("properties/deep/table.csv"), ["properties"]),
    "a helper": (write("helper.py", "import second\n"), ["helper.py"]),
    "what it imports": (write("second.py", "TRUE = 2"), ["second.py"]),
    "a helper gone": (lambda r: (r / "helper.py").unlink(), ["helper.py"]),
    "a helper in a folder": (write("tools/part.py"), ["tools/part.py"]),
    "its package": (write("tools/__init__.py", ""), ["tools/__init__.py"]),
    "a helper shadowed": (write("properties/helper.py"), ["properties"]),
    "a conftest": (write("conftest.py", ""), ["conftest.py"]),
    "pytest configured": (write("pytest.ini", "[pytest]\n"), ["pytest.ini"]),
    "configured": (
        write("pyproject.toml", CONFIGURED.format("images = 'mnist:x'", "", "")),
        ["pyproject.toml"],
    ),
    "paths": (write("pyproject.toml", CONFIGURED.format("", "python_files = 'x_*.py'", "")), [
        "pyproject.toml"
    ]),
    "a plugin": (
        write("pyproject.toml", CONFIGURED.format("", "addopts = '-p unrelated'", "")),
        ["pyproject.toml", "unrelated.py"],
    ),
    "judged otherwise": (write("pyproject.toml", CONFIGURED.format("errors = []", "", "a=1")), []),
    "unrelated": (write("unrelated.py"), []),
    "elsewhere": (write("more/test_more.py"), []),
    "hidden": (write("properties/.cache/x.py"), []),
    "compiled": (write("properties/__pycache__/x.pyc"), []),
    "its environment": (
        lambda r: (write("properties/v/pyvenv.cfg")(r), write("properties/v/x.py")(r)),
        [],
    ),
    "its reports": (
        lambda r: (write("properties/r/claims.json")(r), write("properties/r/x.py")(r)),
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_every_change_is_seen(root: Path, edit: str) -> None:
    write("pyproject.toml", CONFIGURED.format("", "", ""))(root)
    known = Sources.of(root, PATHS)
    assert known.claims.keys() == {
        "properties", "helper.py", "second.py", "tools/part.py", "pyproject.toml"
    }  # fmt: skip
    change, changed = EDITS[edit]
    change(root)
    assert known.changed(root, PATHS) == changed


def test_paths_count_whether_claims_are_there_or_not(root: Path) -> None:
    """And whatever part of them was asked for."""
    files = [root / "properties/deep/test_two.py", root / "properties/test_one.py"]
    known = Sources.of(root, PATHS, files)
    assert known == Sources.of(root, [root / "properties"], files[:1]) == Sources.of(root, PATHS)
    assert known.changed(root, [*PATHS, "more"]) == ["more"]
    assert known.changed(root, ["more"]) == ["more"]
    several = Sources.of(root, [*PATHS, "more", "later"])
    assert several.changed(root, [*PATHS, "more", "later"]) == []
    write("later/test_later.py")(root)
    assert several.changed(root, [*PATHS, "more", "later"]) == ["later"]


def test_claims_elsewhere_count_with_the_first_folder(root: Path) -> None:
    known = Sources.of(root, PATHS, [root / "more/test_more.py"])
    write("more/beside.py")(root)
    assert known.changed(root, PATHS) == ["more"]


def test_what_lies_outside_counts_with_its_folder(root: Path) -> None:
    known = Sources.of(root, [], [root / "../elsewhere/test_three.py"])
    assert known.claims.keys() == {"../elsewhere", "pyproject.toml"}
    write("properties/test_one.py")(root)
    assert known.changed(root, []) == []
    write("../elsewhere/test_three.py")(root)
    assert known.changed(root, []) == ["../elsewhere"]


def test_a_file_in_the_folder_of_the_run_counts_alone(root: Path) -> None:
    write("test_four.py")(root)
    known = Sources.of(root, [], [root / "test_four.py"])
    write("properties/test_one.py")(root)
    assert known.changed(root, []) == []
    write("test_four.py", "5")(root)
    assert known.changed(root, []) == ["test_four.py"]


def test_where_the_project_is_the_folder_of_the_claims_only_python_counts(root: Path) -> None:
    """What a run writes beside them, such as JUnit's file, makes no report old."""
    known = Sources.of(root, ["."])
    write("junit.xml")(root)
    assert known.changed(root, ["."]) == []
    write("unrelated.py")(root)
    assert known.changed(root, ["."]) == ["."]


def test_of_a_long_file_the_length_counts(root: Path) -> None:
    path = root / "properties/pictures"
    path.write_bytes(bytes(MOST_BYTES + 1))
    known = Sources.of(root, PATHS)
    path.write_bytes(b"1" * (MOST_BYTES + 1))
    assert known.changed(root, PATHS) == []
    path.write_bytes(bytes(MOST_BYTES + 2))
    assert known.changed(root, PATHS) == ["properties"]


def test_a_digest_that_is_missing_is_a_change(root: Path) -> None:
    known = Sources.of(root, PATHS)
    for name in known.claims:
        rest = {other: digest for other, digest in known.claims.items() if other != name}
        assert name in Sources(engine=known.engine, claims=rest).changed(root, PATHS)
    assert "properties" in Sources(engine=known.engine, claims={}).changed(root, PATHS)
    assert Sources(engine="0", claims=known.claims).changed(root, PATHS) == ["theorycheck"]


@pytest.mark.parametrize("pythonpath", ["lib", "lib other"])
def test_where_pytest_is_told_to_look_for_modules(root: Path, pythonpath: str) -> None:
    write("lib/library.py")(root)
    write("properties/test_one.py", "import library")(root)
    tables = CONFIGURED.format("", f"pythonpath = {pythonpath.split()}", "")
    for name, text in {
        "pytest.ini": f"[pytest]\npythonpath = {pythonpath}\n",
        "tox.ini": f"[pytest]\npythonpath = {pythonpath}\n",
        "setup.cfg": f"[tool:pytest]\npythonpath = {pythonpath}\n",
        "pytest.toml": f"[pytest]\npythonpath = {pythonpath.split()}\n",
        "pyproject.toml": tables,
    }.items():
        write(name, text)(root)
        assert "lib/library.py" in Sources.of(root, PATHS).claims
        (root / name).unlink()
    assert "lib/library.py" not in Sources.of(root, PATHS).claims


def test_pipes_and_files_that_nobody_can_read_hold_nobody_up(root: Path) -> None:
    os.mkfifo(root / "properties/pipe")
    (root / "properties/link").symlink_to("nowhere")
    (root / "properties/broken.py").write_text("def")
    known = Sources.of(root, PATHS)
    assert known.changed(root, PATHS) == []
