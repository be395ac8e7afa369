"""COCO instances and keypoints: one instrument in one frame is one annotation.

`instances.json` has boxes and masks (uncompressed RLE: run lengths down the columns, beginning with
zeros); `keypoints.json` has the points of each instrument and, beyond what COCO asks for, its pose
(`world_from_tool`, mm) and `jaw_angle_rad`. Image files are those of the EndoNeRF folder.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator.labels.format_writer import Setting, rendered
from videoengine.recon3d.simulator.labels.json_rows import JsonDocument
from videoengine.recon3d.simulator.labels.terms import visible_tools
from videoengine.recon3d.simulator.truth import (
    KEYPOINTS,
    SKELETON,
    TRACK_VALUES,
    Box,
    FrameTruth,
    SimulatedFrame,
    ToolTruth,
)

FOLDER: Final = "coco"
LISTS: Final = ("images", "annotations")
PIXEL_DIGITS: Final = 2


class CocoInstancesWriter:
    """Writes `coco/instances.json`."""

    needs_pixels: ClassVar[bool] = True

    def __init__(self, setting: Setting) -> None:
        """Open the file."""
        self._document = _open(setting, "instances.json", {})
        self._count = 0

    def add(self, frame: SimulatedFrame | FrameTruth) -> None:
        """Add the frame and its instruments, those without a pixel left out."""
        frame = rendered(frame)
        self._document.append("images", _image(frame))
        tracks = frame.arrays["mask/track"].ravel(order="F")
        for tool in visible_tools(frame):
            mask = tracks == track_value(tool)
            area = int(np.count_nonzero(mask))
            if area:
                self._count += 1
                segmentation = {"size": list(frame.rgb.shape[:2]), "counts": run_lengths(mask)}
                row = {**_annotation(self._count, frame, tool, area), "segmentation": segmentation}
                self._document.append("annotations", row)

    def close(self) -> None:
        """Complete the file."""
        self._document.close()


class CocoKeypointsWriter:
    """Writes `coco/keypoints.json`."""

    needs_pixels: ClassVar[bool] = True

    def __init__(self, setting: Setting) -> None:
        """Open the file."""
        skeleton = [[first + 1, second + 1] for first, second in SKELETON]
        extra = {"keypoints": list(KEYPOINTS), "skeleton": skeleton}
        self._document = _open(setting, "keypoints.json", extra)
        self._count = 0

    def add(self, frame: SimulatedFrame | FrameTruth) -> None:
        """Add the frame and the points of its instruments."""
        frame = rendered(frame)
        self._document.append("images", _image(frame))
        tracks = frame.arrays["mask/track"]
        for tool in visible_tools(frame):
            self._count += 1
            area = int(np.count_nonzero(tracks == track_value(tool)))
            points = _points(tool)
            row = {
                **_annotation(self._count, frame, tool, area),
                "num_keypoints": sum(1 for value in points[2::3] if value > 0),
                "keypoints": points,
                "world_from_tool": np.round(tool.world_from_tool, 6).tolist(),
                "jaw_angle_rad": round(tool.jaw_angle_rad, 6),
            }
            self._document.append("annotations", row)

    def close(self) -> None:
        """Complete the file."""
        self._document.close()


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """Return the lengths of the runs of a flat mask, zeros first (0 when it begins with one)."""
    changes = np.flatnonzero(mask[1:] != mask[:-1]) + 1
    edges = np.concatenate([[0], changes, [mask.size]])
    lengths: list[int] = np.diff(edges).tolist()
    return [0, *lengths] if mask[0] else lengths


def track_value(tool: ToolTruth) -> int:
    """Return what `mask/track` holds where an instrument is seen."""
    return tool.track % TRACK_VALUES + 1


def pixel_box(box: Box, size: tuple[int, int]) -> list[float]:
    """Return a normalised box in pixels."""
    width, height = size
    values = (box[0] * width, box[1] * height, box[2] * width, box[3] * height)
    return [round(value, PIXEL_DIGITS) for value in values]


def _open(setting: Setting, name: str, extra: dict[str, Any]) -> JsonDocument:
    folder = setting.folder / FOLDER
    folder.mkdir(exist_ok=True)
    categories = [
        {"id": label.id + 1, "name": label.name, "supercategory": "instrument", **extra}
        for label in setting.terms.instrument.labels
    ]
    description = f"Simulated {setting.piece.plan.procedure}, seed {setting.piece.plan.seed}"
    fields = {"info": {"description": description}, "licenses": [], "categories": categories}
    return JsonDocument(folder / name, fields, LISTS)


def _image(frame: SimulatedFrame) -> dict[str, Any]:
    height, width = frame.rgb.shape[:2]
    number = frame.truth.number
    return {"id": number, "width": width, "height": height, "file_name": f"{number:06d}.png"}


def _annotation(number: int, frame: SimulatedFrame, tool: ToolTruth, area: int) -> dict[str, Any]:
    assert tool.box is not None  # visible tools of a rendered frame have one
    height, width = frame.rgb.shape[:2]
    return {
        "id": number,
        "image_id": frame.truth.number,
        "category_id": tool.label.id + 1,
        "track_id": tool.track,
        "bbox": pixel_box(tool.box, (width, height)),
        "area": area,
        "iscrowd": 0,
    }


def _points(tool: ToolTruth) -> list[float]:
    by_name = {point.name: point for point in tool.keypoints}
    values: list[float] = []
    for name in KEYPOINTS:
        point = by_name.get(name)
        if point is None or not point.visibility:
            values += [0, 0, 0]
        else:
            x, y = round(point.x, PIXEL_DIGITS), round(point.y, PIXEL_DIGITS)
            values += [x, y, point.visibility]
    return values
