"""The engine with a deliberate fault in it, and who notices.

A fault is planted by importing its module with the changed source before anything else does, so
that all others see the mutant. This takes a process for each fault; it is forked from a server that
has loaded the libraries but nothing of this project, costs a fraction of a second, and leaves
nothing to be undone.

``python -m tests.mutants`` measures who notices each fault and writes ``reports/faults.md``.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import threading
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import chdir, redirect_stderr, redirect_stdout
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_loader
from multiprocessing import forkserver, get_context
from pathlib import Path
from types import CodeType
from typing import Any
from unittest.mock import patch

import pytest

from tests.faults.fault import Fault
from tests.faults.table import FAULTS

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "reports" / "faults.md"
LIBRARIES = ("torch", "scipy.integrate", "sympy", "flint", "hypothesis")
"""Imported once, by the server."""
ENVIRONMENT = dict(os.environ)
"""Before any test changes it."""
SERVING = threading.Lock()


def serve(modules: Sequence[str]) -> None:
    """Have processes forked from a server that has loaded these modules, and no others.

    multiprocessing has one server at a time. It looks for modules where it begins, before all other
    places: a project's folder ``tests`` is not the one that is meant. Nor is the environment that
    of the test which comes first, as one may say that no plugins are to be loaded.
    """
    server: Any = forkserver._forkserver
    with SERVING, chdir(ROOT), patch.dict(os.environ, ENVIRONMENT, clear=True):
        if server._preload_modules != [*modules]:
            server._stop()
        forkserver.set_forkserver_preload([*modules])
        forkserver.ensure_running()


def processes(count: int) -> ProcessPoolExecutor:
    """A pool whose every task runs in a process of its own."""
    serve(LIBRARIES)
    return ProcessPoolExecutor(count, get_context("forkserver"), max_tasks_per_child=1)


def plant(fault: Fault) -> None:
    """Make the fault's module of this process the one with the fault.

    Raises:
        RuntimeError: when the module has been imported, or when its source does not hold exactly
            once what the fault replaces.
    """
    name = f"theorycheck.{fault.module}"
    if name in sys.modules:
        raise RuntimeError(f"{name} has been imported without the fault")
    path = ROOT / f"{name.replace('.', '/')}.py"
    if path.read_text(encoding="utf-8").count(fault.old) != 1:
        raise RuntimeError(f"{fault.name}: {name} holds {fault.old!r} not once: adapt the fault")
    planter = _Planter(fault, name, str(path))
    sys.meta_path.insert(0, planter)
    import_module(name)
    sys.meta_path.remove(planter)


class _Planter(MetaPathFinder):
    """Finds one module, with a fault in its source."""

    def __init__(self, fault: Fault, name: str, path: str) -> None:
        self.name, self.loader = name, _Mutant(fault, name, path)

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return spec_from_loader(name, self.loader) if name == self.name else None


class _Mutant(SourceFileLoader):
    """Loads a module from its source with the fault in it, past what Python has cached."""

    def __init__(self, fault: Fault, name: str, path: str) -> None:
        super().__init__(name, path)
        self.fault = fault

    def get_code(self, name: str) -> CodeType:
        source = self.get_data(self.path).decode("utf-8")
        code: CodeType = compile(source.replace(self.fault.old, self.fault.new), self.path, "exec")
        return code


class Unshrunk:
    """A pytest plugin: Hypothesis looks for one failing example, and takes it as it is."""

    def pytest_sessionstart(self) -> None:
        from hypothesis import Phase, settings

        phases = (Phase.explicit, Phase.generate)
        settings.register_profile(
            "unshrunk", settings.get_profile("theorycheck"), phases=phases,
            report_multiple_bugs=False,
        )  # fmt: skip
        settings.load_profile("unshrunk")


def noticed(fault: Fault | None, asked: Sequence[str]) -> list[str]:
    """Which of the asked claims and tests turn red; to be called in a process of its own.

    A claim is red when its verdict in the quick profile is not the one on record or its check
    fails; a test when it fails, in any of its cases. Both are items of pytest and run as such.

    Args:
        fault: None for the engine as it is.
        asked: node ids.

    Returns:
        Node ids, that of a single case only where it was asked by itself.

    Raises:
        RuntimeError: as `plant`, and when pytest cannot run what was asked.
    """
    import torch

    torch.set_num_threads(1)
    if fault is not None:
        plant(fault)
    outcomes = _Outcomes(asked)
    output = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        arguments = [f"--rootdir={ROOT}", f"--report-dir={folder}", "--profile=quick"]
        arguments += ["--device=cpu", "-p", "no:cacheprovider", "-p", "no:xdist"]
        # Nobody reads how a test fails; explaining it costs more than most tests.
        arguments += ["--assert=plain", "--tb=native", "-p", "no:unraisableexception"]
        with redirect_stdout(output), redirect_stderr(output):
            words = [*arguments, *(str(ROOT / item) for item in asked)]
            code = pytest.main(words, [outcomes, Unshrunk()])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"pytest ended with {code}: {output.getvalue()[-2000:]}")
    return [item for item, red in outcomes.red.items() if red]


class _Outcomes:
    """A pytest plugin that remembers which items failed, in the order in which they ran."""

    def __init__(self, asked: Sequence[str]) -> None:
        self.asked = frozenset(asked)
        self.red: dict[str, bool] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        node = report.nodeid
        item = node if node in self.asked else node.partition("[")[0]
        self.red[item] = self.red.get(item, False) or report.failed

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Nobody reads the report of this run, which takes as long as some claims do."""
        from theorycheck.pytest_plugin.items import EXAMINER

        ran = yield
        examiner: Any = session.config.pluginmanager.get_plugin(EXAMINER)
        examiner.examining = False
        return ran


def row(fault: Fault, red: Iterable[str]) -> str:
    """The line of the table: module, name, effect and who noticed."""
    names = ", ".join(f"`{item.rpartition('::')[2]}`" for item in red)
    return f"| {fault.module} | {fault.name} | {fault.effect} | {names} |"


def table(rows: Sequence[tuple[Fault, Sequence[str]]]) -> str:
    """The text of ``reports/faults.md`` from the faults and who noticed each."""
    by_claim = sum(any(item.startswith("properties/") for item in red) for _, red in rows)
    lines = [
        "# Deliberate faults",
        "",
        f"{len(rows)} faults in {len({fault.module for fault, _ in rows})} modules of the engine,"
        f" each of which turns claims or tests red; {by_claim} of them turn a claim red.",
        "",
        "Measured by `python -m tests.mutants`: each fault of `tests/faults/` is planted in a"
        " process of its own, where those who should notice run. Claims, whose names have hyphens,"
        " are red when their verdict in the quick profile is not the one on record; tests, whose"
        " names start with `test_`, when they fail.",
        "",
        "| module | fault | what the engine then does | who noticed |",
        "|---|---|---|---|",
        *(row(fault, red) for fault, red in rows),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write the table; or, with arguments, only print who notices."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.mutants")
    parser.add_argument("faults", nargs="*", metavar="FAULT", help="print who notices these only")
    parser.add_argument("--ask", nargs="+", metavar="NODE", help="ask these pytest items instead")
    options = parser.parse_args()
    chosen = [fault for fault in FAULTS if fault.name in (options.faults or [fault.name])]
    asked = [options.ask or fault.asked for fault in chosen]
    rows = []
    with processes(os.cpu_count() or 1) as pool:
        everybody = list(dict.fromkeys(item for items in asked for item in items))
        already = pool.submit(noticed, None, everybody).result()
        if already:
            parser.exit(1, f"red without any fault: {', '.join(already)}\n")
        for fault, red in zip(chosen, pool.map(noticed, chosen, asked), strict=True):
            print(fault.name, *(red or ["NOBODY"]), sep="\n    ", flush=True)
            rows.append((fault, red))
    if not options.faults and not options.ask:
        TABLE.write_text(table(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
