"""Thousands of certificates that were tampered with, and formulas that try to run away.

What was changed without a new seal must be rejected. What was sealed again by someone who knows the
kernel may be accepted only when it is true, which the full engine decides.
"""

from __future__ import annotations

import copy
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from theorycheck import kernel
from theorycheck.arithmetic.cases import Case
from theorycheck.claims import certificates
from theorycheck.claims.declaration import Claim
from theorycheck.claims.search import replay
from theorycheck.claims.sequential import Decision, Tendency, decide
from theorycheck.claims.setting import Setting
from theorycheck.errors import InputError
from theorycheck.kernel import Rejected
from theorycheck.pytest_plugin.plugin import collect_claims

ROOT = Path(__file__).parents[1]
PATHS = sorted((ROOT / "reports/certificates").glob("*.json"))
each_certificate = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)

Json = Any
Place = tuple[Any, ...]

ODD: list[Any] = [
    None, True, False, 0, 1, -1, 10**400, "", "0", "1", "-1", "1/2", "2/4", "1/0", "-0", "00", "+1",
    "1.5", "1e999999999", "1e9", "NaN", "Infinity", "-inf", "\u0661", "\uff11", "1\u200b", "\ud800",
    " 1", "1\n", "1_000", "9" * 1501, "9" * 5000, "1/" + "9" * 1501, [], {}, [[]], ["1"], {"": ""},
    "__import__('os')", "0 <= 1", "refuted", "tight", "dense", "identity", "batch", "none",
]  # fmt: skip


def places(document: Json, place: Place = ()) -> Iterator[Place]:
    """Where the parts of a document are, the document itself first."""
    yield place
    if isinstance(document, (dict, list)):
        keys = document.keys() if isinstance(document, dict) else range(len(document))
        for key in keys:
            yield from places(document[key], (*place, key))


def part(document: Json, place: Place) -> Json:
    for key in place:
        document = document[key]
    return document


def with_digit(number: str, generator: random.Random) -> str:
    digits = [i for i, letter in enumerate(number) if letter.isdigit()]
    if not digits:
        return number + "0"
    i = generator.choice(digits)
    return number[:i] + generator.choice("0123456789") + number[i + 1 :]


def tampered(document: Json, generator: random.Random) -> Json:
    """The document with one thing changed, somewhere."""
    document = copy.deepcopy(document)
    place = generator.choice([*places(document)][1:])
    holder, key = part(document, place[:-1]), place[-1]
    value = holder[key]
    kinds = ["odd", "remove", "deep", "twice"]
    if isinstance(value, str):
        kinds += ["digit"] * 4 + ["sign", "letter"] * 2
    if isinstance(value, list) and len(value) > 1:
        kinds += ["swap", "row"] * 2
    if type(value) is int:
        kinds += ["step"] * 3
    match generator.choice(kinds):
        case "odd":
            holder[key] = copy.deepcopy(generator.choice(ODD))
        case "remove":
            del holder[key]
        case "deep":
            holder[key] = [[[value]]]
        case "twice" if isinstance(holder, list):
            holder.insert(key, copy.deepcopy(value))
        case "twice":
            holder[f"{key}_1"] = copy.deepcopy(value)
        case "digit":
            holder[key] = with_digit(value, generator)
        case "sign":
            holder[key] = value[1:] if value.startswith("-") else "-" + value
        case "letter":
            i = generator.randrange(len(value) + 1)
            holder[key] = value[:i] + generator.choice("0ax_ (,-\n\u00e9") + value[i + 1 :]
        case "swap":
            i, j = generator.sample(range(len(value)), 2)
            value[i], value[j] = value[j], value[i]
        case "row":
            del value[generator.randrange(len(value))]
        case "step":
            holder[key] = value + generator.choice([-2, -1, 1, 2, 1000])
    return document


def sealed(document: Json) -> Json:
    """As an attacker would seal it, where there is still something to seal."""
    if not isinstance(document, dict):
        return document
    content = {key: value for key, value in document.items() if key != "digest"}
    if "claim" in content and "statement" in content:
        content["version"] = kernel.digest([content["claim"], content["statement"]])[:16]
    return {**content, "digest": kernel.digest(content)}


def judged(document: Json) -> str | None:
    """The reason of rejection after a journey through a file; None when accepted."""
    try:
        kernel.check(kernel.read(json.dumps(document), kernel.MOST_BYTES))
    except Rejected as error:
        reason = str(error)
    else:
        return None
    assert reason.isprintable()
    assert 0 < len(reason) < 1000
    return reason


@each_certificate
def test_what_is_changed_without_a_new_seal_is_rejected(path: Path) -> None:
    original = json.loads(path.read_text())
    generator = random.Random(path.stem)
    for _ in range(60):
        changed = tampered(original, generator)
        if changed != original or json.dumps(changed) != json.dumps(original):
            assert judged(changed) is not None, changed


def test_texts_that_are_cut_or_garbled_are_rejected() -> None:
    generator = random.Random(0)
    for path in PATHS:
        text = path.read_text()
        for _ in range(25):
            end = generator.randrange(len(text.rstrip()))
            letter = chr(
                generator.choice([0, 9, 34, 44, 58, 91, 123, 233, 0x2028, 0xFFFF, 0x1F600])
            )
            for garbled in (
                text[:end],
                text[:end] + letter + text[end:],
                text[end:],
                text + letter,
            ):
                try:
                    # A space more between two values changes nothing.
                    unchanged = json.loads(garbled) == json.loads(text)
                except ValueError:
                    unchanged = False
                if not unchanged:
                    with pytest.raises(Rejected) as caught:
                        kernel.check(kernel.read(garbled, kernel.MOST_BYTES))
                    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "null", "[]", "{}", "0", '"a"', "[" * 100_000, '{"a":' * 50_000, "[[[]]]" * 9,
        '{"a": 1, "a": 1}', '{"a": NaN}', '{"a": Infinity}', '{"a": -Infinity}', '{"a": 1.0}',
        '{"a": 1e999999999}', '{"a": 1E5}', '{"a": ' + "9" * 5000 + "}", '{"a": "\\ud800"}',
        '{"a": 1} {}', "\ufeff{}", "{'a': 1}", '{"a": 01}', '{"a": "\n"}', "\0",
    ],
)  # fmt: skip
def test_texts_that_are_no_certificates_are_rejected(text: str) -> None:
    with pytest.raises(Rejected) as caught:
        kernel.check(kernel.read(text, kernel.MOST_BYTES))
    assert str(caught.value).isprintable()


# --- Resealed by an attacker: only what is true --------------------------------------------------


@pytest.fixture(scope="module")
def claims() -> dict[str, Claim]:
    return {claim.id: claim for claim in collect_claims([str(ROOT / "properties")]).values()}


def pairs_of(case: Json) -> tuple[Tendency, tuple[int, int]]:
    """The test and the counts that a certificate of a tendency holds."""
    numbers = {name: Fraction(text) for name, text in case["numbers"].items()}
    tendency = Tendency(numbers["null"], numbers["alternative"], beta=numbers["beta"])
    if any(numbers[name].denominator != 1 for name in ("successes", "failures")):
        raise InputError("a count that is not whole")
    return tendency, (int(numbers["successes"]), int(numbers["failures"]))


def engine_finds(claim: Claim, case: Json) -> bool:
    """Whether the engine finds the claim violated by the example of a certificate."""
    if claim.kind == "tendency":
        tendency, counts = pairs_of(case)
        return decide(tendency, *counts) is Decision.CONTRADICTED
    return replay(claim, Setting(), Case.from_dict(case)).counterexample is not None


@each_certificate
def test_what_is_sealed_again_is_accepted_only_when_it_is_true(
    path: Path, claims: dict[str, Claim]
) -> None:
    """Another statement has another version than the one on record; the engine decides the rest."""
    text = path.read_text()
    original = json.loads(text)
    generator = random.Random("sealed " + path.stem)
    for _ in range(60 if len(text) < 5000 else 8):
        changed = sealed(tampered(original, generator))
        if judged(changed) is None and changed["claim"] == original["claim"]:
            if changed["statement"] != original["statement"]:
                assert changed["version"] != original["version"]
                continue
            violated = engine_finds(claims[original["claim"]], changed["case"])
            assert violated is (changed["shows"] == "refuted")


def changed_numbers(document: Json, generator: random.Random) -> Json:
    """A certificate's example with a few other numbers, still a well-formed one."""
    case = copy.deepcopy(document["case"])
    numbers = [
        place
        for place in places(case)
        if isinstance(part(case, place), str) and kernel.NUMBER.fullmatch(part(case, place))
    ]
    for _ in range(generator.choice([1, 1, 2, 3])):
        place = generator.choice(numbers)
        holder, key = part(case, place[:-1]), place[-1]
        value = Fraction(holder[key])
        other = [value + 1, value - 1, -value, 2 * value, Fraction(0), Fraction(1), value / 2]
        holder[key] = str(generator.choice(other))
    return case


@each_certificate
def test_the_engine_agrees_with_every_other_example_that_the_kernel_accepts(
    path: Path, claims: dict[str, Claim]
) -> None:
    """The attacker changes the numbers, and has the kernel compute the sides and the seal."""
    document = json.loads(path.read_text())
    claim = claims[document["claim"]]
    generator = random.Random("numbers " + path.stem)
    for _ in range(3 if len(path.read_text()) > 5000 else 12):
        case = changed_numbers(document, generator)
        try:
            if claim.kind == "tendency":
                tendency, counts = pairs_of(case)
                certificates.issue_contradicted(claim, tendency, *counts)
            else:
                certificates.issue(claim, Case.from_dict(case), "refuted", document["at"])
        except (Rejected, InputError):
            continue
        assert engine_finds(claim, case), case


# --- Formulas that try to run away ---------------------------------------------------------------

MANY = "for i in range(20000) for j in range(20000)"
BIG = str(Fraction(3**3000, 2**4900))


def defined(first: str, rest: str) -> list[str]:
    """A chain of as many definitions as a statement may have, each by the one before it."""
    return [f"a0 = {first}", *(f"a{i} = " + rest.replace("a", f"a{i - 1}") for i in range(1, 39))]


RUNAWAYS: dict[str, dict[str, Any]] = {
    "loops": {"conclusion": f"len([0 {MANY} if i < 0]) <= 1"},
    "lists of ranges": {"conclusion": f"len([range(20000) {MANY}]) <= 1"},
    "sums of ranges": {"conclusion": "sum([sum(range(20000)) for i in range(20000)]) <= 1"},
    "thirty-eight loops": {
        "conclusion": f"len([0 {' '.join(f'for i{k} in range(20000)' for k in range(38))}]) <= 1"
    },
    "conditions on a list": {
        "where": ["t = [0 <= 1 for i in range(20000)]"],
        "conclusion": "len([all(t) for i in range(20000)]) <= 1",
    },
    "shared lists": {"where": defined("[1]", "[a, a, a, a]"), "conclusion": "squared(a38) <= 1"},
    "shared empty lists": {
        "where": defined("[]", "[a, a, a, a]"), "conclusion": "len(a38 + a38) <= 1"
    },
    "powers": {"where": defined("3", "a ** 4"), "conclusion": "a38 <= 1"},
    "powers of a root": {"where": defined("root(3) + 5", "a ** 4"), "conclusion": "a38 <= 1"},
    "calls of calls": {
        "where": ["s0(a) = a + 1", *(f"s{i}(a) = s{i - 1}(a) + s{i - 1}(a)" for i in range(1, 39))],
        "conclusion": "s38(root(2)) <= 1",
    },
    "comparisons of long numbers": {
        "number": BIG, "where": ["a = f(0, 0) ** 2 * x[0][0]"],
        "given": [f"all([a < a + 1 {MANY}])"],
    },
    "roots of long numbers": {
        "number": BIG, "where": ["a = f(0, 0) ** 2 * x[0][0]"],
        "given": [f"all([root(a) > 0 {MANY}])"],
    },
    "arithmetic with roots": {
        "conclusion": f"sum([root(i + 2) / (root(2) + root(j)) {MANY}]) == root(2)"
    },
    "equal hashes": {
        "where": ["g(a) = 1"], "conclusion": f"len([g(2305843009213693951 * i) {MANY}]) <= 1"
    },
    "remembered calls": {"where": ["g(a, b) = a"], "conclusion": f"len([g(i, j) {MANY}]) <= 1"},
    "ranges of variables": {
        "forall": [*(f"a{i} in [0, 0, 0, 0, 0, 0, 0, 0]" for i in range(39)), "b in []"],
        "at": {**{f"a{i}": 0 for i in range(39)}, "b": 0},
    },
    "singular values": {
        "widths": (60, 60), "samples": 1, "conclusion": "nuclear(W[0]) == root(2)"
    },
    "ranks": {
        "widths": (20, 20), "samples": 1,
        "conclusion": "sum([rank(i * W[0]) for i in range(20000)]) <= 1",
    },
    "ranks of nothing": {
        "widths": (90, 90), "samples": 1, "number": "0",
        "conclusion": "sum([rank(W[0]) for i in range(20000)]) <= 1",
    },
    "common denominators": {
        "widths": (15, 15), "samples": 1, "number": "denominators",
        "conclusion": "rank(W[0]) <= 1",
    },
    "outer products": {"samples": 1000, "conclusion": "rank(outer(x, x)) <= 1"},
    "long batches": {"samples": 400, "conclusion": "len([batches(1) for i in samples]) <= 1"},
    "many samples": {"samples": 6000, "conclusion": "sum([f(n, 0) for n in samples]) <= 0"},
    "smoothness": {
        "widths": (1, 100, 1), "samples": 90, "number": "1",
        "given": ["all([smooth() for i in range(20000)])"],
    },
    "derivatives": {
        "widths": (20,) * 20, "samples": 5, "conclusion": "squared(df(0, 0, 0)) <= 0"
    },
    "derivatives of roots": {
        "widths": (10, 10, 10, 10, 10, 1), "samples": 5, "normalisation": "batch",
        "conclusion": "squared(df(0, 0, 0)) == root(2)",
    },
    "lists kept": {"where": [f"a = [[[i * j] {MANY}] {MANY}]".replace("j {MANY}", "j")]},
    "roots kept": {"where": [f"a = [root(i + 2) {MANY}]"]},
    "numbers kept": {"where": [f"a = [f(0, 0) + i {MANY}]"], "number": f"{3**150}/{2**240}"},
}  # fmt: skip
"""Each asks for far more than the limits allow."""


def runaway(
    *, conclusion: str = "0 <= 1", given: Any = (), where: Any = (), forall: Any = (),
    at: Any = None, widths: tuple[int, ...] = (1, 1), samples: int = 2, number: str | None = None,
    normalisation: str = "none",
) -> Json:  # fmt: skip
    generator = random.Random(0)

    def one() -> str:
        if number == "denominators":
            return f"1/{10**1400 + 2 * generator.randrange(10**9) + 1}"
        return number or str(generator.randrange(-500, 500))

    def array(*shape: int) -> Json:
        return [array(*shape[1:]) for _ in range(shape[0])] if shape else one()

    layers = [
        {
            "width": width, "edges": [{"source": v, "map": "dense"}], "slope": "1/4", "bias": False,
            "normalisation": "none" if v == len(widths) - 2 else normalisation,
        }
        for v, width in enumerate(widths[1:])
    ]  # fmt: skip
    network = {"input_width": widths[0], "layers": layers}
    case = {
        "network": network,
        "parameters": [array(1, *p.shape) for p in kernel.Network(network).parameters],
        "inputs": array(1, samples, widths[0]), "targets": None, "numbers": {},
    }  # fmt: skip
    statement = {
        "latex": "", "hypotheses": [], "given": list(given), "where": list(where),
        "forall": list(forall), "conclusion": conclusion,
    }  # fmt: skip
    return sealed({
        "schema_version": kernel.SCHEMA_VERSION, "claim": "runaway", "shows": "tight",
        "statement": statement, "case": case, "at": at or {}, "left": "0", "right": "1",
    })  # fmt: skip


@pytest.fixture
def little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A twentieth of the work, so that all of this takes seconds; work is counted, not timed."""
    monkeypatch.setattr(kernel, "MOST_WORK", kernel.MOST_WORK // 20)


@pytest.mark.usefixtures("little_work")
@pytest.mark.parametrize("name", RUNAWAYS)
def test_formulas_that_run_away_are_stopped(name: str) -> None:
    reason = judged(runaway(**RUNAWAYS[name]))
    assert reason is not None
    assert any(words in reason for words in ("too many", "beyond", "not take the values")), reason


CHECKED = """
import sys
from theorycheck import kernel
try:
    kernel.check(kernel.read(sys.stdin.read(), kernel.MOST_BYTES))
except kernel.Rejected:
    print("rejected")
"""


@pytest.mark.parametrize(
    "name", ["shared empty lists", "derivatives of roots", "comparisons of long numbers"]
)
def test_the_limits_bound_memory(name: str) -> None:
    """The worst of the runaways at the real limits, in a process that cannot have more memory.

    It is rejected, and not for want of memory. (The peak that a process reports for itself is at
    least that of the process which started it.)
    """
    limited = "import resource; resource.setrlimit(resource.RLIMIT_AS, (500 << 20, 500 << 20))\n"
    text = json.dumps(runaway(**RUNAWAYS[name]))
    done = subprocess.run(
        [sys.executable, "-S", "-c", limited + CHECKED], input=text, capture_output=True,
        text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "rejected\n"


# --- Large files ---------------------------------------------------------------------------------


def edges(kind: dict[str, Any], count: int, width: int) -> Json:
    document = runaway()
    layer = {
        "width": width, "edges": [kind] * count, "slope": "1", "normalisation": "none",
        "bias": False,
    }  # fmt: skip
    document["case"]["network"] = {"input_width": 1000, "layers": [layer]}
    return document


WIDE = {
    "source": 0, "map": "convolution", "channels": 1, "height": 1, "width": 1000, "filters": 1,
    "kernel": [1, 500], "stride": 1,
}  # fmt: skip

LARGE: dict[str, Callable[[], Json]] = {
    "skips": lambda: edges({"source": 0, "map": "identity"}, 20_000, 1000),
    "patches": lambda: edges(WIDE, 5_000, 501),
    "hypotheses": lambda: runaway(given=["0 <= 1"] * 80_000),
    "definitions": lambda: runaway(where=[f"a{i} = 1" for i in range(50_000)]),
    "variables": lambda: runaway(forall=[f"a{i} in [1]" for i in range(40_000)]),
    "numbers": lambda: with_numbers({f"b{i}_1": "1" for i in range(60_000)}),
    "long numbers": lambda: with_numbers({f"b{i}": "9" * 1500 for i in range(600)}),
    "one long number": lambda: with_numbers({"b": "9" * 900_000}),
    "a long formula": lambda: runaway(conclusion="+".join("1" * 400_000) + " <= 1"),
    "a long claim": lambda: {**runaway(), "claim": "a" * 900_000},
    "a deep text": lambda: runaway(conclusion="(" * 900 + "1" + ")" * 900 + " <= 1"),
    "many values": lambda: {**runaway(), "at": {f"a{i}": i for i in range(60_000)}},
    "a long value": lambda: {**runaway(), "at": {"a": [0] * 300_000}},
    "long sides": lambda: {**runaway(), "left": ["1"] * 150_000, "right": [[]] * 100_000},
    "many layers": lambda: runaway(widths=(1,) * 41),
    "empty lists": lambda: {"a": [[]] * 200_000},
    "empty objects": lambda: {"a": [{"": 0}] * 100_000},
    "many keys": lambda: {str(i): 0 for i in range(90_000)},
}


def with_numbers(numbers: dict[str, str]) -> Json:
    document = runaway()
    document["case"]["numbers"] = numbers
    return document


@pytest.mark.parametrize("name", LARGE)
def test_large_files_are_rejected_before_they_cost_much(name: str) -> None:
    document = LARGE[name]()
    accepted = name in ("many layers", "long numbers")
    assert (judged(sealed(document)) is None) is accepted
