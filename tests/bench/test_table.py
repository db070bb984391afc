"""The table's lines of rows made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bench.rows import ROW, scaled
from theorycheck.bench import table
from theorycheck.bench.competitors import competitors
from theorycheck.bench.measure import BUSIEST, Comparison, Spread, Timing


def test_preamble_says_how_and_with_what() -> None:
    circumstances = {
        "device": "cpu AVX2",
        "threads": 2,
        "versions": {"python": "3.12.1", "torch": "2.8.0"},
        "repeats": 5,
        "seconds_per_run": 0.5,
    }
    skipped = {"compile": "there is no C++ compiler g++"}
    assert list(table.preamble(circumstances, competitors(["vmap"]), skipped)) == [
        "cpu AVX2, 2 threads; python 3.12.1, torch 2.8.0",
        "5 pairs of runs, each cut to about 0.5 s; costs are per member and step; "
        "ratios are medians of the pairs (quartiles)",
        "theorycheck: theorycheck.training.sgd",
        "vmap: torch.func.vmap(grad), step by step",
        "skipped compile: there is no C++ compiler g++",
    ]


def test_columns_are_aligned() -> None:
    """A cost of 2 µs beside a peak of 84 MFLOP/s: half of it, the ratios as in `ROW`."""
    row = scaled(2.0**-20)
    assert list(table.heading(row, 6.4e9)) == [
        "",
        "mlp:2-3-1@2/4  perceptron 2-3-1, batch 2 of 4",
        "float64, 8 steps, GEMM peak 6 GFLOP/s",
        "members  theorycheck  of peak               × plain                × vmap",
    ]
    assert table.line(row, 84 * 2.0**20) == (
        "      4      1.91 µs    50.0%      2.00 (2.00–3.00)          not measured"
    )


@pytest.mark.parametrize("factor", [1.0, 0.75])
def test_a_ratio_that_varies_too_much_is_no_number(factor: float) -> None:
    """Quartiles 1 and 2 are as far apart as they may be; times of 3/4 make them 3/4 and 2."""
    engine = Timing("theorycheck", members=4, steps=8, seconds=(32.0, 32.0, 32.0))
    theirs = Timing("vmap", members=4, steps=8, seconds=(factor * 32.0, factor * 32.0, 96.0))
    steady = Comparison(engine, theirs)
    row = replace(ROW, comparisons=(steady,))
    assert Spread.of(steady.ratios) == Spread(factor, factor, (factor + 3) / 2)
    assert row.measured(steady) == ("not measured" not in table.line(row, 1.0)) == (factor == 1)
    notes = list(table.footing([row]))
    assert notes == (
        []
        if factor == 1
        else ["not measured: quartiles of the ratio to vmap differ by more than a factor of 2"]
    )


def test_on_a_busy_machine_nothing_is_measured() -> None:
    for cores, shown in ((None, True), (BUSIEST, True), (2 * BUSIEST, False)):
        row = replace(ROW, elsewhere=cores)
        assert row.measured(ROW.comparisons[0]) == shown
        line = table.line(row, 1.0)
        assert ("2.00 (2.00–3.00)" in line, "µs" in line, "%" in line) == (shown, shown, shown)
        assert line.count("not measured") == (1 if shown else 3)
        assert len(line) == len(table.line(ROW, 1.0))


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (2e-9, "0.00200 µs"),
        (0.5e-6, "0.500 µs"),
        (1e-6, "1.00 µs"),
        (20.3e-6, "20.3 µs"),
        (345.6e-6, "346 µs"),
        (12.0, "12000000 µs"),
    ],
)
def test_costs_have_three_digits_and_no_exponent(seconds: float, shown: str) -> None:
    """The engine's median cost in `ROW` is 2 seconds."""
    cost = table.line(scaled(seconds / 2), 1.0)[9:20]
    assert cost == shown.rjust(11)


def test_the_footing_tells_what_was_cut() -> None:
    """A program that had fewer members, and one that made fewer steps; the engine had all."""
    line, note = table.footing([ROW, replace(ROW, members=16)])
    assert note == "not measured: quartiles of the ratio to vmap differ by more than a factor of 2"
    assert line == (
        "timed on less (members × steps): plain 1 of 4, 1 of 16; vmap 4×4 of 4, 4×4 of 16; "
        "theorycheck 4 of 16"
    )
    [comparison, _] = ROW.comparisons
    whole = replace(comparison, competitor=replace(comparison.competitor, members=4))
    assert list(table.footing([replace(ROW, comparisons=(whole,))])) == []


def test_the_footing_tells_of_busy_cores() -> None:
    """The most of all rows; a tenth of a core is nothing, and what is unknown says nothing."""
    calm = [replace(ROW, elsewhere=cores) for cores in (None, 0.0, table.DISTURBING)]
    assert not any("cores" in line for line in table.footing(calm))
    rows = [replace(ROW, elsewhere=cores) for cores in (0.5, 1.75, None)]
    *_, line = table.footing(rows)
    assert line == "other programs kept up to 1.8 cores busy: repeat this when they are done"
