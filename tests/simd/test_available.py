"""Whether there is a compiler, in processes in which there is none."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from theorycheck.simd.available import COMPILER

ABSENT = "sys.modules['llvmlite'] = None"
BROKEN = """
class Loader:
    def find_spec(self, name, path=None, target=None):
        if name == 'llvmlite.binding':
            raise OSError('libllvmlite.so: cannot open shared object file')

sys.meta_path.insert(0, Loader())
"""


def test_here_it_is_whether_llvmlite_can_be_found() -> None:
    assert (find_spec("llvmlite") is not None) == COMPILER


@pytest.mark.parametrize("spoil", [ABSENT, BROKEN], ids=["absent", "broken"])
def test_without_llvmlite_there_is_none(spoil: str) -> None:
    """And training goes on without machine code."""
    program = f"""
import sys
{spoil}
from theorycheck.simd.available import COMPILER
from theorycheck.training import engines
print(COMPILER, hasattr(engines, 'CompiledDescent'))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]
