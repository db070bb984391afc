"""Certificates are verified by Python alone, with nothing installed and nothing of the engine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.kernel.examples import CERTIFICATES, ROOT

BARE = (sys.executable, "-S", "-E")
"""Without site-packages and environment variables."""

VERIFYING = """
import importlib.util, json, sys
sys.path.insert(0, "")
before = set(sys.modules)
from theorycheck.__main__ import main
code = main(["verify", *sys.argv[1:]])
installed = [name for name in ("torch", "numpy", "flint") if importlib.util.find_spec(name)]
print(json.dumps([int(code), installed, sorted(set(sys.modules) - before)]))
"""


def bare(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [*BARE, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_certificates_on_record_are_verified_where_nothing_is_installed() -> None:
    done = bare("-m", "theorycheck", "verify", *CERTIFICATES)
    assert (done.returncode, done.stderr) == (0, "")
    count = len(CERTIFICATES)
    assert done.stdout.splitlines()[-1] == f"{count} of {count} certificates verified"


def test_verifying_loads_the_standard_library_and_the_kernel_alone() -> None:
    done = bare("-c", VERIFYING, *CERTIFICATES)
    code, installed, loaded = json.loads(done.stdout.splitlines()[-1])
    assert (code, installed) == (0, [])
    ours = {name for name in loaded if name.split(".")[0] == "theorycheck"}
    own = "__main__ _lazy claims claims.variants cli cli.arguments cli.commands cli.console"
    own += " cli.noting cli.streams errors kernel"
    assert ours == {"theorycheck", *(f"theorycheck.{name}" for name in own.split())}
    assert {name.split(".")[0] for name in set(loaded) - ours} <= sys.stdlib_module_names


def test_the_kernel_works_as_a_lone_file(tmp_path: Path) -> None:
    shutil.copy(ROOT / "theorycheck/kernel.py", tmp_path)
    for path in CERTIFICATES:
        shutil.copy(path, tmp_path)
    names = [path.name for path in CERTIFICATES]
    done = bare("kernel.py", *names, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    tampered = tmp_path / names[0]
    tampered.write_text(tampered.read_text().replace('"1"', '"2"', 1))
    done = bare("kernel.py", *names, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{names[0]}: REJECTED: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout.splitlines()[-1].startswith(f"{len(names) - 1} of {len(names)} ")
    assert bare("kernel.py", cwd=tmp_path).returncode == 4
