"""The words that all reports have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from theorycheck.claims.entries import Entry
from theorycheck.claims.outcomes import Examples, Stratum
from theorycheck.claims.setting import PROFILES
from theorycheck.reports.documents import ORDER, Report, Run
from theorycheck.reports.markdown.cases import about_networks

WITHOUT_STRENGTHS = {name for name, profile in PROFILES.items() if not profile.strengths}
"""Names of the profiles in which nobody looks how far a verdict reaches."""


def how_many(report: Report) -> str:
    """How many claims a report is about, and of how many, in words."""
    asked = len(report.claims)
    if report.omitted:
        return f"{asked} of {asked + report.omitted} claims"
    return counted(report.claims)


def counted(entries: Sequence[Entry]) -> str:
    """How many claims there are, in words."""
    return f"{len(entries)} claim{'s' * (len(entries) != 1)}"


def verdict_counts(entries: Iterable[Entry]) -> str:
    """How many claims have which verdict, in words, the good ones first."""
    counts = Counter(entry.verdict for entry in entries)
    return ", ".join(f"{counts[v]} {v}" for v in reversed(ORDER) if counts[v])


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


def wrong_as_printed(entries: Iterable[Entry]) -> list[Entry]:
    """Printed statements that are false, or about nothing; tendencies are another matter."""
    return [
        entry
        for entry in entries
        if entry.verdict in ("refuted", "vacuous") and entry.kind != "tendency" and entry.sources
    ]


def places(entry: Entry) -> str:
    """Where a claim is printed, in words; empty for a claim of our own."""
    return "; ".join(f"{s.paper}, {s.place}" for s in entry.sources)


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
    if examples.corners and about_networks(entry.formula):
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
    ties = f", {stratum.ties} tied" if stratum.ties else ""
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
