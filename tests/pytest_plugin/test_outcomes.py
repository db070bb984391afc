"""Claims that somebody hides: pytest is red whenever one on record is not examined to its end."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.projects import PROPERTIES, RECORD, Project, with_bodies

pytest_plugins = ["pytester"]

FIRST = '    """A number is itself."""\n'
"""The first line of the check of the first claim."""


def with_body(line: str) -> str:
    imports = "    import sys, unittest\n    import pytest\n"
    return PROPERTIES.replace(FIRST, f"{FIRST}{imports}    {line}\n")


BODIES = {
    "skip": "pytest.skip('later')",
    "expected failure": "pytest.xfail('known')",
    "skip of unittest": "raise unittest.SkipTest('later')",
    "missing module": "pytest.importorskip('no_such_module')",
    "failure": "pytest.fail('no')",
    "end of the process": "sys.exit(0)",
    "end of the process at once": "import os; os._exit(0)",
    "end of the run": "pytest.exit('enough', returncode=0)",
    "other end of the run": "pytest.exit('enough', returncode=5)",
    "unprintable exception": r"raise OSError('\udcff')",
    "exception that cannot be shown": "raise type('Mute', (Exception,), {'__str__': None})",
}


@pytest.mark.parametrize("body", BODIES)
def test_a_check_that_ends_otherwise_than_with_findings(project: Project, body: str) -> None:
    project.write(with_body(BODIES[body]))
    result = project.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["CHANGED true-claim: on record as holds, now undecided (*"])


@pytest.mark.parametrize("body", ["end of the process at once", "end of the run"])
def test_a_check_that_ends_more_than_itself_in_a_worker(project: Project, body: str) -> None:
    project.write(with_body(BODIES[body]))
    result = project.run_parallel()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["CHANGED true-claim: on record as holds, now undecided (*"])


def test_checks_that_end_otherwise_than_with_findings_in_a_worker(project: Project) -> None:
    kinds = ["skip", "skip of unittest", "expected failure", "unprintable exception"]
    text, ids = with_bodies(f"import pytest, unittest; {BODIES[kind]}" for kind in kinds)
    project.write(text)
    project.record({**RECORD, **dict.fromkeys(ids, "holds")})
    result = project.run_parallel()
    assert result.ret == 1
    said = [f"CHANGED {name}: on record as holds, now undecided (*" for name in ids]
    result.stdout.fnmatch_lines_random(said)


def test_a_fork_of_a_check_may_end_at_once(project: Project) -> None:
    fork = "import os; child = os.fork() or os._exit(7); assert os.waitpid(child, 0)[1] == 7 << 8"
    project.write(with_body(fork))
    assert project.run().ret == 0


MARKS = {
    "skip": "pytest.mark.skip(reason='slow')",
    "skipif": "pytest.mark.skipif(True, reason='slow')",
    "expected failure": "pytest.mark.xfail",
    "expected failure that is not run": "pytest.mark.xfail(run=False, reason='slow')",
    "two marks": "[pytest.mark.xfail, pytest.mark.skip]",
}


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_makes_no_red_claim_green(project: Project, mark: str) -> None:
    project.write(PROPERTIES + f"\n\nimport pytest\n\npytestmark = {MARKS[mark]}\n")
    project.record({**RECORD, "true-claim": "refuted"})
    result = project.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["CHANGED true-claim: on record as refuted, now *"])


def test_a_claim_that_was_skipped_says_so(project: Project) -> None:
    project.run()
    full = (project.path / "reports/claims.json").read_bytes()
    project.write(
        PROPERTIES + "\n\nimport pytest\n\npytestmark = pytest.mark.skip(reason='slow')\n"
    )
    result = project.run()
    result.stdout.fnmatch_lines(["true-claim was skipped: slow; deselect it, or let it run"])
    assert result.parseoutcomes() == {"errors": 3}
    assert project.entries()["true-claim"]["reason"] == "it was skipped: slow"
    assert (project.path / "reports/claims.json").read_bytes() != full


CONFTESTS = {
    "skipped before it runs": """
def pytest_runtest_setup(item):
    pytest.skip("later")
""",
    "not run": """
def pytest_runtest_protocol(item):
    return True
""",
    "nothing run": """
@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop():
    return True
""",
    "failures passed over": """
@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    try:
        return (yield)
    except Exception:
        return None
""",
    "reports changed": """
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item):
    report = yield
    report.outcome = "passed"
    return report
""",
    "green at the end": """
def pytest_sessionfinish(session):
    session.exitstatus = 0
""",
    "exit at the end": """
def pytest_sessionfinish(session):
    pytest.exit("enough", returncode=0)
""",
    "exit before the run": """
def pytest_collection_finish(session):
    pytest.exit("enough", returncode=0)
""",
    "file not collected": """
collect_ignore = ["properties/test_toy.py"]
""",
    "file ignored": """
def pytest_ignore_collect(collection_path):
    return collection_path.name == "test_toy.py" or None
""",
}


@pytest.mark.parametrize("how", CONFTESTS)
def test_what_a_conftest_does_makes_no_red_run_green(project: Project, how: str) -> None:
    text = f"import pytest\n{CONFTESTS[how]}"
    (project.path / "conftest.py").write_text(text, encoding="utf-8")
    project.record({**RECORD, "true-claim": "refuted"})
    assert project.run().ret in (1, 2)


MODULES = {
    "skipped": "pytest.skip('later', allow_module_level=True)",
    "skipped by unittest": "raise unittest.SkipTest('later')",
    "of a missing module": "pytest.importorskip('no_such_module')",
    "no tests": "__test__ = False",
    "without one": "del true_claim",
    "overwritten": "true_claim = blunt_check = false_claim = None",
    "in a class": "class Hidden:\n    one = true_claim\n\n\ndel true_claim",
    "in a class for tests": "class TestHidden:\n    one = true_claim\n\n\ndel true_claim",
}


@pytest.mark.parametrize(
    ("how", "parallel"),
    [
        *((how, False) for how in MODULES),
        ("skipped", True),
        ("no tests", True),
        ("in a class", True),
    ],
)
def test_a_claim_that_its_module_hides(project: Project, how: str, parallel: bool) -> None:
    project.write(f"{PROPERTIES}\n\nimport unittest\n\nimport pytest\n\n{MODULES[how]}\n")
    result = (project.run_parallel if parallel else project.run)()
    assert result.ret in (1, 2)


@pytest.mark.parametrize("how", ["skipped", "of a missing module"])
def test_a_module_that_is_skipped_in_a_run_of_a_part(project: Project, how: str) -> None:
    """Nobody knows which claims are in it, whether all that are on record were found or not."""
    (project.path / "properties/test_part.py").write_text(
        f"import pytest\n\n{MODULES[how]}\n", encoding="utf-8"
    )
    part = ["properties/test_toy.py", "properties/test_part.py"]
    for record in ({**RECORD, "other-claim": "holds"}, RECORD):
        project.record(record)
        result = project.run_apart(*part)
        assert result.ret == 1
        said = "CHANGED properties/test_part.py: skipped, with all claims in it"
        result.stdout.fnmatch_lines([said])


def test_a_class_with_claims_is_named(project: Project) -> None:
    project.write(f"{PROPERTIES}\n\n{MODULES['in a class']}\n")
    result = project.run()
    result.stdout.fnmatch_lines(["*claims in class Hidden are not collected: true-claim; move *"])


def test_a_run_that_examines_nothing_keeps_the_last_report(project: Project) -> None:
    project.run()
    full = (project.path / "reports/claims.json").read_bytes()
    (project.path / "properties/test_broken.py").write_text("import no_such_module\n")
    assert project.run().ret == 2
    assert (project.path / "reports/claims.json").read_bytes() == full


@pytest.mark.parametrize("option", [["-x"], ["--maxfail=1"], ["--stepwise"]], ids=" ".join)
def test_a_run_that_stops_early_is_red(project: Project, option: list[str]) -> None:
    project.record({**RECORD, "true-claim": "refuted"})
    result = project.run_apart("properties", *option)
    assert result.ret in (1, 2)
    result.stdout.fnmatch_lines(["CHANGED false-claim*ended before*"])
