"""Evidence: what was compared, and how sure a verdict is, in one line each."""

from __future__ import annotations

from theorycheck.claims.entries import Entry
from theorycheck.claims.outcomes import Answer
from theorycheck.reports.markdown.words import how_sure


def sureness(entry: Entry) -> str:
    """What the verdict rests on, shortest words first; empty where there is no evidence."""
    examples = entry.examples
    if examples.strata:
        return "decided in each population by itself, with an error of at most 1e-4"
    shown = entry.counterexample
    if shown is not None:
        confirmed = shown.kernel is not None and shown.kernel.answer is Answer.CONFIRMED
        return "one counterexample, " + (
            "which the kernel confirms" if confirmed else f"compared as {shown.arithmetic}"
        )
    return "; ".join([*[entry.level or ""] * (entry.level == "general"), *how_sure(entry)])


def conclusion(entry: Entry) -> str:
    """The formula that is compared; empty for a claim without one."""
    told = ("for all ", "given ", "where ")
    return next((line for line in entry.formula if not line.startswith(told)), "")
