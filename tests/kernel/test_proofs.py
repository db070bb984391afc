"""Proofs: what the kernel verifies about all weights of an architecture, and what it does not."""

from __future__ import annotations

import copy
import json
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.examples import PROOFS, Json, judged, sealed
from tests.kernel.tampering import part, tampered
from theorycheck import kernel
from theorycheck.claims.proofs import WORK
from theorycheck.kernel import Architecture, Rejected, Settled, Statement, Unreadable, settle
from theorycheck.networks.specification import LINEAR, Network, mlp

each_proof = pytest.mark.parametrize("path", PROOFS, ids=lambda path: path.name.split(".")[0])
LEMMA = "inner(W[k], df(n, c, k)) == f(n, c)"
EVERYWHERE = ["k in weights", "n in samples", "c in outputs"]
UNIT = "all([squared(W[k]) == 1 for k in weights])"
SIGNS = "all([len(outputs) == 1 and y[n][0] ** 2 == 1 for n in samples])"


def statement(conclusion: str, **parts: Any) -> Statement:
    empty = {"latex": "", "hypotheses": [], "given": [], "where": [], "forall": []}
    return Statement.read({**empty, **parts, "conclusion": conclusion})


def architecture(network: Network | None = None, **changes: Any) -> Json:
    made = (network or mlp([2, 3, 1])).to_dict()
    plain = {"network": made, "samples": 2, "outputs": 1, "numbers": {"rho": None}, "targets": None}
    return {**json.loads(json.dumps(plain)), **changes}


def settled(
    conclusion: str, about: Json = None, exponent: int = 127, version: str = "v", **parts: Any
) -> Settled:
    formal = statement(conclusion, **parts)
    return settle(formal, Architecture(formal, version, about or architecture(), exponent))


def proof(conclusion: str = LEMMA, about: Json = None, **changes: Any) -> Json:
    """A proof of the lemma, or what somebody takes for one."""
    parts = {
        "latex": "", "hypotheses": [], "given": [], "where": [], "forall": EVERYWHERE,
        "conclusion": conclusion,
    }  # fmt: skip
    about = about or architecture()
    version = kernel.digest(["a-claim", parts])[:16]
    formal = Statement.read(parts)
    try:
        found = settle(formal, Architecture(formal, version, about, 127))
    except Rejected:
        found = Settled(6, 115)
    return sealed({
        "schema_version": kernel.SCHEMA_VERSION, "claim": "a-claim", "version": "",
        "shows": "settled", "statement": parts, "architecture": about, "exponent": 127,
        "degree": found.degree, "certainty": found.certainty, **changes,
    })  # fmt: skip


# --- On record -----------------------------------------------------------------------------------


@each_proof
def test_proofs_on_record_are_verified(path: Path) -> None:
    found = kernel.verify(str(path))
    assert isinstance(found.found, Settled)
    assert found.found.certainty >= kernel.LEAST_CERTAINTY
    assert "true of all weights, data and slopes of activations" in str(found)
    assert "on record as holds" in str(found)
    assert len(list(kernel.explain(found.document))) > 5


def test_proofs_on_record_take_seconds() -> None:
    """Work is counted, so that this is so on every machine; a unit is about a microsecond."""
    started = time.process_time()
    for path in PROOFS:
        document = json.loads(path.read_text())
        formal = Statement.read(document["statement"])
        about, exponent = document["architecture"], document["exponent"]
        example = Architecture(formal, document["version"], about, exponent)
        settle(formal, example)
        assert kernel.MOST_WORK - example.work <= WORK < 1_000_000
    assert time.process_time() - started < 60


# --- What is true and what is not ----------------------------------------------------------------


TRUE = [
    ("f(0, 0) == f(0, 0)", {}),
    ("(f(0, 0) + 1) ** 2 == f(0, 0) ** 2 + 2 * f(0, 0) + 1", {}),
    ("1 / y[0][0] + 1 / y[1][0] == (y[0][0] + y[1][0]) / (y[0][0] * y[1][0])", {}),
    ("x[0][0] / 2 + x[0][0] / 3 == x[0][0] * 5 / 6", {}),
    ("f(0, 0) == 0 or f(0, 0) == f(0, 0)", {}),
    ("2 + 2 == 4 and rho == rho", {}),
    ("rank(df(0, 0, 0)) <= 1", {}),
    ("rank(df(0, 0, 0) + df(1, 0, 0)) <= 2", {}),
    ("rank([[1, 2], [2, 4]]) <= 1", {}),
    ("rank([[1, rho], [2, 2 * rho]]) <= 1", {}),
    ("inner(grad(f(0, 0) ** 2, 0), W[0]) == 2 * f(0, 0) ** 2", {}),
    ("trace(W[0] @ T(W[0])) == squared(W[0])", {}),
    ("y[0][0] ** 2 == 1", {"given": [SIGNS]}),
    ("squared(W[0]) * squared(W[1]) == 1", {"given": [UNIT]}),
    ("depth == 2", {"given": ["depth == 2"]}),
    ("f(0, 0) == f(0, 0)", {"given": ["rho > 0", "smooth()", "zero(x[0])", "varies()"]}),
]  # fmt: skip
FALSE = [
    ("f(0, 0) == f(1, 0)", {}),
    ("f(0, 0) == 0", {}),
    ("f(0, 0) == 0 and f(0, 0) == f(0, 0)", {}),
    ("1 / rho == rho", {}),
    ("rank(df(0, 0, 0) + df(1, 0, 0)) <= 1", {}),
    ("rank(df(0, 0, 0)) <= 0", {}),
    ("rank([[1, rho], [2, 3 * rho]]) <= 1", {}),
    ("rank([[1, 2], [2, 5]]) <= 1", {}),
    ("inner(grad(f(0, 0) ** 2, 0), W[0]) == f(0, 0) ** 2", {}),
    ("y[0][0] ** 2 == 1", {}),
    ("y[0][0] == 1", {"given": [SIGNS]}),
    ("y[0][0] == y[1][0]", {"given": [SIGNS]}),
    # What is said of one sample, perhaps, of some, or of another variable is not said of all.
    ("y[0][0] ** 2 == 1", {"given": ["y[1][0] ** 2 == 1"]}),
    ("y[0][0] ** 2 == 1", {"given": [f"{SIGNS} or rho > 0"]}),
    ("y[0][0] ** 2 == 1", {"given": ["all([y[n][0] ** 2 == 1 for n in samples if n > 0])"]}),
    ("y[0][0] ** 2 == 1",
     {"given": ["all([y[n][0] ** 2 == 1 for m in samples])"], "forall": ["n in range(1, 2)"]}),
    ("squared(W[0]) == 1", {}),
    ("W[0][0][0] == W[0][0][1]", {"given": [UNIT]}),
    # A hypothesis on weights or data is dropped.
    ("f(0, 0) == 0", {"given": ["f(0, 0) == 0"]}),
    # What a number is called makes it no coordinate of a weight.
    ("rho == W[0][0][0]", {}),
]  # fmt: skip


@pytest.mark.parametrize(("conclusion", "parts"), TRUE)
def test_what_is_true_is_verified(conclusion: str, parts: dict[str, Any]) -> None:
    assert settled(conclusion, **parts).certainty > 100


@pytest.mark.parametrize(("conclusion", "parts"), FALSE)
def test_what_is_false_is_not(conclusion: str, parts: dict[str, Any]) -> None:
    with pytest.raises(Rejected, match="not true of all weights and data"):
        settled(conclusion, **parts)


def test_numbers_are_independent_of_weights_whatever_their_names() -> None:
    for name in ("W0", "parameter", "inputs", "x0"):
        with pytest.raises(Rejected, match="not true"):
            settled(f"{name} == W[0][0][0]", architecture(numbers={name: None}))


def test_weights_of_one_entry_are_one_or_minus_one() -> None:
    single = architecture(mlp([1, 1, 1]))
    assert settled("W[0][0][0] ** 2 == 1", single, given=[UNIT])
    for false in ("W[0][0][0] == 1", "W[0][0][0] == W[1][0][0]"):
        with pytest.raises(Rejected, match="not true"):
            settled(false, single, given=[UNIT])


def test_slopes_are_left_open() -> None:
    """``f(2 W) = 4 f(W)`` is true of ReLU, and not of every function of the argument."""
    doubled = "network([2 * V for V in W], x)[0][0] == 4 * f(0, 0)"
    assert settled(doubled, architecture(mlp([2, 3, 1], LINEAR)))
    with pytest.raises(Rejected, match="not true"):
        settled(doubled)


@pytest.mark.parametrize(
    ("conclusion", "reason"),
    [
        ("f(0, 0) <= 1", "an inequality"),
        ("f(0, 0) != 1", "an inequality"),
        ("rank(W[0]) == 1", "a rank"),
        ("rank(W[0]) >= 1", "an inequality"),
        ("exp(f(0, 0)) == 1", "an order"),
        ("log(f(0, 0)) == 1", "an order"),
        ("frobenius(W[0]) == 1", "an order"),
        ("abs(f(0, 0)) == 1", "a condition"),
        ("max([f(0, 0), 1]) == 1", "a condition"),
        ("nuclear(W[0]) == 1", "singular values"),
        ("squared(outside(W[0], W[0])) == 0", "a condition"),
        ("(1 if f(0, 0) == 0 else 2) == 1", "a condition"),
        ("(1 if varies() else 2) == 1", "whether units vary"),
        ("len([n for n in samples if y[n][0] == 1]) == 1", "a condition"),
        ("f(0, 0) / (x[0][0] - x[0][0]) == 1", "a division by what is 0"),
    ],
)
def test_what_has_no_meaning_is_refused_with_a_sentence(conclusion: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        settled(conclusion)


def test_there_must_be_something_to_check() -> None:
    with pytest.raises(Rejected, match="nothing to check"):
        settled("f(0, 0) == 0", given=["depth == 3"])
    with pytest.raises(Rejected, match="nothing to check"):
        settled("f(0, 0) == 0", forall=["k in biases"])


def test_units_of_one_sample_do_not_vary() -> None:
    network = mlp([2, 2, 1])
    normalised = architecture(network, samples=1)
    for layer in normalised["network"]["layers"]:
        layer["normalisation"] = "batch"
    with pytest.raises(Rejected, match="nothing to check"):
        settled("f(0, 0) == 0", normalised, given=["varies()"])
    with pytest.raises(Rejected, match="constant over the batch"):
        settled("f(0, 0) == 0", normalised)


def test_a_prime_that_is_too_small_is_refused() -> None:
    scaled = f"{2**130} * f(0, 0) == {2**130} * f(0, 0)"
    with pytest.raises(Rejected, match="multiples of the prime"):
        settled(scaled)
    assert settled(scaled, exponent=521).degree == 4
    with pytest.raises(Rejected, match="not true"):
        settled(f"{2**127 - 1} * f(0, 0) == 0", exponent=521)
    with pytest.raises(Rejected, match="multiples of the prime"):
        settled(f"{2**127 - 1} * f(0, 0) == 0")
    powers = [f"q{i} = q{i - 1} ** 2" for i in range(1, 29)]
    with pytest.raises(Rejected, match=r"above 2\^-100"):
        settled("q28 == q28", where=["q0 = x[0][0]", *powers])
    with pytest.raises(Rejected, match="the exponent is none of 127, 521, 1279"):
        settled("f(0, 0) == f(0, 0)", exponent=61)


# --- Tampering -----------------------------------------------------------------------------------


def test_a_proof_is_verified() -> None:
    assert judged(proof()) is None


def edited(key: str, change: Callable[[Any], Any]) -> Json:
    document = proof()
    document[key] = change(document[key])
    return document


EDITS: dict[str, tuple[Callable[[], Json], str]] = {
    "a wider network": (lambda: edited("architecture", lambda a: architecture(mlp([2, 4, 1]))),
                        "the degree is 4 and the error below"),
    "a deeper network": (lambda: edited("architecture", lambda a: architecture(mlp([2, 3, 3, 1]))),
                         "the degree is 8 and the error below"),
    "more samples": (lambda: edited("architecture", lambda a: {**a, "samples": 3}),
                     "the degree is 4 and the error below"),
    "other outputs": (lambda: edited("architecture", lambda a: {**a, "outputs": 2}),
                      "not as many as the outputs"),
    "a lower degree": (lambda: edited("degree", lambda d: d - 1), "not what is recorded"),
    "a higher degree": (lambda: edited("degree", lambda d: d + 1), "not what is recorded"),
    "more certainty": (lambda: edited("certainty", lambda c: c + 1), "not what is recorded"),
    "less certainty": (lambda: edited("certainty", lambda c: c - 1), "not what is recorded"),
    "a larger field": (lambda: edited("exponent", lambda e: 521), "not what is recorded"),
    "a small field": (lambda: edited("exponent", lambda e: 61), "the exponent is none of"),
    "a false statement": (lambda: proof(f"2 * {LEMMA}"), "not true of all weights"),
    "a point": (lambda: proof(point=["1", "2"]), "the keys are not"),
    "a seed": (lambda: proof(seed="0"), "the keys are not"),
    "slopes": (lambda: proof(slopes={"0": "1"}), "the keys are not"),
    "an example": (lambda: proof(case={}), "the keys are not"),
    "weights": (lambda: proof(about={**architecture(), "parameters": [["1"]]}), "the keys are not"),
    "samples as text": (lambda: proof(about=architecture(samples="2")), "samples is not of type"),
    "no samples": (lambda: proof(about=architecture(samples=0)), "not a size"),
    "targets without outputs": (
        lambda: proof(about=architecture(outputs=None, targets=[["1"], ["1"]])), "targets without"),
    "targets of another shape": (
        lambda: proof(about=architecture(targets=[["1"]])), "not an array of shape"),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_what_is_edited_is_rejected_with_one_line(edit: str) -> None:
    made, reason = EDITS[edit]
    document = made()
    unsealed = judged({**document, "digest": proof()["digest"]})
    assert unsealed is not None
    assert "\n" not in unsealed
    found = judged(sealed(document))
    assert found is not None
    assert reason in found


def test_an_edited_statement_is_not_the_one_of_its_version() -> None:
    document = proof()
    document["statement"]["latex"] = "another"
    content = {key: value for key, value in document.items() if key != "digest"}
    resealed = {**content, "digest": kernel.digest(content)}
    assert "not the one that its version names" in str(judged(resealed))


@each_proof
def test_what_is_changed_anywhere_is_rejected_without_a_new_seal(path: Path) -> None:
    original = json.loads(path.read_text())
    generator = random.Random(path.stem)
    for _ in range(20):
        changed = tampered(original, generator)
        if json.dumps(changed) != json.dumps(original):
            assert judged(changed) is not None


def changes(document: Json) -> Iterator[Json]:
    """Sealed anew after changes of the architecture or of a formula by somebody who knows how."""
    generator = random.Random(document["claim"])
    for _ in range(12):
        changed = copy.deepcopy(document)
        place = generator.choice([("architecture", "network"), ("architecture",), ("statement",)])
        inner = tampered(part(document, place), generator)
        part(changed, place[:-1])[place[-1]] = inner
        yield sealed(changed)


@each_proof
def test_what_is_sealed_again_is_another_statement_or_true_of_what_it_names(path: Path) -> None:
    """The degree and the error of another architecture are others, or it is one like this."""
    original = json.loads(path.read_text())
    for changed in changes(original):
        if judged(changed) is None:
            same = changed["statement"] == original["statement"]
            assert (changed["version"] == original["version"]) is same
            found = [changed[key] for key in ("degree", "certainty")]
            assert found == [original[key] for key in ("degree", "certainty")]


# --- The point -----------------------------------------------------------------------------------


def test_the_point_follows_from_statement_architecture_and_field() -> None:
    def first(version: str, about: Json, exponent: int) -> int:
        made: int = Architecture(statement("f(0, 0) == 0"), version, about, exponent).x[0][0].value
        return made

    plain = architecture(mlp([1, 1]))
    found = [
        first("1", plain, 127), first("1", copy.deepcopy(plain), 127), first("2", plain, 127),
        first("1", architecture(mlp([1, 2, 1])), 127), first("1", plain, 521),
    ]  # fmt: skip
    assert found[0] == found[1]
    assert len(set(found)) == 4


# --- Limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: proof(about=architecture(mlp([100, 100, 100, 1]))),
        lambda: proof(about=architecture(mlp([1, 1]), samples=1000),
                      conclusion="sum([f(m, 0) for m in samples]) == 0 * n + rho"),
        # Powers of a sum: coefficients, and a degree that has more digits than memory.
        lambda: proof("q == q", about=architecture(mlp([1, 1]))),
        lambda: proof("rank([[f(n, c) + i * j for i in range(200)] for j in range(200)]) <= 199"),
        lambda: proof("sum([1 / (x[0][0] + i) for i in range(20000)]) == 0"),
    ],
)  # fmt: skip
def test_no_proof_keeps_the_kernel_busy(make: Callable[[], Json]) -> None:
    started = time.process_time()
    assert judged(make()) is not None
    assert time.process_time() - started < 60


def test_all_signs_of_many_labels_are_too_many() -> None:
    started = time.process_time()
    many = architecture(mlp([1, 1]), samples=30)
    with pytest.raises(Rejected, match="too many operations"):
        settled("y[0][0] ** 2 == 1", many, given=[SIGNS])
    assert time.process_time() - started < 60


def test_degrees_that_grow_for_ever_are_work() -> None:
    powers = [f"a{i}(r) = a{i - 1}(a{i - 1}(r))" for i in range(1, 30)]
    where = ["a0(r) = r * r", *powers]
    with pytest.raises(Rejected):
        settled("a29(rho) == a29(rho)", where=where)
