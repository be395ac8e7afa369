"""The pauses between tries."""

from __future__ import annotations

from videoengine.streams import LiveConfig
from videoengine.streams.live_reader import pause_after


def test_the_shipped_pauses_are_a_tenth_of_a_second_for_five_and_then_double_to_thirty() -> None:
    config, at_s, pauses = LiveConfig(), 0.0, list[float]()
    while len(pauses) < 62:
        pause_s = pause_after(at_s, config)
        pauses.append(round(pause_s, 6))
        at_s += pause_s
    assert pauses[:50] == [0.1] * 50
    assert pauses[51:] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0, 30.0]


def test_no_pause_is_longer_than_the_cap() -> None:
    config = LiveConfig(retry_s=0.05, quick_s=0.0, cap_s=0.4)
    assert {pause_after(outage_s / 100, config) for outage_s in range(1000)} == {0.1, 0.2, 0.4}
