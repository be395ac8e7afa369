from __future__ import annotations

import math

import numpy as np
import pytest

from videoengine.models.metrics import Interval, bootstrap, compare, holm, mcnemar, mean_interval


def test_the_interval_of_a_mean_is_about_two_standard_errors_wide() -> None:
    values = np.random.default_rng(0).normal(0.8, 0.1, 40)
    interval = mean_interval(values)
    error = values.std(ddof=1) / np.sqrt(40)
    assert interval.value == pytest.approx(values.mean())
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * error, rel=0.08)


def test_the_interval_holds_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    samples = rng.normal(0, 1, (300, 30))
    held = [
        interval.low <= 0 <= interval.high
        for interval in (mean_interval(sample, resamples=500) for sample in samples)
    ]
    assert 0.90 <= np.mean(held) <= 0.97


def test_any_figure_of_videos_has_an_interval() -> None:
    values = np.arange(20.0)
    by_statistic = bootstrap(lambda draw: float(values[draw].mean()), 20, resamples=2000)
    assert by_statistic == mean_interval(values, resamples=2000)


def test_the_same_videos_are_drawn_for_both() -> None:
    hard = np.random.default_rng(0).random(30)  # videos differ far more than the systems do
    better = compare(hard + 0.01, hard)
    assert better.verdict == "win"
    assert (better.wins, better.ties, better.losses) == (30, 0, 0)
    assert better.difference.low == pytest.approx(0.01)
    assert compare(hard, hard + 0.01).verdict == "loss"


def test_a_difference_that_may_be_chance_is_a_tie() -> None:
    gaps = np.array([0.1, -0.1] * 10 + [0.0])
    verdict = compare(gaps, np.zeros(21))
    assert verdict.verdict == "tie"
    assert (verdict.wins, verdict.ties, verdict.losses) == (10, 1, 10)


def test_undefined_videos_are_left_out() -> None:
    assert compare([1.0, math.nan], [0.0, 0.0]).wins == 1
    assert math.isnan(mean_interval([math.nan]).value)
    assert Interval(0.0, 0.0, 0.0).verdict == "tie"


def test_the_same_seed_draws_the_same_videos() -> None:
    values = np.random.default_rng(0).random(9)
    assert mean_interval(values, seed=4) == mean_interval(values, seed=4)
    assert mean_interval(values, seed=4) != mean_interval(values, seed=5)


def test_impossible_draws_are_refused() -> None:
    with pytest.raises(ValueError, match="level between 0 and 1"):
        mean_interval([1.0], level=1.0)
    with pytest.raises(ValueError, match=r"both must be \(V,\)"):
        compare([1.0], [1.0, 2.0])


def test_mcnemar_by_hand() -> None:
    first = [1] * 8 + [0] * 1 + [1] * 20
    second = [0] * 8 + [1] * 1 + [1] * 20
    assert mcnemar(first, second) == pytest.approx(2 * (1 + 9) / 2**9)
    assert mcnemar(first, first) == 1


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []
