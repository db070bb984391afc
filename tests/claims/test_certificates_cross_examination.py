"""Engine and kernel, each an oracle of the other, on examples that no certificate holds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.claims.on_record import ROOT, Document, claims
from theorycheck import kernel, reports
from theorycheck.arithmetic.cases import Case
from theorycheck.claims import certificates
from theorycheck.claims.declaration import Claim
from theorycheck.claims.findings import Observation
from theorycheck.claims.setting import Setting
from theorycheck.kernel import Rejected

FORMAL = [
    entry.id
    for entry in reports.load_report(ROOT / "reports/claims.json").claims
    if entry.formal_version is not None
    and entry.kind != "tendency"
    and entry.verdict != "vacuous"
    and not entry.id.startswith(("rank-bound-trained", "rank-bound-use-trained"))
]
"""All on examples that meet the hypotheses but three, whose statement is that of other claims,
after a long training."""
MORE = {
    "gradient-rank-convolution": "other derivatives of the activation at 0 than autograd's",
}
"""Refuted claims whose property checks more than their formal statement says, and what.

At an example the property may then be violated where the formal statement is true.
"""
WORK = kernel.MOST_WORK // 3
"""Of the kernel for one example here; where that does not suffice, nothing is compared."""
ALL_WORK = kernel.MOST_WORK // 3
"""Of the kernel for the examples of one claim, after which the fewest comparisons suffice."""
ENOUGH = 5
"""Comparisons of either outcome, after which no more are drawn."""
FEW, MOST = 30, 400
"""Examples drawn where one outcome is rare, and where one that has to be seen is."""
LEAST = 3
"""Comparisons without which nothing has been examined."""


class Enough(Exception):
    """Ends a search that has seen what it looks for."""


def kernel_finds(
    claim: Claim, case: Document, at: Mapping[str, Any], spent: list[int]
) -> bool | None:
    """Whether the formal statement is true at an example; None when the kernel cannot say.

    What work that took is added to a list.
    """
    formal = certificates.formal_statement(claim)
    assert formal is not None
    statement = kernel.Statement.read(formal.document)
    for bits in kernel.PRECISIONS:
        example = None
        try:
            example = kernel.Example(case)
            example.work = WORK
            evaluator = kernel.Evaluator(example, statement.where, bits)
            scopes = (
                scope
                for scope in statement.assignments(evaluator, at)
                if statement.unmet(evaluator, scope) is None
            )
            return all(statement.decided(evaluator, scope).holds for scope in scopes)
        except kernel.Undecided:
            continue
        except Rejected:
            return None
        finally:
            spent.append(0 if example is None else WORK - example.work)
    return None


def engine_finds(claim: Claim, case: Case, *, altered: bool) -> Iterator[tuple[bool, str, str]]:
    """Whether each comparison holds, with its example and values of variables as JSON."""
    for finding in claim.check(Setting(altered=altered), case):
        if isinstance(finding, Observation) and finding.holds is not None and finding.case:
            where = json.dumps(finding.case().to_dict()), json.dumps(dict(finding.at))
            yield finding.holds, *where


@pytest.mark.parametrize("name", FORMAL)
def test_engine_and_kernel_agree_on_examples_that_are_no_certificates(name: str) -> None:
    """In both directions, and where an altered conclusion fails the statement need not.

    Where the property makes several comparisons at one example, all of them have to hold.
    """
    claim = claims()[name]
    refuted = reports.load_baseline(ROOT / "reports/baseline.json").verdicts[name] == "refuted"
    altered, formal = claim.altered, claim.formal
    # A control that makes fewer hypotheses is false at other examples than the claim's.
    same = altered is None or formal is None or altered.given == formal.given
    same &= claim.control_on is None
    agreed: Counter[bool] = Counter()
    drawn, told_apart = 0, False
    # Kept, not raised: Hypothesis runs a failing example again, where the search may have ended.
    disputed: list[tuple[str, str]] = []
    spent: list[int] = []

    def compare(one: Case) -> None:
        nonlocal drawn, told_apart
        found: dict[tuple[str, str], bool] = {}
        drawn += 1
        needed = agreed[False] if refuted else told_apart or not same
        both = agreed[True] >= ENOUGH and (not refuted or agreed[False] >= ENOUGH)
        # Many draws only for claims whose violations, or whose controls' ones, are rare.
        late = drawn > FEW or sum(spent) > ALL_WORK
        if disputed or (needed and (both or (late and agreed.total() >= LEAST))):
            raise Enough
        for holds, where, at in engine_finds(claim, one, altered=False):
            found[where, at] = holds and found.get((where, at), True)
        if refuted:
            found = {key: holds for key, holds in found.items() if agreed[holds] < ENOUGH}
        truths = {
            (where, at): kernel_finds(claim, json.loads(where), json.loads(at), spent)
            for where, at in found
        }
        for key, holds in found.items():
            if truths[key] is None or (name in MORE and truths[key] and not holds):
                continue
            if truths[key] is not holds:
                disputed.append(key)
                raise Enough
            agreed[holds] += 1
        if same and not refuted and not told_apart:
            controls = [holds for holds, *_ in engine_finds(claim, one, altered=True)]
            told_apart = not all(controls) and all(truth is True for truth in truths.values())

    def check(case: Case) -> None:
        # Violations are rarer than examples that hold, and what is drawn repeats itself.
        for index in range(min(case.members, 4 if refuted else 1)):
            compare(case.member(index))

    with suppress(Enough):
        settings(
            max_examples=MOST,
            phases=[Phase.generate],
            database=None,
            suppress_health_check=list(HealthCheck),
        )(given(**claim.on)(check))()
    assert not disputed, disputed[0]
    assert agreed.total() >= LEAST
    if refuted:
        assert agreed[False]
    else:
        assert not agreed[False]
        assert told_apart or not same
