"""Machine code is built once for a key, from any thread, and stays where it is."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from llvmlite import ir

from theorycheck.simd.code import INT, Code
from theorycheck.simd.machine import machine_code

RUN = ctypes.CFUNCTYPE(ctypes.c_int64)


def constant(number: int, built: list[int]) -> Callable[[ir.Module], ir.Function]:
    """Builds a function that returns a number."""

    def build(module: ir.Module) -> ir.Function:
        built.append(number)
        code = Code(ir.Function(module, ir.FunctionType(INT, []), "constant"), ir.DoubleType(), 1)
        code.builder.ret(ir.Constant(INT, number))
        return code.function

    return build


def test_a_function_is_built_once_for_a_key() -> None:
    built: list[int] = []
    first, again = (machine_code(constant(n, built), (__name__, "once")) for n in (1, 2))
    other = machine_code(constant(3, built), (__name__, "other"))
    assert first == again != other
    assert built == [1, 3]
    assert (RUN(first)(), RUN(other)()) == (1, 3)


def test_a_function_is_built_once_for_many_threads() -> None:
    """All of which ask at the same time."""
    built: list[int] = []
    barrier = Barrier(8)

    def ask(number: int) -> int:
        barrier.wait()
        return machine_code(constant(number, built), (__name__, "threads"))

    with ThreadPoolExecutor(8) as pool:
        addresses = list(pool.map(ask, range(8)))
    assert len(built) == len(set(addresses)) == 1
    assert RUN(addresses[0])() == built[0]


def test_code_lives_as_long_as_the_process() -> None:
    addresses = [machine_code(constant(n, []), (__name__, "kept", n)) for n in range(20)]
    gc.collect()
    assert [RUN(address)() for address in addresses] == list(range(20))


FORK = """
import os, signal, threading
from theorycheck.simd.machine import machine_code, nothing

entered, forked = threading.Event(), threading.Event()

def slow(module):
    entered.set()
    forked.wait(0.5)
    return nothing(module)

thread = threading.Thread(target=machine_code, args=(slow, "slow"))
thread.start()
entered.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)
    machine_code(nothing, "the child's")
    machine_code(nothing, "slow")
    os._exit(0)
forked.set()
thread.join()
machine_code(nothing, "the parent's")
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_child_forked_while_a_thread_compiles_compiles_itself() -> None:
    """It is killed if it waits for a lock that nobody there will release."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0"]


LIMITED = """
import resource, sys
from theorycheck.simd.machine import machine_code, nothing

machine_code(nothing, "before")
pages = open("/proc/self/statm").read().split()
taken = int(pages[{"RLIMIT_AS": 0, "RLIMIT_DATA": 5}[sys.argv[1]]]) * resource.getpagesize()
limit = getattr(resource, sys.argv[1])
resource.setrlimit(limit, (taken + 2**20, resource.getrlimit(limit)[1]))
try:
    machine_code(nothing, "without memory")
except MemoryError as error:
    print(error)
resource.setrlimit(limit, (resource.getrlimit(limit)[1],) * 2)
machine_code(nothing, "without memory")
print("compiled")
"""


@pytest.mark.parametrize("limit", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_without_memory_the_process_goes_on(limit: str) -> None:
    """LLVM would end it."""
    command = [sys.executable, "-c", LIMITED, limit]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("there is too little memory to compile\ncompiled\n", "")


FORK_IN_HANDLER = """
import os, signal
from theorycheck.simd.machine import machine_code, nothing

def fork(*_):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)

def interrupted(module):
    os.kill(os.getpid(), signal.SIGUSR1)
    return nothing(module)

signal.signal(signal.SIGUSR1, fork)
signal.alarm(20)
machine_code(interrupted, "interrupted")
print("compiled")
"""


def test_a_handler_of_signals_may_fork_while_its_thread_compiles() -> None:
    command = [sys.executable, "-c", FORK_IN_HANDLER]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.returncode) == ("compiled\n", 0)
