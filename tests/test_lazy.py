"""Curated namespaces: each name is the object of its home, and nothing loads before it is used."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import theorycheck

PACKAGE = Path(theorycheck.__file__).parent
FACES = sorted(
    ".".join(("theorycheck", *path.parent.relative_to(PACKAGE).parts))
    for path in PACKAGE.rglob("__init__.py")
    if "attach(__name__)" in path.read_text(encoding="utf-8")
)
each_face = pytest.mark.parametrize("face", FACES)


def listed(face: str) -> dict[str, str]:
    """The names that a package lists, each with the module that it lists it from."""
    tree = ast.parse(Path(str(import_module(face).__file__)).read_text(encoding="utf-8"))
    return {
        alias.asname or alias.name: str(node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module not in ("typing", "theorycheck._lazy")
        for alias in node.names
    }


@each_face
def test_every_name_is_the_object_of_its_home(face: str) -> None:
    names = listed(face)
    assert names
    for name, home in names.items():
        assert getattr(import_module(face), name) is getattr(import_module(home), name)


@each_face
def test_homes_define_what_is_handed_out(face: str) -> None:
    """A face never hands on what its module has imported, and nothing private."""
    for name, home in listed(face).items():
        tree = ast.parse(Path(str(import_module(home).__file__)).read_text(encoding="utf-8"))
        imported = {
            a.asname or a.name for n in tree.body if isinstance(n, ast.ImportFrom) for a in n.names
        }
        assert name not in imported
        assert not name.startswith("_")


@each_face
def test_no_name_is_that_of_a_module(face: str) -> None:
    """Importing such a module would put it in the place of the name."""
    folder = Path(str(import_module(face).__file__)).parent
    modules = {path.stem for path in folder.iterdir()}
    assert not modules & set(listed(face))


@each_face
def test_the_lists_agree(face: str) -> None:
    module = import_module(face)
    assert module.__all__ == sorted(listed(face)) == dir(module)


@each_face
def test_an_unknown_name_is_named(face: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{face}' has no attribute 'nothing'"):
        _ = import_module(face).nothing


@each_face
def test_importing_a_face_loads_nothing_heavy(face: str) -> None:
    program = f"import sys; import {face}; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not {"torch", "numpy", "flint", "hypothesis"} & set(ran.stdout.split())


@pytest.mark.parametrize(
    "words",
    [
        "report",
        "show structural-lemma",
        "verify certificates/gradient-rank.json",
    ],
)
def test_commands_that_only_read_need_nothing_that_trains(words: str, tmp_path: Path) -> None:
    """Loading torch takes longer than all that they do."""
    shutil.copytree(PACKAGE.parent / "reports", tmp_path / "reports")
    shutil.copytree(PACKAGE.parent / "properties", tmp_path / "properties")
    words = words.replace("certificates/", "reports/certificates/")
    program = (
        "import sys; sys.modules['torch'] = None;"
        f"from theorycheck.cli.commands import main; sys.exit(main({words.split()}))"
    )
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.stderr, ran.returncode) == ("", 0)


FIRST_USE = """
import sys
import torch
from theorycheck import measures, networks, training

for face in (measures, networks, training):
    for name in dir(face):
        getattr(face, name)
network = networks.mlp((2, 3, 1))
state = training.State(networks.initialise(network, 2, seed=0, dtype=torch.float64))
inputs, targets = torch.ones(4, 2, dtype=torch.float64), torch.ones(4, 1, dtype=torch.float64)
cohort = training.Cohort.broadcast(network, state, inputs, targets)
loaded = set(sys.modules)
measures.nc1(torch.ones(1, 2, 2, 2))
for engine in ("stacked", "compiled"):
    square, seeds = training.Objective("square"), torch.arange(2)
    training.sgd(cohort, square, batch_size=2, epochs=1, learning_rate=0.1, batch_seeds=seeds,
                 engine=engine)
    training.gradient_flow(cohort, square, horizon=0.1, engine=engine)
print(*(name for name in sys.modules if name not in loaded and not name.startswith("encodings")))
"""


def test_measures_and_trainings_load_nothing_late() -> None:
    """A process that is forked meanwhile would wait for the lock of an import for ever."""
    command = [sys.executable, "-W", "ignore", "-c", FIRST_USE]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("\n", "")
