"""Certificates: one example each, in a form that a sceptic can re-check.

What a certificate says is decided by the trusted kernel (`theorycheck.kernel`), which shares no
code with the rest: an example that the engine found is written down only when the kernel, from the
claim's formal statement and the exact numbers alone, comes to the same conclusion. The format is
published as a JSON Schema, ``certificate.schema.json`` beside this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

from theorycheck import kernel
from theorycheck.arithmetic.cases import Case
from theorycheck.claims.declaration import Claim, Formal
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Observation
from theorycheck.claims.outcomes import Answer, KernelWord, Stratum
from theorycheck.claims.sequential import CONTRADICTED
from theorycheck.claims.setting import DRAWN
from theorycheck.errors import InputError
from theorycheck.kernel import Evaluator, Example, Rejected, Statement, Undecided

Shows = Literal["refuted", "tight"]
"""The conclusion is false for the example; or true, and close to an equality."""

SEARCH = 10 * kernel.MOST_WORK
"""Work of the kernel for the search among all values of the variables."""
CROSS_EXAMINATION = kernel.MOST_WORK // (4 * DRAWN)
"""Work of the kernel for each example that it is asked about besides; they share it."""


@dataclass(frozen=True)
class FormalStatement:
    """What the certificates of a claim state.

    Attributes:
        document: as they hold it.
        version: changes with every change of the statement, its hypotheses or its formal form.
    """

    document: dict[str, Any]
    version: str

    @cached_property
    def parsed(self) -> Statement:
        """As the kernel reads it.

        Raises:
            Rejected: when it does not.
        """
        return Statement.read(self.document)


def formal_of(claim: Claim) -> Formal | None:
    """The formulas that the certificates of a claim state: for all tendencies the same."""
    return CONTRADICTED if claim.kind == "tendency" else claim.formal


class About(Protocol):
    """What of a claim, or of its entry in a report, its certificates state besides formulas."""

    @property
    def id(self) -> str: ...
    @property
    def statement(self) -> str: ...
    @property
    def hypotheses(self) -> tuple[str, ...]: ...


def _stated(about: About, formal: Formal) -> FormalStatement:
    document = {
        "latex": about.statement,
        "hypotheses": list(about.hypotheses),
        "given": list(formal.given),
        "where": list(formal.where),
        "forall": list(formal.forall),
        "conclusion": formal.conclusion,
    }
    return FormalStatement(document, kernel.digest([about.id, document])[:16])


@cache
def formal_statement(claim: Claim) -> FormalStatement | None:
    """The claim as its certificates state it; None when it has no formal statement.

    Made and parsed once for every claim.
    """
    formal = formal_of(claim)
    return None if formal is None else _stated(claim, formal)


def statement_version(claim: Claim) -> str | None:
    """The version of the claim's formal statement, None when it has none."""
    statement = formal_statement(claim)
    return None if statement is None else statement.version


class Contradicted(Rejected):
    """The kernel comes to another conclusion than the engine, not merely to none."""


@dataclass(frozen=True)
class Certification:
    """What the kernel says of an example, and the certificate, as JSON holds it, if it confirms."""

    word: KernelWord
    certificate: dict[str, Any] | None = None


def certify(
    claim: Claim, evidence: Evidence, examples: int = DRAWN
) -> tuple[Evidence, dict[str, Any] | None]:
    """Ask the kernel about the examples that a verdict rests on.

    Args:
        examples: how many of the other examples it is asked about, at most.

    Returns:
        The evidence, with the kernel's word on the counterexample and on the tightest example, if
        the claim has a formal statement; and the certificate of the one that is shown, if the
        kernel confirms it.
    """
    if claim.formal is None or claim.kind == "tendency":
        return evidence, None
    false, false_certificate = _ask(claim, evidence.counterexample, "refuted")
    tight, tight_certificate = _ask(claim, evidence.tightest, "tight")
    agreed, disputed = _cross_examine(claim, evidence.drawn, examples)
    if disputed is not None and not (tight is not None and tight.contradicted):
        tight, tight_certificate = disputed, None
    asked = replace(evidence, counterexample=false, tightest=tight, agreed=agreed, drawn=[])
    return asked, tight_certificate if false is None else false_certificate


def _cross_examine(
    claim: Claim, drawn: Sequence[Observation], examples: int
) -> tuple[int, Observation | None]:
    """On how many examples the kernel finds the statement true, and the first where it does not.

    It is asked about all values of the variables.
    """
    statement = formal_statement(claim)
    assert statement is not None
    agreed, work = 0, _Work(CROSS_EXAMINATION * examples)
    for found in drawn[:examples]:
        assert found.case is not None
        document = found.case().to_dict()
        try:
            _assignment(statement.parsed, document, "tight", {}, work)
            agreed += 1
        except Contradicted as error:
            word = KernelWord(answer=Answer.CONTRADICTED, reason=str(error))
            return agreed, replace(found, kernel=word)
        except (Rejected, *kernel.MISUSE):
            continue
    return agreed, None


def certify_pairs(about: About, evidence: Evidence, positive: Evidence | None) -> Certification:
    """Ask the kernel about a tendency that its pairs contradict, and its positive control shows."""
    could = {} if positive is None else positive.strata
    return _certification(lambda: issue_contradicted(about, evidence.strata, could))


def _ask(
    claim: Claim, found: Observation | None, shows: Shows
) -> tuple[Observation | None, dict[str, Any] | None]:
    if found is None:
        return None, None
    case, at = found.case, found.at
    if case is None:
        word = KernelWord(answer=Answer.OPEN, reason="there are no exact numbers")
        return replace(found, kernel=word), None
    certification = _certification(lambda: issue(claim, case(), shows, at))
    return replace(found, kernel=certification.word), certification.certificate


def _certification(issued: Callable[[], dict[str, Any]]) -> Certification:
    try:
        certificate = issued()
    except Contradicted as error:
        return Certification(KernelWord(answer=Answer.CONTRADICTED, reason=str(error)))
    except Rejected as error:
        return Certification(KernelWord(answer=Answer.OPEN, reason=str(error)))
    return Certification(KernelWord(answer=Answer.CONFIRMED, reason=None), certificate)


Strata = Mapping[str, Stratum]


def issue_contradicted(about: About, strata: Strata, positive: Strata) -> dict[str, Any]:
    """The certificate of a tendency that its pairs contradict; the example is their numbers.

    Args:
        strata: its pairs; in the certificate the strata are numbered in this order.
        positive: those of its positive control.

    Raises:
        Rejected: when no stratum contradicts it, to the kernel, or the positive control is not
            confirmed there.
    """
    return _issue(about.id, _stated(about, CONTRADICTED), pairs_of(strata, positive), "refuted", {})


def pairs_of(strata: Strata, positive: Strata) -> dict[str, Any]:
    """The example of a tendency's certificate, as it holds it: how many pairs came out how."""
    numbers: dict[str, int] = {}
    for index, (name, stratum) in enumerate(strata.items(), start=1):
        could = positive.get(name)
        numbers |= {
            f"successes_{index}": stratum.successes,
            f"failures_{index}": stratum.failures,
            f"shown_{index}": 0 if could is None else could.successes,
            f"missed_{index}": 0 if could is None else could.failures,
        }
    return {
        "network": None,
        "parameters": [],
        "inputs": [[]],
        "targets": None,
        "numbers": {name: str(number) for name, number in sorted(numbers.items())},
    }


def counted_pairs(numbers: Mapping[str, str]) -> tuple[dict[str, Stratum], dict[str, Stratum]]:
    """The pairs of a tendency, and of its positive control, that a certificate counts.

    Raises:
        InputError: when they are none.
    """
    try:
        given = {name: Fraction(text) for name, text in numbers.items()}
        indices = range(1, sum(name.startswith("successes_") for name in given) + 1)
        if not indices:
            raise ValueError("no pairs")
        strata, positive = (
            {
                f"stratum {i}": Stratum(
                    successes=_count(given[f"{shown}_{i}"]),
                    failures=_count(given[f"{missed}_{i}"]),
                    ties=0,
                    effects={},
                    measured=(),
                )
                for i in indices
            }
            for shown, missed in (("successes", "failures"), ("shown", "missed"))
        )
        return strata, positive
    except (KeyError, ValueError) as error:
        raise InputError(f"numbers of no tendency: {error!r}") from error


def _count(number: Fraction) -> int:
    if number.denominator != 1 or number < 0:
        raise ValueError(f"{number} is no count")
    return int(number)


def word_against(about: About, formal: Formal, case: Case, at: Mapping[str, Any]) -> KernelWord:
    """What the kernel says of an example that violates a statement, which need be no claim's."""
    stated = _stated(about, formal)
    return _certification(lambda: _issue(about.id, stated, case.to_dict(), "refuted", at)).word


def issue(claim: Claim, case: Case, shows: Shows, at: Mapping[str, Any]) -> dict[str, Any]:
    """The certificate of an example.

    Args:
        case: one member, on which the claim's conclusion is false, or holds.
        at: values of some of the variables of the formal statement. The others are found: the first
            for which the conclusion is false, or those for which left over right is largest.

    Raises:
        Contradicted: when the kernel comes to another conclusion. An example is not tight when the
            conclusion is false for any of the other values.
        Rejected: when it cannot decide.
    """
    statement = formal_statement(claim)
    if statement is None:
        raise Rejected("the claim has no formal statement")
    return _issue(claim.id, statement, case.to_dict(), shows, at)


def _issue(
    claim: str,
    statement: FormalStatement,
    document: dict[str, Any],
    shows: Shows,
    at: Mapping[str, Any],
) -> dict[str, Any]:
    try:
        scope, left, right = _assignment(statement.parsed, document, shows, at, _Work(SEARCH))
    except kernel.MISUSE as error:
        raise Rejected(f"cannot be evaluated: {error!r}") from error
    content = {
        "schema_version": kernel.SCHEMA_VERSION,
        "claim": claim,
        "version": statement.version,
        "shows": shows,
        "statement": statement.document,
        "case": document,
        "at": scope,
        "left": kernel.recorded_form(left),
        "right": kernel.recorded_form(right),
    }
    sealed = {**content, "digest": kernel.digest(content)}
    kernel.check(sealed)
    return sealed


@dataclass
class _Work:
    """The work that the kernel may still do."""

    left: int


def _assignment(
    statement: Statement,
    document: dict[str, Any],
    shows: Shows,
    at: Mapping[str, Any],
    work: _Work,
) -> tuple[dict[str, Any], kernel.Number, kernel.Number]:
    """Values of all variables, and both sides, where it is false, or nearest to an equality.

    Raises:
        Contradicted: when there are none, or the conclusion is false where it should be tight.
        Rejected: when the kernel cannot decide.
    """
    for bits in kernel.PRECISIONS:
        example = Example(document)
        example.work = work.left
        best: tuple[float, dict[str, Any], kernel.Number, kernel.Number] | None = None
        unmet: str | None = None
        try:
            evaluator = Evaluator(example, statement.where, bits)
            for scope in statement.assignments(evaluator, at):
                unmet = statement.unmet(evaluator, scope)
                if unmet is not None:
                    continue
                found = statement.decided(evaluator, scope)
                listed = {name: kernel.listed(value) for name, value in scope.items()}
                if shows == "refuted" and not found.holds:
                    return listed, found.left, found.right
                if shows == "tight" and not found.holds:
                    raise Contradicted(f"the conclusion is false{_at(listed)}")
                ratio = _ratio(found.left, found.right)
                if best is None or ratio > best[0]:
                    best = ratio, listed, found.left, found.right
        except Undecided:
            continue
        finally:
            work.left = example.work
        if best is not None and shows == "tight":
            return best[1:]
        if best is not None:
            raise Contradicted("the conclusion is nowhere false")
        if unmet is not None:
            raise Contradicted(f"a hypothesis is not met: {unmet}")
        raise Contradicted("the variables have no values")
    raise Rejected(f"not decided by enclosures of {kernel.PRECISIONS[-1]} bits")


def _at(scope: Mapping[str, Any]) -> str:
    """An assignment in words, for the end of a sentence."""
    return " at " + ", ".join(f"{name} = {v}" for name, v in scope.items()) if scope else ""


def _ratio(left: kernel.Number, right: kernel.Number) -> float:
    lower, upper = kernel.ends(left)[0], kernel.ends(right)[1]
    return float(lower / upper) if upper else float(lower == upper)


def load(path: Path, record: Path | None = None, *, proof: bool = False) -> dict[str, Any]:
    """Read a certificate and have the kernel re-check it.

    Args:
        record: with which its statement is compared too; it may lack the claim.
        proof: whether it has to be a proof; otherwise it has to hold an example.

    Raises:
        InputError: when it cannot be read or is rejected.
    """
    try:
        document = kernel.check(kernel.read_file(path, kernel.MOST_BYTES)).document
        if record is not None:
            kernel.on_record(record, document)
    except Rejected as error:
        raise InputError(f"certificate {path}: {error}; restore it") from error
    if (document["shows"] == "settled") is not proof:
        found = "is no proof" if proof else "is a proof, and has no example"
        raise InputError(f"certificate {path} {found}; `theorycheck verify --explain` shows it")
    return document
