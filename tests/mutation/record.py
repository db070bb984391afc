"""What is known of mutants: who noticed each, and why a survivor is no other module."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.mutants import ROOT
from tests.mutation.mutator import Mutant
from tests.mutation.targets import TARGETS
from tests.mutation.trials import LOADING

TRIED = ROOT / "build" / "mutation.jsonl"
"""Who noticed what, one line for each mutant that was tried; git ignores it."""

EQUIVALENT = Path(__file__).parent / "equivalent.toml"
"""Why survivors are equivalent, by module, function, line and change."""

QUICK = 0.1
"""Seconds of the tests that are asked about a mutant for which there is a reason.

Most of them could show that a reason is wrong; all of them take minutes, for nothing.
"""

Places = Mapping[tuple[str, str, str], str]
"""Reasons by `Mutant.place`."""


class Tried:
    """The file of what was tried, so that nothing is tried twice.

    A mutant that was noticed stays so while the test that noticed has its file; one that was not is
    tried again when any test of the module was changed.
    """

    def __init__(self, path: Path = TRIED) -> None:
        self.path = path
        self.known: dict[str, tuple[str | None, str]] = {}
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                mutant, noticed, tests = json.loads(line)
                self.known[mutant] = noticed, tests

    def knows(self, module: str, mutant: Mutant) -> bool:
        """Whether it need not be tried."""
        noticed, tests = self.known.get(f"{module} {mutant.digest}", (None, ""))
        if noticed is None:
            return tests == _tests(module)
        return noticed == LOADING or (ROOT / noticed.partition("::")[0]).is_file()

    def tried(self, module: str, mutant: Mutant) -> bool:
        """Whether it was ever tried."""
        return f"{module} {mutant.digest}" in self.known

    def noticed(self, module: str, mutant: Mutant) -> str | None:
        """The test that noticed, or None; of a mutant that was tried."""
        return self.known[f"{module} {mutant.digest}"][0]

    def add(self, module: str, mutant: Mutant, noticed: str | None) -> None:
        """Write it down at once."""
        entry = f"{module} {mutant.digest}", noticed, _tests(module)
        self.known[entry[0]] = entry[1:]
        self.path.parent.mkdir(exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def _tests(module: str) -> str:
    """What names the tests of a module as they are."""
    texts = [(ROOT / "tests" / file).read_bytes() for file in TARGETS[module]]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]


def reasons(text: str) -> dict[str, dict[tuple[str, str, str], str]]:
    """By module and `Mutant.place`, why a mutant is equivalent, from the text of a TOML file."""
    return {
        module: {
            (entry["within"], entry["line"], change): entry["why"]
            for entry in entries
            for change in entry["changes"]
        }
        for module, entries in tomllib.loads(text).items()
    }


@dataclass(frozen=True)
class Row:
    """What came of one module's mutants.

    Attributes:
        module: its name.
        mutants: how many there are.
        tried: how many were tried.
        survivors: those that no test noticed.
    """

    module: str
    mutants: int
    tried: int
    survivors: tuple[Mutant, ...]


def table(rows: list[Row], why: Mapping[str, Mapping[tuple[str, str, str], str]]) -> str:
    """The text of ``reports/mutation.md``."""
    lines = [
        "# Small changes of single modules",
        "",
        "Every operator, comparison, number, condition, term and named argument of a module is"
        " changed, one at a time, and the module's own tests run. A mutant is *noticed* when one of"
        " them fails or takes several times as long as before. Of those that are not, some are"
        " *equivalent*: they differ from the module in nothing that it promises. The others are"
        " *left*. Equivalent ones are shown to tests of up to"
        f" {QUICK:g} seconds alone.",
        "",
        "Measured by `python -m tests.mutation`; `tests/mutation/equivalent.toml` holds the reasons"
        " below.",
        "",
        "| module | mutants | tried | noticed | equivalent | left |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    totals = [0] * 5
    for row in rows:
        known = sum(mutant.place in why.get(row.module, {}) for mutant in row.survivors)
        survived = len(row.survivors)
        counts = row.mutants, row.tried, row.tried - survived, known, survived - known
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        lines.append(f"| {row.module} | {' | '.join(map(str, counts))} |")
    lines.append(f"| together | {' | '.join(map(str, totals))} |")
    for row in rows:
        if row.survivors:
            lines += ["", f"## {row.module}", "", "| within | line | change | why |"]
            lines.append("|---|---|---|---|")
        for mutant in row.survivors:
            reason = why.get(row.module, {}).get(mutant.place, "**open**")
            cells = [_code(mutant.within), _code(mutant.line), _code(mutant.change), reason]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    """A cell of a table that shows a piece of a source."""
    escaped = text.replace("|", "\\|")
    return f"`{escaped}`" if text else ""
