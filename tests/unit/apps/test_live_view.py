"""The dashboard, at 80 and 120 columns, and as lines."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from videoengine.apps.live_view import lines, view
from videoengine.snapshot import Snapshot, StageSnapshot, StreamSnapshot
from videoengine.sources import LiveStatus


def stage(name: str, **changes: Any) -> StageSnapshot:
    values: dict[str, Any] = {
        "name": name, "rate_hz": 5.0, "thin": 1, "waiting": 0, "served": 3750, "dropped": 0,
        "age_p50_ms": 63.0, "age_p99_ms": 182.0, "service_p50_ms": 8.1, "service_p99_ms": 21.0,
        "disabled": False,
    }  # fmt: skip
    return StageSnapshot(**{**values, **changes})


def stream(stream_id: str, live: LiveStatus | None, **changes: Any) -> StreamSnapshot:
    values: dict[str, Any] = {
        "stream_id": stream_id, "live": live, "case_ns": 751_000_000_000, "frames": 18775,
        "events": 7512, "age_ms": 84.0, "dropped": {}, "stages": (stage("quality"),
        stage("privacy")),
    }  # fmt: skip
    return StreamSnapshot(**{**values, **changes})


WELL = LiveStatus("live", received_bytes=812_345_678, recorded_bytes=812_000_000)
LOST = LiveStatus(
    "backoff", attempts=6, reconnects=2, retry_in_s=3.4, received_bytes=1_000_000,
    last_failure="rtsp://***@10.1.2.3/room-4: connection refused by the sender, " * 3,
)  # fmt: skip
SLOW = (
    stage("quality", rate_hz=2.5, thin=2, dropped=1312, age_p99_ms=12_400.0, waiting=3),
    stage("depth", rate_hz=0.0, thin=0),
    stage("privacy", disabled=True, age_p50_ms=None, age_p99_ms=None),
)
DROPPED = {"stale": 1312, "abandoned": 2}
SNAPSHOT = Snapshot(
    (
        stream("s0", WELL),
        stream("theatre-4", LOST, age_ms=8312.0, dropped=DROPPED, stages=SLOW),
    )
)


def rendered(width: int) -> str:
    console = Console(record=True, width=width, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(view(SNAPSHOT, width))
    return console.export_text()


@pytest.mark.parametrize("width", [80, 120])
def test_the_dashboard_fits_and_cuts_no_number(width: int) -> None:
    text = rendered(width)
    assert all(len(line) <= width for line in text.splitlines())
    for part in (
        "s0 live", "0:12:31", "18,775", "7,512", "84 ms ago", "812.0 MB", "63 ms / 182 ms",
        "lost, next try in 4 s, try 6", "8.3 s ago", "2.5/s of 5", "1,312 stale, 2 abandoned",
        "12.4 s", "off", "shed",
    ):  # fmt: skip
        assert part in text, f"{part}\n{text}"


def test_the_wide_dashboard_shows_service_times() -> None:
    assert "service p50 / p99" not in rendered(80)
    assert "8 ms / 21 ms" in rendered(120)


def test_no_credential_is_shown() -> None:
    status = LiveStatus("stalled", last_failure="rtsp://***@host/x: stalled")
    text = " ".join(lines(Snapshot(streams=(stream("s0", status),))))
    assert "***" in text


def test_lines_say_the_state_of_each_stream() -> None:
    said = list(lines(SNAPSHOT))
    assert said[0] == ("s0 live: 0:12:31, 18,775 frames, 7,512 events, newest 84 ms old")
    assert said[1].startswith(
        "theatre-4 lost, next try in 4 s, try 6: 0:12:31, 18,775 frames, 7,512 events, "
        "newest 8.3 s old, 2 reconnects, not analyzed 1,312 stale, 2 abandoned, rtsp://***@"
    )


def test_without_a_stream_the_dashboard_says_so() -> None:
    console = Console(record=True, width=80, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(view(Snapshot(streams=()), 80))
    assert "No stream yet" in console.export_text()


def test_many_streams_are_one_row_each_where_panels_do_not_fit() -> None:
    console = Console(record=True, width=80, file=open("/dev/null", "w"))  # noqa: SIM115
    many = Snapshot(streams=SNAPSHOT.streams * 4)
    console.print(view(many, 80, 24))
    text = console.export_text().splitlines()
    assert len(text) == 9
    assert all(len(line) <= 80 for line in text)
    assert "lost, next try in 4 s" in text[2]
    assert "1,314" in text[2]
