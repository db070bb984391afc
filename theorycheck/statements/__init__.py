"""Statements: what a claim says, as text that every reader gives the same meaning."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theorycheck.statements.syntax import Definition, Formula, Statement, Variable
    from theorycheck.statements.vocabulary import FUNCTIONS, NAMES, Word, require_known
else:
    from theorycheck._lazy import attach

    __getattr__, __dir__, __all__ = attach(__name__)
