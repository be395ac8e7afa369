"""COCO: the boxes of each image as samples of the instruments; an image without any shows none.

An image is placed by the stamp that our export gave it; where that is gone, by the case time in
milliseconds that its file name is.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from videoengine.apps.export.spans import span_at
from videoengine.apps.importing.annotation import Found, Stated, Target
from videoengine.apps.importing.annotation_file import (
    fraction_at,
    integer_at,
    object_at,
    read_json,
    refuse,
    seconds_at,
)
from videoengine.errors import SourceError
from videoengine.models.datasets.coco import read_coco as read_published
from videoengine.payloads import InstrumentPayload

SLACK_NS: Final = 1_000_000
_NAME: Final = re.compile(r"(\d{9,12})(?:-\d+)?")


def read_coco(path: Path, target: Target) -> Found:
    """Return the boxes of a COCO file.

    Raises:
        SourceError: It is no COCO file of instruments, or an image cannot be placed in the case.
    """
    info = object_at(object_at(read_json(path), f"{path}, the top").get("info", {}), str(path))
    if "length_seconds" in info:
        length_ns = seconds_at(info["length_seconds"], f"{path}, info", "length_seconds")
        target.check_length(length_ns, str(path))
    labels = [label for v in target.terms.by_kind["instrument"] for label in v.labels]
    try:
        published = read_published(path, labels)
    except SourceError as error:
        raise SourceError(error.what, got=error.got, allowed=error.allowed) from error
    found = Found(SLACK_NS)
    if "sample_period_seconds" in info:
        period = fraction_at(info["sample_period_seconds"], str(path), "sample_period_seconds")
        if period > 0:
            found.rates_hz["instrument"] = 1 / period
    for name, image in published.images.items():
        place = f"{path}, image {name}"
        start_ns, end_ns = _times(name, image, place, target)
        boxes = [
            InstrumentPayload(item.label, item.box) for item in published.objects.get(name, ())
        ]
        for payload in boxes or [InstrumentPayload(None)]:
            found.stated.append(Stated("instrument", payload, start_ns, end_ns, place, True))
    return found


def _times(name: str, image: dict[str, Any], place: str, target: Target) -> tuple[int, int]:
    """Return when an image was shown."""
    length_ns = target.frame_ns
    if image.get("duration_seconds"):
        length_ns = seconds_at(image["duration_seconds"], place, "duration_seconds")
    if all(image.get(key) is not None for key in ("epoch", "pts", "time_base")):
        index = integer_at(image["epoch"], place, "epoch")
        base = fraction_at(image["time_base"], place, "time_base")
        for span in target.spans:
            if (span.epoch.index, span.epoch.time_base) == (index, Fraction(base)):
                ticks = integer_at(image["pts"], place, "pts", low=-(2**63), high=2**63)
                start_ns = span.case_ns(ticks)
                if span_at(target.spans, start_ns) is span:
                    return start_ns, start_ns + length_ns
        refuse(place, "the stamp is none of this case", got=f"{image['pts']} in epoch {index}",
               remedy="Is it the file of another case?")  # fmt: skip
    match = _NAME.fullmatch(name)
    if match is None:
        refuse(place, "nothing tells when this image was shown", got=name,
               allowed="names as `export --to frames` gives them: 000012345.jpg")  # fmt: skip
    start_ns = int(match[1]) * 1_000_000
    return start_ns, start_ns + length_ns
