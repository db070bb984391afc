"""The mutants of a source: what becomes of it, and what is left alone."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest

from tests.mutation.__main__ import chosen
from tests.mutation.code import Functions
from tests.mutation.mutator import Mutator
from tests.mutation.record import EQUIVALENT, Row, Tried, reasons, table
from tests.mutation.targets import TARGETS, source_of
from tests.sources import ROOT


def news(source: str) -> list[str]:
    return [mutant.source for mutant in Mutator(source).mutants()]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a + b", ["x = a - b", "x = (a)", "x = (b)"]),
        ("x = a / b", ["x = a * b"]),
        ("x = a and b", ["x = a or b", "x = (a)", "x = (b)"]),
        ("x = a < b <= c", ["x = a <= b <= c", "x = a < b < c"]),
        ("x = not a", ["x = (a)"]),
        ("x = 2", ["x = (2 + 1)"]),
        ("x = True", ["x = False"]),
        ("if a:\n    f(b)", ["if not (a):\n    f(b)", "if a:\n    pass"]),
        ("x += a", ["x -= a", "pass"]),
        ("x = f(a, b=c, d=e)", ["x = f(a, d=e)", "x = f(a, b=c)"]),
        ("x = np.max(a) + min(b)", ["x = np.max(a) - min(b)", "x = (np.max(a))", "x = (min(b))",
                                    "x = np.min(a) + min(b)", "x = np.max(a) + max(b)"]),
        ("x = 'ä' + a", ["x = 'ä' - a", "x = ('ä')", "x = (a)"]),
    ],
)  # fmt: skip
def test_all_mutants_of_a_line(source: str, expected: list[str]) -> None:
    assert sorted(news(source)) == sorted(expected)


@pytest.mark.parametrize(
    "source",
    ["'''1 + 1'''", "x: Literal[1]", "@f(1)\ndef g(): ...", "x = f'{a + 1}'", "raise E(1)",
     "if TYPE_CHECKING:\n    a = 1"],
)  # fmt: skip
def test_what_is_left_alone(source: str) -> None:
    assert set(news(source)) <= {"pass"}


def test_a_mutant_says_where_it_is() -> None:
    (first, *_) = Mutator("a\n\nb = c - d\n").mutants()
    assert str(first) == "3: -  ->  +"


SOURCE = """
class A:
    def f(self, x):
        if x > 1:
            return (1 + 1,
                    2)
        return 1
"""


def test_a_mutant_is_named_without_the_number_of_its_line() -> None:
    """Within which function, in which line; the second of two equal changes of a line says so."""
    here, moved = ([m.place for m in Mutator(text).mutants()] for text in (SOURCE, "1\n" + SOURCE))
    assert here == moved[1:]
    assert len(set(here)) == len(here)
    assert ("A.f", "return (1 + 1,", "1  ->  (1 + 1)") in here
    assert ("A.f", "return (1 + 1,", "1  ->  (1 + 1)  (2)") in here


def test_which_lines_a_test_has_to_reach() -> None:
    """Those of the statement; of one that holds others, what comes before them."""
    reached = {(m.number, m.change): m.reached for m in Mutator(SOURCE).mutants()}
    assert reached[4, ">  ->  >="] == range(4, 5)
    assert reached[6, "2  ->  (2 + 1)"] == range(5, 7)
    assert reached[7, "1  ->  (1 + 1)"] == range(7, 8)


def test_a_sample_is_in_order_and_a_larger_one_holds_it() -> None:
    mutants = list(Mutator(SOURCE).mutants())
    few, more = (chosen(mutants, count, 0) for count in (3, 5))
    assert [m for m in mutants if m in few] == few
    assert set(few) < set(more)
    assert chosen(mutants, None, 0) == chosen(mutants, 99, 0) == mutants


def loaded(source: str) -> Any:
    """The names of a module from this source, and its functions."""
    names: dict[str, Any] = {}
    exec(compile(source, "toy", "exec"), names)
    return names, Functions(source, "toy")


def test_functions_get_the_code_of_a_changed_source() -> None:
    names, functions = loaded(SOURCE)
    known = names["A"]()
    for function, code in functions.changed(SOURCE.replace("> 1", ">= 1")):
        function.__code__ = code
    assert known.f(1) == (2, 2)
    assert known.f(0) == 1


def test_functions_that_are_frozen_are_found() -> None:
    names: dict[str, Any] = {}
    exec(compile(SOURCE, "toy", "exec"), names)
    gc.freeze()
    try:
        assert Functions(SOURCE, "toy").live
    finally:
        gc.unfreeze()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x = 1", "x = 2"),
        ("y = 3", "y = 4"),
        ("def f(z=5)", "def f(z=6)"),
        ("return z", "return z + 1"),
        ("z = 7", "z = 8"),
    ],
)
def test_what_was_executed_already_cannot_be_changed(old: str, new: str) -> None:
    source = """
x = 1
class A:
    y = 3
    def f(z=5): return 0
def outer(z=0):
    z = 7
    def inner(): return z
    return inner
made = outer()
"""
    kept, functions = loaded(source)
    assert kept["made"]() == 7
    assert functions.changed(source) is None
    assert functions.changed(source.replace(old, new)) is None


def test_what_was_tried_is_not_tried_again(tmp_path: Path) -> None:
    """Unless the test that noticed is gone, or a test has changed that might notice now."""
    one, other, gone, *_ = Mutator(SOURCE).mutants()
    tried = Tried(tmp_path / "build" / "tried.jsonl")
    assert not tried.knows("kernel", one)
    for mutant, noticed in ((one, "tests/test_mutation.py::a"), (other, None), (gone, "no.py::b")):
        tried.add("kernel", mutant, noticed)
    again = Tried(tmp_path / "build" / "tried.jsonl")
    known = [again.knows("kernel", mutant) for mutant in (one, other, gone)]
    assert known == [True, True, False]
    assert again.noticed("kernel", one) == "tests/test_mutation.py::a"
    assert not again.knows("claims.verdicts", one)
    again.known = {key: (noticed, "changed") for key, (noticed, _) in again.known.items()}
    assert [again.knows("kernel", mutant) for mutant in (one, other)] == [True, False]


def test_the_table_says_of_each_survivor_why_or_that_it_is_open() -> None:
    one, other, *_ = mutants = tuple(Mutator(SOURCE).mutants())
    why = {"toy": {one.place: "It says the same."}}
    text = table([Row("toy", 9, len(mutants), (one, other)), Row("rest", 5, 4, ())], why)
    lines = text.splitlines()
    assert f"| toy | 9 | {len(mutants)} | {len(mutants) - 2} | 1 | 1 |" in lines
    assert "| rest | 5 | 4 | 4 | 0 | 0 |" in lines
    assert lines[-2].endswith("| It says the same. |")
    assert lines[-1].endswith("| **open** |")


WHY = reasons(EQUIVALENT.read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", WHY)
def test_reasons_are_about_mutants_that_there_are(module: str) -> None:
    """Else a line was changed, and whether the reason still holds is to be seen."""
    assert set(WHY[module]) <= {mutant.place for mutant in Mutator(source_of(module)).mutants()}


def test_targets_are_modules_with_tests() -> None:
    for module, tests in TARGETS.items():
        assert source_of(module)
        assert all((ROOT / "tests" / test).is_file() for test in tests)
