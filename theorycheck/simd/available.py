"""Whether there is a compiler for vector code; without one, torch alone does all the work."""

from __future__ import annotations

from importlib import import_module


def _works() -> bool:
    """Whether llvmlite is installed and makes code for this processor, tried on a small function.

    Its library may be missing, not know the processor, or not be allowed to make memory executable.
    """
    try:
        machine = import_module("theorycheck.simd.machine")
        machine.machine_code(machine.nothing, __name__)
    except Exception:  # Whatever it is, torch does the work.
        return False
    return True


COMPILER = _works()
