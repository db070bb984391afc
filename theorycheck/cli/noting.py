"""Notes on certificates that are verified: what the kernel alone cannot say of them.

Made by the kernel's own means, because verifying loads nothing else.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from theorycheck import kernel
from theorycheck.claims.variants import Variant, variant_of


def note(path: Path, record: str | None) -> bool:
    """Say whether a claim has another name now, and which claim a certificate is a variant of.

    Args:
        path: of a certificate.
        record: with which it was compared; None for those beside it.

    Returns:
        Whether it is what it says, as far as that is known.
    """
    try:
        document = kernel.read_file(path, kernel.MOST_BYTES)
    except kernel.Rejected:
        return True  # That was said.
    variant, said = _verified_variant(document), True
    for place in kernel.beside(path) if record is None else [Path(record)]:
        try:
            table = kernel.read_file(place, 10 * kernel.MOST_BYTES)
        except kernel.Rejected:
            continue
        _note_new_name(document, table)
        said = said and (variant is None or _note_variant(document, variant, table))
    return said


def _verified_variant(document: dict[str, Any]) -> Variant | None:
    """What a certificate is a variant of, if it says so; only then is it verified once more."""
    try:
        found = variant_of(document)
        return found and variant_of(kernel.check(document).document)
    except (kernel.Rejected, LookupError, TypeError):  # Malformed or rejected: that was said.
        return None


def _note_new_name(document: dict[str, Any], table: dict[str, Any]) -> None:
    named, renames = document.get("claim"), table.get("renamed")
    if isinstance(renames, dict) and isinstance(named, str) and named in renames:
        kernel.say(f"{named} is now called {renames[named]}", sys.stdout)


def _note_variant(document: dict[str, Any], variant: Variant, table: dict[str, Any]) -> bool:
    """Say of which claim a statement is a variant, and that it is not that claim."""
    versions, verdicts = (table.get(key) for key in ("statements", "verdicts"))
    if not isinstance(versions, dict) or not isinstance(verdicts, dict):
        return True
    name, recorded = document["claim"], versions.get(variant.claim)
    if recorded is None:
        kernel.say(f"{name}: {variant.claim} is not on record", sys.stdout)
    elif recorded != kernel.digest([variant.claim, variant.statement])[:16]:
        kernel.say(
            f"{name}: REJECTED: it is no variant of {variant.claim} as that is on record; run"
            " `theorycheck needs` again",
            sys.stderr,
        )
        return False
    else:
        places = [f"`{new}` in the place of `{old}`" for old, new in variant.changes.items()]
        changed = " and ".join(places)
        kernel.say(
            f"{name}: this is not {variant.claim}, which is on record as"
            f" {verdicts.get(variant.claim)}, but the same statement with {changed}; that is what"
            " is refuted",
            sys.stdout,
        )
    return True
