"""Collecting claims without running them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from functools import cache

import pytest

from theorycheck.claims.declaration import Claim
from theorycheck.errors import InputError
from theorycheck.pytest_plugin.items import ClaimItem

LOADED = ("-p", "theorycheck")
"""With which pytest loads the plugin by its name, also where it is told to load none by itself."""


class _Collector:
    """A pytest plugin that remembers the claims that pytest collects, by node id."""

    def __init__(self) -> None:
        self.claims: dict[str, Claim] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.claims = {i.nodeid: i.claim for i in session.items if isinstance(i, ClaimItem)}


def claims_by_id(paths: Sequence[str]) -> dict[str, Claim]:
    """Claims by id, without running them.

    Raises:
        InputError: as `collect_claims`.
    """
    return {claim.id: claim for claim in collect_claims(list(paths)).values()}


@cache
def claims_of_worker(paths: tuple[str, ...]) -> dict[str, Claim]:
    """The same in a process that is asked of many claims, and does not see that files change."""
    return claims_by_id(paths)


def collect_claims(paths: list[str]) -> dict[str, Claim]:
    """Claims by node id, without running them.

    Raises:
        InputError: when the paths cannot be collected.
    """
    collector = _Collector()
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        arguments = [
            *LOADED,
            *dict.fromkeys(paths),
            "--collect-only",
            "-q",
            "-p",
            "no:cacheprovider",
        ]
        # A project may turn warnings into errors; a second run in this process warns of the first.
        arguments += ["-p", "no:xdist", "-W", "ignore"]
        code = pytest.main(arguments, plugins=[collector])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        said = output.getvalue().strip().splitlines() or ["pytest failed"]
        errors = [line.removeprefix("E").strip() for line in said if line.startswith("E  ")]
        last = [*said[-1:], *errors][-1]
        raise InputError(f"claims of {', '.join(paths)} cannot be collected: {last}")
    return collector.claims
