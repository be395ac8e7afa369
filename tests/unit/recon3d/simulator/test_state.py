"""The history of states: bounded, however long a procedure is."""

from __future__ import annotations

import tracemalloc

from videoengine.recon3d.simulator.stains import Stains
from videoengine.recon3d.simulator.state import History, State


def test_history_keeps_a_bounded_number_of_copies() -> None:
    history = History(State(Stains((8, 8), (1.0, 1.0), wraps=False)))
    tracemalloc.start()
    try:
        peaks: list[int] = []
        for tick in range(100_000):
            history.newest.tick = tick
            history.note()
            if tick in (25_000, 99_999):
                peaks.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 1000
    for tick in (99_999, 50_000, 12_345, 300, 0):
        state = history.back_to(tick)
        assert state.tick <= tick
        assert tick - state.tick <= 2 * 100_000 / History.MOST
