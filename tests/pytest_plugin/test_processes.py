"""What is called or imported while a claim is examined or read cannot end this process."""

from __future__ import annotations

import os
import posix
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.pytest_plugin.projects import PROPERTIES, Project
from theorycheck.pytest_plugin.processes import kept_honest, kept_running

pytest_plugins = ["pytester"]

ENDING: dict[str, Callable[[], object]] = {
    "_exit": lambda: os._exit(0),
    "_exit, named": lambda: os._exit(status=0),
    "posix._exit": lambda: posix._exit(0),
    "posix.execv": lambda: posix.execv("/bin/true", ["true"]),
    "execv": lambda: os.execv("/bin/true", ["true"]),
    "execve": lambda: os.execve("/bin/true", ["true"], {}),
    "execl": lambda: os.execl("/bin/true", "true"),
    "execvp": lambda: os.execvp("true", ["true"]),
    "execlpe": lambda: os.execlpe("true", "true", {"PATH": "/bin"}),
}


@pytest.mark.parametrize("name", ENDING)
def test_this_process_goes_on(name: str) -> None:
    with kept_running(), pytest.raises(RuntimeError, match="would have ended the whole run"):
        ENDING[name]()


@pytest.mark.parametrize("name", ENDING)
def test_nor_does_it_end_as_if_all_were_well(name: str) -> None:
    with kept_honest(), pytest.raises(RuntimeError, match="would have ended the whole run"):
        ENDING[name]()


def test_a_code_of_which_the_system_makes_another() -> None:
    with kept_honest(), pytest.raises(RuntimeError, match="would have ended the whole run"):
        os._exit(256)


def test_it_may_end_with_an_error() -> None:
    script = (
        "import os\nfrom theorycheck.pytest_plugin.processes import kept_honest\n"
        "with kept_honest():\n    os._exit(3)\n"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 3


def test_what_was_imported_meanwhile_is_harmless_later() -> None:
    before = os._exit
    with kept_running():
        from os import _exit
    assert os._exit is before
    with pytest.raises(RuntimeError, match=r"^os\._exit\(3\) would"):
        _exit(3)


@pytest.mark.parametrize("name", ["stdout", "stderr", "__stdout__", "__stderr__"])
def test_outputs_stay_open(name: str) -> None:
    stream = getattr(sys, name)
    with kept_running(), pytest.raises(RuntimeError, match="a closed output would have ended"):
        stream.close()
    assert not stream.closed


@pytest.mark.parametrize("call", ["sys.stdout.close()", "sys.__stdout__.close()"])
@pytest.mark.parametrize("options", [[], ["-s"], ["-n", "2"]], ids=" ".join)
def test_a_check_that_closes_the_output_is_red(
    project: Project, call: str, options: list[str]
) -> None:
    project.write(PROPERTIES.replace('itself."""\n', f'itself."""\n    import sys; {call}\n'))
    result = project.run_apart("properties", *options)
    assert result.ret == 1
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
    assert project.verdicts()["true-claim"] == "undecided"


def test_a_fork_ends_as_it_likes() -> None:
    with kept_running():
        child = os.fork()
        if child == 0:
            os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
