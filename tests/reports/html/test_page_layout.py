"""Where things stand on the page in a browser, as far as browsers differ in it."""

from __future__ import annotations

import re
import zlib
from base64 import b64decode
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.reports.entries import ENTRIES, report
from tests.reports.html.test_page_browser import find, opened, target
from theorycheck import reports
from theorycheck.reports.companions import Companions
from theorycheck.reports.coverage import Item, Items

LONG = r"\left(a - b\right)^2 f(x_{cn}) \Big( c + d \Big) g(x_{cn}) h(x_{cn}) f(x_{cn}) g(x_{cn})"
"""A formula with nothing at which a line may end but what stands between its brackets."""

MANY = r"\text{for every } " + " + ".join(
    rf"\frac{{{letter}}}{{2}} x" for letter in "abcdefghijklmnop"
)
"""Words, and a formula of many short parts."""


def written(folder: Path, *entries: Any) -> str:
    (folder / "claims.html").write_text(reports.render_html(report(*entries)), encoding="utf-8")
    return (folder / "claims.html").as_uri()


@pytest.fixture(scope="module")
def long_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a page that is too long for browsers to lay out all of its claims."""
    named = {name.replace(" ", "-"): entry for name, entry in ENTRIES.items()}
    entries = [replace(e, id=f"{name}-{k}") for k in range(20) for name, e in named.items()]
    return written(tmp_path_factory.mktemp("long"), *entries)


SETTLED = """
    const done = arguments[0], target = document.querySelector(":target");
    let [last, same] = [null, 0];
    const look = () => {
      const { top } = target.getBoundingClientRect();
      same = top === last ? same + 1 : 0;
      last = top;
      if (same < 20) requestAnimationFrame(look);
      else done(top);
    };
    look();
"""
"""Where the target is once it has stayed there for some frames."""


@pytest.mark.parametrize("width", [380, 1400])
def test_a_permalink_arrives_at_its_claim(browser: Any, long_page: str, width: int) -> None:
    browser.resize(width)
    opened(browser, f"{long_page}#refuted-12")
    arrived = [browser.execute_async_script(SETTLED)]
    for claim in ("tendency-17", "own-2", "holds-9"):
        browser.execute_script("location.hash = arguments[0]", claim)
        arrived.append(browser.execute_async_script(SETTLED))
    assert all(0 <= top < 60 for top in arrived), arrived


def test_the_claim_of_a_permalink_is_marked(browser: Any, long_page: str) -> None:
    """Beside its header, where a claim that may be left out would be cut off."""
    opened(browser, f"{long_page}#refuted-12")
    claim = target(browser, ".claim:target")
    assert claim.value_of_css_property("content-visibility") == "visible"


def test_without_javascript_every_claim_is_laid_out(browser: Any, long_page: str) -> None:
    """So that a permalink arrives: no script can correct where the browser goes."""
    browser.allow_scripts(False)
    try:
        opened(browser, f"{long_page}#holds-9")
        claim = find(browser, ".claim")[0]
        assert claim.value_of_css_property("content-visibility") == "visible"
    finally:
        browser.allow_scripts(True)


def test_a_line_ends_only_where_a_formula_allows(browser: Any, tmp_path: Path) -> None:
    browser.resize(380)
    opened(browser, written(tmp_path, replace(ENTRIES["holds"], statement=LONG)))
    script = "return [...document.querySelectorAll('math')].map((m) => m.getClientRects().length)"
    assert set(browser.execute_script(script)) == {1}


def test_a_long_formula_takes_as_many_lines_as_it_needs(browser: Any, tmp_path: Path) -> None:
    browser.resize(380)
    opened(browser, written(tmp_path, replace(ENTRIES["holds"], statement=MANY)))
    script = """
        const found = document.querySelector(".statement"), first = found.querySelector("math");
        const [from, at] = [found, first].map((one) => one.getBoundingClientRect().left);
        return [found.scrollWidth - found.clientWidth, at - from];
    """
    over, beside = browser.execute_script(script)
    assert over == 0
    assert beside > 50  # It begins beside the words before it.


@pytest.mark.parametrize(
    "latex",
    [
        r"\frac{\lambda}{\bar\mu^2 + \lambda}",
        r"\frac{\bar\partial \tilde f_W}{\bar\partial W^{pq}} \Big| x \Big|",
        r"\eta_t \cdot \frac{\bar\partial L_{\tilde S}(f_{W_t})}{\bar\partial W}",
    ],
)
def test_a_high_formula_needs_no_scrolling(browser: Any, tmp_path: Path, latex: str) -> None:
    opened(browser, written(tmp_path, replace(ENTRIES["holds"], statement=latex)))
    script = """
        const found = document.querySelector(".statement");
        return found.scrollHeight - found.clientHeight;
    """
    assert browser.execute_script(script) == 0


def test_no_formula_draws_a_complaint(browser: Any, tmp_path: Path) -> None:
    accents = r"\bar{f} + \tilde{X} - \dot{\rho} \hat{e} \overline{a + b} + \underline{S}"
    rest = r"\sum_{i=1}^n \min_x \underbrace{a + b} \sqrt[3]{x} \|x\| \begin{cases}a\end{cases}"
    opened(browser, written(tmp_path, replace(ENTRIES["holds"], statement=f"{accents} {rest}")))
    assert find(browser, ".statement code") == []
    assert browser.complaints() == []


@pytest.mark.parametrize("width", [380, 1400])
def test_a_small_graph_is_no_larger_than_a_large_one(
    browser: Any, tmp_path: Path, width: int
) -> None:
    browser.resize(width)
    first, second = ENTRIES["holds"], ENTRIES["refuted"]
    opened(browser, written(tmp_path, replace(first, rests_on=(second.id,)), second))
    assert {round(mark.rect["width"]) for mark in find(browser, "#proofs circle")} <= {13, 14}


def test_short_words_are_not_hyphenated(browser: Any, long_page: str) -> None:
    opened(browser, long_page)
    script = """
        const made = document.createElement("p"), range = document.createRange();
        made.textContent = "decay refuted without otherwise";
        made.style.width = "6em";
        document.querySelector(".description").append(made);
        return [...made.textContent.matchAll(/\\w+/g)].map(({ 0: word, index }) => {
          range.setStart(made.firstChild, index);
          range.setEnd(made.firstChild, index + word.length);
          return range.getClientRects().length;
        });
    """
    assert browser.execute_script(script) == [1, 1, 1, 1]


def test_a_choice_that_means_nothing_looks_so(browser: Any, long_page: str, tmp_path: Path) -> None:
    first, second = ENTRIES["holds"], ENTRIES["refuted"]
    opened(browser, written(tmp_path, replace(first, rests_on=(second.id,)), second))
    looks = []
    for around in ("", second.id):
        browser.execute_script("location.hash = arguments[0]", f"#proofs:{around}")
        script = """
            const found = getComputedStyle(document.querySelector("#proofs [name=depth]"));
            return [found.color, found.opacity];
        """
        looks.append(browser.execute_script(script))
    assert looks[0] != looks[1]


def test_counts_have_the_colours_of_their_verdicts(browser: Any, tmp_path: Path) -> None:
    opened(browser, written(tmp_path, *ENTRIES.values()))
    for verdict in ("holds", "refuted"):
        count = find(browser, f".counts .{verdict}")[0]
        claim = find(browser, f".claim .status .{verdict}")[0]
        assert count.value_of_css_property("color") == claim.value_of_css_property("color")


def test_a_mark_stays_with_the_claim_of_an_item(browser: Any, tmp_path: Path) -> None:
    items = tuple(Item(label="Eq. 1", words="w", says="word " * k) for k in range(60))
    listed = Companions(items=(Items(paper="toy2020", items=items),))
    page = tmp_path / "claims.html"
    page.write_text(reports.render_html(report(), listed), encoding="utf-8")
    opened(browser, page.as_uri())
    script = """
        document.querySelector("details.all").open = true;
        const links = [...document.querySelectorAll(".index a > b[title]")];
        return links.map((mark) => {
          const range = document.createRange();
          range.setStart(mark.nextSibling, 0);
          range.setEnd(mark.nextSibling, 1);
          return Math.abs(range.getBoundingClientRect().top - mark.getBoundingClientRect().top);
        });
    """
    apart = browser.execute_script(script)
    assert len(apart) > 60
    assert max(apart) < 10


def pages_of(pdf: bytes) -> int:
    """How many pages a PDF has, whose objects may be packed."""
    texts = [pdf]
    for packed in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        with suppress(zlib.error):
            texts.append(zlib.decompressobj().decompress(packed))
    return sum(len(re.findall(rb"/Type */Page\b", text)) for text in texts)


def test_a_high_graph_is_printed_on_one_page(browser: Any, tmp_path: Path) -> None:
    first, *others = [replace(ENTRIES["holds"], id=f"a-claim-{k}") for k in range(100)]
    opened(browser, written(tmp_path, first, *(replace(o, rests_on=(first.id,)) for o in others)))
    pages = []
    for shown in ("block", "none"):
        script = "document.querySelector('.graph').style.display = arguments[0]"
        browser.execute_script(script, shown)
        pages.append(pages_of(b64decode(browser.print_page())))
    assert pages[0] == pages[1] > 1
