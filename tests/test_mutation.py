"""The mutants of a source: what becomes of it, and what is left alone."""

from __future__ import annotations

import pytest

from tests.mutation.mutator import Mutator
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


def test_targets_are_modules_with_tests() -> None:
    for module, tests in TARGETS.items():
        assert source_of(module)
        assert all((ROOT / "tests" / test).is_file() for test in tests)
