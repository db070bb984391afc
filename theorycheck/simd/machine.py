"""Machine code from LLVM: compiled once per process, nothing on disk."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock

from llvmlite import binding, ir


def machine_code(build: Callable[[ir.Module], ir.Function], key: Hashable) -> int:
    """The address of a function, built and compiled when it is asked for first."""
    with _LOCK:
        if key not in _COMPILED:
            _COMPILED[key] = _compile(build)
        return _COMPILED[key][1]


def _compile(build: Callable[[ir.Module], ir.Function]) -> tuple[binding.ExecutionEngine, int]:
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


def _machine() -> binding.TargetMachine:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
        opt=3,
    )


_COMPILED: dict[Hashable, tuple[binding.ExecutionEngine, int]] = {}
"""The code lives as long as its engine does."""

_LOCK = Lock()
"""One thread compiles at a time, and everything once."""
