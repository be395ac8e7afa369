"""Painting with noise: relief, pigment and vessels on a chart of tissue.

Albedo follows a pigment model: a pale base seen through haemoglobin, `base × exp(−h × mu)` per
channel (Beer-Lambert), so that one field h reddens tissue and draws its vessels.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine import _native
from videoengine.recon3d.simulator.randomness import Key

Field = NDArray[np.float64]
MU_HAEMOGLOBIN: Final = (0.15, 1.30, 1.10)
"""Absorption of red, green and blue per unit of h."""
PLAIN, RIDGED, BILLOW = 0, 1, 2


def fractal(
    x: Field,
    y: Field,
    seed: int,
    *,
    octaves: int = 4,
    gain: float = 0.5,
    kind: int = PLAIN,
    period: int = 0,
    z: float = 0.0,
) -> Field:
    """Return fractal gradient noise at points; exact on every machine.

    Args:
        x: First coordinate, in units of the longest wave.
        y: Second coordinate.
        seed: 32 bits.
        octaves: Waves summed, each half as long as the one before.
        gain: Amplitude of a wave over the one before.
        kind: PLAIN (about −1 to 1), RIDGED (sharp crests, 0 to 1), BILLOW (sharp valleys, 0 to 1).
        period: Whole number of waves after which x repeats; 0 never.
        z: Third coordinate.
    """
    x, y = np.broadcast_arrays(x, y)
    points = np.stack([x, y, np.full_like(x, z)], axis=-1).reshape(-1, 3)
    out = np.empty(len(points))
    _native.noise_fractal(
        np.ascontiguousarray(points), out, seed & 0xFFFFFFFF, octaves, gain, kind, period
    )
    return out.reshape(x.shape)


def smooth_maximum(a: Field, b: Field, width: float) -> Field:
    """Return the larger of two fields, rounded off where they differ by less than `width`."""
    h = np.clip(width - np.abs(a - b), 0.0, None) / width
    blended: Field = np.maximum(a, b) + h * h * width * 0.25
    return blended


def smoothed(low: float, high: float, x: Field) -> Field:
    """Return 0 below `low`, 1 above `high`, and a cubic between."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def albedo_of(base: Field, haemoglobin: Field) -> Field:
    """Return the albedo (…, 3) of a base (…, 3) seen through haemoglobin (…)."""
    albedo: Field = base * np.exp(-haemoglobin[..., None] * np.asarray(MU_HAEMOGLOBIN))
    return albedo


def vessel_tree(
    key: Key, start: tuple[float, float], heading_rad: float, *, radius_mm: float, reach_mm: float
) -> NDArray[np.float64]:
    """Return points (N, 3) of a branching vessel: x, y and radius in mm.

    Branches obey Murray's law: the cubes of the daughters' radii add up to the mother's.
    """
    points: list[tuple[float, float, float]] = []
    waiting = [(start[0], start[1], heading_rad, radius_mm, reach_mm, 0)]
    draws = iter(key.fractions(4096).tolist())
    while waiting and len(points) < 6000:
        x, y, heading, radius, left, depth = waiting.pop()
        step = max(0.2, 0.45 * radius)
        length = left * (0.35 + 0.5 * next(draws, 0.5))
        gone = 0.0
        bend = 0.0
        while gone < length:
            bend = 0.85 * bend + 0.22 * (next(draws, 0.5) - 0.5)
            heading += bend * step
            x, y = x + step * float(np.cos(heading)), y + step * float(np.sin(heading))
            points.append((x, y, radius * (1.0 - 0.25 * gone / max(length, 1e-6))))
            gone += step
        if depth >= 6 or radius < 0.09 or left - length < 1.5:
            continue
        share = 0.3 + 0.4 * next(draws, 0.5)
        spread = 0.5 + 0.6 * next(draws, 0.5)
        for fraction, turn in ((share, -spread), (1.0 - share, spread)):
            child = radius * float(np.cbrt(fraction))
            waiting.append(
                (x, y, heading + turn * (1.2 - fraction), child, left - length, depth + 1)
            )
    return np.asarray(points).reshape(-1, 3)


def stamp_vessels(
    field: Field, points: NDArray[np.float64], *, texel_mm: tuple[float, float], wraps: bool
) -> None:
    """Raise `field` (rows, columns) to a soft tube's profile along vessel points (N, 3), in place.

    `texel_mm` is the size of a texel along columns and rows; x runs along columns.
    """
    if not len(points):
        return
    rows, columns = field.shape
    column, row = points[:, 0] / texel_mm[0], points[:, 1] / texel_mm[1]
    radius = points[:, 2]
    most = int(np.ceil(float(radius.max()) * 1.6 / min(texel_mm))) + 1
    c0, r0 = np.rint(column).astype(np.int64), np.rint(row).astype(np.int64)
    strength = np.clip(radius / 0.5, 0.25, 1.0)
    for dr in range(-most, most + 1):
        for dc in range(-most, most + 1):
            across = (c0 + dc - column) * texel_mm[0]
            along = (r0 + dr - row) * texel_mm[1]
            distance = np.sqrt(across * across + along * along) / np.maximum(radius, 0.08)
            value = strength * np.exp(-0.9 * distance**2)
            c, r = c0 + dc, r0 + dr
            c = c % columns if wraps else c
            kept = (value > 0.02) & (r >= 0) & (r < rows) & (c >= 0) & (c < columns)
            np.maximum.at(field, (r[kept], c[kept]), value[kept])


def packed(albedo: Field, film: Field) -> NDArray[np.uint8]:
    """Return the renderer's texels: square roots of the albedo, then the film; uint8 (…, 4)."""
    texels = np.concatenate(
        [np.sqrt(np.clip(albedo, 0.0, 1.0)), np.clip(film, 0, 1)[..., None]], axis=-1
    )
    return np.ascontiguousarray(np.rint(texels * 255.0).astype(np.uint8))
