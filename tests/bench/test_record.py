"""The document holds what was measured and what follows from it, computed by hand."""

from __future__ import annotations

import json
import platform
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import torch

from tests.bench.rows import FLOPS, ROW
from tests.bench.tasks import CPU
from theorycheck.bench import record
from theorycheck.bench.competitors import competitors
from theorycheck.bench.measure import Protocol
from theorycheck.bench.sweeps import Point
from theorycheck.reports.documents import dumps

RECORDED = {
    "workload": "mlp:2-3-1@2/4",
    "dtype": "float64",
    "members": 4,
    "steps": 8,
    "flops_per_step": FLOPS,
    "busy_elsewhere": 0.0,
    "measured": True,
    # The engine's costs are 1, 2, 4, once for each competitor.
    "cost": {"median": 2.0, "lower": 1.25, "upper": 3.5},
    # Of 8 peak operations in a second, 84 in 2 seconds are 21/4.
    "gemm_fraction": FLOPS / 16,
    "comparisons": [
        {
            "against": "plain",
            "measured": True,
            "ratio": {"median": 2.0, "lower": 2.0, "upper": 3.0},
            "engine": {
                "members": 4,
                "steps": 8,
                "threads": 1,
                "seconds": [32.0, 64.0, 128.0],
                "cost": {"median": 2.0, "lower": 1.5, "upper": 3.0},
            },
            "competitor": {
                "members": 1,
                "steps": 8,
                "threads": 1,
                "seconds": [16.0, 64.0, 64.0],
                "cost": {"median": 8.0, "lower": 5.0, "upper": 8.0},
            },
        },
        {
            "against": "vmap",
            "measured": False,
            "ratio": {"median": 1.0, "lower": 0.625, "upper": 2.5},
            "engine": {
                "members": 4,
                "steps": 8,
                "threads": 1,
                "seconds": [32.0, 64.0, 128.0],
                "cost": {"median": 2.0, "lower": 1.5, "upper": 3.0},
            },
            "competitor": {
                "members": 4,
                "steps": 4,
                "threads": 1,
                "seconds": [64.0, 32.0, 16.0],
                "cost": {"median": 2.0, "lower": 1.5, "upper": 3.0},
            },
        },
    ],
}
"""`ROW` beside a peak of 8 operations per second."""


def test_document_of_rows_by_hand() -> None:
    """Through JSON and back."""
    single = replace(ROW, dtype="float32", elsewhere=None)
    again = replace(single, workload=replace(ROW.workload, name="again"))
    document = record.document(
        {"threads": 2},
        competitors(["plain", "vmap"]),
        {"jax-map": "jax is not installed"},
        {"float64": 8.0, "float32": 16.0},
        rows=[ROW, single],
        points=[Point("depth", 2, ROW)],
        recorded=[again],
    )
    in_single = {
        **RECORDED,
        "dtype": "float32",
        "busy_elsewhere": None,
        "gemm_fraction": FLOPS / 32,
    }
    assert json.loads(dumps(document)) == {
        "threads": 2,
        "programs": {
            "theorycheck": "theorycheck.training.sgd",
            "plain": "nn.Module and torch.optim.SGD, one network after another",
            "vmap": "torch.func.vmap(grad), step by step",
        },
        "skipped": {"jax-map": "jax is not installed"},
        "gemm_peak_flops": {"float64": 8.0, "float32": 16.0},
        "workloads": dict.fromkeys(("mlp:2-3-1@2/4", "again"), "perceptron 2-3-1, batch 2 of 4"),
        "rows": [RECORDED, in_single],
        "recording": [{**in_single, "workload": "again"}],
        "points": [{"axis": "depth", "value": 2, **RECORDED}],
    }


@pytest.mark.parametrize(
    ("cores", "measured"), [(None, True), (0.5, True), (0.6, False), (7, False)]
)
def test_on_a_busy_machine_no_fraction_is_recorded(cores: float | None, measured: bool) -> None:
    row = replace(ROW, elsewhere=cores)
    document = record.document({}, [], {}, {"float64": 8.0}, [row], [], [])
    [found] = document["rows"]
    assert (found["measured"], found["gemm_fraction"] is not None) == (measured, measured)


def test_circumstances_are_those_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not installed has no version."""
    monkeypatch.setattr(record, "PACKAGES", ("numpy", "no-such-package", "torch"))
    before = datetime.now(UTC).replace(microsecond=0)
    found = record.circumstances(Protocol(CPU, repeats=3, seconds=0.5), threads=7)
    assert before <= datetime.fromisoformat(found.pop("date")) <= datetime.now(UTC)
    assert found == {
        "system": f"{platform.system()} {platform.machine()}",
        "device": f"cpu {torch.backends.cpu.get_cpu_capability()}",
        "threads": 7,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": str(torch.__version__),
        },
        "repeats": 3,
        "seconds_per_run": 0.5,
    }


def test_a_gpu_is_called_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"the GPU at {device}")
    protocol = Protocol(torch.device("cuda"), repeats=2, seconds=1.0)
    assert record.circumstances(protocol, threads=1)["device"] == "the GPU at cuda"
