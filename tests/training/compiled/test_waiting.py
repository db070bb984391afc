"""Work that waits: taken in order, put by those at work, ended when nobody can put any more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import sleep

import pytest

from theorycheck.training.compiled.waiting import Waiting


def test_one_thread_takes_everything_in_order_and_what_it_puts() -> None:
    waiting = Waiting([3, 1, 2], 1)
    taken = []
    while (number := waiting.take()) is not None:
        assert not waiting.wanted
        taken.append(number)
        if number == 1:
            waiting.put(7)
    assert taken == [3, 1, 2, 7]


def test_who_finds_nothing_is_wanted_and_takes_what_is_put() -> None:
    """The second thread waits while the first is at work, and gets what that one puts."""
    waiting = Waiting(["first"], 2)
    started, given = Barrier(2), Barrier(2)

    def first() -> list[str | None]:
        own = waiting.take()
        started.wait()
        while not waiting.wanted:
            sleep(0)
        waiting.put("second")
        given.wait()
        return [own, waiting.take()]

    def second() -> list[str | None]:
        started.wait()
        own = waiting.take()
        given.wait()
        return [own, waiting.take()]

    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(first), pool.submit(second)]
        assert [f.result(timeout=20) for f in found] == [["first", None], ["second", None]]


@pytest.mark.parametrize("threads", [2, 5])
def test_nobody_waits_for_a_thread_that_failed(threads: int) -> None:
    """The others do what is left and end."""
    waiting = Waiting(range(40), threads)
    started = Barrier(threads)

    def work(fails: bool) -> list[int]:
        found = []
        try:
            if fails:
                waiting.take()
            started.wait()
            if fails:
                raise RuntimeError("lost")
            while (number := waiting.take()) is not None:
                found.append(number)
        finally:
            waiting.leave()
        return found

    with ThreadPoolExecutor(threads) as pool:
        runs = [pool.submit(work, thread == 0) for thread in range(threads)]
        with pytest.raises(RuntimeError, match="lost"):
            runs[0].result(timeout=20)
        taken = [number for run in runs[1:] for number in run.result(timeout=20)]
    assert len(taken) == len(set(taken)) == 39
