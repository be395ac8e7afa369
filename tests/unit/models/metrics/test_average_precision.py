from __future__ import annotations

import math

import numpy as np
import pytest

from videoengine.models.metrics import (
    average_precision,
    class_average_precision,
    mean_ap,
    tool_presence_ap,
)


def test_by_hand() -> None:
    # Positives at ranks 1 and 3: precision 1 and 2/3.
    assert average_precision([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]) == pytest.approx((1 + 2 / 3) / 2)


def test_equal_scores_are_taken_together() -> None:
    assert average_precision([1, 0], [0.5, 0.5]) == average_precision([0, 1], [0.5, 0.5]) == 0.5
    assert average_precision([1, 0, 0, 1], [0.0] * 4) == 0.5


def test_a_class_without_a_positive_is_left_out() -> None:
    by_class = class_average_precision([[1, 0], [0, 0]], [[0.9, 0.4], [0.1, 0.7]])
    assert by_class[0] == 1
    assert math.isnan(by_class[1])
    assert mean_ap(by_class) == 1


def test_only_the_order_of_scores_matters() -> None:
    rng = np.random.default_rng(0)
    truth, scores = rng.integers(2, size=50), rng.random(50)
    shuffled = rng.permutation(50)
    expected = average_precision(truth, scores)
    assert average_precision(truth, 7 * scores**3 - 2) == pytest.approx(expected)
    assert average_precision(truth[shuffled], scores[shuffled]) == pytest.approx(expected)
    assert average_precision(truth, truth) == 1


def test_tools_are_scored_over_the_frames_of_all_videos() -> None:
    truth = [[[1], [0]], [[0], [1]]]
    scores = [[[0.3], [0.2]], [[0.9], [0.8]]]
    # In each video alone the first is perfect; together a frame without the tool is surest.
    assert tool_presence_ap(truth, scores)[0] == pytest.approx((1 / 2 + 2 / 3) / 2)


@pytest.mark.parametrize(
    ("truth", "scores", "message"),
    [([1, 0], [0.5], r"must be \(N,\)"), ([1, 0], [0.5, math.nan], "finite")],
)
def test_what_does_not_fit_is_refused(truth: list[int], scores: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        average_precision(truth, scores)
