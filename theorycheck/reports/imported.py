"""Imported: the files of a project that its Python files import, found without importing them.

What a process has loaded depends on what it ran; what a file says does not. So names are read from
the text, and looked for wherever pytest may find them: beside the file that imports them, in the
folders around it up to that of the project, in ``src``, and where ``pythonpath`` says. Every file
that a name may mean counts.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

BY_NAME = ("import_module", "__import__", "importorskip", "run_module")
"""Functions that import what a text names."""
PLUGINS = "pytest_plugins"
"""The variable with which a file names plugins to be loaded."""


def reached(files: Iterable[Path], root: Path, besides: Iterable[Path], without: Path) -> set[Path]:
    """All files within a folder that these import, and so on, without these.

    Args:
        files: to begin with.
        root: the folder.
        besides: other folders in which to look for modules.
        without: a folder in which not to look.
    """
    begin = set(files)
    found, left = set(begin), list(begin)
    everywhere = [root, root / "src", *besides]
    look = cache(_files)  # for this once: another time there may be other files
    while left:
        file = left.pop()
        around = [file.parent, *(one for one in file.parents if one.is_relative_to(root))]
        folders = [*dict.fromkeys([*around, *everywhere])]
        new = set[Path]()
        for level, name in _names(file):
            for folder in folders if level == 0 else file.parents[level - 1 : level]:
                new |= look(folder, name) - found
        new = {one for one in new if one.is_relative_to(root) and not one.is_relative_to(without)}
        found |= new
        left += new
    return found - begin


def _files(folder: Path, name: str) -> frozenset[Path]:
    """The files that are read where a module is imported from a folder: packages around it, too."""
    first, *rest = name.split(".")
    place = os.path.join(folder, first)
    found = {f"{place}.py"} if not rest else set[str]()
    if os.path.isdir(place):
        inner = [os.path.join(place, *rest[:n]) for n in range(len(rest) + 1)]
        found |= {os.path.join(one, "__init__.py") for one in inner} | {f"{inner[-1]}.py"}
    return frozenset(Path(one) for one in found if os.path.isfile(one))


def _names(file: Path) -> set[tuple[int, str]]:
    """The modules that a file imports: how many folders up it begins, and a dotted name."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError):
        return set()
    names = set[tuple[int, str]]()
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                names |= {(0, one.name) for one in node.names}
            case ast.ImportFrom():
                of = [node.module] if node.module else []
                within = [".".join([*of, one.name]) for one in node.names]
                names |= {(node.level, name) for name in (*of, *within)}
            case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)):
                if called in BY_NAME:
                    names |= {(0, text) for text in _texts(node.args)}
            case ast.Assign(targets=[ast.Name(id=variable)], value=value):
                if variable == PLUGINS:
                    names |= {(0, text) for text in _texts([value])}
    return {(level, name) for level, name in names if all(map(str.isidentifier, name.split(".")))}


def _texts(nodes: Iterable[ast.expr]) -> Iterator[str]:
    for node in nodes:
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.value
