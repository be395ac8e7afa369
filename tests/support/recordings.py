"""Small real videos and the cases made from them, for tests of what leaves a case."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

import videoengine
from support.events import STAGES, event, privacy, quality, run_line
from videoengine.apps.source_record import record_source
from videoengine.case import Case, Manifest
from videoengine.events import GENESIS, SCHEMA, Event, event_from_json
from videoengine.media_time import EpochClock
from videoengine.streams import open_source

RED = (180, 60, 50)
"""A color no encoder turns into black."""


def write_stamped(
    path: Path,
    stamps: Sequence[int],
    *,
    time_base: Fraction = Fraction(1, 12800),
    size: tuple[int, int] = (64, 48),
    color: Callable[[int], Any] = lambda index: RED,
    aspect: Fraction = Fraction(1),
    codec: str = "libx264",
) -> Path:
    """Write one frame per stamp (ticks) as H.264 without B-frames, or as another codec.

    Args:
        path: File to write; its ending chooses the container.
        stamps: Stamps in ticks.
        time_base: Seconds a tick.
        size: (width, height) in pixels.
        color: Color, or RGB uint8 (H, W, 3), of frame n.
        aspect: Width of a pixel over its height.
        codec: FFmpeg's name of the encoder.
    """
    options = {"crf": "10", "preset": "veryfast", "bf": "0"} if codec == "libx264" else {}
    scale = str(time_base.denominator)
    container_options = {"video_track_timescale": scale, "movie_timescale": scale}
    with av.open(str(path), "w", options=container_options if path.suffix == ".mp4" else {}) as out:
        stream: Any = out.add_stream(codec, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p" if size[0] % 2 == size[1] % 2 == 0 else "yuv444p"
        stream.codec_context.sample_aspect_ratio = aspect
        stream.time_base = stream.codec_context.time_base = time_base
        for index, pts in enumerate(stamps):
            rgb = np.empty((size[1], size[0], 3), np.uint8)
            rgb[:] = color(index)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = pts, time_base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def make_case(
    folder: Path,
    clip: Path,
    *,
    allow: Callable[[float], bool] = lambda seconds: True,
    severities: Callable[[float], dict[str, Any]] = lambda seconds: {},
    circle: dict[str, float] | None = None,
    extra: Iterable[Event] = (),
    closed: bool = True,
    **source: Any,
) -> Path:
    """Make a finished case of a clip with hand-made events at every frame, gaps included.

    Args:
        folder: Case directory.
        clip: The recorded source.
        allow: Privacy decision by case time in seconds.
        severities: Fields of the quality events by case time in seconds.
        circle: View circle of every quality event.
        extra: Further events, logged before the run closes.
        closed: Whether the run closes.
        source: `fps` or `stamps` of a folder.
    """
    manifest = Manifest(
        schema=SCHEMA,
        case_id="c",
        created="2026-01-01T00:00:00+00:00",
        version=videoengine.__version__,
        stream_id="s0",
        modality="laparoscopy",
        procedure=None,
        run_id="run",
        config={"preset": "basic", "stages": [{"name": "quality"}], "modality": "laparoscopy",
                "procedure": None, "until_ns": None},
        source=record_source(str(clip), **source),
    )  # fmt: skip
    with Case.create(folder, manifest) as case:
        log = case.log(fsync="never")
        opened = open_source(str(clip), **source)
        epochs: list[Any] = []
        count = 0
        newest: tuple[int, int, int] = (0, 0, 0)
        for frame in opened:
            epoch = opened.clock.epoch
            assert epoch is not None
            if not count:
                log.append(run_line("opened", frame.pts_ns / 1e9))
            if len(epochs) == frame.epoch:
                epochs.append(epoch)
                if frame.epoch:
                    log.append(_gap(opened.clock, newest, frame))
            seconds = epoch.case_ns(frame.pts_ns) / 1e9
            for made in (
                quality(0.0, circle=circle, **severities(seconds)),
                privacy(0.0, allow(seconds)),
            ):
                log.append(_at(made, frame))
            newest = (frame.epoch, frame.pts_ns, frame.end_ns)
            count += 1
        for item in extra:
            log.append(item)
        if closed:
            log.append(_closing(newest, count))
        log.close()
        opened.close()
        case.save_epochs(epochs)
    return folder


def _at(made: Event, frame: Any) -> Event:
    evidence = [{"stream_id": "s0", "epoch": frame.epoch, "start_ns": frame.pts_ns,
                 "end_ns": frame.end_ns}]  # fmt: skip
    key = f"{made.kind} {frame.seq}"
    return replace(made, key=key, epoch=frame.epoch, start_ns=frame.pts_ns, end_ns=frame.end_ns,
                   evidence=evidence)  # fmt: skip


def _gap(clock: EpochClock, newest: tuple[int, int, int], frame: Any) -> Event:
    gap = clock.gap
    assert gap is not None
    rows = [newest, (frame.epoch, frame.pts_ns, frame.end_ns)]
    evidence = [{"stream_id": "s0", "epoch": e, "start_ns": s, "end_ns": t} for e, s, t in rows]
    payload = {"cause": gap.cause, "duration_ns": gap.duration_ns, "attempts": 0}
    made = event("gap", 0.0, payload, stage="engine", evidence=evidence)
    return replace(made, key=f"gap {frame.epoch}", epoch=frame.epoch, start_ns=frame.pts_ns,
                   end_ns=frame.end_ns)  # fmt: skip


def _closing(newest: tuple[int, int, int], count: int) -> Event:
    made = run_line("closed", newest[2] / 1e9, epoch=newest[0], ordinal=1)
    row = {"captured": count, "served": count, "dropped": {}}
    made.payload["ledger"] = {f"s0/{name}": dict(row) for name in STAGES}
    made.payload["packets"] = {"s0": {"demuxed": count, "decoded": count, "skipped": {}}}
    return replace(made, start_ns=newest[2], end_ns=newest[2])


def rewrite(case: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Change the events of a log and chain them again: only the content is wrong then."""
    path = case / "events.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    change(rows)
    lines, prev = [], GENESIS
    for seq, row in enumerate(rows):
        made, line = event_from_json(row).chained(seq, prev)
        prev = made.hash
        lines.append(line + "\n")
    path.write_text("".join(lines))
