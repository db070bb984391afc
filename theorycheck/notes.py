"""Notes: what happened on the way to a result that its reader should know, on its way to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_collected: ContextVar[tuple[list[str], ...]] = ContextVar("collected", default=())


def note(text: str) -> None:
    """Tell all collectors; without one nothing happens."""
    for notes in _collected.get():
        notes.append(text)


@contextmanager
def collecting() -> Iterator[list[str]]:
    """Gather the notes that are made meanwhile in this thread, within other collectors too."""
    notes: list[str] = []
    token = _collected.set((*_collected.get(), notes))
    try:
        yield notes
    finally:
        _collected.reset(token)
