"""Claims as items: a verdict that changed and a check that fails turn the run red."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from tests.pytest_plugin.projects import (
    PROPERTIES,
    RECORD,
    Project,
    error_lines,
    with_bodies,
    with_fatal,
)

pytest_plugins = ["pytester"]


@pytest.mark.parametrize("recorded", ["refuted", None])
def test_changed_verdict_names_the_claim(project: Project, recorded: str | None) -> None:
    changed = {**RECORD, "true-claim": recorded} if recorded else {"blunt-check": "vacuous"}
    project.record({k: v for k, v in changed.items() if v})
    result = project.run("--claims", "true-claim,blunt-check")
    assert result.ret == 1
    said = "CHANGED true-claim: *now holds*" if recorded else "NEW true-claim: holds *"
    result.stdout.fnmatch_lines([said])


def test_check_that_raises_loses_only_its_claim(project: Project) -> None:
    project.write(with_fatal("raising"))
    project.record({**RECORD, "fatal-claim": "holds"})
    assert project.run().ret == 1
    assert project.verdicts() == {**RECORD, "fatal-claim": "undecided"}
    assert "no such luck" in project.entries()["fatal-claim"]["reason"]


def test_junit_carries_verdict_strength_and_reason(project: Project) -> None:
    project.write(with_fatal("raising"))
    project.run("--junit-xml", "junit.xml")
    cases = ElementTree.parse(project.path / "junit.xml").iter("testcase")
    told = {
        case.get("name"): {p.get("name"): p.get("value") for p in case.iter("property")}
        for case in cases
    }
    assert told.keys() == {*RECORD, "fatal-claim"}
    assert told["true-claim"] == {
        "verdict": "holds", "strength": "sampled", "reason": "no counterexample; control refuted",
    }  # fmt: skip
    assert {name: about["verdict"] for name, about in told.items()} == {
        **RECORD, "fatal-claim": "undecided",
    }  # fmt: skip
    assert "strength" not in told["false-claim"]
    assert told["fatal-claim"]["reason"] == "the check failed: RuntimeError: no such luck"


def test_a_claim_is_an_item_at_its_property(project: Project) -> None:
    """Its node id ends in the claim's id; its line is the first of the property."""
    reports = project.reports()
    lines = PROPERTIES.splitlines()
    assert [report.location for report in reports] == [
        ("properties/test_toy.py", lines.index('@toy("true-claim")'), "true-claim"),
        ("properties/test_toy.py", lines.index('@toy("blunt-check")'), "blunt-check"),
        (
            "properties/test_toy.py",
            lines.index("def false_claim(setting, case):") - 5,
            "false-claim",
        ),
    ]
    assert [report.nodeid for report in reports] == [
        f"properties/test_toy.py::{name}" for name in RECORD
    ]


def test_a_changed_verdict_is_one_line_and_a_failed_check_shows_where(project: Project) -> None:
    project.write(with_fatal("raising"))
    project.record({**RECORD, "true-claim": "refuted", "fatal-claim": "holds"})
    said = {report.location[2]: report.longreprtext for report in project.reports()}
    assert said["true-claim"] == (
        "true-claim: on record as refuted, now holds (no counterexample; control refuted)"
    )
    assert (said["blunt-check"], said["false-claim"]) == ("", "")
    assert "raise RuntimeError('no such luck')" in said["fatal-claim"]


def test_undecided_is_no_verdict_for_a_record(project: Project) -> None:
    """A record that was edited to expect it makes nothing green."""
    project.write(with_fatal("raising"))
    project.record({**RECORD, "fatal-claim": "undecided"})
    result = project.run()
    assert result.ret == 4
    [line] = error_lines(result)
    assert "Invalid enum value 'undecided' - at `$.verdicts" in line


def test_only_the_first_line_of_an_error_is_the_reason(project: Project) -> None:
    project.write(with_fatal("raising").replace("no such luck", r"no such luck\nnor any other"))
    project.run()
    reason = project.entries()["fatal-claim"]["reason"]
    assert reason == "the check failed: RuntimeError: no such luck"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("str(weight)", "np.str_(weight)", "TypeError: Encoding objects of type numpy.str_ is un"),
        ("    weight = ", "    raise OSError('\\udcff')\n    weight = ", r"OSError: \udcff"),
        ("    weight = ", "    raise OSError()\n    weight = ", "OSError: "),
    ],
)
def test_what_no_report_can_hold_loses_only_its_claim(
    project: Project, old: str, new: str, reason: str
) -> None:
    project.write(PROPERTIES.replace(old, new))
    assert project.run().ret == 1
    assert project.verdicts() == {**RECORD, "false-claim": "undecided"}
    assert project.entries()["false-claim"]["reason"].startswith(f"the check failed: {reason}")


DEEP = """
    def inner(depth):
        if depth:
            return inner(depth - 1)
        raise ValueError("\\n".join(["no such luck"] * 900) + "x" * 900)
    inner(100)
"""


@pytest.mark.parametrize(
    "body", [DEEP, "    raise ExceptionGroup('no such luck', [OSError()] * 99)\n"]
)
def test_an_error_in_a_check_fits_a_screen(project: Project, body: str) -> None:
    project.write(PROPERTIES.replace('itself."""\n', f'itself."""\n{body}', 1))
    [said] = [r.longreprtext for r in project.reports() if r.location[2] == "true-claim"]
    lines = said.splitlines()
    assert any("test_toy.py" in line for line in lines) or "ExceptionGroup" in body
    assert "no such luck" in lines[0]
    assert len(lines) <= 40
    assert max(map(len, lines)) < 320
    assert "hypothesis/" not in said or "ExceptionGroup" in body


@pytest.mark.parametrize(
    ("body", "first"),
    [
        ("    raise ValueError('no such luck')\n", "ValueError: no such luck"),
        ("    assert number < -1, 'no such luck'\n", "AssertionError: no such luck"),
        ("    eval('1 +')\n", "SyntaxError: invalid syntax (<string>, line 1)"),
        ("    import theorycheck; raise theorycheck.InputError('give two')\n", "give two"),
        ("    raise KeyError\n", "KeyError"),
    ],
)
def test_the_summary_of_an_error_says_what_went_wrong(
    project: Project, body: str, first: str
) -> None:
    project.write(PROPERTIES.replace('itself."""\n', f'itself."""\n{body}', 1))
    lines = project.run("--claims", "true-claim").outlines
    [said] = [line for line in lines if line.startswith("FAILED properties/test_toy.py::true-cl")]
    shown = said.partition(" - ")[2]
    assert shown == first or (shown.endswith("...") and first.startswith(shown[:-3]))


def test_a_new_claim_is_named_once_and_the_run_says_how_to_record_it(project: Project) -> None:
    project.record({"blunt-check": "vacuous"})
    result = project.run()
    assert result.ret == 1
    assert result.parseoutcomes() == {"passed": 1, "new": 2}
    for line in (
        "NEW true-claim: holds (no counterexample; control refuted)",
        "NEW false-claim: refuted (counterexample: 7 ≤ 6 is false (integers))",
    ):
        assert result.outlines.count(line) == 1
    assert result.stdout.str().count("no counterexample; control refuted") == 1
    assert "CHANGED" not in result.stdout.str()
    assert "FAILURES" not in result.stdout.str()
    [advice] = [line for line in result.outlines if "gate --accept" in line]
    assert advice == "2 new: `theorycheck gate --accept` puts verdicts and statements on record"


UNPRINTABLE = {
    "exception": r"raise OSError('\udcff')",
    "chained exception": r"raise ValueError('plain') from OSError('\udcff')",
    "note": r"error = OSError(); error.add_note('\udcff'); raise error",
    "output": r"print('\udcff'); raise OSError('plain')",
    "log": r"__import__('logging').getLogger().error('\udcff'); raise OSError('plain')",
}


def test_what_cannot_be_printed_loses_only_its_claim_in_a_parallel_run(project: Project) -> None:
    text, ids = with_bodies(UNPRINTABLE.values())
    project.write(text)
    project.record({**RECORD, **dict.fromkeys(ids, "holds")})
    assert project.run_parallel().ret == 1
    assert project.verdicts() == {**RECORD, **dict.fromkeys(ids, "undecided")}
