"""Claims as pytest items."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import pytest

import theorycheck
from theorycheck.claims.declaration import Claim
from theorycheck.errors import InputError
from theorycheck.pytest_plugin.processes import kept_running

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionInfo, TerminalRepr

    from theorycheck.claims.entries import Entry, Examination

EXAMINER = "theorycheck-session"
"""Under which pytest knows the `Examiner`."""
EXAMINATION = "claim_examination"
"""Attribute of a test report that carries the examination of a claim, as JSON."""
NEW = "claim_is_new"
"""Attribute of a test report on a claim that has no verdict on record."""
MOST_FRAMES, MOST_LINES, LONGEST = 5, 20, 300
"""What is shown of an error in a check, at most: frames, lines of its message, letters a line."""


class Examiner(Protocol):
    """What examines the claims of a run, and knows the record."""

    def examine(self, claim: Claim) -> Examination:
        """Examine one claim."""

    def fault(self, entry: Entry) -> str | None:
        """Why a claim that was examined is an error, apart from being new; None if it is none."""

    def is_new(self, entry: Entry) -> bool:
        """Whether a claim has no verdict on record."""


class VerdictChanged(Exception):
    """A verdict or a statement that is not the one on record."""


class CheckFailed(Exception):
    """A check that ended otherwise than with findings; the cause says how."""


class ClaimItem(pytest.Item):
    """A claim as a pytest item; its name, and the end of its node id, is the claim's id."""

    def __init__(self, *, claim: Claim, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.claim = claim
        self.examined: str | None = None
        """The examination as JSON, which crosses from worker to controller as it is."""
        self.new = False

    def runtest(self) -> None:
        examiner: Examiner | None = self.config.pluginmanager.get_plugin(EXAMINER)
        assert examiner is not None
        try:
            with kept_running():
                examination = examiner.examine(self.claim)
            self._keep(examination)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            # Also what pytest takes for a skipped test, an expected failure, the end of the run.
            self.fail(f"the check failed: {_first_line(error)}")
            raise CheckFailed from error
        self.new = examiner.is_new(examination.entry)
        fault = examiner.fault(examination.entry)
        if fault is not None:
            raise VerdictChanged(fault)

    def fail(self, reason: str) -> None:
        """The claim was not examined to its end."""
        from theorycheck.claims.examination import undecided

        self._keep(undecided(self.claim, reason))

    def _keep(self, examination: Examination) -> None:
        """Keep it for the test report, and what other tools read of it: JUnit's properties."""
        self.examined = msgspec.json.encode(examination).decode()
        entry = examination.entry
        told = {"verdict": entry.verdict.value, "strength": entry.level, "reason": entry.reason}
        self.user_properties = [(name, text) for name, text in told.items() if text]

    def repr_failure(
        self, excinfo: ExceptionInfo[BaseException], style: Any = None
    ) -> str | TerminalRepr:
        error = excinfo.value
        if isinstance(error, CheckFailed) and error.__cause__ is not None:
            error = error.__cause__
            return str(error) if isinstance(error, InputError) else _shown(error)
        if isinstance(error, VerdictChanged):
            return str(error)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.claim.place.line - 1, self.claim.id


def _first_line(error: BaseException) -> str:
    try:
        said = str(error).splitlines()
    except Exception:
        said = ["(its message cannot be shown)"]
    return printable(f"{type(error).__name__}: {(said or [''])[0]}")


def _shown(error: BaseException) -> str:
    """What the error says, and where, without what called the check, cut to a screen."""
    import hypothesis

    callers = tuple(module.__path__[0] + os.sep for module in (theorycheck, hypothesis))
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(callers)]
    said = "".join(traceback.format_exception_only(error)).splitlines()
    if said[0].startswith(" "):  # Of code that is none, where it stands comes first.
        said.insert(0, _first_line(error))
    # First what pytest's summary shows: the first line.
    lines = said[:MOST_LINES] + ["..."] * (len(said) > MOST_LINES)
    lines += "".join(traceback.format_list((own or frames)[-MOST_FRAMES:])).splitlines()
    return "\n".join(line if len(line) < LONGEST else f"{line[:LONGEST]} ..." for line in lines)


NO_TEXT = "has a name that is no UTF-8, which no report can hold; rename it"
"""What to say of a file or folder of claims that is not `is_text`."""


def is_text(name: str) -> bool:
    """Whether a name can be written; the system takes any bytes for one."""
    return printable(name) == name


def printable(text: str) -> str:
    """Without what no report can hold: bytes of file names, and the like, that are no text."""
    return text.encode(errors="backslashreplace").decode()
