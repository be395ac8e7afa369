"""What the camera sees outside the body: drapes, a tray, lamps, and the cloth that wipes the lens.

Nobody is in the room: the engine blanks it by what it is, and needs no face to learn from.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator import portable_math as pm
from videoengine.recon3d.simulator.anatomy import Grid, Paint
from videoengine.recon3d.simulator.forms import BOX, ROUND_CONE, loose
from videoengine.recon3d.simulator.painting import RIDGED, fractal, packed, smoothed
from videoengine.recon3d.simulator.portable_math import TAU
from videoengine.recon3d.simulator.randomness import Key
from videoengine.recon3d.simulator.vectors import cross, unit

WIDE_MM: Final = 1400.0
POINTS: Final = 97
TEXELS: Final = 320
CLOTH: Final = (330.0, -260.0)
"""Where the cloth lies, mm."""
CLOTH_MM: Final = 150.0
DRAPES: Final = ((0.05, 0.20, 0.30), (0.06, 0.26, 0.20), (0.10, 0.22, 0.42))


class Room:
    """One theatre, drawn from a key."""

    def __init__(self, key: Key) -> None:
        """Choose drapes and folds."""
        self._noise = int(key.sub("noise").word(0) & 0x7FFFFFFF)
        draw = key.sub("room").fractions(8)
        self._drape = np.asarray(DRAPES[int(draw[0] * len(DRAPES))]) * (0.8 + 0.4 * draw[1])
        self._turn = draw[2:8]

    def _chart(self, points: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        side = (np.linspace(0, 1, points) - 0.5) * WIDE_MM
        x, y = np.meshgrid(side, -side)
        return x, y

    def _cloth(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        edge = 0.15 * fractal(x / 60, y / 60, self._noise + 1, octaves=3)
        away = np.sqrt((x - CLOTH[0]) ** 2 + (y - CLOTH[1]) ** 2) / CLOTH_MM
        return smoothed(1.0, 0.92, away + edge)

    def grid(self) -> Grid:
        """Return the folded drapes."""
        x, y = self._chart(POINTS)
        n = self._noise
        z = 70 * fractal(x / 420, y / 420, n + 2, octaves=3) + 26 * fractal(
            x / 110, y / 300, n + 3, octaves=3, kind=RIDGED
        )
        z = z + 6 * fractal(x / 30, y / 30, n + 4, octaves=2) * self._cloth(x, y)
        rest = np.stack([x, y, z], -1).astype(np.float32)
        return Grid(
            rest=rest,
            bare=rest,
            front=np.full(x.shape, 1e9, np.float32),
            modes=np.zeros((0, *rest.shape), np.float32),
            wraps=False,
            orientation=-1.0,
        )

    def paint(self) -> Paint:
        """Return drapes of one color, a paler sheet, and the white cloth."""
        x, y = self._chart(TEXELS)
        n = self._noise
        weave = 1.0 + 0.12 * fractal(x / 9, y / 9, n + 5, octaves=3)
        albedo = np.broadcast_to(self._drape, (*x.shape, 3)) * weave[..., None]
        sheet = smoothed(-0.02, 0.02, fractal(x / 500, y / 500, n + 6, octaves=1) - 0.15)[..., None]
        albedo = albedo * (1 - sheet) + sheet * np.asarray((0.34, 0.38, 0.40)) * weave[..., None]
        cloth = self._cloth(x, y)[..., None]
        blot = smoothed(0.25, 0.5, fractal(x / 40, y / 40, n + 7, octaves=3))[..., None]
        white = np.asarray((0.78, 0.77, 0.74)) * (1 - 0.6 * blot * np.asarray((0.2, 0.9, 0.9)))
        albedo = albedo * (1 - cloth) + cloth * white * weave[..., None]
        texels = packed(albedo, np.full(x.shape, 0.05))
        region = np.zeros(x.shape, np.uint8)
        relief = 0.8 * fractal(x / 14, y / 14, n + 8, octaves=3)
        return Paint(texels, texels, relief.astype(np.float32), region, region, WIDE_MM / TEXELS)

    def solids(self) -> NDArray[np.float32]:
        """Return a tray, what lies on it, and lamps, as the renderer's rows in the world."""
        rows = [loose(BOX, "steel", (-260.0, 120.0, 60.0), (1, 0, 0), (140.0, 90.0))]
        rows[0][16] = 6.0
        rows[0][11:14] = (0, 1, 0)
        for i in range(4):
            y = 60.0 + 36 * i
            rows.append(
                loose(ROUND_CONE, "steel", (-370.0, y, 74.0), (-170.0, y + 8, 74.0), (3.0, 2.2))
            )
        for i in range(3):
            at = (-200.0 + 420 * i + 90 * self._turn[i], 420.0, 180.0)
            rows.append(loose(ROUND_CONE, "lamp", at, (at[0] + 2, at[1], at[2]), (46.0, 46.0)))
        return np.stack(rows)

    def camera(self, time_s: float, *, cleaning: bool) -> NDArray[np.float64]:
        """Return world_from_camera (4, 4): carried about, or before the cloth that wipes."""
        # part of the poses, which are to have the same bits on every machine
        turn = self._turn.tolist()
        a, b = TAU * (turn[3] + 0.11 * time_s), TAU * (turn[4] + 0.17 * time_s)
        sin, cos = pm.sin, pm.cos
        if cleaning:
            press = 26 + 22 * cos(TAU * 0.8 * time_s)
            eye = (CLOTH[0] + 18 * cos(5 * a), CLOTH[1] + 14 * sin(4 * b), 70 + press)
            target = (CLOTH[0] + 10 * sin(b), CLOTH[1], 20.0)
        else:
            eye = (260 * sin(a), 180 * cos(b), 420 + 160 * sin(a + b))
            target = (-160 * sin(b), 260 * sin(a), 0.0)
        up = np.asarray([sin(0.7 * a), 1.0, 0.2 * cos(a)])
        return looking(np.asarray(eye), np.asarray(target), up)


def looking(
    eye: NDArray[np.float64], target: NDArray[np.float64], up: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return world_from_camera (4, 4) of a camera at `eye` that looks at `target`."""
    z = unit(target - eye)
    x = unit(cross(z, up))
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2], pose[:3, 3] = x, cross(z, x), z, eye
    return pose
