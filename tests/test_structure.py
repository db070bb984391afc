"""The tests have the structure of the engine, and no file is too long to be understood at once."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent
ENGINE, TESTS = ROOT / "theorycheck", ROOT / "tests"
MODULES = {
    path.relative_to(ENGINE).with_suffix("").as_posix()
    for path in ENGINE.rglob("*.py")
    if path.name != "__init__.py"
}

WHOLE_PROJECT = {"test_faults.py", "test_no_tolerances.py", "test_readme.py", "test_structure.py"}
"""Test files that are about no single module."""

UNTESTED = {
    "claims/declaration",
    "claims/examination",
    "claims/setting",
    "simd/available",
    "simd/machine",
    "training/compiled/arena",
    "training/compiled/drivers",
    "training/compiled/operations/base",
    "training/compiled/operations/convolution",
    "training/compiled/operations/exchange",
    "training/compiled/operations/layers",
    "training/compiled/operations/losses",
    "training/compiled/operations/products",
    "training/compiled/operations/steps",
    "training/compiled/program",
}
"""Modules that have no test file yet: none may be added."""

MOST_LINES = 400
TRUSTED = "theorycheck/kernel.py"
"""One file of any length, because it is read and trusted by itself."""

TOO_LONG = {
    "theorycheck/training/compiled/operations/steps.py",
    "theorycheck/training/compiled/program.py",
}
"""Files that are still too long: none may be added."""


def mirrored(test: Path) -> str | None:
    """The module that a test file is about, if there is one.

    ``tests/a/test_b.py`` and ``tests/a/test_b_aspect.py`` are about ``theorycheck/a/b.py``, and all
    files of ``tests/kernel/`` about ``theorycheck/kernel.py``.
    """
    folder = test.parent.relative_to(TESTS)
    if folder == Path("kernel"):
        return "kernel"
    name = test.stem.removeprefix("test_") + "_"
    found = [
        module
        for module in MODULES
        if Path(module).parent == folder and name.startswith(Path(module).name.strip("_") + "_")
    ]
    return max(found, key=len, default=None)


ABOUT = {path.relative_to(TESTS).as_posix(): mirrored(path) for path in TESTS.rglob("test_*.py")}


def test_every_module_has_a_test_file() -> None:
    runnable = {module for module in MODULES if Path(module).name == "__main__"}
    assert MODULES - set(ABOUT.values()) - runnable == UNTESTED


def test_every_test_file_is_about_a_module() -> None:
    assert {test for test, module in ABOUT.items() if module is None} == WHOLE_PROJECT


def test_no_file_is_too_long() -> None:
    files = [p for f in ("theorycheck", "properties", "tests") for p in (ROOT / f).rglob("*.py")]
    lines = {p.relative_to(ROOT).as_posix(): len(p.read_text("utf-8").splitlines()) for p in files}
    assert {file for file, count in lines.items() if count > MOST_LINES} - {TRUSTED} == TOO_LONG
