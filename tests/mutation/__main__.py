"""Try mutants of modules, and write ``reports/mutation.md``.

Without arguments all modules are tried, and the table is written; of named ones the survivors are
printed. It takes an hour, and belongs in no run that somebody waits for. What was tried is kept in
``build/mutation.jsonl``, so that a run goes on where the last one was interrupted.
"""

from __future__ import annotations

import argparse
import math
import os
import random
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack

from tests.mutants import ROOT
from tests.mutation.mutator import Mutant, Mutator
from tests.mutation.record import EQUIVALENT, QUICK, Places, Row, Tried, reasons, table
from tests.mutation.targets import TARGETS, source_of
from tests.mutation.trials import Trials

TABLE = ROOT / "reports" / "mutation.md"


def chosen(mutants: list[Mutant], sample: int | None, seed: int) -> list[Mutant]:
    """A sample in the order of the source; a larger one holds a smaller one of the same seed."""
    order = list(range(len(mutants)))
    if sample is not None:
        random.Random(seed).shuffle(order)
    return [mutants[i] for i in sorted(order[:sample])]


def tried(
    module: str, sample: int | None, seed: int, known: Tried, why: Places, processes: int
) -> Row:
    """Try the mutants of a module that are not known yet; none of them without processes."""
    mutants = list(Mutator(source_of(module)).mutants())
    asked = chosen(mutants, sample, seed)
    new = [mutant for mutant in asked if not known.knows(module, mutant)]
    if not processes:
        # Who survived other tests than those of today would be missing.
        stale = any(known.tried(module, mutant) for mutant in new)
        asked = [] if stale else [mutant for mutant in asked if mutant not in new]
    elif new:
        with ExitStack() as stack:
            first = stack.enter_context(Trials(module))
            others = [Trials(module, first.known) for _ in range(min(processes, len(new)) - 1)]
            free = [first, *map(stack.enter_context, others)]
            pool = stack.enter_context(ThreadPoolExecutor(len(free)))

            def notice(mutant: Mutant) -> str | None:
                trials = free.pop()
                try:
                    return trials.who_notices(mutant, QUICK if mutant.place in why else math.inf)
                finally:
                    free.append(trials)

            # In any order, so that a run that is interrupted has tried a sample too.
            shuffled = random.Random(seed).sample(new, len(new))
            futures = {pool.submit(notice, mutant): mutant for mutant in shuffled}
            for future in as_completed(futures):
                known.add(module, futures[future], future.result())
    survivors = tuple(mutant for mutant in asked if known.noticed(module, mutant) is None)
    return Row(module, len(mutants), len(asked), survivors)


def main() -> None:
    """Try, print the survivors, and write the table of all."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.mutation")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="try these only")
    parser.add_argument("--sample", type=int, metavar="N", help="try only N mutants of each module")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of a sample")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, metavar="N",
        help="that try mutants; with 0, say what is known of those that were tried",
    )  # fmt: skip
    options = parser.parse_args()
    unknown = sorted(set(options.modules) - set(TARGETS))
    if unknown:
        parser.error(
            f"no tests are named for {', '.join(unknown)}; choose from {', '.join(TARGETS)}"
        )
    known, why, rows = Tried(), reasons(EQUIVALENT.read_text(encoding="utf-8")), []
    for module in options.modules or TARGETS:
        places = why.get(module, {})
        row = tried(module, options.sample, options.seed, known, places, options.processes)
        if row.tried:
            rows.append(row)
        equivalent = [mutant.place in places for mutant in row.survivors]
        print(
            f"{module}: of {row.mutants} mutants {row.tried} tried, {len(row.survivors)} survive,"
            f" {sum(equivalent)} of them equivalent",
            flush=True,
        )
        for mutant, is_known in zip(row.survivors, equivalent, strict=True):
            if not is_known:
                print(f"    {mutant}", flush=True)
    if not options.modules and options.sample is None:
        TABLE.write_text(table(rows, why), encoding="utf-8")


if __name__ == "__main__":
    main()
