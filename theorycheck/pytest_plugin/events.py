"""Events: what happens in a run, for all that report on it.

The plugin calls the hook ``pytest_theorycheck_event`` for each of them, in the process that the
user started, never in a worker. A reporter is a pytest plugin that implements the hook::

    def pytest_theorycheck_event(event):
        if isinstance(event, ClaimExamined):
            print(event.examination.entry.verdict)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from theorycheck.errors import ExitCode

if TYPE_CHECKING:
    from theorycheck.claims.entries import Examination
    from theorycheck.reports.baseline import Baseline
    from theorycheck.reports.documents import Circumstances, Report


@dataclass(frozen=True)
class ClaimStarted:
    """The examination of a claim begins."""

    claim: str


@dataclass(frozen=True)
class ClaimExamined:
    """The examination of a claim is over, also where its check failed."""

    examination: Examination


@dataclass(frozen=True)
class ClaimChanged:
    """A claim on record that was examined differs from it, or is an error; ``how``, in words."""

    claim: str
    how: str


@dataclass(frozen=True)
class RunFinished:
    """The run is over, perhaps before its end.

    Attributes:
        report: on all claims that were to be examined.
        certificates: contents by name, as the entries of the report name them.
        changes: every difference from the record, in words, with the claims that are on record and
            should have been examined, and other errors.
        new: ids of the claims that are not on record.
        forbidden: those of them that make the run red.
        examined: how many claims were examined.
        went: times, versions and notes, which are no part of the report.
        record: what the claims were compared with.
    """

    report: Report
    certificates: Mapping[str, Mapping[str, Any]]
    changes: tuple[str, ...]
    new: tuple[str, ...]
    forbidden: tuple[str, ...]
    examined: int
    went: Circumstances
    record: Baseline

    @property
    def is_red(self) -> bool:
        """Whether some claim keeps the run from being green."""
        unexamined = self.examined < len(self.report.claims)
        return bool(self.changes or self.forbidden or unexamined)


Event = ClaimStarted | ClaimExamined | ClaimChanged | RunFinished


class Hooks:
    """Specification of the hook."""

    @pytest.hookspec
    def pytest_theorycheck_event(self, event: Event) -> ExitCode | None:
        """Something happened.

        Returns:
            After `RunFinished`, the exit code that the run should have because of the reporter: one
            that could not do its work. Of several, the largest counts.
        """
