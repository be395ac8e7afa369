"""A bright operating room as the scope sees it when it is pulled out."""

from __future__ import annotations

from typing import Final

import numpy as np

from videoengine.streams.testing.noise import Field, blurred, shifted, smooth_noise
from videoengine.streams.testing.tissue_scene import Picture, yuv

Color = tuple[float, float, float]
MARGIN: Final = 1.5
TUNNEL_SECONDS: Final = 0.5
"""How long the trocar's gray wall is seen at either end of the span."""


class RoomScene:
    """Walls, lamps, drapes and a person in blue; the camera swings across them."""

    def __init__(self, rng: np.random.Generator, half: tuple[int, int]) -> None:
        """Paint the room for pictures of `half` size (height, width)."""
        self._half = half
        height, width = (int(side * MARGIN) for side in half)
        v, u = np.mgrid[:height, :width].astype(np.float32)
        v, u = v / height, u / width
        wall = 0.93 + 0.10 * (1 - v) + 0.02 * smooth_noise(rng, (height, width), 3)
        planes = [np.full((height, width), part, np.float32) for part in yuv(202, 212, 216)]
        _fill(planes, v > 0.70 + 0.04 * np.sin(9 * u), (38, 112, 118))  # drape
        _fill(planes, (v > 0.62) & (v < 0.66), (150, 158, 162))  # rail
        _fill(planes, _box(u, v, 0.62, 0.14, 0.88, 0.42), (34, 36, 40))  # monitor
        _fill(planes, _box(u, v, 0.64, 0.17, 0.86, 0.39), (88, 124, 168))
        _fill(planes, _box(u, v, 0.06, 0.30, 0.16, 0.78), (176, 182, 186))  # cabinet
        _fill(planes, _disc(u, v, 0.36, 0.30, 0.050), (206, 164, 142))  # face
        _fill(planes, _disc(u, v, 0.36, 0.255, 0.055) & (v < 0.275), (64, 128, 160))  # cap
        _fill(planes, _disc(u, v, 0.36, 0.335, 0.042) & (v > 0.315), (196, 222, 232))  # mask
        shoulders = _disc(u, v, 0.36, 0.50, 0.11) | _box(u, v, 0.265, 0.50, 0.455, 0.80)
        _fill(planes, shoulders & (v > 0.37), (58, 108, 146))  # gown
        lamp = np.zeros((height, width), np.float32)
        for center in (0.20, 0.52):
            glow = np.exp(-(((u - center) / 0.09) ** 2 + ((v - 0.08) / 0.07) ** 2))
            lamp += np.clip(1.6 * glow, 0, 1)
        cloth = (v > 0.70) | (shoulders & (v > 0.37))
        crease = np.sin(40 * u + 12 * v + 2 * smooth_noise(rng, (height, width), 4))
        folds = 1 + cloth * 0.11 * crease
        y = np.clip(planes[0] * wall * folds, 0, 1)
        self._y = blurred(y + (1 - y) * np.clip(lamp, 0, 1), 2)
        self._u, self._v = (
            blurred(plane * (1 - 0.8 * np.clip(lamp, 0, 1)), 2) for plane in planes[1:]
        )
        rows, columns = np.mgrid[: half[0], : half[1]].astype(np.float32)
        self._radius = np.hypot(rows - half[0] / 2, columns - half[1] / 2) / half[0]

    def at(self, seconds: float, length: float) -> Picture:
        """Return the view `seconds` into a span of `length` seconds."""
        swing = np.sin(2 * np.pi * seconds / 5.2)
        shake = 0.008 * np.sin(2 * np.pi * seconds / 0.45)
        height, width = self._half
        zoom = 1 + 0.12 * np.sin(2 * np.pi * seconds / 7.5)
        middle_v = self._y.shape[0] * (0.5 + 0.06 * np.sin(2 * np.pi * seconds / 3.7) + shake)
        middle_u = self._y.shape[1] * (0.5 + 0.10 * swing)
        rows = middle_v + (np.arange(height, dtype=np.float32) - height / 2) * zoom
        columns = middle_u + (np.arange(width, dtype=np.float32) - width / 2) * zoom
        y, u, v = (shifted(plane, rows, columns) for plane in (self._y, self._u, self._v))
        edge = min(seconds, length - seconds) / TUNNEL_SECONDS
        if edge < 1:
            return self._through_trocar(y, u, v, max(0.0, edge))
        return y, u, v

    def _through_trocar(self, y: Field, u: Field, v: Field, opened: float) -> Picture:
        """Put the trocar's wall around an opening that grows with `opened` (0 to 1)."""
        hole = 0.16 + 0.55 * opened**2
        wall = 1 / (1 + np.exp(np.clip((hole - self._radius) * 60, -30, 30)))
        shade = np.clip(0.30 + 0.55 * (self._radius - hole), 0.2, 0.8) * wall
        return y * (1 - wall) + shade, u * (1 - wall) + 0.01 * wall, v * (1 - wall)


def _fill(
    planes: list[Field], where: np.ndarray[tuple[int, int], np.dtype[np.bool_]], rgb: Color
) -> None:
    for plane, part in zip(planes, yuv(*rgb), strict=True):
        plane[where] = part


def _box(
    u: Field, v: Field, left: float, top: float, right: float, bottom: float
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    return (u > left) & (u < right) & (v > top) & (v < bottom)


def _disc(
    u: Field, v: Field, x: float, y: float, radius: float
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    return ((u - x) * 1.78) ** 2 + (v - y) ** 2 < radius**2 * 2.2
