"""Label Studio: one task with its regions, and the labeling configuration it needs, in a folder.

Boxes of instruments are `videorectangle` regions, a keyframe at each sample, between which Label
Studio interpolates; what has no box is a `timelinelabels` region. Frames are counted from 1, the
last one of a region included; a keyframe that is not enabled is the last one shown. Sides are
percents, so no picture is needed. Whoever opens the task puts the address of the video in.
Source: labelstud.io, tags Video, VideoRectangle and TimelineLabels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import quoteattr

import videoengine
from videoengine.apps.export.browser_frames import BrowserFrames
from videoengine.apps.export.choices import names_of
from videoengine.apps.export.elan import seconds_text
from videoengine.apps.export.frame_grid import rate_text
from videoengine.apps.export.request import Request
from videoengine.apps.export.samples import samples_of
from videoengine.apps.export.tagged import KINDS, Tagged, presence_of, stated_names, tags_of
from videoengine.apps.export.tracks import Held, Track, held_by, tracks_of
from videoengine.case import Case
from videoengine.media_time import NS_PER_SECOND
from videoengine.recon3d.simulator.labels.json_rows import compact

TASKS: Final = "tasks.json"
CONFIG: Final = "config.xml"
VIDEO: Final = "video.mp4"
"""Stands for the address of the video; a case names none."""
RATE: Final = "frames_per_second"
LENGTH: Final = "length_seconds"
STEP: Final = "sample_frames"
PERCENT_DIGITS: Final = 6
TIMELINE, BOX, INSTRUMENT, OBJECT = "timeline", "box", "instrument", "video"
"""Names of the controls, and of what they control."""


def write_label_studio(request: Request, out: Path) -> int:
    """Write both files, and return the number of regions."""
    case = request.case
    frames = BrowserFrames.of(case)
    samples = samples_of(case, "instrument")
    tracks = tracks_of(samples)
    tags = [*tags_of(request.timeline, frames.number), *presence_of(tracks, frames.number)]
    data: dict[str, Any] = {
        "video": VIDEO,
        "frame_rate": float(frames.rate_fps),
        RATE: rate_text(frames.rate_fps),
        LENGTH: seconds_text(request.timeline.end_ns),
        STEP: samples.step(frames.rate_fps),
        "note": videoengine.DISCLAIMER,
    }
    (out / CONFIG).write_text("".join(_config(case, tags, tracks)), "utf-8", newline="\n")
    count = 0
    with (out / TASKS).open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(f'[{{"data":{compact(data)},\n"predictions":[{{"model_version":"videoengine"')
        stream.write(',"result":[')
        for region in _regions(request, frames, tags, tracks):
            row = {"id": f"r{count}", "to_name": OBJECT, "origin": "prediction", **region}
            stream.write(("," if count else "") + "\n" + compact(row))
            count += 1
        stream.write("]}]}]\n")
    return count


def _regions(
    request: Request, frames: BrowserFrames, tags: Iterable[Tagged], tracks: Iterable[Track]
) -> Iterator[dict[str, Any]]:
    """Yield the regions of all that is stated."""
    for tag in tags:
        span = {"start": tag.first + 1, "end": tag.after}
        value: dict[str, Any] = {"ranges": [span], "timelinelabels": [tag.name]}
        yield {"from_name": TIMELINE, "type": "timelinelabels", "value": value}
    end_ns = request.timeline.end_ns
    whole = {"framesCount": frames.count(end_ns), "duration": end_ns / NS_PER_SECOND}
    for track in tracks:
        if track.boxed:
            sequence = _sequence(held_by(track, frames.number), frames)
            value = {**whole, "sequence": sequence, "labels": [track.name]}
            yield {"from_name": BOX, "type": "videorectangle", "value": value}


def _sequence(held: list[Held], frames: BrowserFrames) -> list[dict[str, Any]]:
    """Return the keyframes of a track: of each sample its first frame, and its last one."""
    numbers = [(number, one.box) for one in held for number in sorted({one.first, one.after - 1})]
    return [
        {
            "frame": number + 1,
            "enabled": at < len(numbers) - 1,
            "rotation": 0,
            **{
                side: round(value * 100, PERCENT_DIGITS)
                for side, value in zip(("x", "y", "width", "height"), box, strict=True)
            },
            "time": float((number + 1) / frames.rate_fps),
        }
        for at, (number, box) in enumerate(numbers)
    ]


def _config(case: Case, tags: list[Tagged], tracks: list[Track]) -> Iterator[str]:
    """Yield the labeling configuration: one control of the timeline, one of boxes.

    Label Studio draws on the timeline with the first control that can, so there is only one.
    """
    stated = stated_names(tags, tracks)
    tools = names_of(case, "instrument", stated["instrument"])
    names = [name for kind in KINDS[:-1] for name in names_of(case, kind, stated.get(kind, []))]
    names += dict.fromkeys(stated.get("triplet", ()))
    if any(not track.boxed for track in tracks):
        names += tools
    yield "<View>\n"
    yield f'  <Video name="{OBJECT}" value="$video" frameRate="$frame_rate"/>\n'
    if names:
        yield from _labels("TimelineLabels", TIMELINE, names)
    if tools:
        yield from _labels("Labels", INSTRUMENT, tools)
        yield f'  <VideoRectangle name="{BOX}" toName="{OBJECT}"/>\n'
    yield "</View>\n"


def _labels(control: str, name: str, values: Iterable[str]) -> Iterator[str]:
    yield f'  <{control} name="{name}" toName="{OBJECT}">\n'
    for value in dict.fromkeys(values):
        yield f"    <Label value={quoteattr(value)}/>\n"
    yield f"  </{control}>\n"
