"""Asking: what a run is asked for is what the command line said, not what the project says."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.projects import PROPERTIES, QUIET, RECORD, Project

pytest_plugins = ["pytester"]

NEXT = "properties/sub/test_one.py"
HEAD = PROPERTIES[: PROPERTIES.index('@toy("true-claim")')]
ONE = '''
@toy("one-claim")
def one_claim(setting, number):
    """A number is itself."""
    yield equality(np.array([number]), np.array([number - setting.altered]), "integers")
'''


@pytest.fixture
def two(project: Project) -> Project:
    """With a claim in a folder of its own, and a test elsewhere."""
    project.text = PROPERTIES + ONE
    project.record({**RECORD, "one-claim": "holds"})
    (project.path / "properties/sub").mkdir()
    (project.path / NEXT).write_text(HEAD + ONE)
    (project.path / "tests").mkdir()
    (project.path / "tests/test_it.py").write_text("def test_it():\n    pass\n")
    return project


def run(project: Project, *words: str) -> pytest.RunResult:
    """With nothing given but these words."""
    return project.pytester.runpytest_inprocess(*QUIET, *words)


CHANGED = {
    "files": (f"def pytest_configure(config):\n    config.args = [{NEXT!r}]\n", "not examined"),
    "files, late": (
        "import pytest\n\n\n@pytest.hookimpl(tryfirst=True)\ndef pytest_collection(session):\n"
        f"    session.config.args[:] = [{NEXT!r}]\n",
        "not examined",
    ),
    "a keyword": (
        "def pytest_configure(config):\n    config.option.keyword = 'one'\n",
        "CHANGED keyword: an option that is no longer",
    ),
    "claims": (
        "def pytest_configure(config):\n    config.option.claims = 'one-claim'\n",
        "CHANGED claims: an option that is no longer",
    ),
    "ignored files": (
        "def pytest_configure(config):\n    config.option.ignore = ['properties/test_toy.py']\n",
        "not examined",
    ),
}


@pytest.mark.parametrize("what", CHANGED)
@pytest.mark.parametrize("words", [[], ["properties"]], ids=str)
def test_what_a_conftest_asks_for_is_no_choice(two: Project, what: str, words: list[str]) -> None:
    text, said = CHANGED[what]
    (two.path / "conftest.py").write_text(text)
    result = run(two, *words)
    assert result.ret == 1
    assert said in result.stdout.str()


@pytest.mark.parametrize("what", ["files", "a keyword"])
def test_nor_in_workers(two: Project, what: str) -> None:
    text, said = CHANGED[what]
    (two.path / "conftest.py").write_text(text)
    result = two.run_parallel()
    assert (result.ret, said in result.stdout.str()) == (1, True)


@pytest.mark.parametrize(
    "line",
    [
        "testpaths = properties/sub",
        "testpaths = properties/sub tests",
        f"testpaths = {NEXT}",
        "addopts = properties/sub",
        "addopts = --ignore=properties/test_toy.py",
    ],
)
def test_what_the_project_asks_for_is_no_choice(two: Project, line: str) -> None:
    two.pytester.makeini(f"[pytest]\nfilterwarnings = error\n{line}\n")
    result = run(two)
    assert result.ret == 1
    assert "CHANGED true-claim: on record as holds, not examined" in result.stdout.str()
    assert "4 claims" in run(two, "properties", "-o", "addopts=").stdout.str()


def test_what_the_command_line_asks_for_is(two: Project) -> None:
    two.pytester.makeini("[pytest]\nfilterwarnings = error\ntestpaths = properties/sub\n")
    for words in (["properties/sub"], [NEXT], [f"{NEXT}::one-claim"]):
        result = run(two, *words)
        assert (result.ret, "1 of 4 claims" in result.stdout.str()) == (0, True)
    assert run(two, "properties").ret == 0
    assert run(two, "properties", "--ignore", "properties/test_toy.py").ret == 0


def test_tests_without_claims_stay_what_they_are(two: Project) -> None:
    two.pytester.makeini("[pytest]\nfilterwarnings = error\ntestpaths = tests\n")
    result = run(two)
    assert (result.ret, "verdicts =" in result.stdout.str()) == (0, False)
    assert result.parseoutcomes() == {"passed": 1}
