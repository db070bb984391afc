"""The field reader: what is true of an architecture, and what is not."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from fractions import Fraction
from typing import Literal

import numpy as np
import pytest
from flint import Ordering, fmpz_mpoly_ctx

from tests.claims.on_record import COMMITTED, claims
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.evaluation import ConstantUnit
from theorycheck.arithmetic.residues import PRIMES, Bounds, Field, Unreadable
from theorycheck.networks.specification import LINEAR, Network, mlp
from theorycheck.statements.architectures import Architecture, PassedOver
from theorycheck.statements.field import LARGEST_ERROR, FieldEvaluator, settle
from theorycheck.statements.numbers import Undefined
from theorycheck.statements.syntax import Statement

LEMMA = "inner(W[k], df(n, 0, k)) == f(n, 0)"
SIGNS = "all([len(outputs) == 1 and y[n][0] ** 2 == 1 for n in samples])"
UNIT = "all([squared(W[k]) == 1 for k in weights])"


def architecture(network: Network, **changes: object) -> Architecture:
    plain = Architecture(network, samples=2, outputs=1, numbers={"weight_decay": None})
    return replace(plain, **changes)  # type: ignore[arg-type]


def holds(conclusion: str, network: Network | None = None, **parts: object) -> bool:
    statement = Statement.of(conclusion, **{"numbers": ["weight_decay"], **parts})  # type: ignore[arg-type]
    found = settle(statement, "version", architecture(network or mlp([2, 3, 1])))
    if found.holds:
        assert found.error <= LARGEST_ERROR
        assert (found.error > 0) is (found.degree > 0)
    return found.holds


@pytest.mark.parametrize("widths", [[1, 1], [1, 1, 1], [2, 3, 1], [1, 1, 1, 1, 1, 1, 1]])
def test_the_structural_lemma(widths: list[int]) -> None:
    everywhere = ["k in weights", "n in samples"]
    assert holds(LEMMA, mlp(widths), forall=everywhere)
    assert not holds(f"2 * {LEMMA}", mlp(widths), forall=everywhere)


def test_the_structural_lemma_as_an_expanded_polynomial() -> None:
    """For 2-2-1, with slopes as indeterminates: the certain version of what is settled."""
    names = [f"w{i}" for i in range(4)] + ["v0", "v1", "g0", "g1", "x0", "x1"]
    context = fmpz_mpoly_ctx.get(names, Ordering.lex)
    w, v, g, x = (context.gens()[a:b] for a, b in ((0, 4), (4, 6), (6, 8), (8, 10)))
    first, second = (v[j] * g[j] * (w[2 * j] * x[0] + w[2 * j + 1] * x[1]) for j in (0, 1))
    output = first + second
    for layer in (w, v):
        gradient = [output.derivative(names.index(str(entry))) for entry in layer]
        assert sum(a * b for a, b in zip(layer, gradient, strict=True)) == output


@pytest.mark.parametrize(
    ("conclusion", "true"),
    [
        ("f(0, 0) == f(0, 0)", True),
        ("f(0, 0) == f(1, 0)", False),
        ("(f(0, 0) + 1) ** 2 == f(0, 0) ** 2 + 2 * f(0, 0) + 1", True),
        ("1 / y[0][0] + 1 / y[1][0] == (y[0][0] + y[1][0]) / (y[0][0] * y[1][0])", True),
        ("1 / weight_decay == weight_decay", False),
        ("x[0][0] / 2 + x[0][0] / 3 == x[0][0] * 5 / 6", True),
        ("f(0, 0) == 0 or f(0, 0) == f(0, 0)", True),
        ("f(0, 0) == 0 and f(0, 0) == f(0, 0)", False),
        ("rank(df(0, 0, 0)) <= 1", True),
        ("rank(df(0, 0, 0) + df(1, 0, 0)) <= 1", False),
        ("rank(df(0, 0, 0) + df(1, 0, 0)) <= 2", True),
        ("rank(W[1]) <= 1", True),
        ("inner(grad(f(0, 0) ** 2, 0), W[0]) == 2 * f(0, 0) ** 2", True),
        ("inner(grad(f(0, 0) ** 2, 0), W[0]) == f(0, 0) ** 2", False),
        ("trace(W[0] @ T(W[0])) == squared(W[0])", True),
        ("inner(outer(x[0], x[1]), outer(x[0], x[1])) == squared(x[0]) * squared(x[1])", True),
        ("squared(solve(outer(x[0], x[0]) + outer(x[1], x[1]), x[0])) == 1", False),
    ],
)  # fmt: skip
def test_what_is_true_and_what_is_not(conclusion: str, true: bool) -> None:
    assert holds(conclusion) is true


def test_slopes_of_active_units_are_not_those_of_another_network() -> None:
    """``f(2 W) = 4 f(W)`` is true of ReLU, and not of every function of the argument."""
    doubled = "network([2 * V for V in W], x)[0][0] == 4 * f(0, 0)"
    assert holds(doubled, mlp([2, 3, 1], LINEAR))
    assert not holds(doubled)


def test_labels_are_signs_where_that_is_assumed() -> None:
    assert holds("y[0][0] ** 2 == 1", given=[SIGNS])
    assert not holds("y[0][0] ** 2 == 1")
    assert not holds("y[0][0] == 1", given=[SIGNS])
    assert not holds("y[0][0] == y[1][0]", given=[SIGNS])
    # A hypothesis that says it of one sample, or perhaps, says it not of all.
    assert not holds("y[0][0] ** 2 == 1", given=["y[1][0] ** 2 == 1"])
    assert not holds("y[0][0] ** 2 == 1", given=[f"{SIGNS} or weight_decay > 0"])
    assert not holds(
        "y[0][0] ** 2 == 1", given=["all([y[n][0] ** 2 == 1 for n in samples if n > 0])"]
    )
    assert not holds(
        "y[0][0] ** 2 == 1",
        given=["all([y[n][0] ** 2 == 1 for m in samples])"],
        forall=["n in range(1, 2)"],
    )


def test_a_number_is_no_weight_whatever_its_name() -> None:
    for name in ("W0", "parameter"):
        case = architecture(mlp([1, 1]), numbers={name: None})
        statement = Statement.of(f"{name} == W[0][0][0]", numbers=[name])
        assert not settle(statement, "version", case).holds


def test_weights_are_of_unit_norm_where_that_is_assumed() -> None:
    assert holds("squared(W[0]) * squared(W[1]) == 1", given=[UNIT])
    assert not holds("squared(W[0]) == 1")
    assert not holds("W[0][0][0] == W[0][0][1]", given=[UNIT])
    # The weight of one entry is 1 or -1.
    assert holds("W[0][0][0] ** 2 == 1", mlp([1, 1, 1]), given=[UNIT])
    assert not holds("W[0][0][0] == 1", mlp([1, 1, 1]), given=[UNIT])
    assert not holds("W[0][0][0] == W[1][0][0]", mlp([1, 1, 1]), given=[UNIT])


def test_hypotheses_on_the_architecture_are_met_or_there_is_nothing_to_check() -> None:
    assert holds("depth == 2", given=["depth == 2"])
    with pytest.raises(Unreadable, match="nothing to check"):
        holds("f(0, 0) == 0", given=["depth == 3"])
    with pytest.raises(Unreadable, match="nothing to check"):
        holds("f(0, 0) == 0", forall=["k in biases"])


def test_other_hypotheses_are_dropped() -> None:
    """Which strengthens the statement: this one is true only where they are met."""
    assert not holds("f(0, 0) == 0", given=["f(0, 0) == 0"])
    assert holds("f(0, 0) == f(0, 0)", given=["weight_decay > 0", "smooth()", "zero(x[0])"])


@pytest.mark.parametrize(
    ("conclusion", "reason"),
    [
        ("f(0, 0) <= 1", "an inequality"),
        ("f(0, 0) != 1", "an inequality"),
        ("rank(W[0]) == 1", "a lower bound on a rank"),
        ("exp(f(0, 0)) == 1", "the word exp"),
        ("frobenius(W[0]) == 1", "the word frobenius"),
        ("max([f(0, 0), 1]) == 1", "the word max"),
        ("(1 if f(0, 0) == 0 else 2) == 1", "a condition on weights or data"),
        ("len([n for n in samples if y[n][0] == 1]) == 1", "a condition on weights or data"),
        ("f(0, 0) / (x[0][0] - x[0][0]) == 1", "a division by what is 0"),
    ],
)
def test_what_it_cannot_read_it_says(conclusion: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        holds(conclusion)


def test_targets_that_loops_look_at_are_part_of_the_architecture() -> None:
    statement = Statement.of("len([n for n in samples if y[n][0] == 1]) == 1")
    case = Case.single(mlp([1, 1]), [[[1]]], [[1], [1]], [[1], [0]])
    made = Architecture.of(statement, case)
    assert made.targets == ((Fraction(1),), (Fraction(0),))
    assert settle(statement, "version", made).holds
    assert Architecture.of(Statement.of("y[0][0] == 1"), case).targets is None


def test_a_condition_on_targets_that_is_never_met_leaves_nothing_to_check() -> None:
    """Comparing the target with 1 is no check of the conclusion."""
    case = Case.single(mlp([1, 1]), [[[1]]], [[1]], [[0]])
    hypothesis = "len([n for n in samples if y[n][0] == 1]) == 1"
    statement = Statement.of("f(0, 0) == 7", given=[hypothesis])
    with pytest.raises(PassedOver, match="nothing to check"):
        settle(statement, "version", Architecture.of(statement, case))


def test_targets_that_differ_by_a_prime_are_told_apart() -> None:
    """Modulo the first prime its number is 0, so that a larger one is needed."""
    case = Case.single(mlp([1, 1]), [[[1]]], [[1]], [[Fraction(PRIMES[0])]])
    statement = Statement.of("len([n for n in samples if y[n][0] == 0]) == 0")
    found = settle(statement, "version", Architecture.of(statement, case))
    assert (found.holds, found.prime) == (True, PRIMES[1])


def test_coefficients_beyond_a_prime_need_a_larger_one() -> None:
    found = settle(
        Statement.of(f"{2**130} * f(0, 0) == {2**130} * f(0, 0)"),
        "version",
        architecture(mlp([1, 1])),
    )
    assert (found.holds, found.prime) == (True, PRIMES[1])


@pytest.mark.parametrize(
    ("conclusion", "network", "parts", "degree", "times"),
    [
        # A number has no degree, and is what it is.
        ("2 + 2 == 4", mlp([1, 1]), {}, 0, 0),
        # The degree of the difference, whichever side has it.
        ("x[0][0] ** 2 == x[0][0] * x[0][0]", mlp([1, 1]), {}, 2, 2),
        ("x[0][0] == x[0][0] + x[0][0] ** 3 - x[0][0] ** 3", mlp([1, 1]), {}, 3, 3),
        # One for each value of a variable.
        ("x[n][0] ** (n + 1) == x[n][0] ** (n + 1)", mlp([1, 1]), {"forall": ["n in samples"]},
         2, 1 + 2),
        ("f(0, 0) == f(0, 0)", mlp([2, 3, 1], LINEAR), {}, 3, 3),
        # Twice 2 for each two of three arguments, of degree 2, and 4 for an output with a slope.
        ("f(0, 0) == f(0, 0)", mlp([2, 3, 1]), {}, 4, 3 * 4 + 4),
        # Arguments x over x to the fifth: twice 5, and x, two slopes, a weight, over x to the 10.
        ("network([[[1 / x[0][0] ** 5], [2 / x[0][0] ** 5]], W[1]], x)[0][0] * 0 == 0",
         mlp([1, 2, 1]), {}, 10, 10),
        # Two rows and columns of products of degree 2; then a bound that no rank exceeds.
        ("rank(df(0, 0, 0)) <= 1", mlp([2, 3, 1], LINEAR), {}, 4, 4),
        ("rank(df(0, 0, 0)) <= 2", mlp([2, 3, 1], LINEAR), {}, 0, 0),
        # A sphere; two of them; four signs of weights of one entry.
        ("squared(W[0]) == 1", mlp([2, 1]), {"given": [UNIT]}, 2, 8 * 2),
        ("squared(W[0]) * squared(W[1]) == 1", mlp([2, 2, 1], LINEAR), {"given": [UNIT]}, 4,
         64 * 4),
        ("x[0][0] ** 2 == x[0][0] * x[0][0]", mlp([1, 1, 1]), {"given": [UNIT]}, 2, 4 * 2),
    ],
)  # fmt: skip
def test_errors_by_hand(
    conclusion: str, network: Network, parts: dict[str, list[str]], degree: int, times: int
) -> None:
    statement = Statement.of(conclusion, **parts)
    one = architecture(network, samples=1)
    found = settle(statement, "version", architecture(network) if "forall" in parts else one)
    assert (found.holds, found.prime) == (True, PRIMES[0])
    assert found.degree == degree
    assert found.error == Fraction(times, PRIMES[0])


@pytest.mark.parametrize(("power", "bits", "prime"), [(1, 125, 1), (1, 124, 0), (2, 123, 1)])
def test_coefficients_grow_on_spheres(power: int, bits: int, prime: int) -> None:
    """``2^bits (a^2 + b^2)^power - 2^bits`` has the size ``2^bits (2^power + 1)``; each square that
    is replaced doubles it. Before that all are below the first prime, ``2^127``.
    """
    scale = 2**bits
    statement = Statement.of(f"{scale} * squared(W[0]) ** {power} == {scale}", given=[UNIT])
    found = settle(statement, "version", architecture(mlp([2, 1])))
    assert (found.holds, found.prime) == (True, PRIMES[prime])
    assert scale * (2**power + 1) < PRIMES[0]


def test_two_arguments_of_activations_may_be_equal_by_chance() -> None:
    """``a b / (3 c)`` and ``5 a``: their difference has at most twice the highest degree, and its
    coefficients add up to at most twice the product of the largest sizes.
    """
    field = Field(PRIMES[0], "")
    a, b, c = field.indeterminates("a", (3,))
    statement = Statement.of("f(0, 0) == 0")
    evaluator = FieldEvaluator(architecture(mlp([1, 1])), field, statement, ())
    assert list(evaluator.chances()) == []
    field.gate(a * b / (3 * c), 0.0)
    assert list(evaluator.chances()) == [(0, Bounds(2 * 2, 2 * 3))]
    field.gate(5 * a, 0.0)
    assert list(evaluator.chances()) == [(1, Bounds(2 * 2, 2 * 5 * 3))]


def test_a_degree_too_high_for_a_prime_needs_a_larger_one() -> None:
    """``2^28 / (2^127 - 1)`` is above ``2^-100``."""
    powers = [f"q{i} = q{i - 1} ** 2" for i in range(1, 29)]
    statement = Statement.of("q28 == q28", where=["q0 = x[0][0]", *powers])
    found = settle(statement, "version", architecture(mlp([1, 1])))
    assert (found.holds, found.degree, found.prime) == (True, 2**28, PRIMES[1])


def test_a_multiple_of_the_first_prime_is_not_zero() -> None:
    assert not holds(f"{PRIMES[0]} * f(0, 0) == 0")


def test_nothing_is_settled_that_a_certificate_refutes() -> None:
    """The example of every refutation on file is one of its architecture."""
    found = {}
    for path in COMMITTED:
        document = json.loads(path.read_text(encoding="utf-8"))
        formal = claims()[document["claim"]].formal
        if document["shows"] != "refuted" or formal is None or document["case"]["network"] is None:
            continue
        made = Architecture.of(formal.statement, Case.from_dict(document["case"]))
        try:
            found[document["claim"]] = settle(formal.statement, "version", made).holds
        except (Unreadable, Undefined, ConstantUnit, TypeError):  # Nothing is settled.
            continue
    assert len(found) >= 10
    assert not any(found.values()), found


def test_random_elements_depend_on_the_version_and_the_architecture() -> None:
    from theorycheck.statements import field

    made: list[int] = []
    original = field.FieldEvaluator.concludes

    def watched(self: field.FieldEvaluator, scope: object) -> bool:
        made.append(np.ravel(self.x)[0].value)
        return original(self, scope)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(field.FieldEvaluator, "concludes", watched)
        statement = Statement.of("f(0, 0) == f(0, 0)")
        for version, network in (
            ("1", mlp([1, 1])),
            ("1", mlp([1, 1])),
            ("2", mlp([1, 1])),
            ("1", mlp([1, 2, 1])),
        ):
            settle(statement, version, architecture(network))
    assert made[0] == made[1]
    assert len(set(made)) == 3


@pytest.mark.parametrize(
    "conclusion", ["inner(W[k], df(n, c, k)) == f(n, c)", "rank(df(n, c, k)) <= 1"]
)
def test_large_networks_are_settled_in_seconds(conclusion: str) -> None:
    """Thirty times as many weights as any strategy proposes."""
    forall = ["k in weights", "n in samples", "c in outputs"]
    large = architecture(mlp([32, 64, 64, 1]), samples=8)
    started = time.process_time()
    assert settle(Statement.of(conclusion, forall=forall), "version", large).holds
    assert time.process_time() - started < 20


@pytest.mark.parametrize("normalisation", ["batch", "batch-detached"])
def test_normalisation_is_differentiated_unless_it_is_detached(
    normalisation: Literal["batch", "batch-detached"],
) -> None:
    """By ``grad`` as by ``df``, which has a formula of its own; of second derivatives too."""
    network = mlp([2, 2, 1], normalisation=normalisation)
    assert holds("squared(grad(f(0, 0), 0) - df(0, 0, 0)) == 0", network)
    twice = "grad(grad(f(0, 0), 0)[0][1], 0)[1][0] == grad(df(0, 0, 0)[0][1], 0)[1][0]"
    assert holds(twice, network)
    # The weights before a normalisation have no influence in their own direction.
    blind = holds("inner(W[0], df(0, 0, 0)) == 0", network)
    assert blind is False
