"""The pytest plugin: collects claims, examines them, and writes the report.

Claims are pytest items. Each worker examines its items and attaches the claim's entry to the test
report; the controller (or the only process) gathers them and writes ``claims.json`` and
``claims.md``. A claim passes when its verdict is the one on record.
"""

from __future__ import annotations

import json
import platform
import tempfile
import time
from collections.abc import Generator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from theorycheck import reports
from theorycheck.claims.declaration import Claim, is_claim_id
from theorycheck.claims.setting import PROFILES
from theorycheck.errors import ExitCode, InputError

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionInfo, TerminalRepr

DEVICES = ("auto", "cpu", "cuda")
DEFAULT_IMAGES = "digits"
"""The embedded default; anything else is read, and checked, before the run."""
ENTRY = "claim_entry"
"""Attribute of a test report that carries a claim's entry of ``claims.json``."""
VERSIONED = ("theorycheck", "torch", "numpy", "hypothesis", "python-flint", "sympy")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("theorycheck", "checking claims")
    group.addoption(
        "--device", choices=DEVICES, default="auto", help="where trainings run (default: auto)"
    )
    group.addoption(
        "--profile",
        choices=tuple(PROFILES),
        default="default",
        help="how much is tried; explore draws a fresh seed (default: default)",
    )
    group.addoption(
        "--images",
        metavar="DATA",
        default=DEFAULT_IMAGES,
        help="what claims on real data train on: digits, mnist:FOLDER or cifar10:FOLDER"
        " (default: digits)",
    )
    group.addoption("--claims", metavar="ID[,ID...]", help="check only these claims")
    group.addoption(
        "--report-dir",
        metavar="DIR",
        help="where claims.json and claims.md are written (default: reports/ in the rootdir)",
    )
    group.addoption(
        "--baseline",
        metavar="FILE",
        help="verdicts on record, with certificates/ beside it (default: reports/baseline.json)",
    )
    group.addoption(
        "--seed", type=int, metavar="N", help="seed of the run (default: 0; explore: fresh)"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(ClaimSession(config), "theorycheck-session")


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> ClaimItem | None:
    if isinstance(obj, Claim) and isinstance(collector, pytest.Module):
        item: ClaimItem = ClaimItem.from_parent(collector, name=obj.id, claim=obj)
        return item
    return None


class VerdictChanged(Exception):
    """A verdict that is not the one on record."""


class ClaimItem(pytest.Item):
    """A claim as a pytest item; its name, and the end of its node id, is the claim's id."""

    def __init__(self, *, claim: Claim, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.claim = claim
        self.entry: dict[str, Any] | None = None

    def runtest(self) -> None:
        session = self.config.pluginmanager.get_plugin("theorycheck-session")
        assert isinstance(session, ClaimSession)
        try:
            self.entry = session.examine(self.claim)
        except Exception as error:
            first_line = (str(error).splitlines() or [""])[0]
            self.entry = _undecided(
                self.claim, f"the check failed: {type(error).__name__}: {first_line}"
            )
            raise
        changed = reports.difference(self.entry, session.record)
        if changed is not None:
            raise VerdictChanged(changed)

    def repr_failure(
        self, excinfo: ExceptionInfo[BaseException], style: Any = None
    ) -> str | TerminalRepr:
        if isinstance(excinfo.value, VerdictChanged | InputError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.claim.check.__code__.co_firstlineno - 1, self.claim.id


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
        self.record: dict[str, str] = {}
        self.started = time.time()
        self.collected: dict[str, Claim] = {}
        self.expected: list[str] = []
        self.received: dict[str, dict[str, Any]] = {}
        self.entries: list[dict[str, Any]] = []
        self.messages: list[str] = []

    def _choose_seed(self, asked: int | None) -> int:
        if self.worker_input is not None:
            return int(self.worker_input["theorycheck_seed"])
        if asked is None and self.profile.name == "explore":
            return time.time_ns() % 2**32
        return asked or 0

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
        from theorycheck.data.images import images
        from theorycheck.training.cohorts import resolve_device

        ids = [node.rpartition("::")[2] for node in self.expected]
        repeated = sorted({i for i in ids if ids.count(i) > 1})
        if repeated:
            raise InputError(f"claim id used twice: {', '.join(repeated)}; rename one")
        missing = [i for i in self.wanted or [] if i not in ids]
        if missing:
            raise InputError(
                f"unknown claim: {', '.join(missing)}; `theorycheck list` names all claims"
            )
        self.device = str(resolve_device(self.config.option.device))
        self.record = reports.load_baseline(self.baseline)
        if self.worker_input is None and not self.config.option.collectonly:
            if self.config.option.images != DEFAULT_IMAGES:
                images(self.config.option.images)
            self._try_writing()

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
        if not claims and self.wanted is None:
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
        """Under xdist the controller collects nothing; the first worker tells it what there is."""
        if self.expected:
            return
        self.expected = [i for i in ids if is_claim_id(i.rpartition("::")[2])]
        if self.expected or self.wanted is not None:
            try:
                self.prepare()
            except InputError as error:
                self.expected = []
                pytest.exit(f"ERROR: {error}", returncode=ExitCode.BAD_INPUT)

    # -- the run ----------------------------------------------------------------------------------

    def examine(self, claim: Claim) -> dict[str, Any]:
        """Examine one claim; returns its entry of ``claims.json``."""
        import torch

        from theorycheck.claims.examination import examine

        # One thread each: workers share the cores, and sums do not depend on a thread count.
        torch.set_num_threads(1)
        certificate = self.baseline.parent / "certificates" / f"{claim.id}.json"
        recorded = self.record.get(claim.id) == "refuted" and certificate.exists()
        return examine(
            claim,
            profile=self.profile,
            run_seed=self.seed,
            device=self.device,
            images=self.config.option.images,
            certificate=certificate if recorded else None,
        )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        test_report = yield
        if isinstance(item, ClaimItem) and call.when == "call" and item.entry is not None:
            # A string, so that it crosses from worker to controller as it is.
            setattr(test_report, ENTRY, json.dumps(item.entry))
        return test_report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        entry = getattr(report, ENTRY, None)
        if entry is not None:
            self.received[report.nodeid] = json.loads(entry)

    # -- after the run ----------------------------------------------------------------------------

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        option = self.config.option
        if self.worker_input is not None or not self.expected or option.collectonly:
            return
        self.entries = [self._entry(node) for node in self.expected]
        notes = [f"{entry['id']}: {text}" for entry in self.entries for text in entry.pop("notes")]
        metadata = self._metadata(session) | ({"notes": notes} if notes else {})
        text = reports.report_text(metadata, self.entries)
        try:
            self._write(self.folder, text)
        except OSError as error:
            rescue = Path(tempfile.mkdtemp(prefix="theorycheck-"))
            self._write(rescue, text)
            self.messages = [
                f"ERROR: report folder {self.folder} cannot be written ({error.strerror});"
                f" the report was saved in {rescue}"
            ]
            session.exitstatus = ExitCode.BAD_INPUT

    def _entry(self, node: str) -> dict[str, Any]:
        received = self.received.get(node)
        if received is not None:
            return received
        if node not in self.collected:
            # Only workers have imported the claims; an interrupted run reads them here.
            collected = collect_claims([node.rpartition("::")[0] for node in self.expected])
            self.collected = {n: c for n, c in collected.items() if n in self.expected}
        return _undecided(self.collected[node], "the run ended before this claim was examined")

    def _write(self, folder: Path, text: str) -> None:
        document = json.loads(text)
        for entry in document["claims"]:
            certificate = entry.pop("document")
            if certificate is not None:
                path = folder / "certificates" / f"{entry['id']}.json"
                reports.write_atomically(path, reports.dumps(certificate))
        self.messages = [reports.write_report(folder, document)]

    def _metadata(self, session: pytest.Session) -> dict[str, Any]:
        return {
            "profile": self.profile.name,
            "seed": self.seed,
            "device": self.device,
            "images": self.config.option.images,
            "workers": self.config.getoption("numprocesses", None) or 1,
            "finished": len(self.received) == len(self.expected),
            "started": datetime.fromtimestamp(self.started, UTC).isoformat(timespec="seconds"),
            "seconds": round(time.time() - self.started, 1),
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in VERSIONED},
            },
        }

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.entries:
            return
        write = terminalreporter.write_line
        terminalreporter.section("verdicts")
        for line in reports.run_summary(self.entries):
            write(line)
        changes = [reports.difference(entry, self.record) for entry in self.entries]
        for change in filter(None, changes):
            write(f"CHANGED {change}", red=True)
        for message in self.messages:
            write(message)


def _undecided(claim: Claim, reason: str) -> dict[str, Any]:
    from theorycheck.claims.examination import undecided

    return undecided(claim, reason)


def collect_claims(paths: list[str]) -> dict[str, Claim]:
    """Claims by node id, without running them.

    Raises:
        InputError: when the paths cannot be collected.
    """
    import contextlib
    import io

    class Collector:
        def __init__(self) -> None:
            self.claims: dict[str, Claim] = {}

        def pytest_collection_finish(self, session: pytest.Session) -> None:
            self.claims = {i.nodeid: i.claim for i in session.items if isinstance(i, ClaimItem)}

    collector = Collector()
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        arguments = [*dict.fromkeys(paths), "--collect-only", "-q", "-p", "no:cacheprovider"]
        # A project may turn warnings into errors; a second run in this process warns of the first.
        arguments += ["-p", "no:xdist", "-W", "ignore"]
        code = pytest.main(arguments, plugins=[collector])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        last = (output.getvalue().strip().splitlines() or ["pytest failed"])[-1]
        raise InputError(f"claims of {', '.join(paths)} cannot be collected: {last}")
    return collector.claims
