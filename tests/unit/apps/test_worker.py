from __future__ import annotations

import threading

import pytest

from videoengine.apps.worker import AHEAD, Worker


def test_calls_are_made_in_order_in_one_other_thread() -> None:
    made: list[tuple[int, int]] = []
    with Worker("test") as worker:
        for number in range(50):
            worker.call(lambda n: made.append((n, threading.get_ident())), number)
    assert [number for number, _ in made] == list(range(50))
    assert {thread for _, thread in made}.isdisjoint({threading.get_ident()})


def test_the_caller_waits_when_it_is_too_far_ahead() -> None:
    gate = threading.Event()
    began: list[int] = []
    with Worker("test") as worker:
        for number in range(AHEAD):
            worker.call(gate.wait)
            began.append(number)
        threading.Timer(0.05, gate.set).start()
        worker.call(lambda: None)
        assert gate.is_set()


def test_what_a_call_raises_reaches_the_caller() -> None:
    def fail() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), Worker("test") as worker:
        worker.call(fail)


def test_after_an_exception_the_calls_that_wait_are_left_out() -> None:
    made: list[int] = []
    gate = threading.Event()

    def interrupted() -> None:
        with Worker("test") as worker:
            worker.call(gate.wait)
            worker.call(made.append, 1)
            threading.Timer(0.05, gate.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert made == []
