"""The ladder: what is shed under load, in which order, and when it comes back."""

from __future__ import annotations

from itertools import pairwise

from support.fakes import MeanStage

from videoengine.ladder import LEVELS, Ladder, clip_rate, keeps
from videoengine.live_policy import LivePolicy

POLICY = LivePolicy(budget_ms=500, down_s=2, up_s=10)
SECOND = 1_000_000_000


def ladder() -> Ladder:
    stages = [
        MeanStage("privacy", device="cpu/privacy"),
        MeanStage("depth", shed_order=30),
        MeanStage("vlm", shed_order=10),
    ]
    return Ladder([stage.spec for stage in stages], POLICY)


def drive(ladder: Ladder, age_ms: float, seconds: float, start_s: float) -> list[tuple[float, int]]:
    """Observe one age ten times a second; return (second, stage) of each step."""
    steps: list[tuple[float, int]] = []
    for tick in range(round(seconds * 10)):
        now_s = start_s + tick / 10
        ladder.observe(round(now_s * SECOND), round(age_ms * 1e6))
        step = ladder.decide(round(now_s * SECOND))
        if step is not None:
            steps.append((now_s, step.index))
    return steps


def test_the_cheapest_loss_goes_first_and_privacy_never() -> None:
    one = ladder()
    steps = drive(one, 600, 60, 1)
    assert [index for _, index in steps] == [2, 2, 2, 1, 1, 1]
    assert one.thins == [1, 0, 0]


def test_a_step_needs_ages_above_the_budget_for_all_of_two_seconds() -> None:
    one = ladder()
    assert drive(one, 600, 0.1, 1) == []
    assert drive(one, 100, 4, 1.1) == [], "one result that came late"
    assert one.thins == [1, 1, 1]
    steps = drive(one, 600, 5, 6)
    assert steps[0][0] >= 8
    assert steps[1][0] - steps[0][0] >= 2


def test_steps_are_taken_back_in_reverse_after_ten_good_seconds_each() -> None:
    one = ladder()
    down = drive(one, 600, 10, 1)
    up = drive(one, 100, 60, 20)
    assert [index for _, index in up] == [index for _, index in reversed(down)]
    assert one.thins == [1, 1, 1]
    assert all(later - sooner >= 10 for (sooner, _), (later, _) in pairwise(up))


def test_between_recovery_and_budget_nothing_moves() -> None:
    one = ladder()
    drive(one, 600, 3.5, 1)
    thins = one.thins
    drive(one, 400, 60, 10)
    assert one.thins == thins


def test_ages_of_a_device_that_holds_nothing_to_shed_are_not_watched() -> None:
    assert [ladder().watches(index) for index in range(3)] == [False, True, True]


def test_levels_keep_every_clip_every_second_every_fourth_and_none() -> None:
    kept = [[index for index in range(8) if keeps(thin, index)] for thin in LEVELS]
    assert kept == [list(range(8)), [0, 2, 4, 6], [0, 4], []]
    spec = MeanStage(rate_hz=20.0, window=4, stride=2).spec
    assert [clip_rate(spec, thin) for thin in LEVELS] == [10.0, 5.0, 2.5, 0.0]
