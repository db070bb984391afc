"""Sources: of which code a report is, so that an old one does not pass for a new one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import msgspec

ENGINE = Path(__file__).parents[1]
"""The folder of theorycheck itself."""


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """Digests of the Python files that decided what a run found.

    Attributes:
        engine: of theorycheck.
        claims: of the folders, or single files, in which claims were found, by their path within
            the folder of the run.
    """

    engine: str
    claims: dict[str, str]

    @classmethod
    def of(cls, root: Path, files: Iterable[str]) -> Sources:
        """Those of now.

        Args:
            root: the folder of the run.
            files: in which claims were found, relative to it. What lies beside them, such as a
                module of assumptions, counts: the whole of the first folder on the way to them,
                or their own folder where that is outside.
        """
        places = sorted(set(map(_place, files)))
        return cls(
            engine=_digest(ENGINE), claims={place: _digest(root / place) for place in places}
        )

    def changed(self, root: Path) -> list[str]:
        """What is no longer as it was: names of folders."""
        found = [] if self.engine == _digest(ENGINE) else ["theorycheck"]
        return found + [p for p, known in self.claims.items() if known != _digest(root / p)]


def _place(file: str) -> str:
    first, *rest = PurePosixPath(file).parts
    return str(PurePosixPath(file).parent) if first in ("..", "/") and rest else first


def _files(place: Path) -> Iterator[Path]:
    """All Python files of a folder, in order, but those of hidden folders; or a single file."""
    if place.is_file():
        yield place
    for folder, inner, names in os.walk(place):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(".py"))


def _digest(place: Path) -> str:
    """Of all Python files there, names included; of a place that is gone, that of nothing."""
    digest = hashlib.sha256()
    for path in _files(place):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(place).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]
