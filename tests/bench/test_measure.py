"""Times, ratios and peaks: computed by hand, and cohort training has not collapsed."""

from __future__ import annotations

import os
from pathlib import Path
from time import sleep
from types import SimpleNamespace

import pytest
import torch

from tests.bench.tasks import CPU
from theorycheck.bench import measure
from theorycheck.bench.competitors import Program, competitors
from theorycheck.bench.measure import Comparison, Protocol, Spread, Timing, compare, gemm_peak
from theorycheck.bench.workloads import NAMED, Task, Training
from theorycheck.networks.specification import Parameters


def test_ratios_are_of_pairs_and_per_member_and_step() -> None:
    engine = Timing("theorycheck", members=4, steps=10, seconds=(1.0, 2.0, 4.0))
    competitor = Timing("plain", members=1, steps=5, seconds=(1.0, 1.0, 1.0))
    assert Comparison(engine, competitor).ratios == [8.0, 4.0, 2.0]
    assert Spread.of([8.0, 4.0, 2.0]) == Spread(4.0, 3.0, 6.0)


def test_runs_are_cut_to_the_time() -> None:
    [plain] = competitors(["plain"])
    row = compare(NAMED["W1"], "float32", 64, 64, [plain], Protocol(CPU, 2, 1e-9))
    [comparison] = row.comparisons
    assert (row.members, row.steps) == (64, 64)
    assert (comparison.engine.members, comparison.engine.steps) == (64, 8)
    assert (comparison.competitor.members, comparison.competitor.steps) == (1, 8)
    uncut = compare(NAMED["W1"], "float32", 2, 16, [plain], Protocol(CPU, 2, 1e-9, all_steps=True))
    assert uncut.comparisons[0].engine.steps == uncut.comparisons[0].competitor.steps == 16


@pytest.mark.parametrize("best", [1, 3])
def test_every_program_runs_on_its_best_number_of_threads(best: int) -> None:
    """One or all, here 3: one that sleeps on the other, in its first runs too."""
    seen: list[int] = []

    def prepare(task: Task) -> Training:
        def train() -> Parameters:
            seen.append(torch.get_num_threads())
            sleep(0.0 if seen[-1] == best else 0.05)
            return task.cohort.state.parameters

        return train

    torch.set_num_threads(3)
    row = compare(
        NAMED["W1"], "float32", 2, 8, [Program("sleeper", "", prepare)], Protocol(CPU, 2, 1e-9)
    )
    assert torch.get_num_threads() == 3
    assert row.comparisons[0].competitor.threads == best
    assert seen[-2:] == [best, best]
    assert set(seen) == {1, 3}


def test_what_other_programs_take(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Unknown where the system does not say so."""
    monkeypatch.setattr(measure, "KERNEL_STATISTICS", tmp_path / "stat")
    protocol = Protocol(CPU, 2, 0.001)
    assert compare(NAMED["W1"], "float32", 1, 8, competitors(["plain"]), protocol).elsewhere is None
    # On core 1, 100 + 20 + 3 + 4 + 5 ticks were spent and 7 + 8 were idle, on core 12 seven.
    (tmp_path / "stat").write_text(
        "cpu  999 9 9 9 9 9 9 9 0 0\ncpu0 300 1 1 1 1 1 1 1 0 0\ncpu1 100 0 20 7 8 3 4 5 0 0\n"
        "cpu12 7 0 0 0 0 0 0 0 0 0\nintr 5 0\nbtime 17\n"
    )
    monkeypatch.setattr(os, "times", lambda: SimpleNamespace(user=0.25, system=0.5))
    ticks = os.sysconf("SC_CLK_TCK")
    for cores, spent in (({1}, 132), ({1, 12}, 139), ({0, 1, 12}, 444), ({2}, 0)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid, cores=cores: cores)
        assert measure._processor_time_elsewhere() == spent / ticks - 0.75


def test_peak_is_the_rate_of_the_fastest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {10: 2.0, 20: 3.0, 30: 1.0}
    monkeypatch.setattr(measure, "PEAK_SIZES", {"cpu": tuple(sizes)})
    monkeypatch.setattr(measure, "_gemm", lambda size, dtype, device: sizes[size])
    assert gemm_peak("float64", CPU) == 3.0


def test_rate_of_a_product_is_its_operations_by_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([9.0, 2.0, 4.0, 4.0, 4.0, 4.0])
    monkeypatch.setattr(measure, "_seconds", lambda work: next(seconds))
    products = 1024**3 // 64**3
    assert measure._gemm(64, "float64", CPU) == 2 * 64**3 * products / 2.0


def test_cohort_training_has_not_collapsed() -> None:
    """Far below what it reaches, so that only a lost path of the engine turns this red."""
    row = compare(NAMED["W1"], "float32", 64, 200, competitors(["plain"]), Protocol(CPU, 5, 0.1))
    assert Spread.of(row.comparisons[0].ratios).median > 40
