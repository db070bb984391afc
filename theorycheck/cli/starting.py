"""Starting a project: a folder with one claim, its configuration, and a CI job that gates."""

from __future__ import annotations

from pathlib import Path

from theorycheck.errors import InputError

CLAIM = r'''"""One claim to start from: say what your paper says instead."""

from theorycheck import Paper, altered, cases, mlps, stated

PAPER = Paper("me2026", "My paper", "A. Author", 2026)

layers_share_the_output = stated(
    "layers-share-the-output",
    title="Each layer's inner product with its gradient is the output",
    sources=[PAPER.at("Lemma 2")],
    printed=r"\langle W_k, \partial f_W(x) / \partial W_k \rangle = f_W(x)",
    assuming={"a chain": "chain()", "plain layers": "len(biases) == 0 and not normalised()"},
    forall=["k in weights", "n in samples"],
    states="inner(W[k], df(n, 0, k)) == f(n, 0)",
    control=altered("twice the output", "inner(W[k], df(n, 0, k)) == 2 * f(n, 0)"),
    on=cases(mlps()),
    why="The output is linear in each weight matrix, once the activation pattern is fixed.",
)
'''

PYPROJECT = """\
[tool.theorycheck]
paths = ["properties"]              # where the claims are
baseline = "reports/baseline.json"  # verdicts on record
report-dir = "reports"              # where reports are written
profile = "default"                 # how much is tried: quick, default, deep or explore
errors = ["new"]                    # what is an error besides changes: new, refuted, vacuous

[tool.pytest.ini_options]
addopts = "--import-mode=importlib"
pythonpath = ["."]
testpaths = ["properties"]
filterwarnings = [
    # "error", if you want it, comes first: without assertions, `python -O -m pytest` warns of that.
    "ignore:assertions not in test modules:pytest.PytestConfigWarning",
]
"""

WORKFLOW = """\
# Red when a claim on record changed, was not examined, or is new.
#
# theorycheck is on no package index. The repository variable THEORYCHECK says what pip installs:
# git+https://HOST/OWNER/REPOSITORY@COMMIT, or a folder of this repository, such as ./theorycheck.
name: claims
on: [push, pull_request]
jobs:
  claims:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: pip install "${THEORYCHECK:?set this repository variable, claims.yml says to what}"
        env:
          THEORYCHECK: ${{ vars.THEORYCHECK }}
      - run: theorycheck run --report-dir out
      - run: theorycheck gate --report-dir out
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: claims
          path: out
"""

FILES = {
    "pyproject.toml": PYPROJECT,
    "properties/test_first_claim.py": CLAIM,
    ".github/workflows/claims.yml": WORKFLOW,
}

NEXT = """\
check the claim:    theorycheck run
put it on record:   theorycheck gate --accept
and commit reports/ with the rest; .github/workflows/claims.yml says what its job needs"""


def start(folder: Path) -> list[str]:
    """Make a project in a folder, which need not exist, and say what was made and what is next.

    Raises:
        InputError: when one of its files is there already; then nothing is written.
    """
    from theorycheck.reports import write_atomically

    there = [name for name in FILES if (folder / name).exists()]
    if there:
        raise InputError(
            f"{folder / there[0]} is there already; name another folder, or add what the README"
            " says to yours"
        )
    for name, text in FILES.items():
        write_atomically(folder / name, text)
    return [*(f"made {folder / name}" for name in FILES), *NEXT.splitlines()]
