"""Boxes and how far they overlap.

A box is x, y, width, height with its origin at the top left, in any one unit; a side below 0 is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from videoengine.models.metrics.confusion import Floats


@dataclass(frozen=True, slots=True, eq=False)
class BoxSet:
    """N boxes over many images, each of a class."""

    image: NDArray[np.int64]
    """(N,), number of the image."""
    label: NDArray[np.int64]
    """(N,), class from 0."""
    box: NDArray[np.float64]
    """(N, 4)."""
    score: NDArray[np.float64]
    """(N,), higher is surer; of true boxes it says nothing."""

    @classmethod
    def of(
        cls, image: ArrayLike, label: ArrayLike, box: ArrayLike, score: ArrayLike | None = None
    ) -> BoxSet:
        """Return boxes from anything array-like; without scores they are 1."""
        images = np.asarray(image, np.int64).reshape(-1)
        count = len(images)
        labels = np.asarray(label, np.int64).reshape(-1)
        boxes = np.asarray(box, np.float64).reshape(-1, 4)
        scores = np.ones(count) if score is None else np.asarray(score, np.float64).reshape(-1)
        if not count == len(labels) == len(boxes) == len(scores):
            lengths = f"{count}, {len(labels)}, {len(boxes)}, {len(scores)}"
            raise ValueError(f"images, labels, boxes and scores must match, got {lengths}")
        if not (np.isfinite(scores).all() and np.isfinite(boxes).all()):
            raise ValueError("boxes and scores must be finite, got NaN or infinity")
        return cls(images, labels, boxes, scores)

    def of_class(self, label: int) -> BoxSet:
        """Return the boxes of one class."""
        kept = self.label == label
        return BoxSet(self.image[kept], self.label[kept], self.box[kept], self.score[kept])


def box_iou(first: ArrayLike, second: ArrayLike) -> Floats:
    """Return intersection over union, float64 (M, N) in 0 to 1; 0 where both are empty.

    Args:
        first: (M, 4).
        second: (N, 4).
    """
    left = np.asarray(first, np.float64).reshape(-1, 1, 4)
    right = np.asarray(second, np.float64).reshape(1, -1, 4)
    low = np.maximum(left[..., :2], right[..., :2])
    high = np.minimum(left[..., :2] + left[..., 2:], right[..., :2] + right[..., 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = np.prod(np.clip(left[..., 2:], 0, None), axis=2) + np.prod(
        np.clip(right[..., 2:], 0, None), axis=2
    )
    union = areas - shared
    found: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return found
