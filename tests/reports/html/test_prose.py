"""Prose: the few marks of docstrings, and nothing else that a text may hold."""

from __future__ import annotations

import pytest

from theorycheck.reports.html.prose import inline, paragraphs


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a `b*c*` d", "a <code>b*c*</code> d"),
        ("see [the *main* one](#some-claim).",
         'see <a href="#some-claim">the <em>main</em> one</a>.'),
        ("*any* and 2 * 3 * 4 and a*b*c", "<em>any</em> and 2 * 3 * 4 and a*b*c"),
        ("<b> & `<i>`", "&lt;b&gt; &amp; <code>&lt;i&gt;</code>"),
        ("at [`1 = 2`](needs/a-lemma-needs-b.json).",
         'at <a href="needs/a-lemma-needs-b.json"><code>1 = 2</code></a>.'),
        ("[x](needs/../a.json)", "[x](needs/../a.json)"),
        ("[x](javascript:alert)", "[x](javascript:alert)"),
        ("[x](#no_claim)", "[x](#no_claim)"),
        ("an odd ` mark", "an odd ` mark"),
        ("", ""),
    ],
)  # fmt: skip
def test_one_paragraph(text: str, shown: str) -> None:
    assert inline(text) == shown


def test_paragraphs_are_apart() -> None:
    assert paragraphs("one\ntwo\n \n\n`three`\n") == "<p>one\ntwo</p><p><code>three</code></p>"
    assert paragraphs(" ") == ""
