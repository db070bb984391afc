"""Running claims: pytest, told by a command line that names claims instead of files."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest
from _pytest.outcomes import OutcomeException

from theorycheck.errors import InputError
from theorycheck.pytest_plugin.session import NAMED

QUIET = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
"""This process has loaded the plugin already, which pytest warns of."""


class ClaimsNamed:
    """A pytest plugin for which words that are no options name claims, not files.

    pytest itself tells words from the values of options, its own and those of any plugin.
    """

    def __init__(self, paths: int) -> None:
        self.paths = paths
        """How many words name files, and come first."""

    @pytest.hookimpl(wrapper=True)
    def pytest_cmdline_parse(self) -> Generator[None, pytest.Config, pytest.Config]:
        config = yield
        ids = config.args[self.paths :]
        config.args[self.paths :] = []
        if ids:
            config.option.claims = ",".join(filter(None, [config.option.claims, *ids]))
        elif getattr(config.option, "numprocesses", 0) is None:
            config.option.numprocesses = "auto"
        return config

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Workers of xdist read the command line again, and take all words for files."""
        node.workerinput[NAMED] = {"files": node.config.args, "claims": node.config.option.claims}


def run_claims(paths: Sequence[Path], words: Sequence[str]) -> int:
    """Run pytest on claims and return its exit code.

    Args:
        paths: where the claims are.
        words: ids of claims and options of pytest, in any order.

    Raises:
        InputError: when there is nothing to run.
    """
    for path in paths:
        if not path.exists():
            raise InputError(f"{path} does not exist; name the folder of the claims with --path")
    # Before the words, of which "--" may say that no option follows.
    arguments = [*QUIET, *map(str, paths), *words]
    try:
        code = pytest.main(arguments, plugins=[ClaimsNamed(len(paths))])
    except (SystemExit, OutcomeException) as error:
        # Of a plugin that was loaded before that of the claims.
        raise InputError(f"a plugin ended pytest ({type(error).__name__}: {error})") from error
    sys.stdout.flush()
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise InputError(
            f"no claim was found in {', '.join(map(str, paths))};"
            " name the folder of the claims with --path"
        )
    return int(code)
