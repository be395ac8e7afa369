"""Random numbers by place: alone or in sequence, scalar or array, they are the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoengine.errors import UsageError
from videoengine.recon3d.simulator.randomness import LARGEST_SEED, Key, seeded

SEEDS = st.integers(0, LARGEST_SEED)


def test_the_words_are_those_published_for_splitmix64() -> None:
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [Key(1234567).word(n) for n in range(3)] == expected


@given(SEEDS, st.integers(0, 1000))
def test_a_draw_alone_is_the_draw_in_sequence(seed: int, first: int) -> None:
    key = seeded(seed).sub("visit", 3)
    together = key.fractions(20, first).tolist()
    assert together == [key.fraction(first + n) for n in range(20)]
    draws = key.draws()
    assert [draws.fraction() for _ in range(5)] == key.fractions(5).tolist()


@given(SEEDS)
def test_purposes_counters_and_seeds_are_apart(seed: int) -> None:
    key = seeded(seed)
    values = {key.value, key.sub("a").value, key.sub("b").value, seeded(seed ^ 1).value}
    values |= {key.sub("a", n).value for n in range(3)} | {key.sub("a", 0, 1).value}
    assert len(values) == 8


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_out_of_range_is_refused(seed: int) -> None:
    with pytest.raises(UsageError, match="allowed: 0 to 9223372036854775807"):
        seeded(seed)


def test_fractions_are_even() -> None:
    values = seeded(1).sub("even").fractions(20_000)
    counts = np.histogram(values, bins=20, range=(0.0, 1.0))[0]
    assert abs(counts - 1000).max() < 130  # four standard deviations of a bin


def test_normals_and_log_normals_have_their_moments() -> None:
    values = seeded(2).sub("normal").normals(20_000)
    assert abs(values.mean()) < 0.03
    assert abs(values.std() - 1.0) < 0.02
    draws = seeded(3).draws()
    logs = np.log([draws.log_normal(5.0, 0.4) for _ in range(4_000)])
    assert abs(logs.mean() - np.log(5.0)) < 0.03
    assert abs(logs.std() - 0.4) < 0.02


def test_choices_follow_their_weights() -> None:
    draws = seeded(4).draws()
    counts = np.bincount([draws.choice([1.0, 0.0, 3.0]) for _ in range(4_000)], minlength=3)
    assert counts[1] == 0
    assert abs(counts[2] / 4_000 - 0.75) < 0.03


def test_integers_reach_both_ends() -> None:
    draws = seeded(5).draws()
    assert {draws.integer(2, 4) for _ in range(100)} == {2, 3, 4}
