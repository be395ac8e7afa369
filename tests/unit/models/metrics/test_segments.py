from __future__ import annotations

import functools

import numpy as np
import pytest
from support import metric_inputs as inputs

from videoengine.models.metrics import LabelledVideo, edit_score, segmental_f1, segments_of
from videoengine.models.metrics.segments import Segment, edit_distance, segment_hits


def slow_distance(first: list[int], second: list[int]) -> int:
    @functools.cache
    def reach(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        same = first[i - 1] == second[j - 1]
        return min(reach(i - 1, j) + 1, reach(i, j - 1) + 1, reach(i - 1, j - 1) + (not same))

    return reach(len(first), len(second))


def test_segments_are_the_longest_runs() -> None:
    assert segments_of(np.array([2, 2, 0, 2])) == [
        Segment(2, 0, 2),
        Segment(0, 2, 3),
        Segment(2, 3, 4),
    ]
    assert segments_of(np.array([2, 0, 2]), background=(0,)) == [Segment(2, 0, 1), Segment(2, 2, 3)]
    assert segments_of(np.array([], np.int64)) == []


def test_the_distance_is_levenshteins() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        first, second = (rng.integers(4, size=rng.integers(0, 12)).tolist() for _ in range(2))
        assert edit_distance(first, second) == slow_distance(first, second)


def test_the_edit_score_by_hand() -> None:
    # 0 1 2 against 0 2: one deletion over three segments.
    assert edit_score(LabelledVideo.of([0, 0, 1, 2, 2], [0, 2, 2, 2, 2])) == pytest.approx(2 / 3)
    # How long segments last does not matter.
    assert edit_score(LabelledVideo.of([0, 0, 0, 1], [0, 1, 1, 1])) == 1


def test_flicker_costs_edit_score_and_hardly_accuracy() -> None:
    truth = np.repeat([0, 1], 50)
    said = truth.copy()
    said[5:85:10] = 2
    assert (said == truth).mean() == 0.92
    assert edit_score(LabelledVideo.of(truth, said)) == pytest.approx(2 / 18)


def test_background_is_left_out_of_both_sequences() -> None:
    video = LabelledVideo.of([9, 0, 9, 1], [0, 0, 9, 1])
    assert edit_score(video, background=(9,)) == 1
    assert edit_score(LabelledVideo.of([9, 9], [9, 9]), background=(9,)) == 1


def test_segments_match_by_class_and_overlap() -> None:
    truth = [0] * 10 + [1] * 10
    said = [0] * 4 + [1] * 2 + [0] * 4 + [1] * 10
    hits = segment_hits(LabelledVideo.of(truth, said), 0.25)
    # The first 0 takes the true 0 (overlap 0.4); the second finds it taken. The first 1 lies
    # outside of the true 1; the second is it.
    assert (hits.found, hits.spurious, hits.missed) == (2, 2, 0)
    assert hits.f1 == pytest.approx(2 / 3)
    strict = segment_hits(LabelledVideo.of(truth, said), 0.5)
    assert (strict.found, strict.spurious, strict.missed) == (1, 3, 1)


def test_counts_are_of_all_videos_together() -> None:
    one = LabelledVideo.of([0] * 10, [0] * 10)
    other = LabelledVideo.of([0] * 10, [1, 0] * 5)
    assert segmental_f1([one, other], 0.5) == pytest.approx(2 * 1 / (2 * 1 + 10 + 1))
    assert segmental_f1([one, other], 0.1) == pytest.approx(2 * 2 / (2 * 2 + 9 + 0))


def test_perfect_is_one_and_a_stricter_overlap_is_never_easier() -> None:
    for seed in range(40):
        videos = [LabelledVideo.of(*pair) for pair in inputs.phases(seed)]
        copies = [LabelledVideo(video.truth, video.truth) for video in videos]
        assert segmental_f1(copies, 1.0) == 1
        assert all(edit_score(copy) == 1 for copy in copies)
        found = [segmental_f1(videos, overlap) for overlap in (0.1, 0.25, 0.5, 0.9)]
        assert found == sorted(found, reverse=True)


def test_nothing_predicted_is_a_segment_of_its_own() -> None:
    hits = segment_hits(LabelledVideo.of([0, 0, 0], [-1, 0, 0]), 0.5)
    assert (hits.found, hits.spurious, hits.missed) == (1, 1, 0)
