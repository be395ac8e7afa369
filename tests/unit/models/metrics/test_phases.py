from __future__ import annotations

import math

import numpy as np
import pytest
from support import metric_inputs as inputs

from videoengine.models.metrics import (
    BOUNDARIES,
    METRICS,
    LabelledVideo,
    phase_table,
    pooled_scores,
)
from videoengine.models.metrics.relaxed_boundary import Boundary

FIRST = LabelledVideo.of([0] * 4 + [1] * 4, [0] * 2 + [1] * 6)
"""Phase 0: precision 1, recall 1/2, Jaccard 1/2. Phase 1: 4/6, 1, 4/6."""
SECOND = LabelledVideo.of([0] * 4, [0] * 3 + [2])
"""Phase 0: precision 1, recall and Jaccard 3/4. Phases 1 and 2 are not in the truth."""


def random_videos(seed: int) -> list[LabelledVideo]:
    return [LabelledVideo.of(*pair) for pair in inputs.phases(seed)]


def test_the_three_averagings_by_hand() -> None:
    table = phase_table([FIRST, SECOND], 3)
    np.testing.assert_allclose(
        table.jaccard, [[1 / 2, 2 / 3, math.nan], [3 / 4, math.nan, math.nan]]
    )
    assert table.mean_accuracy.mean == pytest.approx((6 / 8 + 3 / 4) / 2)
    assert table.per_video("jaccard").mean == pytest.approx(((1 / 2 + 2 / 3) / 2 + 3 / 4) / 2)
    assert table.per_phase("jaccard").mean == pytest.approx(((1 / 2 + 3 / 4) / 2 + 2 / 3) / 2)
    # Together 8 frames are of phase 0, of which 5 are found, and phase 2 is predicted once.
    pooled = pooled_scores([FIRST, SECOND], 3)
    assert pooled.accuracy == pytest.approx(9 / 12)
    assert pooled.macro["jaccard"] == pytest.approx((5 / 8 + 4 / 6 + 0) / 3)


def test_both_spreads_are_of_samples() -> None:
    average = phase_table([FIRST, SECOND], 3).per_phase("recall")
    assert average.std_videos == pytest.approx(np.std([3 / 4, 3 / 4], ddof=1))
    assert average.std_phases == pytest.approx(np.std([5 / 8, 1], ddof=1))
    assert math.isnan(phase_table([FIRST], 3).mean_accuracy.std_videos)


def test_a_phase_that_is_not_in_the_truth_is_left_out_whatever_is_predicted() -> None:
    table = phase_table([SECOND], 3)
    for metric in METRICS:
        assert np.isnan(table.score(metric)[0, 1:]).all()


def test_a_phase_never_predicted_has_no_precision_and_counts_nothing_else() -> None:
    table = phase_table([LabelledVideo.of([0] * 20 + [1] * 20, [0] * 20 + [3] * 20)], 4)
    assert math.isnan(table.precision[0, 1])
    assert table.recall[0, 1] == table.jaccard[0, 1] == table.f1[0, 1] == 0
    script = phase_table(
        [LabelledVideo.of([0] * 20 + [1] * 20, [0] * 20 + [3] * 20)], 4, boundary="relaxed-script"
    )
    assert math.isnan(script.f1[0, 1])


def test_relaxed_scores_are_clipped_to_one() -> None:
    # Of phase 1 only 2 frames are true; 10 of phase 0 are predicted as 1 early and forgiven.
    video = LabelledVideo.of([0] * 20 + [1] * 2, [0] * 10 + [1] * 12)
    table = phase_table([video], 2, boundary="relaxed")
    assert table.recall[0, 1] == 1.0
    assert table.accuracy[0] == 1.0


def test_a_phase_missed_but_forgiven_has_precision_one() -> None:
    video = LabelledVideo.of([0] * 20 + [1] * 5 + [2] * 20, [0] * 25 + [2] * 20)
    table = phase_table([video], 3, boundary="relaxed")
    assert table.precision[0, 1] == 1.0
    assert table.recall[0, 1] == 1.0


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_copy_of_the_truth_scores_one(boundary: Boundary) -> None:
    videos = [LabelledVideo(video.truth, video.truth) for video in random_videos(3)]
    table = phase_table(videos, 7, boundary=boundary)
    for metric in METRICS:
        assert table.per_phase(metric).mean == table.per_video(metric).mean == 1
        assert pooled_scores(videos, 7).macro[metric] == 1
    assert table.mean_accuracy.mean == 1


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_the_order_of_videos_does_not_matter(boundary: Boundary) -> None:
    videos = random_videos(5) + random_videos(6)
    there = phase_table(videos, 7, boundary=boundary)
    back = phase_table(videos[::-1], 7, boundary=boundary)
    for metric in METRICS:
        assert there.per_phase(metric).mean == pytest.approx(back.per_phase(metric).mean)
        assert there.per_video(metric).mean == pytest.approx(back.per_video(metric).mean)


def test_forgiving_never_makes_a_score_worse() -> None:
    for seed in range(40):
        strict = phase_table(random_videos(seed), 7)
        relaxed = phase_table(random_videos(seed), 7, boundary="relaxed")
        assert (relaxed.accuracy >= strict.accuracy).all()
        known = ~np.isnan(strict.jaccard)
        assert (relaxed.jaccard[known] >= strict.jaccard[known]).all()


def test_unrelaxed_scores_do_not_depend_on_the_order_of_the_vocabulary() -> None:
    order = np.random.default_rng(0).permutation(7)
    for seed in range(20):
        videos = random_videos(seed)
        renamed = [LabelledVideo(order[v.truth], order[v.predicted]) for v in videos]
        before, after = phase_table(videos, 7), phase_table(renamed, 7)
        for metric in METRICS:
            assert before.per_phase(metric).mean == pytest.approx(after.per_phase(metric).mean)


def test_a_label_outside_of_the_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match="labels must lie below 2, got 2"):
        phase_table([SECOND], 2)
    with pytest.raises(ValueError, match="at least one video is needed"):
        phase_table([], 2)
