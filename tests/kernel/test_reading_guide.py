"""The kernel as a text for strangers: explained throughout, in the order announced, and alone."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from theorycheck import kernel

TEXT = Path(kernel.__file__).read_text(encoding="utf-8")
TREE = ast.parse(TEXT)

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def public(body: list[ast.stmt], above: str = "") -> Iterator[tuple[str, Definition]]:
    """Functions, classes and their methods whose names have no leading underscore."""
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield above + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body, f"{above}{node.name}.")


PUBLIC = dict(public(TREE.body))
FIELDS = {
    name: [
        field.target.id
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    ]
    for name, node in PUBLIC.items()
    if any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)
}


def test_the_names_of_the_kernel_are_found() -> None:
    assert {"Enclosure", "compare", "Evaluator.evaluate", "Statement.read", "check"} <= set(PUBLIC)
    assert FIELDS["Dual"] == ["value", "motion", "level"]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_a_docstring(name: str) -> None:
    assert (ast.get_docstring(PUBLIC[name]) or "").endswith(".")


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_explained(name: str) -> None:
    _, _, attributes = (ast.get_docstring(PUBLIC[name]) or "").partition("Attributes:\n")
    assert re.findall(r"^    (\w+): ", attributes, re.MULTILINE) == FIELDS[name]


def test_the_guide_names_the_parts_in_the_order_of_the_file() -> None:
    announced = re.findall(r"^\d\. ([A-Z][a-z ]+)[:.]", ast.get_docstring(TREE) or "", re.MULTILINE)
    headings = re.findall(r"^# --- ([A-Z][a-z ]+)[: ].*-$", TEXT, re.MULTILINE)
    assert announced == [heading.strip() for heading in headings]
    assert len(announced) > 5


def imported(tree: ast.Module) -> Iterator[str]:
    """The packages that are imported anywhere in a module; "." stands for its own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." if node.level else (node.module or "").partition(".")[0]


def test_the_kernel_imports_the_standard_library_alone() -> None:
    found = set(imported(TREE))
    assert {"fractions", "json"} <= found <= sys.stdlib_module_names


def test_the_kernel_neither_imports_nor_executes_what_is_named_at_run_time() -> None:
    names = {node.id for node in ast.walk(TREE) if isinstance(node, ast.Name)}
    assert not names & {"__import__", "__builtins__", "exec", "eval", "compile"}
    assert not set(imported(TREE)) & {"importlib", "runpy", "pkgutil", "subprocess", "ctypes"}


def test_imports_of_the_package_itself_would_be_found() -> None:
    planted = "def f():\n    from . import errors\n    import theorycheck.exact\n"
    assert set(imported(ast.parse(planted))) == {".", "theorycheck"}
