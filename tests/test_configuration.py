"""Configuration: what is said once holds for plugin and command, and what is wrong is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.pytest_plugin.projects import PROPERTIES, RECORD, Project
from theorycheck.cli.commands import main
from theorycheck.configuration import Project as Configured
from theorycheck.configuration import Settings
from theorycheck.errors import InputError

pytest_plugins = ["pytester"]

ELSEWHERE = """
[tool.theorycheck]
paths = ["claims"]
baseline = "records/verdicts.json"
report-dir = "out"
profile = "quick"
"""


@pytest.fixture
def project(
    pytester: pytest.Pytester, no_properties: None, monkeypatch: pytest.MonkeyPatch
) -> Project:
    monkeypatch.chdir(pytester.path)
    return Project(pytester)


def configure(project: Project, text: str) -> None:
    (project.path / "pyproject.toml").write_text(text, encoding="utf-8")


def test_plugin_and_command_use_what_is_configured(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    (project.path / "properties").rename(project.path / "claims")
    (project.path / "reports").rename(project.path / "records")
    (project.path / "records/baseline.json").rename(project.path / "records/verdicts.json")
    configure(project, ELSEWHERE)
    result = project.pytester.runpytest_inprocess("claims", "-p", "no:xdist")
    assert result.ret == 0
    assert list(project.entries("out")) == list(RECORD)
    assert "profile `quick`" in (project.path / "out/claims.md").read_text().lower()
    capsys.readouterr()
    assert main(["list"]) == 0
    assert "true-claim" in capsys.readouterr().out
    assert main(["gate", "--accept"]) == main(["gate"]) == 0
    assert main(["show", "true-claim"]) == main(["report"]) == 0
    (project.path / "claims/test_toy.py").unlink()
    assert project.pytester.runpytest_inprocess("claims", "-p", "no:xdist").ret == 1


def test_an_option_wins(project: Project) -> None:
    configure(project, '[tool.theorycheck]\nprofile = "quick"\nreport-dir = "out"\n')
    assert project.run("--profile", "default", "--report-dir", "there").ret == 0
    assert "profile `default`" in (project.path / "there/claims.md").read_text().lower()
    assert not (project.path / "out").exists()


@pytest.mark.parametrize(
    ("errors", "record", "code"),
    [
        ([], {"blunt-check": "vacuous", "false-claim": "refuted"}, 0),
        (["new"], {"blunt-check": "vacuous", "false-claim": "refuted"}, 1),
        ([], {**RECORD, "true-claim": "refuted"}, 1),
        ([], {**RECORD, "gone-claim": "holds"}, 1),
        (["refuted"], RECORD, 1),
        (["vacuous"], RECORD, 1),
        (["new"], RECORD, 0),
    ],
    ids=["new", "new is an error", "changed", "gone", "refuted", "vacuous", "none"],
)
def test_what_is_an_error(
    project: Project, errors: list[str], record: dict[str, str], code: int
) -> None:
    """In pytest and in the gate."""
    configure(project, f"[tool.theorycheck]\nerrors = {errors}\n")
    project.record(record)
    assert project.run().ret == code
    assert main(["gate"]) == code


FAULTS = {
    'profile = "slow"': "slow",
    "paths = 3": "$.paths",
    'errors = ["everything"]': "everything",
    'report_dir = "out"': "report_dir",
    'pathes = ["properties"]': "pathes",
    "paths = []": "$.paths",
    'paths = [""]': "$.paths[",
    'baseline = ""': "$.baseline",
    'report-dir = ""': "$.report-dir",
    'images = ""': "$.images",
    r'paths = ["a", "b\u0000c"]': "$.paths[",
    r'baseline = "\u0000"': "$.baseline",
}


@pytest.mark.parametrize("line", FAULTS)
def test_what_nobody_understands_is_bad_input(
    project: Project, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    configure(project, f"[tool.theorycheck]\n{line}\n")
    result = project.run()
    assert result.ret == 4
    said = [line for line in result.errlines if "[tool.theorycheck]" in line]
    assert len(said) == 1
    assert FAULTS[line] in said[0]
    capsys.readouterr()
    for words in (["gate"], ["list"], ["run"]):
        assert main(words) == 4
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert FAULTS[line] in error


@pytest.mark.parametrize(
    "text", ["[tool", "x = " + 9999 * "[" + 9999 * "]", "x = " + 9999 * "{a=" + "1" + 9999 * "}"]
)
def test_a_file_that_is_no_toml_is_bad_input(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(InputError, match=r"pyproject.toml cannot be read: .*; correct it"):
        Configured.at(tmp_path)


def test_tools_that_are_no_table_are_bad_input(tmp_path: Path) -> None:
    for text in ("tool = 3\n", "tool = []\n", "[[tool]]\ntheorycheck = 1\n"):
        (tmp_path / "pyproject.toml").write_text(text)
        with pytest.raises(InputError, match=r"cannot be read: \[tool\] is no table; correct it"):
            Configured.at(tmp_path)


def test_nobody_waits_for_a_pipe_in_place_of_the_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pyproject.toml")
    with pytest.raises(InputError, match="cannot be read: it is no file; correct it"):
        Configured.at(tmp_path)


def test_the_nearest_configured_folder_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    (tmp_path / "pyproject.toml").write_text('[tool.theorycheck]\nbaseline = "~/record.json"\n')
    inner = tmp_path / "a/b"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text("[tool.other]\n")
    found = Configured.at(inner)
    assert found == Configured(tmp_path, Settings(baseline="~/record.json"), configured=True)
    assert not Configured.at(tmp_path.parent).configured
    assert found.baseline == Path("/home/me/record.json")
    assert found.paths == (tmp_path / "properties",)
    assert Configured.at(Path("/")) == Configured(Path("/"), Settings())


def test_a_run_in_a_folder_of_the_project(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(project, "[tool.theorycheck]\n")
    project.run()
    monkeypatch.chdir(project.path / "properties")
    assert main(["gate"]) == 0


def test_a_selection_of_claims_in_another_folder_is_a_part(project: Project) -> None:
    configure(project, '[tool.theorycheck]\npaths = ["properties", "more"]\n')
    (project.path / "more").mkdir()
    other = PROPERTIES[: PROPERTIES.index('@toy("true-claim")')]
    (project.path / "more/test_more.py").write_text(other + "one = toy('more-claim')(print)\n")
    project.record({**RECORD, "more-claim": "holds"})
    result = project.run()
    assert result.ret == 0
    assert "3 of 4 claims: " in result.stdout.str()
