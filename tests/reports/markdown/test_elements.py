"""Elements of Markdown."""

from theorycheck.reports.markdown.elements import cell, within


def test_bars_do_not_break_a_table() -> None:
    assert cell("|W| <= 1") == r"\|W\| <= 1"
    assert cell("W") == "W"


def test_a_link_on_the_same_page() -> None:
    assert within("A title", "a-claim") == "[A title](#a-claim)"
