"""The tests have the structure of the engine, and no file is too long to be understood at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

import pytest

from tests.sources import Source

ROOT = Path(__file__).parent.parent
ENGINE, TESTS = ROOT / "theorycheck", ROOT / "tests"
MODULES = {
    path.relative_to(ENGINE).with_suffix("").as_posix()
    for path in ENGINE.rglob("*.py")
    if path.name != "__init__.py"
}

WHOLE_PROJECT = {
    "test_contracts.py",
    "test_faults.py",
    "test_mutation.py",
    "test_no_tolerances.py",
    "test_properties.py",
    "test_readme.py",
    "test_structure.py",
}
"""Test files that are about no single module."""

MOST_LINES = 400
TRUSTED = "theorycheck/kernel.py"
"""One file of any length, because it is read and trusted by itself."""

MOST_FUNCTION_LINES, MOST_BRANCHES = 40, 10
EXCUSE = "# Long: "
"""Begins the comment that says why a function is longer, or has more branches."""


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
    assert MODULES - set(ABOUT.values()) - runnable == set()


def test_every_test_file_is_about_a_module() -> None:
    assert {test for test, module in ABOUT.items() if module is None} == WHOLE_PROJECT


def test_no_file_is_too_long() -> None:
    files = [p for f in ("theorycheck", "properties", "tests") for p in (ROOT / f).rglob("*.py")]
    lines = {p.relative_to(ROOT).as_posix(): len(p.read_text("utf-8").splitlines()) for p in files}
    assert {file for file, count in lines.items() if count > MOST_LINES} == {TRUSTED}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def private_imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Private names and modules of the engine that a module takes from another one.

    Args:
        package: that of the module, from which relative imports start.
    """
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named = [(alias.name, alias.asname) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            home = resolve_name("." * node.level + (node.module or ""), package)
            named = [(f"{home}.{alias.name}", alias.asname or alias.name) for alias in node.names]
        else:
            continue
        for name, known in named:
            if name.partition(".")[0] == "theorycheck":
                modules[known or name] = name
                if any(map(is_private, name.split("."))):
                    yield name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            owner = ast.unparse(node.value)
            if owner in modules:
                yield f"{modules[owner]}.{node.attr}"


FACE = "theorycheck._lazy.attach"
"""Private, and yet for the ``__init__`` of every package: makes its names those of its modules."""


def test_no_module_takes_what_is_private_to_another() -> None:
    taken = {}
    for path in ENGINE.rglob("*.py"):
        package = ".".join(path.parent.relative_to(ROOT).parts)
        found = set(private_imports(ast.parse(path.read_text("utf-8")), package))
        taken[path.relative_to(ROOT).as_posix()] = (
            found - {FACE} if path.name == "__init__.py" else found
        )
    assert {path: found for path, found in taken.items() if found} == {}


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("from theorycheck.notes import _collected", {"theorycheck.notes._collected"}),
        ("from theorycheck._lazy import attach", {FACE}),
        ("from theorycheck import _lazy", {"theorycheck._lazy"}),
        ("import theorycheck._lazy", {"theorycheck._lazy"}),
        ("import theorycheck._lazy as lazy", {"theorycheck._lazy"}),
        ("from ._lazy import attach", {FACE}),
        ("from . import _lazy", {"theorycheck._lazy"}),
        ("from .notes import _x, note", {"theorycheck.notes._x"}),
        ("if True:\n    from theorycheck.notes import _x as x", {"theorycheck.notes._x"}),
        ("from theorycheck import notes\nnotes._collected.get()", {"theorycheck.notes._collected"}),
        ("import theorycheck.notes\ntheorycheck.notes._x", {"theorycheck.notes._x"}),
        ("from theorycheck import notes as n\nn._x", {"theorycheck.notes._x"}),
        ("from theorycheck import __version__, notes\nnotes.__doc__", set()),
        ("from _pytest import config\nimport _thread\nself._x = config._y", set()),
        ("from theorycheck.notes import note", set()),
    ],
)
def test_what_counts_as_taking_something_private(text: str, taken: set[str]) -> None:
    assert set(private_imports(ast.parse(text), "theorycheck")) == taken


Function = ast.FunctionDef | ast.AsyncFunctionDef
BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case, ast.IfExp)


def functions(node: ast.AST, outer: str = "") -> Iterator[tuple[str, Function]]:
    """All functions with the names of the classes and functions around them."""
    for child in ast.iter_child_nodes(node):
        name = outer
        if isinstance(child, (Function, ast.ClassDef)):
            name = f"{outer}.{child.name}".lstrip(".")
            if isinstance(child, Function):
                yield name, child
        yield from functions(child, name)


def too_long(text: str) -> dict[str, bool]:
    """Functions with too many lines or branches, and whether a comment says why.

    Neither decorators nor the docstring count; a function within another one counts as a part of
    that, and by itself.
    """
    source = Source(text)
    found = {}
    for name, function in functions(source.tree):
        body = function.body[1 if ast.get_docstring(function) is not None else 0 :]
        last = function.end_lineno or function.lineno
        lines = last - body[0].lineno + 1 if body else 0
        branches = sum(isinstance(node, BRANCHES) for node in ast.walk(function))
        if lines > MOST_FUNCTION_LINES or branches > MOST_BRANCHES:
            inner = {
                line
                for _, part in functions(function)
                for line in range(part.lineno, (part.end_lineno or part.lineno) + 1)
            }
            found[name] = any(
                source.comments.get(line, "").startswith(EXCUSE)
                for line in range(function.lineno, last + 1)
                if line not in inner
            )
    return found


def test_long_functions_say_why() -> None:
    files = [
        path for folder in ("theorycheck", "properties") for path in (ROOT / folder).rglob("*.py")
    ]
    found = {
        f"{path.relative_to(ROOT).as_posix()}:{name}"
        for path in files
        for name, excused in too_long(path.read_text("utf-8")).items()
        if not excused
    }
    assert found == set()


LINES = [f"    x = {i}" for i in range(MOST_FUNCTION_LINES)]
BRANCHING = [f"    if x == {i}: pass" for i in range(MOST_BRANCHES)]
MIXED = """
    for i in x: pass
    while x: pass
    try: pass
    except ValueError: pass
    match x:
        case 1: pass
        case _: pass
    y = 1 if x else 2
    if x: pass
    elif y: pass
    elif z: pass
    else: pass
"""


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["def f():", *LINES], {}),
        (["def f():", *LINES, "    return x"], {"f": False}),
        (["def f():", '    """A', "    docstring."  '"""', *LINES], {}),
        (["@cache", "@other(", "    1", ")", "def f(", "    x,", "):", *LINES], {}),
        (["def f():", "    # Long: one table.", *LINES, "    return x"], {"f": True}),
        (["def f():", "    # It is long.", *LINES, "    return x"], {"f": False}),
        (["# Long: not here.", "def f():", *LINES, "    return x"], {"f": False}),
        (["class C:", "    def f():", *(f"    {line}" for line in [*LINES, "    y = 1"])],
         {"C.f": False}),
        (["async def f():", *LINES, "    return x"], {"f": False}),
        (["def f():", *BRANCHING], {}),
        (["def f():", *BRANCHING, "    y = 1 if x else 2"], {"f": False}),
        (["def f():", *BRANCHING, "    # Long: cases.", "    if x: pass"], {"f": True}),
        (["def f():", MIXED, "    for i in y: pass"], {}),
        (["def f():", MIXED, "    for i in y: pass", "    for i in z: pass"], {"f": False}),
        (["def f():", *LINES[1:], "    def g():", "        # Long: why?", "        return 1"],
         {"f": False}),
        (["def f():", "    # Long: why.", "    def g():", *(f"    {line}" for line in LINES),
          "        return 1"], {"f": True, "f.g": False}),
    ],
)  # fmt: skip
def test_what_counts_as_long(lines: list[str], found: dict[str, bool]) -> None:
    assert too_long("\n".join(lines)) == found
