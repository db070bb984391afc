"""What may be said on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from theorycheck.cli.arguments import EXIT_CODES, parser_of_commands
from theorycheck.errors import InputError


def test_commands_and_their_options() -> None:
    parse = parser_of_commands().parse_args
    assert parse(["verify", "a.json", "--record", "b.json"]).record == "b.json"
    assert parse(["coverage", "me2026"]).paper == "me2026"
    assert parse(["gate", "--accept"]).accept
    assert parse(["report", "--since", "old.json"]).since == Path("old.json")
    assert parse(["needs", "a-lemma", "--seed", "3"]).seed == 3


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
