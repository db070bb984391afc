"""Processes: what a claim calls cannot end the one that examines it, as if all were well."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

ENDING = ("_exit", "execv", "execve")
"""Functions of `os` that end a program without a word, and on which others of the kind rest."""


@contextmanager
def kept_running() -> Iterator[None]:
    """What is called, or imported from `os`, cannot end this process, and with it the run."""
    with ExitStack() as stack:
        for name in ENDING:
            stack.enter_context(patch.object(os, name, _kept(name, getattr(os, name))))
        yield


def _kept(name: str, leave: Callable[..., object]) -> Callable[..., object]:
    process = os.getpid()

    def end(*arguments: object) -> object:
        if os.getpid() != process:  # a fork, which may end as it likes
            return leave(*arguments)
        raise RuntimeError(f"os.{name}({arguments[0]}) would have ended the whole run")

    return end
