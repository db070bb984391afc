"""Small changes of single modules, everywhere in them, and which of them their own tests notice.

The faults of ``tests/faults/`` are chosen by hand; these are not chosen at all: every operator,
comparison, number, condition, keyword and term of a module is changed, one at a time, and the tests
of that module run in a process of its own. Who survives is either equivalent to the original, or
shows what no test looks at. Messages, types and decorators stay as they are.

``python -m tests.mutation arithmetic.error_bounds --sample 50`` prints the survivors of a sample.
It takes minutes, and belongs in no run that somebody waits for.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context

import pytest

from tests.faults.fault import Fault
from tests.mutants import LIBRARIES, ROOT, plant

TARGETS: dict[str, tuple[str, ...]] = {
    "arithmetic.dyadic": ("arithmetic/test_dyadic.py",),
    "arithmetic.enclosures": (
        "arithmetic/test_enclosures.py",
        "arithmetic/test_singular_values_terms.py",
        "arithmetic/test_singular_values.py",
        "arithmetic/test_singular_values_balls.py",
    ),
    "arithmetic.error_bounds": (
        "arithmetic/test_error_bounds_terms.py",
        "arithmetic/test_error_bounds.py",
        "statements/test_bounded.py",
    ),
    "arithmetic.residues": ("arithmetic/test_residues.py", "statements/test_field.py"),
    "arithmetic.singular_values": (
        "arithmetic/test_singular_values_terms.py",
        "arithmetic/test_singular_values.py",
        "arithmetic/test_singular_values_balls.py",
    ),
    "claims.evidence": ("claims/test_evidence.py",),
    "claims.sequential": ("claims/test_sequential.py",),
    "claims.verdicts": ("claims/test_verdicts.py",),
    "cli.rounds": ("cli/test_rounds.py", "cli/test_stability.py"),
    "cli.stability": ("cli/test_stability.py",),
    "kernel": (
        "kernel/test_exponentials.py",
        "kernel/test_language.py",
        "kernel/test_matrices.py",
        "kernel/test_networks.py",
        "kernel/test_numbers.py",
        "kernel/test_verdicts.py",
        "kernel/test_documents.py",
        "kernel/test_tampering.py",
    ),
    "measures.features": ("measures/test_features.py", "measures/test_collapse.py"),
    "networks.norms": ("networks/test_norms.py",),
    "reports.merging": ("reports/test_merging.py", "reports/test_merging_bad_input.py"),
    "statements.bounded": ("statements/test_bounded.py", "arithmetic/test_error_bounds.py"),
    "statements.dyadics": ("statements/test_dyadics.py",),
    "statements.field": ("statements/test_field.py",),
}
"""The tests in ``tests/`` that are asked about a module, the quickest first."""

OPERATORS = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"), ast.Mod: ("%", "*"), ast.Pow: ("**", "*"), ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"), ast.And: ("and", "or"), ast.Or: ("or", "and"), ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"), ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="), ast.Is: ("is", "is not"), ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"), ast.NotIn: ("not in", "in"),
}  # fmt: skip
"""An operator as it is written, and what it becomes."""

NAMES = {
    "min": "max", "max": "min", "any": "all", "all": "any", "above": "below", "below": "above",
    "minimum": "maximum", "maximum": "minimum", "amin": "amax", "amax": "amin",
}  # fmt: skip
"""Functions that become others."""

TERMS = (ast.Add, ast.Sub, ast.Mult, ast.BitOr, ast.BitAnd)
"""Operators of which either side is also left out."""

SLOWEST = 300.0
"""Seconds after which a mutant whose tests still run counts as noticed."""


@dataclass(frozen=True)
class Mutant:
    """One change of a source: where, what stood there, and what stands there now."""

    line: int
    old: str
    new: str
    source: str

    def __str__(self) -> str:
        return f"{self.line}: {' '.join(self.old.split())}  ->  {' '.join(self.new.split())}"


class Mutator:
    """All mutants of one source."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.starts = [0]
        for line in source.encode().splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def mutants(self) -> Iterator[Mutant]:
        """In the order of the source, each different from the source and from all others."""
        seen = {self.source}
        for node in self._visited(ast.parse(self.source)):
            for (start, end), new in self._changes(node):
                text = self.source.encode()
                changed = (text[:start] + new.encode() + text[end:]).decode()
                if changed not in seen and _compiles(changed):
                    seen.add(changed)
                    line = text[:start].count(b"\n") + 1
                    yield Mutant(line, text[start:end].decode(), new, changed)

    def _visited(self, node: ast.AST) -> Iterator[ast.expr | ast.stmt | ast.keyword]:
        """What may be changed: no types, decorators, messages, docstrings."""
        if isinstance(node, ast.expr | ast.stmt | ast.keyword):
            yield node
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "exc", "msg", "bases"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr):
                    yield from self._visited(child)

    def _span(self, node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self.starts[node.lineno - 1] + node.col_offset
        return start, self.starts[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node: ast.expr) -> str:
        return self.source.encode()[slice(*self._span(node))].decode()

    def _changes(
        self, node: ast.expr | ast.stmt | ast.keyword
    ) -> Iterator[tuple[tuple[int, int], str]]:
        """What is replaced, and by what."""
        # Long: one case for each sort of change.
        match node:
            case ast.BinOp(left, op, right):
                yield from self._swapped(op, left, right)
                if isinstance(op, TERMS):
                    yield self._span(node), f"({self._text(left)})"
                    yield self._span(node), f"({self._text(right)})"
            case ast.BoolOp(op, values):
                for left, right in pairwise(values):
                    yield from self._swapped(op, left, right)
                for kept in values:
                    yield self._span(node), f"({self._text(kept)})"
            case ast.Compare(left, ops, others):
                for relation, one, other in zip(ops, [left, *others], others, strict=False):
                    yield from self._swapped(relation, one, other)
            case ast.UnaryOp(ast.Not() | ast.USub() | ast.Invert(), operand):
                yield self._span(node), f"({self._text(operand)})"
            case ast.Constant(bool(value)):
                yield self._span(node), str(not value)
            case ast.Constant(int() | float() as value):
                yield self._span(node), f"({value!r} + 1)"
            case ast.Name(name) if name in NAMES:
                yield self._span(node), NAMES[name]
            case ast.Attribute(value, name) if name in NAMES:
                yield self._span(node), f"{self._text(value)}.{NAMES[name]}"
            case ast.If(test) | ast.While(test) | ast.IfExp(test):
                if not isinstance(test, ast.Compare):
                    yield self._span(test), f"not ({self._text(test)})"
            case ast.AugAssign(target, op, value):
                yield from self._swapped(op, target, value)
                yield self._span(node), "pass"
            case ast.Expr(ast.Call()) | ast.Raise() | ast.Continue() | ast.Break():
                yield self._span(node), "pass"
            case ast.Call(keywords=keywords):
                yield from self._shorter(node, keywords)

    def _swapped(
        self, op: ast.AST, left: ast.expr, right: ast.expr
    ) -> Iterator[tuple[tuple[int, int], str]]:
        if type(op) not in OPERATORS:
            return
        written, other = OPERATORS[type(op)]
        between = self._span(left)[1], self._span(right)[0]
        text = self.source.encode()[slice(*between)].decode()
        yield between, text.replace(written, other, 1)

    def _shorter(
        self, call: ast.Call, keywords: Sequence[ast.keyword]
    ) -> Iterator[tuple[tuple[int, int], str]]:
        """The call without one of its named arguments."""
        for left_out in keywords:
            if left_out.arg is not None:
                kept = [self._text(argument) for argument in call.args]
                kept += [
                    self.source.encode()[slice(*self._span(k))].decode()
                    for k in keywords
                    if k is not left_out
                ]
                yield self._span(call), f"{self._text(call.func)}({', '.join(kept)})"


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def source_of(module: str) -> str:
    """The source of a module of theorycheck."""
    path = ROOT / "theorycheck" / f"{module.replace('.', '/')}.py"
    return path.read_text(encoding="utf-8")


def is_noticed(module: str, mutant: Mutant | None) -> bool:
    """Whether some test of the module fails, in a process of its own."""
    context = get_context("forkserver")
    process = context.Process(target=_run, args=(module, mutant))
    process.start()
    process.join(SLOWEST)
    process.kill()
    process.join()
    return process.exitcode != 0


def _run(module: str, mutant: Mutant | None) -> None:
    import torch

    torch.set_num_threads(1)
    with (
        tempfile.TemporaryDirectory() as folder,
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
    ):
        if mutant is not None:
            source = source_of(module)
            plant(Fault("mutant", module, str(mutant), source, mutant.source, ()))
        arguments = [f"--rootdir={ROOT}", f"--report-dir={folder}", "-x", "--assert=plain"]
        arguments += ["--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist"]
        code = pytest.main([*arguments, *(str(ROOT / "tests" / t) for t in TARGETS[module])])
    sys.exit(int(code))


def main() -> None:
    """Print the survivors, and how many mutants there are."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.mutation")
    parser.add_argument("modules", nargs="+", choices=TARGETS, metavar="MODULE")
    parser.add_argument("--sample", type=int, metavar="N", help="try only N mutants of each module")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the sample")
    options = parser.parse_args()
    get_context("forkserver").set_forkserver_preload(list(LIBRARIES))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for module in options.modules:
            if is_noticed(module, None):
                parser.exit(1, f"{module}: its tests fail without any change\n")
            mutants = list(Mutator(source_of(module)).mutants())
            tried = mutants
            if options.sample is not None and options.sample < len(mutants):
                chosen = random.Random(options.seed).sample(range(len(mutants)), options.sample)
                tried = [mutants[i] for i in sorted(chosen)]
            found = pool.map(lambda mutant, name=module: is_noticed(name, mutant), tried)
            survivors = [m for m, seen in zip(tried, found, strict=True) if not seen]
            print(f"{module}: {len(survivors)} of {len(tried)} survive ({len(mutants)} in all)")
            for mutant in survivors:
                print(f"    {mutant}", flush=True)


if __name__ == "__main__":
    main()
