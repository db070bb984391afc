"""Curated namespaces that load a module when one of its names is asked for first.

A package lists its public names once, as imports that type checkers read::

    if TYPE_CHECKING:
        from theorycheck.networks.evaluation import forward
    else:
        from theorycheck._lazy import attach

        __getattr__, __dir__, __all__ = attach(__name__)

`attach` reads that list from the source. So `import theorycheck` stays as light as Python itself,
which verifying certificates needs, and no list of names has to be kept in two places. The library
lazy_loader does the same, but could not be imported where nothing but Python is installed.
"""

import ast
from collections.abc import Callable
from importlib import import_module
from pkgutil import get_data


def attach(package: str) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    Args:
        package: its name, while it is being imported.
    """
    homes = _public(package)

    def get(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    return get, lambda: sorted(homes), sorted(homes)


def _public(package: str) -> dict[str, str]:
    """The names that a package lists, each with the module that defines it."""
    source = get_data(package, "__init__.py")
    return {
        alias.name: node.module
        for block in ast.parse(source or b"").body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
