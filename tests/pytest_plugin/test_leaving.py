"""Leaving pytest early with code 0 makes no run green; other projects are left alone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.pytest_plugin.forked import run_module
from tests.pytest_plugin.projects import PROPERTIES, QUIET, RECORD, Project

pytest_plugins = ["pytester"]

EXIT = "    import pytest\n    pytest.exit('no device', returncode=0)\n"
HOOKS = {
    "configure": "def pytest_configure(config):\n",
    "start": "def pytest_sessionstart(session):\n",
    "collection": "def pytest_collection(session):\n",
    "collecting": "def pytest_collectstart(collector):\n",
    "an item": "def pytest_itemcollected(item):\n",
    "choosing": "def pytest_collection_modifyitems(items):\n",
    "collected": "def pytest_collection_finish(session):\n",
    "the loop": "def pytest_runtestloop(session):\n",
    "set-up": "def pytest_runtest_setup(item):\n",
    "call": "def pytest_runtest_call(item):\n",
    "tear-down": "def pytest_runtest_teardown(item):\n",
}
AFTERWARDS = {
    "end": "def pytest_sessionfinish(session):\n    yield\n    session.exitstatus = 0\n",
    "exit at the end": "def pytest_sessionfinish(session):\n    yield\n    sys.exit(0)\n",
    "summary": "def pytest_terminal_summary():\n    yield\n    pytest.exit('x', returncode=0)\n",
    "exit in the summary": "def pytest_terminal_summary():\n    yield\n    sys.exit(0)\n",
    "clean-up": "def pytest_unconfigure():\n    yield\n    sys.exit(0)\n",
    "leaving in the clean-up": "def pytest_unconfigure():\n    yield\n    pytest.exit('', 0)\n",
    "all of it": "def pytest_cmdline_main():\n    yield\n    return 0\n",
}
READ = {
    "exit": "import sys\nsys.exit(0)\n",
    "an exception": "raise SystemExit\n",
    "pytest's exit": "import pytest\npytest.exit('no device', returncode=0)\n",
    "skip": "import pytest\npytest.skip('no device', allow_module_level=True)\n",
    "import": "import pytest\npytest.importorskip('no_such_module')\n",
    "expected failure": "import pytest\npytest.xfail('no device')\n",
}


def outcome(result: pytest.RunResult) -> tuple[int, list[str]]:
    errors = [line for line in result.errlines if line.startswith("ERROR: ")]
    assert not any("Traceback" in line or "INTERNALERROR" in line for line in result.outlines)
    return int(result.ret), errors


@pytest.mark.parametrize("hook", HOOKS)
def test_exits_in_hooks(project: Project, hook: str) -> None:
    require_red(project, hook)


@pytest.mark.parametrize("hook", [hook for hook in HOOKS if hook != "tear-down"])
def test_exits_in_hooks_where_a_part_is_asked_for(project: Project, hook: str) -> None:
    require_red(project, hook, "--claims", "true-claim")


def require_red(project: Project, hook: str, *arguments: str) -> None:
    (project.path / "conftest.py").write_text(HOOKS[hook] + EXIT)
    # A run in this process, as pytest's own tests make it, has to come as far as a session.
    pytester = project.pytester
    run = pytester.runpytest_subprocess if hook == "configure" else pytester.runpytest_inprocess
    result = run("properties", *QUIET, *arguments)
    assert result.ret in (1, 2)
    assert "CHANGED" in result.stdout.str() or len(outcome(result)[1]) == 1


@pytest.mark.parametrize(
    ("hook", "way"),
    [
        *((hook, "pytest") for hook in AFTERWARDS),
        ("clean-up", "theorycheck run"),
        ("all of it", "theorycheck run"),
    ],
)
def test_what_comes_after_the_comparison_does_not_change_the_code(
    project: Project, hook: str, way: str
) -> None:
    project.record({**RECORD, "true-claim": "vacuous"})
    wrapper = "import sys\nimport pytest\n@pytest.hookimpl(wrapper=True, tryfirst=True)\n"
    (project.path / "conftest.py").write_text(wrapper + AFTERWARDS[hook])
    ran = run_module(*way.split(), "-p", "no:xdist")
    assert (ran.returncode, "CHANGED true-claim" in ran.stdout) == (1, True)
    assert "Traceback" not in ran.stderr


def test_a_run_that_never_began(project: Project) -> None:
    (project.path / "conftest.py").write_text("def pytest_cmdline_main():\n    return 0\n")
    ran = project.run_apart("properties")
    assert outcome(ran) == (2, [line for line in ran.errlines if "before any claim" in line])
    assert project.run_apart("--version").ret == 0


@pytest.mark.parametrize("hook", ["configure", "start", "collecting", "choosing", "call"])
@pytest.mark.parametrize("where", ["everywhere", "workers"])
def test_exits_in_parallel_runs(project: Project, hook: str, where: str) -> None:
    condition = (
        ""
        if where == "everywhere"
        else "    import os\n    if 'PYTEST_XDIST_WORKER' not in os.environ:\n        return\n"
    )
    (project.path / "conftest.py").write_text(HOOKS[hook] + condition + EXIT)
    assert project.run_parallel("-k", "true").ret not in (0, 5)


@pytest.mark.parametrize("kind", READ)
@pytest.mark.parametrize("folder", ["", "properties/"])
def test_what_ends_when_it_is_read(project: Project, kind: str, folder: str) -> None:
    (project.path / folder / "conftest.py").write_text(READ[kind])
    ran = project.run_apart("properties")
    assert ran.ret == 4
    assert "Traceback" not in ran.stderr.str() or kind == "pytest's exit"


@pytest.mark.parametrize("kind", ["exit", "an exception", "pytest's exit"])
def test_a_module_of_claims_that_ends_when_it_is_read(project: Project, kind: str) -> None:
    project.write(PROPERTIES + READ[kind])
    result = project.run()
    assert outcome(result)[0] in (1, 2)
    parallel = project.run_parallel()
    assert parallel.ret in (1, 2)
    assert "INTERNALERROR" not in parallel.stdout.str()


def with_body(text: str) -> str:
    return PROPERTIES.replace('itself."""\n', f'itself."""\n    {text}\n')


AT_ONCE = {
    "a conftest": {"conftest.py": "import os\nos._exit(0)\n"},
    "a conftest, by another name": {"conftest.py": "import posix\nposix._exit(0)\n"},
    "a conftest beside the claims": {"properties/conftest.py": "import os\nos._exit(256)\n"},
    "a set-up": {"conftest.py": f"import os\n{HOOKS['set-up']}    os._exit(0)\n"},
    "the end": {"conftest.py": "import os\ndef pytest_unconfigure():\n    os._exit(0)\n"},
    "another program": {"conftest.py": "import os\nos.execv('/bin/true', ['true'])\n"},
    "a module": {"properties/test_more.py": "import posix\nposix._exit(0)\n"},
    "a body": {"properties/test_toy.py": with_body("import posix; posix._exit(0)")},
    "a body, by a conftest": {
        "conftest.py": "import builtins\nfrom os import _exit\nbuiltins.leave = _exit\n",
        "properties/test_toy.py": with_body("leave(0)"),
    },
}


@pytest.mark.parametrize("where", AT_ONCE)
@pytest.mark.parametrize("options", [[], ["-n", "1"]], ids=" ".join)
def test_what_ends_the_process_at_once(project: Project, where: str, options: list[str]) -> None:
    for name, text in AT_ONCE[where].items():
        (project.path / name).write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "properties", *options]
    ran = subprocess.run(command, cwd=project.path, capture_output=True, text=True)
    assert ran.returncode not in (0, 5), ran.stdout
    assert "would have ended the whole run" in ran.stdout + ran.stderr


@pytest.mark.parametrize("text", [HOOKS["start"] + EXIT, READ["exit"], READ["skip"]])
def test_the_command_line_says_the_same(project: Project, text: str) -> None:
    (project.path / "conftest.py").write_text(text)
    command = [sys.executable, "-m", "theorycheck", "run", "-n", "0"]
    ran = subprocess.run(command, cwd=project.path, capture_output=True, text=True)
    assert ran.returncode in (2, 4)
    assert "ERROR: " in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_plugin_that_ends_the_command_when_it_is_read(project: Project) -> None:
    (project.path / "early.py").write_text(READ["exit"])
    command = [sys.executable, "-m", "theorycheck", "run", "-p", "early"]
    ran = subprocess.run(command, cwd=project.path, capture_output=True, text=True)
    assert (ran.returncode, "a plugin ended pytest (SystemExit: 0)" in ran.stderr) == (4, True)


@pytest.mark.parametrize("options", [[], ["-s"], ["-q", "-n", "1"], ["--co"]], ids=" ".join)
def test_an_output_that_is_full(project: Project, options: list[str]) -> None:
    """That is no verdict, whose exit code is 1."""
    command = [sys.executable, "-m", "pytest", "properties", *options]
    with open("/dev/full", "wb") as full:
        ran = subprocess.run(command, cwd=project.path, stdout=full, stderr=subprocess.PIPE)
    said = b"ERROR: the output cannot be written (No space left on device)\n"
    assert (ran.returncode, ran.stderr) == (4, said)


def test_an_output_that_nobody_reads(project: Project) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "pytest", "properties"]
    ran = subprocess.run(command, cwd=project.path, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    said = b"ERROR: the output cannot be written (Broken pipe)\n"
    assert (ran.returncode, ran.stderr) == (4, said)


def test_a_run_that_is_over_may_be_left(project: Project) -> None:
    hook = "def pytest_unconfigure(config):\n    pass\ndef pytest_sessionfinish(session):\n"
    (project.path / "conftest.py").write_text(hook + EXIT)
    assert project.run().ret == 0
    assert project.run("--help").ret == 0
    assert project.run("--markers").ret == 0
    assert project.run("--cache-show").ret == 0


def test_a_project_without_claims_is_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(HOOKS["start"] + EXIT)
    assert pytester.runpytest_inprocess(*QUIET).ret == 0
    pytester.makeconftest(READ["exit"])
    assert pytester.runpytest_subprocess().ret == 0


REPORTERS = {
    "all is well": "    return 0\n",
    "nothing to say": "    return False\n",
    "exit at the end": "    if type(event).__name__ == 'RunFinished':\n        sys.exit(0)\n",
    "leaving at the end": "    if type(event).__name__ == 'RunFinished':\n"
    "        pytest.exit('x', returncode=0)\n",
}


@pytest.mark.parametrize("kind", REPORTERS)
def test_no_reporter_makes_a_red_run_green(project: Project, kind: str) -> None:
    hook = "import sys\nimport pytest\ndef pytest_theorycheck_event(event):\n"
    (project.path / "conftest.py").write_text(hook + REPORTERS[kind])
    project.write(PROPERTIES)
    project.record({**RECORD, "true-claim": "refuted"})
    assert project.run().ret == 1
