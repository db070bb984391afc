"""The kernel as a command: files, the record of statements, and what is printed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.examples import CERTIFICATES, certificate
from theorycheck import kernel
from theorycheck.kernel import Rejected

KERNEL = Path(kernel.__file__)


def run(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-W", "error", *arguments]
    return subprocess.run(command, capture_output=True, text=True, input=stdin, timeout=60)


def test_the_kernel_alone_verifies_and_explains(tmp_path: Path) -> None:
    copy = tmp_path / "copied.py"
    copy.write_bytes(KERNEL.read_bytes())
    path = next(path for path in CERTIFICATES if path.stem == "batch-gradient-bound")
    done = run(str(copy), "--explain", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("batch-gradient-bound: verified, ")
    document = json.loads(path.read_text())
    for entry in (*document["statement"]["given"], document["statement"]["conclusion"]):
        assert any(line.endswith(entry) for line in lines)
    assert any(line.startswith("  W[0]        [[") for line in lines)


def test_verifying_loads_the_standard_library_and_the_kernel_alone() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from theorycheck.cli.commands import main;"
        "code = main(['verify', *sys.argv[2:]]);"
        "names = {name.partition('.')[0] for name in sys.modules};"
        "print(code, sorted(names - set(sys.stdlib_module_names) - {'__main__'}),"
        "sorted(name for name in sys.modules if name.startswith('theorycheck.')))"
    )
    done = run("-S", "-c", program, str(KERNEL.parents[1]), *map(str, CERTIFICATES))
    last = done.stdout.splitlines()[-1]
    assert last.startswith("0 ['theorycheck'] "), (last, done.stderr)
    assert "'theorycheck.kernel'" in last


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbf{}")
    (tmp_path / "wide").write_text("{}", encoding="utf-16")
    (tmp_path / "long").write_bytes(b" " * (kernel.MOST_BYTES + 1))
    names = ["pipe", "dangling", "loop", "empty", "binary", "bom", "wide", "long", ".", "a\0b"]
    for name in [*names, "missing"]:
        with pytest.raises(Rejected) as caught:
            kernel.verify(f"{tmp_path}/{name}")
        assert str(caught.value).isprintable()
    with pytest.raises(Rejected):
        kernel.verify("/dev/zero")
    (tmp_path / "link.json").symlink_to(CERTIFICATES[0].resolve())
    assert kernel.verify(str(tmp_path / "link.json"))


def placed(folder: Path, document: dict[str, Any], record: bytes | None) -> str:
    (folder / "certificates").mkdir(exist_ok=True)
    if record is not None:
        (folder / "baseline.json").write_bytes(record)
    path = folder / "certificates" / "a.json"
    path.write_text(json.dumps(document))
    return str(path)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (None, None),
        (b'{"statements": {}}', None),
        (b'{"statements": {"a-claim": "0123456789abcdef"}}', "not the one on record"),
        (b'{"statements": {"a-claim": null}}', "not the one on record"),
        (b'{"statements": ', "not JSON"),
        (b"\xff", "cannot be read"),
    ],
)
def test_the_statement_must_be_the_one_on_record(
    tmp_path: Path, record: bytes | None, reason: str | None
) -> None:
    path = placed(tmp_path, certificate(), record)
    if reason is None:
        assert kernel.verify(path)
    else:
        with pytest.raises(Rejected, match=reason):
            kernel.verify(path)


def test_the_command_reports_one_line_for_each_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = placed(tmp_path, certificate(), None)
    odd = tmp_path / "a\nb: verified"
    odd.write_text("{}")
    assert kernel.main([good, str(odd), str(tmp_path / "missing")]) == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        "a-claim: verified, 0 ≤ 1 holds", "1 of 3 certificates verified"
    ]  # fmt: skip
    assert [": REJECTED: " in line for line in captured.err.splitlines()] == [True, True]
    assert kernel.main([]) == 4
    assert kernel.main(["--", good]) == 0
