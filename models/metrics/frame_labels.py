"""Labels frame by frame, as every scorer of phases and steps takes them.

Ids count from 0 in the order of a vocabulary. A true label below 0 is "not annotated": the frame
is left out. A predicted label below 0 is "nothing stated": the frame is wrong and no class is
charged with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ids = NDArray[np.int64]
NOTHING = -1
"""A predicted label where none was stated."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledVideo:
    """One video: what is true and what was predicted, annotated frames only."""

    truth: Ids
    """int64 (T,), at least 0."""
    predicted: Ids
    """int64 (T,), `NOTHING` where nothing was stated."""

    @classmethod
    def of(cls, truth: ArrayLike, predicted: ArrayLike) -> LabelledVideo:
        """Return a video of two label sequences, frames without a true label left out.

        Args:
            truth: Integers (T,).
            predicted: Integers (T,).

        Raises:
            ValueError: They are no integer sequences of one length, or no frame is annotated.
        """
        true, said = as_ids(truth, "truth"), as_ids(predicted, "predicted")
        if true.shape != said.shape:
            raise ValueError(
                f"truth and predicted must be of one length, got {len(true)} and {len(said)}"
            )
        known = true >= 0
        if not known.any():
            raise ValueError(f"at least one frame must be annotated, got {len(true)} without")
        return cls(true[known], np.maximum(said[known], NOTHING))


def as_ids(labels: ArrayLike, name: str) -> Ids:
    """Return labels as int64 (T,), or raise ValueError with the name of the argument."""
    array = np.asarray(labels)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(f"{name} must be integers (T,), got {array.dtype} {array.shape}")
    return array.astype(np.int64)


def check_classes(videos: Sequence[LabelledVideo], classes: int) -> None:
    """Raise ValueError when there is no video, or a label lies outside of the vocabulary."""
    if not videos:
        raise ValueError("at least one video is needed, got none")
    highest = max(int(max(video.truth.max(), video.predicted.max())) for video in videos)
    if highest >= classes:
        raise ValueError(f"labels must lie below {classes}, got {highest}")
