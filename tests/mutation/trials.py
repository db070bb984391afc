"""Trying mutants: those tests that can notice one run in a fork of their own, the quickest first.

What a test can notice is known from a run without any change: the lines of the module that it comes
to. A mutant is noticed when one of them fails, or takes several times as long as it did.

The tests of a module are loaded once, by a process that forks for each mutant. In the fork, the
function that is changed gets its new code. What is executed when modules are loaded cannot be
changed afterwards: there, if nobody notices, the module is loaded with the change, before anything
else, in a process that has loaded nothing of this project.
"""

from __future__ import annotations

import gc
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import FrameType, TracebackType
from typing import Any

import pytest

from tests.faults.fault import Fault
from tests.mutants import LIBRARIES, ROOT, Unshrunk, plant, serve
from tests.mutation.code import Functions
from tests.mutation.mutator import Mutant
from tests.mutation.targets import TARGETS, path_of, source_of

STARTING, TIMES = 1.0, 5.0
"""The most that a test may take: seconds of the processor, and multiples of its unchanged time.

A processor that others use as well is no reason to be slow.
"""

SLOWEST = 60.0
"""Seconds for which a process may tell nothing. It is given up then, as it waits for something."""

WATCHED = 0.25
"""Seconds for which it is watched to which lines a test comes."""

ANYWHERE = "anywhere"
"""No function is called so."""

LOADING = "loading"
"""What notices when the module cannot be loaded."""

Told = tuple[list[Any], int]
"""What a process told before it ended, and its exit code."""


@dataclass(frozen=True)
class Reach:
    """What the tests of a module come to in it, without any change.

    Attributes:
        seconds: what each test takes, by its node id; the quickest first.
        lines: to which lines of the module it comes; none are known of a test that takes long,
            which is asked about every line.
        at_import: lines that are executed before any test.
    """

    seconds: dict[str, float]
    lines: dict[str, frozenset[int] | None]
    at_import: frozenset[int]

    def at_once(self, mutant: Mutant) -> bool:
        """Whether what is changed is executed before any test."""
        return not self.at_import.isdisjoint(mutant.reached)

    def asked(self, mutant: Mutant, within: float) -> list[str]:
        """The tests that can notice a mutant and take at most so long, the quickest first."""
        return [
            test
            for test, lines in self.lines.items()
            if self.seconds[test] <= within
            and (lines is None or self.at_once(mutant) or not lines.isdisjoint(mutant.reached))
        ]


class Trials:
    """Of the mutants of one module, by a process that has loaded its tests.

    Raises:
        RuntimeError: when one of the tests fails without any change.
    """

    def __init__(self, module: str, known: Reach | None = None) -> None:
        self.module, self.noticed = module, dict[str, list[str]]()
        self.server, there = get_context("spawn").Pipe()
        self.process = get_context("spawn").Process(target=_serve, args=(there, module))
        self.process.start()
        there.close()
        self.known = known or self._reach()

    def __enter__(self) -> Trials:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.server.close()
        self.process.join()

    def _reach(self) -> Reach:
        told, code = self._asked(None)
        if code != 0:
            raise RuntimeError(f"{self.module}: {told[-1]} fails without any change")
        found: Reach = told[-1]
        return found

    def _asked(self, request: Any) -> Told:
        self.server.send(request)
        answer: Told = self.server.recv()
        return answer

    def who_notices(self, mutant: Mutant, within: float = math.inf) -> str | None:
        """The first test found that fails with the change.

        Those that noticed other changes of the function are first, and then those that noticed any.

        Args:
            mutant: the change.
            within: seconds that a test may take to be asked.
        """
        known = dict.fromkeys(self.known.asked(mutant, within))
        first = [*self.noticed.get(mutant.within, ()), *self.noticed.get(ANYWHERE, ())]
        asked = dict.fromkeys([*(test for test in first if test in known), *known])
        limits = {test: STARTING + TIMES * self.known.seconds[test] for test in asked}
        if not limits:
            return None
        told, code = self._asked((mutant.source, limits))
        if code == -1 or (code == 0 and self.known.at_once(mutant)):
            serve([*LIBRARIES, "pytest", "tests.mutation.trials"])
            context = get_context("forkserver")
            told, code = _in_a_process(context, _changed, self.module, mutant, limits)
        if code == 0:
            return None
        found: str = told[-1] if told else LOADING
        for place in (mutant.within, ANYWHERE):
            others = [test for test in self.noticed.get(place, ()) if test != found]
            self.noticed[place] = [found, *others][:20]
        return found


def _in_a_process(context: Any, run: Callable[..., None], *arguments: Any) -> Told:
    """What a function tells in a process of its own, and how that ends."""
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=run, args=(there, *arguments))
    process.start()
    there.close()
    told = []
    try:
        while here.poll(SLOWEST):
            told.append(here.recv())
    except EOFError:
        process.join(SLOWEST)
    finally:
        process.kill()
        process.join()
        here.close()
    # A process that a signal ends has a negative exit code.
    return told, abs(process.exitcode or 0)


def _serve(asked: Connection, module: str) -> None:
    """Load the tests of a module and answer: what they come to, or which of them fail first."""
    server = _Server(asked, module)
    sys.settrace(server.measured.enter)
    with _quietly():
        _pytest([str(ROOT / "tests" / file) for file in TARGETS[module]], server)


class _Server:
    """A pytest plugin: forks for each request, once the tests are loaded."""

    def __init__(self, asked: Connection, module: str) -> None:
        self.asked = asked
        self.source, self.path = source_of(module), str(path_of(module))
        self.measured = _Measured(self.path)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        sys.settrace(None)
        self.items = {item.nodeid: item for item in session.items}
        self.functions = Functions(self.source, self.path)
        gc.collect()
        gc.freeze()
        while True:
            try:
                request = self.asked.recv()
            except EOFError:
                return True
            self.asked.send(self.answer(request))

    def answer(self, request: Any) -> Told:
        """The code is -1 where the change cannot be made any more."""
        context = get_context("fork")
        if request is None:
            return self.reach()
        source, limits = request
        changes = self.functions.changed(source)
        if changes is None:
            return [], -1
        return _in_a_process(context, self.changed, changes, limits)

    def reach(self) -> Told:
        """What all tests come to; of one that fails its name and its code."""
        for test in self.items:
            told, code = _in_a_process(get_context("fork"), self.measure, test)
            if code != 0:
                return [test], code
            self.measured.seconds[test], self.measured.lines[test] = told[-1]
        return [self.measured.found()], 0

    def measure(self, told: Connection, test: str) -> None:
        """Run a test without any change, as the first of its process.

        A mutant is tried so, too: what an earlier test has loaded would not be counted.
        """
        told.send(self.measured.run(self.items[test]))
        os._exit(0)

    def changed(self, told: Connection, changes: Any, limits: dict[str, float]) -> None:
        """Run tests with a change; each is told before it starts."""
        for function, code in changes:
            function.__code__ = code
        limited = _Limited(told, limits)
        for test in limits:
            limited.run(self.items[test])
        os._exit(0)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            os._exit(pytest.ExitCode.TESTS_FAILED)


class _Limited:
    """Runs tests, none longer than it may take."""

    def __init__(self, told: Connection, limits: dict[str, float]) -> None:
        self.told, self.limits = told, limits

    def run(self, item: pytest.Item) -> None:
        """With its limit in time of the processor; who has none left is ended by the signal."""
        self.told.send(item.nodeid)
        signal.setitimer(signal.ITIMER_PROF, self.limits[item.nodeid])
        item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
        signal.setitimer(signal.ITIMER_PROF, 0.0)


def _changed(told: Connection, module: str, mutant: Mutant, limits: dict[str, float]) -> None:
    """Load a module with a change, and run tests; each is told before it starts."""
    source = source_of(module)
    with _quietly():
        plant(Fault("mutant", module, mutant.change, source, mutant.source, ()))
        code = _pytest([str(ROOT / test) for test in limits], _Alone(told, limits))
    # Nothing has to be tidied up.
    os._exit(code)


class _Alone:
    """A pytest plugin: tests in the order given."""

    def __init__(self, told: Connection, limits: dict[str, float]) -> None:
        self.limited = _Limited(told, limits)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        for test in self.limited.limits:
            self.limited.run(items[test])
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            os._exit(pytest.ExitCode.TESTS_FAILED)


class _Measured:
    """Remembers which lines of a file each test comes to, and its seconds."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.at_import: set[int] = set()
        self.seconds: dict[str, float] = {}
        self.lines: dict[str, frozenset[int] | None] = {}
        self.here = self.at_import
        self.start = math.inf

    def run(self, item: pytest.Item) -> tuple[float, frozenset[int] | None]:
        """Seconds of one test, and its lines."""
        self.here, self.start = set(), time.process_time()
        sys.settrace(self.enter)
        item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
        seconds = time.process_time() - self.start
        lines = None if sys.gettrace() is None else frozenset(self.here)
        sys.settrace(None)
        return seconds, lines

    def found(self) -> Reach:
        """Of all tests that ran."""
        tests = sorted(self.seconds, key=self.seconds.__getitem__)
        return Reach(
            seconds={test: self.seconds[test] for test in tests},
            lines={test: self.lines[test] for test in tests},
            at_import=frozenset(self.at_import),
        )

    def enter(self, frame: FrameType, event: str, argument: object) -> Any:
        """Called when any function is."""
        if frame.f_code.co_filename != self.path:
            return None
        if time.process_time() - self.start > WATCHED:
            sys.settrace(None)
            return None
        return self.step

    def step(self, frame: FrameType, event: str, argument: object) -> Any:
        """Called at each line."""
        if event == "line":
            self.here.add(frame.f_lineno)
        return self.step


def _pytest(asked: Sequence[str], plugin: object) -> int:
    """Load tests and have a plugin run them; nothing is shrunk, as nobody reads why one fails."""
    import torch

    torch.set_num_threads(1)
    arguments = [f"--rootdir={ROOT}", "--assert=plain", "--tb=no"]
    # The last collects garbage for long.
    for left_out in ("cacheprovider", "xdist", "unraisableexception"):
        arguments += ["-p", f"no:{left_out}"]
    return int(pytest.main([*arguments, *asked], [plugin, Unshrunk()]))


@contextmanager
def _quietly() -> Iterator[None]:
    """Nothing is printed; what cannot be loaded ends the process."""
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
    ):
        try:
            yield
        except Exception:
            sys.exit(1)
