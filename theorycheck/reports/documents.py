"""Report documents: what ``claims.json`` holds, reading and writing it.

The classes `Report`, `Run` and `theorycheck.claims.Entry` define the document: msgspec reads,
checks and writes by their types, and makes the JSON Schema from them that is published as
``report.schema.json`` beside this module.

The same claims with the same seed and profile give the same document, byte for byte. What may be
different another time, or on another machine, is in `Circumstances`, a file of its own.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path
from textwrap import shorten
from typing import Any, TypeVar

import msgspec

from theorycheck.claims.entries import Entry
from theorycheck.claims.verdicts import Verdict
from theorycheck.errors import InputError
from theorycheck.reports import contradictions
from theorycheck.reports.reading import is_sealed, load, sealed
from theorycheck.reports.sources import Sources

SCHEMA_VERSION = 4
"""Of ``claims.json``."""

ORDER = (Verdict.REFUTED, Verdict.VACUOUS, Verdict.UNDECIDED, Verdict.HOLDS, Verdict.PROVED)
"""Verdicts in the order in which a reader wants to see them."""

T = TypeVar("T")


class Run(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a run was asked for.

    Attributes:
        finished: whether every claim was examined.
        images: which images claims trained on, by their content (`theorycheck.data.identity`).
        sources: of which code the run was.
        omitted: how many claims are on record, or were in the last report, or were found, for which
            the run was not asked.
    """

    profile: str
    seed: int
    device: str
    images: str
    finished: bool
    sources: Sources
    omitted: int = 0


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """How a run went, as far as it says nothing of the claims: ``run.json``.

    Attributes:
        started: date and time, ISO 8601.
        seconds: how long it took.
        workers: how many processes examined claims.
        versions: of Python and of the libraries that matter.
        notes: what went otherwise than planned, though not in its results.
        claims: how many seconds each claim took.
    """

    started: str
    seconds: float
    workers: int
    versions: dict[str, str]
    notes: tuple[str, ...]
    claims: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Report:
    """A report.

    Attributes:
        runs: one, or those that were merged.
        merged: whether the report is made of others.
        claims: the entries, in the order of the report.
    """

    runs: tuple[Run, ...]
    claims: tuple[Entry, ...]
    merged: bool = False

    def document(self) -> dict[str, Any]:
        """The report as ``claims.json`` holds it, with the digest of all that it says."""
        described = [msgspec.to_builtins(run) for run in self.runs]
        content = {
            "schema_version": SCHEMA_VERSION,
            "run": {"merged": described} if self.merged else described[0],
            "claims": [entry.document() for entry in self.claims],
        }
        return sealed(content)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Report:
        """The report that a document holds; inverse of `document`.

        Raises:
            InputError: naming the claim that cannot be read, and saying what is wrong and where;
                and when the document is not the one that was written, or contradicts itself.
        """
        run, merged = document.get("run"), False
        if isinstance(run, dict) and "merged" in run:
            runs, merged = _read(tuple[Run, ...], run["merged"], "its list of runs"), True
        else:
            runs = (_read(Run, run, "its run"),)
        claims = _read(tuple[dict[str, Any], ...], document.get("claims"), "its list of claims")
        # One by one, because a person knows a claim by its id, not by its place in a list.
        entries = tuple(_read(Entry, claim, f"claim {claim.get('id')!r}") for claim in claims)
        twice = [name for name, n in Counter(entry.id for entry in entries).items() if n > 1]
        if twice:
            raise InputError(f"claim {twice[0]!r} occurs twice")
        if not is_sealed(document):
            raise InputError("it was changed after the run that wrote it: its digest differs")
        contradictions.require_none(runs, entries)
        return cls(runs=runs, claims=entries, merged=merged)

    @property
    def omitted(self) -> int:
        """How many claims the run was not asked for; merged reports are about all claims."""
        return 0 if self.merged else self.runs[0].omitted


def schema() -> dict[str, Any]:
    """The JSON Schema of ``claims.json``."""
    (run, entry), parts = msgspec.json.schema_components((Run, Entry))
    for part in parts.values():
        part["description"] = cleandoc(part.get("description", ""))
        for told in part.get("properties", {}).values():
            # What is absent is empty; versions of msgspec differ in whether they say so.
            if told.get("default") in ((), [], {}):
                del told["default"]
    merged = {
        "type": "object",
        "required": ["merged"],
        "properties": {"merged": {"type": "array", "items": run}},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Report of theorycheck: claims.json",
        "type": "object",
        "required": ["schema_version", "run", "claims", "digest"],
        "properties": {
            "schema_version": {"const": SCHEMA_VERSION},
            "run": {"oneOf": [run, merged]},
            "claims": {"type": "array", "items": entry},
            "digest": {"type": "string"},
        },
        "$defs": parts,
    }


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a crash or a full disk leaves the previous file as it was.

    Raises:
        OSError: when the folder or disk does not take it.
    """
    write_together(path.parent, {path.name: text})


def write_together(folder: Path, texts: Mapping[str, str | None]) -> None:
    """Write text files so that the folder never holds old ones beside new ones.

    What has no text is removed. A full disk leaves all of them as they were. After a crash some may
    be missing, though not the first: it is there as it was, or as it is to be.

    Raises:
        OSError: when the folder or disk does not take them, naming the file.
    """
    with ExitStack() as stack:
        stack.enter_context(_there(folder))
        written = {
            name: _prepared(stack, folder / name, text)
            for name, text in texts.items()
            if text is not None
        }
        stack.enter_context(_alone(folder))
        for path in (folder / name for name in texts):
            if path.is_dir():  # Nothing is removed before all can be put in its place.
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        for name in list(texts)[1:]:
            (folder / name).unlink(missing_ok=True)
        for name, temporary in written.items():
            with _about(folder / name):
                os.replace(temporary, folder / name)


def try_writing(path: Path, option: str) -> None:
    """See that a file can be written, before the work for it is done; nothing is left of that.

    Args:
        option: with which another may be named.

    Raises:
        InputError: when it cannot.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is no file; name another with {option}")
    try:
        with _there(path.parent, stays=False), ExitStack() as stack:
            _prepared(stack, path, " " * 4096)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}); name another with {option}"
        ) from error


@contextmanager
def _there(folder: Path, *, stays: bool = True) -> Iterator[None]:
    """Have a folder; afterwards, or after an error, folders that were made for it are gone."""
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        stays = False
        raise
    finally:
        for one in made if not stays else ():
            with suppress(OSError):  # Somebody else has put something there.
                one.rmdir()


@contextmanager
def _about(path: Path) -> Iterator[None]:
    """What the system says is said of a file, not of none, or of one that nobody knows."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _prepared(stack: ExitStack, path: Path, text: str) -> str:
    """A file beside its place, which is removed with the stack unless it was moved there."""
    with _about(path):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        stack.callback(Path(temporary).unlink, missing_ok=True)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(temporary, 0o644)
    return temporary


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other runs from moving files of theirs there meanwhile, where the disk can do that."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def dumps(document: Any) -> str:
    """JSON for files that people read and compare."""
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def load_report(path: Path) -> Report:
    """Read ``claims.json``, and judge its evidence once more: no verdict is merely believed.

    Raises:
        InputError: as `unjudged`; and for a verdict that its evidence does not support.
    """
    report = unjudged(path)
    try:
        contradictions.require_judged(report.claims)
    except InputError as error:
        raise InputError(f"report {path}: {error}; run the claims again") from error
    return report


def unjudged(path: Path) -> Report:
    """Read ``claims.json`` where verdicts say nothing; the engine is not loaded for that.

    Raises:
        InputError: as `load`; for an older schema; and for a document that is no report, as
            `Report.of`.
    """
    document = load(path, "report", SCHEMA_VERSION)
    if document["schema_version"] < SCHEMA_VERSION:
        raise InputError(
            f"report {path} has schema version {document['schema_version']}, this theorycheck reads"
            f" {SCHEMA_VERSION}; run the claims again"
        )
    try:
        return Report.of(document)
    except InputError as error:
        raise InputError(f"report {path}: {error}; run the claims again") from error


def unreadable(what: str, error: Exception) -> InputError:
    """The error of a part of a document: one line of bounded length, whatever the part holds."""
    return InputError(shorten(f"{what} cannot be read: {error}", 200))


def _read(form: type[T], part: Any, what: str) -> T:
    try:
        return msgspec.convert(part, form)
    except msgspec.ValidationError as error:
        raise unreadable(what, error) from error
