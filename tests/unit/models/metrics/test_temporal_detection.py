from __future__ import annotations

import math

import numpy as np
import pytest

from videoengine.models.metrics import Stretches, temporal_ap, temporal_grounding


def test_ranked_over_videos_and_matched_within_them() -> None:
    truth = Stretches.of([0, 1], [0, 0], [[0, 10], [0, 10]])
    said = Stretches.of([0, 0, 1], [0, 0, 0], [[0, 10], [20, 30], [0, 5]], [0.9, 0.8, 0.7])
    found = temporal_ap(truth, said, classes=2, overlaps=(0.5, 0.6))
    assert found[0, 0] == pytest.approx((1 + 2 / 3) / 2)
    assert found[1, 0] == pytest.approx(1 / 2)
    assert np.isnan(found[:, 1]).all()


def test_one_true_stretch_is_found_once() -> None:
    truth = Stretches.of([0], [0], [[0, 10]])
    said = Stretches.of([0, 0], [0, 0], [[0, 10], [0, 9]], [0.5, 0.9])
    assert temporal_ap(truth, said, classes=1, overlaps=(0.5,))[0, 0] == pytest.approx(1)
    assert temporal_ap(truth, truth, classes=1).tolist() == [[1.0]] * 7


def test_grounding_by_hand_and_without_an_answer() -> None:
    found = temporal_grounding([[0, 10], [0, 10], [0, 10]], [[0, 10], [0, 4], [math.nan, math.nan]])
    assert found.mean_iou == pytest.approx(1.4 / 3)
    assert found.reached == pytest.approx({0.3: 2 / 3, 0.5: 1 / 3})


def test_rows_must_match() -> None:
    with pytest.raises(ValueError, match="must match"):
        Stretches.of([0, 1], [0], [[0, 1], [0, 1]])
    with pytest.raises(ValueError, match="N > 0"):
        temporal_grounding([], [])
