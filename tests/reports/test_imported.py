"""What a file imports is read from its text, wherever pytest may find the module."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.files import write_files
from theorycheck.reports.imported import reached

IMPORTS = {
    "import one": ["one.py"],
    "import one as other, two": ["one.py", "two.py"],
    "from one import name": ["one.py"],
    "import package.inner": ["package/__init__.py", "package/inner.py"],
    "from package import inner": ["package/__init__.py", "package/inner.py"],
    "from package.inner import name": ["package/__init__.py", "package/inner.py"],
    "from spaces import module": ["spaces/module.py"],
    "from . import beside": ["claims/deep/beside.py"],
    "from .beside import name": ["claims/deep/beside.py"],
    "from ..above import name": ["claims/above.py"],
    "import beside": ["claims/deep/beside.py"],
    "import above": ["claims/above.py"],
    "from source import name": ["src/source/__init__.py"],
    "import elsewhere": ["lib/elsewhere.py"],
    "def check():\n    import one": ["one.py"],
    "if False:\n    from two import *": ["two.py"],
    "import importlib\nimportlib.import_module('one')": ["one.py"],
    "from importlib import import_module\nimport_module('package.inner')": [
        "package/__init__.py",
        "package/inner.py",
    ],
    "__import__('two')": ["two.py"],
    "pytest_plugins = 'one'": ["one.py"],
    "pytest_plugins = ['one', 'two']": ["one.py", "two.py"],
    "import chain": ["chain.py", "one.py", "package/__init__.py", "package/inner.py"],
    "import circle": ["circle.py", "claims/deep/file.py"],
    "import broken": ["broken.py"],
    "import json, numpy, missing": [],
    "'one'": [],
    "import engine": [],
    "from engine.inner import name": [],
    "not python": [],
    "import outside": [],
    "from ....outside import name": [],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    texts = {
        "one.py": "",
        "two.py": "",
        "package/__init__.py": "",
        "package/inner.py": "",
        "spaces/module.py": "",
        "claims/above.py": "",
        "claims/deep/beside.py": "",
        "src/source/__init__.py": "",
        "lib/elsewhere.py": "",
        "chain.py": "import one, package.inner",
        "circle.py": "import circle\nfrom claims.deep import file",
        "broken.py": "def",
        "engine/__init__.py": "import one",
        "engine/inner.py": "",
        "../outside.py": "",
    }
    return write_files(tmp_path / "project", texts)


@pytest.mark.parametrize("text", IMPORTS)
def test_what_a_file_imports(root: Path, text: str) -> None:
    file = root / "claims/deep/file.py"
    file.write_text(text)
    found = reached([file], root, [root / "lib"], root / "engine")
    expected = {root / name for name in IMPORTS[text]} - {file}
    assert found == expected


def test_a_file_that_is_gone_imports_nothing(root: Path) -> None:
    assert reached([root / "gone.py"], root, [], root / "engine") == set()
