"""Certificates: one example each, in a form that a sceptic can re-check.

What a certificate says is decided by the trusted kernel (`theorycheck.kernel`), which shares no
code with the rest: an example that the engine found is written down only when the kernel, from the
claim's formal statement and the exact numbers alone, comes to the same conclusion. The format is
published as a JSON Schema, ``certificate.schema.json`` beside this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from theorycheck import kernel
from theorycheck.arithmetic.cases import Case
from theorycheck.claims.declaration import Claim
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.outcomes import Stratum
from theorycheck.claims.sequential import CONTRADICTED, TENDENCY, Tendency
from theorycheck.claims.verdicts import contradicted
from theorycheck.errors import InputError
from theorycheck.kernel import Evaluator, Example, Rejected, Statement, Undecided

Shows = Literal["refuted", "tight"]
"""The conclusion is false for the example; or true, and close to an equality."""

SEARCH = 10
"""How much more work than the check of one assignment the search among all of them may take."""


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


@cache
def formal_statement(claim: Claim) -> FormalStatement | None:
    """The claim as its certificates state it; None when it has no formal statement.

    Made and parsed once for every claim.
    """
    formal = CONTRADICTED if claim.kind == "tendency" else claim.formal
    if formal is None:
        return None
    document = {
        "latex": claim.statement,
        "hypotheses": list(claim.hypotheses),
        "given": list(formal.given),
        "where": list(formal.where),
        "forall": list(formal.forall),
        "conclusion": formal.conclusion,
    }
    return FormalStatement(document, kernel.digest([claim.id, document])[:16])


def statement_version(claim: Claim) -> str | None:
    """The version of the claim's formal statement, None when it has none."""
    statement = formal_statement(claim)
    return None if statement is None else statement.version


@dataclass(frozen=True)
class Certification:
    """A certificate, as JSON holds it, or why the kernel gives none; neither where none is due."""

    certificate: dict[str, Any] | None = None
    objection: str | None = None


def certify(claim: Claim, evidence: Evidence, positive: Evidence | None) -> Certification:
    """The certificate of what a verdict rests on, the counterexample or else the tightest example.

    An example without exact numbers has none.

    Args:
        positive: on the positive control of a tendency. Where its pairs contradict the tendency,
            they are the example.
    """
    shown = evidence.counterexample or evidence.tightest
    shows: Shows = "tight" if evidence.counterexample is None else "refuted"
    try:
        if claim.kind == "tendency":
            could = {} if positive is None else positive.strata
            if not contradicted(evidence.strata, could):
                return Certification()
            return Certification(issue_contradicted(claim, evidence.strata, could))
        if shown is None or shown.case is None or claim.formal is None:
            return Certification()
        return Certification(issue(claim, shown.case(), shows, shown.at))
    except Rejected as error:
        return Certification(objection=str(error))


Strata = Mapping[str, Stratum]


def issue_contradicted(
    claim: Claim, strata: Strata, positive: Strata, tendency: Tendency = TENDENCY
) -> dict[str, Any]:
    """The certificate of a tendency that its pairs contradict; the example is their numbers.

    Args:
        strata: its pairs; in the certificate the strata are numbered in this order.
        positive: those of its positive control.
        tendency: the error rates.

    Raises:
        Rejected: when no stratum contradicts it, to the kernel, or the positive control is not
            confirmed there.
    """
    numbers = dict(vars(tendency))
    for index, (name, stratum) in enumerate(strata.items(), start=1):
        could = positive.get(name)
        numbers |= {
            f"successes_{index}": Fraction(stratum.successes),
            f"failures_{index}": Fraction(stratum.failures),
            f"shown_{index}": Fraction(0 if could is None else could.successes),
            f"missed_{index}": Fraction(0 if could is None else could.failures),
        }
    document: dict[str, Any] = {
        "network": None,
        "parameters": [],
        "inputs": [[]],
        "targets": None,
        "numbers": {name: str(number) for name, number in sorted(numbers.items())},
    }
    return _issue(claim, document, "refuted", {})


def counted_pairs(
    numbers: Mapping[str, str],
) -> tuple[dict[str, Stratum], dict[str, Stratum], Tendency]:
    """The arguments of `issue_contradicted` that the numbers of its certificate stand for.

    Raises:
        InputError: when they are none.
    """
    try:
        given = {name: Fraction(text) for name, text in numbers.items()}
        indices = range(1, sum(name.startswith("successes_") for name in given) + 1)
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
        return strata, positive, Tendency(given["alpha"], given["beta"])
    except (KeyError, ValueError) as error:
        raise InputError(f"numbers of no tendency: {error!r}") from error


def _count(number: Fraction) -> int:
    if number.denominator != 1 or number < 0:
        raise ValueError(f"{number} is no count")
    return int(number)


def issue(claim: Claim, case: Case, shows: Shows, at: Mapping[str, Any]) -> dict[str, Any]:
    """The certificate of an example.

    Args:
        case: one member, on which the claim's conclusion is false, or holds.
        at: values of some of the variables of the formal statement. The others are found: the first
            for which the conclusion is false, or those for which left over right is largest.

    Raises:
        Rejected: when the kernel does not come to the same conclusion, or cannot decide.
    """
    return _issue(claim, case.to_dict(), shows, at)


def _issue(
    claim: Claim, document: dict[str, Any], shows: Shows, at: Mapping[str, Any]
) -> dict[str, Any]:
    statement = formal_statement(claim)
    if statement is None:
        raise Rejected("the claim has no formal statement")
    try:
        scope, left, right = _assignment(statement.parsed, document, shows, at)
    except kernel.MISUSE as error:
        raise Rejected(f"cannot be evaluated: {error!r}") from error
    content = {
        "schema_version": kernel.SCHEMA_VERSION,
        "claim": claim.id,
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


def _assignment(
    statement: Statement, document: dict[str, Any], shows: Shows, at: Mapping[str, Any]
) -> tuple[dict[str, Any], kernel.Number, kernel.Number]:
    """Values of all variables for which the conclusion is false, or nearest to an equality.

    With both sides there.
    """
    for bits in kernel.PRECISIONS:
        example = Example(document)
        example.work *= SEARCH
        evaluator = Evaluator(example, statement.where, bits)
        best: tuple[float, dict[str, Any], kernel.Number, kernel.Number] | None = None
        unmet: str | None = None
        try:
            for scope in statement.assignments(evaluator, at):
                unmet = statement.unmet(evaluator, scope)
                if unmet is not None:
                    continue
                left, right = statement.sides(evaluator, scope)
                holds = kernel.compare(left, statement.relation, right)
                listed = {name: kernel.listed(value) for name, value in scope.items()}
                if shows == "refuted" and not holds:
                    return listed, left, right
                if shows == "tight" and holds:
                    ratio = _ratio(left, right)
                    if best is None or ratio > best[0]:
                        best = ratio, listed, left, right
        except Undecided:
            continue
        if best is not None:
            return best[1:]
        if unmet is not None:
            raise Rejected(f"a hypothesis is not met: {unmet}")
        raise Rejected(f"the conclusion is nowhere {'false' if shows == 'refuted' else 'true'}")
    raise Rejected(f"not decided by enclosures of {kernel.PRECISIONS[-1]} bits")


def _ratio(left: kernel.Number, right: kernel.Number) -> float:
    lower, upper = kernel.ends(left)[0], kernel.ends(right)[1]
    return float(lower / upper) if upper else float(lower == upper)


def require_current(claim: Claim, document: Mapping[str, Any], path: Path) -> None:
    """Raise InputError when a certificate is about an earlier statement of its claim."""
    if document["version"] != statement_version(claim):
        raise InputError(
            f"certificate {path}: the statement of {claim.id} has changed since; delete it, and"
            " `pytest properties/` searches for another example"
        )


def load(path: Path) -> dict[str, Any]:
    """Read a certificate and have the kernel re-check it.

    Raises:
        InputError: when it cannot be read or is rejected.
    """
    try:
        return kernel.verify(str(path)).document
    except Rejected as error:
        raise InputError(f"certificate {path}: {error}; restore it") from error
