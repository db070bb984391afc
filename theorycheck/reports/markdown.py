"""Reports for people: ``claims.md`` and the tables of the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from theorycheck.claims.entries import Entry
from theorycheck.claims.outcomes import Example, Examples, Stratum
from theorycheck.errors import InputError
from theorycheck.reports.documents import ORDER, Report, Run, unreadable
from theorycheck.reports.needs import Needs, Row, lines_of

OWN = "our own"
"""Stands where the paper of a printed claim does."""


def verdict_table(entries: Iterable[Entry], seconds: Mapping[str, float]) -> list[str]:
    """Lines of a plain-text table: verdict, id, examples, and seconds where they are known."""
    rows = sorted(entries, key=lambda e: (ORDER.index(e.verdict), e.id))
    width = max((len(row.id) for row in rows), default=0)
    times = {claim: f"  {time:>6.1f} s" for claim, time in seconds.items()}
    return [
        f"{row.verdict:<9}  {row.id:<{width}}  {row.examples.met:>7} examples"
        + times.get(row.id, "")
        for row in rows
    ]


def run_summary(report: Report, seconds: Mapping[str, float]) -> list[str]:
    """What the terminal shows after a run: the table of verdicts and how many there are.

    Args:
        seconds: that claims took, by id.
    """
    counts = f"{how_many(report)}: {verdict_counts(report.claims)}"
    return [*verdict_table(report.claims, seconds), "", counts]


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


WORDS = (
    "An example *meets* the hypotheses when they are true for some values of the variables. It is"
    " *degenerate* when the conclusion is trivially true there (both sides 0, a matrix too small"
    " for a higher rank), *open* when enclosures do not decide. What is neither counts. The"
    " *tightest* example is the one nearest to equality among those that hold; its *ratio* is the"
    " smaller side over the larger. A *corner* is a special network or data set. The *kernel* is"
    " the small checker that shares no code with the engine; it evaluates the whole statement on"
    " the simplest examples once more. *Strength* is how far a verdict reaches: `sampled` says that"
    " examples were tried; `architectures` that the statement is true of all weights, data and"
    " activation patterns of each of 40 architectures or more, with an error below 2^-100 each;"
    " `general` that it is derived with symbols in the place of all numbers.",
    "",
)


def render_markdown(report: Report, needs: Needs | None = None) -> str:
    """``claims.md``: a summary, the refuted claims, then one section per claim.

    Args:
        needs: what is known of hypotheses and bounds; of an earlier statement nothing is shown.

    Raises:
        InputError: as `section`.
    """
    # Long: the page from top to bottom.
    entries = report.claims
    lines = [
        "# Claim report",
        "",
        f"{how_many(report)}: {verdict_counts(entries)}. {_provenance(report.runs)}",
        "",
        "| verdict | meaning |",
        "|---|---|",
        "| proved | a symbolic derivation reduces the claim to an identity |",
        "| holds | no counterexample, the false neighbour was refuted, the hypotheses were met, not"
        " only in degenerate cases |",
        "| refuted | a counterexample was found and confirmed; it is printed with the claim |",
        "| vacuous | nothing meets the hypotheses, or only degenerate cases do |",
        "| undecided | the evidence did not suffice, or engine and kernel disagree |",
        "",
        *WORDS,
        *_how_tendencies_are_decided(entries),
        "## Summary",
        "",
        *_summary(entries),
        "",
        "## What is wrong as printed",
        "",
        *_errata(entries),
        "",
        *_tendencies(entries),
        "## Overview",
        "",
        "| claim | verdict | strength | kind | source | examples | tightest |",
        "|---|---|---|---|---|---:|---:|",
    ]
    for entry in entries:
        tightest = entry.tightest
        ratio = "" if tightest is None or tightest.tightness is None else tightest.tightness
        lines.append(
            f"| [{_cell(entry.title)}](#{entry.id}) | **{entry.verdict}** | {entry.level or ''} |"
            f" {entry.kind} |"
            f" {_sources(entry) or 'our own'} | {entry.examples.met} | {ratio} |"
        )
    for entry in entries:
        lines += ["", *section(entry, None if needs is None else needs.of(entry))]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Text within a table, whose columns bars would break."""
    return text.replace("|", r"\|")


def _provenance(described: Sequence[Run]) -> str:
    texts = [
        f"profile `{run.profile}`, seed {run.seed}, device {run.device},"
        f" images `{run.images}`" + ("" if run.finished else " (interrupted)")
        for run in described
    ]
    if len(texts) == 1:
        return f"P{texts[0][1:]}."
    return f"Merged from {len(texts)} runs: {'; '.join(texts)}."


def _summary(entries: Sequence[Entry]) -> list[str]:
    papers: dict[str, Counter[str]] = {}
    titles: dict[str, str] = {}
    for entry in entries:
        for source in entry.sources:
            papers.setdefault(source.paper, Counter())[entry.verdict] += 1
            titles[source.paper] = f" — {source.title} ({source.year})"
        if not entry.sources:
            papers.setdefault(OWN, Counter())[entry.verdict] += 1
            titles[OWN] = ""
    lines = ["| paper | " + " | ".join(ORDER) + " |", "|---|" + "---:|" * len(ORDER)]
    for paper in sorted(papers):
        counts = " | ".join(str(papers[paper][v] or "") for v in ORDER)
        lines.append(f"| **{paper}**{titles[paper]} | {counts} |")
    return [*lines, "", "A claim printed in several papers counts once for each of them."]


def _errata(entries: Sequence[Entry]) -> list[str]:
    corrected = {entry.corrects: entry for entry in entries if entry.corrects}
    failed = [
        entry
        for entry in entries
        if entry.verdict in ("refuted", "vacuous") and entry.kind != "tendency" and entry.sources
    ]
    if not failed:
        return ["Nothing that was checked."]
    lines = []
    for entry in failed:
        line = f"- **{entry.verdict}** [{entry.title}](#{entry.id}), {_sources(entry)}."
        if entry.id in corrected:
            other = corrected[entry.id]
            line += f" Corrected form: [{other.title}](#{other.id}), {other.verdict}."
        lines.append(line)
    return lines


def _how_tendencies_are_decided(entries: Sequence[Entry]) -> list[str]:
    if not any(entry.kind == "tendency" for entry in entries):
        return []
    return [
        "A *tendency* is about direction. It is decided from pairs of trainings, in each population"
        " by itself: it holds when what it says is true of more than half of the pairs, and is"
        " refuted when it is true of less than half, and a positive control, in which it is known"
        " to be true, shows that the test can say yes; each with an error of at most 1e-4, at"
        " whatever number of pairs one looks. A pair of equal numbers (a tie) counts as what the"
        " comparison says of them: neither is lower. The median over the pairs, with an interval"
        " that holds it at all times at once, says how large the effect is; it decides nothing.",
        "",
    ]


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
        *(f"- [{e.title}](#{e.id}), {_sources(e) or 'our own'}." for e in failed),
        "",
    ]


def _sources(entry: Entry) -> str:
    return "; ".join(f"{s.paper}, {s.place}" for s in entry.sources)


def section(entry: Entry, row: Row | None = None) -> list[str]:
    """One claim, in lines of Markdown; the first two are the anchor that others link to.

    Raises:
        InputError: when the case of its example is none, naming the claim.
    """
    examples = entry.examples
    lines = [
        f'<a id="{entry.id}"></a>',
        "",
        f"### {entry.title}",
        "",
        f"**{entry.verdict.upper()}** — {entry.reason}.",
        "",
        f"`{entry.id}`, {entry.kind}. Source: {_sources(entry) or 'a claim of our own'}.",
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
        + _details(entry)
        + ".",
        *_how_sure(entry),
    ]
    if entry.corrects:
        lines += ["", f"Corrects [`{entry.corrects}`](#{entry.corrects})."]
    lines += _shown(entry)
    if entry.certificate:
        link = f"[`{entry.certificate}`]({entry.certificate})"
        lines += ["", f"Certificate: {link}, for `theorycheck verify`."]
    nearest = entry.nearest
    if nearest is not None and entry.verdict != "vacuous":
        lines += ["", f"Directed search: nearest {nearest.distance:.6g} ({nearest.note})."]
    lines += ["", f"Control: {entry.control.statement} — {_control(entry)}."]
    if entry.positive is not None:
        shown = _pairs(entry.positive.examples) or "not examined"
        lines += ["", f"Positive control: {entry.positive.statement} — {shown}."]
    return lines + lines_of(row)


def _how_sure(entry: Entry) -> list[str]:
    """What counts, what the kernel says, which corners were met, how far the verdict reaches."""
    examples = entry.examples
    if not examples.counted:
        return []
    parts = [f"{examples.counted} examples count"]
    if examples.agreed:
        parts.append(f"the kernel agrees on the simplest {examples.agreed}")
    if examples.corners:
        named = ", ".join(f"{name} ({count})" for name, count in examples.corners.items())
        parts.append(f"corners met: {named}")
    if entry.strength is not None and entry.level == "architectures":
        parts.append(
            f"true of all weights, data and activation patterns of {entry.strength.architectures}"
            f" architectures, the largest with {entry.strength.largest} numbers"
        )
    elif entry.strength is not None and entry.strength.reason is not None:
        parts.append(f"sampled: {entry.strength.reason}")
    return ["", f"How sure: {'; '.join(parts)}."]


def _control(entry: Entry) -> str:
    """What became of the control."""
    examples, refuted = entry.control.examples, entry.control.counterexample
    if refuted is not None:
        return (
            f"refuted after {examples.tried} examples:"
            f" {refuted.left} {refuted.relation} {refuted.right} is false"
        )
    if examples.strata:
        return _pairs(examples)
    if entry.verdict == "vacuous":
        return f"the same search met its hypotheses {examples.met} times"
    return "not refuted"


def _pairs(examples: Examples) -> str:
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


def _details(entry: Entry) -> str:
    examples = entry.examples
    parts = []
    if examples.degenerate == examples.met > 0:
        parts.append("met only in degenerate cases")
    elif examples.degenerate:
        parts.append(f"{examples.degenerate} of them degenerate")
    if examples.open:
        parts.append(f"{examples.open} left open by rounding")
    parts += [f"{count} rejected: {reason}" for reason, count in examples.rejected.items()]
    if examples.strata:
        parts.append(_pairs(examples))
    if entry.arithmetic:
        parts.append("decided in " + ", ".join(entry.arithmetic))
    return "".join(f"; {part}" for part in parts)


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
    from theorycheck.arithmetic.cases import Case

    network = Case.from_dict(case).network
    lines = [f"network  {network}"]
    for parameter, values in zip(network.parameters, case["parameters"], strict=True):
        lines += _matrix(parameter.name, values[0])
    lines += _matrix("x", case["inputs"][0])
    if case["targets"] is not None:
        lines += _matrix("y", case["targets"][0])
    lines += [f"{name} = {number}" for name, number in case["numbers"].items()]
    return lines


def _matrix(name: str, values: Any) -> list[str]:
    if not isinstance(values, list):
        return [f"{name} = {_short(values)}"]
    rows = values if values and isinstance(values[0], list) else [values]
    if len(rows) > MOST_ROWS or len(rows[0]) > LONGEST_ROW:
        return [f"{name} = ({len(rows)} x {len(rows[0])} matrix, see claims.json)"]
    texts = [[_short(entry) for entry in row] for row in rows]
    widths = [max(len(row[j]) for row in texts) for j in range(len(texts[0]))]
    body = ["  ".join(t.rjust(w) for t, w in zip(row, widths, strict=True)) for row in texts]
    indent = " " * len(f"{name} = ")
    return [(f"{name} = " if i == 0 else indent) + f"[ {line} ]" for i, line in enumerate(body)]


def _short(text: str) -> str:
    from theorycheck.claims.comparisons import number_text

    return number_text(Fraction(text), longest=9, digits=4)
