"""Statistics of one endoscopic picture, inside its view: the numbers real and simulated share.

Every picture is first brought to SIDE pixels on its short side. Luma is Rec. 709 of the coded
values, 0 to 1, hue in degrees (0 red, 60 yellow, 300 magenta). NumPy alone is needed here.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

SIDE: Final = 256
"""Short side of every measured picture."""
RIM: Final = 0.96
"""Part of the view's radius that is measured: the blurred edge of the disc says nothing."""
LIT: Final = (0.06, 0.92)
"""Luma of pixels whose color is read."""
BRIGHT: Final = 0.85
"""Luma from which a pixel is no longer taken for lit tissue when light is held against depth."""
CLIPPED: Final = 250
"""A channel from here on is taken as clipped."""
NEAR_WHITE: Final = 205
"""A pixel is a highlight when its least channel reaches this; some recorders put white at 220."""
FREQUENCIES: Final = (0.02, 0.35)
"""Cycles a pixel between which the spectrum's slope is fitted."""
LEAST_SQUARE: Final = 64
QUANTILES: Final = (5, 25, 50, 75, 95)
DECODING: Final = 2.2
"""Power that takes coded values to light."""
DEPTH_BINS: Final = 16
SPAN: Final = 1.3
"""Least ratio of far to near depth from which a slope is read."""
_LUMA: Final = np.array((0.2126, 0.7152, 0.0722))


@dataclass(frozen=True, slots=True)
class View:
    """The lit disc of a picture, in pixels; a picture without one is seen whole."""

    cx: float
    cy: float
    radius: float
    is_disc: bool


def mask_of(view: View, shape: tuple[int, int]) -> Mask:
    """Return the measured pixels, (H, W)."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    reach = view.radius * (RIM if view.is_disc else 2)
    return np.hypot(columns - view.cx, rows - view.cy) < reach


def luma_of(rgb: Image) -> Floats:
    """Return Rec. 709 luma of the coded values, 0 to 1."""
    return rgb.astype(np.float64) @ _LUMA / 255


def hue_of(rgb: Floats) -> tuple[float, float]:
    """Return the chroma-weighted circular mean and standard deviation of hue, in degrees.

    Args:
        rgb: (N, 3), any one scale.
    """
    red, green, blue = rgb.T
    vector = (red - (green + blue) / 2) + 1j * (np.sqrt(3) / 2 * (green - blue))
    length = float(np.abs(vector).sum())
    if length == 0:
        return 0.0, 0.0
    mean = complex(vector.sum()) / length
    spread = np.sqrt(-2 * np.log(max(abs(mean), 1e-9)))
    degrees = float(np.degrees(np.angle(mean)))
    return degrees, float(np.degrees(spread))


def color_statistics(rgb: Image, luma: Floats, mask: Mask) -> dict[str, float]:
    """Return hue, ratios and saturation over lit, unclipped pixels."""
    lit = mask & (luma > LIT[0]) & (luma < LIT[1])
    lit &= (rgb.max(axis=2) < CLIPPED) & (rgb.min(axis=2) < NEAR_WHITE)
    pixels = rgb[lit].astype(np.float64)
    if not len(pixels):
        pixels = np.ones((1, 3))
    hue, spread = hue_of(pixels)
    red, green, blue = np.maximum(pixels, 1).T
    most, least = np.maximum(pixels.max(axis=1), 1), pixels.min(axis=1)
    return {
        "hue_degrees": hue,
        "hue_spread_degrees": spread,
        "red_over_green": float(np.median(red / green)),
        "green_over_blue": float(np.median(green / blue)),
        "saturation": float(np.median(1 - least / most)),
        "saturation_q90": float(np.quantile(1 - least / most, 0.9)),
        "gray_share": float(np.mean(1 - least / most < 0.2)),
    }


def square_of(view: View, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns of the largest square inside the view and the picture."""
    height, width = shape
    side = float(min(height, width))
    if view.is_disc:
        side = min(side, view.radius * RIM * np.sqrt(2))
    size = int(side) // 2 * 2
    top = int(np.clip(view.cy - size / 2, 0, height - size))
    left = int(np.clip(view.cx - size / 2, 0, width - size))
    return slice(top, top + size), slice(left, left + size)


def spectrum_slope(luma: Floats) -> float:
    """Return the log-log slope of radially averaged power of a square of luma, (S, S)."""
    size = len(luma)
    window = np.hanning(size)
    window = np.outer(window, window)
    centered = (luma - np.average(luma, weights=window)) * window
    power = np.abs(np.fft.fft2(centered)) ** 2
    axis = np.fft.fftfreq(size)
    radius = np.hypot(axis[:, None], axis[None, :])
    edges = np.geomspace(*FREQUENCIES, 17)
    middles, means = [], []
    for low, high in itertools.pairwise(edges):
        ring = (radius >= low) & (radius < high)
        if ring.any():
            middles.append(np.log(radius[ring].mean()))
            means.append(np.log(power[ring].mean() + 1e-12))
    return float(np.polyfit(middles, means, 1)[0])


def _shrunk(mask: Mask) -> Mask:
    """Return the pixels of (H-2, W-2) whose eight neighbors are all inside."""
    rows, columns = mask.shape[0] - 2, mask.shape[1] - 2
    parts = [mask[i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    return np.logical_and.reduce(parts)


def _filtered(image: Floats, kernel: tuple[tuple[int, ...], ...]) -> Floats:
    rows, columns = image.shape[0] - 2, image.shape[1] - 2
    out = np.zeros((rows, columns))
    for i, line in enumerate(kernel):
        for j, weight in enumerate(line):
            if weight:
                out += weight * image[i : i + rows, j : j + columns]
    return out


def sharpness(luma: Floats, mask: Mask) -> float:
    """Return the variance of the Laplacian on codes 0 to 255."""
    found = _filtered(luma * 255, ((0, 1, 0), (1, -4, 1), (0, 1, 0)))[_shrunk(mask)]
    return float(found.var()) if found.size else 0.0


def noise(luma: Floats, mask: Mask) -> float:
    """Return the robust noise level in codes 0 to 255, by the difference of two Laplacians."""
    found = _filtered(luma * 255, ((1, -2, 1), (-2, 4, -2), (1, -2, 1)))[_shrunk(mask)]
    return float(np.median(np.abs(found)) / 0.6745 / 6) if found.size else 0.0


def falloff(luma: Floats, view: View, mask: Mask) -> float:
    """Return mean luma of the view's middle over that of its outer part."""
    rows, columns = np.mgrid[: luma.shape[0], : luma.shape[1]] + 0.5
    away = np.hypot(columns - view.cx, rows - view.cy) / view.radius
    middle, outer = luma[mask & (away < 0.3)], luma[mask & (away > 0.7)]
    if not (middle.size and outer.size):
        return 1.0
    return float(middle.mean() / max(outer.mean(), 1e-3))


def statistics_in_view(rgb: Image, view: View) -> dict[str, float]:
    """Return every statistic of one picture of SIDE pixels on its short side."""
    shape = (rgb.shape[0], rgb.shape[1])
    mask, luma = mask_of(view, shape), luma_of(rgb)
    found = color_statistics(rgb, luma, mask)
    inside = rgb[mask]
    found["highlight_share"] = float(np.mean(inside.min(axis=1) >= NEAR_WHITE))
    found["clipped_share"] = float(np.mean(inside.max(axis=1) >= CLIPPED))
    for quantile, value in zip(QUANTILES, np.percentile(luma[mask], QUANTILES), strict=True):
        found[f"luma_q{quantile:02d}"] = float(value)
    square = luma[square_of(view, shape)]
    if len(square) >= LEAST_SQUARE:
        found["spectrum_slope"] = spectrum_slope(square)
    found["sharpness"] = sharpness(luma, mask)
    found["noise"] = noise(luma, mask)
    found["falloff"] = falloff(luma, view, mask)
    return found


def depth_slope(luma: Floats, depth: Floats) -> float | None:
    """Return the log-log slope of linear light against depth: -2 for a light at the camera.

    The slope is that of the median light of depth bins of equal counts, so that highlights and
    instruments weigh little; None when the depths span less than SPAN.

    Args:
        luma: (N,), coded, taken to light by the power DECODING.
        depth: (N,), any unit.
    """
    low, high = np.quantile(depth, (0.05, 0.95)) if len(depth) >= 10 * DEPTH_BINS else (1, 1)
    if low <= 0 or high < SPAN * low:
        return None
    order = np.argsort(depth, kind="stable")
    order = order[(depth[order] >= low) & (depth[order] <= high) & (luma[order] > LIT[0])]
    bins = [part for part in np.array_split(order, DEPTH_BINS) if len(part)]
    at = [np.log(np.median(depth[part])) for part in bins]
    light = [DECODING * np.log(np.median(luma[part])) for part in bins]
    return float(np.polyfit(at, light, 1)[0]) if len(bins) > 1 else None
