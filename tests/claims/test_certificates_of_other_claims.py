"""Statements on record as holding, at the examples of all other claims' certificates.

Nobody drew these examples for the statement: what its hypotheses leave unsaid shows here. The
kernel decides; where its limits of work do not suffice, the exact reader does.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from contextlib import suppress
from functools import cache
from typing import Any

import pytest

from tests.claims.on_record import COMMITTED, ROOT, claims
from theorycheck import kernel
from theorycheck.arithmetic.cases import Case
from theorycheck.claims import certificates
from theorycheck.claims.declaration import Claim
from theorycheck.reports.baseline import load_baseline
from theorycheck.statements.assignments import answers
from theorycheck.statements.checking import LARGEST_EXACT
from theorycheck.statements.trials import NO_VALUE
from theorycheck.statements.vocabulary import NUMBERS

VERDICTS = load_baseline(ROOT / "reports/baseline.json").verdicts
HOLDING = sorted(
    name
    for name, claim in claims().items()
    if claim.formal is not None and VERDICTS.get(name) in ("holds", "proved")
)
EXAMPLES = {
    path.stem: document["case"]
    for path in COMMITTED
    if (document := json.loads(path.read_text(encoding="utf-8")))["case"]["network"] is not None
}
CONDITIONAL = [
    name
    for name in HOLDING
    if (formal := claims()[name].formal) is not None
    and any(re.search(r"\(\)|\[|samples|outputs|depth|biases", one) for one in formal.given)
    and "outcome" not in formal.numbers
]
"""Those with hypotheses on networks or data, which some other example does not meet."""
WORK = kernel.MOST_WORK // 60
"""Of the kernel for one example: it takes tenths of a second, and few examples need more."""


def with_numbers(claim: Claim, drawn: dict[str, Any]) -> dict[str, Any]:
    """An example in which numbers that a statement is about, and it does not have, are 1.

    But not what a training yields: it is what it is.
    """
    assert claim.formal is not None
    found = [n for n in claim.formal.numbers if claim.kind != "trajectory" or n in NUMBERS]
    return {**drawn, "numbers": {**dict.fromkeys(found, "1"), **drawn["numbers"]}}


@cache
def on_their_own(name: str) -> list[str]:
    """The hypotheses of a claim that no abbreviation and no variable of the statement enters."""
    formal = certificates.formal_statement(claims()[name])
    assert formal is not None
    parsed = formal.parsed
    defined = {match[1] for one in parsed.where if (match := kernel.DEFINITION.fullmatch(one))}
    later = defined | {variable for variable, _ in parsed.forall}

    def names(condition: ast.expr) -> set[str]:
        return {node.id for node in ast.walk(condition) if isinstance(node, ast.Name)}

    return [ast.unparse(one) for one in parsed.given if not names(one) & later]


@cache
def is_false(condition: str, content: str) -> bool:
    """Whether a hypothesis is not met at an example, given as JSON: many claims make the same."""
    try:
        example = kernel.Example(json.loads(content))
        example.work = WORK
        plain = kernel.Evaluator(example, [], kernel.PRECISIONS[0])
        return not plain.truth(plain.evaluate(kernel.parse(condition), {}))
    except (kernel.Undecided, kernel.Rejected, *kernel.MISUSE):
        return False


def kernel_finds(claim: Claim, document: dict[str, Any]) -> str | None:
    """``holds``, ``false``, or the hypothesis that no values of the variables meet; None when the
    kernel cannot say.
    """
    formal = certificates.formal_statement(claim)
    assert formal is not None
    content = json.dumps(document)
    for condition in on_their_own(claim.id):
        if is_false(condition, content):
            return condition
    for bits in kernel.PRECISIONS:
        try:
            example = kernel.Example(document)
            example.work = WORK
            evaluator = kernel.Evaluator(example, formal.parsed.where, bits)
            found = "nothing to check"
            for scope in formal.parsed.assignments(evaluator, {}):
                unmet = formal.parsed.unmet(evaluator, scope)
                if unmet is not None:
                    found = unmet if found != "holds" else found
                    continue
                if not formal.parsed.decided(evaluator, scope).holds:
                    return "false"
                found = "holds"
            return found
        except kernel.Undecided:
            continue
        except (kernel.Rejected, *kernel.MISUSE):
            # Beyond the limits of work, or a formula has no value here: nothing is claimed.
            return None
    return None


@pytest.mark.parametrize("name", HOLDING)
def test_no_statement_that_holds_is_false_at_another_claims_example(name: str) -> None:
    claim = claims()[name]
    assert claim.formal is not None
    found: Counter[str | None] = Counter()
    for other, drawn in EXAMPLES.items():
        document = with_numbers(claim, drawn)
        answer = kernel_finds(claim, document)
        if answer is None:
            case = Case.from_dict(document)
            if case.size <= LARGEST_EXACT:
                with suppress(*NO_VALUE):  # Of shapes that the formula is not about.
                    read = answers(claim.formal.statement, case)
                    assert not any(one.holds is False for one in read), other
        assert answer != "false", other
        found[answer] += 1
    assert found.total() == len(EXAMPLES)
    assert found[None] < len(EXAMPLES) or name not in CONDITIONAL


@pytest.mark.parametrize("name", CONDITIONAL)
def test_a_forged_refutation_is_rejected_with_the_assumption_that_is_not_met(name: str) -> None:
    """Sealed with the version on record, at an example of another claim."""
    formal = certificates.formal_statement(claims()[name])
    assert formal is not None
    forged = 0
    for drawn in EXAMPLES.values():
        document = with_numbers(claims()[name], drawn)
        example = kernel.Example(document)
        try:
            evaluator = kernel.Evaluator(example, formal.parsed.where, kernel.PRECISIONS[0])
            scope = next(formal.parsed.assignments(evaluator, {}))
            unmet = formal.parsed.unmet(evaluator, scope)
        except (kernel.Rejected, kernel.Undecided, StopIteration, *kernel.MISUSE):
            continue
        if unmet is None:
            continue
        content = {
            "schema_version": kernel.SCHEMA_VERSION,
            "claim": name,
            "version": formal.version,
            "shows": "refuted",
            "statement": formal.document,
            "case": document,
            "at": {key: kernel.listed(value) for key, value in scope.items()},
            "left": "1",
            "right": "0",
        }
        with pytest.raises(kernel.Rejected, match="a hypothesis is not met: ") as raised:
            kernel.check({**content, "digest": kernel.digest(content)})
        assert unmet[:200] in str(raised.value)
        forged += 1
        if forged == 5:
            return
    assert forged
