"""Portable functions: close to the truth, and the same bits for floats and arrays."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoengine.recon3d.simulator import portable_math as pm

CLOSE = 1e-15
"""Relative to the result or to 1, whichever is larger: about four units in the last place of 1."""

CASES: dict[str, tuple[Callable[[Any], Any], Callable[[float], float], float, float]] = {
    "sin": (pm.sin, math.sin, -1e5, 1e5),
    "cos": (pm.cos, math.cos, -1e5, 1e5),
    "exp": (pm.exp, math.exp, -40.0, 40.0),
    "log": (pm.log, math.log, 1e-12, 1e12),
    "sqrt": (pm.sqrt, math.sqrt, 0.0, 1e12),
}


def points(low: float, high: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.concatenate([np.linspace(low, high, 4001), np.linspace(max(low, -2.0), 2.0, 4001)])


@pytest.mark.parametrize("name", sorted(CASES))
def test_values_are_close_to_the_library_functions(name: str) -> None:
    ours, reference, low, high = CASES[name]
    where = points(low, high)[points(low, high) >= low]
    expected = np.array([reference(float(x)) for x in where])
    error = np.abs(ours(where) - expected) / np.maximum(np.abs(expected), 1.0)
    assert error.max() < CLOSE


@pytest.mark.parametrize("name", sorted(CASES))
def test_arrays_give_the_bits_of_floats(name: str) -> None:
    ours, _, low, high = CASES[name]
    where = points(low, high)[points(low, high) >= low]
    assert ours(where).tolist() == [ours(float(x)) for x in where]


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
def test_atan2_finds_the_angle_of_a_direction(y: float, x: float) -> None:
    y, x = (0.0 if abs(value) < 1e-100 else value for value in (y, x))
    assert abs(pm.atan2(y, x) - math.atan2(y, x)) < 2 * CLOSE


def test_atan2_on_the_axes() -> None:
    quarter = math.pi / 2
    points_at = [(0.0, 0.0), (0.0, 2.0), (3.0, 0.0), (-3.0, 0.0), (0.0, -2.0)]
    expected = [0.0, 0.0, quarter, -quarter, math.pi]
    assert [pm.atan2(y, x) for y, x in points_at] == pytest.approx(expected, abs=CLOSE)


@given(st.floats(-1e5, 1e5))
def test_sine_and_cosine_lie_on_the_circle(angle: float) -> None:
    sine, cosine = pm.sincos(angle)
    assert abs(sine * sine + cosine * cosine - 1.0) < CLOSE


def test_smooth_step_starts_and_ends_at_rest() -> None:
    where = np.array([-1.0, 0.0, 1e-4, 0.5, 1.0 - 1e-4, 1.0, 3.0])
    assert pm.smooth_step(where) == pytest.approx([0, 0, 0, 0.5, 1, 1, 1], abs=1e-11)


def test_the_bits_are_those_of_every_other_machine() -> None:
    x = np.linspace(-30.0, 30.0, 1999)
    parts = [pm.sin(x), pm.cos(x), pm.exp(x), pm.log(x * x + 0.1), pm.atan2(x, x[::-1] + 0.3)]
    digest = hashlib.sha256(np.concatenate(parts).astype("<f8").tobytes()).hexdigest()
    assert digest == "158b93faae0ab788b2164bfc9270f06e44d08d825dfbd8f1781c02a91faddaba"
