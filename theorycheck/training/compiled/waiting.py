"""Work that waits for threads, and threads that wait for work."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class Waiting(Generic[T]):
    """Pieces of work that a number of threads take, and of which they may put more.

    It ends when nothing waits and no thread is at work, since nobody could put anything then.

    Args:
        work: in the order in which it is taken.
        threads: how many threads `take` from it until there is nothing, and then `leave`.
    """

    def __init__(self, work: Iterable[T], threads: int) -> None:
        self._work, self._threads, self._idle = deque(work), threads, 0
        self._changed = Condition()

    @property
    def wanted(self) -> bool:
        """Whether a thread has nothing to do."""
        return self._idle > 0 and not self._work

    def put(self, work: T) -> None:
        """Have another thread do something."""
        with self._changed:
            self._work.append(work)
            self._changed.notify()

    def take(self) -> T | None:
        """The next piece of work, when there is one; None at the end."""
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._work or self._idle >= self._threads)
            if self._work:
                self._idle -= 1
                return self._work.popleft()
            self._changed.notify_all()
            return None

    def leave(self) -> None:
        """Take nothing any more, also after an error: the others go on without this thread."""
        with self._changed:
            self._threads -= 1
            self._changed.notify_all()
