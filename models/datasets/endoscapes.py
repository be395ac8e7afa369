"""Endoscapes2023 (Murali et al., 2023): frames of cholecystectomies, boxes, and the critical view.

    train/1_14050.jpg                       video 1, frame 14050 of 25 a second; one each second
    train/annotation_coco.json              boxes of annotated frames
    train/annotation_ds_coco.json           critical view: `ds`, three shares of three annotators
    all_metadata.csv                        vid, frame, C1, C2, C3: read without the former
    semseg/1_14050.png                      grey level: place of the class, from 1

A video is named by its number. Tools are `instrument`, the other structures `segment` with a box;
the criteria of the critical view of safety are `measurement`, named cvs/c1 to cvs/c3.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from videoengine.models.datasets.annotations import (
    NOTHING,
    Annotated,
    Moment,
    Statement,
    operation,
    state,
)
from videoengine.models.datasets.coco import CocoFile, read_coco
from videoengine.models.datasets.dataset_video import DatasetVideo, images_in, stills
from videoengine.models.datasets.label_file import numbers_at, read_table
from videoengine.models.datasets.mask_image import labels_of_levels, read_levels, tool_mask
from videoengine.payloads import InstrumentPayload, MeasurementPayload, SegmentPayload
from videoengine.vocabularies import vocabulary

NAME: Final = "endoscapes"
FPS: Final = 25
STRUCTURES: Final = "endoscapes/structure@1"
TOOL: Final = "tool"
SPLITS: Final = ("train", "val", "test")
BOXES: Final = "annotation_coco.json"
CRITICAL_VIEW: Final = "annotation_ds_coco.json"
METADATA: Final = "all_metadata.csv"
_IMAGE: Final = re.compile(r"^(\d+)_(\d+)$")
Criteria = tuple[float, float, float]


def find_videos(root: Path) -> list[DatasetVideo]:
    """Return the videos of a folder laid out as Endoscapes."""
    found: list[DatasetVideo] = []
    for split in SPLITS:
        folder = root / split
        tables = [name for name in (BOXES, CRITICAL_VIEW) if (folder / name).is_file()]
        if not tables:
            continue
        videos: dict[str, list[tuple[Path, int]]] = {}
        for path in images_in(folder):
            match = _IMAGE.match(path.stem)
            if match is not None:
                videos.setdefault(match[1], []).append((path, int(match[2])))
        kinds = ("procedure", "instrument", "segment", "measurement")
        for number, images in sorted(videos.items(), key=lambda item: int(item[0])):
            ordered = sorted(images, key=lambda item: item[1])
            read = partial(_annotations, root, split)
            found.append(DatasetVideo(NAME, number, root, stills(ordered, FPS), read, kinds, split))
    return found


def _annotations(root: Path, split: str) -> StructureLabels:
    labels = vocabulary(STRUCTURES).labels
    boxes, view = root / split / BOXES, root / split / CRITICAL_VIEW
    structures = read_coco(boxes, labels) if boxes.is_file() else None
    if view.is_file():
        criteria = _criteria(read_coco(view, labels))
    else:
        criteria = read_metadata(root / METADATA) if (root / METADATA).is_file() else {}
    masks = root / "semseg"
    return StructureLabels(structures, criteria, masks if masks.is_dir() else None)


def _criteria(file: CocoFile) -> dict[str, Criteria]:
    """Return the criteria of each key frame, by the name of its image."""
    found: dict[str, Criteria] = {}
    for name, row in file.images.items():
        if row.get("is_ds_keyframe", True) and row.get("ds") is not None:
            one, two, three = numbers_at(file.path, row["ds"], f"images, {name}.ds", 3)
            found[name] = (one, two, three)
    return found


def read_metadata(path: Path) -> dict[str, Criteria]:
    """Return the criteria of each key frame in all_metadata.csv, by the name of its image.

    Raises:
        SourceError: The file is not as published.
    """
    found: dict[str, Criteria] = {}
    for row in read_table(path, ("vid", "frame", "C1", "C2", "C3")):
        key_frame = "is_ds_keyframe" not in row.columns or row.text("is_ds_keyframe") == "True"
        if key_frame and row.text("C1"):
            name = f"{row.integer('vid', 0, 10**6)}_{row.integer('frame', 0, 10**9)}"
            found[name] = (row.seconds("C1"), row.seconds("C2"), row.seconds("C3"))
    return found


@dataclass(frozen=True, slots=True)
class StructureLabels:
    """Boxes, masks and the criteria of the critical view, by the name of the image."""

    structures: CocoFile | None
    criteria: Mapping[str, Criteria]
    masks: Path | None

    @property
    def arrays(self) -> Mapping[str, str]:
        """Arrays and their vocabularies."""
        return {} if self.masks is None else {"mask/structure": STRUCTURES, "mask/tool": ""}

    def at(self, moment: Moment, wanted: Collection[str]) -> Annotated:
        """Return what is annotated of an image."""
        if moment.image is None:
            return NOTHING
        name = moment.image.stem
        found = [*self._boxes(name), *self._view(name)]
        arrays = self._arrays(name, moment, wanted)
        if not found and not arrays:
            return NOTHING
        return Annotated((operation("cholecystectomy"), *found), arrays)

    def _boxes(self, name: str) -> list[Statement]:
        row = None if self.structures is None else self.structures.images.get(name)
        if self.structures is None or row is None or not row.get("is_det_keyframe", True):
            return []
        tools: list[Statement] = []
        others: list[Statement] = []
        for one in sorted(self.structures.objects.get(name, ()), key=lambda found: found.box):
            if one.label.name == TOOL:
                tools.append(state("instrument", InstrumentPayload(one.label, one.box)))
            else:
                others.append(state("segment", SegmentPayload(one.label, ""), one.box))
        return [*(tools or [state("instrument", InstrumentPayload(None))]), *others]

    def _view(self, name: str) -> list[Statement]:
        return [
            state("measurement", MeasurementPayload(f"cvs/c{place}", share, "1", None, None, None))
            for place, share in enumerate(self.criteria.get(name, ()), 1)
        ]

    def _arrays(self, name: str, moment: Moment, wanted: Collection[str]) -> dict[str, Any]:
        path = None if self.masks is None else self.masks / f"{name}.png"
        if not wanted or path is None or not path.is_file():
            return {}
        count = len(vocabulary(STRUCTURES).labels)
        numbers = {number: number for number in range(count + 1)}
        classes = labels_of_levels(read_levels(path, moment.size), numbers, path)
        tool = vocabulary(STRUCTURES).label(TOOL).id + 1
        made = {"mask/structure": classes, "mask/tool": tool_mask(np.asarray(classes == tool))}
        return {array: made[array] for array in wanted}
