"""Losses in few rows: an outage once, drops by cause, slower stages as stretches."""

from __future__ import annotations

from typing import Any

from support.events import NS, event, gap, privacy, quality, run_line

from videoengine.apps.report.shedding import Row, rows_of, unanalyzed
from videoengine.events import Event
from videoengine.timeline import Timeline, TimelineBuilder, closed_runs


def told(*events: Event, ledger: dict[str, Any] | None = None) -> Timeline:
    closing = run_line("closed", 60.0, ordinal=9)
    closing.payload["ledger"] = ledger or {}
    everything = [run_line("opened"), *events, closing]
    builder = TimelineBuilder(closed_runs(everything))
    for one in everything:
        builder.add(one)
    return builder.build()


def drop(seconds: float, cause: str = "stale", count: int = 1, stage: str = "quality") -> Event:
    payload = {"edge": f"s0/{stage}", "cause": cause, "count": count}
    return event("drop", seconds, payload, stage="engine", ordinal=round(seconds * 100))


def shed(seconds: float, from_hz: float, to_hz: float) -> Event:
    payload = {
        "stage": "quality", "cause": "overload", "count": 0, "from_rate_hz": from_hz,
        "to_rate_hz": to_hz,
    }  # fmt: skip
    return event("load_shed", seconds, payload, stage="engine")


def rows(timeline: Timeline, kind: str) -> list[Row]:
    return [row for row in rows_of(timeline) if row.kind == kind]


def test_a_gap_and_its_reconnect_are_one_row_that_counts_once() -> None:
    lost = gap(1, 1.0, 9.0, 5.0, "reconnect")
    payload = {"cause": "stalled", "duration_ns": 5 * NS, "attempts": 3}
    back = event("reconnect", 9.0, payload, stage="engine", epoch=1, evidence=list(lost.evidence))
    timeline = told(quality(0.0), lost, back, quality(9.0, blur=0.0))
    found = [row for row in rows_of(timeline) if row.kind in ("gap", "reconnect")]
    assert [(row.title, row.detail) for row in found] == [
        ("Feed lost", "it stalled; back after 3 tries")
    ]
    assert found[0].end_ns - found[0].start_ns == 5 * NS


def test_a_gap_alone_says_what_it_always_said() -> None:
    (row,) = rows(told(quality(0.0), gap(1, 1.0, 9.0, 5.0)), "gap")
    assert (row.title, row.detail) == ("No video", "no frames were recorded")


def test_drops_of_one_cause_are_joined_while_they_are_near() -> None:
    near = [drop(1.0 + n) for n in range(5)]
    timeline = told(privacy(0.0), *near, drop(30.0, count=2), drop(31.0, "timeout"))
    assert [(row.detail, row.stretches) for row in rows(timeline, "drop")] == [
        ("5 of quality: too old before their turn", 5),
        ("2 of quality: too old before their turn", 1),
        ("1 of quality: in calls that took too long", 1),
    ]


def test_hundreds_of_drops_are_one_row() -> None:
    timeline = told(*(drop(20.0 * n) for n in range(200)))
    (row,) = rows(timeline, "drop")
    assert row.detail.startswith("200 of quality")


def test_a_stage_that_ran_less_often_is_one_stretch_at_its_lowest_rate() -> None:
    timeline = told(
        privacy(0.0), shed(10.0, 5.0, 2.5), shed(12.0, 2.5, 1.25), shed(20.0, 1.25, 2.5),
        shed(22.0, 2.5, 5.0), shed(40.0, 5.0, 2.5), privacy(59.0),
    )  # fmt: skip
    assert [
        (row.start_ns / NS, row.end_ns / NS, row.detail) for row in rows(timeline, "load_shed")
    ] == [
        (10.0, 22.0, "quality analyzed at 1.25 instead of 5 samples a second"),
        (40.0, 59.04, "quality analyzed at 2.5 instead of 5 samples a second"),
    ]


def test_samples_that_were_not_analyzed_are_counted_from_the_ledgers() -> None:
    ledger = {
        "s0/quality": {"captured": 9, "served": 4, "dropped": {"stale": 3, "full": 2}},
        "s0/privacy": {"captured": 9, "served": 8, "dropped": {"stale": 1, "error": 0}},
    }
    assert unanalyzed(told(ledger=ledger)) == {"stale": 4, "full": 2}


def test_without_any_event_there_is_no_row() -> None:
    assert list(rows_of(told())) == []


def test_what_was_shed_is_told_once_by_the_stretch() -> None:
    timeline = told(privacy(0.0), shed(10.0, 5.0, 2.5), drop(11.0, "shed"), shed(20.0, 2.5, 5.0))
    assert [row.kind for row in rows_of(timeline)] == ["load_shed"]


def test_a_decoder_that_left_pictures_out_is_told_as_stretches() -> None:
    def turn(seconds: float, mode: str) -> Event:
        payload = {
            "stage": f"decode:{mode}", "cause": "decoding is late", "count": 3,
            "from_rate_hz": 25.0, "to_rate_hz": 25.0,
        }  # fmt: skip
        return event("load_shed", seconds, payload, stage="engine")

    timeline = told(privacy(0.0), turn(5.0, "nonref"), turn(6.0, "nonkey"), turn(9.0, "all"))
    assert [(row.title, row.start_ns / NS, row.end_ns / NS) for row in rows_of(timeline)] == [
        ("Pictures that no other needs were not decoded", 5.0, 6.0),
        ("Only key pictures were decoded", 6.0, 9.0),
    ]
