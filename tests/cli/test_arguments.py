"""What may be said on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from theorycheck.cli.arguments import EXIT_CODES, parser_of_commands
from theorycheck.cli.commands import main
from theorycheck.errors import ExitCode, InputError
from theorycheck.pytest_plugin import plugin


def test_commands_and_their_options() -> None:
    parse = parser_of_commands().parse_args
    assert parse(["verify", "a.json", "--record", "b.json"]).record == "b.json"
    assert parse(["coverage", "me2026"]).paper == "me2026"
    assert parse(["gate", "--accept"]).accept
    assert parse(["report", "--since", "old.json"]).since == Path("old.json")
    assert parse(["needs", "a-lemma", "--seed", "3"]).seed == 3


@pytest.mark.parametrize(
    "words",
    [
        "gate --acc",
        "gate --base b.json",
        "report --sinc a",
        "merge a --report b",
        "stability --out a",
        "verify --expl a",
        "needs --work 1",
        "power --see 1",
        "list --pat a",
        "show a --rep b",
    ],
)
def test_no_option_is_abbreviated(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor does it do what it would do in full."""
    assert main(words.split()) == ExitCode.BAD_INPUT
    error = capsys.readouterr().err
    assert (error.count("\n"), words.split()[0] in error or "unrecognised" in error) == (1, True)


@pytest.mark.parametrize(
    "words",
    [
        "gate --baseline=",
        "gate --report-dir=",
        "list --path=",
        "report --since=",
        "report --commit=",
        "stability --output=",
        "power --report-dir=",
        "verify --record= a",
        "coverage --path=",
        "merge --report-dir= a",
    ],
)
def test_an_option_that_names_nothing(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == ExitCode.BAD_INPUT
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "is given nothing: name something" in error


def test_a_folder_without_name_is_not_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", ""]) == ExitCode.BAD_INPUT
    assert capsys.readouterr().err.startswith("theorycheck: argument FOLDER: is given nothing")
    assert not list(tmp_path.iterdir())


def test_the_help_of_run_names_the_options_of_the_plugin(
    capsys: pytest.CaptureFixture[str],
) -> None:
    parser = pytest.Parser(_ispytest=True)
    plugin.pytest_addoption(parser)
    names = [name for option in parser.getgroup("theorycheck").options for name in option.names()]
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    said = capsys.readouterr().out
    assert (len(names), [name for name in names if f"\n  {name} " not in said]) == (7, [])


def test_the_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parser_of_commands().parse_args(["--help"])
    assert stopped.value.code == 0
    assert EXIT_CODES in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        "verify a.json --record A --record B",
        "verify a.json --record A --record=A",
        "gate --baseline A --baseline B",
        "gate --report-dir A --accept --report-dir B",
        "merge run1 run2 --report-dir A --report-dir merged",
        "list --path A --path B",
        "report --since A --since B",
    ],
)
def test_an_option_that_is_given_twice_is_bad_input(words: str) -> None:
    option = words.split()[-1].partition("=")[0] if "=" in words else words.split()[-2]
    with pytest.raises(InputError, match=rf"argument {option}: it is given twice; give one"):
        parser_of_commands().parse_args(words.split())
