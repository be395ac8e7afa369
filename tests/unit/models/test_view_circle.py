"""The view circle: cropped, off-center, turned and half-hidden discs, and pictures without one."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from videoengine.frames import Color, Pixels
from videoengine.models.quality.frame_statistics import statistics_of
from videoengine.models.quality.view_circle import fit_circle

Picture = NDArray[np.uint8]
NEAR = 0.012
"""How far centre and radius may lie from the truth, in widths: one probe is a sixty-fourth."""


def disc(
    cx: float, cy: float, radius: float, *, size: tuple[int, int] = (640, 360), stretch: float = 1
) -> Picture:
    """Return a lit disc on black; all in widths, `cy` and `y` too."""
    width, height = size
    y, x = np.mgrid[:height, :width] / width
    inside = np.hypot(x - cx, (y - cy) * stretch) < radius
    rng = np.random.default_rng(3)
    return (inside[:, :, None] * rng.integers(90, 160, (height, width, 3))).astype(np.uint8)


@pytest.mark.parametrize(
    ("cx", "cy", "radius"),
    [(0.5, 0.28, 0.26), (0.5, 0.28, 0.36), (0.48, 0.28, 0.50), (0.55, 0.33, 0.35)],
)
def test_whole_and_cropped_circles_are_found(
    cx: float, cy: float, radius: float, pixels_of: Callable[[Picture], Pixels]
) -> None:
    pixels = pixels_of(disc(cx, cy, radius))
    found = fit_circle(statistics_of(pixels), pixels, None)
    assert found is not None
    assert abs(found.cx - cx) < NEAR
    assert abs(found.cy * 360 / 640 - cy) < NEAR
    assert abs(found.radius - radius) < NEAR


def test_dark_tissue_at_the_rim_does_not_move_the_circle(
    pixels_of: Callable[[Picture], Pixels],
) -> None:
    picture = disc(0.5, 0.28, 0.36)
    picture[120:300, 470:640] = 1
    pixels = pixels_of(picture)
    found = fit_circle(statistics_of(pixels), pixels, None)
    assert found is not None
    assert abs(found.radius - 0.36) < NEAR


def test_overlay_text_outside_does_not_move_the_circle(
    pixels_of: Callable[[Picture], Pixels],
) -> None:
    picture = disc(0.5, 0.28, 0.36)
    picture[8:30, 4:60] = 220
    picture[300:350, 600:636] = 220
    pixels = pixels_of(picture)
    found = fit_circle(statistics_of(pixels), pixels, None)
    assert found is not None
    assert abs(found.radius - 0.36) < NEAR


@pytest.mark.parametrize("level", [0, 120])
def test_uniform_pictures_have_no_circle(
    level: int, pixels_of: Callable[[Picture], Pixels]
) -> None:
    pixels = pixels_of(np.full((360, 640, 3), level, np.uint8))
    assert fit_circle(statistics_of(pixels), pixels, None) is None


def test_a_pillar_box_is_no_circle(pixels_of: Callable[[Picture], Pixels]) -> None:
    picture = np.full((360, 640, 3), 120, np.uint8)
    picture[:, :80] = picture[:, 560:] = 0
    pixels = pixels_of(picture)
    assert fit_circle(statistics_of(pixels), pixels, None) is None


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_the_circle_is_given_in_the_upright_picture(rotation: int) -> None:
    upright = disc(0.45, 0.30, 0.24)
    coded = np.ascontiguousarray(np.rot90(upright, k=rotation // 90))
    pixels = Pixels(
        lambda: (coded,),
        layout="rgb24",
        size=(coded.shape[1], coded.shape[0]),
        color=Color(full_range=True),
        rotation=rotation,
    )
    found = fit_circle(statistics_of(pixels), pixels, None)
    assert found is not None
    assert abs(found.cx - 0.45) < NEAR
    assert abs(found.cy * 360 / 640 - 0.30) < NEAR
    assert abs(found.radius - 0.24) < NEAR


def test_wide_pixels_are_undone() -> None:
    # shown 640 wide, stored 320 wide: the disc is an ellipse in the stored picture
    coded = np.ascontiguousarray(disc(0.5, 0.28, 0.24)[:, ::2])
    pixels = Pixels(
        lambda: (coded,), layout="rgb24", size=(320, 360), sample_aspect_ratio=Fraction(2)
    )
    found = fit_circle(statistics_of(pixels), pixels, None)
    assert found is not None
    assert abs(found.radius - 0.24) < NEAR
