"""MedMultiPoints (Gautam et al., 2025): images of endoscopy and microscopy; boxes, points, counts.

    MedMultiPoints-images/<sha256>.jpg      as the authors' snippet saves them
    *.jsonl                                 the other columns, one row a line

The hub's files are Parquet. To have the rows: `dataset.remove_columns(…)` of the pictures, and
`.to_json("rows.jsonl")`. A row has image_sha256, img_size, points, bbox, count and label, and
several rows may be of one image.

The images have nothing to do with one another: their stamps, a second apart, say their order only.
A box or a point is a `segment` with its place as evidence (a point has no width and height); the
count is a `measurement` named count/<label>.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from videoengine.errors import UsageError
from videoengine.models.datasets.annotations import (
    NOTHING,
    Annotated,
    Box,
    Moment,
    Statement,
    clipped,
    state,
)
from videoengine.models.datasets.dataset_video import DatasetVideo, images_in, stills
from videoengine.models.datasets.label_file import (
    items_at,
    numbers_at,
    object_at,
    parse_json,
    read_text,
    wrong,
)
from videoengine.payloads import Label, MeasurementPayload, SegmentPayload
from videoengine.vocabularies import vocabulary

NAME: Final = "medmultipoints"
FPS: Final = 1
LABELS: Final = "medmultipoints/label@1"
MOST: Final = 10**6
"""More objects than any image shows."""
FOLDER: Final = "MedMultiPoints-images"


@dataclass(frozen=True, slots=True)
class Marked:
    """One row: the objects of one class in one image."""

    label: Label
    count: int
    boxes: tuple[Box, ...]
    points: tuple[Box, ...]
    """Boxes without width and height."""


def find_videos(root: Path) -> list[DatasetVideo]:
    """Return the images of a folder laid out as MedMultiPoints, as one `video`."""
    images = images_in(root / FOLDER)
    tables = sorted(root.glob("*.jsonl"))
    if not images or not tables:
        return []
    pictures = stills([(path, place) for place, path in enumerate(images)], FPS)
    read = partial(_annotations, tables)
    return [DatasetVideo(NAME, "images", root, pictures, read, ("segment", "measurement"))]


def _annotations(tables: Sequence[Path]) -> MarkedLabels:
    rows: dict[str, list[Marked]] = {}
    for path in tables:
        for sha256, marked in read_rows(path):
            rows.setdefault(sha256, []).append(marked)
    return MarkedLabels(rows)


def read_rows(path: Path) -> list[tuple[str, Marked]]:
    """Return the rows of a file, each with the SHA-256 of its image.

    Raises:
        SourceError: A row misses a column, or names an unknown label.
    """
    found: list[tuple[str, Marked]] = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        place = f"line {number}"
        row = object_at(path, parse_json(path, line, number), place)
        sha256 = row.get("image_sha256")
        if not isinstance(sha256, str):
            wrong(path, number, "image_sha256 is missing", got=repr(sha256), allowed="a hash")
        found.append((sha256, _marked(path, number, place, row)))
    return found


def _marked(path: Path, number: int, place: str, row: Mapping[str, Any]) -> Marked:
    width, height = numbers_at(path, row.get("img_size"), f"{place}, img_size", 2)
    if width <= 0 or height <= 0:
        wrong(path, number, "the image has no size", got=f"{width}x{height}", allowed="pixels")
    boxes: list[Box] = []
    for item in items_at(path, row.get("bbox") or [], f"{place}, bbox"):
        left, top, right, bottom = numbers_at(path, item, f"{place}, bbox", 4)
        size = ((right - left) / width, (bottom - top) / height)
        boxes.append(clipped(left / width, top / height, *size))
    points: list[Box] = []
    for item in items_at(path, row.get("points") or [], f"{place}, points"):
        x, y = numbers_at(path, item, f"{place}, points", 2)
        points.append(clipped(x / width, y / height, 0.0, 0.0))
    count = row.get("count")
    if not isinstance(count, int) or not 0 <= count <= MOST:
        wrong(path, number, "the count is wrong", got=repr(count), allowed="0 or more")
    try:
        label = vocabulary(LABELS).label(str(row.get("label")))
    except UsageError as error:
        wrong(
            path, number, "the label is unknown", got=repr(row.get("label")), allowed=error.allowed
        )
    return Marked(label, count, tuple(boxes), tuple(points))


class MarkedLabels:
    """Boxes, points and counts by the image's hash."""

    def __init__(self, rows: Mapping[str, Sequence[Marked]]) -> None:
        """Keep what was read."""
        self._rows = rows

    @property
    def arrays(self) -> Mapping[str, str]:
        """None can be asked for."""
        return {}

    def at(self, moment: Moment, wanted: Collection[str]) -> Annotated:
        """Return what is marked in an image."""
        found: list[Statement] = []
        for row in self._rows.get("" if moment.image is None else moment.image.stem, ()):
            places = (*row.boxes, *row.points)
            found += [state("segment", SegmentPayload(row.label, ""), place) for place in places]
            name, count = f"count/{row.label.name}", float(row.count)
            payload = MeasurementPayload(name, count, "1", None, None, None)
            found.append(state("measurement", payload))
        return Annotated(tuple(found)) if found else NOTHING
