"""The page: one file that holds everything, fetches nothing, and escapes what it is given."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from time import process_time
from typing import Any

from tests.reports.entries import CASE, ENTRIES, report
from theorycheck import __version__, reports
from theorycheck.claims.entries import Entry, Reference
from theorycheck.reports.companions import Companions
from theorycheck.reports.coverage import Item, Items
from theorycheck.reports.html.page import MARKS, render_html
from theorycheck.reports.origins import Making, Origin

RECORD = Path(__file__).parents[3] / "reports" / "claims.json"
VOID = {"meta", "input", "br", "wbr", "hr", "img", "link"}
OPTIONAL = {
    "html",
    "head",
    "body",
    "p",
    "li",
    "dt",
    "dd",
    "tr",
    "td",
    "th",
    "thead",
    "tbody",
    "option",
}
"""Elements whose end HTML may leave unsaid."""
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'"


class Read(HTMLParser):
    """What a browser finds on a page: elements with their attributes, in order, and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert OPTIONAL.issuperset(self.open)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        while (ended := self.open.pop()) != tag:
            assert ended in OPTIONAL

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


def hostile(entry: Entry) -> Entry:
    """The entry with markup in every text that a user may write."""
    source = Reference(paper=HOSTILE, title=HOSTILE, authors=HOSTILE, year=2020, place=HOSTILE)
    changes: dict[str, Any] = {
        "title": f"<script>{HOSTILE}", "statement": rf"\text{{{HOSTILE}}}", "sources": (source,),
        "description": f"{HOSTILE}\n\n`{HOSTILE}` [{HOSTILE}](#a-b)", "hypotheses": (HOSTILE,),
        "formula": (HOSTILE,), "reason": HOSTILE, "corrects": HOSTILE, "module": f"p.{HOSTILE}.m",
        "rests_on": (HOSTILE,),
        "control": replace(entry.control, statement=HOSTILE),
        "examples": replace(
            entry.examples,
            strata={f"{HOSTILE}{i}": s for i, s in enumerate(entry.examples.strata.values())},
            rejected={HOSTILE: 1} if entry.examples.rejected else {},
        ),
        "courses": {
            f"{HOSTILE}{i}": replace(c, lines=tuple(replace(one, words=HOSTILE) for one in c.lines))
            for i, c in enumerate(entry.courses.values())
        },
    }  # fmt: skip
    if entry.counterexample is not None:
        shown: dict[str, Any] = {
            "left": HOSTILE,
            "right": HOSTILE,
            "relation": "<",
            "note": HOSTILE,
        }
        changes["counterexample"] = replace(entry.counterexample, **shown)
    return replace(entry, **changes)


def test_the_page_has_every_claim_with_its_parts() -> None:
    page = Read(render_html(report()))
    ids = [found["id"] for found in page.all("article") if "claim" in found["class"].split()]
    assert ids == [entry.id for entry in ENTRIES.values()]
    for entry in ENTRIES.values():
        for part in (entry.title, entry.reason, *entry.hypotheses, entry.control.statement):
            assert part in page.text
        assert f"{MARKS[entry.verdict]} {entry.verdict.value}" in page.text


def test_a_counterexample_is_shown_with_its_network_layer_by_layer() -> None:
    """By hand: W x = (1, 10) and (-25/2, -479/4), ReLU leaves (1, 10) and 0, W' h = -26/3 and 0."""
    page = Read(render_html(report(ENTRIES["refuted"])))
    assert "7 ≤ 6, which is false" in page.text
    assert CASE.network.layers
    for text in ("2 → relu 2 → linear 1", "weight_decay = 1/8", "−26/3", "−479/4"):
        assert text in page.text


def test_links_within_the_page_lead_somewhere_and_ids_are_unique() -> None:
    page = Read(render_html(report()))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {found["href"] for found in page.all("a")}
    assert {link for link in links if link.startswith("#")} <= {f"#{one}" for one in ids}
    for entry in ENTRIES.values():
        assert f"#{entry.id}" in links


def test_a_certificate_is_linked_with_the_command_that_verifies_it() -> None:
    name = f"certificates/{ENTRIES['refuted'].id}.json"
    page = Read(render_html(report(replace(ENTRIES["refuted"], certificate=name))))
    assert name in {found["href"] for found in page.all("a")}
    assert f"theorycheck verify {name}" in page.text


def test_printed_and_corrected_form_stand_side_by_side() -> None:
    page = Read(render_html(report()))
    assert "As printed" in page.text
    assert "Corrected form" in page.text
    assert "As printed" not in Read(render_html(report(ENTRIES["refuted"]))).text


def test_what_rests_on_an_erratum_and_what_survives_it_is_said_with_it() -> None:
    user = replace(ENTRIES["holds"], rests_on=(ENTRIES["refuted"].id, "not-there"))
    page = Read(render_html(report(ENTRIES["refuted"], user)))
    assert page.text.count("1 claim rests on it, and survives") == 2
    assert "Title of second-claim survives: holds by itself" in page.text
    assert "Its proof uses Title of third-claim (refuted); not-there" in page.text
    assert "rests on it" not in Read(render_html(report())).text
    wrong = [
        replace(ENTRIES[name], id=f"{name}-user", rests_on=(ENTRIES["refuted"].id,))
        for name in ("vacuous", "undecided", "holds")
    ]
    page = Read(render_html(report(ENTRIES["refuted"], *wrong)))
    assert page.text.count("3 claims rest on it, 1 of which survives") == 2
    assert "Title of fifth-claim undecided" in page.text


def test_what_rests_on_a_claim_that_passes_through_others_is_counted() -> None:
    lemma = ENTRIES["holds"]
    users = [replace(lemma, id="a-user", title="A user", rests_on=(lemma.id,))]
    for count, words in enumerate(("1 more rests on these.", "2 more rest on these."), 1):
        assert "on these" not in Read(render_html(report(lemma, users[0]))).text
        users.append(replace(lemma, id=f"other-{count}", rests_on=("a-user",)))
        page = Read(render_html(report(lemma, *users)))
        assert f"a-user {words}" in page.text


def test_what_rests_on_an_erratum_through_others_is_named_by_what_became_of_it() -> None:
    user = replace(ENTRIES["holds"], id="a-user", rests_on=(ENTRIES["refuted"].id,))
    others = [
        replace(ENTRIES[name], id=f"{name}-{number}", rests_on=("a-user",))
        for name, number in (("holds", 1), ("vacuous", 2), ("holds", 3))
    ]
    page = Read(render_html(report(ENTRIES["refuted"], user, *others)))
    assert "survives: holds by itself: ✓ holds-1, ✓ holds-3" in page.text
    assert "vacuous: ∅ vacuous-2" in page.text


def test_a_claim_links_its_source_where_that_lies_beside_the_report() -> None:
    name, file = ENTRIES["holds"].id, "properties/test_x.py"
    linked = Companions(origins={name: Origin(file, 7, f"../{file}#L7")})
    page = Read(render_html(report(), linked))
    assert [found["href"] for found in page.all("a") if found.get("class") == "source"] == [
        f"../{file}#L7"
    ]
    assert f"Stated in {file}" not in page.text


def test_a_claim_names_its_source_elsewhere() -> None:
    name, file = ENTRIES["holds"].id, "properties/test_x.py"
    elsewhere = Read(render_html(report(), Companions(origins={name: Origin(file, 7, None)})))
    assert f"Stated in {file}, line 7" in elsewhere.text
    assert not [found for found in elsewhere.all("a") if found.get("class") == "source"]


def test_a_page_that_is_published_says_of_what_it_is_made() -> None:
    making = Making("0123456789abcdef", {"python": "3.11.9", "torch": "<2>"})
    page = Read(render_html(report(), Companions(making=making)))
    said = "Commit 0123456789abcdef. Versions of the run: python 3.11.9, torch <2>."
    assert said in page.text
    assert "Profile default, seed 0, device cpu, images digits." in page.text
    [foot] = page.all("footer")
    assert (foot["data-commit"], foot["data-version"]) == ("0123456789abcdef", __version__)
    assert "Commit" not in Read(render_html(report())).text


def test_every_item_of_a_paper_has_a_permalink() -> None:
    items = [Item(label=label, words="w", says="s") for label in ("Eq. 1", HOSTILE.strip(","))]
    listed = Items(paper="toy2020", items=tuple(items))
    page = Read(render_html(report(), Companions(items=(listed,))))
    ids = [found["id"] for found in page.all("li") if "id" in found]
    assert ids[0] == "item:toy2020:Eq-1"
    assert len(ids) == 2
    links = [found["href"] for found in page.all("a") if found.get("class") == "item"]
    assert links == [f"#{one}" for one in ids]


def test_claims_that_items_list_are_listed_once() -> None:
    items = (Item(label="Eq. 1", words="w", says="s"),)
    listed = Companions(items=(Items(paper="toy2020", items=items),))
    page = Read(render_html(report(), listed))
    assert "All 1 items of the paper, in its own order: 1 with claims" in page.text
    # Of the seven on this paper, only the second one is on Eq. 2 alone.
    assert "The other claim ✓ Title of second-claim" in page.text
    assert "All 7 claims" in Read(render_html(report())).text


def test_the_graph_has_what_takes_part_as_links_with_titles_and_marks() -> None:
    user = replace(ENTRIES["holds"], rests_on=(ENTRIES["refuted"].id,))
    page = Read(render_html(report(ENTRIES["refuted"], user, ENTRIES["own"])))
    drawn = {found["id"]: found for found in page.all("a") if "data-layer" in found}
    assert {name: found["href"] for name, found in drawn.items()} == {
        "proofs:third-claim": "#third-claim", "proofs:second-claim": "#second-claim",
    }  # fmt: skip
    assert [drawn[f"proofs:{name}-claim"]["class"] for name in ("third", "second")] == [
        "refuted", "holds",
    ]  # fmt: skip
    [line] = [path for path in page.all("path") if "data-ends" in path]
    assert (line["data-ends"], line["class"]) == ("0 1", "wrong")
    assert "2 of 3 claims take part: ✓ holds, ✗ refuted." in page.text
    assert "What rests on what" not in Read(render_html(report())).text


def test_the_page_fetches_nothing_and_its_policy_forbids_it() -> None:
    text = render_html(report())
    page = Read(text)
    [policy] = [
        m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; ")
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        [content] = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = b64encode(sha256(content.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in policy
        assert "url(" not in content
        assert "@import" not in content
    for _, attributes in page.elements:
        assert not {"src", "srcset", "style"} & attributes.keys()
    places = {found["href"] for found in page.all("a")}
    known = (
        r"#|\?paper=|claims\.json$|certificates/|\.\./properties/|data:application/x-bzip2;base64,"
    )
    assert all(re.match(known, place) for place in places)
    assert "://" not in re.sub(r"<(style|script)>.*?</\1>", "", text, flags=re.DOTALL)


def test_formulas_have_a_font_of_mathematics_on_each_system() -> None:
    """Without one roots and sums do not grow, and accents are where they should not be."""
    fonts = re.findall(r"--math: ([^;]*)", render_html(report()))
    for font in ("STIX Two Math", "Cambria Math", "DejaVu Math TeX Gyre"):
        assert font in fonts[0]


def test_a_claim_of_several_runs_names_their_seeds() -> None:
    assert (
        "; seeds 0, 7." in Read(render_html(report(replace(ENTRIES["holds"], seeds=(0, 7))))).text
    )
    page = Read(render_html(report(ENTRIES["holds"])))
    assert "seeds" not in page.text
    assert "seed 0" in page.text  # In the foot, of all claims.


def test_an_experiment_is_shown_with_recipe_curves_effects_and_exclusions() -> None:
    one = replace(ENTRIES["tendency"], description="Decided: the rank is lower.\n\nWhy not.")
    page = Read(render_html(report(one)))
    for part in (
        "As printed", "As decided", "The rank is lower.", "batches of 4, 25 epochs", "Control: ",
        "Excluded none of 30 pairs", "rank (first 3 pairs that count: median, middle half)",
        "the claim: 30 of 30 pairs", "control: 0 of 30 pairs", "Numbers of these figures",
    ):  # fmt: skip
        assert part in page.text, part
    drawings = [svg for svg in page.all("svg") if svg.get("class") == "drawing"]
    assert [svg["aria-label"] for svg in drawings] == [
        "Over training: all pairs", "Effects of pairs",
    ]  # fmt: skip
    assert page.text.count("Why not.") == 1


def test_slack_of_an_inequality_is_drawn() -> None:
    page = Read(render_html(report(ENTRIES["holds"])))
    assert "Slack of 1 example" in page.text
    assert "Slack of 1 examples" not in page.text
    assert "Slack of" not in Read(render_html(report(ENTRIES["own"]))).text


def test_figures_of_a_paper_stand_beside_ours() -> None:
    items = Items(
        paper="toy2020",
        items=(
            Item(label="Eq. 1", words="w", says="s"),
            Item(label="Fig. 3", words="w", says="s", shows=f"two curves {HOSTILE}"),
        ),
    )
    one = ENTRIES["tendency"]
    sources = tuple(replace(s, place="Fig. 3") for s in one.sources)
    found = render_html(
        report(replace(one, sources=sources, hypotheses=()), ENTRIES["own"]),
        Companions(items=(items,)),
    )
    page = Read(found)
    assert "1 figure of the paper that claims are about" in page.text
    assert f"The paper's two curves {HOSTILE}." in page.text
    [used] = [u["href"] for u in page.all("use") if u["href"].startswith("#curves")]
    assert used[1:] in {svg.get("id") for svg in page.all("svg")}
    assert "figures of the paper" not in Read(render_html(report())).text


def test_all_text_is_escaped() -> None:
    page = Read(render_html(report(*map(hostile, ENTRIES.values()))))
    assert len(page.all("script")) == 1
    assert page.all("img") == []
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes), tag
    assert page.text.count(f"<script>{HOSTILE}") >= len(ENTRIES)


def test_the_same_report_gives_the_same_bytes() -> None:
    again = reports.Report.of(report().document())
    assert render_html(again) == render_html(report())


def test_a_report_without_claims_has_a_page() -> None:
    page = Read(render_html(replace(report(), claims=())))
    assert "0 claims" in page.text
    assert "tendency" not in page.text


def test_filters_offer_what_tells_claims_apart() -> None:
    page = Read(render_html(report()))
    assert {found["name"] for found in page.all("select")} == {"paper", "verdict", "kind"}
    elsewhere = [
        replace(entry, module=f"properties.{folder}.test_x")
        for entry, folder in zip(ENTRIES.values(), "ab", strict=False)
    ]
    found = Read(render_html(report(*elsewhere)))
    assert "subject" in {found["name"] for found in found.all("select")}


def test_a_filter_names_what_changed_since_the_record_also_where_nothing_did() -> None:
    changed = frozenset([ENTRIES["holds"].id])
    for told in (changed, frozenset[str]()):
        page = Read(render_html(report(), Companions(changed=told)))
        assert "record" in {found["name"] for found in page.all("select")}
        assert page.text.count("changed since the record") == len(told)
    assert "since the record" not in Read(render_html(report())).text


def test_five_hundred_claims_take_at_most_ten_seconds_and_three_megabytes() -> None:
    record = reports.load_report(RECORD)
    repeated = [
        replace(entry, id=f"{entry.id}-{copy}", certificate=None)
        for copy in range(-(-500 // len(record.claims)))
        for entry in record.claims
    ][:500]
    render_html(report(ENTRIES["refuted"]))  # What is loaded once is no part of it.
    started = process_time()
    page = render_html(replace(record, claims=tuple(repeated)))
    assert process_time() - started < 10
    assert len(page.encode()) < 3_000_000


def test_the_page_on_record_has_at_most_three_megabytes() -> None:
    assert RECORD.with_suffix(".html").stat().st_size <= 3_000_000
