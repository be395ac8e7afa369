"""The realism benchmark's statistics on pictures whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.realism_statistics import (
    SIDE,
    View,
    depth_slope,
    hue_of,
    luma_of,
    mask_of,
    noise,
    spectrum_slope,
    square_of,
    statistics_in_view,
)

DISC = View(SIDE / 2, SIDE / 2, 100.0, True)
WHOLE = View(SIDE / 2, SIDE / 2, 200.0, False)
SLOPE_TOLERANCE = 0.1  # the mean of 8 random fields deviates by 0.03, and the window adds 0.04
DEPTH_TOLERANCE = 0.01  # medians of bins stand for their pixels
NOISE_TOLERANCE = 0.1  # rounding to codes adds a little


def plain(red: int, green: int, blue: int) -> np.ndarray:
    return np.full((SIDE, SIDE, 3), (red, green, blue), np.uint8)


@pytest.mark.parametrize(
    ("color", "degrees"), [((200, 40, 40), 0), ((200, 200, 40), 60), ((200, 40, 200), -60)]
)
def test_hue_of_a_pure_color_is_its_angle(color: tuple[int, int, int], degrees: float) -> None:
    mean, spread = hue_of(np.array([color, color], np.float64))
    assert mean == pytest.approx(degrees, abs=1e-6)
    assert spread == pytest.approx(0, abs=1e-3)


def test_statistics_of_a_plain_picture() -> None:
    found = statistics_in_view(plain(120, 60, 40), DISC)
    assert found["red_over_green"] == pytest.approx(2)
    assert found["green_over_blue"] == pytest.approx(1.5)
    assert found["saturation"] == pytest.approx(2 / 3)
    assert found["highlight_share"] == 0
    assert found["sharpness"] == pytest.approx(0)
    assert found["falloff"] == pytest.approx(1)


def test_highlights_count_within_the_view_alone() -> None:
    rgb = plain(120, 60, 40)
    rgb[:, : SIDE // 2] = 255
    rgb[~mask_of(DISC, (SIDE, SIDE))] = 255
    found = statistics_in_view(rgb, DISC)
    assert found["highlight_share"] == pytest.approx(0.5, abs=0.01)
    assert found["red_over_green"] == pytest.approx(2)


def test_square_lies_within_the_disc() -> None:
    rows, columns = square_of(DISC, (SIDE, SIDE))
    assert mask_of(DISC, (SIDE, SIDE))[rows, columns].all()


@pytest.mark.parametrize("slope", [-3.0, -2.0])
def test_spectrum_slope_of_a_made_field(slope: float) -> None:
    axis = np.fft.fftfreq(SIDE)
    radius = np.hypot(axis[:, None], axis[None, :])
    radius[0, 0] = 1
    found = []
    for seed in range(8):
        white = np.random.default_rng(seed).normal(size=(SIDE, SIDE))
        found.append(spectrum_slope(np.fft.ifft2(np.fft.fft2(white) * radius ** (slope / 2)).real))
    assert np.mean(found) == pytest.approx(slope, abs=SLOPE_TOLERANCE)


def test_noise_of_a_grainy_ramp_is_its_deviation() -> None:
    rng = np.random.default_rng(0)
    ramp = np.tile(np.linspace(60, 180, SIDE), (SIDE, 1))
    codes = np.rint(ramp + rng.normal(0, 3, ramp.shape)).astype(np.uint8)
    rgb = np.repeat(codes[..., None], 3, axis=2)
    found = noise(luma_of(rgb), mask_of(WHOLE, (SIDE, SIDE)))
    assert found == pytest.approx(3, rel=NOISE_TOLERANCE)


def test_light_at_the_camera_falls_with_the_square_of_depth() -> None:
    depth = np.random.default_rng(0).uniform(40, 120, 20_000)
    luma = (40 / depth) ** (2 / 2.2)
    assert depth_slope(luma, depth) == pytest.approx(-2, abs=DEPTH_TOLERANCE)


def test_a_flat_scene_has_no_depth_slope() -> None:
    depth = np.full(20_000, 50.0)
    assert depth_slope(np.full(20_000, 0.5), depth) is None
