"""Trying mutants: the tests that can notice one run in a process of its own, the quickest first.

What a test can notice is known from a run without any change: the lines of the module that it comes
to. A mutant is noticed when one of them fails, or takes several times as long as it did.
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
from types import CodeType, FrameType
from typing import Any

import pytest
from hypothesis import Phase, settings

from tests.faults.fault import Fault
from tests.mutants import LIBRARIES, ROOT, plant
from tests.mutation.mutator import Mutant
from tests.mutation.targets import TARGETS, path_of, source_of

STARTING, TIMES = 5.0, 5.0
"""A test may take this many seconds of the processor, and that many times what it took unchanged.

A processor that others use as well is no reason to be slow.
"""

SLOWEST = 600.0
"""Seconds after which a process is given up that waits for something."""


FEW = 12
"""How many tests are asked before all others."""

WATCHED = 0.25
"""Seconds for which it is watched to which lines a test comes."""

IMPORT = "import"
"""What notices when the module cannot be loaded."""


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

    def asked(self, mutant: Mutant) -> list[str]:
        """The tests that can notice a mutant, the quickest first."""
        if not self.at_import.isdisjoint(mutant.reached):
            return list(self.seconds)
        return [
            test
            for test, lines in self.lines.items()
            if lines is None or not lines.isdisjoint(mutant.reached)
        ]


def reach(module: str) -> Reach:
    """Run the tests of a module without any change.

    Raises:
        RuntimeError: when one of them fails.
    """
    files = [str(ROOT / "tests" / file) for file in TARGETS[module]]
    told, code = _in_a_process(_measured, module, files)
    if code != 0 or not told:
        raise RuntimeError(f"{module}: its tests fail without any change")
    found: Reach = told[-1]
    return found


class Trials:
    """Of the mutants of one module; those who noticed others are asked first."""

    def __init__(self, module: str) -> None:
        self.module, self.known = module, reach(module)
        self.noticed: list[str] = []

    def who_notices(self, mutant: Mutant) -> str | None:
        """The first test found that fails with the change, if there is one."""
        asked = self.known.asked(mutant)
        recent = [test for test in self.noticed if test in asked]
        asked = list(dict.fromkeys([*recent, *asked]))
        # To collect all of them takes longer than to run a few.
        for some in filter(None, (asked[:FEW], asked[FEW:])):
            limits = {test: STARTING + TIMES * self.known.seconds[test] for test in some}
            running, code = _in_a_process(_changed, self.module, mutant, limits)
            if code != 0:
                found: str = running[-1] if running else IMPORT
                self.noticed = [found, *(test for test in self.noticed if test != found)][:FEW]
                return found
        return None


def _in_a_process(run: Callable[..., None], *arguments: Any) -> tuple[list[Any], int | None]:
    """What a function tells in a process of its own, and how that ends."""
    context = get_context("forkserver")
    context.set_forkserver_preload([*LIBRARIES, "pytest", "tests.mutation.trials"])
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=run, args=(there, *arguments))
    process.start()
    there.close()
    told = []
    deadline = time.monotonic() + SLOWEST
    try:
        while here.poll(max(0.0, deadline - time.monotonic())):
            told.append(here.recv())
    except EOFError:
        process.join(max(0.0, deadline - time.monotonic()))
    finally:
        process.kill()
        process.join()
    return told, process.exitcode


def _changed(told: Connection, module: str, mutant: Mutant, limits: dict[str, float]) -> None:
    """Run tests with a change; each is told before it starts."""
    gc.freeze()
    source = source_of(module)
    with _quietly():
        plant(Fault("mutant", module, mutant.change, source, mutant.source, ()))
        code = _pytest([str(ROOT / test) for test in limits], _Limited(told, limits))
    # Nothing has to be tidied up.
    os._exit(code)


class _Limited:
    """A pytest plugin: tests in the order given, none longer than it may take, none shrunk."""

    def __init__(self, told: Connection, limits: dict[str, float]) -> None:
        self.told, self.limits = told, limits

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        order = {test: number for number, test in enumerate(self.limits)}
        items.sort(key=lambda item: order[item.nodeid])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.told.send(item.nodeid)
        # Time of the processor; who has none left is ended by the signal.
        signal.setitimer(signal.ITIMER_PROF, self.limits[item.nodeid])
        result = yield
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            os._exit(pytest.ExitCode.TESTS_FAILED)


def _measured(told: Connection, module: str, files: Sequence[str]) -> None:
    """Run tests without any change; tells what they come to when all are through."""
    measured = _Measured(str(path_of(module)))
    sys.settrace(measured.enter)
    with _quietly():
        code = _pytest(files, measured)
    sys.settrace(None)
    if code == 0:
        tests = sorted(measured.seconds, key=measured.seconds.__getitem__)
        told.send(
            Reach(
                seconds={test: measured.seconds[test] for test in tests},
                lines={
                    test: frozenset(measured.lines[test]) if test in measured.lines else None
                    for test in tests
                },
                at_import=frozenset(measured.at_import),
            )
        )
    sys.exit(code)


class _Measured:
    """A pytest plugin that remembers which lines of a file each test comes to, and its seconds."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.at_import: set[int] = set()
        self.seconds: dict[str, float] = {}
        self.lines: dict[str, set[int]] = {}
        self.here = self.at_import
        self.left: dict[CodeType, set[int]] = {}
        self.start = math.inf

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.here, self.left, self.start = set(), {}, time.process_time()
        sys.settrace(self.enter)
        result = yield
        self.seconds[item.nodeid] = time.process_time() - self.start
        if sys.gettrace() is not None:
            self.lines[item.nodeid] = self.here
        return result

    def enter(self, frame: FrameType, event: str, argument: object) -> Any:
        """Called when any function is; none that has shown all its lines is watched."""
        code = frame.f_code
        if code.co_filename != self.path:
            return None
        if time.process_time() - self.start > WATCHED:
            sys.settrace(None)
            return None
        if code not in self.left:
            lines = {line for _, _, line in code.co_lines() if line is not None}
            # The line of a name is executed where the function is made.
            self.left[code] = lines - {code.co_firstlineno} or lines
        return self.step if self.left[code] else None

    def step(self, frame: FrameType, event: str, argument: object) -> Any:
        """Called at each line."""
        if event == "line":
            self.here.add(frame.f_lineno)
            self.left[frame.f_code].discard(frame.f_lineno)
        return self.step


def _pytest(asked: Sequence[str], plugin: object) -> int:
    """Run tests up to the first that fails; nothing is shrunk, as nobody reads why."""
    import torch

    torch.set_num_threads(1)
    arguments = [f"--rootdir={ROOT}", "-x", "--assert=plain", "--tb=no"]
    # The last collects garbage for long.
    for plugin_left_out in ("cacheprovider", "xdist", "unraisableexception"):
        arguments += ["-p", f"no:{plugin_left_out}"]
    return int(pytest.main([*arguments, *asked], [plugin, _Unshrunk()]))


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


class _Unshrunk:
    """A pytest plugin: Hypothesis looks for one failing example, and takes it as it is."""

    def pytest_sessionstart(self) -> None:
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile(
            "unshrunk", settings.get_profile("theorycheck"), phases=phases,
            report_multiple_bugs=False,
        )  # fmt: skip
        settings.load_profile("unshrunk")
