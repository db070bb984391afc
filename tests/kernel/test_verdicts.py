"""Whole certificates: what is true is accepted, what is false is rejected with the reason."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.examples import BITS, DOCUMENT, certificate, each_certificate
from theorycheck import kernel
from theorycheck.kernel import Example, Rejected

F = Fraction


@each_certificate
def test_committed_certificates_are_verified_with_work_to_spare(path: Path) -> None:
    outcome = kernel.verify(str(path))
    document = outcome.document
    case = Example(document["case"])
    kernel.decide(kernel.Statement.read(document["statement"]), case, document["at"])
    assert kernel.MOST_WORK - case.work < kernel.MOST_WORK / 5


def test_a_true_certificate_is_accepted() -> None:
    document = certificate(
        "inner(W[k], df(n, 0, k)) == f(n, 0)", forall=["k in weights", "n in samples"],
        given=["len(biases) > 0"], at={"k": 0, "n": 0}, shows="refuted", left="9", right="7",
    )  # fmt: skip
    outcome = kernel.check(document)
    assert str(outcome) == "a-claim: verified, 9 = 7 is false at k = 0, n = 0"
    irrational = certificate("root(2) <= root(3)", left=["1414213562373/1000000000000"] * 2)
    with pytest.raises(Rejected, match=r"the left side is 1.41421356237, not the one recorded"):
        kernel.check(irrational)
    sides = [kernel.recorded_form(kernel.root(F(n), BITS)) for n in (2, 3)]
    assert kernel.check(certificate("root(2) <= root(3)", left=sides[0], right=sides[1]))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"shows": "refuted"}, "the conclusion holds here"),
        ({"conclusion": "1 <= 0", "left": "1", "right": "0"}, "the conclusion is false here"),
        ({"conclusion": "0 < 1", "right": "2"}, "the right side is 1"),
        ({"conclusion": "0 in samples"}, "not an equation or inequality"),
        ({"conclusion": "0 <= 1 <= 2"}, "not one comparison"),
        ({"conclusion": "0 <= 1 and smooth()"}, "not one comparison"),
        ({"conclusion": "0 <= 1 and (0 <= 1 or 0 <= 2)"}, "not one comparison"),
        ({"conclusion": "not 0 == 1"}, "not one comparison"),
        ({"conclusion": "0 <= 1 and 1 <= 0"}, "the conclusion is false here"),
        ({"conclusion": "1 < 1 or 0 <= 1", "shows": "refuted"}, "the conclusion holds here"),
        ({"conclusion": "0 <= 1 and root(2) * root(3) + 1 == root(6) + 1"}, "not decided"),
        ({"conclusion": "[0] == [0]"}, "is none"),
        ({"left": "1"}, "the left side is 0"),
        ({"right": ["0", "1"]}, "the right side is 1"),
        ({"right": ["1"]}, "not a rational"),
        ({"right": 1}, "not a rational"),
        ({"right": True}, "not a rational"),
        ({"right": "2/2"}, "lowest terms"),
        ({"given": ["1 == 0"]}, "a hypothesis is not met: 1 == 0"),
        ({"given": ["1 == 1", "f(0, 0) == 8"]}, r"not met: f\(0, 0\) == 8"),
        ({"given": ["1"]}, "neither true nor false"),
        ({"given": ["root(2) * root(2) + root(3) == 2 + root(3)"]}, "not decided by enclosures"),
        ({"given": ["n == 0"]}, "unknown: n"),
        ({"given": [["0 == 0"]]}, "not a formula"),
        ({"forall": ["n in samples"]}, "not those of the statement"),
        ({"at": {"n": 0}}, "not those of the statement"),
        ({"forall": ["n in samples"], "at": {"n": 3}}, "do not take the values"),
        ({"forall": ["n in samples"], "at": {"n": True}}, "not whole numbers"),
        ({"forall": ["n in samples"], "at": {"n": "0"}}, "not whole numbers"),
        ({"forall": ["n in []"], "at": {"n": 0}}, "do not take the values"),
        ({"forall": ["n in range(f(0, 0), 7)"], "at": {"n": 7}}, "do not take the values"),
        ({"forall": ["n in [1 == 1]"], "at": {"n": 1}, "given": ["n == 1"]}, "is none"),
        ({"forall": ["n in samples", "n in samples"], "at": {"n": 0}}, "one name twice"),
        ({"forall": ["rho in samples"], "at": {"rho": 0}}, "another meaning"),
        ({"forall": ["W in samples"], "at": {"W": 0}}, "another meaning"),
        ({"forall": ["f in samples"], "at": {"f": 0}}, "another meaning"),
        ({"forall": ["n in 3"], "at": {"n": 0}}, "cannot be evaluated"),
        ({"forall": ["n of samples"], "at": {"n": 0}}, "name in set"),
        ({"forall": [0], "at": {"n": 0}}, "name in set"),
        ({"forall": ["S in batches(2)"], "at": {"S": [1, 0]}}, "do not take the values"),
        ({"forall": ["S in batches(2)"], "at": {"S": [0, [1]]}}, "not whole numbers"),
        ({"given": ["0 == 0"] * 41}, "more than 40"),
        ({"latex": "0 \n conclusion 1 <= 0"}, "not printable"),
        ({"latex": "\x1b[2J"}, "not printable"),
        ({"hypotheses": ["\u202e1 = 0"]}, "not printable"),
        ({"hypotheses": [["deep"]]}, "not printable"),
        ({"claim": "A claim"}, "no proper name"),
        ({"claim": "a\u2028b"}, "no proper name"),
        ({"shows": "proved"}, "neither refuted nor tight"),
    ],
)
def test_a_false_certificate_is_rejected_with_the_reason(
    changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Rejected, match=reason):
        kernel.check(certificate(**changes))


@pytest.mark.parametrize(
    ("conclusion", "shows", "left", "relation", "right"),
    [
        ("0 < 1", "tight", "0", "<", "1"),
        ("1 < 1", "refuted", "1", "<", "1"),
        ("2 > 3", "refuted", "2", ">", "3"),
        ("0 <= 1 and 2 <= 3", "tight", "0", "≤", "1"),
        ("0 <= 1 and 3 <= 2 and 5 <= 4", "refuted", "3", "≤", "2"),
        ("1 <= 0 or 2 <= 3 or 4 <= 5", "tight", "2", "≤", "3"),
        ("1 <= 0 or 3 == 2", "refuted", "1", "≤", "0"),
        ("0 <= 1 or 1 / 0 == 1", "tight", "0", "≤", "1"),
        ("1 <= 0 and 1 / 0 == 1", "refuted", "1", "≤", "0"),
    ],
)
def test_the_comparison_that_decides_is_recorded(
    conclusion: str, shows: str, left: str, relation: str, right: str
) -> None:
    outcome = kernel.check(certificate(conclusion, shows=shows, left=left, right=right))
    assert f"{left} {relation} {right} {'is false' if shows == 'refuted' else 'holds'}" in str(
        outcome
    )


def test_hypotheses_are_evaluated_at_the_values_that_are_named() -> None:
    for n, met in ((0, True), (1, True), (2, False)):
        document = certificate(
            given=["f(n, 0) > 0", "all([x[m][0] > -3 for m in samples])"],
            forall=["n in samples"], at={"n": n},
        )  # fmt: skip
        if met:
            assert str(kernel.check(document)).endswith(f" at n = {n}")
        else:
            with pytest.raises(Rejected, match=r"not met: f\(n, 0\) > 0"):
                kernel.check(document)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("f", "another meaning"), ("W", "another meaning"), ("samples", "another meaning"),
        ("n", "another meaning"), ("g", "another meaning"), ("m", "another meaning"),
        ("a", "another meaning"), ("rank", "another meaning"), ("a b", "cannot be used"),
        ("", "cannot be used"), ("\uff46", "cannot be used"), ("_1", "cannot be used"),
        ("W_1", "another meaning"), ("beta", "another meaning"), ("n\n", "cannot be used"),
    ],
)  # fmt: skip
def test_a_number_cannot_take_the_name_of_anything_else(name: str, reason: str) -> None:
    case = {**DOCUMENT, "numbers": {**DOCUMENT["numbers"], name: "1"}}
    with pytest.raises(Rejected, match=reason):
        kernel.check(
            certificate(
                case=case, where=["g(a) = a", "v = g(1)"], forall=["n in samples"], at={"n": 0},
                given=["all([m < 3 for m in samples])"],
            )
        )  # fmt: skip


def test_huge_and_tiny_sides_are_shown_briefly() -> None:
    assert kernel.shown(F(10) ** 4000) == "1.00000000000e+4000"
    assert kernel.shown(F(1, 3)) == "1/3"
    assert kernel.shown(F(-1, 10**5000)) == "-1e-5000"
    assert kernel.shown(kernel.root(F(2), BITS)) == "1.41421356237"
    huge = "product([rho ** 4 for i in range(5000)])"
    with pytest.raises(Rejected, match=r"the left side is \d\.\d+e-6021"):
        kernel.check(certificate(f"{huge} <= 1"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": "0123456789abcdef"}, "not the one that its version names"),
        ({"schema_version": 1}, "schema version 1"),
        ({"schema_version": True}, "not of type int"),
        ({"note": ""}, "the keys are not"),
    ],
)
def test_a_new_digest_does_not_help(changes: dict[str, Any], reason: str) -> None:
    content = {key: value for key, value in certificate().items() if key != "digest"} | changes
    with pytest.raises(Rejected, match=reason):
        kernel.check({**content, "digest": kernel.digest(content)})
    with pytest.raises(Rejected, match="the digest differs"):
        kernel.check({**certificate(), "digest": kernel.digest({})})


def test_a_rational_is_shown_exactly_up_to_129_bits_of_both_its_parts() -> None:
    assert kernel.shown(F(2**127)) == str(2**127)
    assert kernel.shown(F(1, 2**127)) == f"1/{2**127}"
    assert kernel.shown(F(2**128)) == "3.40282366921e+38"
    assert kernel.shown(F(1, 2**128)) == "2.93873587706e-39"
    assert kernel.shown(F(2**64 + 1, 2**64)) == "1.00000000000"
    assert kernel.shown(F(2**63 + 1, 2**64)) == f"{2**63 + 1}/{2**64}"


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ([1 - F(1, 2**40), 1], True),
        ([1 - F(1, 2**40), 1 - F(1, 2**50)], False),
        ([1 - F(1, 2**40) - F(1, 2**90), 1], False),
        ([1, 1 + F(1, 2**41)], True),
        ([1 + F(1, 2**60), 1 + F(1, 2**41)], False),
    ],
)
def test_a_side_between_two_that_are_close(recorded: list[Fraction], expected: bool) -> None:
    """They may differ by 2**-40 of the second, exactly."""
    assert kernel.within(F(1), [str(F(end)) for end in recorded]) is expected


def test_examples_of_numbers_alone_are_explained() -> None:
    case = {**DOCUMENT, "network": None, "parameters": [], "inputs": [[]], "targets": None}
    lines = list(kernel.explain(certificate(case=case)))
    assert not any(line.startswith("  layer") for line in lines)
    assert "  number      rho = 1/2" in lines
