"""Projects with toy claims, on which the plugin runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import Any

import pytest

from tests.pytest_plugin.forked import forked_workers, run_apart
from theorycheck import reports
from theorycheck.claims.certificates import statement_version
from theorycheck.claims.declaration import Claim
from theorycheck.claims.versions import version_of
from theorycheck.reports.baseline import Baseline

PROPERTIES = '''
import os
from pathlib import Path
import signal
import time

import numpy as np
from hypothesis import strategies as st
from theorycheck.arithmetic import Case
from theorycheck.claims import Formal, Paper, claim
from theorycheck.claims import Observation, Unmet, equality
from theorycheck.networks import mlp

PAPER = Paper("toy2020", "A toy", "N. N.", 2020)


def toy(id, **changes):
    fields = dict(
        title=id, kind="identity", sources=[PAPER.at("Eq. 1")], statement="1 = 1",
        hypotheses=["none"], control="one less", on={"number": st.integers(0, 50)}, enough=5,
    )
    return claim(id, **{**fields, **changes})


@toy("true-claim")
def true_claim(setting, number):
    """A number is itself."""
    yield equality(np.array([number]), np.array([number - setting.altered]), "integers")


@toy("blunt-check")
def blunt_check(setting, number):
    """No number is its own successor: nothing meets the hypotheses."""
    same = equality(np.array([number]), np.array([number]), "integers")
    yield same if setting.altered else Unmet(1.0, "distance from its successor")


def single(weight):
    array = np.array([[[float(weight)]]])
    return Case(mlp([1, 1]), (array,), array)


@toy(
    "false-claim",
    on={"case": st.builds(single, st.integers(0, 50))},
    formal=Formal("W[0][0][0] <= 6"),
)
def false_claim(setting, case):
    """No weight exceeds 6."""
    weight = int(case.parameters[0][0, 0, 0])
    yield Observation(
        weight <= 6 - setting.altered, str(weight), "≤", "6", "integers",
        case=lambda: case, tightness=weight / 6,
    )
'''

TIGHT = '''

@toy(
    "wide-claim",
    on={"case": st.builds(single, st.integers(0, 50))},
    formal=Formal("W[0][0][0] <= 50"),
)
def wide_claim(setting, case):
    """No weight exceeds 50."""
    weight = int(case.parameters[0][0, 0, 0])
    yield Observation(
        weight <= 50 - 45 * setting.altered, str(weight), "≤", "50", "integers",
        case=lambda: case, tightness=weight / 50,
    )
'''
"""A claim that holds, and whose tightest example depends on the seed of the run."""

TRAINED = """

from dataclasses import replace

import torch
import theorycheck as tc


def networks(setting, seeds):
    network = tc.mlp([3, 4, 1])
    data = [tc.uniform_sphere(4, 3, 2, seed) for seed in seeds]
    start = tc.State(tc.initialise(network, len(seeds), seed=seeds[0]))
    return tc.Experiment.on(data, "signs", network, start, torch.tensor(seeds))


def size(trained):
    return sum(w.square().sum(dim=(1, 2)) for w in trained.cohort.state.parameters)


RECIPE = tc.Recipe(batch_size=2, epochs=8, learning_rate=0.125, weight_decay=0.25)

shrinks = tc.experiment_claim(
    "decay-shrinks", title="Decay makes weights smaller", sources=[PAPER.at("Fig. 1")],
    printed="x", given=["none"], why="It pulls.",
    compares=tc.Comparison(
        "weights are smaller with decay", {"sphere": tc.Population(networks)},
        (RECIPE, replace(RECIPE, weight_decay=0.0)), tc.between(size), "<",
        "size with decay / without", lambda trained: {},
    ),
)
"""
"""A claim about trained networks."""

FATAL = {
    "killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "raising": "raise RuntimeError('no such luck')",
    "sleeping": "Path('asleep').touch(); time.sleep(60)",
}


def with_fatal(kind: str) -> str:
    """The properties, and last a claim whose check ends badly."""
    return (
        PROPERTIES
        + f'''

@toy("fatal-claim", on={{}})
def fatal_claim(setting):
    """Does not return."""
    {FATAL[kind]}
    yield
'''
    )


def with_bodies(bodies: Iterable[str]) -> tuple[str, list[str]]:
    """The properties, and last a claim for each body of a check; and the ids of these claims."""
    text, ids = PROPERTIES, []
    for number, body in enumerate(bodies):
        ids.append(f"more-{number}")
        function = f"def more_{number}(setting, number):"
        text += (
            f'\n\n@toy("more-{number}")\n{function}\n    """It ends."""\n    {body}\n    yield\n'
        )
    return text, ids


WATCH = """
from pathlib import Path

from theorycheck.pytest_plugin.events import ClaimStarted


def pytest_theorycheck_event(event):
    if event == ClaimStarted("fatal-claim"):
        Path("told").touch()
"""

RECORD = {"true-claim": "holds", "blunt-check": "vacuous", "false-claim": "refuted"}


# A process that has imported the plugin before is warned of that by pytest.
IMPORTED = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
QUIET = ("-p", "no:xdist", *IMPORTED)


class Project:
    """A folder with property files, run by pytest in this process or in a new one."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path
        pytester.makeini("[pytest]\nfilterwarnings = error\n")
        self.write(PROPERTIES)
        self.record(RECORD)

    def write(self, text: str) -> None:
        folder = self.path / "properties"
        folder.mkdir(exist_ok=True)
        self.text = text
        (folder / "test_toy.py").write_text(text, encoding="utf-8")

    def record(
        self,
        verdicts: dict[str, str],
        renamed: dict[str, str] | None = None,
        versions: dict[str, dict[str, str]] | None = None,
    ) -> None:
        """Put verdicts on record; with them, unless others are given, what the claims now say."""
        folder = self.path / "reports"
        folder.mkdir(exist_ok=True)
        said = versions_in(self.text) if versions is None else versions
        formal = {} if versions is not None else statements_in(self.text)
        record = Baseline(
            verdicts=verdicts,  # type: ignore[arg-type]  # also such as no record may have
            versions=said,
            statements=formal,
            renamed=renamed or {},
        )
        (folder / "baseline.json").write_text(record.text(), encoding="utf-8")

    def run(self, *arguments: str) -> pytest.RunResult:
        return self.pytester.runpytest_inprocess("properties", *QUIET, *arguments)

    def reports(self) -> list[pytest.TestReport]:
        """What pytest reports on each claim of a run in this process."""
        ran = self.pytester.inline_run("properties", *QUIET)
        return [r for r in ran.getreports("pytest_runtest_logreport") if r.when == "call"]

    def run_parallel(self, *arguments: str, workers: int = 1) -> pytest.RunResult:
        """Claims in new processes; one worker does for all that is not about several."""
        return self.run_apart("properties", "-n", str(workers), *arguments)

    def run_apart(self, *words: str) -> pytest.RunResult:
        """Pytest with these words and no other, in a new process, or with claims in new ones."""
        if "-n" not in words:
            return run_apart(*words)
        with forked_workers():
            return self.pytester.runpytest_inprocess(*IMPORTED, *words)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A run in a process of its own, and of its own group, to be interrupted."""
        command = [sys.executable, "-m", "pytest", "properties", *arguments]
        # Where a shell started these tests in its background, SIGINT is ignored, and inherited.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return subprocess.Popen(
                command, cwd=self.path, stdout=subprocess.DEVNULL, start_new_session=True
            )
        finally:
            signal.signal(signal.SIGINT, before)

    def interrupt(self, *arguments: str) -> int:
        """Press Ctrl-C while the claim that sleeps is asleep; returns the exit code.

        With one worker for all claims, the process that is interrupted has heard of the others.
        """
        (self.path / "watch.py").write_text(WATCH, encoding="utf-8")
        process = self.start("-p", "watch", *arguments)
        while not all((self.path / name).exists() for name in ("asleep", "told")):
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        return process.wait()

    def entries(self, folder: str = "reports") -> dict[str, dict[str, Any]]:
        """Entries as the file of the report holds them, by id; it is one that can be loaded."""
        path = self.path / folder / "claims.json"
        reports.load_report(path)
        document = json.loads(path.read_text(encoding="utf-8"))
        return {entry["id"]: entry for entry in document["claims"]}

    def verdicts(self) -> dict[str, str]:
        return {name: entry["verdict"] for name, entry in self.entries().items()}


def claims_in(text: str) -> list[Claim]:
    """The claims in the text of a module."""
    names: dict[str, Any] = {"__name__": "toy"}
    exec(compile(text, "toy", "exec"), names)
    return [value for value in names.values() if isinstance(value, Claim)]


def statements_in(text: str) -> dict[str, str]:
    """Versions of the formal statements of the claims in the text of a module, by id."""
    found = {claim.id: statement_version(claim) for claim in claims_in(text)}
    return {name: version for name, version in found.items() if version is not None}


def versions_in(text: str) -> dict[str, dict[str, str]]:
    """Of the claims in the text of a module, by id."""
    return {claim.id: version_of(claim) for claim in claims_in(text)}


def error_lines(result: pytest.RunResult) -> list[str]:
    return [line for line in result.errlines + result.outlines if line.startswith("ERROR: ")]
