from __future__ import annotations

import math

import numpy as np
import pytest

from videoengine.models.metrics import MaskTally


def strip(on: int) -> np.ndarray:
    mask = np.zeros((1, 100), bool)
    mask[0, :on] = True
    return mask


def test_the_two_means_differ() -> None:
    tally = MaskTally(2)
    tally.add(strip(10), strip(5))  # 5 of 10
    tally.add(strip(80), strip(60))  # 60 of 80
    assert tally.mean_over_images()[1] == pytest.approx((1 / 2 + 3 / 4) / 2)
    assert tally.over_dataset()[1] == pytest.approx(65 / 90)
    assert tally.image_dice()[:, 1].tolist() == pytest.approx([2 / 3, 6 / 7])


def test_an_image_with_nothing_to_find_and_nothing_found_is_left_out() -> None:
    tally = MaskTally(2)
    tally.add(strip(0), strip(0))
    tally.add(strip(4), strip(4))
    assert math.isnan(tally.image_iou()[0, 1])
    assert tally.mean_over_images().tolist() == [1, 1]
    tally.add(strip(0), strip(1))  # found where there is nothing: counts 0
    assert tally.mean_over_images()[1] == pytest.approx(1 / 2)
    assert len(tally) == 3


def test_pixels_below_zero_do_not_count() -> None:
    tally = MaskTally(2)
    tally.add(np.array([[1, -1, 0]]), np.array([[1, 1, 0]]))
    assert tally.over_dataset().tolist() == [1, 1]


def test_shapes_and_classes_are_checked() -> None:
    with pytest.raises(ValueError, match="one shape"):
        MaskTally(2).add(strip(1), strip(1)[:, :5])
    with pytest.raises(ValueError, match="below 2, got 4"):
        MaskTally(2).add(np.full((1, 1), 4), np.zeros((1, 1)))
