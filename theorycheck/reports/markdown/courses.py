"""Courses of trainings in Markdown: a line of medians for each claim."""

from __future__ import annotations

from theorycheck.claims.courses import Course, Line, quantiles
from theorycheck.claims.entries import Entry


def over_training(entry: Entry) -> str:
    """The medians of what was followed, population by population; empty where nothing was."""
    followed = {name: course for name, course in entry.courses.items() if course.lines}
    told = [
        f"{name}: " * (len(followed) > 1) + _medians(course) for name, course in followed.items()
    ]
    return f"Medians over training: {'; '.join(told)}." if told else ""


def _medians(course: Course) -> str:
    epochs = ", ".join(map(str, course.epochs))
    whose = f"at epochs {epochs} of the first {course.pairs} pairs that count"
    return "; ".join([*map(_line, course.lines), whose])


def _line(line: Line) -> str:
    medians = [quantiles(bins, (0.5,)) for bins in line.stages]
    values = (f"{found[0]:g}" if found else "none" for found in medians)
    return f"{line.words} {', '.join(values)}"
