"""The live line: which claim runs, for how long, and what remains, on a screen that somebody reads.

pytest owns the cursor and writes its dots. The line stands to the right of them, where there is
room, and the cursor goes back to where pytest left it, so that what pytest writes next covers it.
(rich's live display moves the cursor itself, and would need pytest's own writing to go through it.)
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from threading import Event as Signal
from threading import Thread

import pytest

from theorycheck.pytest_plugin.events import ClaimExamined, ClaimStarted, Event
from theorycheck.pytest_plugin.selection import Selection

SAVE, RESTORE, ERASE = "\x1b7", "\x1b8", "\x1b[K"
"""What a terminal does with its cursor, and with the rest of a line (ECMA-48, DEC VT100)."""

DIM, PLAIN = "\x1b[2m", "\x1b[0m"

LEAST = 24
"""Fewer characters say nothing."""

PERIOD = 1.0
"""Seconds from one look at the clock to the next."""


def line(running: Mapping[str, float], now: float, left: int, total: int, width: int) -> str:
    """What the line says, cut to a width; empty where nothing runs, or nothing can be said.

    Args:
        running: when each claim that runs began, in seconds.
        now: the time.
        left: how many claims are not examined yet, those that run included.
        total: how many were asked for.
    """
    if not running or width < LEAST:
        return ""
    first = min(running, key=running.__getitem__)
    others = len(running) - 1
    besides = f" (+{others})" if others else ""
    text = f"  {first}{besides} {now - running[first]:.0f} s, {left} of {total} left"
    return text if len(text) <= width else text[: width - 3] + "..."


def is_watched(reporter: pytest.TerminalReporter | None, environment: Mapping[str, str]) -> bool:
    """Whether somebody reads what pytest's reporter prints, and did not ask for less."""
    if reporter is None or reporter.verbosity < 0:
        return False
    # There is no markup on dumb terminals, with NO_COLOR, and where an option says so.
    return reporter.hasmarkup and not any(map(environment.get, ("CI", "BUILD_NUMBER")))


class Live:
    """Shows the line, in the process that the user started, while claims run."""

    def __init__(self, config: pytest.Config, selection: Selection) -> None:
        self.config = config
        self.selection = selection
        self.running: dict[str, float] = {}
        self.examined = 0
        self.screen: int | None = None
        self.over = Signal()
        self.clock: Thread | None = None

    # -- what happens -----------------------------------------------------------------------------

    def pytest_sessionstart(self) -> None:
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if is_watched(reporter, os.environ) and sys.stdout.isatty():
            # A copy, because pytest puts a file in the place of the screen while a test runs.
            self.screen = os.dup(sys.stdout.fileno())

    def pytest_theorycheck_event(self, event: Event) -> None:
        if isinstance(event, ClaimStarted):
            self.running[event.claim] = time.monotonic()
        elif isinstance(event, ClaimExamined):
            self.running.pop(event.examination.entry.id, None)
            self.examined += 1

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logstart(self) -> None:
        if self.screen is None or not self.running:
            return
        if self.clock is None:
            self.clock = Thread(target=self._tick, name="theorycheck-live", daemon=True)
            self.clock.start()
        self._draw()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self) -> None:
        if self.screen is not None:
            self._draw()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        self.over.set()
        if self.clock is not None:
            self.clock.join()
        if self.screen is not None:
            self._write("")
            os.close(self.screen)
            self.screen = None

    # -- the screen -------------------------------------------------------------------------------

    def _tick(self) -> None:
        while not self.over.wait(PERIOD):
            self._draw()

    def _draw(self) -> None:
        writer = self.config.get_terminal_writer()
        total = len(self.selection.asked)
        self._write(
            line(
                dict(self.running),
                time.monotonic(),
                total - self.examined,
                total,
                writer.fullwidth - writer.width_of_current_line - 1,
            )
        )

    def _write(self, text: str) -> None:
        shown = f"{DIM}{text}{PLAIN}" if text else ""
        if self.screen is not None:
            os.write(self.screen, f"{SAVE}{ERASE}{shown}{RESTORE}".encode())
