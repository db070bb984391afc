"""Report documents: the schema of ``claims.json``, reading and writing."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from theorycheck.errors import InputError

SCHEMA_VERSION = 2
"""Of ``claims.json``."""

BASELINE_VERSION = 1

Entry = dict[str, Any]

Table = dict[str, str]

ORDER = ("refuted", "vacuous", "undecided", "holds", "proved")
"""Verdicts in the order in which a reader wants to see them."""


ENTRY_FIELDS = frozenset(
    {
        "id", "title", "kind", "sources", "statement", "description", "hypotheses", "corrects",
        "verdict", "reason", "examples", "tightest", "counterexample", "nearest", "arithmetic",
        "control", "certificate", "seconds", "enough", "seeds", "version",
    }
)  # fmt: skip
"""Fields of every entry of ``claims``; ``seeds`` are those of the runs that gave its evidence."""

RUN_FIELDS = frozenset(
    {
        "profile", "seed", "device", "images", "workers", "finished", "started", "seconds",
        "versions",
    }
)  # fmt: skip
"""Fields of the metadata of a run; ``notes`` are texts, there if there are any."""


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a crash or a full disk leaves the previous file as it was.

    Raises:
        OSError: when the folder or disk does not take it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def dumps(document: Any) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def load(path: Path, what: str, newest: int) -> dict[str, Any]:
    """Read a report or baseline.

    Raises:
        InputError: when it is missing, not JSON, or of a schema version after the newest readable.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text, parse_float=_finite, parse_constant=_finite)
    except FileNotFoundError as error:
        raise InputError(f"{what} {path} does not exist; run `pytest properties/` first") from error
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error).replace("\n", " ")
        raise InputError(f"{what} {path} cannot be read: {reason}; restore or delete it") from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise InputError(f"{what} {path} has no schema_version; restore or delete it")
    if version > newest:
        raise InputError(
            f"{what} {path} has schema version {version}, this theorycheck reads up to"
            f" {newest}; upgrade theorycheck"
        )
    return dict(document)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number


def load_report(path: Path) -> dict[str, Any]:
    """Read ``claims.json``; errors as in `load`."""
    document = load(path, "report", SCHEMA_VERSION)
    if document["schema_version"] < SCHEMA_VERSION:
        raise InputError(
            f"report {path} has schema version {document['schema_version']}, this theorycheck reads"
            f" {SCHEMA_VERSION}; run the claims again"
        )
    claims, run = document.get("claims"), document.get("run")
    if not isinstance(claims, list) or not isinstance(run, dict):
        raise InputError(f"report {path} has no run or no list of claims; run the claims again")
    described = runs(document)
    if not isinstance(described, list) or not all(
        isinstance(one, dict) and one.keys() >= RUN_FIELDS for one in described
    ):
        raise InputError(f"report {path} has an incomplete run; run the claims again")
    for claim in claims:
        if not isinstance(claim, dict) or not claim.keys() >= ENTRY_FIELDS:
            raise InputError(f"report {path} has an incomplete claim; run the claims again")
        if claim["verdict"] not in ORDER:
            raise InputError(
                f"report {path}: {claim['verdict']!r} is no verdict; run the claims again"
            )
    return document


def runs(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The metadata of every run that a report is made of: one, or those that were merged."""
    run = document["run"]
    merged: list[dict[str, Any]] = run.get("merged", [run])
    return merged
