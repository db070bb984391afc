"""Elements of Markdown: links to claims, cells of tables, and text that is only text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

Link = Callable[[str, str], str]
"""A link with a text to a claim."""


def within(text: str, claim: str) -> str:
    """A link to a claim on the same page."""
    return f"[{text}](#{claim})"


def cell(text: str) -> str:
    """Text within a table, whose columns bars would break."""
    return text.replace("|", r"\|")


MARKUP = re.compile(r"<(?=[A-Za-z/!?])")
"""Where HTML would begin, which Markdown lets pass."""

ANCHOR = re.compile(r'<a id="[^"<>]+"></a>')
"""The only HTML of our own, a line by itself."""


def without_markup(text: str) -> Iterator[str]:
    """The lines of a page without HTML in the text of claims; code and formulas are left."""
    in_code = False
    for line in text.split("\n"):
        fence = line.removeprefix("> ").startswith("```")
        in_code ^= fence
        if in_code or fence or line.startswith("$$") or ANCHOR.fullmatch(line):
            yield line
        else:
            parts = line.split("`")
            # What is between two backticks is code; after the last of an odd number is text.
            code = [place % 2 == 1 and place < len(parts) - 1 for place in range(len(parts))]
            yield "`".join(
                part if is_code else MARKUP.sub(r"\<", part)
                for part, is_code in zip(parts, code, strict=True)
            )
