"""What an Engine looks like at one moment: for people (`Snapshot`) and for Prometheus (text)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from videoengine.ladder import clip_rate
from videoengine.lane import Lane
from videoengine.latency import Histogram, Labels, counter_text, histogram_text
from videoengine.sources import LiveFeed, LiveStatus
from videoengine.stage_lane import StageLane

NS_PER_MS = 1e6


@dataclass(frozen=True, slots=True)
class StageSnapshot:
    """One stage of one stream."""

    name: str
    rate_hz: float
    """Clips a second of media time that it is fed now; 0 when it is off."""
    thin: int
    """Every n-th clip is fed; 0 feeds none."""
    waiting: int
    served: int
    dropped: int
    age_p50_ms: float | None
    """Of results; None before the first."""
    age_p99_ms: float | None
    service_p50_ms: float | None
    service_p99_ms: float | None
    disabled: bool


@dataclass(frozen=True, slots=True)
class StreamSnapshot:
    """One stream."""

    stream_id: str
    live: LiveStatus | None
    """None for a recorded source."""
    case_ns: int
    frames: int
    events: int
    age_ms: float | None
    """Time since the newest frame arrived; None before the first."""
    dropped: dict[str, int]
    """By cause, over all edges."""
    stages: tuple[StageSnapshot, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every stream that is running."""

    streams: tuple[StreamSnapshot, ...]


def snapshot_of(lanes: Sequence[Lane]) -> Snapshot:
    """Return how the lanes fare now; under the condition."""
    return Snapshot(tuple(_stream(lane) for lane in lanes))


def status_of(lane: Lane) -> LiveStatus | None:
    """Return how a live feed fares, or None."""
    return lane.source.status() if isinstance(lane.source, LiveFeed) else None


def _stream(lane: Lane) -> StreamSnapshot:
    frame = lane.last_frame
    dropped: dict[str, int] = {}
    for stage in lane.stages:
        for cause, count in stage.edge.ledger.dropped.items():
            dropped[cause] = dropped.get(cause, 0) + count
    age_ms = None if frame is None else (time.monotonic_ns() - frame.arrival_ns) / NS_PER_MS
    return StreamSnapshot(
        lane.stream_id,
        status_of(lane),
        lane.case_ns,
        lane.frames,
        lane.events,
        age_ms,
        dropped,
        tuple(_stage(stage) for stage in lane.stages),
    )


def _stage(stage: StageLane) -> StageSnapshot:
    spec, ledger = stage.stage.spec, stage.edge.ledger
    return StageSnapshot(
        spec.name,
        clip_rate(spec, stage.thin),
        stage.thin,
        len(stage.edge),
        ledger.served,
        sum(ledger.dropped.values()),
        _ms(stage.age, 50),
        _ms(stage.age, 99),
        _ms(stage.service, 50),
        _ms(stage.service, 99),
        stage.disabled,
    )


def _ms(histogram: Histogram, percent: float) -> float | None:
    return histogram.percentile_ns(percent) / NS_PER_MS if histogram.count else None


def metrics_text(lanes: Sequence[Lane]) -> str:
    """Return the Prometheus text of every stream and stage; under the condition."""
    pairs = {
        (lane.stream_id, stage.stage.spec.name): stage for lane in lanes for stage in lane.stages
    }
    counts: dict[Labels, float] = {}
    rates: dict[Labels, float] = {}
    for (stream, name), stage in pairs.items():
        ledger = stage.edge.ledger
        for cause, count in {"served": ledger.served, **ledger.dropped}.items():
            counts[("stream", stream), ("edge", name), ("outcome", cause)] = count
        rates[("stream", stream), ("stage", name)] = clip_rate(stage.stage.spec, stage.thin)
    service = {key: stage.service for key, stage in pairs.items()}
    age = {key: stage.age for key, stage in pairs.items()}
    texts = [
        histogram_text(
            "videoengine_stage_service_seconds", service, "Time a stage takes for one clip."
        ),
        histogram_text(
            "videoengine_stage_age_seconds", age, "From a frame's arrival to the end of its result."
        ),
        counter_text("videoengine_edge_items_total", counts, "Clips by what became of them."),
        counter_text(
            "videoengine_stage_rate_hz", rates, "Clips a second that a stage is fed now.", "gauge"
        ),
        _stream_text(lanes),
    ]
    return "\n".join(line for text in texts for line in text) + "\n"


def _stream_text(lanes: Sequence[Lane]) -> list[str]:
    frames: dict[Labels, float] = {(("stream", lane.stream_id),): lane.frames for lane in lanes}
    rows: dict[str, dict[Labels, float]] = {name: {} for name in _LIVE}
    for lane in lanes:
        status = status_of(lane)
        if status is None:
            continue
        values = (
            status.state == "live",
            status.reconnects,
            status.received_bytes,
            status.recorded_bytes,
            status.recorded_packets,
            status.unrecorded_packets,
        )
        for name, value in zip(_LIVE, values, strict=True):
            rows[name][("stream", lane.stream_id),] = int(value)
    lines = [*counter_text("videoengine_frames_total", frames, "Frames read.")]
    for name, row in rows.items():
        lines += counter_text(name, row, _LIVE[name], _kind(name))
    return lines


def _kind(name: str) -> str:
    return "counter" if name.endswith("_total") else "gauge"


_LIVE = {
    "videoengine_stream_live": "1 while the feed gives packets, else 0.",
    "videoengine_stream_reconnects_total": "Times that the feed came back.",
    "videoengine_received_bytes_total": "Bytes received from the feed.",
    "videoengine_recorded_bytes_total": "Bytes of the recording.",
    "videoengine_recorded_packets_total": "Packets in the recording.",
    "videoengine_unrecorded_packets_total": "Packets that the disk refused to record.",
}
