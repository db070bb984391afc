"""The pytest plugin: its options, and what it collects.

Claims are pytest items (`items.ClaimItem`), which each process examines (`session.ClaimSession`).
What happens is said in events, which reporters consume.
"""

from __future__ import annotations

import os

import pytest

from theorycheck.claims.declaration import Claim
from theorycheck.claims.setting import PROFILES
from theorycheck.configuration import Project
from theorycheck.errors import InputError, named
from theorycheck.pytest_plugin.asking import Asked
from theorycheck.pytest_plugin.events import Hooks
from theorycheck.pytest_plugin.items import EXAMINER, NO_TEXT, ClaimItem, is_text, printable
from theorycheck.pytest_plugin.live import Live
from theorycheck.pytest_plugin.outcomes import Outcomes
from theorycheck.pytest_plugin.reporters import Terminal, Writer
from theorycheck.pytest_plugin.selection import Selection
from theorycheck.pytest_plugin.session import ClaimSession
from theorycheck.pytest_plugin.strays import Strays

pytest_plugins = ["theorycheck.pytest_plugin.leaving"]
DEVICES = ("auto", "cpu", "cuda")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup(
        "theorycheck",
        "checking claims; what is so by default, [tool.theorycheck] in pyproject.toml may change",
    )
    group.addoption("--device", choices=DEVICES, help="where trainings run (by default: auto)")
    group.addoption(
        "--profile",
        choices=tuple(PROFILES),
        help="how much is tried; explore draws a fresh seed (by default: default)",
    )
    group.addoption(
        "--images",
        type=named,
        metavar="DATA",
        help="what claims on real data train on: digits, mnist:FOLDER or cifar10:FOLDER"
        " (by default: digits)",
    )
    group.addoption("--claims", metavar="ID[,ID...]", help="check only these claims")
    group.addoption(
        "--report-dir",
        type=named,
        metavar="DIR",
        help="where claims.json, claims.html and claims.md are written (by default: reports/)",
    )
    group.addoption(
        "--baseline",
        type=named,
        metavar="FILE",
        help="verdicts on record, with certificates/ beside it (by default: reports/baseline.json)",
    )
    group.addoption(
        "--seed", type=int, metavar="N", help="seed of the run (by default: 0; explore: fresh)"
    )


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(Hooks)


def pytest_configure(config: pytest.Config) -> None:
    try:
        project = Project.at(config.rootpath)
        selection = Selection(config, project.paths, Asked.of(config))
        session = ClaimSession(config, project, selection)
    except InputError as error:
        raise pytest.UsageError(str(error)) from error
    # Where warnings are errors, a checkout that nobody can write to would end the run with one.
    # Filters of the command line come after those of a file, and this one after all.
    known = config.known_args_namespace
    known.pythonwarnings = [*(known.pythonwarnings or ()), "ignore::pytest.PytestCacheWarning"]
    manager = config.pluginmanager
    manager.register(session, EXAMINER)
    manager.register(selection, "theorycheck-selection")
    manager.register(Strays(config, selection), "theorycheck-strays")
    manager.register(Outcomes(), "theorycheck-outcomes")
    if session.worker_input is None:
        terminal = Terminal(session.folder, session.baseline, project)
        manager.register(terminal, "theorycheck-terminal")
        writer = Writer(session.folder, project.paths)
        manager.register(writer, "theorycheck-writer")
        manager.register(Live(config, selection), "theorycheck-live")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Hypothesis keeps what it keeps with the claims, wherever the run was started."""
    if any(isinstance(item, ClaimItem) for item in session.items):
        from hypothesis.configuration import set_hypothesis_home_dir

        chosen = os.environ.get("HYPOTHESIS_STORAGE_DIRECTORY")
        set_hypothesis_home_dir(chosen or session.config.rootpath / ".hypothesis")


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> ClaimItem | None:
    if isinstance(obj, Claim):
        if isinstance(collector, pytest.Module):
            if not is_text(collector.nodeid):
                raise collector.CollectError(f"{printable(collector.nodeid)} {NO_TEXT}")
            item: ClaimItem = ClaimItem.from_parent(collector, name=obj.id, claim=obj)
            return item
    elif isinstance(obj, type) and isinstance(collector, pytest.Module):
        hidden = [one.id for one in vars(obj).values() if isinstance(one, Claim)]
        if hidden and obj.__module__ == collector.obj.__name__:
            raise collector.CollectError(
                f"claims in class {name} are not collected: {', '.join(hidden)}; move them out"
            )
    return None
