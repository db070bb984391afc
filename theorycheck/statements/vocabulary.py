"""The vocabulary: every word of the language of statements, and whether a statement uses it well.

Parameters, samples and outputs are numbered from 0, layers from 1. A word enters with a meaning in
the kernel; a test compares this table with the kernel's.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NoReturn

from theorycheck.statements.syntax import Definition, Formula, Statement, wrong

NAMES: dict[str, str] = {
    "samples": "numbers of all samples",
    "outputs": "numbers of all outputs",
    "depth": "number of layers",
    "weights": "numbers of the weight matrices among the parameters",
    "filters": "those of them that hold the filters of a convolution with several patches",
    "biases": "numbers of the biases among the parameters",
    "shifts": "numbers of the shifts of batch normalisation among the parameters",
    "skips": "constant edges, each the numbers of the vertices that it leads from and to",
    "W": "parameters",
    "x": "inputs",
    "y": "targets",
}
"""Names that stand for a value in every case."""

NUMBERS: dict[str, str] = {
    "batch_per_class": "how many samples of each class a mini-batch holds",
    "batch_size": "how many samples a mini-batch holds",
    "learning_rate": "what a step multiplies the gradient by",
    "rho": "what the output of normalised weight matrices is multiplied by",
    "weight_decay": "factor of the sum of the squared weights in the loss",
}
"""Numbers of a case that a claim need not declare, as trainers and papers have them."""


@dataclass(frozen=True)
class Word:
    """A function of the language.

    Attributes:
        arguments: the kinds of its arguments (`theorycheck.statements.kinds`), one word for each;
            those with a question mark may be left out.
        gives: the kind of its value: of the first or second argument, or of an entry of the first,
            where that depends on them.
        meaning: what it computes.
    """

    arguments: str
    gives: str
    meaning: str

    @property
    def takes(self) -> list[str]:
        """The kind of each argument."""
        return self.arguments.replace("?", "").split()

    @property
    def most(self) -> int:
        """How many arguments it takes at most."""
        return len(self.takes)

    @property
    def least(self) -> int:
        """How many arguments it takes at least."""
        return self.most - self.arguments.count("?")


FUNCTIONS: dict[str, Word] = {
    # The network. The last argument of f, df and smooth is the batch, by default all samples.
    "f": Word("number number vector?", "number", "output c at sample n"),
    "h": Word("number", "vector", "input of the last layer at sample n, a vector"),
    "df": Word(
        "number number number vector?",
        "array",
        "derivative of output c at sample n along parameter k, of its shape",
    ),
    "grad": Word(
        "number number",
        "array",
        "derivative of a number along parameter k, of its shape; variables are constant",
    ),
    "network": Word(
        "list list",
        "matrix",
        "outputs at parameters V and inputs X, a row for each input; one batch",
    ),
    "features": Word(
        "list list", "matrix", "inputs of the last layer at parameters V and inputs X, likewise"
    ),
    "replaced": Word("list number any", "first", "the list V with A for its entry k"),
    "layer": Word("number", "number", "number of the layer of parameter k"),
    "source": Word("number", "number", "number of the layer that weight k reads, 0 for the input"),
    "slope": Word("number", "number", "slope of the activation of a layer on negative arguments"),
    "patches": Word(
        "number", "number", "how many patches weight k is applied to; 1 if its layer is dense"
    ),
    "chain": Word("", "truth", "whether each layer reads the one before it alone, through weights"),
    "varies": Word(
        "vector?", "truth", "whether every unit that is normalised varies over the batch"
    ),
    "smooth": Word(
        "vector?", "truth", "whether no unit with an activation that bends is at its kink"
    ),
    "detached": Word("", "truth", "whether all normalised layers hold their deviation constant"),
    "differentiated": Word("", "truth", "whether all normalised layers differentiate it"),
    "normalised": Word("", "truth", "whether any layer is normalised over the batch"),
    "normalised_layer": Word("number", "truth", "whether a layer is normalised over the batch"),
    # Vectors and matrices.
    "inner": Word("array array", "number", "sum of the products of the entries"),
    "squared": Word("array", "number", "sum of the squares of the entries"),
    "outer": Word("array array", "matrix", "matrix of all products of an entry of a with one of b"),
    "outside": Word(
        "matrix matrix", "matrix", "rows of a less their projections on the span of the rows of b"
    ),
    "T": Word("matrix", "matrix", "transpose of a matrix"),
    "trace": Word("matrix", "number", "sum of the diagonal of a square matrix"),
    "solve": Word(
        "matrix list",
        "second",
        "x with A @ x == b, a vector or matrix like b; A square and invertible",
    ),
    "zero": Word("array", "truth", "whether all entries are 0"),
    "rank": Word("matrix", "number", "rank of a matrix"),
    "frobenius": Word("array", "number", "Frobenius norm"),
    "spectral": Word("matrix", "number", "largest singular value"),
    "nuclear": Word("matrix", "number", "sum of the singular values"),
    "frobenius_beyond": Word(
        "matrix number", "number", "Frobenius distance from the matrices of rank at most r"
    ),
    "spectral_beyond": Word(
        "matrix number", "number", "spectral distance from the matrices of rank at most r"
    ),
    "nuclear_beyond": Word(
        "matrix number", "number", "nuclear distance from the matrices of rank at most r"
    ),
    "largest": Word("array", "number", "largest absolute value of an entry"),
    # Numbers and collections.
    "root": Word("number", "number", "square root"),
    "exp": Word("number", "number", "exponential of a number"),
    "log": Word("number", "number", "natural logarithm of a positive number"),
    "abs": Word("number", "number", "absolute value"),
    "len": Word("list", "number", "number of entries"),
    "range": Word("number number? number?", "set", "whole numbers from a to b - 1, as Python's"),
    "sum": Word("list", "entry", "sum of numbers or of arrays; 0 for none"),
    "product": Word("vector", "number", "product of numbers; 1 for none"),
    "max": Word("vector", "number", "greatest of some numbers"),
    "min": Word("vector", "number", "least of some numbers"),
    "all": Word("truths", "truth", "whether all conditions of a list are true"),
    "any": Word("truths", "truth", "whether any condition of a list is true"),
    "batches": Word("number", "sets", "all sets of B samples, each in increasing order"),
}
"""The words that are called."""
HIGHEST = 4
"""The highest exponent: that of the kernel, where a small formula must not be much work."""


def require_known(statement: Statement) -> None:
    """Look up every name of a statement, and count the arguments of every call.

    Raises:
        InputError: saying which name or call is wrong, where, and what may be meant.
    """
    names: set[str] = {*NAMES, *statement.numbers}
    functions: dict[str, Word] = dict(FUNCTIONS)
    for definition in statement.where:
        _require_new(definition.name, names, functions, definition.body)
        arguments = definition.arguments or ()
        for argument in arguments:
            _require_new(argument, names, functions, definition.body)
        _Lookup(definition.body, names, functions).visit(definition.body.tree, set(arguments))
        if definition.arguments is None:
            names.add(definition.name)
        else:
            functions[definition.name] = _word(definition)
    variables: set[str] = set()
    for variable in statement.forall:
        _require_new(variable.name, {*names, *variables}, functions, variable.among)
        _Lookup(variable.among, names, functions).visit(variable.among.tree, variables)
        variables = {*variables, variable.name}
    for formula in (*statement.given, statement.conclusion):
        _Lookup(formula, names, functions).visit(formula.tree, variables)


def common_numbers(statement: Statement) -> set[str]:
    """Those of `NUMBERS` that a statement uses, and does not define itself."""
    used, given = zip(*(formula.names for formula in statement.formulas()), strict=True)
    own = {*set().union(*given), *(variable.name for variable in statement.forall)}
    for definition in statement.where:
        own |= {definition.name, *(definition.arguments or ())}
    return set().union(*used).intersection(NUMBERS) - own


def _word(definition: Definition) -> Word:
    """What calls of a definition look like."""
    arguments = definition.arguments or ()
    if len(set(arguments)) < len(arguments):
        raise wrong(definition.body.text, 0, f"two arguments of {definition.name} have one name")
    return Word("any " * len(arguments), "any", definition.body.text)


def _require_new(
    name: str, names: Collection[str], functions: Mapping[str, Word], formula: Formula
) -> None:
    if name in names or name in functions:
        raise wrong(formula.text, 0, f"the name {name!r} has another meaning already")


@dataclass(frozen=True)
class _Lookup:
    """Looks up the names of one formula; variables may hide one another, and nothing else."""

    formula: Formula
    names: Collection[str]
    functions: Mapping[str, Word]

    def visit(self, node: ast.AST, variables: Collection[str]) -> None:
        match node:
            case ast.Name(id=name) if name not in variables and name not in self.names:
                self.unknown(node, "name", [*self.names, *variables])
            case ast.Call(func=ast.Name() as called, args=arguments):
                self.call(called, len(arguments))
                for argument in arguments:
                    self.visit(argument, variables)
            case ast.ListComp(elt=part, generators=loops):
                self.comprehension(part, loops, variables)
            case ast.BinOp(left=power, op=ast.Pow(), right=ast.Constant(value=int(exponent))):
                if exponent > HIGHEST:
                    reason = f"exponents are at most {HIGHEST}: write a product of powers"
                    raise wrong(self.formula.text, node.col_offset, reason)
                self.visit(power, variables)
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.visit(child, variables)

    def comprehension(
        self, part: ast.expr, loops: list[ast.comprehension], variables: Collection[str]
    ) -> None:
        for loop in loops:
            self.visit(loop.iter, variables)
            assert isinstance(loop.target, ast.Name)
            _require_new(loop.target.id, self.names, self.functions, self.formula)
            variables = {*variables, loop.target.id}
            for condition in loop.ifs:
                self.visit(condition, variables)
        self.visit(part, variables)

    def call(self, called: ast.Name, count: int) -> None:
        word = self.functions.get(called.id)
        if word is None:
            self.unknown(called, "word", [*self.functions])
        elif not word.least <= count <= word.most:
            many = str(word.least) if word.least == word.most else f"{word.least} to {word.most}"
            raise wrong(
                self.formula.text,
                called.col_offset,
                f"{called.id} takes {many} arguments, not {count}: {word.meaning}",
            )

    def unknown(self, node: ast.Name, what: str, known: list[str]) -> NoReturn:
        close = get_close_matches(node.id, known, n=1)
        hint = "" if what == "word" else "; a number of the case is to be declared in `numbers`"
        hint = f"; do you mean {close[0]!r}?" if close else hint
        raise wrong(self.formula.text, node.col_offset, f"unknown {what} {node.id!r}{hint}")
