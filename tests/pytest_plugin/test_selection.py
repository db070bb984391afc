"""Selection: a run of a part compares its part, says how large it is, and keeps the full report."""

from __future__ import annotations

import json
from shutil import copyfile

import pytest

from tests.pytest_plugin.projects import PROPERTIES, QUIET, RECORD, Project
from theorycheck.cli.commands import main
from theorycheck.errors import InputError
from theorycheck.pytest_plugin.selection import claim_ids

pytest_plugins = ["pytester"]

MODULE = "properties/test_toy.py"
SPLIT = """
import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    left_out, items[1:] = items[1:], []
    config.hook.pytest_deselected(items=left_out)
"""
"""As plugins do it that split a suite in parts, or shards."""
DROPPING = {
    "first": "@pytest.hookimpl(tryfirst=True)",
    "last": "@pytest.hookimpl(trylast=True)",
    "around": "@pytest.hookimpl(wrapper=True)",
    "whenever": "",
}
PARTS: dict[str, tuple[list[str], list[str]]] = {
    "keyword": (["-k", "true"], ["true-claim"]),
    "mark": (["-m", "not blunt"], ["true-claim", "false-claim"]),
    "deselected": (["--deselect", f"{MODULE}::blunt-check"], ["true-claim", "false-claim"]),
    "claims": (["--claims", "true-claim,false-claim"], ["true-claim", "false-claim"]),
    "node": ([f"{MODULE}::true-claim"], ["true-claim"]),
    "parallel": (["-k", "true", "-n", "1"], ["true-claim"]),
    "parallel claims": (["--claims", "true-claim", "-n", "1"], ["true-claim"]),
}
MARK = """
def pytest_collection_modifyitems(items):
    import pytest

    for item in items:
        if item.name == "blunt-check":
            item.add_marker(pytest.mark.blunt)


def pytest_configure(config):
    config.addinivalue_line("markers", "blunt: in words")
"""


def require_part(project: Project, asked: list[str], *arguments: str) -> None:
    """A run of a part after a full one, with a verdict on record changed that is not asked for."""
    assert project.run().ret == 0
    reports = project.path / "reports"
    full = {
        name: (reports / name).read_bytes()
        for name in ("claims.json", "claims.html", "claims.md", "run.json")
    }
    project.record({name: RECORD[name] if name in asked else "vacuous" for name in RECORD})
    words = arguments if arguments[0].startswith(MODULE) else ("properties", *arguments)
    result = project.run_apart(*words)
    assert result.ret == 0
    assert f"{len(asked)} of 3 claims: " in result.stdout.str()
    assert "CHANGED" not in result.stdout.str()
    assert {name: (reports / name).read_bytes() for name in full} == full
    found = {name: entry["verdict"] for name, entry in project.entries("reports/partial").items()}
    assert found == {name: RECORD[name] for name in asked}
    run = json.loads((reports / "partial/claims.json").read_text(encoding="utf-8"))["run"]
    assert run["omitted"] == 3 - len(asked)


@pytest.mark.parametrize("part", PARTS)
def test_a_part(project: Project, part: str) -> None:
    (project.path / "conftest.py").write_text(MARK, encoding="utf-8")
    arguments, asked = PARTS[part]
    require_part(project, asked, *arguments)


def test_a_part_that_a_plugin_chooses(project: Project) -> None:
    (project.path / "split.py").write_text(SPLIT, encoding="utf-8")
    require_part(project, ["true-claim"], "-p", "split")


@pytest.mark.parametrize("when", DROPPING)
@pytest.mark.parametrize("arguments", [[], ["-k", "not blunt"], [MODULE]], ids=" ".join)
def test_what_a_plugin_drops_without_a_word_is_missing(
    project: Project, when: str, arguments: list[str]
) -> None:
    drop = "items[:] = [item for item in items if item.name != 'false-claim']"
    then = "    result = yield\n    {}\n    return result\n" if when == "around" else "    {}\n"
    (project.path / "conftest.py").write_text(
        f"import pytest\n\n{DROPPING[when]}\ndef pytest_collection_modifyitems(items):\n"
        + then.format(drop)
    )
    full = project.path / "reports/claims.json"
    full.write_text("as it was")
    words = arguments if MODULE in arguments else ["properties", *arguments]
    result = project.pytester.runpytest_inprocess(*QUIET, *words)
    assert result.ret == 1
    assert "CHANGED false-claim: found, and left out by a plugin" in result.stdout.str()
    assert full.read_text() == "as it was"


def test_a_parallel_run_tells_what_a_plugin_dropped(project: Project) -> None:
    (project.path / "conftest.py").write_text(
        "def pytest_collection_modifyitems(items):\n    del items[1:]\n"
    )
    result = project.run_parallel()
    assert result.ret == 1
    changed = [line for line in result.outlines if line.startswith("CHANGED")]
    assert [line.split()[1] for line in changed] == ["blunt-check:", "false-claim:"]


def test_files_that_are_ignored_are_not_asked_for(project: Project) -> None:
    other = PROPERTIES.replace("-claim", "-other").replace("blunt-check", "sharp-other")
    (project.path / "properties/test_other.py").write_text(other, encoding="utf-8")
    # Both files are on record: where one is asked for and not examined, the run is red.
    named = other.replace("_claim(", "_other(").replace("blunt_check(", "sharp_other(")
    project.text = PROPERTIES + named
    others = {"true-other": "holds", "sharp-other": "vacuous", "false-other": "refuted"}
    project.record({**RECORD, **others})
    assert project.run("--ignore", "properties/test_other.py").ret == 0
    assert project.run("--ignore-glob", "*/test_other.py").ret == 0
    project.record({**RECORD, "gone-claim": "holds"})
    assert project.run("--ignore", "elsewhere").ret == 1


@pytest.mark.parametrize(
    "option",
    ["--setup-plan", "--setup-only", "--collect-only", "--fixtures", "--fixtures-per-test"],
)
def test_a_run_that_only_shows_writes_nothing(project: Project, option: str) -> None:
    project.run()
    full = (project.path / "reports/claims.json").read_bytes()
    project.record({**RECORD, "true-claim": "refuted"})
    result = project.run(option)
    assert result.ret == 0
    assert "verdicts =" not in result.stdout.str()
    assert (project.path / "reports/claims.json").read_bytes() == full


@pytest.mark.parametrize(
    "arguments",
    [["--keep-duplicates", "properties"], ["--keep-duplicates", MODULE, f"{MODULE}::true-claim"]],
    ids=" ".join,
)
def test_a_claim_that_is_asked_for_twice_is_examined_once(
    project: Project, arguments: list[str]
) -> None:
    result = project.run(*arguments)
    assert result.ret == 0
    assert result.parseoutcomes() == {"passed": 3}
    assert list(project.entries()) == list(RECORD)


def test_all_that_is_left_out_is_bad_input(project: Project) -> None:
    result = project.run("-k", "nothing-like-that")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: no claim is left to examine (3 deselected)"])


def test_a_selection_of_all_is_a_full_run(project: Project) -> None:
    assert project.run("--claims", ",".join(RECORD)).ret == 0
    assert list(project.entries()) == list(RECORD)
    assert not (project.path / "reports/partial").exists()


def test_the_gate_compares_a_part_with_its_part(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.path)
    project.run()
    assert main(["gate"]) == 0
    project.run("--claims", "true-claim")
    assert main(["gate"]) == 0
    capsys.readouterr()
    part = ["gate", "--report-dir", "reports/partial"]
    assert main([*part, "--part"]) == 0
    assert capsys.readouterr().out == "1 of 3 claims, 0 differ from the record\n"
    assert main(part) == 1
    assert capsys.readouterr().out == (
        "the report is on 1 of 3 claims only; run them all, or ask for a --part\n"
        "1 of 3 claims, 0 differ from the record, 1 faults besides\n"
    )
    copyfile("reports/partial/claims.json", "reports/claims.json")
    assert main(["gate"]) == 1
    assert main(["gate", "--part"]) == 0
    project.record({**RECORD, "true-claim": "refuted"})
    assert main(["gate", "--part"]) == 1


def test_a_report_on_more_claims_is_not_replaced_where_nothing_is_on_record(
    project: Project,
) -> None:
    project.record({})
    project.run()
    project.run("--claims", "true-claim")
    assert list(project.entries()) == list(RECORD)
    assert list(project.entries("reports/partial")) == ["true-claim"]


@pytest.mark.parametrize("text", ["", ",", "a,", ",a", "a,,b", " ", "a, ,b"])
def test_a_list_of_claims_with_an_empty_name(text: str) -> None:
    with pytest.raises(InputError, match="names no claim"):
        claim_ids(text)


def test_a_list_of_claims() -> None:
    assert claim_ids(None) is None
    assert claim_ids("a") == ["a"]
    assert claim_ids("a, b ,c") == ["a", "b", "c"]
