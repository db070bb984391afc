"""Reports for people: ``claims.md``, and the words that all reports have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from theorycheck.claims.entries import Entry
from theorycheck.claims.outcomes import Example, Examples, Stratum
from theorycheck.claims.setting import PROFILES
from theorycheck.errors import InputError
from theorycheck.reports.companions import NOTHING, Companions
from theorycheck.reports.coverage import coverage_section
from theorycheck.reports.documents import ORDER, Report, Run, unreadable
from theorycheck.reports.glossary import TENDENCIES, TERMS, VERDICTS
from theorycheck.reports.needs import Row, lines_of

OWN = "our own"
"""Stands where the paper of a printed claim does."""


def how_many(report: Report) -> str:
    """How many claims a report is about, and of how many, in words."""
    asked = len(report.claims)
    if report.omitted:
        return f"{asked} of {asked + report.omitted} claims"
    return f"{asked} claim{'s' * (asked != 1)}"


def verdict_counts(entries: Iterable[Entry]) -> str:
    """How many claims have which verdict, in words, the good ones first."""
    counts = Counter(entry.verdict for entry in entries)
    return ", ".join(f"{counts[v]} {v}" for v in reversed(ORDER) if counts[v])


def render_markdown(report: Report, beside: Companions = NOTHING) -> str:
    """``claims.md``: a summary, the refuted claims, coverage, then one section per claim.

    Args:
        beside: what is shown with it.

    Raises:
        InputError: as `section`.
    """
    # Long: the page from top to bottom.
    entries = report.claims
    lines = [
        "# Claim report",
        "",
        f"{how_many(report)}: {verdict_counts(entries)}. {provenance(report.runs)}",
        "",
        "| verdict | meaning |",
        "|---|---|",
        *(f"| {verdict} | {meaning} |" for verdict, meaning in VERDICTS.items()),
        "",
        *_words(TERMS),
        *(_words(TENDENCIES) if any(e.kind == "tendency" for e in entries) else []),
        "## Summary",
        "",
        *_summary(entries),
        "",
        "## What is wrong as printed",
        "",
        *_errata(entries),
        "",
        *_tendencies(entries),
        *coverage_section(() if report.omitted else beside.items, entries),
        "## Overview",
        "",
        "| claim | verdict | strength | false neighbours refuted | kind | source | examples"
        " | tightest |",
        "|---|---|---|---|---|---|---:|---:|",
    ]
    for entry in entries:
        tightest = entry.tightest
        ratio = "" if tightest is None or tightest.tightness is None else tightest.tightness
        lines.append(
            f"| [{_cell(entry.title)}](#{entry.id}) | **{entry.verdict}** | {entry.level or ''} |"
            f" {beside.powers.shown(entry)} | {entry.kind} |"
            f" {_cell(places(entry)) or 'our own'} | {entry.examples.met} | {ratio} |"
        )
    for entry in entries:
        lines += ["", *section(entry, beside.needs.of(entry))]
    return "\n".join(lines) + "\n"


def _words(explained: Mapping[str, str]) -> list[str]:
    return [*(f"- *{word}*: {meaning}." for word, meaning in explained.items()), ""]


def _cell(text: str) -> str:
    """Text within a table, whose columns bars would break."""
    return text.replace("|", r"\|")


WITHOUT_STRENGTHS = {name for name, profile in PROFILES.items() if not profile.strengths}


def provenance(described: Sequence[Run]) -> str:
    """What runs were asked for, in words."""
    texts = [
        f"profile `{run.profile}`, seed {run.seed}, device {run.device},"
        f" images `{run.images}`"
        + (", strengths not examined" if run.profile in WITHOUT_STRENGTHS else "")
        + ("" if run.finished else " (interrupted)")
        for run in described
    ]
    if len(texts) == 1:
        return f"P{texts[0][1:]}."
    return f"Merged from {len(texts)} runs: {'; '.join(texts)}."


def _summary(entries: Sequence[Entry]) -> list[str]:
    papers: dict[str, Counter[str]] = {}
    titles: dict[str, str] = {}
    for entry in entries:
        for source in {source.paper: source for source in entry.sources}.values():
            papers.setdefault(source.paper, Counter())[entry.verdict] += 1
            titles[source.paper] = f" — {source.title} ({source.year})"
        if not entry.sources:
            papers.setdefault(OWN, Counter())[entry.verdict] += 1
            titles[OWN] = ""
    lines = ["| paper | " + " | ".join(ORDER) + " |", "|---|" + "---:|" * len(ORDER)]
    for paper in sorted(papers):
        counts = " | ".join(str(papers[paper][v] or "") for v in ORDER)
        lines.append(f"| **{_cell(paper)}**{_cell(titles[paper])} | {counts} |")
    return [*lines, "", "A claim printed in several papers counts once for each of them."]


def wrong_as_printed(entries: Iterable[Entry]) -> list[Entry]:
    """Printed statements that are false, or about nothing; tendencies are another matter."""
    return [
        entry
        for entry in entries
        if entry.verdict in ("refuted", "vacuous") and entry.kind != "tendency" and entry.sources
    ]


def _errata(entries: Sequence[Entry]) -> list[str]:
    corrected = {entry.corrects: entry for entry in entries if entry.corrects}
    failed = wrong_as_printed(entries)
    if not failed:
        return ["Nothing that was checked."]
    lines = []
    for entry in failed:
        line = f"- **{entry.verdict}** [{entry.title}](#{entry.id}), {places(entry)}."
        if entry.id in corrected:
            other = corrected[entry.id]
            line += f" Corrected form: [{other.title}](#{other.id}), {other.verdict}."
        lines.append(line)
    return lines


def _tendencies(entries: Sequence[Entry]) -> list[str]:
    """Refuted tendencies: not errors of a formula, but effects that did not show."""
    failed = [e for e in entries if e.verdict == "refuted" and e.kind == "tendency"]
    if not failed:
        return []
    return [
        "## Tendencies that did not show",
        "",
        "In most pairs of trainings the effect is absent, or the contrary shows, beyond doubt; a"
        " positive control shows that the same test can find it. Each is decided under the protocol"
        " that its hypotheses name; another protocol is another claim.",
        "",
        *(f"- [{e.title}](#{e.id}), {places(e) or 'our own'}." for e in failed),
        "",
    ]


def places(entry: Entry) -> str:
    """Where a claim is printed, in words; empty for a claim of our own."""
    return "; ".join(f"{s.paper}, {s.place}" for s in entry.sources)


def section(entry: Entry, row: Row | None = None) -> list[str]:
    """One claim, in lines of Markdown; the first two are the anchor that others link to.

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
        entry.description,
        "",
        "Hypotheses: " + "; ".join(entry.hypotheses) + ".",
        "",
        *(["Checked as:", "", "```text", *entry.formula, "```", ""] if entry.formula else []),
        f"Examples: {examples.tried} tried, {examples.met} met the hypotheses"
        + (f" ({examples.fraction:.1%})" if examples.met < examples.tried else "")
        + "".join(f"; {part}" for part in [*details(entry), pairs(examples)] if part)
        + ".",
    ]
    if parts := how_sure(entry):
        lines += ["", f"How sure: {'; '.join(parts)}."]
    if entry.corrects:
        lines += ["", f"Corrects [`{entry.corrects}`](#{entry.corrects})."]
    lines += _shown(entry)
    if entry.certificate:
        link = f"[`{entry.certificate}`]({entry.certificate})"
        lines += ["", f"Certificate: {link}, for `theorycheck verify`."]
    if entry.proof is not None:
        link = f"[`{entry.proof}`]({entry.proof})"
        lines += ["", f"Proof for one of the architectures: {link}, for `theorycheck verify`."]
    nearest = entry.nearest
    if nearest is not None and entry.verdict != "vacuous":
        lines += ["", f"Directed search: nearest {nearest.distance:.6g} ({nearest.note})."]
    lines += ["", f"Control: {entry.control.statement} — {control_words(entry)}."]
    tried = [f"{fate}, {words}" for words, fate in entry.neighbours.items()]
    lines += ["", f"Neighbours tried: {'; '.join(tried)}."] if tried else []
    if entry.positive is not None:
        shown = pairs(entry.positive.examples) or "not examined"
        lines += ["", f"Positive control: {entry.positive.statement} — {shown}."]
    return lines + lines_of(row)


def how_sure(entry: Entry) -> list[str]:
    """How far the verdict reaches, what counts, what the kernel says, which corners were met."""
    examples = entry.examples
    if not examples.counted:
        return []
    parts = []
    if entry.strength is not None and entry.level == "architectures":
        parts.append(
            f"true of all weights, data and activation patterns of {entry.strength.architectures}"
            f" architectures, the largest with {entry.strength.largest} numbers"
        )
    one = examples.counted == 1
    parts.append("1 example counts" if one else f"{examples.counted} examples count")
    if examples.agreed:
        parts.append(f"the kernel agrees on the simplest {examples.agreed}")
    if entry.strength is not None and entry.strength.reason is not None:
        parts.append(f"sampled: {entry.strength.reason}")
    if examples.corners:
        named = ", ".join(f"{name} ({count})" for name, count in examples.corners.items())
        parts.append(f"corners met: {named}")
    return parts


def control_words(entry: Entry) -> str:
    """What became of the control."""
    examples, refuted = entry.control.examples, entry.control.counterexample
    if refuted is not None:
        return (
            f"refuted after {examples.tried} example{'s' * (examples.tried > 1)}:"
            f" {refuted.left} {refuted.relation} {refuted.right} is false"
        )
    if examples.strata:
        return pairs(examples)
    if entry.verdict == "vacuous":
        return f"the same search met its hypotheses {examples.met} times"
    return "not refuted"


def pairs(examples: Examples) -> str:
    """How many pairs of each population show the effect, and how large it is."""
    several = len(examples.strata) > 1
    return "; ".join(
        f"{name}: " * several + _stratum(stratum) for name, stratum in examples.strata.items()
    )


def _stratum(stratum: Stratum) -> str:
    if not stratum.pairs:
        return "contributed no pair"
    ties = f", {stratum.ties} are ties" if stratum.ties else ""
    text = f"{stratum.successes} of {stratum.pairs} pairs show it{ties}"
    size = stratum.size()
    if size is not None:
        median, low, high = (f"{number:.3g}" for number in size)
        text += f", median {median} (99% interval {low} to {high})"
    return f"{text} [{'; '.join(stratum.measured)}]"


def details(entry: Entry) -> list[str]:
    """What became of the examples of a claim, and how they were decided."""
    examples = entry.examples
    parts = []
    if examples.degenerate == examples.met > 0:
        parts.append("met only in degenerate cases")
    elif examples.degenerate:
        parts.append(f"{examples.degenerate} of them degenerate")
    if examples.open:
        parts.append(f"{examples.open} left open by rounding")
    parts += [f"{count} rejected: {reason}" for reason, count in examples.rejected.items()]
    if entry.arithmetic:
        parts.append("decided in " + ", ".join(entry.arithmetic))
    return parts


def _shown(entry: Entry) -> list[str]:
    """The counterexample, or else the tightest example, if there is one."""
    try:
        if entry.counterexample is not None:
            return ["", "Counterexample:", "", *_example(entry.counterexample, " is false")]
        if entry.tightest is not None:
            return ["", "Tightest example:", "", *_example(entry.tightest, "")]
    except InputError as error:
        raise unreadable(f"claim {entry.id!r}", error) from error
    return []


def _example(shown: Example, judgement: str) -> list[str]:
    lines = [f"> `{shown.left} {shown.relation} {shown.right}`{judgement}"]
    if shown.tightness is not None:
        lines[0] += f" (ratio {shown.tightness:g})"
    for text in filter(None, (shown.degenerate, shown.note)):
        lines += [">", f"> {text}"]
    if shown.case is not None:
        lines += [">", "> ```text", *(f"> {line}" for line in case_lines(shown.case)), "> ```"]
    return lines


LONGEST_ROW = 12

MOST_ROWS = 12


def case_lines(case: Mapping[str, Any]) -> list[str]:
    """A case as matrices for a reader; large ones are named by their shape.

    Raises:
        InputError: when it is no case.
    """
    network, matrices = case_matrices(case)
    return [
        f"network  {network}",
        *(line for named in matrices.items() for line in _matrix(*named)),
    ]


def case_matrices(case: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The network of a case, in words, and all its numbers by name: alone, in rows, or deeper.

    Raises:
        InputError: when it is no case.
    """
    from theorycheck.arithmetic.cases import Case

    network = Case.from_dict(case).network
    parameters = zip(network.parameters, case["parameters"], strict=True)
    matrices = {parameter.name: values[0] for parameter, values in parameters}
    matrices["x"] = case["inputs"][0]
    if case["targets"] is not None:
        matrices["y"] = case["targets"][0]
    return str(network), {**matrices, **case["numbers"]}


def matrix_rows(values: Any) -> list[list[str]] | str:
    """The rows of a matrix as they are printed, or the shape of one that is too large for that."""
    rows = values if values and isinstance(values[0], list) else [values]
    if len(rows) > MOST_ROWS or len(rows[0]) > LONGEST_ROW:
        return f"({len(rows)} x {len(rows[0])} matrix, see claims.json)"
    return [[short(entry) for entry in row] for row in rows]


def _matrix(name: str, values: Any) -> list[str]:
    if not isinstance(values, list):
        return [f"{name} = {short(values)}"]
    texts = matrix_rows(values)
    if isinstance(texts, str):
        return [f"{name} = {texts}"]
    widths = [max(len(row[j]) for row in texts) for j in range(len(texts[0]))]
    body = ["  ".join(t.rjust(w) for t, w in zip(row, widths, strict=True)) for row in texts]
    indent = " " * len(f"{name} = ")
    return [(f"{name} = " if i == 0 else indent) + f"[ {line} ]" for i, line in enumerate(body)]


def short(text: str) -> str:
    """A rational as it is printed: exact where it is short, else to four digits."""
    from theorycheck.claims.comparisons import number_text

    return number_text(Fraction(text), longest=9, digits=4)
