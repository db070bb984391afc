"""What one pytest process does with the claims of its run.

Each worker examines its items and attaches the examination to the test report; the controller (or
the only process) gathers them and emits the events. A run is green when every claim that it was
asked for was examined to the end and is as it is on record, whatever pytest itself makes of it.
"""

from __future__ import annotations

import gc
import os
import platform
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import msgspec
import pytest

from theorycheck.claims.declaration import Claim, is_claim_id
from theorycheck.claims.entries import Entry, Examination, certificate_name, proof_name
from theorycheck.claims.setting import PROFILES
from theorycheck.configuration import Project, expanded, is_new
from theorycheck.errors import ExitCode, InputError
from theorycheck.pytest_plugin.collecting import collect_claims
from theorycheck.pytest_plugin.events import (
    ClaimChanged,
    ClaimExamined,
    ClaimStarted,
    Event,
    RunFinished,
)
from theorycheck.pytest_plugin.items import EXAMINATION, ClaimItem
from theorycheck.pytest_plugin.selection import Selection, claim_id, claim_ids
from theorycheck.reports.baseline import EMPTY, load_baseline
from theorycheck.reports.coverage import load_items
from theorycheck.reports.documents import Circumstances, Report, Run, unjudged
from theorycheck.reports.sources import Sources

DEFAULT_IMAGES = "digits"
"""The embedded default; anything else is read, and checked, before the run."""
TOLD = "theorycheck_selection"
DEVICE = "theorycheck_device"
"""Key under which a worker tells the controller which claims it found."""
VERSIONED = ("theorycheck", "torch", "numpy", "hypothesis", "python-flint", "sympy")
SHOWING = ("collectonly", "setuponly", "showfixtures", "show_fixtures_per_test", "cacheshow")
"""Options with which pytest shows what it would run."""
COLLECTED = (5_000, 20, 50)
"""Definition: how many objects make Python collect garbage, see `gc.set_threshold`."""
GREEN = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
"""What pytest says of a run in which nothing failed."""


class ClaimSession:
    """What one pytest process does with the claims of its run; registered as a plugin."""

    def __init__(self, config: pytest.Config, project: Project, selection: Selection) -> None:
        option = config.option
        self.config = config
        self.project = project
        self.selection = selection
        self.worker_input: dict[str, Any] | None = getattr(config, "workerinput", None)
        settings = project.settings
        self.profile = PROFILES[option.profile or settings.profile]
        self.images: str = option.images or settings.images
        self.wanted = claim_ids(selection.command.claims)
        start = config.invocation_params.dir
        folder, record = option.report_dir, option.baseline
        self.folder = start / expanded(folder) if folder else project.report_dir
        self.baseline = start / expanded(record) if record else project.baseline
        self.seed = self._choose_seed(option.seed)
        self.device: str | None = None
        self.record = EMPTY
        self.started = time.time()
        self.collected: dict[str, Claim] = {}
        self.prepared = False
        self.examining = not any(getattr(option, name, False) for name in SHOWING)
        self.received: dict[str, Examination] = {}
        self.trained: dict[Any, Any] = {}
        self.code: int | None = None
        """The exit code that the run has to have, once claims were compared."""
        self.ended_unheard = False
        """Whether the run ended, and nobody said which claims there are."""

    def _choose_seed(self, asked: int | None) -> int:
        if self.worker_input is not None:
            return int(self.worker_input["theorycheck_seed"])
        if asked is None and self.profile.name == "explore":
            return time.time_ns() % 2**32
        return asked or 0

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        output = getattr(node, "workeroutput", {})
        self.device = output.get(DEVICE, self.device)
        if TOLD in output:
            self.selection.hear(output[TOLD])

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Under xdist every worker uses the controller's seed."""
        node.workerinput["theorycheck_seed"] = self.seed

    # -- before the run ---------------------------------------------------------------------------

    def prepare(self, ids: Sequence[str]) -> None:
        """Check everything that the user named before any work is done.

        Args:
            ids: of the claims that were found; those found twice are there twice.

        Raises:
            InputError: naming the file, folder, device or claim that cannot be used.
        """
        repeated = sorted({i for i in ids if ids.count(i) > 1})
        if repeated:
            raise InputError(
                f"claim id used twice: {', '.join(repeated)}; rename one, and let modules import no"
                " claims of others"
            )
        self.record = load_baseline(self.baseline)
        load_items(self.project.paths)
        missing = [i for i in self.wanted or [] if i not in ids]
        if missing and not self.selection.broken:
            raise InputError(self.record.unknown(missing))
        if self.collected or self._device_asked_for != "auto":
            self.device = self._resolved()
        if self.worker_input is None and self.images != DEFAULT_IMAGES:
            from theorycheck.data.image_sets import images

            images(self.images)

    @property
    def _device_asked_for(self) -> str:
        return self.config.option.device or self.project.settings.device

    def _resolved(self) -> str:
        """The device that trainings run on.

        Under xdist workers tell the controller: importing PyTorch there takes a second, in which
        they would wait for it.
        """
        from theorycheck.training.cohorts import resolve_device

        return str(resolve_device(self._device_asked_for))

    def _may_have_lost_all(self) -> bool:
        """Whether there is a record to compare with even where no claim is found.

        What has none, or another file in its place, is no project of claims: it is left alone.
        """
        try:
            return self.selection.whole and bool(load_baseline(self.baseline).verdicts)
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
        items[:] = {(i.nodeid, id(getattr(i, "claim", i))): i for i in items}.values()
        claims = [item for item in items if isinstance(item, ClaimItem)]
        self.collected = {item.nodeid: item.claim for item in claims}
        if not (claims or self.wanted is not None or self._may_have_lost_all()):
            return
        try:
            self.prepare([item.claim.id for item in claims])
        except InputError as error:
            # The controller of a parallel run finds the same fault and ends the run.
            self.examining = False
            if self.worker_input is None:
                raise pytest.UsageError(str(error)) from error
        if self.wanted is not None:
            chosen = [item for item in claims if item.claim.id in self.wanted]
            config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
            items[:] = chosen

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        """Under xdist the controller collects nothing; the first worker names the claims."""
        if self.prepared:
            return
        self.prepared = True
        asked = [claim_id(i) for i in ids if is_claim_id(claim_id(i))]
        if asked or self.wanted is not None or self._may_have_lost_all():
            try:
                self.prepare(asked)
                self._try_writing()
            except InputError as error:
                self.examining = False
                pytest.exit(f"ERROR: {error}", returncode=ExitCode.BAD_INPUT)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """pytest is about to run what it collected; under xdist the controller knows of nothing."""
        if self.worker_input is None and self.examining and self.selection.asked:
            try:
                self._try_writing()
            except InputError as error:
                self.examining = False
                raise pytest.UsageError(str(error)) from error
        # Modules and claims stay until the end; looking through them at each collection of
        # garbage took a tenth of a run, and collecting as often as Python does takes a twentieth.
        frozen = gc.get_freeze_count() > 0
        gc.freeze()
        usual = gc.get_threshold()
        gc.set_threshold(*COLLECTED)
        try:
            return (yield)
        finally:
            gc.set_threshold(*usual)
            # A worker ends now, and pytest collects garbage ten times before it does. What a run
            # around this one has frozen stays so.
            if self.worker_input is None and not frozen:
                gc.unfreeze()

    # -- the run ----------------------------------------------------------------------------------

    def examine(self, claim: Claim) -> Examination:
        """Examine one claim."""
        import torch

        from theorycheck.claims.examination import examine

        # One thread each: workers share the cores, and sums do not depend on a thread count.
        torch.set_num_threads(1)
        certificate = self.baseline.parent / certificate_name(claim.id)
        proved = self.record.strengths.get(claim.id) == "architectures"
        return examine(
            claim,
            profile=self.profile,
            run_seed=self.seed,
            device=self.device or self._resolved(),
            images=self.images,
            certificate=certificate if os.path.lexists(certificate) else None,
            proof=self.baseline.parent / proof_name(claim.id) if proved else None,
            trained=self.trained,
        )

    def fault(self, entry: Entry) -> str | None:
        """Why a claim that was examined is an error, apart from being new; None if it is none."""
        return self.project.fault(self.record, entry)

    def is_new(self, entry: Entry) -> bool:
        """Whether a claim has no verdict on record."""
        return is_new(self.record, entry)

    def emit(self, event: Event) -> list[ExitCode]:
        """Tell all reporters; returns the exit codes that they ask for."""
        codes: list[ExitCode] = self.config.hook.pytest_theorycheck_event(event=event)
        return codes

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if self.worker_input is None and nodeid in self.selection.asked:
            self.emit(ClaimStarted(claim_id(nodeid)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        text = getattr(report, EXAMINATION, None)
        if text is None or self.worker_input is not None:
            return
        examination = msgspec.json.decode(text, type=Examination)
        self.received[report.nodeid] = examination
        self.emit(ClaimExamined(examination))
        fault = self.fault(examination.entry)
        if fault is not None:
            self.emit(ClaimChanged(examination.entry.id, fault))

    # -- after the run ----------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Report, whatever others do at the end of the run; none of them makes a red run green."""
        try:
            yield
        except pytest.exit.Exception as error:
            session.exitstatus = self._finish(session.exitstatus)
            if error.returncode in GREEN:
                error.returncode = session.exitstatus
            raise
        except BaseException:
            self._finish(session.exitstatus)
            raise
        session.exitstatus = self._finish(session.exitstatus)

    def _finish(self, code: int) -> int:
        """Tell everybody that the run is over; returns the exit code that it should have."""
        if self.worker_input is not None:
            output: dict[str, Any] = self.config.workeroutput  # type: ignore[attr-defined]
            output |= {TOLD: self.selection.told(), DEVICE: self.device}
            return code
        if not self.examining:
            return code
        lost = self.selection.lost(self.record)
        about_claims = self.selection.asked or lost or self.wanted
        if about_claims and self.selection.broken and code == pytest.ExitCode.TESTS_FAILED:
            code = ExitCode.INTERRUPTED  # Workers go on with what they could import.
        if not (self.selection.asked or lost):
            self.ended_unheard = not self.selection.heard
            found = len(self.selection.found)
            if not (code == pytest.ExitCode.NO_TESTS_COLLECTED and found):
                return code
            sys.stderr.write(f"ERROR: no claim is left to examine ({found} deselected)\n")
            return ExitCode.BAD_INPUT
        run = self._finished(lost)
        if run.is_red and code in GREEN:
            code = ExitCode.VERDICT_CHANGED
        self.code = code  # It is owed also where a reporter leaves.
        self.code = max(filter(None, self.emit(run)), default=code)
        return self.code

    def _finished(self, lost: Sequence[str]) -> RunFinished:
        examinations = self._examinations()
        entries = tuple(examination.entry for examination in examinations)
        faults = [self.fault(entry) for entry in entries]
        new = [entry for entry in entries if self.is_new(entry)]
        return RunFinished(
            report=Report(runs=(self._run(),), claims=entries),
            certificates={
                name: content for one in examinations for name, content in one.certificates.items()
            },
            changes=(*filter(None, faults), *lost),
            new=tuple(entry.id for entry in new),
            forbidden=tuple(entry.id for entry in new if self.project.forbids(entry)),
            examined=len(self.received),
            went=self._circumstances(examinations),
            record=self.record,
        )

    def _examinations(self) -> list[Examination]:
        """Of all claims that were asked for, in the order of files, and of claims in them."""
        asked = self.selection.in_order()
        unknown = [n for n in asked if n not in self.received and n not in self.collected]
        if unknown:
            # Only workers have imported the claims; an interrupted run reads them here.
            self.collected = collect_claims([node.rpartition("::")[0] for node in unknown])
        return [self.received.get(node) or self._unexamined(node) for node in asked]

    def _unexamined(self, node: str) -> Examination:
        from theorycheck.claims.examination import undecided

        return undecided(self.collected[node], "the run ended before this claim was examined")

    def _run(self) -> Run:
        from theorycheck.data.image_sets import identity

        return Run(
            profile=self.profile.name,
            seed=self.seed,
            device=self.device or self._resolved(),
            images=identity(self.images),
            sources=Sources.of(self.project.folder, self.project.paths, self.selection.files()),
            finished=len(self.received) == len(self.selection.asked),
            omitted=self.selection.omitted([*self.record.verdicts, *self._reported()]),
        )

    def _reported(self) -> list[str]:
        """Ids of the claims in the last report, which a report on a part does not replace."""
        try:
            return [entry.id for entry in unjudged(self.folder / "claims.json").claims]
        except InputError:
            return []

    def _circumstances(self, examinations: Sequence[Examination]) -> Circumstances:
        return Circumstances(
            started=datetime.fromtimestamp(self.started, UTC).isoformat(timespec="seconds"),
            seconds=round(time.time() - self.started, 1),
            workers=self.config.getoption("numprocesses", None) or 1,
            versions={
                "python": platform.python_version(),
                **{name: version(name) for name in VERSIONED},
            },
            notes=(
                *(f"{one.entry.id}: {text}" for one in examinations for text in one.notes),
                *filter(None, [self.record.unexamined(one.entry for one in examinations)]),
            ),
            claims={one.entry.id: one.seconds for one in examinations},
        )
