"""One case's scope: lens, light, round view, and the processor's habits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator.randomness import Key
from videoengine.recon3d.simulator.truth import Camera

BASELINE_MM: Final = 4.6
"""Between the two eyes of a stereo laparoscope."""
View = Literal["mono", "left", "right"]


@dataclass(frozen=True, slots=True)
class Optics:
    """What stays the same through a case."""

    camera: Camera
    light_offset_mm: tuple[float, float, float]
    """Of the lamp from the middle of the scope's tip, camera coordinates."""
    intensity: float
    exponent: float
    """mu of the spot's profile."""
    tint: tuple[float, float, float]
    balance: tuple[float, float, float]
    circle: tuple[float, float, float]
    """Radius, x and y of the round view as fractions of the width; radius 0: none."""
    bloom: float
    vignette: float
    sharpening: float
    noise: float
    target: float
    """Mean code, 0 to 1, that the exposure control aims at."""
    shadow: float
    """Share of the light that an instrument's shadow lacks."""
    bounce: float
    """Share of the light that tissue sends back and that falls on tissue again."""

    def pupil_mm(self, view: View) -> float:
        """Return by how much an eye lies to the right of the middle of the tip."""
        return {"mono": 0.0, "left": -0.5 * BASELINE_MM, "right": 0.5 * BASELINE_MM}[view]


def laparoscope(key: Key, size: tuple[int, int]) -> Optics:
    """Return a rigid scope: nearly a pinhole; most show a round view."""
    draw = key.fractions(20)
    width, height = size
    focal = (0.76 + 0.14 * draw[0]) * max(width, 1.2 * height)
    round_view = draw[1] < 0.8
    radius = max(0.37 + 0.14 * draw[2], 0.52 * height / width)
    return Optics(
        camera=Camera(
            focal,
            focal,
            (width - 1) / 2,
            (height - 1) / 2,
            (-0.16 + 0.08 * draw[3], 0.02),
            "pinhole",
            size,
        ),
        light_offset_mm=(2.0 * (draw[4] - 0.5), -3.0 - 1.2 * draw[5], -0.5),
        intensity=30000.0,
        exponent=2.0 + 3.5 * draw[6],
        tint=(1.0, 0.95 + 0.05 * draw[7], 0.86 + 0.12 * draw[8]),
        balance=(1.0 + 0.14 * (draw[9] - 0.4), 1.0, 1.0 + 0.22 * (draw[10] - 0.5)),
        circle=(radius if round_view else 0.0, 0.03 * (draw[11] - 0.5), 0.03 * (draw[12] - 0.5)),
        bloom=0.25 + 0.3 * draw[13],
        vignette=0.45 + 0.4 * draw[14],
        sharpening=0.9 + 0.9 * draw[15],
        noise=0.0015 + 0.003 * draw[16],
        target=0.31 + 0.07 * draw[17],
        shadow=0.72 + 0.2 * draw[19],
        bounce=0.22 + 0.16 * draw[18],
    )


def colonoscope(key: Key, size: tuple[int, int]) -> Optics:
    """Return a flexible scope: an equidistant fisheye of about 140 degrees."""
    draw = key.fractions(20)
    width, height = size
    half = 0.5 * min(width, height * 1.15)
    focal = half / (np.radians(70.0) * (0.94 + 0.1 * draw[0]))
    return Optics(
        camera=Camera(
            focal,
            focal,
            (width - 1) / 2,
            (height - 1) / 2,
            (-0.03 + 0.02 * draw[1], 0.0),
            "fisheye",
            size,
        ),
        light_offset_mm=(3.0 * (1 if draw[2] > 0.5 else -1), 1.5 * (draw[3] - 0.5), -0.3),
        intensity=2600.0,
        exponent=0.7 + 0.8 * draw[4],
        tint=(1.0, 0.95 + 0.05 * draw[5], 0.86 + 0.12 * draw[6]),
        balance=(1.0 + 0.14 * (draw[7] - 0.4), 1.0, 1.0 + 0.2 * (draw[8] - 0.5)),
        circle=(min(half * 1.0, 0.62 * width) / width, 0.0, 0.0),
        bloom=0.2 + 0.25 * draw[9],
        vignette=0.25 + 0.3 * draw[10],
        sharpening=0.9 + 0.9 * draw[11],
        noise=0.0015 + 0.003 * draw[12],
        target=0.33 + 0.07 * draw[13],
        shadow=0.45 + 0.2 * draw[15],
        bounce=0.32 + 0.16 * draw[14],
    )


def optics_of(anatomy: str, key: Key, size: tuple[int, int]) -> Optics:
    """Return the scope that goes with an anatomy."""
    return (colonoscope if anatomy == "tube" else laparoscope)(key.sub("optics"), size)


def display_code(light: NDArray[Any]) -> NDArray[Any]:
    """Return display codes, 0 to 1: the renderer's tone curve."""
    x = np.maximum(light, 0.0)
    code = np.minimum((x * (1.0 + 0.12 * x) / (1.0 + 0.62 * x)) ** (1 / 2.2), 1.0)
    toned: NDArray[Any] = 0.2 * code + 0.8 * code * code * (3.0 - 2.0 * code)
    return toned
