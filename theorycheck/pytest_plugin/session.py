"""What one pytest process knows about the claims of its run.

Each worker examines its items and attaches the examination to the test report; the controller (or
the only process) gathers them and emits the events. A claim passes when its verdict is the one on
record.
"""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import pytest

from theorycheck.claims.declaration import Claim, is_claim_id
from theorycheck.claims.entries import Examination, certificate_name
from theorycheck.claims.setting import PROFILES
from theorycheck.errors import ExitCode, InputError
from theorycheck.pytest_plugin.collecting import collect_claims
from theorycheck.pytest_plugin.events import (
    ClaimChanged,
    ClaimExamined,
    ClaimStarted,
    Event,
    RunFinished,
)
from theorycheck.pytest_plugin.items import ClaimItem
from theorycheck.reports.baseline import Baseline, load_baseline
from theorycheck.reports.documents import Circumstances, Report, Run
from theorycheck.reports.sources import Sources

DEFAULT_IMAGES = "digits"
"""The embedded default; anything else is read, and checked, before the run."""
SELECTED = "theorycheck_selected"
"""Key under which a worker tells the controller whether claims were deselected."""
EXAMINATION = "claim_examination"
"""Attribute of a test report that carries the examination of a claim, as JSON."""
VERSIONED = ("theorycheck", "torch", "numpy", "hypothesis", "python-flint", "sympy")


class ClaimSession:
    """What one pytest process knows about the claims of its run; registered as a plugin."""

    def __init__(self, config: pytest.Config) -> None:
        option = config.option
        self.config = config
        self.worker_input: dict[str, Any] | None = getattr(config, "workerinput", None)
        self.profile = PROFILES[option.profile]
        self.wanted = [i.strip() for i in option.claims.split(",")] if option.claims else None
        folder = config.rootpath / "reports"
        self.folder = Path(option.report_dir) if option.report_dir else folder
        self.baseline = Path(option.baseline) if option.baseline else folder / "baseline.json"
        self.seed = self._choose_seed(option.seed)
        self.device = "cpu"
        self.record = Baseline(verdicts={})
        self.started = time.time()
        self.collected: dict[str, Claim] = {}
        self.expected: list[str] = []
        self.selected = self.wanted is not None or bool(config.getoption("lf", False))
        self.received: dict[str, Examination] = {}

    def _choose_seed(self, asked: int | None) -> int:
        if self.worker_input is not None:
            return int(self.worker_input["theorycheck_seed"])
        if asked is None and self.profile.name == "explore":
            return time.time_ns() % 2**32
        return asked or 0

    @property
    def examines_all(self) -> bool:
        """Whether the run has to examine every claim on record.

        It has when pytest was given the folder ``properties`` of the project, or one that holds it,
        and no part was selected. Which claims are found there makes no difference.
        """
        everything = self.config.rootpath / "properties"
        start = self.config.invocation_params.dir
        given = [(start / argument).resolve() for argument in self.config.args]
        return not self.selected and any(everything.is_relative_to(path) for path in given)

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """With ``-k``, ``--deselect`` and the like; other items than claims do not matter."""
        self.selected |= any(isinstance(item, ClaimItem) for item in items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Under xdist only workers know whether claims were deselected."""
        self.selected |= getattr(node, "workeroutput", {}).get(SELECTED, False)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Under xdist every worker uses the controller's seed."""
        node.workerinput["theorycheck_seed"] = self.seed

    # -- before the run ---------------------------------------------------------------------------

    def prepare(self) -> None:
        """Check everything that the user named before any work is done.

        Raises:
            InputError: naming the file, folder, device or claim that cannot be used.
        """
        from theorycheck.data.image_sets import images
        from theorycheck.training.cohorts import resolve_device

        ids = [_claim_id(node) for node in self.expected]
        repeated = sorted({i for i in ids if ids.count(i) > 1})
        if repeated:
            raise InputError(f"claim id used twice: {', '.join(repeated)}; rename one")
        self.record = load_baseline(self.baseline)
        missing = [i for i in self.wanted or [] if i not in ids]
        if missing:
            raise InputError(self.record.unknown(missing))
        self.device = str(resolve_device(self.config.option.device))
        if self.worker_input is None and not self.config.option.collectonly:
            if self.config.option.images != DEFAULT_IMAGES:
                images(self.config.option.images)
            self._try_writing()

    def _may_have_lost_all(self) -> bool:
        """Whether there is a record to compare with even where no claim is found.

        What has none, or another file in its place, is no project of claims: it is left alone.
        """
        try:
            return self.examines_all and bool(load_baseline(self.baseline).verdicts)
        except InputError:
            return False

    def _try_writing(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder) as probe:
                probe.write(bytes(4096))
        except OSError as error:
            raise InputError(
                f"report folder {self.folder} cannot be written ({error.strerror});"
                " name another with --report-dir"
            ) from error

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        claims = [item for item in items if isinstance(item, ClaimItem)]
        self.expected = [item.nodeid for item in claims]
        self.collected = {item.nodeid: item.claim for item in claims}
        if not (claims or self.wanted is not None or self._may_have_lost_all()):
            return
        try:
            self.prepare()
        except InputError as error:
            # The controller of a parallel run finds the same fault and ends the run.
            if self.worker_input is None:
                self.expected = []
                raise pytest.UsageError(str(error)) from error
        if self.wanted is not None:
            chosen = [item for item in claims if item.claim.id in self.wanted]
            config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
            items[:] = chosen
            self.expected = [item.nodeid for item in chosen]

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        """Under xdist the controller collects nothing; the first worker names the claims."""
        if self.expected:
            return
        self.expected = [i for i in ids if is_claim_id(_claim_id(i))]
        if self.expected or self.wanted is not None or self._may_have_lost_all():
            try:
                self.prepare()
            except InputError as error:
                self.expected = []
                pytest.exit(f"ERROR: {error}", returncode=ExitCode.BAD_INPUT)

    # -- the run ----------------------------------------------------------------------------------

    def examine(self, claim: Claim) -> Examination:
        """Examine one claim."""
        import torch

        from theorycheck.claims.examination import examine

        # One thread each: workers share the cores, and sums do not depend on a thread count.
        torch.set_num_threads(1)
        certificate = self.baseline.parent / certificate_name(claim.id)
        return examine(
            claim,
            profile=self.profile,
            run_seed=self.seed,
            device=self.device,
            images=self.config.option.images,
            certificate=certificate if os.path.lexists(certificate) else None,
        )

    def emit(self, event: Event) -> list[ExitCode]:
        """Tell all reporters; returns the exit codes that they ask for."""
        codes: list[ExitCode] = self.config.hook.pytest_theorycheck_event(event=event)
        return codes

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if self.worker_input is None and nodeid in self.expected:
            self.emit(ClaimStarted(_claim_id(nodeid)))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        test_report = yield
        if isinstance(item, ClaimItem) and call.when == "call" and item.examined is not None:
            setattr(test_report, EXAMINATION, item.examined)
        return test_report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        text = getattr(report, EXAMINATION, None)
        if text is None or self.worker_input is not None:
            return
        examination = msgspec.json.decode(text, type=Examination)
        self.received[report.nodeid] = examination
        self.emit(ClaimExamined(examination))
        changed = self.record.difference(examination.entry)
        if changed is not None:
            self.emit(ClaimChanged(examination.entry.id, changed))

    # -- after the run ----------------------------------------------------------------------------

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.worker_input is not None:
            self.config.workeroutput[SELECTED] = self.selected  # type: ignore[attr-defined]
            return
        lost = self.record.lost(map(_claim_id, self.expected)) if self.examines_all else []
        if self.config.option.collectonly or not (self.expected or lost):
            return
        if lost and session.exitstatus in (ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = ExitCode.VERDICT_CHANGED
        examinations = [self._examination(node) for node in self.expected]
        entries = tuple(examination.entry for examination in examinations)
        changes = [self.record.difference(entry) for entry in entries]
        codes = self.emit(
            RunFinished(
                report=Report(runs=(self._run(),), claims=entries),
                went=self._circumstances(examinations),
                certificates={
                    one.entry.certificate: one.certificate
                    for one in examinations
                    if one.entry.certificate is not None and one.certificate is not None
                },
                changes=(*(change for change in changes if change is not None), *lost),
            )
        )
        worst = max(codes, default=ExitCode.OK)
        if worst is not ExitCode.OK:
            session.exitstatus = worst

    def _examination(self, node: str) -> Examination:
        from theorycheck.claims.examination import undecided

        received = self.received.get(node)
        if received is not None:
            return received
        if node not in self.collected:
            # Only workers have imported the claims; an interrupted run reads them here.
            collected = collect_claims([node.rpartition("::")[0] for node in self.expected])
            self.collected = {n: c for n, c in collected.items() if n in self.expected}
        return undecided(self.collected[node], "the run ended before this claim was examined")

    def _run(self) -> Run:
        from theorycheck.data.image_sets import identity

        return Run(
            profile=self.profile.name,
            seed=self.seed,
            device=self.device,
            images=identity(self.config.option.images),
            sources=Sources.of(
                self.config.rootpath, (node.partition("::")[0] for node in self.expected)
            ),
            finished=len(self.received) == len(self.expected),
        )

    def _circumstances(self, examinations: Sequence[Examination]) -> Circumstances:
        return Circumstances(
            started=datetime.fromtimestamp(self.started, UTC).isoformat(timespec="seconds"),
            seconds=round(time.time() - self.started, 1),
            workers=self.config.getoption("numprocesses", None) or 1,
            versions={
                "python": platform.python_version(),
                **{name: version(name) for name in VERSIONED},
            },
            notes=tuple(f"{one.entry.id}: {text}" for one in examinations for text in one.notes),
            claims={one.entry.id: one.seconds for one in examinations},
        )


def _claim_id(node: str) -> str:
    return node.rpartition("::")[2]
