"""Claims: one statement of one or more papers, with the property that checks it.

A property is a generator function: it receives a `Setting` and the values that Hypothesis drew,
and yields findings (`theorycheck.claims.evidence`). The decorator `claim` turns it into a `Claim`,
which the pytest plugin collects like a test.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

from theorycheck.errors import InputError
from theorycheck.statements.kinds import require_kinds
from theorycheck.statements.syntax import Statement
from theorycheck.statements.vocabulary import require_known

Kind = Literal[
    "identity", "inequality", "rank", "consistency", "symbolic", "trajectory", "tendency"
]
"""What a claim is; a consistency is that two printed places agree."""

KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True)
class Paper:
    """A paper that claims are taken from."""

    key: str
    title: str
    authors: str
    year: int

    def at(self, place: str) -> Source:
        """The source of a statement: this paper, at a section, equation, theorem or figure."""
        return Source(self, place)


@dataclass(frozen=True)
class Source:
    """A place in a paper: section, equation, theorem or figure."""

    paper: Paper
    place: str


@dataclass(frozen=True)
class Formal:
    """A claim in the language of the kernel (`theorycheck.kernel`): what its certificates state.

    For all values of the variables the conclusion holds, if the hypotheses hold.

    Attributes:
        conclusion: one comparison, such as ``"inner(W[k], df(n, c, k)) == f(n, c)"``.
        forall: the variables with their ranges, ``"k in weights"``; later ones may use the earlier.
        given: the hypotheses, as conditions.
        where: abbreviations, ``"name = ..."`` or ``"name(a, b) = ..."``, that the others may use.
        numbers: names of the case's own numbers that the formulas use, such as ``weight_decay``.

    Raises:
        InputError: saying which formula is wrong, and where.
    """

    conclusion: str
    forall: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_known(self.statement)
        require_kinds(self.statement)
        # With the spaces that the kernel wants, however they were written.
        texts = tuple(definition.text for definition in self.statement.where)
        object.__setattr__(self, "where", texts)

    def lines(self) -> tuple[str, ...]:
        """As a reader wants it: variables, hypotheses, the conclusion, abbreviations it uses."""
        return (
            *(f"for all {variable}" for variable in self.forall),
            *(f"given {condition}" for condition in self.given),
            self.conclusion,
            *(f"where {definition.text}" for definition in self.statement.used),
        )

    @cached_property
    def statement(self) -> Statement:
        """The formulas, parsed once."""
        return Statement.of(
            self.conclusion,
            forall=self.forall,
            given=self.given,
            where=self.where,
            numbers=self.numbers,
        )


@dataclass(frozen=True)
class Hypothesis:
    """One condition of a claim, in words, as reports list it."""

    prose: str


@dataclass(frozen=True)
class Assumption(Hypothesis):
    """A hypothesis with its formula, which decides whether it is met."""

    formula: str


@dataclass(frozen=True)
class Convention(Hypothesis):
    """What words of the claim mean, such as derivatives at kinks; there is nothing to be met.

    Attributes:
        selections: slopes at kinks for which the claim is made beside autograd's choice.
    """

    selections: tuple[float, ...] = ()


class Place(NamedTuple):
    """Where a claim is written."""

    module: str
    path: str
    line: int


_LISTENERS: list[dict[str, Claim]] = []
"""Those who want to know of claims that are declared."""


@contextmanager
def declarations() -> Iterator[dict[str, Claim]]:
    """The claims that are declared meanwhile, by id; of those with one id the last."""
    declared = dict[str, Claim]()
    _LISTENERS.append(declared)
    try:
        yield declared
    finally:
        _LISTENERS.pop()


@dataclass(frozen=True, eq=False)
class Claim:
    """One checkable statement.

    Attributes are described at `claim`; ``given`` are the hypotheses of a stated claim.
    """

    id: str
    title: str
    kind: Kind
    sources: tuple[Source, ...]
    statement: str
    hypotheses: tuple[str, ...]
    control: str
    check: Callable[..., Any]
    on: Mapping[str, Any] = field(default_factory=dict)
    examples: int = 100
    enough: int = 20
    corrects: str | None = None
    formal: Formal | None = None
    control_on: Mapping[str, Any] | None = None
    altered: Formal | None = None
    along: Callable[..., Any] | Sequence[Callable[..., Any]] = ()
    written: Place | None = None
    positive: str | None = None
    rests_on: tuple[str, ...] = ()
    given: tuple[Hypothesis, ...] = ()

    def __post_init__(self) -> None:
        for listener in _LISTENERS:
            listener[self.id] = self

    @property
    def place(self) -> Place:
        """Where the claim is written: a stated one where it is stated, others at their property."""
        if self.written is not None:
            return self.written
        code = self.check.__code__
        return Place(self.check.__module__, code.co_filename, code.co_firstlineno)

    @property
    def module(self) -> str:
        """The module that states it."""
        return self.check.__module__ if self.written is None else self.written.module

    @property
    def description(self) -> str:
        """The property's docstring: the statement in words, with its source."""
        return inspect.getdoc(self.check) or ""

    def seed(self, run_seed: int, *, altered: bool, positive: bool = False) -> int:
        """The seed of this claim's search (or of a control's), derived from the claim's id.

        All tendencies of a run and their controls have one: where networks and recipes are the
        same they are about the same pairs, which are trained once.
        """
        text = f"{run_seed}/tendencies"
        if self.kind != "tendency":
            side = "control" if altered else "claim"
            text = f"{run_seed}/{self.id}/{side}" + "/positive" * positive
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def is_claim_id(text: str) -> bool:
    """Whether a text has the form of a claim id; no Python function can have such a name."""
    return re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", text) is not None


def claim(
    id: str,
    *,
    title: str,
    kind: Kind,
    sources: Sequence[Source],
    statement: str,
    hypotheses: Sequence[str],
    control: str,
    positive: str | None = None,
    on: Mapping[str, Any] | None = None,
    examples: int = 100,
    enough: int = 20,
    corrects: str | None = None,
    rests_on: Sequence[str] = (),
    formal: Formal | None = None,
    altered: Formal | None = None,
) -> Callable[[Callable[..., Any]], Claim]:
    """Turn a property into a claim.

    Args:
        id: kebab-case name, unique within a run.
        title: one line for tables.
        kind: what sort of statement it is (`Kind`).
        sources: where it is printed; empty for a claim of our own.
        statement: what is printed, in LaTeX.
        hypotheses: the conditions under which it is claimed.
        control: the false neighbour in words; the property checks it when ``setting.altered``.
        positive: for a tendency, a setting in which it is known to be true, in words; the property
            checks it when ``setting.positive``. Without one the tendency cannot be refuted.
        on: Hypothesis strategies by argument name; empty for a property that is run once.
        examples: how many draws the default profile makes.
        enough: how many examples must meet the hypotheses before ``holds`` means something.
        corrects: id of the claim, printed wrongly, that this one is the corrected form of.
        rests_on: ids of the claims that the printed proof uses. They are no part of what is
            claimed: the report says with them what an erratum reaches.
        formal: the statement as the kernel evaluates it; a claim without one has no certificates.
        altered: the control as a formula, where it is one.

    Raises:
        InputError: when the id or kind is malformed.
    """
    if not is_claim_id(id):
        raise InputError(f"claim id {id!r}: use two or more lower-case words joined by hyphens")
    if kind not in KINDS:
        raise InputError(f"claim {id}: kind {kind!r} is not one of {', '.join(KINDS)}")

    def decorate(check: Callable[..., Any]) -> Claim:
        return Claim(
            id=id,
            title=title,
            kind=kind,
            sources=tuple(sources),
            statement=statement,
            hypotheses=tuple(hypotheses),
            control=control,
            check=check,
            positive=positive,
            on=on or {},
            examples=examples,
            enough=enough,
            corrects=corrects,
            rests_on=tuple(rests_on),
            formal=formal,
            altered=altered,
        )

    return decorate
