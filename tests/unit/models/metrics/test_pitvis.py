from __future__ import annotations

import math

import numpy as np
import pytest

from videoengine.models.metrics import instrument_score, step_score


def flags(*rows: tuple[int, ...]) -> np.ndarray:
    table = np.zeros((len(rows), 19), bool)
    for row, instruments in zip(table, rows, strict=True):
        row[list(instruments)] = True
    return table


def test_steps_by_hand() -> None:
    score = step_score([1, 1, 2, 2], [1, 2, 2, 2])
    assert score.macro_f1 == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert score.edit == 1
    assert score.combined == pytest.approx((score.macro_f1 + 1) / 2)


def test_frames_go_by_their_true_label_only() -> None:
    truth, said = [1, 1, -1, 11, 13, 2], [1, 1, 5, 6, 7, 2]
    assert step_score(truth, said).combined == 1
    # Predicted elsewhere, an excluded class stays in the average with F1 = 0.
    assert step_score([1, 1, 2, 2], [1, 1, 2, -1]).macro_f1 == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_what_an_excluded_stretch_parts_is_one_segment() -> None:
    assert step_score([1, -1, 1], [1, 4, 1]).edit == 1


def test_no_frame_left_is_undefined() -> None:
    assert math.isnan(step_score([-1, 11], [1, 1]).combined)


def test_instruments_are_weighted_by_support() -> None:
    truth = flags((0,), (0,), (0,), (16,))
    said = flags((0,), (0,), (0,), (0,))
    score = instrument_score(truth, said)
    assert score.weighted_f1 == pytest.approx(6 / 7 * 3 / 4)
    assert score.macro_f1 == pytest.approx(6 / 7 / 2)


def test_the_script_compares_columns_by_place() -> None:
    # The truth saw 3 and 16, the predictions 16 alone: 3 meets 16, and 16 meets 0.
    truth, said = flags((3,), (16,), (16,)), flags((), (16,), (16,))
    score = instrument_score(truth, said)
    assert score.weighted_f1 == pytest.approx(2 / 3)
    assert score.scripted == 0
    assert not score.columns_agree
    assert instrument_score(truth, truth).columns_agree


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match=r"both must be \(T, 19\)"):
        instrument_score(np.zeros((3, 4)), np.zeros((3, 4)))
