"""Claims in Markdown, a section each."""

from __future__ import annotations

import re

from theorycheck.claims.entries import Entry
from theorycheck.claims.outcomes import Example
from theorycheck.errors import InputError
from theorycheck.reports.companions import NOTHING, Companions
from theorycheck.reports.documents import unreadable
from theorycheck.reports.markdown.cases import case_lines
from theorycheck.reports.markdown.courses import over_training
from theorycheck.reports.markdown.elements import Link, within
from theorycheck.reports.markdown.words import control_words, details, how_sure, pairs, places
from theorycheck.reports.needs import lines_of

LINKED = re.compile(r"\[([^\]]+)\]\(#([a-z0-9-]+)\)")
"""A link to another claim, in the words of an author."""


def section(entry: Entry, beside: Companions = NOTHING, link: Link = within) -> list[str]:
    """One claim, in lines of Markdown; the first two are the anchor that others link to.

    Args:
        beside: what is shown with it.
        link: to another claim.

    Raises:
        InputError: when the case of its example is none, naming the claim.
    """
    # Long: one claim from top to bottom.
    examples = entry.examples
    lines = [
        f'<a id="{entry.id}"></a>',
        "",
        f"### {entry.title}",
        "",
        f"**{entry.verdict.upper()}** — {entry.reason}.",
        "",
        f"`{entry.id}`, {entry.kind}. Source: {places(entry) or 'a claim of our own'}.",
        "",
        "$$" + entry.statement + "$$",
        "",
        LINKED.sub(lambda found: link(found[1], found[2]), entry.description),
        "",
        *(["Hypotheses: " + "; ".join(entry.hypotheses) + ".", ""] if entry.hypotheses else []),
        *(["Checked as:", "", "```text", *entry.formula, "```", ""] if entry.formula else []),
        f"Examples: {examples.tried} tried, {examples.met} met the hypotheses"
        + (f" ({examples.fraction:.1%})" if examples.met < examples.tried else "")
        + "".join(f"; {part}" for part in [*details(entry), pairs(examples)] if part)
        + ".",
        *(["", followed] if (followed := over_training(entry)) else []),
    ]
    if parts := how_sure(entry):
        lines += ["", f"How sure: {'; '.join(parts)}."]
    if entry.corrects:
        lines += ["", f"Corrects {link(f'`{entry.corrects}`', entry.corrects)}."]
    lines += _shown(entry)
    if entry.certificate:
        file = f"[`{entry.certificate}`]({entry.certificate})"
        lines += ["", f"Certificate: {file}, for `theorycheck verify`."]
    if entry.proof is not None:
        file = f"[`{entry.proof}`]({entry.proof})"
        lines += ["", f"Proof for one of the architectures: {file}, for `theorycheck verify`."]
    nearest = entry.nearest
    if nearest is not None and entry.verdict != "vacuous":
        lines += ["", f"Directed search: nearest {nearest.distance:.6g} ({nearest.note})."]
    lines += ["", f"Control: {entry.control.statement} — {control_words(entry)}."]
    tried = [f"{fate}, {words}" for words, fate in beside.powers.fates(entry).items()]
    lines += ["", f"Neighbours tried: {'; '.join(tried)}."] if tried else []
    if entry.positive is not None:
        shown = pairs(entry.positive.examples) or "not examined"
        lines += ["", f"Positive control: {entry.positive.statement} — {shown}."]
    return lines + lines_of(beside.needs.of(entry), entry.tightest)


def _shown(entry: Entry) -> list[str]:
    """The counterexample, or else the tightest example, if there is one."""
    try:
        if entry.counterexample is not None:
            return ["", "Counterexample:", "", *_example(entry, entry.counterexample, " is false")]
        if entry.tightest is not None:
            return ["", "Tightest example:", "", *_example(entry, entry.tightest, "")]
    except InputError as error:
        raise unreadable(f"claim {entry.id!r}", error) from error
    return []


def _example(entry: Entry, shown: Example, judgement: str) -> list[str]:
    lines = [f"> `{shown.left} {shown.relation} {shown.right}`{judgement}"]
    if shown.ratio is not None:
        lines[0] += f" (ratio {shown.ratio:g})"
    for text in filter(None, (shown.degenerate, shown.note)):
        lines += [">", f"> {text}"]
    if shown.case is not None:
        lines += [
            ">",
            "> ```text",
            *(f"> {line}" for line in case_lines(shown.case, entry.formula)),
            "> ```",
        ]
    return lines
