from __future__ import annotations

import numpy as np
import pytest
from support import metric_inputs as inputs

from videoengine.models.metrics import LabelledVideo
from videoengine.models.metrics.relaxed_boundary import CHOLEC80, Boundary, right_frames

FORGIVEN: dict[int, tuple[set[int], set[int]]] = {
    4: ({-1}, {1, 2}),
    5: ({-1}, {1, 2}),
    6: ({-1, -2}, {1, 2}),
    7: ({-1, -2}, {1, 2}),
}
"""By phase from 1, as the script numbers them: differences at the start, and at the end."""


def by_the_letter(truth: list[int], said: list[int], fps: int, *, script: bool) -> list[bool]:
    """The rule frame by frame with MATLAB's numbers from 1, slowly."""
    gaps = [b - a for a, b in zip(truth, said, strict=True)]
    first = 0
    while first < len(truth):
        end = first
        while end < len(truth) and truth[end] == truth[first]:
            end += 1
        length = min(10 * fps, end - first)
        starts, ends = FORGIVEN.get(truth[first] + 1, ({-1}, {1}))
        for place in range(first, first + length):
            if gaps[place] in starts:
                gaps[place] = 0
        early = [gaps[end - length + k] in ends for k in range(length)]
        for k in range(length):
            if early[k]:
                gaps[(first if script else end - length) + k] = 0
        first = end
    return [gap == 0 for gap in gaps]


def right(truth: list[int], said: list[int], boundary: Boundary, fps: float = 1) -> list[int]:
    found = right_frames(LabelledVideo.of(truth, said), boundary, fps=fps)
    return found.astype(int).tolist()


@pytest.mark.parametrize("script", [False, True])
@pytest.mark.parametrize("fps", [1, 2])
def test_it_is_the_rule_read_frame_by_frame(script: bool, fps: int) -> None:
    for seed in range(150):
        for truth, said in inputs.phases(seed):
            found = right_frames(
                LabelledVideo.of(truth, said),
                "relaxed-script" if script else "relaxed",
                fps=fps,
                rules=CHOLEC80,
            )
            assert found.tolist() == by_the_letter(
                truth.tolist(), said.tolist(), fps, script=script
            )


def test_ten_seconds_late_and_early_are_forgiven_and_no_more() -> None:
    truth = [0] * 30 + [1] * 30
    late = [0] * 42 + [1] * 18
    assert right(truth, late, "relaxed") == [1] * 40 + [0] * 2 + [1] * 18
    early = [0] * 18 + [1] * 42
    assert right(truth, early, "relaxed") == [1] * 18 + [0] * 2 + [1] * 40


def test_the_script_forgives_early_frames_at_the_wrong_end() -> None:
    truth, early = [0] * 30 + [1] * 30, [0] * 20 + [1] * 40
    assert right(truth, early, "relaxed") == [1] * 60
    assert right(truth, early, "relaxed-script") == [1] * 20 + [0] * 10 + [1] * 30


def test_both_readings_agree_on_short_segments() -> None:
    for seed in range(50):
        rng = np.random.default_rng(seed)
        truth = np.repeat(np.arange(7), rng.integers(1, 11, 7)).tolist()
        said = rng.integers(7, size=len(truth)).tolist()
        assert right(truth, said, "relaxed") == right(truth, said, "relaxed-script")


def test_two_steps_are_forgiven_only_where_the_order_varies() -> None:
    assert right([5] * 20, [3] * 20, "relaxed") == [1] * 10 + [0] * 10
    assert right([4] * 20, [3] * 3 + [2] * 17, "relaxed") == [1] * 3 + [0] * 17
    assert right([3] * 20, [5] * 20, "relaxed") == [0] * 10 + [1] * 10
    assert right([2] * 20, [4] * 20, "relaxed") == [0] * 20


def test_the_reach_is_in_seconds() -> None:
    assert sum(right([0] * 60, [1] * 60, "relaxed", fps=0.5)) == 5
    assert sum(right([0] * 60, [1] * 60, "relaxed", fps=2)) == 20


def test_nothing_stated_is_never_forgiven() -> None:
    assert right([0] * 5, [-1] * 5, "relaxed") == [0] * 5
    assert right([0] * 5, [-1] * 5, "relaxed-script") == [0] * 5
