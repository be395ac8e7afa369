from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from videoengine.models.metrics import TripletClasses, TripletVideo, global_ap, top_k, video_ap
from videoengine.models.metrics.triplets import Component

CLASSES = TripletClasses.of()


def video(*frames: tuple[int, ...], said: tuple[tuple[int, float], ...] = ()) -> TripletVideo:
    """Frames by true triplets; scores are the truth, but for (frame * 100 + triplet, score)."""
    truth = np.zeros((len(frames), 100))
    for row, triplets in zip(truth, frames, strict=True):
        row[list(triplets)] = 1
    scores = truth.copy()
    for place, score in said:
        scores.flat[place] = score
    return TripletVideo(truth, scores)


def test_cholect50_has_a_hundred_triplets_whose_last_six_have_no_verb() -> None:
    assert len(CLASSES.names) == 100
    assert np.flatnonzero(CLASSES.null).tolist() == [94, 95, 96, 97, 98, 99]
    parts: tuple[Component, ...] = ("i", "v", "t")
    assert [int(CLASSES.groups(part).max()) + 1 for part in parts] == [6, 10, 15]


@pytest.mark.shared
def test_components_are_those_of_the_published_map(shared: Path) -> None:
    rows = np.genfromtxt(shared / "camma" / "ivtmetrics_maps.txt", delimiter=",", dtype=int)
    assert (rows[:, 1:4] == CLASSES.parts).all()
    pairs: tuple[tuple[int, Component], ...] = ((4, "iv"), (5, "it"))
    for column, part in pairs:
        _, places = np.unique(rows[:, column], return_inverse=True)
        assert (CLASSES.groups(part) == places).all()


def test_a_component_has_the_highest_score_of_its_triplets() -> None:
    scores = np.zeros((1, 100))
    scores[0, [7, 17, 60]] = 0.4, 0.9, 0.3  # grasper grasps, grasper retracts, hook dissects
    tools = CLASSES.extract(scores, "i")[0]
    assert tools.tolist() == [0.9, 0, 0.3, 0, 0, 0]


def test_videos_come_before_classes_and_missing_classes_count_nowhere() -> None:
    first = video((7,), (), said=((107, 1.0),))  # triplet 7: right at one of two equal scores
    second = video((7,), (60,))
    scored = video_ap([first, second], CLASSES)
    assert scored.by_class[7] == pytest.approx((1 / 2 + 1) / 2)
    assert scored.by_class[60] == 1
    assert np.isnan(np.delete(scored.by_class, [7, 60])).all()
    assert scored.mean == pytest.approx((3 / 4 + 1) / 2)
    assert global_ap([first, second], CLASSES).by_class[7] == pytest.approx(2 / 3)


def test_nulls_are_left_out_of_triplets_alone() -> None:
    one = video((7,), (95,), (), said=((295, 1.0),))
    assert video_ap([one], CLASSES).mean == pytest.approx((1 + 1 / 2) / 2)
    assert video_ap([one], CLASSES, ignore_null=True).mean == 1
    assert len(video_ap([one], CLASSES, ignore_null=True).by_class) == 94
    verbs = video_ap([one], CLASSES, "v", ignore_null=True)
    assert verbs.by_class[9] == pytest.approx(1 / 2)


def test_top_k_counts_true_labels_among_the_highest() -> None:
    one = video((7, 17), said=((3, 0.9), (17, 0.5)))
    assert top_k([one], CLASSES, k=1) == 1 / 2
    assert top_k([one], CLASSES, k=3) == 1
    assert top_k([video(())], CLASSES) == 0


def test_another_procedure_has_triplets_of_its_own() -> None:
    classes = TripletClasses.of("videoengine/colonoscopy-triplet@1")
    assert classes.parts.shape == (len(classes.names), 3)


def test_no_positive_at_all_is_undefined() -> None:
    assert math.isnan(video_ap([video((), ())], CLASSES).mean)


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="both must be"):
        TripletVideo(np.zeros((2, 100)), np.zeros((3, 100)))
