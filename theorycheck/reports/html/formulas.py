"""Formulas: LaTeX as MathML, which browsers set without a script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from itertools import pairwise
from unicodedata import lookup, name
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element
from markupsafe import Markup, escape

ELEMENTS = frozenset(
    {
        "math", "mfrac", "mi", "mn", "mo", "mover", "mpadded", "mphantom", "mroot", "mrow",
        "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr",
        "munder", "munderover",
    }
)  # fmt: skip
"""The elements of a formula; one that has others is shown as it was written."""

ATTRIBUTES = frozenset(
    {
        "accent", "accentunder", "columnalign", "displaystyle", "form", "largeop", "linethickness",
        "lspace", "mathvariant", "maxsize", "minsize", "movablelimits", "rspace", "scriptlevel",
        "stretchy", "symmetric", "width",
    }
)  # fmt: skip
"""The attributes that are kept: those of shape, and none that names a style or a place."""

PARTS = {
    "mfrac": 2, "mover": 2, "mroot": 2, "msub": 2, "msubsup": 3, "msup": 2, "munder": 2,
    "munderover": 3,
}  # fmt: skip
"""How many children an element must have."""

OPERATORS = frozenset("=≔≠<>≤≥≡≈∝∈⊂∼→⇒⟹⟺⇔⟶⟸+−-±⋅")
"""Before these a line may begin."""

OPENING, CLOSING = frozenset("([{⟨"), frozenset(")]}⟩")
"""Brackets that the converter leaves between what they enclose."""

BARS, DOTS = frozenset("|‖"), frozenset("…⋯")
"""Operators around which browsers differ in the space that they leave."""

PUNCTUATION = frozenset(",;:")
"""What stays with the words before it."""

ENDING = CLOSING | BARS
"""What may stand, in a large size, before a script."""

FUNCTIONS = frozenset(["cos", "exp", "log", "sin"])
"""Operators that the converter takes for variables."""

THIN = "0.17em"
"""The space around a function, TeX's thin one."""

SCRIPTS = frozenset(["msub", "msubsup", "msup", "munder", "munderover"])

CAPITALS = frozenset("ΓΔΘΛΞΠΣΥΦΨΩ")
"""Letters that mathematicians print upright."""

LIMITS = frozenset(["min", "max", "inf", "sup", "lim"])
"""Operators with their limits below."""

ACCENTS = frozenset("¯~˙¨^ˇ→―⏞⏟")
"""What stands over or under a letter as a part of it, not as its limit."""

BAR = {"mover": "¯", "munder": "_"}
"""Bars that become as wide as what they stand over or under."""

PRIME = "′"

SIZES = {"1.623em": "1.7em", "2.470em": "3em"}
"""Sizes of large brackets that fonts have, where Firefox would shrink them to those asked for."""

BREAK = "<wbr/>"
"""At which a line may end; a space without width is none in Firefox, beside what has no other."""

DELIMITERS = {
    "langle": "⟨", "rangle": "⟩", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉",
}  # fmt: skip
"""What the converter does not know after ``\\Big`` and its like."""


def formula(latex: str) -> Markup:
    """A formula as MathML, or as it was written, in a ``code`` element, where that is not LaTeX.

    It is a row of parts, between which a browser may begin a new line: before operators, after
    wide spaces, and within long text. All text is escaped, and elements and attributes are those of
    mathematics alone, whatever the formula holds.

    Args:
        latex: a formula without dollars, from a paper or from a user.
    """
    try:
        root = convert_to_element(_spelled(latex), display="block")
    except Exception:  # The converter has no common class for the errors of what it cannot read.
        root = None
    if root is not None:
        _unescape(root)
    if root is None or not _is_clean(root):
        return Markup("<code>{}</code>").format(latex)
    texts = [_words(part[0]) if _is_prose(part[0]) else _math(part) for part in _parts(root)]
    return Markup(f'<span class="formula">{BREAK.join(texts)}</span>')


def _spelled(latex: str) -> str:
    """The same formula in commands that the converter knows."""
    names = "|".join(DELIMITERS)
    bigger = re.compile(rf"(\\[bB]igg?[lrm]?)\s*\\({names})(?![A-Za-z])")
    latex = bigger.sub(lambda found: found[1] + DELIMITERS[found[2]], latex)
    latex = re.sub(r"(\\[bB]igg?[lrm]?)\s*\\\|", r"\1‖", latex)
    latex = latex.replace(":=", "≔")
    return re.sub(r"\\arg(?![A-Za-z])", r"\\operatorname{arg}", latex)


def _text(element: Element) -> str:
    # The converter writes characters as references, and everything else as it is.
    return unescape(element.text or "")


def _unescape(root: Element) -> None:
    """Take the backslash from signs that the converter leaves as they were written."""
    for element in root.iter():
        element.text = re.sub(r"\\([%#$&_{}])", r"\1", _text(element))


def _is_clean(element: Element) -> bool:
    """Whether a formula consists of complete, known elements, and of no unread command."""
    return all(
        part.tag in ELEMENTS
        and "\\" not in _text(part)
        and len(part) == PARTS.get(part.tag, len(part))
        for part in element.iter()
    )


def _parts(root: Element) -> list[list[Element]]:
    """What a formula consists of, at least one element each; brackets stay together."""
    parts: list[list[Element]] = [[]]
    depth = 0
    for element in (child for row in root for child in row):
        # Of two operators in a row the second one is a sign.
        operator = not depth and _is_operator(element) and not _ends_open(parts[-1])
        if parts[-1] and _is_prose(parts[-1][-1]) and _text(element) in PUNCTUATION:
            # No line begins with it.
            parts[-1][-1].text = f"{_text(parts[-1][-1])}{_text(element)} "
            continue
        begins = operator or _is_prose(element)
        if parts[-1] and (begins or _ends_part(parts[-1][-1])):
            parts.append([])
        parts[-1].append(element)
        depth += _text(element) in OPENING
        depth -= _text(_base(element)) in CLOSING
    return parts if parts[-1] else parts[:-1]


def _ends_open(part: list[Element]) -> bool:
    return bool(part) and _is_operator(part[-1])


def _ends_part(element: Element) -> bool:
    return element.tag == "mspace" or _is_prose(element)


def _is_prose(element: Element) -> bool:
    """Whether an element is words, set in the type of the page, and no mere space."""
    return element.tag == "mtext" and any(map(str.isalpha, _text(element)))


def _is_operator(element: Element) -> bool:
    """Whether an element is an operator; the converter takes some arrows for variables."""
    return element.tag in ("mi", "mo") and _text(element) in OPERATORS


def _words(element: Element) -> str:
    text = _text(element).replace("\N{NO-BREAK SPACE}", " ").replace("--", "–")
    return str(escape(text.replace("``", "“").replace("''", "”")))


def _math(part: list[Element]) -> str:
    if len(part) == 1 and _is_operator(part[0]):
        # All alone, Firefox sets it without its space.
        part = [*part, Element("mspace", width="0")]
    for place, element in enumerate(part):
        if _is_operator(element):
            element.tag = "mo"
            if place and _text(part[place - 1]) in OPERATORS | OPENING:
                element.set("form", "prefix")
            elif not place:
                # It stands between two parts, though a browser sees none before it.
                element.set("form", "infix")
        elif place and _is_function(base := _base(element)) and _is_factor(part[place - 1]):
            base.set("lspace", THIN)
    _close_up(part)
    body = "".join(text for element in part for text in _written(element))
    return f"<math>{body}</math>"


def _close_up(row: list[Element]) -> None:
    """Leave no space between functions and the brackets that follow them."""
    for element, following in pairwise(row):
        base = _base(element)
        if _is_function(base) and _text(following) in OPENING:
            base.set("rspace", "0")


def _base(element: Element) -> Element:
    """What stands without its scripts."""
    return _base(element[0]) if element.tag in SCRIPTS else element


def _is_function(element: Element) -> bool:
    text = _text(element)
    return (element.tag == "mo" and text.isalpha() and len(text) > 1) or text in FUNCTIONS


def _is_factor(element: Element) -> bool:
    """Whether an element keeps a little distance from a function that follows it."""
    return element.tag not in ("mo", "mspace", "mtext") and not _is_operator(element)


def _set(element: Element) -> None:
    """Set one element as mathematicians do, where the converter does not."""
    text = _text(element)
    if element.tag == "msub" and element[0].tag == "mo" and _text(element[0]) in LIMITS:
        element.tag = "munder"
    elif element.tag in SCRIPTS and element[0].get("minsize") and _text(element[0]) in ENDING:
        # As an operator of its own, a large bracket would lose its size, and its script its place.
        row = Element("mrow")
        element[0].set("form", "postfix")
        row.extend([element[0], Element("mspace", width="0")])
        element[0] = row
    elif element.tag in BAR and _text(element[1]) in ACCENTS:
        accent = _text(element[1])
        element.set("accent" if element.tag == "mover" else "accentunder", "true")
        # It is an accent, and grows with what it is over, without being told.
        element[1].attrib = {k: v for k, v in element[1].attrib.items() if v != "true"}
        element[1].text = {"^": "ˆ", "―": BAR[element.tag]}.get(accent, accent)
    elif element.tag == "mtext":
        element.text = text.replace("--", "–")
    else:
        _set_sign(element, text)


def _set_sign(element: Element, text: str) -> None:
    """Set an operator or a variable, whose text is given."""
    if element.tag == "mo" and text in BARS | DOTS:
        element.attrib |= {"lspace": "0", "rspace": "0"}
        if element.get("minsize"):
            element.set("stretchy", "true")
    elif _is_function(element):
        element.tag = "mo"
        element.attrib = {"lspace": "0", "rspace": THIN} | element.attrib
    elif text == ":" and element.tag in ("mi", "mo"):
        element.tag = "mo"
        element.attrib |= {"lspace": "0", "rspace": "0.28em"}
    elif element.tag == "mi" and text == PRIME:
        element.tag = "mo"
    elif element.tag == "mi" and text in CAPITALS:
        element.set("mathvariant", "normal")


def _in_characters(element: Element) -> None:
    """Name the kind of letters by the letters, for browsers that do not heed the attribute."""
    kind = element.get("mathvariant", "normal").upper()
    if kind == "NORMAL":
        return
    try:
        element.text = "".join(_lettered(kind, letter) for letter in _text(element))
    except KeyError:
        return
    del element.attrib["mathvariant"]


def _lettered(kind: str, letter: str) -> str:
    """A letter or digit of a kind, as the character that Unicode has for it."""
    plain = re.sub("LATIN |GREEK |LETTER ", "", name(letter))
    kind = kind.replace("BOLD-", "BOLD ")
    try:
        return lookup(f"MATHEMATICAL {kind} {plain}")
    except KeyError:
        # These few are older than the others, and have names of their own.
        return lookup(f"{kind.replace('FRAKTUR', 'BLACK-LETTER')} {plain}")


def _written(element: Element) -> Iterator[str]:
    _set(element)
    _in_characters(element)
    kept = {k: SIZES.get(v, v) for k, v in element.attrib.items() if k in ATTRIBUTES}
    if element.tag == "mrow" and len(element) == 1 and not kept:
        # A row of one element is that element.
        yield from _written(element[0])
        return
    _close_up([*element])
    yield f"<{element.tag}" + "".join(f' {n}="{escape(v)}"' for n, v in kept.items()) + ">"
    yield str(escape(_text(element)))
    for child in element:
        yield from _written(child)
    yield f"</{element.tag}>"
