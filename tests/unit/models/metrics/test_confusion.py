from __future__ import annotations

import math

import numpy as np
import pytest

from videoengine.models.metrics import LabelledVideo, confusion_matrix, macro_f1
from videoengine.models.metrics.confusion import count_classes, macro

TRUTH = np.array([0, 0, 0, 1, 1, 3])
SAID = np.array([0, 0, 1, 1, 2, -1])
"""Class 0: 2 of 3 found. 1: 1 of 2, once wrongly. 2: only predicted. 3: nothing stated. 4: none."""


def test_scores_of_classes_by_hand() -> None:
    counts = count_classes(TRUTH, SAID, 5)
    np.testing.assert_allclose(counts.score("precision"), [1, 1 / 2, 0, math.nan, math.nan])
    np.testing.assert_allclose(counts.score("recall"), [2 / 3, 1 / 2, math.nan, 0, math.nan])
    np.testing.assert_allclose(counts.score("jaccard"), [2 / 3, 1 / 3, 0, 0, math.nan])
    np.testing.assert_allclose(counts.score("f1"), [4 / 5, 1 / 2, 0, 0, math.nan])


def test_macro_f1_depends_on_which_classes_it_runs_over() -> None:
    video = LabelledVideo.of(TRUTH, SAID)
    assert macro_f1(video, 5, over="truth") == pytest.approx(1.3 / 3)
    assert macro_f1(video, 5, over="union") == pytest.approx(1.3 / 4)
    assert macro_f1(video, 5, over="all") == pytest.approx(1.3 / 5)


def test_an_undefined_class_counts_what_the_caller_says() -> None:
    counts = count_classes(TRUTH, SAID, 5)
    assert macro(counts, "f1", over="all", undefined=1.0) == pytest.approx(2.3 / 5)
    assert macro(counts, "precision", over="truth", undefined=0.0) == pytest.approx(1.5 / 3)


def test_nothing_stated_has_a_column_of_its_own() -> None:
    matrix = confusion_matrix(TRUTH, SAID, 4)
    assert matrix.shape == (4, 5)
    assert matrix[3].tolist() == [0, 0, 0, 0, 1]
    assert matrix.sum() == len(TRUTH)


def test_frames_without_a_true_label_are_left_out() -> None:
    video = LabelledVideo.of([-1, 0, 1, -1], [0, 0, -7, 1])
    assert video.truth.tolist() == [0, 1]
    assert video.predicted.tolist() == [0, -1]


@pytest.mark.parametrize(
    ("truth", "said", "message"),
    [
        ([0, 1], [0], "of one length, got 2 and 1"),
        ([0.5, 1.0], [0, 1], "truth must be integers"),
        ([-1, -1], [0, 1], "at least one frame must be annotated"),
    ],
)
def test_sequences_that_do_not_fit_are_refused(truth: list[int], said: list[int], message: str):
    with pytest.raises(ValueError, match=message):
        LabelledVideo.of(truth, said)
