"""Processes: nothing ends the one that examines claims as if all were well.

What a claim calls cannot end it at all; what a ``conftest.py`` calls can end it with an error.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, NoReturn, TextIO
from unittest.mock import patch

ENDING = ("_exit", "execv", "execve")
"""Functions of `os` that end a program without a word, and on which others of the kind rest."""
HOMES = (os, sys.modules[os.name])
"""The modules that have them."""


@contextmanager
def kept_running() -> Iterator[None]:
    """What is called, or imported from `os`, cannot end this process, and with it the run."""
    with ExitStack() as stack:
        stack.enter_context(_patched(may_fail=False))
        for stream in {id(one): one for one in _streams()}.values():
            stack.enter_context(patch.object(stream, "close", _stays_open))
        yield


def kept_honest() -> AbstractContextManager[None]:
    """The same, but that it may end this process with a code that says that something is wrong."""
    return _patched(may_fail=True)


@contextmanager
def _patched(*, may_fail: bool) -> Iterator[None]:
    with ExitStack() as stack:
        for home in HOMES:
            for name in ENDING:
                kept = _kept(name, getattr(home, name), may_fail)
                stack.enter_context(patch.object(home, name, kept))
        yield


def _streams() -> list[TextIO]:
    """Those that pytest writes to, and reads from where it captures what is written."""
    streams = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return [one for one in streams if isinstance(one, io.TextIOWrapper)]


def _stays_open() -> NoReturn:
    raise RuntimeError("a closed output would have ended the whole run")


def _kept(name: str, leave: Callable[..., object], may_fail: bool) -> Callable[..., object]:
    process = os.getpid()

    def end(*arguments: Any, **named: Any) -> object:
        told = [*arguments, *named.values()]
        # The system takes the last eight bits of a code.
        fails = may_fail and name == "_exit" and told and told[0] % 256 != 0
        if fails or os.getpid() != process:  # a fork may end as it likes
            return leave(*arguments, **named)
        raise RuntimeError(
            f"os.{name}({', '.join(map(repr, told[:1]))}) would have ended the whole run"
        )

    return end
