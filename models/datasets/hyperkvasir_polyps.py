"""HyperKvasir's segmented images: masks and boxes of polyps."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from videoengine.models.datasets.annotations import (
    NOTHING,
    Annotated,
    Box,
    Moment,
    clipped,
    state,
)
from videoengine.models.datasets.label_file import (
    items_at,
    numbers_at,
    object_at,
    read_json,
    wrong,
)
from videoengine.models.datasets.mask_image import box_of, read_levels
from videoengine.payloads import Label, SegmentPayload

MASK: Final = "mask/finding"
THRESHOLD: Final = 128
"""The masks are JPEG files: grey levels near 0 and 255."""


def read_boxes(path: Path) -> dict[str, tuple[Box, ...]]:
    """Return the boxes of each image in bounding-boxes.json, by its name without suffix.

    Raises:
        SourceError: The file is not as published.
    """
    found: dict[str, tuple[Box, ...]] = {}
    for name, value in object_at(path, read_json(path), "the top").items():
        row = object_at(path, value, name)
        width, height = numbers_at(path, [row.get("width"), row.get("height")], name, 2)
        if width <= 0 or height <= 0:
            wrong(path, name, "the image has no size", got=f"{width}x{height}", allowed="pixels")
        boxes: list[Box] = []
        for item in items_at(path, row.get("bbox"), f"{name}.bbox"):
            box = object_at(path, item, f"{name}.bbox")
            ends = [box.get(key) for key in ("xmin", "ymin", "xmax", "ymax")]
            left, top, right, bottom = numbers_at(path, ends, f"{name}.bbox", 4)
            size = ((right - left) / width, (bottom - top) / height)
            boxes.append(clipped(left / width, top / height, *size))
        found[name] = tuple(boxes)
    return found


class PolypLabels:
    """Masks and boxes of polyps by the image."""

    def __init__(self, boxes: Mapping[str, tuple[Box, ...]], masks: Path, label: Label) -> None:
        """Keep what was read, where the masks lie, and the term for a polyp."""
        self._boxes, self._masks, self._label = boxes, masks, label

    @property
    def arrays(self) -> Mapping[str, str]:
        """The mask and its vocabulary."""
        return {MASK: self._label.vocabulary}

    def at(self, moment: Moment, wanted: Collection[str]) -> Annotated:
        """Return the boxes of an image, else one around its mask; and the mask."""
        if moment.image is None:
            return NOTHING
        boxes = self._boxes.get(moment.image.stem)
        masks = [self._masks / f"{moment.image.stem}{suffix}" for suffix in (".jpg", ".png")]
        path = next((path for path in masks if path.is_file()), None)
        polyps = None
        if path is not None and (boxes is None or wanted):
            polyps = read_levels(path, moment.size) >= THRESHOLD
        if boxes is None:
            around = None if polyps is None else box_of(polyps)
            boxes = () if around is None else (around,)
        payload = SegmentPayload(self._label, MASK if path is not None else "")
        found = tuple(state("segment", payload, box) for box in boxes)
        if polyps is None or not wanted:
            return Annotated(found) if found else NOTHING
        return Annotated(found, {MASK: np.where(polyps, np.uint8(self._label.id + 1), np.uint8(0))})
