"""What `theorycheck verify` says of certificates beyond the kernel's word."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.claims.stated_claims import means
from theorycheck import kernel
from theorycheck.claims.certificates import statement_version
from theorycheck.claims.sharpness import sharpness_of
from theorycheck.cli.commands import main
from theorycheck.errors import ExitCode
from theorycheck.reports import Baseline, dumps


@pytest.fixture(scope="module")
def certificate() -> dict[str, Any]:
    found = sharpness_of(means(), 0)[1]
    assert found is not None
    return found


@pytest.fixture
def path(tmp_path: Path, certificate: dict[str, Any]) -> Path:
    folder = tmp_path / "needs"
    folder.mkdir()
    (folder / "toy-means-is-sharp.json").write_text(dumps(certificate), "utf-8")
    return folder / "toy-means-is-sharp.json"


def put_on_record(path: Path, version: str | None) -> None:
    statements = {} if version is None else {"toy-means": version}
    record = Baseline(verdicts={"toy-means": "holds"}, statements=statements)
    (path.parents[1] / "baseline.json").write_text(record.text(), "utf-8")


def test_a_variant_is_not_taken_for_its_claim(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_on_record(path, statement_version(means()))
    assert main(["verify", str(path)]) == ExitCode.OK
    kernel, note = capsys.readouterr().out.splitlines()
    assert kernel.endswith("; the record beside it has no statement of this claim")
    assert note == (
        "toy-means-is-sharp: this is not toy-means, which is on record as holds, but the same"
        " statement with `2 * a * b < a ** 2 + b ** 2` in the place of"
        " `2 * a * b <= a ** 2 + b ** 2`; that is what is refuted"
    )


def test_a_variant_of_another_statement_is_rejected(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = statement_version(replace(means(), statement="2 = 2"))
    put_on_record(path, other)
    assert main(["verify", str(path)]) == ExitCode.VERDICT_CHANGED
    said = capsys.readouterr()
    assert "REJECTED: it is no variant of toy-means as that is on record" in said.err


def test_without_a_claim_on_record_that_is_said(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(path)]) == ExitCode.OK
    assert len(capsys.readouterr().out.splitlines()) == 1
    put_on_record(path, None)
    assert main(["verify", str(path)]) == ExitCode.OK
    assert capsys.readouterr().out.endswith("toy-means-is-sharp: toy-means is not on record\n")


def test_a_record_that_cannot_be_read_is_left_to_the_kernel(path: Path) -> None:
    record = path.parents[1] / "baseline.json"
    for text in ("", "[]", json.dumps({"statements": 3, "verdicts": {}})):
        record.write_text(text)
        assert main(["verify", str(path)]) == ExitCode.VERDICT_CHANGED


def test_no_certificate_but_a_variant_is_verified_twice(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_record(path, statement_version(means()))
    checked: list[str] = []
    check = kernel.check

    def counted(document: Any) -> kernel.Outcome:
        checked.append(str(document.get("claim")))
        return check(document)

    monkeypatch.setattr(kernel, "check", counted)
    document = json.loads(path.read_text())
    for claim, times in (("toy-means", 1), (3, 1), ("toy-means-is-sharp", 2)):
        path.write_text(json.dumps({**document, "claim": claim}))
        main(["verify", str(path)])
        assert checked == [str(claim)] * times
        checked.clear()
    path.write_text(json.dumps({"claim": "toy-means-is-sharp", "statement": 3}))
    assert main(["verify", str(path)]) == ExitCode.VERDICT_CHANGED
