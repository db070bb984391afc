"""The command ``needs``: which hypotheses claims need, and which of their bounds are sharp."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theorycheck.claims.declaration import Claim
from theorycheck.claims.wider import is_read_anywhere
from theorycheck.errors import InputError
from theorycheck.pytest_plugin.collecting import claims_by_id, claims_of_worker
from theorycheck.reports import reading
from theorycheck.reports.baseline import Baseline
from theorycheck.reports.documents import dumps, try_writing, write_atomically
from theorycheck.reports.needs import FILE, FOLDER, Needs, Row, load_needs, summary

if TYPE_CHECKING:
    from theorycheck.arithmetic.cases import Case

Found = tuple[Row, list[dict[str, Any]]]
OF_EACH = 8
"""Examples of the strategy of every claim, at which hypotheses of others may be denied."""


def find_needs(
    paths: tuple[str, ...],
    folder: Path,
    record: Baseline,
    ids: Sequence[str],
    *,
    seed: int,
    workers: int,
) -> Iterator[str]:
    """Look for what claims need, and say what was found, claim by claim.

    The report of needs is written with its certificates after each of them, so that what was found
    stays when the rest is interrupted. What is known of other claims that still pass stays, and the
    examples that are known of these claims are looked at again.

    Args:
        paths: folders of the claims.
        folder: of the report.
        ids: of the claims; all that are stated, and not on record as failing, by default.

    Raises:
        InputError: when a claim is unknown, is not stated as a formula with hypotheses, or fails,
            when the report cannot be written, and when a certificate that it names is rejected.
    """
    if workers < 1:
        raise InputError("workers is a count: give at least 1")
    try_writing(folder / FILE, "--report-dir")
    claims = claims_by_id(paths)
    asked = {name for name, claim in claims.items() if _reason(claim, record) is None}
    chosen = list(ids) or sorted(asked)
    for name in chosen:
        if name not in claims:
            raise InputError(record.unknown([name]))
        reason = _reason(claims[name], record)
        if reason is not None:
            raise InputError(f"claim {name} {reason}: nothing is left out of it")
    rows = {name: row for name, row in load_needs(folder).claims.items() if name in asked}
    known = {
        name: [_path(folder, each) for each in row.certificates()] for name, row in rows.items()
    }
    others = (*(folder / "certificates").glob("*.json"), *(folder / FOLDER).glob("*.json"))
    with ProcessPoolExecutor(workers) as executor:
        made = [
            executor.submit(_found, paths, name, seed, known.get(name, []), tuple(sorted(others)))
            for name in chosen
        ]
        try:
            for name, each in zip(chosen, made, strict=True):
                row, certificates = each.result()
                rows[name] = row
                yield from summary(name, row)
                _write(folder, Needs(claims=rows), certificates)
        except BaseException:  # Else the others are waited for.
            executor.shutdown(cancel_futures=True)
            raise
    yield f"wrote {folder / FILE}; `theorycheck report` shows it"


def _reason(claim: Claim, record: Baseline) -> str | None:
    """Why nothing is asked of a claim, as the end of a sentence that begins with its name."""
    if not is_read_anywhere(claim):
        return "is not stated by a formula at any weights"
    verdict = record.verdicts.get(claim.id)
    if verdict in ("refuted", "vacuous"):
        return f"is on record as {verdict}"
    return None


def _found(
    paths: tuple[str, ...],
    name: str,
    seed: int,
    known: Sequence[Path],
    others_at: tuple[Path, ...],
) -> Found:
    import torch

    from theorycheck.arithmetic.cases import Case
    from theorycheck.claims.certificates import load, statement_version
    from theorycheck.claims.necessity import needs_of
    from theorycheck.claims.sharpness import is_bound, sharpness_of

    torch.set_num_threads(1)
    claim = claims_of_worker(paths)[name]
    examples = [Case.from_dict(load(path)["case"]) for path in known if path.exists()]
    others = _examples_of_all(paths, others_at, seed)
    needs, certificates = needs_of(claim, seed, examples, others)
    sharpness = None
    if is_bound(claim):
        sharpness, equality = sharpness_of(claim, seed)
        certificates += [] if equality is None else [equality]
    version = statement_version(claim) or ""
    return Row(version=version, seed=seed, needs=tuple(needs), sharpness=sharpness), certificates


@cache
def _examples_of_all(paths: tuple[str, ...], files: Sequence[Path], seed: int) -> list[Case]:
    """Single networks of certificates, and those that the strategies of all claims propose.

    They are tried, and not trusted: a file that holds no network is passed over.
    """
    from theorycheck.arithmetic.cases import Case
    from theorycheck.claims.search import proposed

    found = []
    for path in files:
        with suppress(InputError, LookupError, TypeError):
            found.append(Case.from_dict(reading.load(path, "certificate", sys.maxsize)["case"]))
    for claim in claims_of_worker(paths).values():
        if is_read_anywhere(claim) and "case" in claim.on:
            found += proposed(claim.on, OF_EACH, claim.seed(seed, altered=False))
    return found


def _write(folder: Path, needs: Needs, certificates: Sequence[dict[str, Any]]) -> None:
    """The report, its new certificates, and none that it does not name."""
    for certificate in certificates:
        write_atomically(_path(folder, certificate["claim"]), dumps(certificate))
    write_atomically(folder / FILE, dumps(needs.document()))
    for path in set((folder / FOLDER).glob("*.json")) - set(_named(folder, needs)):
        path.unlink()


def _named(folder: Path, needs: Needs) -> Iterator[Path]:
    for row in needs.claims.values():
        yield from (_path(folder, name) for name in row.certificates())


def _path(folder: Path, name: str) -> Path:
    return folder / FOLDER / f"{name}.json"
