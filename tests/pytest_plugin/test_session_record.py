"""Sessions and the record: a statement that changed, and a claim that is gone, turn pytest red."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.projects import PROPERTIES, RECORD, Project, with_fatal
from theorycheck.cli.commands import main

pytest_plugins = ["pytester"]

ACCEPTABLE = PROPERTIES.replace('number]), "integers")', 'number - setting.altered]), "integers")')
"""All verdicts of which can be put on record."""
STATED = """

from theorycheck import Assumption, altered, stated

stated_claim = stated(
    "stated-claim", title="A title", kind="inequality", sources=[], printed="1 = 1",
    given=[Assumption("small", "W[0][0][0] <= 50")], states="W[0][0][0] <= 50",
    control=altered("one less", "W[0][0][0] <= 5"), on=st.builds(single, st.integers(0, 50)),
    why="So.", enough=5,
)
"""
CHANGES = {
    "prose": ('Assumption("small"', 'Assumption("smaller"', "hypotheses"),
    "hypothesis": ('"small", "W[0][0][0] <= 50"', '"small", "W[0][0][0] <= 49"', "hypotheses"),
    "LaTeX": ('printed="1 = 1"', 'printed="1 = 2"', "printed statement"),
    "title": ('title="A title"', 'title="Another"', "title"),
    "control words": ('altered("one less"', 'altered("two less"', "control"),
    "control formula": (
        '"one less", "W[0][0][0] <= 5"',
        '"one less", "W[0][0][0] <= 4"',
        "control",
    ),
    "conclusion": ('states="W[0][0][0] <= 50"', 'states="W[0][0][0] <= 51"', "formula"),
    "enough": ('why="So.", enough=5', 'why="So.", enough=6', "enough"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_statement_that_changed_is_red_until_it_is_accepted(
    project: Project,
    change: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In pytest and in the gate, though the verdict is the same."""
    monkeypatch.chdir(project.path)
    project.write(ACCEPTABLE + STATED)
    project.record({})
    project.run()
    assert main(["gate", "--accept"]) == 0
    assert project.run().ret == 0
    old, new, part = CHANGES[change]
    assert (ACCEPTABLE + STATED).count(old) == 1
    project.write((ACCEPTABLE + STATED).replace(old, new))
    result = project.run()
    assert result.ret == 1
    said = f"stated-claim: statement changed ({part})"
    assert [line for line in result.outlines if line.startswith("CHANGED")] == [
        f"CHANGED {said}; if that is meant, record it with `theorycheck gate --accept`"
    ]
    assert project.verdicts()["stated-claim"] == "holds"
    capsys.readouterr()
    assert main(["gate"]) == 1
    assert said in capsys.readouterr().out
    assert main(["gate", "--accept"]) == 0
    assert main(["gate"]) == 0
    assert project.run().ret == 0


def test_the_words_of_an_explanation_may_change(project: Project) -> None:
    project.write(PROPERTIES.replace("A number is itself.", "Every number is itself."))
    assert project.run().ret == 0


def test_a_record_without_statements_is_readable_and_red(project: Project) -> None:
    """Parallel runs say the same."""
    project.record(RECORD, versions={})
    for result in (project.run(), project.run_parallel()):
        assert result.ret == 1
        changed = [line for line in result.outlines if line.startswith("CHANGED")]
        assert changed == [
            f"CHANGED {name}: no statement on record; record it with `theorycheck gate --accept`"
            for name in RECORD
        ]


# claims on record that are gone

GONE = "CHANGED false-claim: on record as refuted, not examined"


def without_one(project: Project) -> None:
    """Take one of the claims away; what is left has the verdicts and statements on record."""
    project.write(PROPERTIES[: PROPERTIES.index('@toy(\n    "false-claim"')])


def changes(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if line.startswith("CHANGED")]


@pytest.mark.parametrize("parallel", [False, True])
def test_a_claim_on_record_that_is_gone_turns_the_run_red(project: Project, parallel: bool) -> None:
    without_one(project)
    result = (project.run_parallel if parallel else project.run)()
    assert (result.ret, changes(result)) == (1, [GONE])


def test_a_file_with_claims_that_is_gone_turns_the_run_red(project: Project) -> None:
    project.write("def test_nothing():\n    pass\n")
    result = project.run()
    assert result.ret == 1
    assert changes(result) == [
        f"CHANGED {name}: on record as {RECORD[name]}, not examined" for name in sorted(RECORD)
    ]
    (project.path / "properties/test_toy.py").unlink()
    assert project.run().ret == 1


@pytest.mark.parametrize(
    "arguments", [[], ["."], ["properties/"], ["properties", "tests"]], ids=" ".join
)
def test_a_run_of_the_whole_suite(project: Project, arguments: list[str]) -> None:
    """Its folder, one that holds it, or none, with others beside it."""
    without_one(project)
    (project.path / "tests").mkdir()
    ran = project.run_apart(*arguments)
    assert (ran.ret, changes(ran)) == (1, [GONE])


@pytest.mark.parametrize(
    "arguments",
    [
        ["properties/test_toy.py"],
        ["properties/test_toy.py::true-claim"],
        ["properties/part"],
        ["properties", "--claims", "true-claim"],
        ["properties", "--claims", "true-claim", "-k", "true", "-n", "1"],
        ["properties", "--ignore", "properties/part"],
    ],
    ids=" ".join,
)
def test_a_run_of_a_part_asks_for_no_more(project: Project, arguments: list[str]) -> None:
    without_one(project)
    part = project.path / "properties/part"
    part.mkdir()
    (part / "test_part.py").write_text("def test_nothing():\n    pass\n")
    ran = project.run_apart(*arguments)
    assert (ran.ret, changes(ran)) == (0, [])


@pytest.mark.parametrize(
    "arguments",
    [
        ["properties", "-k", "true"],
        [".", "-k", "not blunt", "-n", "1"],
        ["-k", "blunt-check"],
        ["properties", "-m", "slow or not slow", "-k", "true"],
        ["properties", "--deselect", "properties/test_toy.py::blunt-check"],
        ["properties", "--deselect", "properties/test_toy.py"],
        ["properties", "--deselect", "properties/test_toy.py::true-claim", "-n", "1"],
        ["properties", "--lf"],
        ["properties", "--lf", "-n", "1"],
        ["properties", "--sw"],
    ],
    ids=" ".join,
)
def test_what_is_gone_was_not_deselected(project: Project, arguments: list[str]) -> None:
    """Also where the last run failed elsewhere, so that pytest would read no other file."""
    if set(arguments) & {"--lf", "--sw"}:
        (project.path / "properties/test_other.py").write_text("def test_it():\n    assert False\n")
        project.run()
        (project.path / "properties/test_other.py").write_text("def test_it():\n    pass\n")
    without_one(project)
    ran = project.run_apart(*arguments)
    assert (ran.ret, changes(ran)) == (1, [GONE])


@pytest.mark.parametrize("arguments", [["--lf"], ["--lf", "-n", "1"], ["-k", "test_it"]])
def test_what_is_there_is_found_whatever_failed_before(
    project: Project, arguments: list[str]
) -> None:
    failing = project.path / "properties/test_another.py"
    failing.write_text("def test_it():\n    assert False\n")
    project.run()
    failing.write_text("def test_it():\n    pass\n")
    ran = project.run_apart("properties", *arguments)
    assert changes(ran) == []
    assert ran.parseoutcomes()["passed"] == 1
    assert ran.ret == 0


@pytest.mark.parametrize("arguments", [["-k", "claim or check"], ["-m", "not slow"]], ids=" ".join)
def test_a_selection_that_leaves_nothing_out_is_none(
    project: Project, arguments: list[str]
) -> None:
    without_one(project)
    result = project.run(*arguments)
    assert (result.ret, changes(result)) == (1, [GONE])


def test_other_tests_that_are_deselected_are_no_selection(project: Project) -> None:
    without_one(project)
    (project.path / "properties/test_other.py").write_text("def test_other():\n    pass\n")
    result = project.run("-k", "not test_other.py")
    assert (result.ret, changes(result)) == (1, [GONE])


def test_a_run_that_only_collects_loses_nothing(project: Project) -> None:
    without_one(project)
    assert project.run("--collect-only").ret == 0


def test_what_is_worse_than_a_lost_claim_keeps_its_exit_code(project: Project) -> None:
    project.write(with_fatal("sleeping"))
    project.record({**RECORD, "fatal-claim": "holds", "lost-claim": "holds"})
    assert project.interrupt() == 2
