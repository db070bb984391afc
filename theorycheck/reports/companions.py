"""What stands beside a report in its folder, or beside the claims, and is shown on its pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from theorycheck.errors import InputError
from theorycheck.reports.coverage import Items, load_items
from theorycheck.reports.power import NONE, Powers, beside


@dataclass(frozen=True)
class Companions:
    """Of a report.

    Attributes:
        items: those of papers, which a report on a part of the claims does not cover.
        powers: what became of the false neighbours of the claims.
        unread: what could not be read, a sentence for each; a report is not lost for it.
    """

    items: tuple[Items, ...] = ()
    powers: Powers = NONE
    unread: tuple[str, ...] = ()

    @classmethod
    def of(cls, folder: Path, claims: Iterable[Path]) -> Companions:
        """Of the report in a folder, on the claims in others.

        Raises:
            InputError: for a list of items that is none.
        """
        powers, unread = NONE, list[str]()
        try:
            powers = beside(folder)
        except InputError as error:
            unread.append(str(error))
        return cls(load_items(claims), powers, tuple(unread))


NOTHING = Companions()
