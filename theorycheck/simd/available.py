"""Whether there is a compiler for vector code; without one, torch alone does all the work."""

from __future__ import annotations

from importlib import import_module


def _works() -> bool:
    """Whether llvmlite is installed and its library can be loaded."""
    try:
        import_module("llvmlite.binding").get_process_triple()
    except (ImportError, OSError):
        return False
    return True


COMPILER = _works()
