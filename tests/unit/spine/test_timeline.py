"""The Timeline: segments, gaps and gated spans in case time, from the log alone."""

from __future__ import annotations

import pytest
from support.events import NS, event, gap, privacy, quality, run_line

from videoengine.errors import CaseError
from videoengine.events import Event
from videoengine.timeline import SERIES_POINTS, Series, Timeline, TimelineBuilder, closed_runs


def timeline(*events: Event) -> Timeline:
    builder = TimelineBuilder(closed_runs(events))
    for item in events:
        builder.add(item)
    return builder.build()


def seconds(made: Timeline, *kinds: str) -> list[tuple[str, float, float]]:
    return [(s.name, s.start_ns / NS, s.end_ns / NS) for s in made.of(*kinds)]


def test_equal_points_less_than_one_and_a_half_periods_apart_are_one_segment() -> None:
    points = [quality(t, smoke=0.8) for t in (10.0, 10.2, 10.4, 10.7, 10.9)]
    made = timeline(run_line("opened", 10.0), *points, run_line("closed", 10.9))
    assert seconds(made, "quality") == [
        ("smoke", 0.0, pytest.approx(0.44)),
        ("smoke", pytest.approx(0.7), pytest.approx(0.94)),
    ]


def test_gaps_shift_case_time_and_break_segments() -> None:
    events = [
        run_line("opened", 100.0),
        privacy(100.0),
        privacy(100.2),
        gap(1, 100.36, 103.4, 3.0),
        privacy(103.4, epoch=1),
        gap(2, 103.4, 5.0, 0.0, "backward_jump"),
        privacy(5.0, epoch=2),
        run_line("closed", 5.0, epoch=2),
    ]
    made = timeline(*events)
    assert seconds(made, "privacy") == [
        ("in_body", 0.0, pytest.approx(0.24)),
        ("in_body", pytest.approx(3.4), pytest.approx(3.44)),
        ("in_body", pytest.approx(3.44), pytest.approx(3.48)),
    ]
    assert [(m.start_ns / NS, m.end_ns / NS) for m in made.marks] == [
        (pytest.approx(0.4), pytest.approx(3.4)),
        (pytest.approx(3.44), pytest.approx(3.44)),
    ]


def test_case_time_never_goes_back() -> None:
    made = timeline(
        run_line("opened", 50.0),
        gap(1, 60.0, 1.0, 0.0),
        privacy(1.0, epoch=1),
        run_line("closed", 1.0),
    )
    assert made.epochs[1].offset_ns == pytest.approx(10.04 * NS)


def test_the_newest_closed_run_of_a_stage_speaks() -> None:
    old = [run_line("opened"), quality(0.0, blur=0.9), run_line("closed", 1.0, ordinal=1)]
    new = [
        event("run", 0.0, run_line("opened").payload, stage="engine", run_id="two", ordinal=2),
        event("quality", 0.0, quality(0.0).payload, run_id="two"),
        event("run", 1.0, run_line("closed").payload, stage="engine", run_id="two", ordinal=3),
    ]
    assert seconds(timeline(*old), "quality") != []
    assert seconds(timeline(*old, *new), "quality") == []
    assert seconds(timeline(*old, *new[:2]), "quality") != [], "the second run has not closed"


def test_a_case_whose_run_never_closed_asks_for_resume() -> None:
    with pytest.raises(CaseError, match="resume"):
        timeline(run_line("opened"), privacy(0.0))


def test_an_event_in_an_epoch_no_gap_opened_is_damage() -> None:
    with pytest.raises(CaseError, match="epoch 3"):
        timeline(run_line("opened"), privacy(0.0, epoch=3), run_line("closed"))


def test_a_series_keeps_its_peak_in_a_bounded_number_of_points() -> None:
    series = Series()
    for index in range(200_000):
        series.add(index * NS // 5, 1.0 if index == 123_456 else 0.1)
    assert len(series.points) <= SERIES_POINTS
    peak = max(series.points, key=lambda bin_index: series.points[bin_index])
    assert peak == 123_456 * (NS // 5) // series.bin_ns
    assert series.points[peak] == 1.0
