"""Processes: what a claim calls cannot end the one that examines it, as if all were well."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NoReturn, TextIO
from unittest.mock import patch

ENDING = ("_exit", "execv", "execve")
"""Functions of `os` that end a program without a word, and on which others of the kind rest."""


@contextmanager
def kept_running() -> Iterator[None]:
    """What is called, or imported from `os`, cannot end this process, and with it the run."""
    with ExitStack() as stack:
        for name in ENDING:
            stack.enter_context(patch.object(os, name, _kept(name, getattr(os, name))))
        for stream in {id(one): one for one in _streams()}.values():
            stack.enter_context(patch.object(stream, "close", _stays_open))
        yield


def _streams() -> list[TextIO]:
    """Those that pytest writes to, and reads from where it captures what is written."""
    streams = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return [one for one in streams if isinstance(one, io.TextIOWrapper)]


def _stays_open() -> NoReturn:
    raise RuntimeError("a closed output would have ended the whole run")


def _kept(name: str, leave: Callable[..., object]) -> Callable[..., object]:
    process = os.getpid()

    def end(*arguments: object) -> object:
        if os.getpid() != process:  # a fork, which may end as it likes
            return leave(*arguments)
        raise RuntimeError(f"os.{name}({arguments[0]}) would have ended the whole run")

    return end
