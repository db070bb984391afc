"""The pytest plugin: its options, and what it collects.

Claims are pytest items (`items.ClaimItem`), which each process examines (`session.ClaimSession`).
What happens is said in events, which reporters consume.
"""

from __future__ import annotations

import pytest

from theorycheck.claims.declaration import Claim
from theorycheck.claims.setting import PROFILES
from theorycheck.pytest_plugin.events import Hooks
from theorycheck.pytest_plugin.items import EXAMINER, ClaimItem
from theorycheck.pytest_plugin.reporters import Terminal, Writer
from theorycheck.pytest_plugin.session import DEFAULT_IMAGES, ClaimSession

DEVICES = ("auto", "cpu", "cuda")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("theorycheck", "checking claims")
    group.addoption(
        "--device", choices=DEVICES, default="auto", help="where trainings run (default: auto)"
    )
    group.addoption(
        "--profile",
        choices=tuple(PROFILES),
        default="default",
        help="how much is tried; explore draws a fresh seed (default: default)",
    )
    group.addoption(
        "--images",
        metavar="DATA",
        default=DEFAULT_IMAGES,
        help="what claims on real data train on: digits, mnist:FOLDER or cifar10:FOLDER"
        " (default: digits)",
    )
    group.addoption("--claims", metavar="ID[,ID...]", help="check only these claims")
    group.addoption(
        "--report-dir",
        metavar="DIR",
        help="where claims.json and claims.md are written (default: reports/ in the rootdir)",
    )
    group.addoption(
        "--baseline",
        metavar="FILE",
        help="verdicts on record, with certificates/ beside it (default: reports/baseline.json)",
    )
    group.addoption(
        "--seed", type=int, metavar="N", help="seed of the run (default: 0; explore: fresh)"
    )


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(Hooks)


def pytest_configure(config: pytest.Config) -> None:
    session = ClaimSession(config)
    config.pluginmanager.register(session, EXAMINER)
    if session.worker_input is None:
        config.pluginmanager.register(Terminal(), "theorycheck-terminal")
        config.pluginmanager.register(Writer(session.folder), "theorycheck-writer")


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> ClaimItem | None:
    if isinstance(obj, Claim) and isinstance(collector, pytest.Module):
        item: ClaimItem = ClaimItem.from_parent(collector, name=obj.id, claim=obj)
        return item
    return None
