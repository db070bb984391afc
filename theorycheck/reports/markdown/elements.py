"""Elements of Markdown: links to claims, and cells of tables."""

from __future__ import annotations

from collections.abc import Callable

Link = Callable[[str, str], str]
"""A link with a text to a claim."""


def within(text: str, claim: str) -> str:
    """A link to a claim on the same page."""
    return f"[{text}](#{claim})"


def cell(text: str) -> str:
    """Text within a table, whose columns bars would break."""
    return text.replace("|", r"\|")
