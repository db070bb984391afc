"""Asking: what the command line said, before any ``conftest.py`` could say otherwise.

`pytest.Config` keeps it where every hook can change it. Paths in ``testpaths`` and ``addopts`` are
those of the project, not the choice of the user.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

CHOOSING = ("claims", "keyword", "markexpr", "deselect", "lf")
"""Options that choose claims, or deselect them."""
NAMED = "theorycheck_named"
"""Key under which a worker is told what files and claims a command line names."""
SAID = pytest.StashKey[argparse.Namespace]()
"""What the command line says by itself, without ``addopts``."""
ASKED = pytest.StashKey["Asked"]()
"""Under which it is kept."""


@dataclass(frozen=True)
class Asked:
    """What a run was asked for.

    Attributes:
        args: files and folders, as pytest was to collect them.
        chosen: whether the user chose them: by name, or by going there.
        ignored, globs: files that the command line says to ignore.
        options: the values of `CHOOSING`.
    """

    args: tuple[str, ...]
    chosen: bool
    ignored: tuple[str, ...]
    globs: tuple[str, ...]
    options: Mapping[str, Any]

    @classmethod
    def of(cls, config: pytest.Config) -> Asked:
        """What is remembered; or what is so now, where pytest's own command is not run."""
        said = config.stash.get(SAID, config.option)
        here = config.args_source is pytest.Config.ArgsSource.INVOCATION_DIR
        now = cls(
            args=tuple(map(str, config.args)),
            chosen=bool(getattr(said, "file_or_dir", ())) or here,
            ignored=tuple(map(str, said.ignore or ())),
            globs=tuple(said.ignore_glob or ()),
            options=_options(config),
        )
        asked = config.stash.setdefault(ASKED, now)
        named = getattr(config, "workerinput", {}).get(NAMED)
        if named:  # The controller told names of claims from files, as no worker can.
            config.args, config.option.claims = named["files"], named["claims"]
            options = {**asked.options, "claims": named["claims"]}
            asked = replace(asked, args=tuple(named["files"]), options=options)
        return asked

    @property
    def claims(self) -> str | None:
        """The ids of claims that were named."""
        named: str | None = self.options["claims"]
        return named

    def changed(self, config: pytest.Config) -> list[str]:
        """The options that are no longer what the command line said."""
        now = _options(config)
        return [name for name, value in self.options.items() if now[name] != value]


def _options(config: pytest.Config) -> dict[str, Any]:
    return {one: copy.copy(getattr(config.option, one, None)) for one in CHOOSING}
