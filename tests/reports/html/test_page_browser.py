"""The page in a browser: what a reader does with it, in Debian's Chromium and Firefox."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.support.wait import WebDriverWait

from tests.reports.entries import ENTRIES, report
from tests.reports.html.browsers import STARTS_WITHIN
from tests.reports.html.test_page import hostile
from theorycheck import __version__, reports
from theorycheck.reports.baseline import Baseline
from theorycheck.reports.companions import Companions
from theorycheck.reports.coverage import Item, Items

SUBJECTS = "ab"
USES = {
    "second-claim": ("third-claim",),
    "sixth-claim": ("second-claim",),
    "eighth-claim": ("sixth-claim", "fourth-claim"),
}
"""A chain: the third claim, which is refuted, is used by the second, and so on."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a page with claims of every verdict and of two subjects."""
    folder = tmp_path_factory.mktemp("report")
    entries = [
        replace(
            entry, module=f"properties.{SUBJECTS[i % 2]}.test_x", rests_on=USES.get(entry.id, ())
        )
        for i, entry in enumerate(ENTRIES.values())
    ]
    others = replace(ENTRIES["vacuous"], title="Another title")
    record = Baseline(verdicts={}).accepting(
        [e for e in (*entries, others) if e.verdict != "undecided"]
    )
    reports.write_report(folder, report(*entries), record=record)
    return (folder / "claims.html").as_uri()


def find(browser: Any, selector: str) -> list[Any]:
    found: list[Any] = browser.find_elements("css selector", selector)
    return found


def shown(browser: Any) -> list[str]:
    """Ids of the claims that are visible."""
    return [c.get_attribute("id") for c in find(browser, ".claim") if c.is_displayed()]


def opened(browser: Any, address: str) -> Any:
    browser.get("about:blank")
    browser.get(address)
    return browser


def target(browser: Any, selector: str) -> Any:
    """Where the address of a page leads: a browser may go there only when it first draws."""
    [found] = WebDriverWait(browser, STARTS_WITHIN).until(lambda page: find(page, selector))
    return found


def test_one_click_shows_what_a_paper_got_wrong(browser: Any, page: str) -> None:
    opened(browser, page)
    [count] = find(browser, '[id="paper:toy2020"] .counts a[href*="=refuted"]')
    assert count.text == "✗ 2 refuted"
    count.click()
    assert shown(browser) == ["third-claim", "ninth-claim"]
    assert "paper=toy2020&verdict=refuted" in browser.current_url
    browser.refresh()
    assert shown(browser) == ["third-claim", "ninth-claim"]


def test_an_erratum_is_one_click_from_its_counterexample(browser: Any, page: str) -> None:
    opened(browser, page)
    find(browser, '.errata a[href="#third-claim"]')[0].click()
    [claim] = find(browser, ".claim:target")
    assert "7 ≤ 6, which is false" in claim.text
    for part in ("As printed", "Corrected form", "Layer by layer", "Control"):
        assert part in claim.text


def test_a_tendency_is_three_clicks_from_its_curves_effects_and_numbers(
    browser: Any, page: str
) -> None:
    opened(browser, page)
    [summary] = find(browser, '[id="paper:toy2020"] details.all:last-of-type > summary')
    summary.click()
    find(browser, 'details.all a[href="#eighth-claim"]')[0].click()
    [experiment] = find(browser, ".claim:target .experiment")
    assert experiment.is_displayed()
    for part in (
        "How they were trained", "batches of 4, 25 epochs", "Excluded none of 30 pairs",
        "rank (first 3 pairs that count: median, middle half)", "Control: the same",
    ):  # fmt: skip
        assert part in experiment.text, part
    drawings = experiment.find_elements("css selector", "svg.drawing")
    assert all(drawing.rect["width"] > 250 and drawing.rect["height"] > 100 for drawing in drawings)
    rows = [text.text for text in find(browser, ":target .drawing g > text[y='22']")]
    assert rows == ["the claim: 30 of 30 pairs", "control: 0 of 30 pairs"]
    experiment.find_element("link text", "Numbers of these figures").click()
    [numbers] = find(browser, "#numbers a")
    assert numbers.is_displayed()
    assert numbers.get_attribute("download") == "figures.json.bz2"


def test_lines_differ_without_colour_and_colours_follow_the_reader(
    browser: Any, tmp_path: Path
) -> None:
    one = ENTRIES["tendency"]
    [(name, course)] = one.courses.items()
    four = replace(course, lines=course.lines * 4)
    text = reports.render_html(report(replace(one, courses={name: four})))
    (tmp_path / "claims.html").write_text(text, encoding="utf-8")
    strokes = []
    for scheme in ("light", "dark"):
        browser.prefer(scheme)
        opened(browser, (tmp_path / "claims.html").as_uri())
        lines = find(browser, ".drawing .line")
        strokes.append([line.value_of_css_property("stroke") for line in lines])
        styles = {
            tuple(map(line.value_of_css_property, ("stroke-dasharray", "stroke-width")))
            for line in lines
        }
        assert len(styles) == len(lines) == 4
    assert not set(strokes[0]) & set(strokes[1])


def test_a_figure_of_a_paper_shows_ours_whatever_is_filtered(browser: Any, tmp_path: Path) -> None:
    sources = tuple(replace(s, place="Fig. 3") for s in ENTRIES["tendency"].sources)
    items = (Item(label="Fig. 3", words="w", says="s", shows="two curves"),)
    text = reports.render_html(
        report(replace(ENTRIES["tendency"], sources=sources), ENTRIES["own"]),
        Companions(items=(Items(paper="toy2020", items=items),)),
    )
    (tmp_path / "claims.html").write_text(text, encoding="utf-8")
    opened(browser, (tmp_path / "claims.html").as_uri() + "?kind=identity")
    assert shown(browser) == ["seventh-claim"]
    find(browser, "details.figures > summary")[0].click()
    [section] = find(browser, "details.figures section")
    assert "two curves" in section.text
    box = "return arguments[0].getBBox().width"
    assert browser.execute_script(box, section.find_element("css selector", "use")) > 300


def address(browser: Any) -> str:
    """What follows the name of the page; the driver may still know an earlier one."""
    found: str = browser.execute_script("return location.search + location.hash")
    return found


def visible(browser: Any) -> list[str]:
    """Names that the graph shows around a claim, from left to right."""
    found = [name for name in find(browser, "#proofs .name") if name.is_displayed()]
    return [name.text for name in sorted(found, key=lambda name: name.location["x"])]


def test_one_click_on_an_erratum_shows_what_rests_on_it(browser: Any, page: str) -> None:
    opened(browser, page)
    [link] = find(browser, '.errata a[href="#proofs:third-claim"]')
    assert link.text == "3 claims rest on it, all of which survive"
    link.click()
    assert visible(browser) == ["third-claim", "second-claim"]
    [told] = find(browser, "#proofs .about")
    assert told.text == "Title of third-claim (refuted): its proof uses none, and 3 rest on it."


def test_the_graph_goes_as_far_as_one_asks_and_stands_in_the_address(
    browser: Any, page: str
) -> None:
    opened(browser, f"{page}#proofs:second-claim")
    assert visible(browser) == ["third-claim", "second-claim", "sixth-claim"]
    find(browser, '#proofs [name="depth"] option[value="2"]')[0].click()
    assert address(browser) == "#proofs:second-claim:2"
    chain = ["third-claim", "second-claim", "sixth-claim", "eighth-claim"]
    assert visible(browser) == chain
    browser.refresh()
    assert visible(browser) == chain
    find(browser, '[id="proofs:sixth-claim"] .name')[0].click()
    assert address(browser) == "#proofs:sixth-claim:2"
    assert visible(browser)[:3] == ["third-claim", "second-claim", "sixth-claim"]
    browser.back()
    assert visible(browser) == chain
    find(browser, '[id="proofs:second-claim"] .name')[0].click()
    assert find(browser, ".claim:target")[0].get_attribute("id") == "second-claim"


def test_the_whole_graph_is_back_with_one_choice(browser: Any, page: str) -> None:
    opened(browser, f"{page}#proofs:second-claim:1")
    find(browser, '#proofs [name="claim"] option[value=""]')[0].click()
    assert address(browser) == "#proofs"
    assert visible(browser) == []
    assert len([a for a in find(browser, "#proofs svg a") if a.is_displayed()]) == 5


def test_a_claim_says_what_survives_its_error(browser: Any, page: str) -> None:
    opened(browser, f"{page}#third-claim")
    [found] = find(browser, "#third-claim .resting")
    assert "Title of second-claim\nsurvives: holds by itself" in found.text
    assert found.text.count("survives: holds by itself") == 3
    find(browser, "#third-claim .resting p a")[0].click()
    assert visible(browser) == ["third-claim", "second-claim"]


def test_a_claim_is_cited_as_text_and_as_bibtex_with_two_clicks(browser: Any, page: str) -> None:
    opened(browser, f"{page}#second-claim")
    find(browser, "#second-claim .cite")[0].click()
    plain, bibtex = [found.text for found in find(browser, "#second-claim .citation pre")]
    assert plain.startswith(
        "“Title of second-claim”: holds (sampled). Claim second-claim on toy2020, Eq. 2;"
        f" toy2021, Theorem 1. Claim report by theorycheck {__version__}, digest "
    )
    assert bibtex.startswith("@misc{second-claim,\n  title = {{Title of second-claim}},\n")
    assert "note = {Holds (sampled). Claim second-claim on toy2020, Eq. 2;" in bibtex
    for button, text in zip(find(browser, "#second-claim .copy"), (plain, bibtex), strict=True):
        button.click()
        script = "const done = arguments[0]; navigator.clipboard.readText().then(done, done);"
        assert browser.execute_async_script(script) == text
        assert button.text == "Copied"
    find(browser, "#second-claim .cite")[0].click()
    assert find(browser, "#second-claim .citation") == []


def test_a_permalink_opens_the_list_that_holds_its_item(browser: Any, tmp_path: Path) -> None:
    items = tuple(Item(label=f"Eq. {k}", words="w", says="s") for k in range(1, 40))
    listed = Companions(items=(Items(paper="toy2020", items=items),))
    page = tmp_path / "claims.html"
    page.write_text(reports.render_html(report(), listed), encoding="utf-8")
    opened(browser, f"{page.as_uri()}#item:toy2020:Eq-30")
    item = target(browser, "li:target")
    assert item.is_displayed()
    assert item.text.startswith("Eq. 30 s")


def test_search_finds_words_in_any_order_and_reset_shows_all(browser: Any, page: str) -> None:
    opened(browser, page)
    [field] = find(browser, ".filters input")
    field.send_keys("7 ≤ 6  RELU ")
    assert shown(browser) == ["third-claim"]
    [count] = find(browser, ".filters output")
    assert count.text == f"1 of {len(ENTRIES)} claims"
    find(browser, ".filters button")[0].click()
    assert shown(browser) == [entry.id for entry in ENTRIES.values()]
    assert "?" not in browser.current_url


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("verdict=vacuous", ["fourth-claim"]),
        ("kind=tendency", ["eighth-claim", "ninth-claim"]),
        ("paper=our+own", ["sixth-claim", "seventh-claim"]),
        ("paper=toy2021", ["second-claim"]),
        ("subject=b&kind=inequality", ["second-claim"]),
        ("text=nothing+at+all", []),
        ("record=changed", ["fourth-claim", "fifth-claim"]),
    ],
)
def test_filters_stand_in_the_address(
    browser: Any, page: str, query: str, found: list[str]
) -> None:
    assert shown(opened(browser, f"{page}?{query}")) == found


def test_a_permalink_shows_its_claim_whatever_is_filtered(browser: Any, page: str) -> None:
    opened(browser, f"{page}?verdict=vacuous#third-claim")
    assert "third-claim" in shown(browser)
    claim = target(browser, ".claim:target")
    assert claim.get_attribute("id") == "third-claim"


def test_words_are_explained_where_they_stand(browser: Any, page: str) -> None:
    opened(browser, f"{page}#second-claim")
    term = find(browser, '#second-claim .control a[href^="#word:"]')[0]
    ActionChains(browser).move_to_element(term).perform()
    assert "false neighbour" in term.get_attribute("title")
    term.click()
    assert "false neighbour" in find(browser, "dt:target + dd")[0].text


def test_nothing_is_fetched_and_nothing_is_refused(browser: Any, page: str) -> None:
    opened(browser, page)
    fetched = browser.execute_script("return performance.getEntriesByType('resource').length")
    assert (fetched, browser.complaints()) == (0, [])


def test_the_policy_forbids_what_the_page_does_not_hold(browser: Any, page: str) -> None:
    opened(browser, page)
    script = """
        const done = arguments[0], image = new Image();
        image.onerror = () => done("refused");
        image.onload = () => done("loaded");
        image.src = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";
    """
    assert browser.execute_async_script(script) == "refused"
    assert "img-src" in "".join(browser.complaints())


def test_the_page_is_readable_without_javascript(browser: Any, page: str) -> None:
    browser.allow_scripts(False)
    try:
        opened(browser, f"{page}?verdict=vacuous")
        assert len(shown(browser)) == len(ENTRIES)
        assert not find(browser, ".filters")[0].is_displayed()
        assert not find(browser, "#proofs form")[0].is_displayed()
        assert len([a for a in find(browser, "#proofs svg a") if a.is_displayed()]) == 5
        resting = find(browser, "#third-claim .resting")[0].text
        assert "Title of second-claim" in resting
        assert "eighth-claim" in resting
    finally:
        browser.allow_scripts(True)


@pytest.mark.parametrize("width", [380, 800, 1400, 2560])
def test_no_width_needs_sideways_scrolling(browser: Any, page: str, width: int) -> None:
    browser.resize(width)
    opened(browser, page)
    root = "document.documentElement"
    inside, outside = browser.execute_script(f"return [{root}.scrollWidth, {root}.clientWidth]")
    assert inside == outside <= width


def test_a_long_id_in_the_graph_needs_no_sideways_scrolling(browser: Any, tmp_path: Path) -> None:
    long = replace(ENTRIES["refuted"], id="-".join(["a-claim"] + ["of-a-very-long-name"] * 5))
    user = replace(ENTRIES["holds"], rests_on=(long.id,))
    page = tmp_path / "claims.html"
    page.write_text(reports.render_html(report(long, user)), encoding="utf-8")
    browser.resize(380)
    opened(browser, f"{page.as_uri()}#proofs:{long.id}:1")
    inside = browser.execute_script("return document.documentElement.scrollWidth")
    assert inside <= 380


def test_the_page_is_light_or_dark_as_the_reader_wants(browser: Any, page: str) -> None:
    colours = []
    for scheme in ("light", "dark"):
        browser.prefer(scheme)
        opened(browser, page)
        script = "return getComputedStyle(document.body).backgroundColor"
        colours.append(browser.execute_script(script))
    assert colours == ["rgb(255, 255, 255)", "rgb(22, 23, 26)"]


def test_markup_in_a_claim_is_only_text(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "claims.html").write_text(
        reports.render_html(report(*map(hostile, ENTRIES.values()))), encoding="utf-8"
    )
    opened(browser, (tmp_path / "claims.html").as_uri())
    assert find(browser, "h3")[-1].text.startswith("<script></script><script>alert(1)")
    assert find(browser, "main script, main img") == []
    find(browser, ".cite")[0].click()
    title = find(browser, ".citation pre")[1].text.splitlines()[1]
    assert title.startswith("  title = {{<script></script><script>alert(1)")
    assert find(browser, "main script, main img") == []
    assert browser.complaints() == []
