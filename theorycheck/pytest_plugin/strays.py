"""Strays: claims that are declared where pytest collects none, so that nobody would examine them.

pytest collects what modules named as tests hold under a name. A claim in a list, an attribute, a
nested class or a function, or in a module with another name, is an error of collection. So is one
in a ``conftest.py``, or outside the folders of the claims in a module that these import.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from theorycheck.claims.declaration import Claim
from theorycheck.pytest_plugin.selection import Selection
from theorycheck.reports.sources import python_files

DECLARING = ("claim", "stated", "experiment_claim")
"""Functions that declare claims."""
DECLARED = pytest.StashKey[dict[str, Claim]]()
"""The claims that were declared since this plugin was loaded, by id."""


class Strays:
    """Finds claims that are declared and not collected; registered as a plugin.

    What it finds becomes the report of a collection that failed, which ends a run of any kind.
    """

    def __init__(self, config: pytest.Config, selection: Selection) -> None:
        self.root = config.rootpath
        self.selection = selection
        self.declared = config.stash.get(DECLARED, {})
        self.read: set[str] = set()
        """Ids of those that were declared while a module of claims was read, wherever they are."""

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        before = set(self.declared)
        report = yield
        if isinstance(collector, pytest.Module) and self.selection.is_of_claims(collector.path):
            self.read |= self.declared.keys() - before
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session) -> None:
        if session.testsfailed:  # a module that was not read to its end: the run is red already
            return
        folders = self.selection.given()
        for path, words in [*self._uncollected(folders), *self._unread(folders)]:
            name = str(path.relative_to(self.root) if path.is_relative_to(self.root) else path)
            report = pytest.CollectReport(name, "failed", f"E   {name}: {words}", [])
            session.config.hook.pytest_collectreport(report=report)

    def _uncollected(self, folders: Sequence[Path]) -> Iterator[tuple[Path, str]]:
        """Of modules that were imported."""
        hidden = [one for one in self.declared.values() if one.id not in self.selection.found]
        # Elsewhere a module may hold claims that one collects which was not asked for.
        whole = bool(hidden) and all(path in folders for path in self.selection.paths)
        root = self.root.resolve()
        behind = python_files(root, self.selection.paths) if whole else set()
        for claim in hidden:
            path = Path(claim.place.path).resolve()
            read = whole and claim.id in self.read and path.is_relative_to(root)
            asked = read or path in behind or any(map(path.is_relative_to, folders))
            if asked and path not in self.selection.skipped_files():
                yield (
                    path,
                    f"claim {claim.id}, line {claim.place.line}, is not collected; give it a name"
                    " of its own in a module that is named as a test",
                )

    def _unread(self, folders: Iterable[Path]) -> Iterator[tuple[Path, str]]:
        """Of modules that nothing imported."""
        loaded = [getattr(module, "__file__", None) for module in [*sys.modules.values()]]
        read = {_identity(file) for file in loaded if file}
        for folder in folders:
            for path in sorted(folder.rglob("*.py")):
                hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
                left = hidden or _identity(path) in read or path in self.selection.skipped_files()
                if not left and _declares(path):
                    yield path, "its claims are not collected; name it test_*.py"


def _identity(path: Path | str) -> tuple[int, int] | None:
    """What the names of one file share; far quicker to ask for than where links lead."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # Such as a module that is part of an archive.
        return None
    return found.st_dev, found.st_ino


def _declares(path: Path) -> bool:
    """Whether a module declares claims when it is imported, as far as its text says."""
    try:
        left: list[ast.AST] = [ast.parse(path.read_bytes())]
    except (OSError, ValueError, SyntaxError, RecursionError):
        return False
    while left:
        node = left.pop()
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", None))
            if name in DECLARING:
                return True
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            left += node.decorator_list
        elif not isinstance(node, ast.Lambda):
            left += ast.iter_child_nodes(node)
    return False
