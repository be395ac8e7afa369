"""Noise against its definition written in plain Python, bit for bit, and its properties."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from videoengine import _native

Array = NDArray[np.float64]
PLAIN, RIDGED, BILLOW = 0, 1, 2
LARGEST: Final = 1.0364
"""Greatest value of gradient noise between edge directions of a cube."""
M: Final = 0xFFFFFFFF

coordinates = st.floats(-500.0, 500.0, width=32)
places = st.tuples(coordinates, coordinates, coordinates)


def noise(
    points: Array,
    *,
    seed: int = 5,
    octaves: int = 4,
    gain: float = 0.5,
    kind: int = PLAIN,
    period: int = 0,
) -> Array:
    out = np.full(len(points), np.nan)
    _native.noise_fractal(np.ascontiguousarray(points), out, seed, octaves, gain, kind, period)
    return out


def hashed(a: int, b: int, c: int, d: int) -> int:
    h = (a * 0x9E3779B1 + b * 0x85EBCA77 + c * 0xC2B2AE3D + d * 0x27D4EB2F) & M
    h = ((h ^ h >> 16) * 0x85EBCA6B) & M
    h = ((h ^ h >> 13) * 0xC2B2AE35) & M
    return h ^ h >> 16


def gradient(x: float, y: float, z: float, seed: int, period: int) -> float:
    """Perlin's improved noise, each operation in the order of the header."""
    ix, iy, iz = math.floor(x), math.floor(y), math.floor(z)
    u, v, w = x - ix, y - iy, z - iz
    corners: list[float] = []
    for i in range(8):
        dx, dy, dz = i & 1, i >> 1 & 1, i >> 2
        cx = (ix + dx) % period if period else ix + dx
        h = hashed(cx, iy + dy, iz + dz, seed) >> 8
        k, e = h % 12, (u - dx, v - dy, w - dz)
        a, b = e[0] if k < 8 else e[1], e[1] if k < 4 else e[2]
        corners.append((-a if h & 16 else a) + (-b if h & 32 else b))
    fade = [t * t * t * (t * (t * 6.0 - 15.0) + 10.0) for t in (u, v, w)]
    for t in fade:
        corners = [p + (q - p) * t for p, q in zip(corners[::2], corners[1::2], strict=True)]
    return corners[0]


def reference(
    x: float, y: float, z: float, seed: int, octaves: int, gain: float, kind: int, period: int
) -> float:
    total, weight, weights = 0.0, 1.0, 0.0
    for i in range(octaves):
        n = gradient(x, y, z, (seed + i * 0x632BE5AB) & M, period)
        total += weight * (n if kind == PLAIN else 1.0 - abs(n) if kind == RIDGED else abs(n))
        weights, weight = weights + weight, weight * gain
        x, y, z, period = 2 * x, 2 * y, 2 * z, 2 * period
    return total / weights


@settings(max_examples=150, deadline=None)
@given(
    places,
    st.integers(0, M),
    st.integers(1, 6),
    st.floats(0.1, 0.9),
    st.sampled_from([PLAIN, RIDGED, BILLOW]),
    st.integers(0, 9),
)
def test_every_value_equals_the_definition(
    place: tuple[float, float, float], seed: int, octaves: int, gain: float, kind: int, period: int
) -> None:
    got = noise(
        np.asarray([place]), seed=seed, octaves=octaves, gain=gain, kind=kind, period=period
    )
    assert got.tolist() == [reference(*place, seed, octaves, gain, kind, period)]


def test_values_are_the_ones_that_seeds_were_published_with() -> None:
    points = np.asarray([[0.5, 0.25, 0.125], [-3.75, 12.5, 0.0], [100.0625, -7.3125, 2.5]])
    stored = {
        PLAIN: [-0.058224089940388996, 0.1171875, 0.1372460691228601],
        RIDGED: [0.921072785059611, 0.7494791666666667, 0.8460872642104732],
        BILLOW: [0.078927214940389, 0.25052083333333336, 0.15391273578952677],
    }
    for kind, wanted in stored.items():
        assert noise(points, seed=7, kind=kind).tolist() == wanted


@settings(max_examples=50, deadline=None)
@given(places, st.integers(1, 12), st.integers(-3, 3), st.sampled_from([PLAIN, RIDGED, BILLOW]))
def test_noise_repeats_after_its_period(
    place: tuple[float, float, float], period: int, turns: int, kind: int
) -> None:
    x = round(place[0] * 64) / 64  # a sum with whole numbers that is exact
    points = np.asarray([[x, *place[1:]], [x + turns * period, *place[1:]]])
    first, second = noise(points, period=period, kind=kind)
    assert first == second


def test_noise_stays_in_its_range() -> None:
    points = np.random.default_rng(3).uniform(-1000, 1000, (200_000, 3))
    for octaves in (1, 4):
        plain = noise(points, octaves=octaves)
        assert np.abs(plain).max() <= LARGEST
        assert plain.min() < -0.5 < 0.5 < plain.max()
        billow = noise(points, kind=BILLOW, octaves=octaves)
        assert billow.min() >= 0
        assert billow.max() <= LARGEST


def test_a_value_alone_equals_the_one_in_a_batch() -> None:
    points = np.random.default_rng(4).uniform(-50, 50, (5000, 3))
    batch = noise(points)
    for i in range(0, 5000, 617):
        assert noise(points[i : i + 1])[0] == batch[i]


def test_another_seed_gives_other_noise() -> None:
    points = np.random.default_rng(5).uniform(-50, 50, (1000, 3))
    assert abs(float(np.corrcoef(noise(points, seed=1), noise(points, seed=2))[0, 1])) < 0.1


@pytest.mark.parametrize("octaves", [0, 17])
def test_another_number_of_octaves_is_refused(octaves: int) -> None:
    with pytest.raises(ValueError, match=f"octaves; got {octaves}; allowed: 1 to 16"):
        noise(np.zeros((1, 3)), octaves=octaves)


def test_points_without_three_coordinates_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"points has the wrong shape; got \(4, 2\); allowed: \(any, 3\)"
    ):
        noise(np.zeros((4, 2)))


def test_an_output_of_another_type_is_refused() -> None:
    out: Any = np.zeros(1, np.float32)
    with pytest.raises(TypeError, match="incompatible function arguments"):
        _native.noise_fractal(np.zeros((1, 3)), out, 0, 1, 0.5, PLAIN, 0)
