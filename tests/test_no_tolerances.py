"""No tolerance by feel, no test that is retried or skipped: the sources are scanned for them.

What is scanned for:

- an order comparison with a small number that is written down, or with a name or parameter that
  stands for one, or with a multiple of one (such as so many unit roundoffs);
- a tolerance handed to a solver as a number;
- ``approx``, ``allclose`` and the like, and comparisons of what ``round`` leaves of some digits;
- ``flaky``, ``rerun``, ``xfail``, ``importorskip``, ``skip`` and ``skipif``, except where a GPU
  or a browser is missing and a reason is given; and a handler that swallows an ``AssertionError``.

A small number is justified where its name is bound, by a comment or the string that follows:
"Derivation:" says why it bounds what it is compared with, "Definition:" that it is part of what is
stated (a threshold of a paper, the hypothesis of a claim, the unit roundoff). A definition may be
compared with as it is, or in units of what was computed; so many times it needs a justification of
its own. Both may also stand in the docstring of the function around the comparison.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.sources import ROOT, Source, source

SCANNED = [ROOT / "conftest.py", *(p for f in ("theorycheck", "properties", "tests")
                                   for p in sorted((ROOT / f).rglob("*.py")))]  # fmt: skip


@pytest.mark.parametrize("path", SCANNED, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_tolerance_without_derivation_and_nothing_hidden(path: Path) -> None:
    found = [f"{path.name}:{line}: {reason}" for line, reason in source(path).offences()]
    assert not found


def test_no_plugin_or_option_retries_tests() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert not re.search("rerun|flaky|xfail", text)


def test_the_sources_are_scanned() -> None:
    names = {path.name for path in SCANNED}
    assert {"conftest.py", "enclosures.py", "test_rank_bound.py", "test_no_tolerances.py"} <= names


PLANTED = {
    "a literal": "assert abs(a - b) < 1e-6",
    "a literal on the other side": "assert 1e-6 > abs(a - b)",
    "a scaled literal": "assert abs(a - b) <= 1e-6 * abs(b)",
    "a power": "assert abs(a - b) < 2.0**-40",
    "a power of ten": "ok = abs(a - b) < 10**-6",
    "a quotient": "assert abs(a - b) < 1 / 1000",
    "an exact small number": "assert abs(a - b) < Fraction(1, 10**6)",
    "text": "assert abs(a - b) < float('1e-6')",
    "a middle operand": "assert 0 <= abs(a - b) <= 0.001 <= c",
    "a maximum": "assert abs(a - b) < max(1e-6, 1e-6 * c)",
    "a named literal": "TOLERANCE = 1e-6\nassert abs(a - b) < TOLERANCE",
    "a literal in a tuple": "X, TOLERANCE = 5, 1e-6\nassert abs(a - b) < TOLERANCE",
    "a local name": "def f(a):\n    eps = 1e-9\n    return abs(a) < 3 * eps",
    "a name of a name": "A = 1e-6\nB = 2 * A\nassert c < B",
    "a default": "def close(a, b, slack=1e-6):\n    return abs(a - b) < slack",
    "a keyword default": "def close(a, b, *, slack=1e-6):\n    return abs(a - b) < slack",
    "a lambda": "close = lambda a, b: abs(a - b) < 1e-6",
    "a named multiple":
        "from theorycheck.arithmetic.enclosures import UNIT_ROUNDOFF\n"
        "N = 400\nassert c < N * UNIT_ROUNDOFF",
    "a multiple of the unit roundoff":
        "from theorycheck.arithmetic.enclosures import UNIT_ROUNDOFF\n"
        "assert c < 400 * UNIT_ROUNDOFF",
    "a multiple of a module's constant":
        "from theorycheck.arithmetic import enclosures\nassert c < 400 * enclosures.UNIT_ROUNDOFF",
    "a multiple of a definition": 'A = 1e-6\n"""Definition: so many."""\nassert c < 9 * A',
    "an empty derivation": "A = 1e-6  # Derivation:\nassert c < A",
    "another comment": "A = 1e-6  # small enough\nassert c < A",
    "a docstring without derivation": 'def f(c):\n    """Close."""\n    assert c < 1e-6',
    "approx": "assert a == pytest.approx(b)",
    "approx, imported": "from pytest import approx",
    "allclose": "assert torch.allclose(a, b)",
    "isclose": "assert math.isclose(a, b, rel_tol=x)",
    "a NumPy assertion": "np.testing.assert_allclose(a, b)",
    "a unittest assertion": "self.assertAlmostEqual(a, b)",
    "rounded digits": "assert round(a, 6) == round(b, 6)",
    "a solver's tolerance": "solve(f, rtol=1e-12)",
    "a skip": "pytest.skip('too slow')",
    "a mark": "@pytest.mark.skip\ndef test(): ...",
    "an expected failure": "@pytest.mark.xfail(reason='sometimes')\ndef test(): ...",
    "a conditional skip": "@pytest.mark.skipif(slow, reason='slow')\ndef test(): ...",
    "a skip without a reason":
        "@pytest.mark.skipif(not torch.cuda.is_available())\ndef test(): ...",
    "an optional import": "jax = pytest.importorskip('jax')",
    "a retried test": "@pytest.mark.flaky(reruns=3)\ndef test(): ...",
    "an imported plugin": "from flaky import flaky",
    "a swallowed failure": "try:\n    check()\nexcept AssertionError:\n    pass",
    "everything swallowed": "try:\n    check()\nexcept:\n    pass",
    "a suppressed failure": "with contextlib.suppress(AssertionError):\n    check()",
}  # fmt: skip


@pytest.mark.parametrize("text", PLANTED.values(), ids=PLANTED)
def test_a_planted_offender_is_found(text: str) -> None:
    assert list(Source(text).offences())


ALLOWED = {
    "equality": "assert a == 1e-6",
    "large numbers": "assert a < 0.5 and b > 1e6",
    "zero": "assert a > 0.0",
    "a sign": "def f(rate=1e-6):\n    assert rate > 0",
    "a derivation": 'A = 1e-6\n"""Derivation: ten terms of at most 1e-7."""\nassert c < 9 * A',
    "a derivation in a comment": "# Derivation: ten terms.\nA = 1e-6\nassert c < A",
    "a derivation beside": "A = 1e-6  # Derivation: ten terms.\nassert c < A",
    "a definition": 'A = 1e-6\n"""Definition: the threshold of Section 4."""\nassert c < A',
    "a derivation in the docstring":
        'def f(c):\n    """Derivation: ten terms of at most 1e-7."""\n    assert c < 1e-6',
    "a bound by its function": "assert abs(a - b) <= gamma(7) * size",
    "an argument that is no bound": "assert initialise(scale=1e-6) <= b",
    "a missing GPU":
        "@pytest.mark.skipif(not torch.cuda.is_available(), reason='no GPU')\ndef test(): ...",
    "a missing browser":
        "@pytest.mark.skipif(not shutil.which('chromedriver'), reason='none')\ndef test(): ...",
    "another name of the same function":
        "def f():\n    eps = 1e-6\n\ndef g(eps):\n    return a < eps",
    "rounding to integers": "assert bits == round(bits)",
    "another exception": "try:\n    read()\nexcept OSError:\n    pass",
}  # fmt: skip


@pytest.mark.parametrize("text", ALLOWED.values(), ids=ALLOWED)
def test_what_is_derived_or_exact_is_not_found(text: str) -> None:
    assert not list(Source(text).offences())
