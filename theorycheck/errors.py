"""Errors that a user can act on, and the exit codes of the command line."""

from __future__ import annotations

from argparse import ArgumentTypeError
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the ``theorycheck`` command and of ``pytest properties/``."""

    OK = 0
    """Every verdict and every statement is the one on record."""
    VERDICT_CHANGED = 1
    """A claim differs from the record, stayed undecided, or is on record and was not examined."""
    INTERRUPTED = 2
    """The run was interrupted; the report holds what was finished."""
    INTERNAL_ERROR = 3
    """theorycheck itself failed."""
    BAD_INPUT = 4
    """A claim id, option, file or folder that cannot be used."""


class InputError(Exception):
    """Input that cannot be used: one line that says what was wrong and what to do about it."""


def named(text: str) -> str:
    """The value of an option that names something, for `argparse`: an empty one is an error.

    It would otherwise mean the same as no option, or the current folder.
    """
    if not text:
        raise ArgumentTypeError("is given nothing: name something, or leave it out")
    return text
