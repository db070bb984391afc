"""The kernel as a command: files, the record of statements, and what is printed."""

from __future__ import annotations

import io
import json
import os
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
    path = next(path for path in CERTIFICATES if path.stem == "batch-gradient-pair-bound")
    done = run(str(copy), "--explain", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("batch-gradient-pair-bound: verified, ")
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
        (b"", "baseline.json: not a file, or an empty one"),
        (b'{"statements": []}', "no tables of statements"),
        (b'{"statements": {}, "verdicts": 1}', "no tables of statements"),
        (b'{"statements": {"a-claim": "0"}, "statements": {}}', "a key occurs twice"),
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
        "a-claim: verified, 0 ≤ 1 holds; no record was consulted",
        "1 of 3 certificates verified",
    ]
    assert [": REJECTED: " in line for line in captured.err.splitlines()] == [True, True]
    assert kernel.main([]) == 4
    assert kernel.main(["--", good]) == 0


def recorded(document: dict[str, Any], **tables: Any) -> bytes:
    statements = {document["claim"]: document["version"]}
    return json.dumps({"statements": statements, **tables}).encode()


def test_each_answer_says_with_which_record_it_was_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    document = certificate()
    silent = "the record beside it has no statement of this claim"
    for record, said in {
        None: "no record was consulted",
        b'{"statements": {}}': silent,
        b'{"verdicts": {"a-claim": "holds"}}': silent,
        recorded(document): "its statement is on record in baseline.json",
        recorded(document, verdicts={"a-claim": "holds"}): "on record as holds in baseline.json",
        recorded(
            document, verdicts={"a-claim": "\n"}
        ): "its statement is on record in baseline.json",
        recorded(document, verdicts={"a-claim": 7}): "its statement is on record in baseline.json",
    }.items():
        assert kernel.main([placed(tmp_path, document, record)]) == 0
        assert capsys.readouterr().out == f"a-claim: verified, 0 ≤ 1 holds; {said}\n"


def test_a_record_that_is_named_is_the_one_that_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = certificate()
    path = placed(tmp_path, document, b'{"statements": {"a-claim": "another"}}')
    named = tmp_path / "named.json"
    named.write_bytes(recorded(document))
    assert kernel.main([path]) == 1
    assert kernel.main(["--record", str(named), path]) == 0
    assert kernel.main(["--explain", "--record", str(named), "--", path]) == 0
    assert kernel.main(["--record", str(named), "--explain", path]) == 0
    assert capsys.readouterr().out.count(f"its statement is on record in {named}") == 3
    for content, reason in {
        b'{"statements": {"a-claim": "another"}}': "not the one on record",
        b'{"statements": {}}': "the record that is named has no statement of this claim",
        b"{": "not JSON",
    }.items():
        named.write_bytes(content)
        assert kernel.main(["--record", str(named), path]) == 1
        assert reason in capsys.readouterr().err
    os.mkfifo(tmp_path / "pipe")
    for record in ("pipe", "nowhere", ".", "certificates", "a\0b"):
        assert kernel.main(["--record", f"{tmp_path}/{record}", path]) == 1
        error = capsys.readouterr().err
        assert "REJECTED: the record " in error
        assert error.count("\n") == 1
    assert kernel.main(["--record"]) == 4
    assert kernel.main(["--record", str(named)]) == 4


def linked(folder: Path, document: dict[str, Any]) -> dict[str, str]:
    """A certificate under all names that lead to the same two places, one of them with a record."""
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere/a.json").write_text(json.dumps(document))
    here = folder / "here"
    here.mkdir()
    names = {"copy": placed(here, document, b'{"statements": {"a-claim": "another"}}')}
    for name, target in {
        "here/certificates/to-a-copy.json": "../../elsewhere/a.json",
        "elsewhere/to-the-record.json": "../here/certificates/a.json",
        "elsewhere/twice.json": "../here/certificates/to-a-copy.json",
        "folder": "here/certificates",
    }.items():
        (folder / name).symlink_to(target)
        names[name] = str(folder / name)
    (folder / "there").mkdir()
    (folder / "there/baseline.json").symlink_to("../here/baseline.json")
    (folder / "there/certificates").symlink_to("../elsewhere")
    return names | {
        "folder": str(folder / "folder/a.json"),
        "linked folder": str(folder / "there/certificates/a.json"),
        "dots": str(here / "certificates/../certificates/a.json"),
    }


def test_no_link_escapes_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = linked(tmp_path, certificate())
    for path in names.values():
        with pytest.raises(Rejected, match="not the one on record for this claim"):
            kernel.verify(path)
    assert kernel.verify(f"{tmp_path}/elsewhere/a.json").record == "no record was consulted"
    (tmp_path / "here/baseline.json").write_bytes(recorded(certificate()))
    for path in names.values():
        assert "on record in " in kernel.verify(path).record
    monkeypatch.chdir(tmp_path / "here/certificates")
    assert "on record in " in kernel.verify("a.json").record


@pytest.mark.parametrize("kind", ["pipe", "folder", "dangling", "loop", "device"])
def test_a_record_that_is_no_file_is_not_passed_over(tmp_path: Path, kind: str) -> None:
    path = placed(tmp_path, certificate(), None)
    record = tmp_path / "baseline.json"
    match kind:
        case "pipe":
            os.mkfifo(record)
        case "folder":
            record.mkdir()
        case "dangling":
            record.symlink_to("nowhere")
        case "loop":
            record.symlink_to(record)
        case _:
            record.symlink_to("/dev/zero")
    with pytest.raises(Rejected, match=r"the record .*: (not a file|cannot be read)"):
        kernel.verify(path)


ENDLESS = [
    path for path in ("/proc/kmsg", "/proc/self/mem", "/proc/self/status") if Path(path).exists()
]


@pytest.mark.parametrize("path", ENDLESS)
def test_files_of_no_known_size_are_not_read(path: str) -> None:
    """They may never end, or block: the kernel's log waits for the next message."""
    with pytest.raises(Rejected, match=r"not a file, or an empty one|cannot be read"):
        kernel.verify(path)


def shell(command: str) -> subprocess.CompletedProcess[str]:
    names = " ".join(str(path) for path in CERTIFICATES[:6])
    text = command.replace("KERNEL", f"{sys.executable} -I {KERNEL}").replace("FILES", names)
    return subprocess.run(["bash", "-c", text], capture_output=True, text=True, timeout=60)


def test_a_reader_that_stops_reading_changes_no_answer() -> None:
    """All files are verified, and the exit code says what came out."""
    for files, code in (("FILES FILES FILES FILES", 0), ("FILES /dev/null FILES", 1)):
        done = shell(f"KERNEL --explain {files} | true; exit ${{PIPESTATUS[0]}}")
        assert done.returncode == code
        assert "Traceback" not in done.stderr
        assert "Broken" not in done.stderr


def test_answers_that_cannot_be_written_are_no_pass() -> None:
    for files, code in (("FILES", 4), ("--explain FILES", 4), ("FILES /dev/null", 1)):
        done = shell(f"KERNEL {files} > /dev/full")
        assert done.returncode == code
        assert (
            done.stderr.splitlines()[-1] == "the answers cannot be written: No space left on device"
        )
        assert "Traceback" not in done.stderr
    assert shell("KERNEL FILES > /dev/full 2> /dev/full").returncode == 4
    assert shell("KERNEL > /dev/full 2> /dev/full").returncode == 4


def test_a_file_may_be_as_long_as_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text('{"a": "b"}')
    assert kernel.read_file(path, 10) == {"a": "b"}
    with pytest.raises(Rejected, match="longer than 9 characters"):
        kernel.read_file(path, 9)


def test_answers_are_printed_whatever_the_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    path = next(path for path in CERTIFICATES if "\u2264" in str(kernel.verify(str(path))))
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert kernel.main([str(path)]) == 0
    assert b"\\u2264" in written.getvalue()


def test_answers_that_cannot_be_written_have_a_code_of_their_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert kernel.main([str(CERTIFICATES[0])]) == 4
    assert capsys.readouterr().err == "the answers cannot be written: No space left on device\n"


@pytest.mark.parametrize("record", ["a\0b", "\ud800"])
def test_a_record_whose_name_is_none_cannot_be_found(record: str) -> None:
    with pytest.raises(Rejected, match="record"):
        kernel.verify(str(CERTIFICATES[0]), record)


def test_a_record_that_cannot_be_looked_for_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(path: Path) -> list[Path]:
        raise RuntimeError("a loop of links")

    monkeypatch.setattr(kernel, "beside", nowhere)
    with pytest.raises(Rejected, match=r"its record cannot be found \(a loop of links\)"):
        kernel.verify(str(CERTIFICATES[0]))


@pytest.mark.parametrize(("longest", "read"), [(20, True), (19, False)])
def test_a_record_is_at_most_ten_times_as_long_as_a_certificate(
    longest: int, read: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "record.json"
    path.write_text('{"statements": {}}'.ljust(200))
    monkeypatch.setattr(kernel, "MOST_BYTES", longest)
    if read:
        assert kernel.on_record(path, certificate()) is None
    else:
        with pytest.raises(Rejected, match="longer than 190"):
            kernel.on_record(path, certificate())
