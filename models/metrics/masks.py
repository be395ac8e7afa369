"""Overlap of masks: intersection over union and Dice, over each image and over all pixels.

Both means are published as mIoU and differ: over images, one image counts as much as another
(Allan et al., 2017 Robotic Instrument Segmentation Challenge, arXiv 1902.06426); over the data set,
one pixel as another (Cityscapes; torchmetrics' JaccardIndex).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from videoengine.models.metrics.confusion import ClassCounts, Floats, count_classes, ratio
from videoengine.models.metrics.phases import mean_of_known


class MaskTally:
    """Takes label maps image by image and keeps their counts; memory does not grow with size."""

    def __init__(self, classes: int) -> None:
        """Begin without an image.

        Args:
            classes: Size of the vocabulary, background included; 2 for a yes-or-no mask.
        """
        self._classes = classes
        self._counts: list[ClassCounts] = []

    def add(self, truth: NDArray[Any], predicted: NDArray[Any]) -> None:
        """Count one image.

        Args:
            truth: Class ids or bool (H, W); ids below 0 are pixels that do not count.
            predicted: Class ids or bool (H, W).
        """
        true, said = np.asarray(truth), np.asarray(predicted)
        if true.shape != said.shape:
            raise ValueError(f"both must be of one shape, got {true.shape} and {said.shape}")
        true, said = true.astype(np.int64).ravel(), said.astype(np.int64).ravel()
        counted = true >= 0
        if max(true.max(initial=-1), said.max(initial=-1)) >= self._classes:
            highest = max(true.max(), said.max())
            raise ValueError(f"classes must lie below {self._classes}, got {highest}")
        self._counts.append(count_classes(true[counted], said[counted], self._classes))

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._counts)

    def image_iou(self) -> Floats:
        """Return IoU by image and class, (B, C) in 0 to 1; NaN for a class on neither side."""
        return np.array([counts.score("jaccard") for counts in self._counts])

    def image_dice(self) -> Floats:
        """Return Dice by image and class, (B, C) in 0 to 1; NaN for a class on neither side."""
        return np.array([counts.score("f1") for counts in self._counts])

    def mean_over_images(self) -> Floats:
        """Return the mean IoU over the images where a class is true or predicted, (C,)."""
        return mean_of_known(self.image_iou(), axis=0)

    def over_dataset(self) -> Floats:
        """Return the IoU of the pixels of all images together, (C,); NaN for a class nowhere."""
        hits = np.sum([counts.hits for counts in self._counts], axis=0)
        union = np.sum([counts.union for counts in self._counts], axis=0)
        return ratio(hits, union)
