"""Boxes that a tool interpolates between keyframes, brought back to samples."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from videoengine.apps.importing.annotation_file import fraction_at, refuse
from videoengine.models.datasets.annotations import Box

SMALLEST: Final = Fraction(1, 10**6)
"""Sides below this part of the picture are no box: they vanish in the digits of the log."""
FARTHEST: Final = 10
"""Pictures beside the picture; a corner beyond is no corner of a box in it."""


@dataclass(frozen=True, slots=True)
class Keyframe:
    """What a file says of one frame of a track."""

    number: int
    box: Box | None
    """None: from here on the instrument is not seen."""


def between(keys: Iterable[Keyframe], step: int, end: int) -> Iterator[tuple[int, Box]]:
    """Yield the samples that keyframes stand for: themselves, and those a tool shows between.

    Args:
        keys: Keyframes of one track; one with a box holds, or moves, until the next one.
        step: Frames from one sample to the next.
        end: The number after the last frame of the video.
    """
    rows = sorted({key.number: key for key in keys}.values(), key=lambda key: key.number)
    rows.append(Keyframe(max(end, rows[-1].number + 1) if rows else end, None))
    for left, right in itertools.pairwise(rows):
        if left.box is None:
            continue
        numbers = list(range(left.number, right.number, step))
        if right.box is not None and len(numbers) > 1 and 2 * (right.number - numbers[-1]) < step:
            numbers.pop()  # the next keyframe is this sample, moved a little
        for number in numbers:
            part = (number - left.number) / (right.number - left.number)
            yield number, _mixed(left.box, right.box, part)


def _mixed(one: Box, other: Box | None, part: float) -> Box:
    if other is None or not part:
        return one
    x, y, width, height = (a + (b - a) * part for a, b in zip(one, other, strict=True))
    return x, y, width, height


def box_at(values: Sequence[object], sides: tuple[object, object], place: str) -> Box | None:
    """Return (left, top, right, bottom) as parts of the picture, or None for a box outside it.

    Args:
        values: Corners as a file has them.
        sides: Width and height of the picture in the same unit.
        place: Where they stand, for errors.

    Raises:
        SourceError: They are no numbers, or no corners.
    """
    width, height = (fraction_at(side, place, "the size of the picture") for side in sides)
    if width <= 0 or height <= 0:
        refuse(place, "the picture has no size", got=f"{float(width)}x{float(height)}")
    left, top, right, bottom = (
        fraction_at(value, place, "a corner") / side
        for value, side in zip(values, (width, height, width, height), strict=True)
    )
    if right < left or bottom < top or max(map(abs, (left, top, right, bottom))) > FARTHEST:
        refuse(place, "these are no corners of a box in the picture",
               got=", ".join(map(str, values)))  # fmt: skip
    inside = [min(max(value, Fraction(0)), Fraction(1)) for value in (left, top, right, bottom)]
    if min(inside[2] - inside[0], inside[3] - inside[1]) < SMALLEST:
        return None
    left, top, right, bottom = inside
    return float(left), float(top), float(right - left), float(bottom - top)
