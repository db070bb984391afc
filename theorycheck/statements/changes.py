"""Changes of formulas: what may take the place of a part of one, so that something else is said.

Each node of a syntax tree is looked at once: signs, factors, summands, indices, loops, conditions,
norms, margins and outputs, in the ways in which papers get them wrong.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from theorycheck.statements.syntax import Formula, Statement
from theorycheck.statements.trees import exchanged, names_of, product
from theorycheck.statements.vocabulary import NAMES

NORMS = (
    ("frobenius", "spectral", "nuclear", "largest"),
    ("frobenius_beyond", "spectral_beyond", "nuclear_beyond"),
)
"""Words that are exchanged for one another, each for the next one of its row."""
OPPOSITES = {"max": "min", "min": "max", "all": "any", "any": "all"}
HOMOGENEOUS = ("inner", "outer", "T", "trace", "squared", "root", "abs", "sum", "solve", "largest",
               "frobenius", "spectral", "nuclear")  # fmt: skip
"""Words of whose arguments a factor is a factor of their value, or a power of it."""
PLACES = ("f", "h", "df", "grad", "layer", "source", "slope", "patches", "range", "batches", "len",
          "replaced", "network", "features", "varies", "smooth")  # fmt: skip
"""Words whose arguments say where something is, and are no terms."""
REVERSED: dict[type[ast.cmpop], ast.cmpop] = {
    ast.LtE: ast.GtE(), ast.GtE: ast.LtE(), ast.Lt: ast.Gt(), ast.Gt: ast.Lt(),
    ast.NotEq: ast.Eq(),
}  # fmt: skip
"""Relations of a conclusion, and what takes their place."""
STRICT: dict[type[ast.cmpop], ast.cmpop] = {
    ast.LtE: ast.Lt(), ast.GtE: ast.Gt(), ast.Lt: ast.LtE(), ast.Gt: ast.GtE(),
    ast.Eq: ast.NotEq(), ast.NotEq: ast.Eq(),
}  # fmt: skip
"""Relations of a condition, likewise."""
COUNTED = ("samples", "outputs", "weights", "biases", "shifts", "filters")


@dataclass(frozen=True)
class Change:
    kind: str
    before: str
    after: str

    @property
    def words(self) -> str:
        return f"{self.after} for {self.before}"


@dataclass(frozen=True)
class Scope:
    """What the names of a formula mean.

    Attributes:
        statement: that it is part of.
        arguments: of the abbreviation that it is the body of.
    """

    statement: Statement
    arguments: tuple[str, ...] = ()

    @property
    def defined(self) -> dict[str, tuple[str, ...]]:
        return {d.name: d.arguments or () for d in self.statement.where}

    @property
    def constants(self) -> set[str]:
        """Names that are no variables."""
        return {*NAMES, *self.statement.numbers, *self.defined}


Found = Iterator[tuple[Change, ast.expr]]
"""What takes the place of one node."""


@dataclass(frozen=True)
class Changes:
    """All changes of one formula."""

    tree: ast.expr
    scope: Scope

    def of_a_conclusion(self) -> Found:
        """Changes of a formula whose sides are compared."""
        joined, _ = Formula.of(ast.unparse(self.tree)).comparisons()
        parts = self.tree.values if isinstance(self.tree, ast.BoolOp) else [self.tree]
        for part in parts:
            assert isinstance(part, ast.Compare)
            for change, new in self._of_a_comparison(part):
                yield change, exchanged(self.tree, part, new)
            if joined == "or" and len(parts) > 1:
                rest = [other for other in parts if other is not part]
                new = rest[0] if len(rest) == 1 else ast.BoolOp(ast.Or(), rest)
                yield _change("dropped alternative", part, None), new

    def of_a_definition(self) -> Found:
        """Changes of the body of an abbreviation."""
        yield from self._put(self.tree, self.tree, fresh=True)

    def _of_a_comparison(self, part: ast.Compare) -> Found:
        left, [op], [right] = part.left, part.ops, part.comparators

        def compared(a: ast.expr, b: ast.expr, relation: ast.cmpop = op) -> ast.Compare:
            return ast.Compare(a, [relation], [b])

        if type(op) in REVERSED:
            new = compared(left, right, REVERSED[type(op)])
            yield _change("relation", part, new), new
        if isinstance(op, ast.LtE | ast.Lt | ast.GtE | ast.Gt):
            larger, nearly = right if isinstance(op, ast.LtE | ast.Lt) else left, ast.Constant(63)
            tight = product(ast.BinOp(nearly, ast.Div(), ast.Constant(64)), larger)
            yield _change("constant", larger, tight), exchanged(part, larger, tight)
        ranked = isinstance(left, ast.Call) and ast.unparse(left.func) == "rank"
        for sign in (ast.Add(), ast.Sub()) if ranked else ():
            other = ast.BinOp(right, sign, ast.Constant(1))
            yield _change("rank", right, other), compared(left, other)
        if isinstance(op, ast.NotEq):
            return  # What is not 0 is hardly ever 0 with another factor.
        for side, fresh in ((left, not (_is_zero(right) or ranked)), (right, False)):
            yield from self._put(part, side, fresh=fresh)

    def _put(self, whole: ast.expr, part: ast.expr, *, fresh: bool) -> Found:
        """Changes at or within a part, put into the whole."""
        for change, new in self._at(part, fresh=fresh):
            yield change, exchanged(whole, part, new)

    def _at(self, node: ast.expr, *, fresh: bool) -> Found:
        """Changes at a node and within it.

        Args:
            fresh: whether a factor here is none of what the node stands in.
        """
        if fresh and not isinstance(node, ast.ListComp | ast.List | ast.Tuple):
            yield from _scaled(node)
        yield from self._local(node)
        for child, inner in self._children(node):
            yield from self._put(node, child, fresh=inner)

    def _children(self, node: ast.expr) -> Iterator[tuple[ast.expr, bool]]:
        """The parts of a node that are looked into, and whether factors there are new."""
        # Long: one case for each construct of the language.
        match node:
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
                # Factors and signs of summands are changed here, with the sum around them.
                yield from ((left, False), (right, False))
            case ast.BinOp(left=left, op=ast.Pow()):
                yield left, False
            case ast.BinOp(left=left, right=right):
                yield from ((left, False), (right, False))
            case ast.UnaryOp(op=ast.USub(), operand=part):
                yield part, False
            case ast.Call(func=ast.Name(id=name), args=parts):
                if name not in PLACES:
                    linear = name in HOMOGENEOUS
                    looked = [p for p in parts if not isinstance(p, ast.Name | ast.Constant)]
                    yield from ((part, not linear) for part in looked if not _is_negative(part))
            case ast.IfExp(body=body, orelse=other):
                yield from ((body, True), (other, True))
            case ast.ListComp(elt=part):
                yield part, False
            case ast.List(elts=parts):
                yield from ((part, False) for part in parts)
            case ast.Subscript(value=part) if not isinstance(part, ast.Name):
                yield part, False

    def _local(self, node: ast.expr) -> Found:
        """Changes of a node itself."""
        # Long: one case for each construct of the language.
        match node:
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                yield from _of_a_sum(node)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                for kept, dropped in ((right, left), (left, right)):
                    if not isinstance(dropped, ast.Constant):
                        yield _change("dropped factor", node, kept), kept
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                if not isinstance(right, ast.Constant):
                    yield _change("dropped divisor", node, left), left
            case ast.BinOp(left=left, op=ast.Pow()):
                yield _change("dropped exponent", node, left), left
            case ast.IfExp(test=test, body=body, orelse=other):
                for new in self._of_a_condition(test):
                    yield _change("condition", test, new), ast.IfExp(new, body, other)
            case ast.ListComp():
                yield from self._of_a_loop(node)
            case ast.Subscript():
                yield from self._of_a_subscript(node)
            case ast.Call(func=ast.Name(id=name)):
                yield from self._of_a_call(node, name)

    def _of_a_call(self, node: ast.Call, name: str) -> Found:
        # Long: one case for each sort of word.
        for place, argument in enumerate(node.args):
            if name in ("f", "h", "df", "grad", *self.scope.defined) and name != "range":
                for new in self._shifted(argument):
                    parts = [*node.args[:place], new, *node.args[place + 1 :]]
                    other = ast.Call(node.func, parts, [])
                    yield _change("index", node, other), other
        if name in OPPOSITES:
            yield _renamed("quantifier" if name in ("all", "any") else "extreme", node,
                           OPPOSITES[name])  # fmt: skip
        for row in NORMS:
            if name in row:
                yield _renamed("norm", node, row[(row.index(name) + 1) % len(row)])
        if name == "squared":
            norm = ast.Call(ast.Name("largest"), node.args, [])
            new = ast.BinOp(norm, ast.Pow(), ast.Constant(2))
            yield _change("norm", node, new), new
        if name == "abs":
            yield _change("dropped absolute value", node, node.args[0]), node.args[0]
        last = ast.unparse(node.args[min(2, len(node.args) - 1)]) if node.args else ""
        if name in ("df", "grad") and last not in self._of_vectors():
            turned = ast.Call(ast.Name("T"), [node], [])
            yield _change("transposition", node, turned), turned
        if name == "T":
            yield _change("transposition", node, node.args[0]), node.args[0]
        if name == "sum" and isinstance(node.args[0], ast.ListComp):
            count = ast.Call(ast.Name("len"), [node.args[0].generators[0].iter], [])
            mean = ast.BinOp(node, ast.Div(), count)
            yield _change("mean", node, mean), mean
        yield from self._of_an_output(node, name)

    def _of_an_output(self, node: ast.Call, name: str) -> Found:
        """Margins and outputs for one another, and outputs of weights that are not normalised."""
        if name == "margin" and len(node.args) == 1:
            output = ast.Call(ast.Name("f"), [node.args[0], ast.Constant(0)], [])
            yield _change("output", node, output), output
        if name == "f":
            index = ast.Subscript(ast.Name("y"), node.args[0])
            label = ast.Subscript(index, node.args[1])
            labelled = any("y" in names_of(f.tree) for f in self.scope.statement.formulas())
            factors: list[ast.expr] = [label] * labelled
            factors += [ast.Name("rho")] * ("rho" in self.scope.statement.numbers)
            for factor in factors:
                new = product(factor, node)
                yield _change("margin" if factor is label else "normalisation", node, new), new

    def _of_a_subscript(self, node: ast.Subscript) -> Found:
        for new in self._shifted(node.slice):
            other = ast.Subscript(node.value, new)
            yield _change("index", node, other), other
        match node:
            case ast.Subscript(value=ast.Subscript(value=array, slice=i), slice=j):
                same = ast.unparse(i) == ast.unparse(j)
                if not same and not isinstance(array, ast.Name):
                    turned = ast.Subscript(ast.Subscript(array, j), i)
                    yield _change("transposition", node, turned), turned
            case ast.Subscript(value=ast.Name(id="W"), slice=ast.Name(id=name)) if (
                name not in self.scope.constants | self._of_vectors()
            ):
                matrix = ast.Call(ast.Name("T"), [node], [])
                yield _change("transposition", node, matrix), matrix

    def _of_a_loop(self, node: ast.ListComp) -> Found:
        """Other ranges and conditions of loops."""
        for loop in node.generators:
            others: list[tuple[str, ast.comprehension]] = []
            for place, condition in enumerate(loop.ifs):
                rest = [*loop.ifs[:place], *loop.ifs[place + 1 :]]
                others.append(("dropped condition", _loop(loop, ifs=rest)))
                for new in self._of_a_condition(condition):
                    kept = [*loop.ifs[:place], new, *loop.ifs[place + 1 :]]
                    others.append(("condition", _loop(loop, ifs=kept)))
            if isinstance(loop.iter, ast.Name) and loop.iter.id in self._sets():
                others.append(("all samples", _loop(loop, iter=ast.Name("samples"))))
            if not self._numbers_or_batches(loop.iter):
                first = ast.Subscript(loop.iter, ast.Constant(0))
                unequal = ast.Compare(loop.target, [ast.NotEq()], [first])
                others.append(("dropped first", _loop(loop, ifs=[*loop.ifs, unequal])))
            for kind, other in others:
                new = ast.ListComp(node.elt, [other if g is loop else g for g in node.generators])
                yield _change(kind, node, new), new

    def _numbers_or_batches(self, among: ast.expr) -> bool:
        """Whether a loop is over a range, or over batches, which nothing compares with ``!=``."""
        match among:
            case ast.Call(func=ast.Name(id="range" | "batches")):
                return True
            case ast.Name(id=name):
                bodies = [d.body.tree for d in self.scope.statement.where if d.name == name]
                return any(map(_lists_batches, bodies))
        return False

    def _of_a_condition(self, test: ast.expr) -> Iterator[ast.expr]:
        match test:
            case ast.BoolOp(op=op, values=parts):
                for part in parts:
                    for new in self._of_a_condition(part):
                        yield ast.BoolOp(op, [new if other is part else other for other in parts])
            case ast.Compare(left=left, ops=[relation], comparators=[right]):
                for table in (REVERSED, STRICT):
                    if type(relation) in table:
                        yield ast.Compare(left, [table[type(relation)]], [right])

    def _shifted(self, index: ast.expr) -> Iterator[ast.expr]:
        """The next index; all samples instead of some."""
        match index:
            case ast.Name(id=name) if name in self._sets():
                yield ast.Name("samples")
            case ast.Name(id=name) if name not in self.scope.constants:
                yield ast.BinOp(index, ast.Add(), ast.Constant(1))
            case ast.Name(id="samples"):
                for name in sorted(self._sets()):
                    yield ast.Name(name)

    def _of_vectors(self) -> set[str]:
        """Variables that number parameters which are no matrices."""
        loops = [g for node in ast.walk(self.tree) for g in getattr(node, "generators", [])]
        ranges = [(loop.target.id, ast.unparse(loop.iter)) for loop in loops]
        ranges += [(v.name, v.among.text) for v in self.scope.statement.forall]
        return {name for name, among in ranges if among in ("biases", "shifts")}

    def _sets(self) -> set[str]:
        """Variables that are sets of samples."""
        statement = self.scope.statement
        batches = {v.name for v in statement.forall if "batches(" in v.among.text}
        if not self.scope.arguments:
            return batches
        loops = [g for node in ast.walk(self.tree) for g in getattr(node, "generators", [])]
        iterated = {loop.iter.id for loop in loops if isinstance(loop.iter, ast.Name)}
        return (batches | iterated) & {*self.scope.arguments}


def _scaled(node: ast.expr) -> Found:
    """The opposite sign, and factors 2 and 1/2."""
    if isinstance(node, ast.Constant) and node.value == 0:
        return
    negative = node.operand if isinstance(node, ast.UnaryOp) else ast.UnaryOp(ast.USub(), node)
    yield _change("sign", node, negative), negative
    for new in (product(ast.Constant(2), node), ast.BinOp(node, ast.Div(), ast.Constant(2))):
        yield _change("factor", node, new), new


def _of_a_sum(node: ast.BinOp) -> Found:
    """Summands with other signs, with factors, and left out."""
    left, op, right = node.left, node.op, node.right
    other = ast.Sub() if isinstance(op, ast.Add) else ast.Add()
    new: ast.expr = ast.BinOp(left, other, right)
    yield _change("sign", node, new), new
    sums = isinstance(left, ast.BinOp) and isinstance(left.op, ast.Add | ast.Sub)
    if not sums:
        new = ast.BinOp(ast.UnaryOp(ast.USub(), left), op, right)
        yield _change("sign", node, new), new
    for part, isolated in ((left, sums), (right, False)):
        if isolated:
            continue  # A sum of sums: its parts have their turn.
        for factor in (product(ast.Constant(2), part),
                       ast.BinOp(part, ast.Div(), ast.Constant(2))):  # fmt: skip
            new = exchanged(node, part, factor)
            yield _change("factor", node, new), new
    yield _change("dropped term", node, left), left
    alone = ast.UnaryOp(ast.USub(), right) if isinstance(op, ast.Sub) else right
    yield _change("dropped term", node, alone), alone


def _change(kind: str, before: ast.expr, after: ast.expr | None) -> Change:
    shown = "nothing" if after is None else f"`{ast.unparse(after)}`"
    return Change(kind, f"`{ast.unparse(before)}`", shown)


def _renamed(kind: str, node: ast.Call, name: str) -> tuple[Change, ast.expr]:
    new = ast.Call(ast.Name(name), node.args, [])
    return _change(kind, node, new), new


def _loop(
    loop: ast.comprehension, *, iter: ast.expr | None = None, ifs: list[ast.expr] | None = None
) -> ast.comprehension:
    return ast.comprehension(loop.target, iter or loop.iter, loop.ifs if ifs is None else ifs, 0)


def _lists_batches(body: ast.expr) -> bool:
    """Whether a formula is a list of batches: ``[S for B in sizes for S in batches(B)]``."""
    match body:
        case ast.ListComp(elt=ast.Name(id=name), generators=loops):
            return any(ast.unparse(loop.target) == name
                       and ast.unparse(loop.iter).startswith("batches(")
                       for loop in loops)  # fmt: skip
    return False


def _is_negative(node: ast.expr) -> bool:
    """Whether a node is a constant less than 0, such as the label -1."""
    return isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0
