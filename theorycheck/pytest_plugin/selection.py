"""Selection: which claims a run was asked for, of those that there are.

A run is asked for all claims when pytest is given the folders that hold them, or folders around
these, or nothing, and leaves none out. Whoever names files, or deselects claims, asks for a part:
the others are not compared with anything, and the last report on them stays. What was asked is what
the command line said (`asking`), whatever a ``conftest.py`` makes of it.

Where the folders as a whole are given, every claim on record has to be found, though, whatever is
deselected then: what is not there was not deselected by anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from theorycheck.claims.declaration import is_claim_id
from theorycheck.errors import InputError
from theorycheck.pytest_plugin.asking import CHOOSING, Asked
from theorycheck.pytest_plugin.items import ClaimItem
from theorycheck.reports.baseline import Baseline

DROPPED = "found, and left out by a plugin that told nobody (`pytest_deselected`)"
ALTERED = "an option that is no longer what the command line said; let no `conftest.py` change it"
SELECTING = tuple(one for one in CHOOSING if one != "claims")
"""Options that deselect."""
LAST_FAILED = "lfplugin-collwrapper"
"""Under which pytest knows what skips files in which nothing failed."""


def claim_id(node: str) -> str:
    """The id of the claim that a node id ends in."""
    return node.rpartition("::")[2]


def claim_ids(text: str | None) -> list[str] | None:
    """The ids that the option ``--claims`` names; None where it is not given.

    Raises:
        InputError: when one of them is empty.
    """
    if text is None:
        return None
    ids = [name.strip() for name in text.split(",")]
    if not all(ids):
        raise InputError(
            f"{text!r} names no claim before or after a comma; `theorycheck list` does"
        )
    return ids


class Selection:
    """What one pytest process knows of the claims that were found, asked for and left out.

    Registered as a plugin. Under xdist the workers know, and tell the controller when they end.

    Attributes:
        asked: node ids of the claims that were asked for, in the order of the run.
        found: ids of the claims that were found, before any was deselected.
        places: of each node id, how many claims were found before it.
        left_out: ids of the claims that were deselected, as pytest was told.
        dropped: ids of those that are not asked for although nobody deselected them.
        skipped: node ids of the modules that were skipped as a whole.
        heard: whether it is known what was found.
        broken: whether some module could not be imported, so that nobody knows all claims.
        altered: options that choose claims, and are not what the command line said.
    """

    def __init__(self, config: pytest.Config, paths: Iterable[Path], command: Asked) -> None:
        self.config = config
        self.command = command
        self.paths = tuple(path.resolve() for path in paths)
        self.start = config.invocation_params.dir
        self.asked: list[str] = []
        self.found: set[str] = set()
        self.places: dict[str, int] = {}
        self.left_out: set[str] = set()
        self.dropped: set[str] = set()
        self.skipped: set[str] = set()
        self.heard = False
        self.broken = False
        self.altered: set[str] = set()

    # -- what pytest says -------------------------------------------------------------------------

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.broken |= report.failed
        if report.skipped and self.is_of_claims(self._file(report.nodeid)):
            self.skipped.add(report.nodeid)

    def pytest_sessionstart(self) -> None:
        """With ``--lf`` pytest reads only files in which something failed: here it reads all.

        Otherwise nobody would know whether a claim is gone or merely in one of the others.
        """
        manager = self.config.pluginmanager
        is_project = any(path.exists() for path in self.paths)
        if manager.has_plugin(LAST_FAILED) and is_project and self.whole:
            manager.unregister(name=LAST_FAILED)

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        if isinstance(item, ClaimItem):
            self.found.add(item.claim.id)
            self.places.setdefault(item.nodeid, len(self.places))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self) -> None:
        self.heard = True

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        self.left_out |= {item.claim.id for item in items if isinstance(item, ClaimItem)}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        nodes = [item.nodeid for item in session.items if isinstance(item, ClaimItem)]
        self.asked = list(dict.fromkeys(nodes))
        self.dropped = self.found - self.left_out - set(self.ids)
        self.altered |= {*self.command.changed(self.config)}

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Under xdist the controller collects nothing; the first worker names the claims."""
        self.asked = self.asked or [i for i in ids if is_claim_id(claim_id(i))]

    # -- from worker to controller ----------------------------------------------------------------

    def told(self) -> dict[str, Any]:
        """What a worker tells the controller."""
        return {
            "found": sorted(self.found),
            "places": self.places,
            "left_out": sorted(self.left_out),
            "dropped": sorted(self.dropped),
            "skipped": sorted(self.skipped),
            "altered": sorted(self.altered),
        }

    def hear(self, told: Mapping[str, Any]) -> None:
        """Take in what a worker tells."""
        self.heard = True
        self.found |= set(told["found"])
        self.places |= told["places"]
        self.left_out |= set(told["left_out"])
        self.dropped |= set(told["dropped"])
        self.skipped |= set(told["skipped"])
        self.altered |= set(told["altered"])

    # -- what follows -----------------------------------------------------------------------------

    @property
    def ids(self) -> list[str]:
        """Ids of the claims that were asked for."""
        return list(map(claim_id, self.asked))

    def in_order(self) -> list[str]:
        """Node ids of the claims that were asked for, as files lie and claims stand in them.

        The order of the run may be another one: that of files on the command line, or of a plugin.
        """

        def place(node: str) -> tuple[list[str], int]:
            return node.partition("::")[0].split("/"), self.places.get(node, 0)

        return sorted(self.asked, key=place)

    @property
    def narrowed(self) -> bool:
        """Whether the user left some claims out, as far as is known yet."""
        return not self.whole or self._selects or not self.left_out | self.dropped <= {*self.ids}

    @property
    def whole(self) -> bool:
        """Whether the run is to find all claims, be some of them deselected then or not."""
        if self.command.claims or self._ignores():
            return False
        given = [(self.start / argument).resolve() for argument in self.command.args]
        return self._unchosen or all(any(map(path.is_relative_to, given)) for path in self.paths)

    @property
    def _unchosen(self) -> bool:
        """Whether the project, not the user, says where to look, and there are claims."""
        return not self.command.chosen and bool(self.found or self.asked)

    @property
    def _selects(self) -> bool:
        """Whether nobody knows what was deselected, as no worker told before it ended."""
        return not self.heard and any(self.command.options[one] for one in SELECTING)

    def given(self) -> list[Path]:
        """The folders of claims, or folders and files in them, that are asked for as a whole."""
        if self._ignores():
            return []
        if self._unchosen:
            return [*self.paths]
        named = [(self.start / one).resolve() for one in self.command.args if "::" not in one]
        within = [one for one in named if any(map(one.is_relative_to, self.paths))]
        around = [path for path in self.paths if any(map(path.is_relative_to, named))]
        return [*dict.fromkeys([*around, *within])]

    def is_of_claims(self, file: Path) -> bool:
        """Whether a file is in the folders of the claims."""
        return any(map(file.resolve().is_relative_to, self.paths))

    def skipped_files(self) -> set[Path]:
        """The files of modules that were skipped."""
        return {self._file(node).resolve() for node in self.skipped}

    def files(self) -> set[Path]:
        """The files of the claims that were asked for."""
        return set(map(self._file, self.asked))

    def lost(self, record: Baseline) -> list[str]:
        """What to say of claims that should have been examined, and were not found or dropped."""
        known = {*self.found, *self.ids}
        if not (known or record.verdicts):  # no project of claims: it is left alone
            return []
        # Otherwise nobody knows whether those that were not found were asked for.
        gone = record.lost(known) if self.whole and not self._selects else []
        return [
            *gone,
            *(f"{module}: skipped, with all claims in it" for module in sorted(self.skipped)),
            *(f"{claim}: {DROPPED}" for claim in sorted(self.dropped)),
            *(f"{option}: {ALTERED}" for option in sorted(self.altered)),
        ]

    def omitted(self, known: Iterable[str]) -> int:
        """How many claims were left out, given the ids of others that there are."""
        return len({*known, *self.found}.difference(self.ids)) if self.narrowed else 0

    def _ignores(self) -> bool:
        """Whether pytest is told to ignore some of the files that may hold claims."""
        named = [(self.start / path).resolve() for path in self.command.ignored]
        globs = [str(self.start / glob) for glob in self.command.globs]
        files = [file for path in self.paths for file in (path, *path.rglob("*.py"))]
        return any(
            any(file.is_relative_to(one) for one in named)
            or any(fnmatch(str(file), glob) for glob in globs)
            for file in files
        )

    def _file(self, node: str) -> Path:
        return self.config.rootpath / node.partition("::")[0]
