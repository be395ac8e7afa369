"""CVAT's annotations (XML 1.1) and the labels its task needs, in a folder.

Boxes of instruments are tracks: a keyframe at each sample, between which CVAT interpolates, and an
`outside` box at the frame after the last. What has no box is a tag on every frame it holds at. The
loader of CVAT reads tracks and tagged images from one file. Frames are counted as CVAT decodes
them, so the stream needs a constant rate.
Source: docs.cvat.ai, XML annotation format 1.1.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final
from xml.sax.saxutils import escape, quoteattr

import videoengine
from videoengine.apps.export.cvat_labels import NAME, PARTS, CvatLabel, labels_of
from videoengine.apps.export.elan import seconds_text
from videoengine.apps.export.frame_grid import FrameGrid, need_grid, rate_text
from videoengine.apps.export.request import Request
from videoengine.apps.export.samples import Samples, picture_size, samples_of
from videoengine.apps.export.tagged import Tagged, presence_of, stated_names, tags_of
from videoengine.apps.export.tracks import Held, Track, held_by, tracks_of

ANNOTATIONS: Final = "annotations.xml"
LABELS: Final = "labels.json"
CVAT: Final = "CVAT"
OURS: Final = "videoengine"
"""Element of `meta` that tells what CVAT has no word for."""
LENGTH: Final = "length_seconds"
RATE: Final = "frames_per_second"
STEP: Final = "sample_frames"
PIXEL_DIGITS: Final = 6
Size = tuple[int, int]


def write_cvat(request: Request, out: Path) -> int:
    """Write both files, and return the number of tracks and of stretches that are tagged."""
    grid = need_grid(request.case, CVAT)
    samples = samples_of(request.case, "instrument")
    tracks = tracks_of(samples)
    boxed = [track for track in tracks if track.boxed]
    tags = [*tags_of(request.timeline, grid.number), *presence_of(tracks, grid.number)]
    size = picture_size(request) if boxed else None
    labels = labels_of(request.case, stated_names(tags, tracks))
    raw = json.dumps([label.raw() for label in labels], indent=1, ensure_ascii=False)
    (out / LABELS).write_text(raw + "\n", "utf-8", newline="\n")
    with (out / ANNOTATIONS).open("w", encoding="utf-8", newline="\n") as stream:
        stream.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n')
        stream.write("  <version>1.1</version>\n")
        stream.writelines(_meta(request, grid, samples, labels, size))
        for number, what in frames_of(tags):
            stream.writelines(_image(number, what, size))
        if size is not None:
            for number, track in enumerate(boxed):
                _write_track(stream, number, track, grid, size)
        stream.write("</annotations>\n")
    return len(tags) + len(boxed)


def frames_of(tags: Iterable[Tagged]) -> Iterator[tuple[int, list[Tagged]]]:
    """Yield the frames that are tagged in order, with what holds at each."""
    rows = list(tags)
    edges = sorted({edge for tag in rows for edge in (tag.first, tag.after)})
    begin: dict[int, list[Tagged]] = {}
    for tag in rows:
        begin.setdefault(tag.first, []).append(tag)
    holds: list[Tagged] = []
    for left, right in itertools.pairwise(edges):
        holds = [tag for tag in holds if tag.after > left] + begin.get(left, [])
        for number in range(left, right) if holds else ():
            yield number, holds


def _meta(
    request: Request, grid: FrameGrid, samples: Samples, labels: list[CvatLabel], size: Size | None
) -> Iterator[str]:
    yield "  <meta>\n    <task>\n"
    fields = {
        "id": "0", "name": OURS, "size": str(grid.count), "mode": "interpolation",
        "overlap": "0", "bugtracker": "", "subset": "", "start_frame": "0",
        "stop_frame": str(max(grid.count - 1, 0)), "frame_filter": "",
    }  # fmt: skip
    for name, value in fields.items():
        yield f"      <{name}>{value}</{name}>\n"
    yield "      <labels>\n"
    for label in labels:
        yield from _label(label)
    yield "      </labels>\n"
    if size is not None:
        yield (
            f"      <original_size><width>{size[0]}</width><height>{size[1]}</height>"
            "</original_size>\n"
        )
    yield f"    </task>\n    <{OURS}>\n      <note>{escape(videoengine.DISCLAIMER)}</note>\n"
    yield f"      <{LENGTH}>{seconds_text(request.timeline.end_ns)}</{LENGTH}>\n"
    yield f"      <{RATE}>{rate_text(grid.rate_fps)}</{RATE}>\n"
    if samples.moments:
        yield f"      <{STEP}>{samples.step(grid.rate_fps)}</{STEP}>\n"
    yield f"    </{OURS}>\n  </meta>\n"


def _label(label: CvatLabel) -> Iterator[str]:
    yield f"        <label><name>{escape(label.name)}</name><type>{label.kind}</type><attributes>"
    for name, values in label.attributes.items():
        yield (
            f"\n          <attribute><name>{name}</name><mutable>False</mutable>"
            f"<input_type>select</input_type><default_value>{escape(values[0])}</default_value>"
            f"<values>{escape(chr(10).join(values))}</values></attribute>"
        )
    yield "</attributes></label>\n"


def _image(number: int, holds: Iterable[Tagged], size: Size | None) -> Iterator[str]:
    sides = "" if size is None else f' width="{size[0]}" height="{size[1]}"'
    yield f'  <image id="{number}" name="{frame_name(number)}"{sides}>\n'
    for tag in dict.fromkeys((tag.kind, tag.name) for tag in holds):
        yield from _tag(*tag)
    yield "  </image>\n"


def frame_name(number: int) -> str:
    """Return what CVAT calls a frame of a video."""
    return f"frame_{number:06d}"


def _tag(kind: str, name: str) -> Iterator[str]:
    if kind == "instrument":
        yield f'    <tag label={quoteattr(name)} source="file"></tag>\n'
        return
    values = {NAME: name}
    if kind == "triplet":
        values = dict(zip(PARTS, name.split(", "), strict=False))
    yield f'    <tag label="{kind}" source="file">'
    for attribute, value in values.items():
        yield f'<attribute name="{attribute}">{escape(value)}</attribute>'
    yield "</tag>\n"


def _write_track(stream: IO[str], number: int, track: Track, grid: FrameGrid, size: Size) -> None:
    stream.write(f'  <track id="{number}" label={quoteattr(track.name)} source="file">\n')
    held = held_by(track, grid.number)
    for one in held:
        stream.write(_box(one.first, one, size))
        if one.after - 1 > one.first:
            stream.write(_box(one.after - 1, one, size))
    if held[-1].after < grid.count:
        stream.write(_box(held[-1].after, held[-1], size, outside=1))
    stream.write("  </track>\n")


def _box(number: int, held: Held, size: Size, *, outside: int = 0) -> str:
    x, y, width, height = held.box
    corners = {"xtl": x, "ytl": y, "xbr": x + width, "ybr": y + height}
    sides = itertools.cycle(size)
    place = " ".join(
        f'{name}="{round(value * side, PIXEL_DIGITS)}"'
        for (name, value), side in zip(corners.items(), sides, strict=False)
    )
    return (
        f'    <box frame="{number}" keyframe="1" outside="{outside}" occluded="0" {place} '
        'z_order="0"></box>\n'
    )
