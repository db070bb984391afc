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


FAILING = """
import llvmlite.binding

def fail(*arguments, **options):
    raise {error}

llvmlite.binding.{function} = fail
"""
FAILURES = {
    function: FAILING.format(function=function, error=error)
    for function, error in {
        "get_host_cpu_features": "RuntimeError('failed to query host cpu features')",
        "get_host_cpu_name": "RuntimeError('unknown processor')",
        "initialize_native_target": "RuntimeError('no target for this processor')",
        "create_mcjit_compiler": "MemoryError('cannot allocate executable memory')",
        "create_pass_builder": "AttributeError('an older library')",
    }.items()
}


@pytest.mark.parametrize("function", FAILURES)
def test_where_it_cannot_compile_networks_train_all_the_same(function: str) -> None:
    """Stacked; and who asks for machine code is told that there is none."""
    program = f"""
{FAILURES[function]}
from functools import partial
import torch
from theorycheck import Cohort, InputError, Objective, State, gradient_descent, initialise, mlp

network = mlp((1, 1))
cohort = Cohort.broadcast(
    network, State((torch.ones(2, 1, 1),)), torch.ones(1, 1), torch.zeros(1, 1), 0.0
)
step = partial(gradient_descent, cohort, Objective(), learning_rate=0.25, steps=1)
print(step().state.parameters[0].tolist())
try:
    step(engine="compiled")
except InputError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    weights, message = done.stdout.splitlines()
    assert weights == "[[[0.5]], [[0.5]]]"
    assert message == "the compiled engine needs llvmlite, a CPU, and float32 or float64"


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
