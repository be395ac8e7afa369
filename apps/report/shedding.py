"""What a live run lost or left out, folded into few rows: outages, drops, slower stages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from videoengine.apps.wording import (
    DECODE,
    DECODING,
    drop_reason,
    feed_loss,
    mark_title,
    shed_words,
)
from videoengine.media_time import NS_PER_SECOND
from videoengine.timeline import Mark, Timeline

JOIN_NS: Final = 10 * NS_PER_SECOND
"""Drops of one cause nearer than this are one stretch."""
SHED: Final = "shed"
STRETCHES: Final = 8
"""More stretches of one cause than this are one row."""


@dataclass(slots=True)
class Row:
    """One row of the table before its evidence; times are case time in nanoseconds."""

    kind: str
    title: str
    detail: str
    start_ns: int
    end_ns: int
    epoch: int
    stage: str = ""
    stretches: int = 1
    count: int = 0


def rows_of(timeline: Timeline) -> Iterator[Row]:
    """Yield a row for every outage, stretch of drops and stretch at a lower rate."""
    yield from _outages(timeline.marks)
    yield from _drops(timeline.marks)
    yield from _slower(timeline)
    yield from _decoded_less(timeline)


def _outages(marks: Iterable[Mark]) -> Iterator[Row]:
    """Yield one row for a gap and the reconnect that tells how it ended."""
    gaps: dict[int, Mark] = {}
    told: dict[int, Mark] = {}
    for mark in marks:
        if mark.kind == "gap":
            gaps[mark.epoch] = mark
        elif mark.kind == "reconnect":
            told[mark.epoch] = mark
    for epoch, mark in sorted({**told, **gaps}.items()):
        reconnect = told.get(epoch)
        speaks = reconnect or mark
        detail = feed_loss(speaks.payload, returned=reconnect is not None)
        yield Row(
            speaks.kind, mark_title(speaks), detail, mark.start_ns, mark.end_ns, epoch,
            stage=speaks.stage,
        )  # fmt: skip


def _drops(marks: Iterable[Mark]) -> Iterator[Row]:
    found: dict[tuple[str, str], list[Row]] = {}
    for mark in marks:
        if mark.kind != "drop" or mark.payload.get("cause") == SHED:
            continue  # the stretch at a lower rate says it
        edge, cause = str(mark.payload.get("edge", "")), str(mark.payload.get("cause", ""))
        edge = edge.rpartition("/")[2]
        rows = found.setdefault((edge, cause), [])
        count = int(mark.payload.get("count", 1))
        if rows and mark.start_ns - rows[-1].end_ns <= JOIN_NS:
            _join(rows[-1], mark.end_ns, count)
            continue
        title = mark_title(mark)
        rows.append(
            Row("drop", title, "", mark.start_ns, mark.end_ns, mark.epoch, edge, count=count)
        )
    for (edge, cause), rows in found.items():
        if len(rows) > STRETCHES:
            for row in rows[1:]:
                _join(rows[0], row.end_ns, row.count)
                rows[0].stretches += row.stretches - 1
            del rows[1:]
        for row in rows:
            row.detail = f"{row.count:,} of {edge}: {drop_reason(cause)}"
            yield row


def _join(row: Row, end_ns: int, count: int) -> None:
    row.end_ns = max(row.end_ns, end_ns)
    row.count += count
    row.stretches += 1


def _slower(timeline: Timeline) -> Iterator[Row]:
    """Yield a row from where a stage left its rate to where it came back to it."""
    under_way: dict[str, tuple[Row, float]] = {}
    for mark in timeline.marks:
        if mark.kind != "load_shed" or _mode(mark):
            continue
        payload = mark.payload
        stage, to_hz = str(payload.get("stage", "")), float(payload.get("to_rate_hz") or 0)
        full_hz = _full_rate(timeline, stage, payload)
        row, least = under_way.pop(stage, (None, full_hz))
        if row is None:
            row = Row("load_shed", mark_title(mark), "", mark.start_ns, 0, mark.epoch, stage)
        row.detail = shed_words(stage, min(least, to_hz), full_hz)
        if to_hz < full_hz:
            under_way[stage] = row, min(least, to_hz)
        elif least < full_hz:
            row.end_ns = mark.start_ns
            yield row
    for row, _ in under_way.values():
        row.end_ns = max(row.start_ns, timeline.end_ns)
        yield row


def _mode(mark: Mark) -> str:
    """Return the mode that the decoder turned to, or an empty string."""
    stage = str(mark.payload.get("stage", ""))
    return stage.removeprefix(DECODE) if stage.startswith(DECODE) else ""


def _decoded_less(timeline: Timeline) -> Iterator[Row]:
    """Yield a row for every stretch in which the decoder left pictures out."""
    newest: Row | None = None
    for mark in timeline.marks:
        mode = _mode(mark) if mark.kind == "load_shed" else ""
        if not mode:
            continue
        if newest is not None:
            newest.end_ns = mark.start_ns
            yield newest
        title = DECODING.get(mode, f"Decoding: {mode}")
        newest = Row("load_shed", title, "", mark.start_ns, 0, mark.epoch, "decoder")
        if mode == "all":
            newest = None
    if newest is not None:
        newest.end_ns = max(newest.start_ns, timeline.end_ns)
        yield newest


def _full_rate(timeline: Timeline, stage: str, payload: Mapping[str, Any]) -> float:
    config = timeline.run.get("stages", {}).get(stage, {})
    return float(config.get("rate_hz") or payload.get("from_rate_hz") or 0)


def unanalyzed(timeline: Timeline) -> dict[str, int]:
    """Return how many samples were not analyzed, by cause, from the ledgers of the run."""
    counts: dict[str, int] = {}
    for row in (timeline.run.get("ledger") or {}).values():
        for cause, count in row["dropped"].items():
            if count:
                counts[cause] = counts.get(cause, 0) + count
    return counts
