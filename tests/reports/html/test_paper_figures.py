"""Figures of papers: found by the labels of items, with the claims that name them."""

from __future__ import annotations

from tests.reports.entries import ENTRIES
from theorycheck.reports.coverage import Coverage, Item, Placed
from theorycheck.reports.html.paper_figures import PaperFigure, paper_figures

KNOWN = {entry.id: entry for entry in ENTRIES.values()}
TENDENCY, HOLDS, OWN = ENTRIES["tendency"], ENTRIES["holds"], ENTRIES["own"]


def item(label: str, shows: str | None = None) -> Item:
    return Item(label=label, words="a few words", says=f"says {label}", shows=shows)


def test_items_of_one_figure_are_told_together_and_trainings_come_first() -> None:
    held, trained, own = map(Placed.reported, (HOLDS, TENDENCY, OWN))
    rows = (
        (item("Figure 10: a part", "two curves"), (held,)),
        (item("Section 4: Figure 3"), (own,)),
        (item("Figure 2"), (own,)),
        (item("Figure 10", "two curves"), (trained, held)),
        (item("Fig. 7"), ()),
        (item("Figures"), (own,)),
    )
    assert paper_figures(Coverage("toy2020", rows, ()), KNOWN) == [
        PaperFigure("Figure 2", ("says Figure 2",), (OWN,)),
        PaperFigure("Figure 10", ("two curves",), (TENDENCY, HOLDS)),
    ]
