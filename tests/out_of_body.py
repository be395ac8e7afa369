"""Deterministic pictures of what an endoscope sees outside the body: rooms and skin.

Every scene is a canvas larger than the picture, rendered once in linear light, over which the
camera pans and shakes; light, vignette, tone curve, blur and sensor noise are applied per frame.
Hard variants imitate tissue on purpose: warm light, wood, red cloth, disinfected or reddened
skin, wet sheen, a round view. Colors below are linear RGB reflectances.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Kind = Literal["bright_room", "dark_room", "skin_wall"]
Color = tuple[float, float, float]

TEAL: Final = ((0.05, 0.28, 0.30), (0.04, 0.20, 0.36), (0.06, 0.30, 0.20))
WALLS: Final = ((0.75, 0.76, 0.74), (0.62, 0.66, 0.68), (0.70, 0.66, 0.55))
WARM_WALLS: Final = ((0.72, 0.58, 0.40), (0.66, 0.48, 0.34), (0.62, 0.55, 0.45))
SKIN: Final = ((0.62, 0.38, 0.27), (0.48, 0.27, 0.18), (0.28, 0.15, 0.09), (0.12, 0.07, 0.045))


@dataclass(frozen=True, slots=True)
class Scene:
    """One out-of-body scene; strengths are 0 to 1."""

    name: str
    kind: Kind
    seed: int
    warm: bool = False
    """Warm lamps and warm things in the room."""
    gain: float = 1.0
    """Exposure: 1 is bright."""
    noise: float = 1.5
    """Standard deviation of the sensor's noise, in codes."""
    blur: int = 0
    """Width of the defocus, in pixels."""
    round_view: bool = False
    falloff: float = 0.3
    """How much the endoscope's own light fades toward the rim."""
    skin: int = 0
    redness: float = 0.0
    iodine: float = 0.0
    sheen: float = 0.0
    drape: float = 0.0
    """Part of the width covered by a drape."""
    mottle: float = 0.15
    clutter: int = 9
    """Pieces of furniture; above 20 their surfaces are patterned too."""


SCENES: Final = (
    Scene("bright_room", "bright_room", 1),
    Scene("bright_room_soft", "bright_room", 2, blur=9, gain=0.8),
    Scene("bright_room_round", "bright_room", 3, round_view=True, falloff=0.6),
    Scene("bright_room_warm", "bright_room", 4, warm=True, gain=0.9),
    Scene("bright_room_warm_soft", "bright_room", 5, warm=True, blur=15, round_view=True),
    Scene("bright_room_glaring", "bright_room", 6, gain=1.9),
    Scene("bright_room_cluttered", "bright_room", 7, clutter=60),
    Scene("bright_room_warm_cluttered", "bright_room", 8, warm=True, clutter=60),
    Scene("bright_room_warm_lit", "bright_room", 9, warm=True, round_view=True, falloff=0.9),
    Scene("dark_room", "dark_room", 11, gain=0.05, noise=4.0),
    Scene("dark_room_black", "dark_room", 12, gain=0.003, noise=1.0),
    Scene("dark_room_warm", "dark_room", 13, gain=0.09, noise=4.0, warm=True),
    Scene("dark_room_round", "dark_room", 14, gain=0.12, noise=3.0, round_view=True, falloff=0.8),
    Scene("dark_room_warm_soft", "dark_room", 15, gain=0.16, warm=True, blur=11, round_view=True),
    Scene("skin_wall", "skin_wall", 21, skin=0),
    Scene("skin_wall_soft", "skin_wall", 22, skin=1, blur=15, mottle=0.05),
    Scene("skin_wall_dark", "skin_wall", 23, skin=2, falloff=0.7, round_view=True),
    Scene("skin_wall_darkest", "skin_wall", 24, skin=3, falloff=0.5, gain=1.6),
    Scene("skin_wall_red", "skin_wall", 25, skin=0, redness=0.7, round_view=True, falloff=0.8),
    Scene("skin_wall_iodine", "skin_wall", 26, skin=1, iodine=0.9, sheen=0.4, round_view=True),
    Scene("skin_wall_sheen", "skin_wall", 27, skin=0, sheen=1.0, falloff=0.7, mottle=0.3),
    Scene("skin_wall_drape", "skin_wall", 28, skin=1, drape=0.3),
    Scene("skin_wall_warm", "skin_wall", 29, skin=1, warm=True, redness=0.4, sheen=0.5),
)


def scene_named(name: str) -> Scene:
    """Return the scene of that name."""
    return next(scene for scene in SCENES if scene.name == name)


def frames(
    scene: Scene, count: int, *, size: tuple[int, int] = (854, 480)
) -> Iterator[NDArray[np.uint8]]:
    """Yield `count` pictures, uint8 (H, W, 3), RGB, of a hand-held camera over the scene."""
    width, height = size
    rng = np.random.default_rng([scene.seed, width, height])
    margin = max(8, width // 12)
    canvas = _canvas(scene, rng, width + 2 * margin, height + 2 * margin)
    light = _light(scene, width, height)
    phase = rng.uniform(0, 6.28, 2)
    for index in range(count):
        left = margin + round(0.9 * margin * float(np.sin(index / 23 + phase[0])))
        top = margin + round(0.9 * margin * float(np.sin(index / 31 + phase[1])))
        linear = canvas[top : top + height, left : left + width] * light
        codes = 255.0 * np.clip(linear, 0, 1) ** np.float32(1 / 2.2)
        noise = rng.standard_normal((height, width, 1), np.float32)
        chroma = 0.6 * rng.standard_normal((height, width, 3), np.float32)
        yield np.clip(codes + scene.noise * (noise + chroma) + 0.5, 0, 255).astype(np.uint8)


def _canvas(scene: Scene, rng: np.random.Generator, width: int, height: int) -> Floats:
    skin = scene.kind == "skin_wall"
    canvas = _skin(scene, rng, width, height) if skin else _room(scene, rng, width, height)
    lamp = np.array((1.25, 0.95, 0.62) if scene.warm else (1.0, 1.0, 1.0), np.float32)
    canvas = canvas * lamp * np.float32(scene.gain)
    return _blurred(canvas, scene.blur) if scene.blur else canvas


def _light(scene: Scene, width: int, height: int) -> Floats:
    """Return the endoscope's own light and the rim of its view, (H, W, 1)."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    radius = np.float32(0.47 * width if scene.round_view else 0.62 * width)
    distance = np.hypot(x - 0.5 * width, y - 0.5 * height) / radius
    light = 1 - scene.falloff * np.clip(distance, 0, 1) ** 2
    if scene.round_view:
        radius_in_rows = np.float32(0.62 * height) / radius
        light = np.where(distance < radius_in_rows, light, 0)
    shaded: Floats = light.astype(np.float32)[:, :, None]
    return shaded


def _noise(rng: np.random.Generator, width: int, height: int, cell: int) -> Floats:
    """Return smooth noise in -1 to 1 with features of about `cell` pixels, (H, W, 1)."""
    rows, columns = height // cell + 2, width // cell + 2
    coarse = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
    y = np.arange(height, dtype=np.float32) / cell
    x = np.arange(width, dtype=np.float32) / cell
    top, left = y.astype(int), x.astype(int)
    fy, fx = (y - top)[:, None], (x - left)[None, :]
    above = coarse[top][:, left] * (1 - fx) + coarse[top][:, left + 1] * fx
    below = coarse[top + 1][:, left] * (1 - fx) + coarse[top + 1][:, left + 1] * fx
    smooth = above * (1 - fy) + below * fy
    return smooth[:, :, None].astype(np.float32)


def _blurred(picture: Floats, width: int) -> Floats:
    """Return the picture through a box of `width` pixels, twice along each axis."""
    for axis in (0, 1, 0, 1):
        pad = [(0, 0)] * picture.ndim
        pad[axis] = (width // 2 + 1, width // 2)
        total = np.cumsum(np.pad(picture, pad, mode="edge"), axis=axis, dtype=np.float64)
        length = picture.shape[axis]
        low = np.take(total, range(length), axis=axis)
        high = np.take(total, range(width, length + width), axis=axis)
        picture = ((high - low) / width).astype(np.float32)
    return picture


def _skin(scene: Scene, rng: np.random.Generator, width: int, height: int) -> Floats:
    base = np.array(SKIN[scene.skin], np.float32)
    canvas = np.broadcast_to(base, (height, width, 3)).copy()
    mottle = np.float32(scene.mottle)
    for cell, weight in ((120, 1.0), (36, 0.6), (9, 0.35), (3, 0.25)):
        canvas *= 1 + weight * mottle * _noise(rng, width, height, cell)
    blush = np.clip(_noise(rng, width, height, 90) + 0.2, 0, 1)
    strength = np.float32(0.25 + scene.redness) * blush
    canvas *= 1 - strength * np.array((0.05, 0.45, 0.40), np.float32)
    if scene.iodine:
        paint = np.float32(scene.iodine) * np.clip(_noise(rng, width, height, 150) + 0.8, 0, 1)
        canvas *= 1 - paint * np.array((0.15, 0.50, 0.80), np.float32)
    _creases(canvas, rng, width, height)
    if scene.sheen:
        wet = np.clip(_noise(rng, width, height, 14) * _noise(rng, width, height, 60) - 0.35, 0, 1)
        canvas += np.float32(3.0 * scene.sheen) * wet
    if scene.drape:
        edge = round(width * (1 - scene.drape))
        canvas[:, edge:] = TEAL[scene.seed % 3]
        canvas[:, edge:] *= 1 + 0.35 * _noise(rng, width - edge, height, 40)
    return canvas


def _creases(canvas: Floats, rng: np.random.Generator, width: int, height: int) -> None:
    x = np.arange(width)
    for _ in range(14):
        slope, start = rng.uniform(-0.5, 0.5), rng.uniform(0, height)
        rows = start + slope * x + 12 * np.sin(x / rng.uniform(30, 120))
        for offset, depth in ((0, 0.78), (1, 0.86), (2, 0.94)):
            at = np.clip(rows.astype(int) + offset, 0, height - 1)
            canvas[at, x] *= np.float32(depth)


def _room(scene: Scene, rng: np.random.Generator, width: int, height: int) -> Floats:
    walls = WARM_WALLS if scene.warm else WALLS
    canvas = np.broadcast_to(np.array(walls[scene.seed % 3], np.float32), (height, width, 3)).copy()
    floor = round(height * 0.68)
    canvas[floor:] = (0.34, 0.20, 0.11) if scene.warm else (0.30, 0.34, 0.36)
    canvas[: height // 8] = (0.80, 0.76, 0.66) if scene.warm else (0.85, 0.86, 0.86)
    _lamps(canvas, rng, width, height)
    for _ in range(scene.clutter):
        _furniture(canvas, rng, scene, width, height)
    for _ in range(3):
        _person(canvas, rng, scene.warm, width, height)
    for _ in range(2):
        _cloth(canvas, rng, scene.warm, width, height)
    canvas *= 1 + 0.25 * _noise(rng, width, height, 180) + 0.04 * _noise(rng, width, height, 3)
    return canvas


def _box(rng: np.random.Generator, width: int, height: int, low: float, high: float) -> list[int]:
    w, h = (int(rng.uniform(low, high) * side) for side in (width, height))
    left, top = int(rng.uniform(-0.1, 0.95) * width), int(rng.uniform(0.1, 0.9) * height)
    return [max(0, left), max(0, top), min(width, left + w), min(height, top + h)]


def _lamps(canvas: Floats, rng: np.random.Generator, width: int, height: int) -> None:
    for _ in range(2):
        left, top, right, bottom = _box(rng, width, height // 3, 0.08, 0.25)
        canvas[top:bottom, left:right] = (1.6, 1.6, 1.55)


def _furniture(
    canvas: Floats, rng: np.random.Generator, scene: Scene, width: int, height: int
) -> None:
    things: tuple[Color, ...] = (
        ((0.40, 0.22, 0.10), (0.28, 0.12, 0.06), (0.45, 0.10, 0.07), (0.55, 0.45, 0.30))
        if scene.warm
        else ((0.55, 0.57, 0.60), (0.10, 0.11, 0.13), (0.25, 0.40, 0.62), (0.80, 0.80, 0.78))
    )
    busy = scene.clutter > 20
    left, top, right, bottom = _box(rng, width, height, 0.04 if busy else 0.08, 0.3)
    color = np.array(things[int(rng.integers(len(things)))], np.float32)
    shade = np.linspace(1.1, 0.7, max(1, right - left), dtype=np.float32)[None, :, None]
    canvas[top:bottom, left:right] = color * shade
    if busy and right > left and bottom > top:
        pattern = _noise(rng, right - left, bottom - top, int(rng.integers(3, 12)))
        canvas[top:bottom, left:right] *= 1 + 0.4 * pattern
    canvas[top : top + 2, left:right] *= 0.4
    canvas[top:bottom, left : left + 2] *= 0.4


def _person(canvas: Floats, rng: np.random.Generator, warm: bool, width: int, height: int) -> None:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    cx, cy = rng.uniform(0.15, 0.85) * width, rng.uniform(0.3, 0.5) * height
    size = rng.uniform(0.08, 0.15) * height
    body = (np.abs(x - cx) < 1.6 * size) & (y > cy + size)
    canvas[body] = (0.42, 0.16, 0.12) if warm else TEAL[int(rng.integers(3))]
    face = np.hypot((x - cx) / 0.8, y - cy) < size
    canvas[face] = SKIN[int(rng.integers(3))]
    canvas[face & (y < cy - 0.35 * size)] = (0.05, 0.04, 0.03) if warm else (0.10, 0.30, 0.38)
    if not warm:
        canvas[face & (y > cy + 0.25 * size)] = (0.55, 0.68, 0.75)


def _cloth(canvas: Floats, rng: np.random.Generator, warm: bool, width: int, height: int) -> None:
    left, top, right, bottom = _box(rng, width, height, 0.25, 0.5)
    if right <= left or bottom <= top:
        return
    folds = 1 + 0.3 * np.sin(np.arange(right - left, dtype=np.float32) / rng.uniform(6, 16))
    color = (0.50, 0.36, 0.22) if warm else TEAL[int(rng.integers(3))]
    canvas[top:bottom, left:right] = np.array(color, np.float32) * folds[None, :, None]
