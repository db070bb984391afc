"""Claims as pytest items."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import pytest

from theorycheck.claims.declaration import Claim
from theorycheck.errors import InputError

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionInfo, TerminalRepr

    from theorycheck.claims.entries import Examination
    from theorycheck.reports.baseline import Baseline

EXAMINER = "theorycheck-session"
"""Under which pytest knows the `Examiner`."""


class Examiner(Protocol):
    """What examines the claims of a run, and knows the record."""

    record: Baseline

    def examine(self, claim: Claim) -> Examination:
        """Examine one claim."""


class VerdictChanged(Exception):
    """A verdict or a statement that is not the one on record."""


class ClaimItem(pytest.Item):
    """A claim as a pytest item; its name, and the end of its node id, is the claim's id."""

    def __init__(self, *, claim: Claim, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.claim = claim
        self.examined: str | None = None
        """The examination as JSON, which crosses from worker to controller as it is."""

    def runtest(self) -> None:
        from theorycheck.claims.examination import undecided

        examiner: Examiner | None = self.config.pluginmanager.get_plugin(EXAMINER)
        assert examiner is not None
        try:
            examination = examiner.examine(self.claim)
            self.examined = msgspec.json.encode(examination).decode()
        except Exception as error:
            first_line = (str(error).splitlines() or [""])[0]
            reason = f"the check failed: {type(error).__name__}: {first_line}"
            # Bytes of a file name that are no text have no place in a report.
            written = reason.encode(errors="backslashreplace").decode()
            self.examined = msgspec.json.encode(undecided(self.claim, written)).decode()
            raise
        changed = examiner.record.difference(examination.entry)
        if changed is not None:
            raise VerdictChanged(changed)

    def repr_failure(
        self, excinfo: ExceptionInfo[BaseException], style: Any = None
    ) -> str | TerminalRepr:
        if isinstance(excinfo.value, VerdictChanged | InputError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.claim.place.line - 1, self.claim.id
