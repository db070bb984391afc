"""The functions of a module that has been loaded, and their code in a changed source."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Iterator
from types import CodeType, FunctionType


class Functions:
    """All functions that a module has made so far.

    Args:
        source: of the module.
        path: its file.
    """

    def __init__(self, source: str, path: str) -> None:
        self.path = path
        self.codes = list(_outermost(compile(source, path, "exec")))
        self.live: dict[tuple[str, int], list[FunctionType]] = {}
        # What is frozen, as the plugin does with all that is loaded, is not among the objects.
        gc.unfreeze()
        for function in gc.get_objects():
            # Not isinstance, which some objects do not stand.
            if type(function) is FunctionType and function.__code__.co_filename == path:
                self.live.setdefault(_name(function.__code__), []).append(function)

    def changed(self, source: str) -> list[tuple[FunctionType, CodeType]] | None:
        """Functions whose code is another in a changed source, and that code.

        None where that is not enough: nothing is changed in functions, or in one within which
        others were made already.
        """
        found = []
        codes = list(_outermost(compile(source, self.path, "exec")))
        if [code.co_qualname for code in codes] != [code.co_qualname for code in self.codes]:
            return None
        for old, new in zip(self.codes, codes, strict=True):
            if _bare(old) != _bare(new):
                within = f"{old.co_qualname}.<locals>."
                if any(name.startswith(within) for name, _ in self.live):
                    return None
                found += [(function, new) for function in self.live.get(_name(old), [])]
                if old.co_freevars != new.co_freevars:
                    return None
        return found or None


def _name(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def _outermost(code: CodeType) -> Iterator[CodeType]:
    """That of the functions and methods in a module or class, not of what is within them."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            if inner.co_flags & inspect.CO_OPTIMIZED:
                yield inner
            else:
                yield from _outermost(inner)


def _bare(code: CodeType) -> CodeType:
    """Code without the lines that it comes from."""
    constants = tuple(_bare(c) if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.replace(co_firstlineno=1, co_linetable=b"", co_consts=constants)
