"""A project that `theorycheck init` makes: it runs, goes on record, and gates."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from theorycheck.cli.commands import main
from theorycheck.cli.starting import FILES, WORKFLOW
from theorycheck.configuration import Project, Settings


def theorycheck(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "theorycheck", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_new_project_is_red_until_it_is_on_record(tmp_path: Path) -> None:
    """By the commands that it prints, and then by those of its CI job."""
    made = theorycheck(tmp_path, "init", "new")
    assert made.returncode == 0
    folder = tmp_path / "new"
    new = theorycheck(folder, "run", "-n", "0", "--profile", "quick")
    assert new.returncode == 1
    assert new.stdout.count("layers-share-the-output: holds") == 1
    assert "`theorycheck gate --accept`" in new.stdout
    assert theorycheck(folder, "gate", "--accept").returncode == 0
    jobs = re.findall(r"- run: (?:python -m )?theorycheck (run|gate) (.*)", WORKFLOW)
    assert [job for job, _ in jobs] == ["run", "gate"]
    for job, words in jobs:
        ran = theorycheck(folder, job, *words.split(), *["-n", "0"] * (job == "run"))
        assert ran.returncode == 0, ran.stdout + ran.stderr
    (folder / "properties/test_first_claim.py").write_text("")
    for job, words in jobs[:1]:
        assert theorycheck(folder, job, *words.split()).returncode == 1


def test_its_pytest_may_run_without_assertions_where_warnings_are_errors(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path)]) == 0
    configuration = tmp_path / "pyproject.toml"
    text = configuration.read_text()
    configuration.write_text(text.replace("filterwarnings = [", 'filterwarnings = ["error",'))
    command = [sys.executable, "-O", "-m", "pytest", "--collect-only", "-q"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.returncode, "layers-share-the-output" in ran.stdout) == (0, True), ran.stdout


@pytest.mark.parametrize("named", ["", "git+https://host/me/theorycheck@0123", "./a folder"])
def test_its_job_installs_what_is_named_and_nothing_else(tmp_path: Path, named: str) -> None:
    """On a package index the name is free: a stranger might take it."""
    [step] = re.findall(r"- run: (pip install .*)", WORKFLOW)
    command = ["bash", "-ec", f'pip() {{ printf "%s|" "$@"; }}; {step}']
    ran = subprocess.run(
        command, env={**os.environ, "THEORYCHECK": named}, capture_output=True, text=True
    )
    assert (ran.returncode == 0, ran.stdout) == (bool(named), f"install|{named}|" * bool(named))
    assert bool(named) or "THEORYCHECK: set this repository variable" in ran.stderr
    assert "THEORYCHECK: ${{ vars.THEORYCHECK }}\n" in WORKFLOW


def test_what_is_there_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text("mine")
    assert main(["init", str(tmp_path)]) == 4
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "pyproject.toml is there already" in error
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]


def test_what_it_configures_is_what_is_so_by_default(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(FILES["pyproject.toml"])
    assert Project.at(tmp_path / "properties") == Project(tmp_path, Settings(), configured=True)
