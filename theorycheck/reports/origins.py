"""Origins: where claims are stated, and what a page that is published says of its making."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from theorycheck.claims.declaration import is_claim_id
from theorycheck.errors import InputError
from theorycheck.reports.documents import Circumstances, unreadable


@dataclass(frozen=True)
class Origin:
    """Where a claim is stated.

    Attributes:
        file: its path, from the folder that holds that of all claims.
        line: the first one of its statement.
        link: from a page to that line; None for a page that does not lie beside the claims, which
            would tell of the machine it was made on.
    """

    file: str
    line: int
    link: str | None


@dataclass(frozen=True)
class Making:
    """What is said of a page that is published, and of no other, as it differs from run to run.

    Attributes:
        commit: that of the code.
        versions: of Python and libraries in the run, by name; empty where ``run.json`` is gone.
    """

    commit: str
    versions: Mapping[str, str]

    @classmethod
    def of(cls, folder: Path, commit: str) -> Making:
        """Of the report in a folder.

        Raises:
            InputError: for a commit that is none, and for a ``run.json`` that cannot be read.
        """
        if not re.fullmatch(r"[0-9a-f]{7,64}", commit):
            raise InputError(f"{commit!r} is no commit; give what `git rev-parse HEAD` prints")
        path = folder / "run.json"
        try:
            went = msgspec.json.decode(path.read_bytes(), type=Circumstances)
        except FileNotFoundError:
            return cls(commit, {})
        except (OSError, ValueError) as error:
            raise unreadable(str(path), error) from error
        return cls(commit, went.versions)


def origins(folder: Path, claims: Iterable[Path]) -> dict[str, Origin]:
    """Where the claims of a project are stated, by id, for a page in a folder.

    A claim is stated where its id is the first argument of a call. Files that are no Python are
    passed over: a run of the claims reports them.

    Args:
        claims: the folders with the claims, or single files.
    """
    found: dict[str, Origin] = {}
    for place in claims:
        root = place.resolve().parent
        beside = folder.resolve().parent == root
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            file = path.resolve().relative_to(root).as_posix()
            for name, line in _stated(path):
                link = f"../{file}#L{line}" if beside else None
                found.setdefault(name, Origin(file, line, link))
    return found


def _stated(path: Path) -> Iterator[tuple[str, int]]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.args[0].value
            if isinstance(name, str) and is_claim_id(name):
                yield name, node.lineno
