"""What stands beside a report in its folder, or beside the claims, and is shown on its pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from theorycheck.errors import InputError
from theorycheck.reports.coverage import Items, load_items
from theorycheck.reports.needs import Needs, load_needs
from theorycheck.reports.origins import Making, Origin, origins
from theorycheck.reports.power import NONE, Powers, beside


@dataclass(frozen=True)
class Companions:
    """Of a report.

    Attributes:
        items: those of papers, which a report on a part of the claims does not cover.
        powers: what became of the false neighbours of the claims.
        needs: what is known of their hypotheses and bounds.
        origins: where they are stated, by id, as far as that is known.
        making: what is said of a page that is published.
        changed: ids of the claims that differ from the record; None where nothing is on record.
        unread: what could not be read, a sentence for each; a report is not lost for it.
    """

    items: tuple[Items, ...] = ()
    powers: Powers = NONE
    needs: Needs = field(default_factory=Needs)
    origins: Mapping[str, Origin] = field(default_factory=dict)
    making: Making | None = None
    changed: frozenset[str] | None = None
    unread: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, folder: Path, claims: Iterable[Path], changed: frozenset[str] | None = None
    ) -> Companions:
        """Of the report in a folder, on the claims in others.

        Args:
            changed: the claims that differ from the record (`Baseline.differing`).

        Raises:
            InputError: for a list of items that is none.
        """
        powers, needs, unread = NONE, Needs(), list[str]()
        try:
            powers = beside(folder)
        except InputError as error:
            unread.append(str(error))
        try:
            needs = load_needs(folder)
        except InputError as error:
            unread.append(str(error))
        places = tuple(claims)
        return cls(
            items=load_items(places),
            powers=powers,
            needs=needs,
            origins=origins(folder, places),
            changed=changed,
            unread=tuple(unread),
        )


NOTHING = Companions()
