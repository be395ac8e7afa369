"""CVAT's annotations (XML 1.1, for video or for images): tracks, boxes and tags of frames.

A frame is placed by its number; an image that is named as `export --to frames` names pictures, by
the case time that its name is. An image without a box states nothing: CVAT has no word for a frame
that somebody looked at and found empty.
"""

from __future__ import annotations

import itertools
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median_low
from typing import Final
from xml.etree.ElementTree import Element

from videoengine.apps.export.cvat import ANNOTATIONS, CVAT, LENGTH, OURS, RATE, STEP
from videoengine.apps.export.cvat_labels import NAME, PARTS, TAGGED, UNDEFINED
from videoengine.apps.export.elan import NS_PER_MS
from videoengine.apps.export.frame_grid import FrameGrid
from videoengine.apps.export.spans import span_at
from videoengine.apps.importing.annotation import Found, Target
from videoengine.apps.importing.annotation_file import (
    fraction_at,
    integer_at,
    read_xml,
    read_zipped,
    refuse,
    seconds_at,
)
from videoengine.apps.importing.frame_statements import FrameStatements, runs
from videoengine.apps.importing.keyframes import Keyframe, between, box_at

SLACK_NS: Final = 2
"""Frames are counted; only the rounding of stamps is left."""
CORNERS: Final = ("xtl", "ytl", "xbr", "ybr")
OTHER_SHAPES: Final = ("polygon", "polyline", "points", "ellipse", "cuboid", "skeleton", "mask")
ROTATED: Final = "boxes that are turned"
UNCHOSEN: Final = "labels whose term was not chosen"
LATE: Final = "statements after the last frame that was analyzed"
_FILTER: Final = re.compile(r"step\s*=\s*(\d{1,9})")
_FRAME: Final = re.compile(r"frame_\d+")
_PICTURE: Final = re.compile(r"(\d{9,12})(?:-\d+)?")
What = tuple[str, str]
"""Kind and name."""


def read_cvat(path: Path, target: Target) -> Found:
    """Return the boxes and tags of a file, of the ZIP that CVAT packs, or of a folder of ours.

    Raises:
        UsageError: The case has no constant rate.
        SourceError: It is no file of CVAT, or what it says cannot be true of the case.
    """
    path = path / ANNOTATIONS if path.is_dir() else path
    zipped = read_zipped(path, ANNOTATIONS) if zipfile.is_zipfile(path) else None
    root = read_xml(path, zipped)
    if root.tag != "annotations" or root.find("meta") is None:
        refuse(path, "this is no file of CVAT", got=f"<{root.tag}>",
               allowed="<annotations> with <meta>")  # fmt: skip
    if len(list(root.iterfind("meta/project/tasks/task"))) > 1:
        refuse(path, "the file holds several videos", allowed="the file of one task",
               remedy="Export the task, not the project.")  # fmt: skip
    ours = root.find(f"meta/{OURS}")
    rate = None
    if ours is not None:
        length = seconds_at(ours.findtext(LENGTH, ""), f"{path}, {LENGTH}", LENGTH)
        target.check_length(length, str(path))
        rate = fraction_at(ours.findtext(RATE, ""), f"{path}, {RATE}", RATE)
    return _Reader(path, root, target, target.grid(CVAT, rate, str(path))).read()


@dataclass(frozen=True, slots=True)
class _Row:
    """One frame of a track."""

    number: int
    outside: bool
    what: What
    corners: tuple[str | None, ...]
    place: str


@dataclass(slots=True)
class _Reader:
    """Reads one file."""

    path: Path
    root: Element
    target: Target
    grid: FrameGrid
    found: Found = field(default_factory=lambda: Found(SLACK_NS))
    tags: dict[What, dict[int, str]] = field(default_factory=dict[What, dict[int, str]])
    """Frames and places of what was tagged."""

    def read(self) -> Found:
        """Return what the file says."""
        images = [(image, self._number_of(image)) for image in self.root.iterfind("image")]
        apart, step = self._apart(images, "tag"), self._apart(images, "box")
        said = FrameStatements(self.target, self.grid, self._step(step), self.found)
        for image, number in images:
            self._image(image, number, said)
        for at, track in enumerate(self.root.iterfind("track")):
            self._track(track, f"{self.path}, track {track.get('id', at)}", said)
        for (kind, name), frames in self.tags.items():
            if apart > 1:
                said.samples(kind, name, frames)
                continue
            for first, after in runs(frames):
                said.run(kind, name, first, after, frames[first])
        return said.done(apart)

    def _apart(self, images: list[tuple[Element, int | None]], what: str) -> int:
        """Return how many frames lie from one image that carries something to the next."""
        stated = _FILTER.search(next((row.text or "" for row in self._all("frame_filter")), ""))
        if stated:
            return integer_at(stated[1], f"{self.path}, frame_filter", "the step", low=1)
        carry = (number for image, number in images if image.find(what) is not None)
        numbers = sorted({number for number in carry if number is not None})
        if self.root.find(f"meta/{OURS}") is not None or len(numbers) < 2:
            return 1
        return median_low([later - one for one, later in itertools.pairwise(numbers)])

    def _step(self, apart: int) -> int:
        """Return how many frames lie from one sample of a box to the next."""
        stated = self.root.findtext(f"meta/{OURS}/{STEP}")
        if stated is None:
            return apart
        return integer_at(stated, f"{self.path}, {STEP}", STEP, low=1)

    def _all(self, name: str) -> Iterator[Element]:
        meta = self.root.find("meta")
        assert meta is not None
        return meta.iter(name)

    def _number_of(self, image: Element) -> int | None:
        """Return the frame that an image is; see `_checked`."""
        name = image.get("name", "").rpartition("/")[2].partition(".")[0]
        place = f"{self.path}, image {name}"
        picture = _PICTURE.fullmatch(name)
        if picture is None and not _FRAME.fullmatch(name):
            refuse(place, "nothing tells when this image was shown", got=image.get("name"),
                   allowed="frame_000025, or 000012345.jpg of export --to frames")  # fmt: skip
        if picture is None:
            return self._checked(image.get("id"), place)
        case_ns = int(picture[1]) * NS_PER_MS + NS_PER_MS // 2  # names are rounded down
        span = span_at(self.target.spans, case_ns)
        if span is None:
            refuse(place, "there is no video at this time", got=name,
                   remedy="Is it the file of another case?")  # fmt: skip
        return self._checked(self.grid.number(span.epoch.index, case_ns), place)

    def _checked(self, value: object, place: str) -> int | None:
        """Return the number of a frame, or None within a second after what was analyzed.

        A video may hold a few frames more than the log, whose stages sample it.
        """
        number = integer_at(value, place, "the number of the frame")
        if number < self.grid.count:
            return number
        if number - self.grid.count > self.grid.rate_fps:
            refuse(place, "the frame lies outside the case", got=number,
                   allowed=f"{self.grid.count} frames",
                   remedy="Is it the file of another case?")  # fmt: skip
        return None

    def _image(self, image: Element, number: int | None, said: FrameStatements) -> None:
        place = f"{self.path}, image {image.get('name')}"
        for item in image:
            if not self._readable(item, number) or number is None or item.get("outside") == "1":
                continue  # Datumaro writes the end of a track as a box of an image
            what = self._what(item.get("label", ""), item, place)
            if what is None:
                self.found.passed_over[UNCHOSEN] += 1
            elif item.tag == "tag" or what[0] != "instrument":
                self.tags.setdefault(what, {})[number] = place
            else:
                sides = (image.get("width"), image.get("height"))
                box = box_at([item.get(name) for name in CORNERS], sides, place)
                if box is not None:
                    said.box(what[1], number, box, place)

    def _readable(self, item: Element, number: int | None) -> bool:
        """Tell whether an element is a box or tag that can be read; others are counted."""
        if item.tag in OTHER_SHAPES:
            self.found.passed_over[f"of shape {item.tag}"] += 1
        elif item.tag in ("box", "tag"):
            if number is None:
                self.found.passed_over[LATE] += 1
            elif fraction_at(item.get("rotation", "0"), str(self.path), "the rotation"):
                self.found.passed_over[ROTATED] += 1
            else:
                return True
        return False

    def _what(self, label: str, item: Element, place: str) -> What | None:
        """Return kind and name of a label, or None where the choice was never made."""
        chosen = {row.get("name"): (row.text or "").strip() for row in item.iterfind("attribute")}
        names: tuple[str, ...] = ()
        if label in TAGGED:
            names = (chosen.get(NAME, ""),)
        elif label == "triplet":
            names = tuple(chosen.get(part, "") for part in PARTS)
        if not names:
            return self.target.terms.kind_of(label, place), label
        if any(name in ("", UNDEFINED) for name in names):
            return None
        return label, ", ".join(names)

    def _track(self, track: Element, place: str, said: FrameStatements) -> None:
        """Take a track in: boxes of an instrument, or the frames that a term is drawn on."""
        rows = sorted(self._rows(track, place), key=lambda row: row.number)
        if not rows:
            return
        if rows[0].what[0] == "instrument":
            keys = [self._key(row) for row in rows]
            for number, box in between(keys, said.step, self.grid.count):
                said.box(rows[0].what[1], number, box, place)
            return
        for row, later in itertools.zip_longest(rows, rows[1:]):
            after = self.grid.count if later is None else later.number
            if not row.outside:
                frames = self.tags.setdefault(row.what, {})
                frames.update(dict.fromkeys(range(row.number, after), row.place))

    def _rows(self, track: Element, place: str) -> Iterator[_Row]:
        for item in track:
            number = None
            if item.tag == "box":
                number = self._checked(item.get("frame"), place)
            if not self._readable(item, number) or number is None:
                continue
            what = self._what(track.get("label", ""), item, place)
            if what is None:
                self.found.passed_over[UNCHOSEN] += 1
                continue
            corners = tuple(item.get(name) for name in CORNERS)
            at = f"{place}, frame {number}"
            yield _Row(number, item.get("outside") == "1", what, corners, at)

    def _key(self, row: _Row) -> Keyframe:
        if row.outside:
            return Keyframe(row.number, None)
        size = next(self._all("original_size"), None)
        sides = (None, None) if size is None else (size.findtext("width"), size.findtext("height"))
        return Keyframe(row.number, box_at(row.corners, sides, row.place))
