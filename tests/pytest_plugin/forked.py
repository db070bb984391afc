"""New processes for runs of pytest, forked from a server that has loaded the libraries.

They are spared the import of PyTorch, which takes longer than what most runs here do besides.
"""

from __future__ import annotations

import os
import runpy
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.reduction import DupFd
from subprocess import CompletedProcess
from tempfile import TemporaryFile
from typing import Any
from unittest.mock import patch

import pytest
from execnet import gateway_base, gateway_io

from tests.mutants import LIBRARIES, serve

WORKER = "import sys;exec(eval(sys.stdin.readline()))"
"""What execnet has a new interpreter do, after ``-c``."""
CONTEXT = get_context("forkserver")
LOADED = [*(name for name in LIBRARIES if name != "hypothesis"), "tests.pytest_plugin.preloaded"]
"""Hypothesis has a plugin: pytest loads it."""
# Else pytester forgets them, and with them the server, at the end of the test that comes first.
for part in ("forkserver", "popen_forkserver", "resource_sharer", "resource_tracker", "spawn"):
    import_module(f"multiprocessing.{part}")


def started(words: Sequence[str], streams: Sequence[int]) -> Any:
    """A process that does what a new Python does here with these words and standard streams."""
    serve(LOADED)
    process = CONTEXT.Process(
        target=_live,
        args=(words, list(map(DupFd, streams)), os.getcwd(), dict(os.environ)),
        daemon=True,
    )
    process.start()
    return process


def _live(
    words: Sequence[str], streams: Sequence[Any], folder: str, environment: Mapping[str, str]
) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream.detach(), number)
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", errors="backslashreplace")
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    option, what, *arguments = words
    sys.path.insert(0, "" if option == "-c" else folder)
    if option == "-c":
        sys.argv = ["-c", *arguments]
        exec(what, {"__name__": "__main__"})
    else:
        sys.argv = [what, *arguments]
        runpy.run_module(what, run_name="__main__", alter_sys=True)


class _Worker(gateway_base.Popen2IO):
    """What pytest-xdist has of a worker; execnet starts it by `subprocess.Popen` otherwise."""

    def __init__(self, args: Sequence[str], execmodel: Any) -> None:
        assert list(args[1:]) == ["-u", "-c", WORKER], args
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        self.process = started(args[2:], [theirs_in, theirs_out, 2])
        os.close(theirs_in)
        os.close(theirs_out)
        super().__init__(os.fdopen(ours_out, "wb"), os.fdopen(ours_in, "rb"), execmodel=execmodel)

    def wait(self) -> int | None:
        self.process.join()
        code: int | None = self.process.exitcode
        return code

    def kill(self) -> None:
        with suppress(OSError):
            self.process.kill()


@contextmanager
def forked_workers() -> Iterator[None]:
    """Within it, runs of pytest in this process have forked workers, which find modules here.

    pytest-xdist gives workers the path that its process had when it began.
    """
    path = [os.getcwd(), *sys.path]
    with (
        patch.object(gateway_io, "Popen2IOMaster", _Worker),
        patch("xdist.workermanage._sys_path", path),
    ):
        yield


def run_module(name: str, *words: str) -> CompletedProcess[str]:
    """``python -m`` with these words in a process of its own."""
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err, open(os.devnull) as nothing:
        process = started(["-m", name, *words], [s.fileno() for s in (nothing, out, err)])
        process.join()
        for stream in (out, err):
            stream.seek(0)
        return CompletedProcess([name, *words], process.exitcode, out.read(), err.read())


def run_apart(*words: str) -> pytest.RunResult:
    """A run of pytest in a process of its own, of which pytester's kind of result is made."""
    begun = time.monotonic()
    ran = run_module("pytest", *words)
    print(ran.stdout)
    print(ran.stderr, file=sys.stderr)
    lines = ran.stdout.splitlines(), ran.stderr.splitlines()
    return pytest.RunResult(ran.returncode, *lines, time.monotonic() - begun)
