"""Strays: a claim that is declared and not collected is an error that names it."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.projects import PROPERTIES, QUIET, RECORD, Project
from theorycheck.errors import InputError
from theorycheck.pytest_plugin.collecting import collect_claims

pytest_plugins = ["pytester"]

HEAD = PROPERTIES[: PROPERTIES.index('@toy("true-claim")')]
BODY = '''
@toy("stray-claim")
def stray(setting, number):
    """It strays."""
    yield equality(np.array([number]), np.array([number - setting.altered]), "integers")

'''
INDENTED = BODY.replace("\n", "\n    ")
PLACES = {
    "list": f"{BODY}\nALL = [stray]\ndel stray\n",
    "dict": f"{BODY}\nALL = {{'one': stray}}\ndel stray\n",
    "tuple in a list": f"{BODY}\nALL = [(1, stray)]\ndel stray\n",
    "namespace": f"{BODY}\nimport types\nALL = types.SimpleNamespace(one=stray)\ndel stray\n",
    "instance": f"{BODY}\nclass A:\n    pass\na = A()\na.one = stray\ndel stray\n",
    "class of another name": f"{BODY}\nclass A:\n    class B:\n        one = stray\ndel stray\n",
    "nested class": f"class A:\n    class B:\n        pass\n{BODY}\nA.B.one = stray\ndel stray\n",
    "static method": f"{BODY}\nclass TestA:\n    one = staticmethod(stray)\ndel stray\n",
    "attribute of a function": f"{BODY}\ndef f():\n    pass\nf.one = stray\ndel stray\n",
    "function": f"def f():{INDENTED}\nf()\n",
    "closure": f"def f():{INDENTED}\n    return lambda: stray\nkept = f()\n",
    "nowhere": f"{BODY}\ndel stray\n",
}


@pytest.mark.parametrize("place", PLACES)
def test_a_claim_in_another_container(project: Project, place: str) -> None:
    project.write(PROPERTIES + PLACES[place])
    for arguments in (["properties"], ["properties/test_toy.py"], ["."], ["properties", "--co"]):
        result = project.pytester.runpytest_inprocess(*QUIET, *arguments)
        assert result.ret != 0
        assert "properties/test_toy.py: claim stray-claim, line " in result.stdout.str()
    with pytest.raises(InputError, match="claim stray-claim, line "):
        collect_claims(["properties"])


@pytest.mark.parametrize("place", ["list", "function"])
@pytest.mark.parametrize("arguments", [[], ["-k", "true"], ["--claims", "true-claim"]])
def test_in_every_kind_of_run(project: Project, place: str, arguments: list[str]) -> None:
    project.write(PROPERTIES + PLACES[place])
    for more in ([], ["--continue-on-collection-errors"]):
        result = project.run(*arguments, *more)
        assert result.ret in (1, 2)
        assert "claim stray-claim, line " in result.stdout.str()
    parallel = project.run_parallel(*arguments)
    assert parallel.ret in (1, 2)
    assert "claim stray-claim, line " in parallel.stdout.str()


STATED = """
from theorycheck import Family, altered, cases, mlps, stated
FAMILY = Family(printed="x", control=altered("x", "f(n, 0) == 1"), on=cases(mlps()), why="So.")
"""


@pytest.mark.parametrize(
    "text",
    [
        HEAD + BODY.replace("@toy(", "@claim("),
        "import theorycheck\n@theorycheck.claim('a-b')\ndef check(setting):\n    yield\n",
        STATED + "one = FAMILY.stated('a-b', title='x', states='f(n, 0) == 0')\n",
        STATED + "ALL = [stated('a-b', title='x', states='f(n, 0) == 0')]\n",
        STATED + "class A:\n    one = FAMILY.stated('a-b', title='x', states='f(n, 0) == 0')\n",
        "import theorycheck as tc\ntc.experiment_claim('a-b')\n",
    ],
)
def test_a_module_of_another_name(project: Project, text: str) -> None:
    (project.path / "properties/claims_other.py").write_text(text)
    result = project.run()
    assert result.ret == 2
    assert "properties/claims_other.py: its claims are not collected" in result.stdout.str()
    assert project.pytester.runpytest_inprocess(*QUIET, "properties/test_toy.py").ret == 0


@pytest.mark.parametrize(
    "text",
    [
        STATED + "def make():\n    return FAMILY.stated('a-b', title='x', states='f(n, 0) == 0')\n",
        "'''An example::\n\nstated('a-b')\n'''\n",
        "not python",
        "claim = 1\n",
    ],
)
def test_a_module_that_declares_none(project: Project, text: str) -> None:
    (project.path / "properties/other.py").write_text(text)
    assert project.run().ret == 0


def test_claims_that_another_module_collects(project: Project) -> None:
    """Declared in a module of any name, and imported by one that pytest collects."""
    shared = HEAD + BODY.replace("stray-claim", "true-claim")
    (project.path / "properties/shared_claims.py").write_text(shared)
    rest = PROPERTIES[PROPERTIES.index('@toy("blunt-check")') :]
    project.write(HEAD + "from shared_claims import stray\n\n" + rest)
    assert project.run_apart("properties").ret in (0, 1)
    assert sorted(project.verdicts()) == sorted(RECORD)


def test_claims_of_other_folders_and_of_examples_of_tests_are_left_alone(project: Project) -> None:
    (project.path / "tests").mkdir()
    (project.path / "tests/test_mine.py").write_text(HEAD + PLACES["list"] + "def test(): pass\n")
    assert project.pytester.runpytest_inprocess(*QUIET).ret == 0
    project.write(PROPERTIES + f"\ndef test_it():{INDENTED}\n    assert stray\n")
    assert project.run().ret == 0


ELSEWHERE = {
    "a conftest beside the claims": {"properties/conftest.py": HEAD + BODY},
    "a conftest around them": {"conftest.py": HEAD + BODY},
    "a module that a conftest imports": {
        "properties/extra.py": HEAD + BODY,
        "conftest.py": "import sys\nsys.path.insert(0, 'properties')\nimport extra\n",
    },
    "a module elsewhere": {
        "lib/extra.py": HEAD + BODY,
        "properties/test_more.py": "import sys\nsys.path.insert(0, 'lib')\nimport extra\n",
    },
    "a module elsewhere that a test beside the claims imports, too": {
        "lib/extra.py": HEAD + BODY,
        "properties/test_more.py": "import lib.extra\n",
        "properties/conftest.py": "import sys\nsys.path.insert(0, '.')\nimport lib.extra\n",
    },
}


@pytest.mark.parametrize("where", ELSEWHERE)
def test_a_claim_that_no_module_of_claims_holds(project: Project, where: str) -> None:
    for name, text in ELSEWHERE[where].items():
        (project.path / name).parent.mkdir(exist_ok=True)
        (project.path / name).write_text(text)
    for ran in (project.run_apart("properties"), project.run_parallel("-k", "true")):
        assert ran.ret in (1, 2)
        assert "claim stray-claim, line " in ran.stdout.str()
    assert project.run_apart("properties/test_toy.py").ret == 0


def test_a_claim_elsewhere_that_another_module_collects(project: Project) -> None:
    (project.path / "extra.py").write_text(HEAD + BODY)
    (project.path / "properties/test_more.py").write_text("from extra import stray\n")
    (project.path / "properties/test_again.py").write_text("import extra\n")
    project.pytester.makeini("[pytest]\nfilterwarnings = error\npythonpath = .\n")
    assert "NEW" in project.run_apart("properties").stdout.str()
    assert project.run_apart("properties/test_again.py", "properties/test_toy.py").ret == 0


def test_new_claims_in_a_module_that_is_skipped(project: Project) -> None:
    first = "import pytest\npytest.skip('later', allow_module_level=True)\n"
    (project.path / "properties/test_more.py").write_text(first + HEAD + BODY)
    for arguments in ([], ["-k", "true"], ["--claims", "true-claim"]):
        result = project.run(*arguments)
        assert result.ret == 1
        assert "properties/test_more.py: skipped, with all claims in it" in result.stdout.str()
    assert project.run_parallel().ret == 1


def test_a_module_that_is_skipped_where_no_claims_are(pytester: pytest.Pytester) -> None:
    pytester.mkdir("properties").joinpath("test_mine.py").write_text(
        "import pytest\npytest.importorskip('no_such_module')\n"
    )
    pytester.makepyfile(test_other="def test_it():\n    pass\n")
    assert pytester.runpytest_inprocess(*QUIET).ret == 0


def test_a_module_that_is_skipped_is_said_to_be_skipped(project: Project) -> None:
    project.write(PROPERTIES + "\nimport pytest\npytest.skip('later', allow_module_level=True)\n")
    result = project.run()
    assert result.ret == 1
    assert "is not collected" not in result.stdout.str()
