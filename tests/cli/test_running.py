"""Running claims from the command line: words are ids, and pytest's options keep their values."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest

from tests.pytest_plugin.forked import run_module
from tests.pytest_plugin.projects import PROPERTIES, RECORD, Project

pytest_plugins = ["pytester"]


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    """Where warnings are errors."""
    return Project(pytester)


def run(project: Project, *words: str, python: str = "") -> subprocess.CompletedProcess[str]:
    if not python:
        return run_module("theorycheck", "run", *words)
    command = [sys.executable, *python.split(), "-m", "theorycheck", "run", *words]
    return subprocess.run(command, cwd=project.path, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "words",
    [
        "true-claim --profile quick --seed 3",
        "--profile quick true-claim --seed 3",
        "--seed 3 --profile quick -n 1 true-claim",
        "-k true -n 0 --seed 3 --profile quick",
        "--claims true-claim --seed=3 --profile=quick",
        "--seed 3 --profile quick --path properties --tb short true-claim -p no:cacheprovider",
    ],
)
def test_options_and_ids_in_any_order(project: Project, words: str) -> None:
    ran = run(project, *words.split(), "--report-dir", "there")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    report = json.loads((project.path / "there/partial/claims.json").read_text(encoding="utf-8"))
    assert (report["run"]["profile"], report["run"]["seed"]) == ("quick", 3)
    assert [entry["id"] for entry in report["claims"]] == ["true-claim"]
    assert not (project.path / "reports/claims.json").exists()


def test_after_two_dashes_all_words_are_ids(project: Project) -> None:
    options = ["--profile", "quick", "-n", "0", "--"]
    ran = run(project, *options, "true-claim")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 of 3 claims" in ran.stdout
    ran = run(project, *options, "true-claim", "--seed")
    assert (ran.returncode, "unknown claim: --seed;" in ran.stdout + ran.stderr) == (4, True)


def test_where_pytest_loads_no_plugin_by_itself(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    ran = run(project, "-q", "--profile", "quick")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert project.verdicts() == RECORD
    listed = run_module("theorycheck", "list")
    assert "true-claim" in listed.stdout, listed.stderr


def test_the_server_of_processes_begins_as_this_one_did(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the environment of the test that comes first."""
    server: Any = forkserver._forkserver
    server._stop()
    with monkeypatch.context() as first:
        first.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        run_module("theorycheck", "list")
    ran = run(project, "true-claim", "--profile", "quick")
    assert ran.returncode == 0, ran.stderr


def test_without_ids_all_claims_run_in_parallel(project: Project) -> None:
    ran = run(project, "--profile", "quick")
    assert ran.returncode == 0
    assert "workers [" in ran.stdout
    assert project.verdicts() == RECORD


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--path /nonexistent", "/nonexistent does not exist"),
        ("--path /nonexistent -n 1", "/nonexistent does not exist"),
        ("--path empty", "no claim was found in empty"),
        ("no-such-claim", "unknown claim: no-such-claim"),
        ("true-claim no-such-claim -n 1", "unknown claim: no-such-claim"),
        ("--profile no-such-profile", "invalid choice: 'no-such-profile'"),
        ("-k no-such-words", "no such words"),
        (",", "',' names no claim"),
        ("true-claim,", "'true-claim,' names no claim"),
        ("--claims=", "'' names no claim"),
        ("--claims= true-claim -n 1", "',true-claim' names no claim"),
        ("--images=", "is given nothing: name something"),
        ("--baseline= -n 0", "is given nothing: name something"),
        ("--report-dir=", "is given nothing: name something"),
    ],
)
def test_what_cannot_be_run_is_bad_input(project: Project, words: str, said: str) -> None:
    (project.path / "empty").mkdir()
    ran = run(project, *words.split())
    assert ran.returncode == 4
    assert said in ran.stdout + ran.stderr or said == "no such words"


@pytest.mark.parametrize(
    "words", ["true-claim", "nope", "true-claim nope -n 1", "--claims more -n 0"]
)
@pytest.mark.parametrize("text", ["import nowhere_at_all", "1 / 0", "def f(:"])
def test_a_file_that_cannot_be_imported_is_told_before_unknown_claims(
    project: Project, words: str, text: str
) -> None:
    """Nobody knows which claims it has."""
    (project.path / "properties/test_more.py").write_text(text)
    ran = run(project, *words.split())
    said = {"import": "nowhere_at_all", "1": "ZeroDivisionError", "def": "SyntaxError"}
    assert ran.returncode == 2
    assert said[text.split()[0]] in ran.stdout
    assert "unknown claim" not in ran.stdout + ran.stderr


@pytest.mark.parametrize("name", [b"prop\xff", b"a/\xe4\xf6"])
def test_a_folder_whose_name_is_no_text(project: Project, name: bytes) -> None:
    """Neither pytest's cache nor its workers can name it, nor can a report."""
    folder = project.path / os.fsdecode(name)
    folder.parent.mkdir(exist_ok=True)
    (project.path / "properties").rename(folder)
    for words in (["-n", "0"], ["-n", "1"]):
        ran = run(project, *words, "--path", os.fsdecode(name))
        assert (ran.returncode, ran.stdout) == (4, "")
        assert ran.stderr.count("\n") == 1
        assert "has a name that is no UTF-8" in ran.stderr
    # pytest's own cache fails on any such name.
    command = [sys.executable, "-m", "pytest", str(folder), "-p", "no:cacheprovider"]
    ran = subprocess.run(
        command, cwd=project.path, text=True, errors="replace", capture_output=True, check=False
    )
    assert ran.returncode == 2
    assert "test_toy.py has a name that is no UTF-8, which no report can hold" in ran.stdout
    assert "INTERNALERROR" not in ran.stdout + ran.stderr


def test_warnings_of_the_user_are_still_errors(project: Project) -> None:
    warn = "    import warnings\n    warnings.warn('mine')\n"
    project.write(PROPERTIES.replace('itself."""\n', f'itself."""\n{warn}'))
    assert run(project, "true-claim").returncode == 1
    assert run(project, "true-claim", "-W", "ignore").returncode == 0
    assert run(project, "blunt-check", "-W", "error").returncode == 0


def installed(project: Project) -> dict[str, str]:
    """The environment of an installation whose files are listed, as a wheel lists them."""
    wheel = project.path / "site" / "theorycheck-1.dist-info"
    wheel.mkdir(parents=True)
    (wheel / "METADATA").write_text("Metadata-Version: 2.1\nName: theorycheck\nVersion: 1\n")
    files = ["__init__", "errors", "cli/__init__", "cli/commands", "pytest_plugin/plugin"]
    (wheel / "RECORD").write_text("".join(f"theorycheck/{name}.py,,\n" for name in files))
    (wheel / "entry_points.txt").write_text(
        "[pytest11]\ntheorycheck = theorycheck.pytest_plugin.plugin\n"
    )
    path = os.pathsep.join([str(wheel.parent), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path}


@pytest.mark.parametrize("words", ["", "-W error"])
def test_an_installed_theorycheck_runs_where_warnings_are_errors(
    project: Project, words: str
) -> None:
    command = [sys.executable, "-m", "theorycheck", "run", "true-claim", *words.split()]
    ran = subprocess.run(
        command, cwd=project.path, env=installed(project), capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("words", ["", "-W error", "-W error::pytest.PytestCacheWarning -n 1"])
def test_a_checkout_that_nobody_can_write_to(project: Project, tmp_path: Path, words: str) -> None:
    """The report is there; that pytest cannot save its cache is no error."""
    (project.path / ".pytest_cache").write_text("")
    for _ in range(2):
        ran = run(project, "true-claim", "--report-dir", str(tmp_path / "out"), *words.split())
        assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (tmp_path / "out/partial/claims.json").exists()
    assert not (project.path / "reports/claims.json").exists()


@pytest.mark.parametrize("words", ["true-claim", "-W error true-claim", "-W error -- true-claim"])
def test_assertions_may_be_switched_off(project: Project, words: str) -> None:
    """Without them pytest warns, and warnings are errors here."""
    ran = run(project, *words.split(), python="-O")
    assert ran.returncode == 0, ran.stdout + ran.stderr
