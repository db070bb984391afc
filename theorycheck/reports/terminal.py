"""The terminal: the table at the end of a run, and one claim on a screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from theorycheck.claims.entries import Entry
from theorycheck.claims.outcomes import Example
from theorycheck.errors import InputError
from theorycheck.reports.documents import ORDER, Report, unreadable
from theorycheck.reports.markdown.cases import case_lines
from theorycheck.reports.markdown.words import (
    control_words,
    details,
    how_many,
    how_sure,
    pairs,
    places,
    verdict_counts,
)

STYLES = {
    "proved": "blue", "holds": "green", "refuted": "red", "vacuous": "yellow",
    "undecided": "magenta",
}  # fmt: skip
"""The colour of each verdict; its word always stands beside it."""


def run_summary(
    report: Report,
    seconds: Mapping[str, float],
    *,
    brief: bool = False,
    width: int = 80,
    colour: bool = False,
) -> list[str]:
    """What the terminal shows after a run: a table of verdicts and how many there are, in lines.

    Args:
        seconds: that claims took, by id.
        brief: whether to leave out the table.
        width: of the screen, in characters.
        colour: whether the screen shows colours.
    """
    counts = f"{how_many(report)}: {verdict_counts(report.claims)}"
    if brief or not report.claims:
        return [counts]
    table = _verdicts(report.claims, seconds)
    return [*printed(table, width=width, colour=colour), "", counts]


NARROWEST = 48
"""Characters that the columns of a table need; on a narrower screen its lines run on."""


def printed(part: RenderableType, *, width: int = 80, colour: bool = False) -> list[str]:
    """What a screen shows of a part, in lines."""
    screen = StringIO()
    Console(
        file=screen,
        width=max(width, NARROWEST),
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
    ).print(part)
    return [line.rstrip() for line in screen.getvalue().splitlines()]


def _verdicts(entries: Iterable[Entry], seconds: Mapping[str, float]) -> Table:
    """Verdict, id, strength, examples that met the hypotheses, and seconds where they are known."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("verdict", no_wrap=True)
    table.add_column("claim", overflow="fold", ratio=1)
    table.add_column("strength", no_wrap=True)
    table.add_column("met", justify="right", no_wrap=True)
    if seconds:
        table.add_column("s", justify="right", no_wrap=True)
    for entry in sorted(entries, key=lambda e: (ORDER.index(e.verdict), e.id)):
        time = [f"{seconds[entry.id]:.1f}" if entry.id in seconds else ""] if seconds else []
        verdict = Text(entry.verdict, STYLES[entry.verdict])
        table.add_row(verdict, entry.id, entry.level or "", str(entry.examples.met), *time)
    return table


def claim_sheet(entry: Entry) -> RenderableType:
    """One claim: what is said, the verdict and why, what it rests on, and its example.

    Raises:
        InputError: when the case of its example is none, naming the claim.
    """
    try:
        rows = _rows(entry)
    except InputError as error:
        raise unreadable(f"claim {entry.id!r}", error) from error
    sheet = Table.grid(padding=(0, 2, 0, 0))
    sheet.add_column(style="dim", no_wrap=True)
    sheet.add_column(overflow="fold")
    for label, text in rows:
        sheet.add_row(label, text if isinstance(text, Text) else Text(text))
    title = Text.assemble((entry.verdict.upper(), f"bold {STYLES[entry.verdict]}"), "  ",
                          (entry.title, "bold"))  # fmt: skip
    return Group(title, Text(f"{entry.id}, {entry.kind}", "dim"), Text(), sheet)


def _rows(entry: Entry) -> list[tuple[str, str]]:
    """The lines of a claim, each with its label; those that say nothing are left out."""
    rows = [
        ("source", places(entry) or "a claim of our own"),
        ("corrects", entry.corrects or ""),
        ("printed", entry.statement),
        ("", entry.description),
        ("hypotheses", "\n".join(f"- {hypothesis}" for hypothesis in entry.hypotheses)),
        ("checked as", "\n".join(entry.formula)),
        ("verdict", f"{entry.verdict}: {entry.reason}"),
        ("strength", entry.level or ""),
        ("how sure", "; ".join(how_sure(entry))),
        ("examples", "; ".join([_met(entry), *details(entry)])),
        ("pairs", pairs(entry.examples)),
        ("counterexample", _example(entry.counterexample)),
        ("tightest", "" if entry.counterexample else _example(entry.tightest)),
        ("certificate", entry.certificate or ""),
        ("control", f"{entry.control.statement}: {control_words(entry)}"),
    ]
    if entry.positive is not None:
        found = pairs(entry.positive.examples) or "not examined"
        rows.append(("positive control", f"{entry.positive.statement}: {found}"))
    return [(label, text) for label, text in rows if text]


def _met(entry: Entry) -> str:
    return f"{entry.examples.tried} tried, {entry.examples.met} met the hypotheses"


def _example(shown: Example | None) -> str:
    if shown is None:
        return ""
    judgement = " is false" if shown.holds is False else ""
    lines = [f"{shown.left} {shown.relation} {shown.right}{judgement}"]
    lines += filter(None, (shown.degenerate, shown.note))
    return "\n".join([*lines, *([] if shown.case is None else case_lines(shown.case))])
