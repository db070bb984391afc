"""What has no value: readers and the kernel agree on what a formula must not be applied to."""

from __future__ import annotations

import pytest
import torch

from tests.kernel.examples import DOCUMENT
from tests.kernel.test_language import WITHOUT_VALUE
from theorycheck.arithmetic.cases import Case
from theorycheck.statements.dyadics import Rounds
from theorycheck.statements.exact import Evaluator
from theorycheck.statements.floats import BoundedInterpreter, DyadicInterpreter, Unread
from theorycheck.statements.interpreter import Interpreter
from theorycheck.statements.syntax import Formula
from theorycheck.statements.trials import NO_VALUE

WIDER = {"2 ** -1", "2 ** 5", "exp(10001)"}
"""Formulas that the kernel refuses to keep its work small, and that have a value here."""
IN_FLOATS = {"2 ** (4 / 2)"}
"""Those to which floats alone give one."""


@pytest.mark.parametrize("text", WITHOUT_VALUE)
def test_what_has_no_value_in_the_kernel_has_none_here(text: str) -> None:
    """Above all, nothing is counted from the end, and no sample is that of another batch."""
    case = Case.from_dict(DOCUMENT)
    readers: list[Interpreter] = [
        Evaluator(case, 0, []), DyadicInterpreter(case, [], torch.float64),
        BoundedInterpreter(case, []),
    ]  # fmt: skip
    for reader in readers:
        if text in WIDER or (text in IN_FLOATS and reader is not readers[0]):
            continue
        with pytest.raises((*NO_VALUE, Unread, Rounds)):
            reader.value(Formula.of(text).tree, {})
    if text in WIDER:
        readers[0].value(Formula.of(text).tree, {})
