"""The scores of the PitVis-2023 challenge, as its scripts compute them.

`dreets/pitvis`, helper_scripts/evaluation_steps.py (b1cb307) and evaluation_instruments.py
(ebc82dd); Das et al., PitVis-2023, section 3.4. What the scripts do and the paper does not say:

* steps: frames go by their *true* label only, so an excluded class that is predicted elsewhere
  stays in the macro average with F1 = 0; never predicting -1, 11 or 13 can only raise the score;
* steps: `zero_division=1` is set but never acts: every class of the average is true or predicted;
* edit: the script's is 1 - distance / longer length; the paper's equation 3, 1 / distance, is not
  what was computed. It runs after the exclusion, so what an excluded stretch parted is one segment;
* instruments: the script averages F1 *weighted* by support, the paper says macro;
* instruments: truth and predictions are encoded apart. Classes that were seen come first, those
  that were not are appended, and columns are then compared by place: when the two saw different
  classes, different classes are compared.

Every score is of one video; the challenge averages over videos and never pools frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from videoengine.models.metrics.confusion import Floats, count_classes, ratio
from videoengine.models.metrics.frame_labels import LabelledVideo, as_ids
from videoengine.models.metrics.segments import edit_distance, segments_of

EXCLUDED: Final = (-1, 11, 13)
"""True steps whose frames are not scored: out of the patient, and two that are too rare."""
INSTRUMENTS: Final = 19
"""Columns of the instrument task; 0, "no visible instrument", is scored."""


@dataclass(frozen=True, slots=True)
class StepScore:
    """Task 1 of one video; NaN when no frame is left to score (upstream divides by zero)."""

    macro_f1: float
    """0 to 1, over the classes true or predicted in the frames that are left."""
    edit: float
    """0 to 1."""

    @property
    def combined(self) -> float:
        """The challenge's figure: the mean of the two."""
        return (self.macro_f1 + self.edit) / 2


@dataclass(frozen=True, slots=True)
class InstrumentScore:
    """Task 2 of one video, 0 to 1."""

    scripted: float
    """What the script prints, its order of columns included."""
    weighted_f1: float
    """Weighted by support, every class with itself."""
    macro_f1: float
    """What the paper says: over the classes true or predicted."""

    @property
    def columns_agree(self) -> bool:
        """Whether the script compared every class with itself, as far as the score tells."""
        return bool(np.isclose(self.scripted, self.weighted_f1, equal_nan=True))


def step_score(truth: ArrayLike, predicted: ArrayLike) -> StepScore:
    """Score the steps of one video.

    Args:
        truth: Raw step labels (T,), -1 to 14.
        predicted: Raw step labels (T,); -1 is a class here.
    """
    true, said = as_ids(truth, "truth"), as_ids(predicted, "predicted")
    if true.shape != said.shape:
        raise ValueError(f"both must be of one length, got {len(true)} and {len(said)}")
    kept = ~np.isin(true, EXCLUDED)
    if not kept.any():
        return StepScore(float("nan"), float("nan"))
    # One up, so that -1 is a class like any other.
    video = LabelledVideo(true[kept] + 1, said[kept] + 1)
    counts = count_classes(video.truth, video.predicted, int(max(true.max(), said.max())) + 2)
    seen = counts.union > 0
    sequences = [[one.label for one in segments_of(row)] for row in (video.predicted, video.truth)]
    edit = 1 - edit_distance(*sequences) / max(map(len, sequences))
    return StepScore(float(counts.score("f1")[seen].mean()), edit)


def instrument_score(truth: NDArray[Any], predicted: NDArray[Any]) -> InstrumentScore:
    """Score the instruments of one video.

    Args:
        truth: 0 or 1 (T, 19), instruments in each frame.
        predicted: 0 or 1 (T, 19).
    """
    true, said = np.asarray(truth) > 0, np.asarray(predicted) > 0
    if true.shape != said.shape or true.ndim != 2 or true.shape[1] != INSTRUMENTS:
        raise ValueError(f"both must be (T, {INSTRUMENTS}), got {true.shape} and {said.shape}")
    f1, support = _column_f1(true, said)
    scripted, weights = _column_f1(true[:, _order(true)], said[:, _order(said)])
    seen = true.any(axis=0) | said.any(axis=0)
    return InstrumentScore(
        scripted=_weighted(scripted, weights),
        weighted_f1=_weighted(f1, support),
        macro_f1=float(f1[seen].mean()) if seen.any() else float("nan"),
    )


def _column_f1(true: NDArray[np.bool_], said: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return F1 and support by column, (19,) each; F1 of a column empty on both sides is NaN."""
    hits = (true & said).sum(axis=0)
    return ratio(2 * hits, true.sum(axis=0) + said.sum(axis=0)), true.sum(axis=0).astype(float)


def _order(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the script's order of columns: those that occur, then the others."""
    found: NDArray[np.int64] = np.argsort(~flags.any(axis=0), kind="stable")
    return found


def _weighted(f1: Floats, support: Floats) -> float:
    """Return the mean weighted by support, NaN without any."""
    total = support.sum()
    return float((np.nan_to_num(f1) * support).sum() / total) if total else float("nan")
