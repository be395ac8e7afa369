"""Instruments out of the network's maps: peaks, boxes, verbs and targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from videoengine.models.metrics.boxes import box_iou
from videoengine.models.workflow.network import Answers

MOST: Final = 8
"""Instruments that are looked for in a picture."""
REPEATED: Final = 0.5
"""Overlap with a surer box of the same instrument from which a box says nothing new."""


@dataclass(frozen=True, slots=True)
class Found:
    """One instrument."""

    instrument: int
    score: float
    box: tuple[float, float, float, float]
    """x, y, width, height as fractions of the picture."""
    verbs: Tensor
    """(verbs,), probabilities."""
    targets: Tensor
    """(targets,), probabilities."""


def found_in(answers: Answers, picture: int, *, threshold: float) -> list[Found]:
    """Return the instruments of one picture of a batch, the surest first.

    A center is a pixel of its map that no neighbor exceeds; boxes that overlap by more than half
    with a surer one of the same instrument are left out.
    """
    center = answers.center[picture].sigmoid()
    peaks = center == functional.max_pool2d(center[None], 3, 1, 1)[0]
    scores = (center * peaks).flatten()
    best = scores.topk(min(MOST * 2, scores.numel()))
    _, height, width = center.shape
    found: list[Found] = []
    for score, place in zip(best.values.tolist(), best.indices.tolist(), strict=True):
        if score < threshold or len(found) == MOST:
            break
        instrument, pixel = divmod(place, height * width)
        row, column = divmod(pixel, width)
        box = _box(answers.sides[picture, :, row, column].tolist(), row, column, height, width)
        same = [one.box for one in found if one.instrument == instrument]
        if same and box_iou(same, [box]).max() > REPEATED:
            continue
        verbs = answers.verb[picture, :, row, column].softmax(0)
        targets = answers.target[picture, :, row, column].softmax(0)
        found.append(Found(instrument, score, box, verbs, targets))
    return found


def _box(
    sides: list[float], row: int, column: int, height: int, width: int
) -> tuple[float, float, float, float]:
    left, top = max(column + 0.5 - sides[0], 0.0), max(row + 0.5 - sides[1], 0.0)
    right = min(column + 0.5 + sides[2], float(width))
    bottom = min(row + 0.5 + sides[3], float(height))
    return (
        left / width,
        top / height,
        max(right - left, 0.0) / width,
        max(bottom - top, 0.0) / height,
    )


def tool_mask(answers: Answers, picture: int) -> Tensor:
    """Return the probability (h, w) that a pixel shows any instrument."""
    return 1.0 - torch.softmax(answers.mask[picture], dim=0)[0]
