"""Each check in a process of its own, and what came out of all of them.

A process writes a line for every finding as soon as it has one: what crashes, or takes too long,
hides nothing that was found before, and nothing of the checks that come after.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from theorycheck.bench import record
from theorycheck.bench.gpu.checks import determinism, flows, graphs, trajectories
from theorycheck.bench.gpu.company import company
from theorycheck.bench.gpu.findings import Check, Finding, examined
from theorycheck.bench.gpu.options import options
from theorycheck.bench.gpu.resources import memory, speed, splitting

CHECKS: Mapping[str, tuple[Check, float]] = {
    "trajectories": (trajectories, 60),
    "flows": (flows, 40),
    "graphs": (graphs, 30),
    "determinism": (determinism, 40),
    "company": (company, 60),
    "options": (options, 60),
    "splitting": (splitting, 60),
    "memory": (memory, 35),
    "speed": (speed, 85),
}
"""The checks, and how many seconds each may take, its start included."""
ALL = 350.0
"""Definition: how many seconds they may take together: what one spares, others have."""
COMMAND = (sys.executable, "-m", "theorycheck.bench.gpu")


@dataclass(frozen=True)
class Outcome:
    """What came out of a check: findings by subject, and why it did not come to its end."""

    check: str
    findings: Mapping[str, Finding]
    seconds: float
    ended: str = ""

    @property
    def failed(self) -> dict[str, str]:
        """What did not pass and why, by subject; the check itself where it did not run."""
        failed = {s: finding.words for s, finding in self.findings.items() if not finding.passed}
        if self.ended or not self.findings:
            failed[self.check] = self.ended or "did not run"
        return failed

    @property
    def lines(self) -> Iterator[str]:
        """The outcome in a line, and below it all that there is to say."""
        yield str(self)
        said = {s: finding.words for s, finding in self.findings.items() if finding.words}
        for subject, words in (said | self.failed).items():
            yield f"  {subject}: {words}"

    def __str__(self) -> str:
        passed = sum(finding.passed for finding in self.findings.values())
        verdict = "red" if self.failed else "green"
        return f"{self.check}: {verdict}, {passed} of {len(self.findings)}, {self.seconds:.0f} s"


def write_findings(check: str, device: torch.device, path: Path) -> None:
    """Run a check and write a line of JSON: the subjects, then every subject with its finding."""
    subjects = list(CHECKS[check][0](device))
    with path.open("w", encoding="utf-8") as file:
        print(json.dumps([subject for subject, _ in subjects]), file=file, flush=True)
        for subject, work in subjects:
            print(json.dumps([subject, asdict(examined(work))]), file=file, flush=True)


def outcome(check: str, device: torch.device, limit: float) -> Outcome:
    """Run a check in a process of its own."""
    ended, start = "", time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "findings"
        command = [*COMMAND, check, device.type, str(path)]
        try:
            done = subprocess.run(
                command, timeout=limit, stdin=subprocess.DEVNULL, capture_output=True, text=True
            )
        except subprocess.TimeoutExpired:
            ended = f"took longer than {limit:.3g} s"
        else:
            if done.returncode:
                [*_, last] = ["", *done.stderr.split("\n")[:-1]]
                ended = f"ended with code {done.returncode}: {last}".rstrip(": ")
        findings = _read(path)
    return Outcome(check, findings, time.perf_counter() - start, ended)


def _read(path: Path) -> dict[str, Finding]:
    """The findings of a check; what it did not come to has failed."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    # The last line of a process that was killed may be half a line.
    whole = [json.loads(line) for line in lines if line.endswith("]")]
    if not whole:
        return {}
    found = {subject: Finding(**finding) for subject, finding in whole[1:]}
    return {subject: found.get(subject, Finding(False, "did not run")) for subject in whole[0]}


def outcomes(device: torch.device) -> Iterator[Outcome]:
    """Those of all checks, one after another; all together take `ALL` seconds at most."""
    end = time.perf_counter() + ALL
    for check, (_, limit) in CHECKS.items():
        yield outcome(check, device, max(0.0, min(limit, end - time.perf_counter())))


def document(device: torch.device, found: Sequence[Outcome]) -> dict[str, Any]:
    """Everything that was found, as JSON values by name."""
    return {
        "date": record.now(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": record.device_name(device),
        "stand_ins": device.type != "cuda",
        "cuda": torch.version.cuda,
        "versions": record.versions(),
        "passed": not any(o.failed for o in found),
        "checks": {
            o.check: {
                "passed": not o.failed,
                "seconds": o.seconds,
                "ended": o.ended,
                "findings": {s: asdict(finding) for s, finding in o.findings.items()},
            }
            for o in found
        },
    }


def verdict(device: torch.device, found: Sequence[Outcome]) -> str:
    """One line on all checks."""
    failed = [o.check for o in found if o.failed]
    where = record.device_name(device) + ("" if device.type == "cuda" else " with stand-ins")
    if failed:
        return f"RED on {where}: {', '.join(failed)}"
    return f"GREEN on {where}: {len(found)} checks"
