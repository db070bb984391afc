"""Output streams of a command, which decide neither how it ends nor what it writes to files."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

NAMES = {"stdout": BrokenPipeError, "stderr": OSError}
"""Streams, and what they keep to themselves: a reader, such as `head`, that has seen enough, and
every failure to say what is wrong, which nobody can be told of."""


class Lasting(io.FileIO):
    """A file descriptor that takes everything: after the first failure, for nobody."""

    def __init__(self, stream: TextIO, kept: type[OSError]) -> None:
        super().__init__(stream.fileno(), "w", closefd=False)
        self.kept = kept

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            # What is left in buffers is written at exit, and must not fail once more.
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self.fileno())
            if not isinstance(error, self.kept):
                error.filename = "the output"
                raise
            return super().write(data)


@contextmanager
def lasting() -> Iterator[None]:
    """Within it, a process has both streams: one that is closed takes what it gets for nobody.

    A letter that the encoding of a stream does not have is written as its code. Streams that others
    have put in the place of those of the process are left alone.
    """
    _open_the_first()
    before = {}
    for name, kept in NAMES.items():
        stream, own = getattr(sys, name), getattr(sys, f"__{name}__")
        if stream is None:
            # Also under its other name, by which pytest asks for it.
            stream = open(os.devnull, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", own or stream)
        elif stream is own:
            stream.flush()
            before[name] = stream
            setattr(sys, name, _lasting(stream, kept))
    try:
        yield
    finally:
        for name, stream in before.items():
            getattr(sys, name).flush()
            setattr(sys, name, stream)


def _lasting(stream: io.TextIOWrapper, kept: type[OSError]) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(Lasting(stream, kept)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _open_the_first() -> None:
    """No file that is opened later gets the number of a standard stream that is closed."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(handle, True)
    os.close(handle)
