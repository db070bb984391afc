"""Machine code from LLVM: compiled once per process, nothing on disk."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Hashable
from functools import cache
from threading import RLock

from llvmlite import binding, ir

COMPILING = 32 * 2**20
"""Definition: bytes of memory that must be free before LLVM compiles; a descent of 15 layers takes
less than 10 MB."""


def machine_code(build: Callable[[ir.Module], ir.Function], key: Hashable) -> int:
    """The address of a function, built and compiled when it is asked for first.

    Raises:
        MemoryError: when there is too little memory to compile.
    """
    with _LOCK:
        if key not in _COMPILED:
            _COMPILED[key] = _compile(build)
        return _COMPILED[key][1]


def nothing(module: ir.Module) -> ir.Function:
    """Build a function that does nothing."""
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), []), "nothing")
    ir.IRBuilder(function.append_basic_block()).ret_void()
    return function


def _compile(build: Callable[[ir.Module], ir.Function]) -> tuple[binding.ExecutionEngine, int]:
    _require_memory()
    module = ir.Module()
    module.triple = binding.get_process_triple()
    name = build(module).name
    parsed, machine = binding.parse_assembly(str(module)), _machine()
    options = binding.create_pipeline_tuning_options(speed_level=2)
    # Everything is written in vectors already.
    options.loop_vectorization = options.slp_vectorization = False
    passes = binding.create_pass_builder(machine, options)
    passes.getModulePassManager().run(parsed, passes)
    engine = binding.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    return engine, engine.get_function_address(name)


def _require_memory() -> None:
    """LLVM ends the process where it finds no memory, so what it may take is tried beforehand."""
    flags = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
    try:
        mmap.mmap(-1, COMPILING, **flags).close()
    except OSError as error:
        raise MemoryError("there is too little memory to compile") from error


def _machine() -> binding.TargetMachine:
    name, features = _processor()
    target = binding.Target.from_default_triple()
    return target.create_target_machine(cpu=name, features=features, opt=3)


@cache
def _processor() -> tuple[str, str]:
    """The name of the processor and what it can do, asked once."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()


_COMPILED: dict[Hashable, tuple[binding.ExecutionEngine, int]] = {}
"""The code lives as long as its engine does."""

_LOCK = RLock()
"""One thread compiles at a time, and everything once. It may fork then, in a handler of signals."""

# A process is forked between two compilations: the thread that compiles is not there in the child,
# and could neither finish its work nor release the lock.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release
    )
