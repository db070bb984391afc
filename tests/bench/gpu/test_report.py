"""A process for each check: crashes, endless ones and half lines hide nothing else."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.bench.tasks import CPU
from theorycheck.bench.gpu import report
from theorycheck.bench.gpu.findings import Figure, Finding, Work
from theorycheck.bench.gpu.report import CHECKS, Outcome, document, outcome, verdict, write_findings
from theorycheck.reports.documents import dumps

Patch = pytest.MonkeyPatch
GOOD = '["a", {"passed": true, "words": "", "figures": {"x": 1}}]'
MISSING = Finding(False, "did not run")


def act(script: str, monkeypatch: Patch) -> None:
    """Have a script in place of a check; it may write to ``file`` and knows ``os`` and ``time``."""
    head = "import os, sys, time; file = open(sys.argv[3], 'w')\n"
    monkeypatch.setattr(report, "COMMAND", (sys.executable, "-c", head + script))


WRITES = f"print('[\"a\", \"b\"]', file=file); print('{GOOD}', file=file, flush=True)\n"


@pytest.mark.parametrize(
    ("script", "limit", "ended"),
    [
        (WRITES, 60, ""),
        (WRITES + "os._exit(3)", 60, "ended with code 3"),
        (WRITES + "os.kill(os.getpid(), 11)", 60, "ended with code -11"),
        (WRITES + "raise ValueError('broken')", 60, "ended with code 1: ValueError: broken"),
        (WRITES + "print('[\"b\", {\"pas', end='', file=file)", 60, ""),
        (WRITES + "time.sleep(60)", 2, "took longer than 2 s"),
    ],
)
def test_what_was_found_before_the_end_is_kept(
    script: str, limit: float, ended: str, monkeypatch: Patch
) -> None:
    act(script, monkeypatch)
    found = outcome("graphs", CPU, limit)
    assert found.findings == {"a": Finding(True, "", {"x": 1}), "b": MISSING}
    assert found.ended == ended
    assert set(found.failed) == ({"b", "graphs"} if ended else {"b"})


@pytest.mark.parametrize("script", ["pass", "file.write('[]\\n')", "os.remove(sys.argv[3])"])
def test_a_check_without_findings_did_not_run(script: str, monkeypatch: Patch) -> None:
    act(script, monkeypatch)
    assert outcome("graphs", CPU, 60).failed == {"graphs": "did not run"}


def test_findings_are_written_as_they_come(tmp_path: Path, monkeypatch: Patch) -> None:
    path = tmp_path / "findings"
    seen: list[int] = []

    def work() -> Finding:
        seen.append(len(path.read_text().splitlines()))
        raise ValueError("broken")

    def check(device: torch.device) -> Iterator[tuple[str, Work]]:
        yield "one", work
        yield "two", work

    monkeypatch.setattr(report, "CHECKS", {"sham": (check, 1)})
    write_findings("sham", CPU, path)
    assert seen == [1, 2]
    subjects, *findings = map(json.loads, path.read_text().splitlines())
    assert subjects == ["one", "two"]
    assert findings[0] == ["one", {"passed": False, "words": "ValueError: broken", "figures": {}}]


def test_what_is_not_finite_can_be_written(tmp_path: Path, monkeypatch: Patch) -> None:
    """A broken engine's numbers are the ones to be read."""
    figures: dict[str, Figure] = {"a": math.inf, "b": math.nan, "c": 1.5, "d": None, "e": True}

    def check(device: torch.device) -> Iterator[tuple[str, Work]]:
        yield "one", lambda: Finding(False, "off", figures)

    monkeypatch.setattr(report, "CHECKS", {"sham": (check, 1)})
    write_findings("sham", CPU, tmp_path / "findings")
    found = Outcome("sham", report._read(tmp_path / "findings"), 1.0)
    [finding] = json.loads(dumps(document(CPU, [found])))["checks"]["sham"]["findings"].values()
    assert finding["figures"] == {"a": "inf", "b": "nan", "c": 1.5, "d": None, "e": True}


def test_all_checks_take_six_minutes_at_most(monkeypatch: Patch) -> None:
    """Whatever each takes: what one spares, others have, and no more than their limits."""
    assert report.ALL < 6 * 60

    def limits(share: float) -> list[float]:
        """Of checks that take a share of what they may; or whose process is slow to end."""
        now, given = [1000.0], []

        def outcome(check: str, device: torch.device, limit: float) -> Outcome:
            given.append(limit)
            now[0] += share * limit
            return Outcome(check, {}, share * limit)

        monkeypatch.setattr(report, "outcome", outcome)
        monkeypatch.setattr("time.perf_counter", lambda: now[0])
        assert [found.check for found in report.outcomes(CPU)] == list(CHECKS)
        return given

    own = [limit for _, limit in CHECKS.values()]
    assert sum(own) > report.ALL
    assert limits(0.5) == own
    assert sum(limits(1.0)) == report.ALL
    assert all(given <= limit for given, limit in zip(limits(1.0), own, strict=True))
    assert limits(1.5)[-1] == 0.0


def test_a_check_without_time_did_not_run(monkeypatch: Patch) -> None:
    act("time.sleep(60)", monkeypatch)
    found = outcome("graphs", CPU, 0.0)
    assert found.failed == {"graphs": "took longer than 0 s"}
    assert found.seconds < 30


def test_a_real_check_in_its_process(monkeypatch: Patch) -> None:
    monkeypatch.setitem(os.environ, "PYTHONPATH", os.pathsep.join(sys.path))
    found = outcome("graphs", CPU, 120)
    assert found.failed == {}
    assert str(found).startswith(f"graphs: green, {len(found.findings)} of {len(found.findings)}, ")


FINE = Outcome("graphs", {"a": Finding(True)}, 1.0)
BAD = Outcome("flows", {"a": Finding(True), "b": Finding(False, "off", {"x": 2.0})}, 2.0)
CUT = Outcome("memory", {"a": Finding(True)}, 3.0, "took longer than 3 s")


def test_document() -> None:
    """Through JSON and back."""
    found = json.loads(json.dumps(document(CPU, [FINE, BAD, CUT])))
    assert found["passed"] is False
    assert found["stand_ins"] is True
    assert found["device"].startswith("cpu")
    assert found["versions"]["torch"] == torch.__version__
    assert found["cuda"] == torch.version.cuda
    passed = {check: said["passed"] for check, said in found["checks"].items()}
    assert passed == {"graphs": True, "flows": False, "memory": False}
    assert found["checks"]["memory"]["ended"] == "took longer than 3 s"
    assert found["checks"]["flows"]["findings"]["b"] == {
        "passed": False,
        "words": "off",
        "figures": {"x": 2.0},
    }
    assert document(CPU, [FINE])["passed"] is True


def test_verdict(monkeypatch: Patch) -> None:
    assert verdict(CPU, [FINE, BAD, CUT]).startswith("RED on cpu")
    assert verdict(CPU, [FINE, BAD, CUT]).endswith(" with stand-ins: flows, memory")
    assert verdict(CPU, [FINE]).endswith(" with stand-ins: 1 checks")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "H100")
    assert verdict(torch.device("cuda"), [FINE]) == "GREEN on H100: 1 checks"


def test_lines_of_outcomes() -> None:
    """What passed may have something to say, too."""
    fast = Outcome("speed", {"W1": Finding(True, "9 times"), "W2": Finding(True)}, 1.0, "ended")
    assert list(fast.lines) == ["speed: red, 2 of 2, 1 s", "  W1: 9 times", "  speed: ended"]
    assert str(BAD) == "flows: red, 1 of 2, 2 s"
    assert str(FINE) == "graphs: green, 1 of 1, 1 s"
