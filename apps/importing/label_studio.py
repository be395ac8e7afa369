"""Label Studio's JSON: regions of one task on the timeline and in boxes.

What a person annotated is read; a task that nobody has annotated yet, at its predictions. Frames
are counted at the rate that the task states, else at the rate its keyframes tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from videoengine.apps.export.browser_frames import BrowserFrames
from videoengine.apps.export.label_studio import LENGTH, RATE, STEP, TASKS
from videoengine.apps.importing.annotation import Found, Target
from videoengine.apps.importing.annotation_file import (
    fraction_at,
    integer_at,
    items_at,
    object_at,
    read_json,
    refuse,
    seconds_at,
)
from videoengine.apps.importing.frame_statements import FrameStatements
from videoengine.apps.importing.keyframes import Keyframe, between, box_at
from videoengine.media_time import NS_PER_SECOND

SLACK_NS: Final = 2
"""Where frames are counted; only the rounding of stamps is left."""
RATES: Final = (1, 1000)
"""Frames a second that are believed."""
NEAR: Final = Fraction(1, 100)
"""A rate written as a decimal is that of the frames when it is this near, in frames a second."""
ROTATED: Final = "boxes that are turned"
LATE: Final = "statements after the last frame that was analyzed"
UNLABELLED: Final = "regions without a label"


def read_label_studio(path: Path, target: Target) -> Found:
    """Return the regions of a file, or of the folder that `export --to label-studio` makes.

    Raises:
        SourceError: It is no export of one task, or what it says cannot be true of the case.
    """
    path = path / TASKS if path.is_dir() else path
    task = _task(path)
    data = object_at(task.get("data", {}), f"{path}, data")
    if LENGTH in data:
        target.check_length(seconds_at(data[LENGTH], f"{path}, {LENGTH}", LENGTH), str(path))
    found = Found(SLACK_NS)
    regions = list(_regions(path, task, found))
    frames = BrowserFrames.of(target.case, _rate(path, data, regions, target))
    if frames.grid is None:
        found.slack_ns = round(NS_PER_SECOND / frames.rate_fps)
    step = integer_at(data.get(STEP, 1), f"{path}, {STEP}", STEP, low=1)
    said = FrameStatements(target, frames, step, found)
    reader = _Reader(said, frames.count(target.end_ns))
    for place, region in regions:
        reader.add(region, place)
    return said.done()


def _task(path: Path) -> dict[str, Any]:
    whole = read_json(path)
    tasks = [whole] if isinstance(whole, dict) else items_at(whole, f"{path}, the top")
    if len(tasks) != 1:
        refuse(path, "the file holds several tasks, or none", got=f"{len(tasks)} tasks",
               allowed="the task of one video")  # fmt: skip
    task = object_at(tasks[0], f"{path}, the task")
    if not any(key in task for key in ("annotations", "predictions")):
        refuse(path, "the task has neither annotations nor predictions", got=", ".join(task),
               remedy="Export it as JSON, not as JSON-MIN or CSV.")  # fmt: skip
    return task


def _regions(
    path: Path, task: dict[str, Any], found: Found
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the regions of the newest annotation of a task, with their places."""
    for key in ("annotations", "predictions"):
        rows = [
            object_at(row, f"{path}, {key}")
            for row in items_at(task.get(key) or [], f"{path}, {key}")
        ]
        rows = [row for row in rows if not row.get("was_cancelled")]
        if rows:
            if len(rows) > 1:
                found.passed_over[f"older {key}"] += len(rows) - 1
            result = items_at(rows[-1].get("result", []), f"{path}, {key}, result")
            for at, region in enumerate(result):
                place = f"{path}, region {at}"
                yield place, object_at(region, place)
            return


def _rate(
    path: Path, data: dict[str, Any], regions: list[tuple[str, dict[str, Any]]], target: Target
) -> Fraction:
    """Return the rate that frames are counted at, in frames a second."""
    own = BrowserFrames.of(target.case)
    stated = next((data[key] for key in (RATE, "frame_rate", "fps") if key in data), None)
    told = _told(regions) if stated is None else fraction_at(stated, f"{path}, the rate", "it")
    if told is None:
        refuse(
            path,
            "nothing tells at which rate the frames are counted",
            allowed=f"{RATE} in the task's data",
            remedy="Label Studio counts at the frameRate of <Video>, 24 where none stands.",
        )
    if not RATES[0] <= told <= RATES[1]:
        refuse(path, "this is no rate", got=float(told),
               allowed=f"{RATES[0]} to {RATES[1]} frames/s")  # fmt: skip
    return own.rate_fps if abs(told - own.rate_fps) < NEAR else told


def _told(regions: list[tuple[str, dict[str, Any]]]) -> Fraction | None:
    """Return the rate that the latest keyframe tells: Label Studio writes frame ÷ rate."""
    latest: tuple[Fraction, Fraction] | None = None
    for place, region in regions:
        value = object_at(region.get("value", {}), place)
        for item in items_at(value.get("sequence", []), place):
            row = object_at(item, place)
            if row.get("time") and row.get("frame"):
                frame = fraction_at(row["frame"], place, "frame")
                seconds = fraction_at(row["time"], place, "time")
                if seconds > 0 and (latest is None or frame > latest[0]):
                    latest = frame, seconds
    return None if latest is None else latest[0] / latest[1]


@dataclass(slots=True)
class _Reader:
    """Takes regions in."""

    said: FrameStatements
    count: int
    """Frames of the case."""

    def add(self, region: dict[str, Any], place: str) -> None:
        """Take one region in; of a type that says no time, it is counted."""
        value = object_at(region.get("value", {}), place)
        passed_over = self.said.found.passed_over
        if region.get("type") == "timelinelabels":
            names = items_at(value.get("timelinelabels", []), place)
            for item in items_at(value.get("ranges"), place):
                self._range(object_at(item, place), names, place)
        elif region.get("type") == "videorectangle":
            names = items_at(value.get("labels", []), place)
            sequence = items_at(value.get("sequence"), place)
            self._boxes([object_at(item, place) for item in sequence], names, place)
        else:
            passed_over[f"of type {str(region.get('type'))[:40]!r}"] += 1
            return
        if not names:
            passed_over[UNLABELLED] += 1

    def _range(self, row: dict[str, Any], names: list[Any], place: str) -> None:
        first, last = (integer_at(row.get(key), place, key, low=1) - 1 for key in ("start", "end"))
        if last < first:
            refuse(place, "the region ends before it starts", got=f"{first + 1} to {last + 1}")
        if not self._in_case(first, place):
            return
        after = min(last + 1, self.count) if self._in_case(last, place) else self.count
        for name in names:
            kind = self.said.target.terms.kind_of(str(name), place)
            self.said.run(kind, str(name), first, after, place)

    def _boxes(self, rows: list[dict[str, Any]], names: list[Any], place: str) -> None:
        hidden: list[Keyframe] = []
        keys: list[Keyframe] = []
        for row in rows:
            number = integer_at(row.get("frame"), place, "frame", low=1) - 1
            if not self._in_case(number, place):
                continue
            if fraction_at(row.get("rotation") or 0, place, "rotation"):
                self.said.found.passed_over[ROTATED] += 1
                continue
            left, top, width, height = (
                fraction_at(row.get(key), place, key) for key in ("x", "y", "width", "height")
            )
            box = box_at((left, top, left + width, top + height), (100, 100), place)
            keys.append(Keyframe(number, box))
            if row.get("enabled") is False:
                hidden.append(Keyframe(number + 1, None))
        for name in names if keys else ():
            for number, box in between([*hidden, *keys], self.said.step, self.count):
                self.said.box(str(name), number, box, place)

    def _in_case(self, number: int, place: str) -> bool:
        """Tell whether a frame was analyzed; up to a second later it is counted, not refused."""
        if number < self.count:
            return True
        if number - self.count > self.said.frames.rate_fps:
            refuse(place, "the frame lies outside the case", got=number + 1,
                   allowed=f"{self.count} frames",
                   remedy="Is it the file of another case?")  # fmt: skip
        self.said.found.passed_over[LATE] += 1
        return False
