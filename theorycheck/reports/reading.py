"""Reading: JSON of a report or record, strictly, from files that end."""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from theorycheck.errors import InputError

MOST_BYTES = 100_000_000
"""The longest report or record that is read."""


def load(path: Path, what: str, newest: int) -> dict[str, Any]:
    """Read a report or record.

    Raises:
        InputError: when it is missing, no regular file, not JSON, has a key twice, or is of a
            schema version after the newest readable.
    """
    try:
        document = json.loads(
            _text(path), object_pairs_hook=_unique, parse_float=_finite, parse_constant=_finite
        )
        # What cannot be written again, such as half a surrogate pair, cannot be printed either.
        json.dumps(document, ensure_ascii=False).encode()
    except FileNotFoundError as error:
        if path.is_symlink():
            raise InputError(
                f"{what} {path} is a link to what does not exist; restore or delete it"
            ) from error
        raise InputError(f"{what} {path} does not exist; run `pytest properties/` first") from error
    except NotADirectoryError as error:
        raise InputError(f"{what} {path} cannot be: {path.parent} is no folder") from error
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error).replace("\n", " ")
        raise InputError(f"{what} {path} cannot be read: {reason}; restore or delete it") from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise InputError(f"{what} {path} has no schema_version; restore or delete it")
    if version < 1:
        raise InputError(
            f"{what} {path} has schema version {version}, which there never was; restore or delete"
            " it"
        )
    if version > newest:
        raise InputError(
            f"{what} {path} has schema version {version}, this theorycheck reads up to"
            f" {newest}; upgrade theorycheck"
        )
    return dict(document)


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON document, whatever the order of its keys.

    No signature, as anyone can compute one: it reveals accidents, and edits by hand.
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """A document with the digest of all that it says."""
    return {**content, "digest": digest(content)}


def is_sealed(document: Mapping[str, Any]) -> bool:
    """Whether a document is what it was when it was sealed."""
    content = {name: value for name, value in document.items() if name != "digest"}
    return bool(document.get("digest") == digest(content))


def _text(path: Path) -> str:
    """The text of a regular file: pipes, devices and files without an end are none."""
    # Without waiting, because a pipe may have no writer.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_size == 0:
        os.close(descriptor)
        raise ValueError("not a file, or an empty one")
    with open(descriptor, "rb") as stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"longer than {MOST_BYTES} bytes")
    return content.decode()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:60]!r} occurs twice")
    return document


def _finite(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise ValueError(f"{literal[:30]} is not a finite number")
    return number
