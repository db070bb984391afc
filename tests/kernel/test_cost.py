"""The cost of attacks: formulas that try to run away, and large files."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from tests.kernel.examples import ROOT, Json, judged, sealed
from theorycheck import kernel

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
    "ranges with one value many times": {
        "where": ["t = [0 for i in range(20000)]"], "forall": ["a in t", "b in t", "c in []"],
        "at": {"a": 0, "b": 0, "c": 0},
    },
    "ranges without the value": {
        "where": ["t = range(20000)"], "forall": ["a in [0 for i in t]", "b in t"],
        "at": {"a": 0, "b": 20000},
    },
    "ranges of long batches": {
        "where": ["r = range(20000)", "t = [r for i in range(2000)]"],
        "forall": ["a in t", "b in t"], "at": {"a": list(range(20000)), "b": [*range(19999), 0]},
    },
    "singular values": {
        "widths": (60, 60), "samples": 1, "conclusion": "nuclear(W[0]) == root(2)"
    },
    "singular values of fractions": {
        "conclusion": "spectral([[1 / (a + b + 1) for a in range(60)] for b in range(60)]) == 0"
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
    "derivatives of formulas": {
        "widths": (20,) * 20, "samples": 5, "conclusion": "squared(grad(f(0, 0), 0)) <= 0"
    },
    "derivatives of nothing": {
        "widths": (100, 100), "samples": 1, "number": "0",
        "conclusion": "squared(grad(squared(grad(0, 0)), 0)) <= 0",
    },
    "derivatives of derivatives": {
        "widths": (3, 3, 3), "samples": 3,
        "where": ["g0 = f(0, 0)", *(f"g{i} = squared(grad(g{i - 1}, 0))" for i in range(1, 20))],
        "conclusion": "g19 <= 0",
    },
    "networks elsewhere": {
        "widths": (9, 9, 9), "conclusion": f"sum([network(W, x)[0][0] {MANY}]) <= 0"
    },
    "exponentials": {"conclusion": f"sum([exp(i + j + 1) {MANY}]) == root(2)"},
    "logarithms near 1": {
        "number": BIG, "conclusion": f"sum([log(1 + 1 / f(0, 0) ** 2) {MANY}]) == root(2)"
    },
    "equations": {
        "widths": (40, 40), "samples": 1, "conclusion": "squared(solve(W[0], W[0])) <= 0"
    },
    "products of matrices": {
        "widths": (60, 60), "samples": 1,
        "conclusion": "trace(W[0] @ W[0] @ W[0] @ W[0] @ W[0]) <= 0",
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
    "name",
    [
        "shared empty lists",
        "derivatives of roots",
        "derivatives of nothing",
        "comparisons of long numbers",
        "ranges without the value",
        "ranges of long batches",
    ],
)
def test_the_limits_bound_time_and_memory(name: str) -> None:
    """The worst of the runaways at the real limits, in a process that cannot have more memory.

    It is rejected, and not for want of memory. (The peak that a process reports for itself is at
    least that of the process which started it.)
    """
    limited = "import resource; resource.setrlimit(resource.RLIMIT_AS, (500 << 20, 500 << 20))\n"
    text = json.dumps(runaway(**RUNAWAYS[name]))
    done = subprocess.run(
        [sys.executable, "-S", "-c", limited + CHECKED], input=text, capture_output=True,
        text=True, cwd=ROOT, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "rejected\n"


@pytest.mark.parametrize("order", [20, 40, 60])
def test_singular_values_cost_what_their_products_do(order: int) -> None:
    formula = f"spectral([[1 / (a + b + 1) for a in range({order})] for b in range({order})]) == 0"
    assert "too many operations" in str(judged(runaway(conclusion=formula)))


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
