"""Times as people say them."""

from __future__ import annotations

import pytest

from videoengine.models.vlm.findings import Window
from videoengine.models.vlm.spoken_times import find_times

NS = 1_000_000_000
END_NS = 600 * NS


@pytest.mark.parametrize(
    ("said", "second"),
    [
        ("at 3:20", 200),
        ("at 1:03:20", 3800),
        ("at 3 minutes 20", 200),
        ("at three minutes and twenty seconds", 200),
        ("at minute 3", 180),
        ("at 90s", 90),
        ("at 2m30s", 150),
        ("one and a half minutes in", 90),
        ("at twenty-five seconds", 25),
        ("at the start", 0),
        ("at the end of the video", 600),
        ("halfway through the video", 300),
        ("at the 3:20 mark", 200),
    ],
)
def test_a_moment_is_understood(said: str, second: int) -> None:
    _, times = find_times(said, END_NS)
    assert times.moments == (second * NS,)


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ("between 1:00 and 2:00", 60, 120),
        ("from 1:00 to 2:00: is", 60, 120),
        ("from 1:00 until 2:00", 60, 120),
        ("1:00 to 2:00", 60, 120),
        ("between minute 2 and 4", 120, 240),
        ("between 2 and 4 minutes", 120, 240),
        ("in the first five minutes", 0, 300),
        ("in the last minute", 540, 600),
        ("in the 30 seconds after 3:20", 200, 230),
        ("in the last 30 seconds before 3:20", 170, 200),
        ("within twenty seconds of 3:00", 160, 200),
        ("after 1:00 and before 2:00", 60, 120),
    ],
)
def test_a_stretch_is_understood(said: str, first: int, last: int) -> None:
    _, times = find_times(said, END_NS)
    assert times.window(END_NS) == Window(first * NS, last * NS)


@pytest.mark.parametrize(
    "said", ["after 1:00", "looking from 1:00 on", "since 1:00", "1:00 onwards"]
)
def test_what_comes_after_a_time_reaches_to_the_end(said: str) -> None:
    _, times = find_times(said, END_NS)
    assert times.window(END_NS) == Window(60 * NS, END_NS)


@pytest.mark.parametrize("said", ["before 1:00", "looking back from 1:00: what", "until 1:00"])
def test_what_comes_before_a_time_reaches_from_the_start(said: str) -> None:
    _, times = find_times(said, END_NS)
    assert times.window(END_NS) == Window(0, 60 * NS)


@pytest.mark.parametrize("said", ["how many seconds", "is a second grasper in view", "2 graspers"])
def test_what_is_no_time_is_left_alone(said: str) -> None:
    words, times = find_times(said, END_NS)
    assert (words, bool(times)) == (said, False)
