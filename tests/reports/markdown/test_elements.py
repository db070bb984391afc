"""Elements of Markdown."""

from theorycheck.reports.markdown.elements import cell, within, without_markup


def test_bars_do_not_break_a_table() -> None:
    assert cell("|W| <= 1") == r"\|W\| <= 1"
    assert cell("W") == "W"


def test_a_link_on_the_same_page() -> None:
    assert within("A title", "a-claim") == "[A title](#a-claim)"


def lines(*given: str) -> list[str]:
    return list(without_markup("\n".join(given)))


def test_text_is_no_html() -> None:
    hostile = "### <script>alert(1)</script> <!-- <?"
    assert lines(hostile) == [r"### \<script>alert(1)\</script> \<!-- \<?"]
    assert lines("a < b <= c <3", "| ` <b> |") == ["a < b <= c <3", r"| ` \<b> |"]


def test_code_formulas_and_anchors_stay_as_they_are() -> None:
    given = [
        '<a id="a-claim"></a>',
        "`a<b>c`",
        "$$a<b$$",
        "> ```text",
        "> <b>",
        "> ```",
        "```",
        "<i>",
    ]
    assert lines(*given, "```", "<i>") == [*given, "```", r"\<i>"]


def test_an_anchor_within_text_is_text() -> None:
    assert lines('### <a id="x"></a>') == [r'### \<a id="x">\</a>']
