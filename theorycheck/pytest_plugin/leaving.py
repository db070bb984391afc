"""Leaving: what ends pytest as if all were well, though claims say otherwise, or nobody asked them.

`pytest.exit(returncode=0)` in a hook, and `sys.exit(0)` or a skip in a ``conftest.py``, end the run
at once, some of them before a session is told that it ends, others after claims were compared. In a
project of claims the first is an error, and the second changes no exit code. Nor does `os._exit(0)`
end a run, wherever it is called. Nor is an output that cannot be written a verdict.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import ExitStack
from typing import Any

import pytest
from _pytest.outcomes import OutcomeException

from theorycheck.claims.declaration import declarations
from theorycheck.configuration import Project
from theorycheck.errors import ExitCode, InputError
from theorycheck.pytest_plugin.asking import SAID, Asked
from theorycheck.pytest_plugin.items import EXAMINER
from theorycheck.pytest_plugin.processes import kept_honest, kept_running
from theorycheck.pytest_plugin.session import GREEN, ClaimSession
from theorycheck.pytest_plugin.strays import DECLARED
from theorycheck.reports.baseline import load_baseline


class Leaving:
    """Says with which code pytest ends; registered as a plugin, after all ``conftest.py``."""

    def __init__(self) -> None:
        self.left = False

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """What pytest also calls after `pytest.exit`."""
        error = excinfo.value
        self.left |= isinstance(error, pytest.exit.Exception) and error.returncode in GREEN

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Generator[None, Any, Any]:
        """A run that was left early is no success, and one that found changes stays red."""
        Asked.of(config)
        left: BaseException | None = None
        try:
            code = yield
        except SystemExit as error:
            left, code = error, ExitCode.OK if error.code is None else error.code
        except pytest.exit.Exception as error:
            left, code = error, error.returncode
        except OSError as error:
            # pytest tells of all errors, but for one in telling, which is of no file with a name.
            if error.filename is not None or not _has_claims(config):
                raise
            with open(os.devnull, "wb") as nowhere:  # for what is left in buffers
                os.dup2(nowhere.fileno(), 1)
            sys.stderr.write(f"ERROR: the output cannot be written ({error.strerror})\n")
            return ExitCode.BAD_INPUT
        owed = self._owed(config) if code in GREEN else None
        if owed is not None:
            return owed
        if left is not None:
            raise left
        return code

    def _owed(self, config: pytest.Config) -> int | None:
        """The code that a run has to have which ends as if all were well; None if it may."""
        session: ClaimSession | None = config.pluginmanager.get_plugin(EXAMINER)
        if session is not None and session.code is not None:
            return None if session.code in GREEN else session.code
        if session is None:
            # Something took the place of pytest's own command, which says its version like that.
            early = not config.option.version
        else:
            early = session.examining and (self.left or session.ended_unheard)
        if not (early and _has_claims(config)):
            return None
        sys.stderr.write(
            "ERROR: pytest was left before any claim was examined (pytest.exit with returncode 0?);"
            " let it come to its end, or leave it with another code\n"
        )
        return ExitCode.INTERRUPTED


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser
) -> Generator[None, None, None]:
    """A ``conftest.py`` that exits, or skips, when it is read.

    What it says besides may be hidden, so that this is where to begin: claims that are declared are
    remembered, what the command line says is, and nothing ends the process as if all were well.
    """
    whole = ExitStack()  # the whole run
    early_config.stash[DECLARED] = whole.enter_context(declarations())
    if _has_claims(early_config):
        whole.enter_context(kept_honest())
    early_config.add_cleanup(whole.close)
    try:
        yield
        # Only now are the options known that a conftest.py adds.
        early_config.stash[SAID] = parser.parse_known_args(early_config.invocation_params.args)
        early_config.pluginmanager.register(Leaving())
    except (SystemExit, OutcomeException) as error:
        if not _has_claims(early_config):
            raise
        raise pytest.UsageError(
            f"a conftest.py ended the run when it was read ({type(error).__name__}: {error});"
            " let it be read to its end"
        ) from error


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """A module that exits when it is read; nor can what it imports from `os` end this process."""
    if not isinstance(collector, pytest.Module):
        return (yield)
    try:
        with kept_running():
            return (yield)
    except SystemExit as error:
        if not _has_claims(collector.config):
            raise
        said = f"E   {collector.nodeid} ended the run when it was read (SystemExit: {error})"
        return pytest.CollectReport(collector.nodeid, "failed", said, [])


def _has_claims(config: pytest.Config) -> bool:
    """Whether this is a project of claims; any other one is left alone."""
    try:
        project = Project.at(config.rootpath)
        return project.configured or bool(load_baseline(project.baseline).verdicts)
    except InputError:
        return False
