"""COCO detections: one image for each sample of the instruments, one annotation for each box.

The rows of `images` carry, beyond what COCO asks for, the stamp that the boxes rest on; their file
names are those of `export --to frames`. An image without annotations shows no instrument.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import videoengine
from videoengine.apps.export.elan import seconds_text
from videoengine.apps.export.frame_grid import FrameGrid, frame_grid, rate_text
from videoengine.apps.export.images import picture_name
from videoengine.apps.export.request import Request
from videoengine.apps.export.samples import (
    Moment,
    boxed,
    picture_size,
    samples_of,
    vocabulary_names,
)
from videoengine.recon3d.simulator.labels.json_rows import JsonDocument
from videoengine.vocabularies import vocabularies

INSTRUMENTS: Final = "cholect50/instrument@1"
"""Categories of a case in which no instrument was seen."""
PIXEL_DIGITS: Final = 6
VIDEO: Final = 1


def write_coco(request: Request, out: Path) -> int:
    """Write the boxes of the instruments, and return how many."""
    size = picture_size(request)
    grid = frame_grid(request.case)
    samples = samples_of(request.case, "instrument")
    ids: dict[str, int] = {}
    categories: list[dict[str, Any]] = []
    for name in vocabulary_names([samples], INSTRUMENTS):
        for label in vocabularies()[name].labels:
            ids[label.name] = len(categories) + 1
            categories.append(
                {"id": ids[label.name], "name": label.name, "supercategory": "instrument"}
            )
    length = seconds_text(request.timeline.end_ns)
    video = {"id": VIDEO, "name": "video", "width": size[0], "height": size[1],
             "fps": None if grid is None else rate_text(grid.rate_fps),
             "length_seconds": length}  # fmt: skip
    info = {"description": f"Instruments found by videoengine. {videoengine.DISCLAIMER}",
            "stage": samples.stage, "sample_period_seconds": seconds_text(samples.period_ns),
            "length_seconds": length}  # fmt: skip
    fields = {"info": info, "licenses": [], "categories": categories, "videos": [video]}
    document = JsonDocument(out, fields, ("images", "annotations"))
    names: dict[str, int] = {}
    count = 0
    spans = {span.epoch.index: span for span in samples.spans}
    for number, moment in enumerate(samples.moments, 1):
        if any(payload.get("label") and not payload.get("box") for payload in moment.payloads):
            continue  # seen, but nobody knows where: neither a box nor an empty image is true
        span = spans[moment.epoch]
        name = picture_name(moment.start_ns, names)
        stamp = {"pts": span.ticks(moment.start_ns), "time_base": rate_text(span.epoch.time_base)}
        document.append("images", {**_image(number, name, size, moment, grid), **stamp})
        for seen, box in boxed(moment):
            count += 1
            document.append("annotations", _annotation(count, number, ids[seen["name"]], box, size))
    document.close()
    return count


def _image(
    number: int, name: str, size: tuple[int, int], moment: Moment, grid: FrameGrid | None
) -> dict[str, Any]:
    return {
        "id": number,
        "video_id": VIDEO,
        "width": size[0],
        "height": size[1],
        "file_name": name,
        "frame_id": None if grid is None else grid.number(moment.epoch, moment.start_ns),
        "case_seconds": seconds_text(moment.start_ns),
        "duration_seconds": seconds_text(moment.end_ns - moment.start_ns),
        "epoch": moment.epoch,
    }


def _annotation(
    number: int, image: int, category: int, box: tuple[float, ...], size: tuple[int, int]
) -> dict[str, Any]:
    scale = (*size, *size)
    pixels = [round(value * side, PIXEL_DIGITS) for value, side in zip(box, scale, strict=True)]
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": pixels,
        "area": round(pixels[2] * pixels[3], PIXEL_DIGITS),
        "iscrowd": 0,
    }
