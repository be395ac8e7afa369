"""A case made of what a source knows about itself: the truth as a log, without a model or a pixel.

What is true at each frame is stated by the stages that would have to recognise it, so that whoever
reads a case (questions, notes) meets the truth under the names of an analysis.
"""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

import videoengine
from videoengine.apps.session import new_manifest
from videoengine.apps.source_record import record_source
from videoengine.case import Case
from videoengine.events import SCHEMA, Event, event_key
from videoengine.frames import Frame
from videoengine.payloads import RunPayload
from videoengine.sources import Source, Truth, with_truth
from videoengine.streams import open_source

TRUTH: Final = "truth"
"""Name of the preset in the `run` lines, and family of the cards."""
STAGES: Final = {
    "quality": "quality",
    "privacy": "privacy",
    "procedure": "procedure",
    "instrument": "instruments",
    "triplet": "triplet",
    "phase": "phase",
    "anticipation": "phase",
    "measurement": "phase",
}
"""Who states an event of each kind."""
KNOWN: Final = "the truth itself, known to whoever made the video"
UNSTATED: Final[dict[str, Any]] = {
    "view_circle": None, "blur": 0.0, "exposure": 0.0, "glare": 0.0, "smoke": 0.0, "soiling": 0.0,
    "frozen": False,
}  # fmt: skip
"""Of `quality`: a source states only the severities that it decides; the others are none."""


def make_truth_case(source: str, out: str | Path, *, arrays: Collection[str] = ()) -> Case:
    """Make a finished case at `out` that states what is true at every frame of a source.

    The rate of the source is the rate of every stage: `sim://cholecystectomy?seed=7&fps=1` states a
    point a second. Pixels are asked for only with `arrays`.

    Args:
        source: `sim://…`, or another source that knows its truth.
        out: Case directory to make.
        arrays: As of `with_truth`; with one, boxes are stated, and every frame is rendered.

    Raises:
        UsageError: The source knows no truth.
        OutputError: Something stands at `out`, or it cannot be written.
    """
    Case.refuse_existing(out)
    with open_source(source) as opened:
        rows = with_truth(opened, arrays=arrays)
        record = record_source(source, content=opened.info.content)
        manifest = new_manifest(_config(), opened.clock.stream_id, record)
        with Case.create(out, manifest) as case:
            log = case.log(fsync="never")
            try:
                for event in _events(opened, rows, manifest.run_id):
                    log.append(event)
            finally:
                log.close()
            epoch = opened.clock.epoch
            case.save_epochs([] if epoch is None else [epoch])
    return Case.open(out)


def _config() -> dict[str, Any]:
    return {
        "preset": TRUTH,
        "stages": [{"name": name} for name in dict.fromkeys(STAGES.values())],
        "modality": "unknown",
        "procedure": None,
        "until_ns": None,
        "version": videoengine.__version__,
        "commit": None,
        "device": f"{platform.system()} {platform.machine()}",
    }


def _events(source: Source, rows: Iterator[tuple[Frame, Truth]], run_id: str) -> Iterator[Event]:
    """Yield the log: the run opens, what is true of each frame, the run closes."""
    newest: Frame | None = None
    count = 0
    for frame, truth in rows:
        if newest is None:
            yield _run_line(source, frame, run_id, "opened", 0)
        seen: dict[str, int] = {}
        for event in truth.events:
            if event.kind in STAGES:
                ordinal = seen[event.kind] = seen.get(event.kind, -1) + 1
                yield _stated(event, run_id, ordinal)
        newest, count = frame, count + 1
    if newest is not None:
        yield _run_line(source, newest, run_id, "closed", count)


def _stated(event: Event, run_id: str, ordinal: int) -> Event:
    """Return a true event as the stage states it that would have to recognise it."""
    stage = STAGES[event.kind]
    place = (event.start_ns, event.end_ns)
    payload = {**UNSTATED, **event.payload} if event.kind == "quality" else event.payload
    return dataclasses.replace(
        event,
        key=event_key(event.stream_id, event.epoch, stage, "", "", *place, event.kind, ordinal),
        run_id=run_id,
        stage=stage,
        payload=payload,
        confidence=1.0 if event.kind in ("phase", "procedure", "instrument", "triplet") else None,
    )


def _run_line(source: Source, frame: Frame, run_id: str, state: Any, count: int) -> Event:
    rate_hz = float(source.info.rate_fps or 1.0)
    closed = state == "closed"
    names = list(dict.fromkeys(STAGES.values()))
    about: dict[str, Any] = {
        "licence": "Apache-2.0", "trained_on": KNOWN, "weights": None, "procedures": [],
        "calibration": "certain: it is the truth",
    }  # fmt: skip
    row = {"captured": count, "served": count, "dropped": {}}
    payload = RunPayload(
        state=state,
        version=videoengine.__version__,
        preset=TRUTH,
        source=TRUTH,
        stages={
            name: {
                "name": name, "card": f"{TRUTH}-{name}", "rate_hz": rate_hz, "about": about,
                "model_hash": "", "config_hash": "",
            }
            for name in names
        },
        host=f"{platform.system()} {platform.machine()}",
        ledger={f"{frame.stream_id}/{name}": dict(row) for name in names} if closed else None,
        packets={frame.stream_id: source.packets.to_json()} if closed else None,
    )  # fmt: skip
    at = frame.end_ns if closed else frame.pts_ns
    place = (frame.stream_id, frame.epoch, "engine", "", "", at, at, "run", int(closed))
    evidence = [{"stream_id": frame.stream_id, "epoch": frame.epoch, "start_ns": at, "end_ns": at}]
    return Event(
        SCHEMA, -1, event_key(*place), run_id, "run", frame.stream_id, frame.epoch, at, at,
        "engine", "", "", dataclasses.asdict(payload), None, evidence,
    )  # fmt: skip
