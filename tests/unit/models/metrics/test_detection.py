from __future__ import annotations

import math

import numpy as np
import pytest

from videoengine.models.metrics import BoxSet, box_iou, detection_ap, triplet_detection

UNIT = [0.0, 0.0, 1.0, 1.0]
HALF = [0.0, 0.0, 0.5, 1.0]
FAR = [5.0, 5.0, 1.0, 1.0]


def boxes(*rows: tuple[int, int, list[float], float]) -> BoxSet:
    """Rows of image, class, box and score."""
    images, labels, places, scores = zip(*rows, strict=True) if rows else ((), (), (), ())
    return BoxSet.of(images, labels, places, scores)


def test_overlap_by_hand() -> None:
    found = box_iou([UNIT, HALF], [UNIT, [0.5, 0, 1, 1], FAR, [0, 0, -1, 1]])
    np.testing.assert_allclose(found, [[1, 1 / 3, 0, 0], [0.5, 0, 0, 0]])


def test_what_is_found_twice_is_once_wrong() -> None:
    truth = boxes((0, 0, UNIT, 1))
    twice = boxes((0, 0, UNIT, 0.9), (0, 0, UNIT, 0.8))
    for protocol in ("coco", "voc07", "voc12"):
        found = detection_ap(truth, twice, classes=1, thresholds=(0.5,), protocol=protocol)
        assert found[0, 0] == pytest.approx(1)  # the wrong one comes after all recall is reached
    first_wrong = boxes((0, 0, FAR, 0.9), (0, 0, UNIT, 0.8))
    assert detection_ap(truth, first_wrong, classes=1, thresholds=(0.5,))[0, 0] == pytest.approx(
        0.5
    )


def test_protocols_read_the_same_curve_differently() -> None:
    truth = boxes((0, 0, UNIT, 1), (1, 0, UNIT, 1))
    half = boxes((0, 0, UNIT, 0.9))  # recall 1/2 at precision 1
    found = {
        protocol: detection_ap(truth, half, classes=1, thresholds=(0.5,), protocol=protocol)[0, 0]
        for protocol in ("coco", "voc07", "voc12")
    }
    assert found == pytest.approx({"coco": 51 / 101, "voc07": 6 / 11, "voc12": 1 / 2})


def test_voc_looks_at_the_best_box_only() -> None:
    near = [0.1, 0.0, 1.0, 1.0]
    truth = boxes((0, 0, UNIT, 1), (0, 0, near, 1))
    said = boxes((0, 0, UNIT, 0.9), (0, 0, [0.01, 0, 1, 1], 0.8))
    coco = detection_ap(truth, said, classes=1, thresholds=(0.5,), protocol="coco")
    voc = detection_ap(truth, said, classes=1, thresholds=(0.5,), protocol="voc12")
    assert coco[0, 0] == pytest.approx(1)
    assert voc[0, 0] == pytest.approx(1 / 2)


def test_a_class_without_a_true_box_is_left_out() -> None:
    found = detection_ap(boxes((0, 0, UNIT, 1)), boxes((0, 1, UNIT, 1)), classes=2)
    assert (found[:, 0] == 0).all()
    assert np.isnan(found[:, 1]).all()


def test_stricter_thresholds_are_never_easier() -> None:
    truth = boxes((0, 0, UNIT, 1))
    said = boxes((0, 0, [0, 0, 0.72, 1], 0.9))
    found = detection_ap(truth, said, classes=1)[:, 0]
    assert found.tolist() == pytest.approx([1] * 5 + [0] * 5)


def test_ivtmetrics_ranks_within_a_frame_only() -> None:
    truth = boxes((0, 0, UNIT, 1), (1, 0, UNIT, 1))
    said = boxes((0, 0, FAR, 0.1), (1, 0, UNIT, 0.9))
    scores = triplet_detection([truth], [said], classes=1)
    # The wrong one of the earlier frame comes first, although it is less sure.
    assert scores.ap[0] == pytest.approx(6 / 11 * 1 / 2)
    assert scores.recall[0] == scores.precision[0] == 1 / 2
    assert detection_ap(truth, said, classes=1, thresholds=(0.5,))[0, 0] == pytest.approx(51 / 101)


def test_ivtmetrics_counts_a_class_that_is_only_detected() -> None:
    truth, said = boxes((0, 0, UNIT, 1)), boxes((0, 0, UNIT, 1), (0, 1, UNIT, 1))
    scores = triplet_detection([truth], [said], classes=3)
    assert scores.ap[:2].tolist() == pytest.approx([1, 0])
    assert math.isnan(scores.ap[2])
    assert scores.mean_ap == pytest.approx(1 / 2)


def test_rows_must_match() -> None:
    with pytest.raises(ValueError, match="must match, got 2, 1, 1, 2"):
        BoxSet.of([0, 1], [0], [UNIT])
    with pytest.raises(ValueError, match="finite"):
        BoxSet.of([0], [0], [[0, 0, math.nan, 1]])
