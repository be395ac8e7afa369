"""The cameras of the renderer: a ray of a pixel projects to that pixel again."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from videoengine import _native

Array = NDArray[np.float64]
TOLERANCES: Final = {
    "pixel there and back": 1e-8,  # Newton's method has converged to the rounding of doubles
    "pixel of a definition": 1e-9,  # the same formula in NumPy
}
"""Pixels."""

pinholes = st.tuples(st.floats(-0.18, 0.08), st.floats(0.0, 0.03)).map(
    lambda k: np.asarray([610.0, 588.0, 319.5, 255.5, *k, 0.0])
)
fisheyes = st.tuples(st.floats(-0.04, 0.02), st.floats(-0.002, 0.002)).map(
    lambda k: np.asarray([251.0, 249.0, 319.5, 255.5, *k, 1.0])
)
pixels = st.lists(
    st.tuples(st.floats(-0.5, 639.5), st.floats(-0.5, 511.5)), min_size=1, max_size=40
).map(lambda rows: np.asarray(rows, np.float64))


def projected(lens: Array, points: Array) -> Array:
    out = np.empty((len(points), 2))
    _native.camera_project(lens, np.ascontiguousarray(points), out)
    return out


def rays(lens: Array, at: Array) -> Array:
    out = np.empty((len(at), 3))
    _native.camera_rays(lens, np.ascontiguousarray(at), out)
    return out


@settings(max_examples=60, deadline=None)
@given(pinholes, pixels, st.floats(0.5, 400.0))
def test_a_pinhole_ray_projects_to_its_pixel(lens: Array, at: Array, depth_mm: float) -> None:
    back = projected(lens, rays(lens, at) * depth_mm)
    np.testing.assert_allclose(back, at, rtol=0, atol=TOLERANCES["pixel there and back"])


@settings(max_examples=60, deadline=None)
@given(fisheyes, pixels, st.floats(0.5, 400.0))
def test_a_fisheye_ray_projects_to_its_pixel(lens: Array, at: Array, depth_mm: float) -> None:
    radius = np.hypot(*((at - lens[2:4]) / lens[:2]).T)
    at = at[radius < 1.3]  # rays end at 83 degrees from the axis
    back = projected(lens, rays(lens, at) * depth_mm)
    np.testing.assert_allclose(back, at, rtol=0, atol=TOLERANCES["pixel there and back"])


@pytest.mark.parametrize("model", [0, 1])
def test_projection_follows_its_definition(model: int) -> None:
    rng = np.random.default_rng(0)
    points = np.stack([*rng.normal(0, 30, (2, 200)), rng.uniform(5, 90, 200)], axis=-1)
    k1, k2 = (-0.16, 0.02) if model == 0 else (-0.03, 0.001)
    lens = np.asarray([600.0, 590.0, 310.0, 250.0, k1, k2, model])
    x, y = points[:, 0] / points[:, 2], points[:, 1] / points[:, 2]
    r = np.hypot(x, y)
    angle = r if model == 0 else np.arctan(r)
    scale = angle * (1 + k1 * angle**2 + k2 * angle**4) / r
    wanted = np.stack([310 + 600 * x * scale, 250 + 590 * y * scale], axis=-1)
    np.testing.assert_allclose(
        projected(lens, points), wanted, rtol=0, atol=TOLERANCES["pixel of a definition"]
    )


def test_a_point_on_the_axis_is_the_principal_point() -> None:
    for model in (0.0, 1.0):
        lens = np.asarray([600.0, 590.0, 310.0, 250.0, -0.1, 0.0, model])
        assert projected(lens, np.asarray([[0.0, 0.0, 40.0]])).tolist() == [[310.0, 250.0]]
        assert rays(lens, np.asarray([[310.0, 250.0]])).tolist() == [[0.0, 0.0, 1.0]]


def test_another_number_of_intrinsics_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"intrinsics has the wrong shape; got \(6\); allowed: \(7\)"
    ):
        projected(np.zeros(6), np.ones((1, 3)))
