"""Sources: of which code and data a report is, so that an old one does not pass for a new one."""

from __future__ import annotations

import configparser
import hashlib
import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from theorycheck.errors import InputError
from theorycheck.reports.imported import reached

ENGINE = Path(__file__).parents[1]
"""The folder of theorycheck itself."""
CONFIGURED = "pyproject.toml"
INI = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg")
"""Files that configure pytest besides."""
JUDGING = ("errors", "baseline", "report-dir")
"""What the configuration says of how a report is judged, or where it goes, not of what is found."""
MOST_BYTES = 1_000_000
"""The longest file beside the claims, other than Python, whose content counts; of longer ones the
length does."""
OTHERS = ("__pycache__", "site-packages")
"""Folders in which nothing is the project's own."""
REPORTED = ("claims.json", "baseline.json")
"""Files that only folders of reports have."""


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """Digests of the files that decided what a run found.

    Attributes:
        engine: of theorycheck.
        claims: of the folders, or single files, with claims, of what they import from the project,
            of the ``conftest.py`` around them, and of the configuration, by their path within the
            folder of the project.
    """

    engine: str
    claims: dict[str, str]

    @classmethod
    def of(cls, root: Path, paths: Iterable[Path | str], files: Iterable[Path] = ()) -> Sources:
        """Those of now.

        Args:
            root: the folder of the project.
            paths: where its claims are, whether there is anything or not.
            files: in which claims were found. What lies beside them, such as a module of
                assumptions, counts: the whole of the first folder on the way to one that is not
                under ``paths``, or its own folder where that is outside.

        Raises:
            InputError: when the configuration cannot be read.
        """
        root = Path(os.path.abspath(root))
        places = {Path(os.path.abspath(root / path)) for path in paths}
        elsewhere = {Path(os.path.abspath(root / file)) for file in files}
        return cls._at(
            root, places | {_place(root, one) for one in elsewhere if not _within(one, places)}
        )

    def changed(self, root: Path, paths: Iterable[Path | str]) -> list[str]:
        """What is no longer as it was: names of folders and files.

        Raises:
            InputError: when the configuration cannot be read.
        """
        known = [name for name in self.claims if name not in (CONFIGURED, *INI)]
        root = Path(os.path.abspath(root))
        now = self._at(root, {Path(os.path.abspath(root / path)) for path in (*paths, *known)})
        found = [] if self.engine == now.engine else ["theorycheck"]
        names = sorted({*self.claims, *now.claims})
        return found + [one for one in names if self.claims.get(one) != now.claims.get(one)]

    @classmethod
    def _at(cls, root: Path, places: Iterable[Path]) -> Sources:
        configured = _configuration(root)
        outer = {place for place in places if not _within(place, {*places} - {place})}
        besides = _behind(root, outer, configured)
        alone = {file for file in besides if not _within(file, {*outer, ENGINE})}
        digests = {_name(root, one): _digest(one, root) for one in outer | alone}
        return cls(
            engine=_digest(ENGINE, ENGINE.parent, python_only=True),
            claims=dict(sorted({**digests, **{n: _sha(t) for n, t in configured.items()}}.items())),
        )


def python_files(root: Path, places: Iterable[Path]) -> set[Path]:
    """The Python files that decide what is found, of those within a project.

    Args:
        root: the folder of the project.
        places: where its claims are.

    Raises:
        InputError: when the configuration cannot be read.
    """
    return _behind(root, set(places), _configuration(root))


def _behind(root: Path, places: Iterable[Path], configured: dict[str, str]) -> set[Path]:
    """Those in the places, the ``conftest.py`` around, and what is imported from elsewhere."""
    folders, plugins = _named(root, configured)
    begin = {file for place in places for file in _files(place, root) if _is_python(file)}
    begin |= {
        folder / "conftest.py"
        for place in places
        for folder in place.parents
        if folder.is_relative_to(root) and (folder / "conftest.py").is_file()
    }
    begin |= {path for path in plugins if path.is_file()}
    return begin | reached(begin, root, folders, ENGINE)


def _place(root: Path, file: Path) -> Path:
    if not file.is_relative_to(root):
        return file.parent
    return root / PurePosixPath(file.relative_to(root)).parts[0]


def _within(path: Path, places: Iterable[Path]) -> bool:
    return any(path.is_relative_to(place) for place in places)


def _name(root: Path, path: Path) -> str:
    return Path(os.path.relpath(path, root)).as_posix()


def _is_python(file: Path) -> bool:
    return file.suffix == ".py"


def _files(place: Path, root: Path) -> Iterator[Path]:
    """The files of a folder, in order, but those of hidden folders and of reports; or a single one.

    Of a folder that holds the whole project these are the Python files alone.
    """
    if place.is_file():
        yield place
    whole = root.is_relative_to(place)
    for folder, inner, names in os.walk(place):
        if "pyvenv.cfg" in names or set(REPORTED) & set(names):
            inner.clear()
            continue
        inner[:] = sorted(n for n in inner if not n.startswith(".") and n not in OTHERS)
        files = [Path(folder, name) for name in sorted(names) if not name.startswith(".")]
        yield from (one for one in files if _is_python(one) or (not whole and one.is_file()))


def _digest(place: Path, root: Path, *, python_only: bool = False) -> str:
    """Of all files there, names included; of a place that is gone, that of nothing."""
    digest = hashlib.sha256()
    for path in _files(place, root):
        if python_only and not _is_python(path):
            continue
        try:
            length = path.stat().st_size
            content = path.read_bytes() if _is_python(path) or length <= MOST_BYTES else b""
        except OSError:  # nor could the claims read it
            length, content = -1, b""
        digest.update(f"{path.relative_to(place).as_posix()} {length}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# configuration


def _configuration(root: Path) -> dict[str, str]:
    """What is configured, as text by the name of the file: tables, or whole files of pytest."""
    try:
        tool = tomllib.loads(_text(root / CONFIGURED)).get("tool", {})
    except (ValueError, AttributeError) as error:
        raise InputError(f"{root / CONFIGURED} cannot be read: {error}; correct it") from error
    ours = {name: v for name, v in tool.get("theorycheck", {}).items() if name not in JUDGING}
    tables = {"theorycheck": ours, "pytest": tool.get("pytest", {})}
    texts = {name: _text(root / name) for name in INI if (root / name).is_file()}
    return {CONFIGURED: json.dumps(tables, sort_keys=True, default=str), **texts}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; restore it") from error


def _named(root: Path, configured: dict[str, str]) -> tuple[list[Path], list[Path]]:
    """Folders in which pytest looks for modules, and files of plugins, as it is told."""
    folders, plugins = list[Path](), list[Path]()
    for name, text in configured.items():
        options = _options(name, text)
        folders += [root / one for one in _words(options.get("pythonpath"))]
        said = " ".join(_words(options.get("addopts")))
        plugins += [
            folder.joinpath(*plugin.split(".")).with_suffix(".py")
            for plugin in re.findall(r"-p[ =]?([\w.]+)", said)
            for folder in (root, root / "src", *folders)
        ]
    return folders, plugins


def _options(name: str, text: str) -> dict[str, Any]:
    """The options of pytest in a file that configures it, or in the tables of the project."""
    if name == CONFIGURED:
        table = json.loads(text)["pytest"]
        return {**table, **table.get("ini_options", {})}
    try:
        if name.endswith(".toml"):
            return dict(tomllib.loads(text).get("pytest", {}))
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        parser.read_string(text)
    except (configparser.Error, ValueError):  # pytest says what is wrong
        return {}
    section = "tool:pytest" if name == "setup.cfg" else "pytest"
    return dict(parser[section]) if parser.has_section(section) else {}


def _words(said: Any) -> list[str]:
    return said.split() if isinstance(said, str) else [str(one) for one in said or ()]
