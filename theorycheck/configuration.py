"""Configuration: what ``[tool.theorycheck]`` of a ``pyproject.toml`` says, for plugin and command.

::

    [tool.theorycheck]
    paths = ["properties"]                  # where the claims are
    baseline = "reports/baseline.json"      # verdicts on record
    report-dir = "reports"                  # where reports are written
    profile = "default"                     # how much is tried
    images = "digits"                       # what claims on real data train on
    device = "auto"                         # where networks train
    errors = ["new"]                        # what else is an error

All are optional, and these are their values where they are missing. Paths are relative to the file.
A claim on record that differs, is undecided or was not examined is always an error. What else is
one, ``errors`` says: ``new``, a claim that has no verdict on record yet; ``refuted`` or
``vacuous``, a claim with that verdict, on record or not.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from theorycheck.claims.entries import Entry
from theorycheck.errors import InputError
from theorycheck.reports.baseline import Baseline
from theorycheck.reports.documents import Report

FILE = "pyproject.toml"

Text = Annotated[str, msgspec.Meta(min_length=1, pattern=r"^[^\0]+$")]
"""What may name something: not nothing, which would be the folder of the project, and no NUL."""


class Settings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"
):
    """The table as it is written."""

    paths: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)] = ("properties",)
    baseline: Text = "reports/baseline.json"
    report_dir: Text = "reports"
    profile: Literal["quick", "default", "deep", "explore"] = "default"
    images: Text = "digits"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    errors: tuple[Literal["new", "refuted", "vacuous"], ...] = ("new",)


@dataclass(frozen=True)
class Project:
    """A project with claims: the folder that its settings are relative to, and what they say.

    Attributes:
        configured: whether there is such a table, or all is as it is without one.
    """

    folder: Path
    settings: Settings
    configured: bool = False

    @classmethod
    def at(cls, start: Path) -> Project:
        """The project of a folder: the nearest one around it that is configured, or else itself.

        Raises:
            InputError: when the configuration cannot be read or says what nobody understands.
        """
        for folder in (start, *start.parents):
            table = _table(folder / FILE)
            if table is not None:
                try:
                    return cls(folder, msgspec.convert(table, Settings), configured=True)
                except msgspec.ValidationError as error:
                    said = f"[tool.theorycheck] in {folder / FILE}: {error}"
                    raise InputError(
                        f"{said}; correct it, the README lists what it may say"
                    ) from error
        return cls(start, Settings())

    def is_of(self, folder: Path) -> bool:
        """Whether a command that is given in a folder is about this project."""
        try:
            return Project.at(folder).folder.samefile(self.folder)
        except (InputError, OSError):
            return False

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where the claims are."""
        return tuple(self._inside(path) for path in self.settings.paths)

    @property
    def baseline(self) -> Path:
        """The file with the verdicts on record."""
        return self._inside(self.settings.baseline)

    @property
    def report_dir(self) -> Path:
        """The folder where reports are written."""
        return self._inside(self.settings.report_dir)

    def _inside(self, path: str) -> Path:
        return self.folder / expanded(path)

    def fault(self, record: Baseline, entry: Entry) -> str | None:
        """Why a claim is an error, apart from being new; None if it is none."""
        changed = None if is_new(record, entry) else record.difference(entry)
        if changed is None and entry.verdict in self.settings.errors:
            return f"{entry.id}: {entry.verdict} ({entry.reason}), which is an error here"
        return changed

    def differences(self, record: Baseline, report: Report) -> list[str]:
        """All that is an error in a report, one line each; a part is compared with its part."""
        found = [
            record.difference(entry)
            if is_new(record, entry) and self.forbids(entry)
            else self.fault(record, entry)
            for entry in report.claims
        ]
        lost = [] if report.omitted else record.lost(entry.id for entry in report.claims)
        return [*filter(None, found), *lost]

    def forbids(self, new: Entry) -> bool:
        """Whether a claim without a verdict on record is an error."""
        return new.verdict == "undecided" or "new" in self.settings.errors


def is_new(record: Baseline, entry: Entry) -> bool:
    """Whether a claim has no verdict on record, under whatever name."""
    return entry.id not in record.verdicts and entry.id not in record.renamed


def expanded(path: str) -> Path:
    """A path that the user wrote where no shell replaces ``~``."""
    return Path(os.path.expanduser(path))


def near(path: Path, here: Path | None = None) -> Path:
    """A path as short as it can be written in a folder, by default the current one."""
    here = here or Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _table(path: Path) -> object:
    """The table of a file; None where there is no file, or no such table in it."""
    try:
        if path.exists() and not path.is_file():  # A pipe may have no writer: nobody waits for it.
            raise ValueError("it is no file")
        tools = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
        if not isinstance(tools, dict):
            raise ValueError("[tool] is no table")
        return tools.get("theorycheck")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: {error}; correct it") from error
