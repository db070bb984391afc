"""Prose: what claims say in words, with the few marks that docstrings use."""

from __future__ import annotations

import re

from markupsafe import Markup

MARK = re.compile(
    r"`(?P<code>[^`\n]+)`"
    r"|\[(?P<text>[^\]\n]+)\]\((?P<target>#[a-z0-9-]+|needs/[a-z0-9-]+\.json)\)"
    r"|(?<![\w*])\*(?P<stressed>[^\s*][^*\n]*)\*(?![\w*])"
)
"""Code in backticks, a link to another claim or an example, words stressed with asterisks."""


def inline(text: str) -> Markup:
    """One paragraph; everything but the marks is escaped."""
    parts, end = [], 0
    for found in MARK.finditer(text):
        parts.append(Markup("{}").format(text[end : found.start()]))
        parts.append(_marked(found))
        end = found.end()
    return Markup("").join([*parts, Markup("{}").format(text[end:])])


def paragraphs(text: str) -> Markup:
    """Paragraphs, which empty lines separate."""
    found = filter(None, (part.strip() for part in re.split(r"\n\s*\n", text)))
    return Markup("").join(Markup("<p>{}</p>").format(inline(part)) for part in found)


def _marked(found: re.Match[str]) -> Markup:
    if found["code"] is not None:
        return Markup("<code>{}</code>").format(found["code"])
    if found["target"] is not None:
        return Markup('<a href="{}">{}</a>').format(found["target"], inline(found["text"]))
    return Markup("<em>{}</em>").format(inline(found["stressed"]))
