"""Painted tissue: organs with color, relief and gloss, lit from the scope and moved by breathing.

Colors are kept as Y, U - 128, V - 128, so light is one product a plane. Scenes are computed on the
chroma grid, half the picture's size; fine grain is added to Y at full size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from videoengine.streams.testing.noise import (
    Field,
    doubled,
    fractal_noise,
    shifted,
    smooth_noise,
)

BREATH_SECONDS: Final = 4.0
MARGIN: Final = 1.35
"""The painted field is this much larger than what the camera sees at once."""
Picture = tuple[Field, Field, Field]
"""Y at half size in 0…1, and U, V about 0."""


def yuv(red: float, green: float, blue: float) -> tuple[float, float, float]:
    """Return (Y in 0…1, U, V about 0), BT.601, of an RGB color in 0…255."""
    r, g, b = red / 255, green / 255, blue / 255
    y = 0.299 * r + 0.587 * g + 0.114 * b
    return y, (b - y) * 0.564, (r - y) * 0.713


@dataclass(frozen=True, slots=True)
class Surface:
    """What the camera moves over: color, slopes and gloss, all (H, W) float32."""

    y: Field
    u: Field
    v: Field
    slope_x: Field
    slope_y: Field
    gloss: Field


class TissueScene:
    """Renders the field of view at any second of the clip."""

    def __init__(self, rng: np.random.Generator, size: tuple[int, int]) -> None:
        """Paint the field for pictures of `size` (width, height)."""
        self.size = size
        self.half = (size[1] + 1) // 2, (size[0] + 1) // 2
        height, width = (int(side * MARGIN) + 8 for side in self.half)
        self._surface = paint(rng, (height, width))
        whole = (size[1] + 64, size[0] + 64)
        pores = smooth_noise(rng, whole, size[1] / 2.2) + 0.7 * smooth_noise(
            rng, whole, size[1] / 6
        )
        self._grain = (1 + 0.075 * pores).astype(np.float32)
        self._phase = rng.uniform(0, 2 * np.pi, 4)
        rows, columns = np.mgrid[: self.half[0], : self.half[1]].astype(np.float32)
        scale = 2 / self.half[0]
        self._x = (columns - self.half[1] / 2) * scale
        self._y = (rows - self.half[0] / 2) * scale
        self._fall_off = (1.42 / (1 + 0.80 * (self._x**2 + self._y**2) ** 1.25)).astype(np.float32)

    def at(self, seconds: float) -> Picture:
        """Return the lit scene at `seconds`."""
        rows, columns = self._look(seconds)
        surface = self._surface
        slope_x = shifted(surface.slope_x, rows, columns)
        slope_y = shifted(surface.slope_y, rows, columns)
        gloss = shifted(surface.gloss, rows, columns)
        sway = 0.05 * np.sin(2 * np.pi * seconds / 3.1 + self._phase[0])
        # the lamp sits beside the lens: surfaces that lean its way are brighter
        light = 0.92 - slope_x * (0.42 * self._x + 0.18) - slope_y * (0.42 * self._y - 0.22)
        light = np.clip(light, 0.12, 1.45) * self._fall_off
        miss_x = slope_x + 0.55 * self._x + np.float32(0.12 + sway)
        miss_y = slope_y + 0.55 * self._y - np.float32(0.10 - sway)
        shine = np.exp(-11.0 * (miss_x * miss_x + miss_y * miss_y)) * gloss
        shine = np.clip(shine * 2.4 - 1.2, 0, 0.97)
        matte = (1 - shine) * light
        y = shifted(surface.y, rows, columns) * matte + shine
        u = shifted(surface.u, rows, columns) * matte
        v = shifted(surface.v, rows, columns) * matte
        return y, u, v

    def _look(self, seconds: float) -> tuple[Field, Field]:
        """Return what rows and columns the camera sees: it drifts, and tissue lifts."""
        a, b, c, _ = self._phase
        turn = 2 * np.pi * seconds
        breath = 0.5 - 0.5 * np.cos(turn / BREATH_SECONDS)
        zoom = 1.0 + 0.05 * np.sin(turn / 17 + a) - 0.02 * breath
        height, width = self._surface.y.shape
        v = np.linspace(-0.5, 0.5, self.half[0], dtype=np.float32)
        u = np.linspace(-0.5, 0.5, self.half[1], dtype=np.float32)
        lift = 0.035 * breath * (0.6 + v + 0.25 * np.sin(6 * v + b))
        widen = 0.012 * breath * np.sin(5 * u + c)
        drift_v = 0.06 * np.sin(turn / 23 + b) + 0.003 * np.sin(turn / 0.7 + c)
        drift_u = 0.07 * np.sin(turn / 29 + c) + 0.003 * np.sin(turn / 0.9 + a)
        rows = height / 2 + self.half[0] * (v * zoom + lift + drift_v)
        columns = width / 2 + self.half[1] * (u * zoom + widen + drift_u)
        return rows.astype(np.float32), columns.astype(np.float32)

    def grain(self, seconds: float) -> Field:
        """Return the fine grain of the surface at full size, (H, W) about 1."""
        rows, columns = self._look(seconds)
        top, left = int(2 * rows[0]) % 64, int(2 * columns[0]) % 64
        return self._grain[top : top + self.size[1], left : left + self.size[0]]

    def full(self, y: Field) -> Field:
        """Return a Y plane at the picture's size."""
        return doubled(y, self.size)


def paint(rng: np.random.Generator, shape: tuple[int, int]) -> Surface:
    """Paint liver, a pink wall with vessels, fat and the tissue between them."""
    height, width = shape
    v, u = np.mgrid[:height, :width].astype(np.float32) / height
    u -= width / height / 2  # u about 0 in the middle, v from 0 at the top to 1
    bend = [smooth_noise(rng, shape, cells) for cells in (2.0, 2.5, 5.0, 4.0)]
    fine = fractal_noise(rng, shape, 9, 4)
    inner = fractal_noise(rng, shape, 22, 3)

    relief = 0.10 * bend[0] + 0.034 * bend[2] + 0.014 * fine
    color = [np.full(shape, part, np.float32) for part in yuv(150, 62, 54)]
    gloss = np.full(shape, 0.75, np.float32)
    color[0] *= 1 + 0.13 * fine

    organs = (
        # distance inside (> 0), edge width, color, relief, gloss, texture
        (0.10 - u - 0.42 * v + 0.06 * bend[1], 0.020, (112, 34, 30), 0.25, 0.95, 0.035),
        (
            v - 0.70 + 0.28 * u + 0.05 * bend[2] + 0.04 * bend[3],
            0.016,
            (226, 168, 92),
            0.16,
            0.85,
            0.07,
        ),
        (
            _ellipse(u - 0.17, v - 0.40, 0.17, 0.30, 0.45) + 0.05 * bend[3],
            0.018,
            (198, 118, 104),
            0.26,
            0.93,
            0.07,
        ),
    )
    for distance, edge, rgb, rise, shine, grain in organs:
        inside = 1 / (1 + np.exp(-np.clip(distance / edge * 3, -30, 30)))
        crease = 1 - 0.45 * np.exp(-((distance / (1.6 * edge)) ** 2))
        texture = 1 + grain * (0.6 * fine + 0.8 * inner)
        for plane, part in zip(color, yuv(*rgb), strict=True):
            plane += inside * (part * texture - plane)
            plane *= crease
        # steep at the rim, but not endlessly: an endless slope would glitter along the edge
        depth = np.clip(distance, 0, 0.25) / 0.25
        dome = np.sqrt(depth + 0.04) - 0.2
        relief = relief + inside * (rise * dome - 0.25 * relief)
        gloss += inside * (shine - gloss)

    fat = 1 / (1 + np.exp(-np.clip(organs[1][0] / 0.02, -30, 30)))
    lobes = np.abs(smooth_noise(rng, shape, 13))
    relief = relief + fat * 0.030 * np.minimum(lobes, 1.2)
    color[0] *= 1 - fat * 0.16 * np.exp(-((lobes / 0.16) ** 2))
    _vessels(rng, shape, color, strength=1 - 0.85 * _liver(organs[0][0]))
    _blood(rng, shape, color)
    relief = relief + 0.005 * inner
    slope_y, slope_x = np.gradient(relief * (height * 0.42))
    y, tint_u, tint_v = (plane.astype(np.float32) for plane in color)
    return Surface(
        y,
        tint_u,
        tint_v,
        slope_x.astype(np.float32),
        slope_y.astype(np.float32),
        (gloss * (0.8 + 0.25 * bend[2].clip(-1, 1))).astype(np.float32),
    )


def _liver(distance: Field) -> Field:
    inside: Field = 1 / (1 + np.exp(-np.clip(distance / 0.02, -30, 30)))
    return inside


def _ellipse(u: Field, v: Field, a: float, b: float, angle: float) -> Field:
    """Return how far inside an ellipse a point is: its short radius in the middle, 0 on it."""
    x = u * np.cos(angle) + v * np.sin(angle)
    y = v * np.cos(angle) - u * np.sin(angle)
    depth: Field = (1 - np.sqrt((x / a) ** 2 + (y / b) ** 2)) * min(a, b)
    return depth


def _vessels(
    rng: np.random.Generator, shape: tuple[int, int], color: list[Field], strength: Field
) -> None:
    """Draw thin red lines along the zeros of smooth fields."""
    for cells, width, depth in ((3.5, 0.050, 0.40), (7.0, 0.060, 0.30), (13.0, 0.075, 0.22)):
        field = smooth_noise(rng, shape, cells) + 0.25 * smooth_noise(rng, shape, cells * 3)
        here = smooth_noise(rng, shape, 3) > -0.1
        line = np.exp(-((field / width) ** 2)) * depth * strength * here
        color[0] *= 1 - line
        color[1] += line * 0.02
        color[2] += line * 0.09


def _blood(rng: np.random.Generator, shape: tuple[int, int], color: list[Field]) -> None:
    """Spill a little blood."""
    pool = smooth_noise(rng, shape, 5) + 0.35 * smooth_noise(rng, shape, 14)
    inside = 0.85 / (1 + np.exp(-np.clip((pool - 2.15) * 14, -30, 30)))
    for plane, part in zip(color, yuv(120, 8, 14), strict=True):
        plane += inside * (part - plane)
