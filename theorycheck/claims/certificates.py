"""Certificates: one example each, in a form that a sceptic can re-check.

What a certificate says is decided by the trusted kernel (`theorycheck.kernel`), which shares no
code with the rest: an example that the engine found is written down only when the kernel, from the
claim's formal statement and the exact numbers alone, comes to the same conclusion. The format is
published as a JSON Schema, ``certificate.schema.json`` beside this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from theorycheck import kernel
from theorycheck.arithmetic.cases import Case
from theorycheck.claims.declaration import Claim
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.sequential import CONTRADICTED, Tendency
from theorycheck.claims.verdicts import TENDENCY
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


def certify(claim: Claim, evidence: Evidence, *, contradicted: bool) -> Certification:
    """The certificate of what a verdict rests on, the counterexample or else the tightest example.

    An example without exact numbers has none.

    Args:
        contradicted: whether the claim is a tendency that its pairs contradict; they are the
            example then.
    """
    shown = evidence.counterexample or evidence.tightest
    shows: Shows = "tight" if evidence.counterexample is None else "refuted"
    try:
        if contradicted:
            pairs = evidence.successes, evidence.failures
            return Certification(issue_contradicted(claim, TENDENCY, *pairs))
        if shown is None or shown.case is None or claim.formal is None:
            return Certification()
        return Certification(issue(claim, shown.case(), shows, shown.at))
    except Rejected as error:
        return Certification(objection=str(error))


def issue_contradicted(
    claim: Claim, tendency: Tendency, successes: int, failures: int
) -> dict[str, Any]:
    """The certificate of a tendency that its pairs contradict; the example is their numbers.

    Raises:
        Rejected: when they do not contradict it, to the kernel.
    """
    numbers = {
        "successes": successes,
        "failures": failures,
        "null": tendency.null,
        "alternative": tendency.alternative,
        "beta": tendency.beta,
    }
    document: dict[str, Any] = {
        "network": None,
        "parameters": [],
        "inputs": [[]],
        "targets": None,
        "numbers": {name: str(number) for name, number in sorted(numbers.items())},
    }
    return _issue(claim, document, "refuted", {})


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
                found = statement.decided(evaluator, scope)
                listed = {name: kernel.listed(value) for name, value in scope.items()}
                if shows == "refuted" and not found.holds:
                    return listed, found.left, found.right
                if shows == "tight" and found.holds:
                    ratio = _ratio(found.left, found.right)
                    if best is None or ratio > best[0]:
                        best = ratio, listed, found.left, found.right
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
