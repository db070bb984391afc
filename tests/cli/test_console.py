"""What every command line does with bad input and an early end."""

from __future__ import annotations

from pathlib import Path

import pytest

from theorycheck.cli.console import Parser, command
from theorycheck.errors import ExitCode, InputError


def ended(error: BaseException | None, code: int = 0) -> int:
    """The exit code of a command that ends in this way."""

    @command("toy")
    def work() -> int:
        if error is not None:
            raise error
        return code

    return work()


@pytest.mark.parametrize("code", ExitCode)
def test_an_exit_code_is_returned_and_nothing_said(
    code: ExitCode, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(None, code) is code
    assert capsys.readouterr() == ("", "")


def missing() -> OSError:
    """As the system raises it."""
    with pytest.raises(FileNotFoundError) as raised:
        Path("/nowhere/claims.json").read_text()
    return raised.value


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            InputError("no such claim; name one"),
            ExitCode.BAD_INPUT,
            "toy: no such claim; name one\n",
        ),
        (
            missing(),
            ExitCode.BAD_INPUT,
            "toy: /nowhere/claims.json: No such file or directory\n",
        ),
        (
            OSError(28, "No space left on device", "claims.md"),
            ExitCode.BAD_INPUT,
            "toy: claims.md: No space left on device\n",
        ),
        (
            BlockingIOError(11, "Resource temporarily unavailable"),
            ExitCode.BAD_INPUT,
            "toy: Resource temporarily unavailable\n",
        ),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, ""),
    ],
    ids=["input", "missing file", "full disk", "no process", "interruption"],
)
def test_an_end_has_its_exit_code_and_at_most_one_line(
    error: BaseException, code: ExitCode, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(error) is code
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize("error", [ValueError("wrong"), SystemExit(7), RecursionError()])
def test_faults_of_our_own_are_not_hidden(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised:
        ended(error)
    assert raised.value is error


def test_arguments_are_handed_on_and_the_name_kept() -> None:
    @command("toy")
    def work(one: int, *, other: int) -> int:
        """In words."""
        return one + other

    assert work(2, other=3) == 5
    assert (work.__name__, work.__doc__) == ("work", "In words.")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--frob"], "unrecognized arguments: --frob"),
        (["--count", "many"], "argument --count: invalid int value: 'many'"),
        (["--count"], "argument --count: expected one argument"),
    ],
)
def test_usage_errors_are_bad_input_and_name_the_help(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = Parser(prog="toy")
    parser.add_argument("--count", type=int)
    with pytest.raises(InputError) as error:
        parser.parse_args(arguments)
    assert str(error.value) == f"{complaint}; see `toy --help`"
    assert capsys.readouterr() == ("", "")


def test_usage_errors_of_a_subcommand_name_its_own_help() -> None:
    parser = Parser(prog="toy")
    parser.add_subparsers(parser_class=Parser).add_parser("play").add_argument("ID")
    with pytest.raises(InputError, match="required: ID; see `toy play --help`"):
        parser.parse_args(["play"])
