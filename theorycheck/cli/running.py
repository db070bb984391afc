"""Running claims: pytest, told by a command line that names claims instead of files."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest
from _pytest.outcomes import OutcomeException

from theorycheck.errors import InputError
from theorycheck.pytest_plugin.asking import NAMED
from theorycheck.pytest_plugin.collecting import LOADED
from theorycheck.pytest_plugin.items import NO_TEXT, is_text

QUIET = [
    "-Wignore::pytest.PytestAssertRewriteWarning",
    "-Wignore:assertions not in test modules:pytest.PytestConfigWarning",
]
"""This process has loaded the plugin already, and nothing of ours relies on assertions, which
`python -O` leaves out; pytest warns of both."""


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
            named = config.option.claims
            config.option.claims = ",".join(ids if named is None else [named, *ids])
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
        if not is_text(str(path.absolute())):  # Workers could not even be told of it.
            raise InputError(f"{path} {NO_TEXT}")
        if not path.exists():
            raise InputError(f"{path} does not exist; name the folder of the claims with --path")
    # After all other filters, but "--" says that no option follows.
    end = words.index("--") if "--" in words else len(words)
    arguments = [*LOADED, *map(str, paths), *words[:end], *QUIET, *words[end:]]
    try:
        code = pytest.main(arguments, plugins=[ClaimsNamed(len(paths))])
    except (SystemExit, OutcomeException) as error:
        # Of a plugin that was loaded before that of the claims.
        raise InputError(f"a plugin ended pytest ({type(error).__name__}: {error})") from error
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise InputError(
            f"no claim was found in {', '.join(map(str, paths))};"
            " name the folder of the claims with --path"
        )
    return int(code)
