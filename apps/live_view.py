"""The dashboard of `live`: how every stream and stage fares, on a terminal or as lines."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from videoengine.apps.report.html import counted, size
from videoengine.media_time import clock
from videoengine.snapshot import Snapshot, StageSnapshot, StreamSnapshot
from videoengine.sources import LiveStatus

Tell = Callable[[Snapshot], None]
WIDE: Final = 100
"""Columns from which the service times are shown too."""
OTHER_ROWS: Final = 9
"""Most rows of a stream's panel beside one per stage."""
FRESH_MS: Final = 1000.0
"""A newest frame older than this is marked."""
LOOKS: Final = {
    "live": ("●", "bold green"),
    "replay": ("●", "bold green"),
    "connecting": ("◌", "bold yellow"),
    "backoff": ("◌", "bold yellow"),
    "stalled": ("●", "bold red"),
    "closed": ("■", "dim"),
}


def state_words(status: LiveStatus | None) -> str:
    """Return what a feed does, in a few words."""
    if status is None:
        return "replay"
    tries = f", try {status.attempts}" if status.attempts > 1 else ""
    if status.state == "backoff":
        return f"lost, next try in {math.ceil(status.retry_in_s)} s{tries}"
    if status.state == "connecting":
        return f"connecting{tries}"
    return "ended" if status.state == "closed" else status.state


def left_out(dropped: Mapping[str, int]) -> str:
    """Return how many samples were left out and why, or an empty string."""
    parts = [f"{count:,} {cause.replace('_', ' ')}" for cause, count in dropped.items() if count]
    return ", ".join(parts)


def _ms(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms"


def _pair(half: float | None, most: float | None) -> str:
    if half is None or most is None:
        return "–"
    return f"{_ms(half)} / {_ms(most)}"


def view(snapshot: Snapshot, width: int, height: int = 1000) -> RenderableType:
    """Return the dashboard for a terminal of `width` columns and `height` rows."""
    if not snapshot.streams:
        return Panel(Text("No stream yet.", style="dim"), title="videoengine live")
    if sum(OTHER_ROWS + len(stream.stages) for stream in snapshot.streams) >= height:
        return _rows(snapshot)
    return Group(*(_stream(stream, width) for stream in snapshot.streams))


def _stream(stream: StreamSnapshot, width: int) -> RenderableType:
    state = "replay" if stream.live is None else stream.live.state
    mark, style = LOOKS.get(state, ("●", "bold"))
    title = Text.assemble(
        (f" {mark} ", style), (stream.stream_id, "bold"), (f" {state_words(stream.live)} ", style)
    )
    rows: list[RenderableType] = [_facts(stream)]
    dropped = left_out(stream.dropped)
    if dropped:
        rows.append(Text.assemble(("not analyzed  ", "dim"), (dropped, "yellow")))
    if stream.live is not None and stream.live.last_failure:
        lost = "last loss     " if state == "live" else "lost          "
        text = Text.assemble((lost, "dim"), (stream.live.last_failure, "red"), overflow="ellipsis")
        text.no_wrap = True
        rows.append(text)
    if stream.stages:
        rows.append(_stages(stream, width))
    border = "red" if state == "stalled" else "yellow" if state in ("backoff", "connecting") else ""
    return Panel(
        Group(*rows), title=title, title_align="left", border_style=border or "dim", width=width
    )


def _rows(snapshot: Snapshot) -> RenderableType:
    """Return a row a stream, where panels would be higher than the terminal."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("stream", no_wrap=True, max_width=18)
    table.add_column("state", no_wrap=True, max_width=24)
    for name in ("case time", "newest", "events", "dropped"):
        table.add_column(name, justify="right", no_wrap=True)
    for stream in snapshot.streams:
        state = "replay" if stream.live is None else stream.live.state
        _, style = LOOKS.get(state, ("", "bold"))
        dropped = sum(stream.dropped.values())
        table.add_row(
            Text(stream.stream_id), Text(state_words(stream.live), style=style),
            clock(stream.case_ns), _ms(stream.age_ms), f"{stream.events:,}",
            Text(f"{dropped:,}", style="yellow" if dropped else ""),
        )  # fmt: skip
    return table


def _facts(stream: StreamSnapshot) -> RenderableType:
    """Return the numbers of a stream in a grid that wraps nowhere at 80 columns."""
    age = stream.age_ms
    late = "red" if age is not None and age > FRESH_MS else ""
    status = stream.live
    pairs: list[tuple[str, str, str]] = [
        ("case time", clock(stream.case_ns), ""),
        ("newest frame", "–" if age is None else f"{_ms(age)} ago", late),
        ("frames", f"{stream.frames:,}", ""),
        ("events", f"{stream.events:,}", ""),
    ]
    if status is not None:
        skips = "" if status.decode_mode == "all" else f" ({status.decode_mode})"
        pairs += [
            ("recorded", size(status.recorded_bytes), ""),
            ("received", size(status.received_bytes), ""),
            ("reconnects", f"{status.reconnects:,}", "yellow" if status.reconnects else ""),
            ("to decode", f"{status.waiting_packets:,}{skips}", "yellow" if skips else ""),
        ]
    grid = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(4):
        grid.add_column(no_wrap=True, min_width=16)
    for at in range(0, len(pairs), 4):
        grid.add_row(*(Text(name, style="dim") for name, _, _ in pairs[at : at + 4]))
        grid.add_row(*(Text(value, style=style) for _, value, style in pairs[at : at + 4]))
    return grid


def _stages(stream: StreamSnapshot, width: int) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("stage", no_wrap=True, max_width=18)
    table.add_column("rate", no_wrap=True)
    for name in ("waiting", "analyzed", "dropped"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("age p50 / p99", justify="right", no_wrap=True)
    if width >= WIDE:
        table.add_column("service p50 / p99", justify="right", no_wrap=True)
    for stage in stream.stages:
        cells = [
            Text(stage.name, style="red strike" if stage.disabled else ""),
            _rate(stage),
            Text(f"{stage.waiting:,}", style="yellow" if stage.waiting > 1 else ""),
            Text(f"{stage.served:,}"),
            Text(f"{stage.dropped:,}", style="yellow" if stage.dropped else ""),
            Text(_pair(stage.age_p50_ms, stage.age_p99_ms)),
        ]
        if width >= WIDE:
            cells.append(Text(_pair(stage.service_p50_ms, stage.service_p99_ms)))
        table.add_row(*cells)
    return table


def _rate(stage: StageSnapshot) -> Text:
    """Return the rate that a stage is fed at, marked when it is thinned."""
    if stage.disabled:
        return Text("off", style="red")
    if stage.thin == 0:
        return Text("shed", style="yellow")
    if stage.thin > 1:
        text = f"{stage.rate_hz:.3g}/s of {stage.rate_hz * stage.thin:.3g}"
        return Text(text, style="yellow")
    return Text(f"{stage.rate_hz:g}/s")


def lines(snapshot: Snapshot) -> Iterator[str]:
    """Yield one line a stream."""
    for stream in snapshot.streams:
        parts = [f"{stream.stream_id} {state_words(stream.live)}: {clock(stream.case_ns)}"]
        parts.append(counted(stream.frames, "frame"))
        parts.append(counted(stream.events, "event"))
        if stream.age_ms is not None:
            parts.append(f"newest {_ms(stream.age_ms)} old")
        if stream.live is not None and stream.live.reconnects:
            parts.append(counted(stream.live.reconnects, "reconnect"))
        dropped = left_out(stream.dropped)
        if dropped:
            parts.append(f"not analyzed {dropped}")
        if stream.live is not None and stream.live.state != "live" and stream.live.last_failure:
            parts.append(stream.live.last_failure)
        yield ", ".join(parts)


@contextmanager
def dashboard() -> Iterator[Tell]:
    """Yield a callback for snapshots: panels on a terminal, else a line a second on stderr."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    console = Console(stderr=True)
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as shown:

        def tell(snapshot: Snapshot) -> None:
            shown.update(view(snapshot, console.width, console.height), refresh=True)

        yield tell


class _Lines:
    """Writes each stream's line at most once a second."""

    def __init__(self) -> None:
        self._due = time.monotonic() + 1.0

    def __call__(self, snapshot: Snapshot) -> None:
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + 1.0
        for line in lines(snapshot):
            print(line, file=sys.stderr, flush=True)
