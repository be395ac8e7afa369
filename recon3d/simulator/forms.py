"""What instruments are made of: rounded cones and boxes in the frames of shaft, wrist and jaws.

Dimensions follow common 5 mm (clip applier 10 mm) laparoscopic instruments and 2.4 mm colonoscopic
ones, from their makers' data sheets in round numbers; no product is copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Frame = Literal["shaft", "wrist", "left", "right"]
Point = tuple[float, float, float]
ROUND_CONE, BOX, SLEEVE = 0, 1, 2
SHAFT, WRIST, JAW = 1, 2, 3
SHAFT_MM: Final = 320.0

MATERIALS: Final = {
    # albedo rgb, reflectance rgb, roughness, film, film roughness, emission, pattern
    "black": (0.016, 0.016, 0.018, 0.04, 0.04, 0.04, 0.34, 0.25, 0.12, 0.0, 0),
    "ceramic": (0.74, 0.72, 0.66, 0.04, 0.04, 0.04, 0.35, 0.35, 0.12, 0.0, 0),
    "steel": (0.055, 0.055, 0.055, 0.50, 0.51, 0.52, 0.24, 0.25, 0.10, 0.0, 1),
    "serrated": (0.05, 0.05, 0.05, 0.42, 0.43, 0.44, 0.30, 0.25, 0.10, 0.0, 1),
    "slot": (0.006, 0.005, 0.005, 0.03, 0.03, 0.03, 0.5, 0.0, 0.3, 0.0, 0),
    "bag": (0.62, 0.62, 0.58, 0.04, 0.04, 0.04, 0.40, 0.6, 0.10, 0.0, 2),
    "titanium": (0.10, 0.10, 0.10, 0.55, 0.53, 0.50, 0.30, 0.2, 0.12, 0.0, 0),
    "sleeve": (0.46, 0.46, 0.48, 0.04, 0.04, 0.04, 0.40, 0.4, 0.15, 0.0, 2),
    "blue": (0.03, 0.10, 0.34, 0.04, 0.04, 0.04, 0.36, 0.3, 0.12, 0.0, 0),
    "sheath": (0.26, 0.33, 0.36, 0.04, 0.04, 0.04, 0.34, 0.4, 0.12, 0.0, 0),
    "wire": (0.06, 0.06, 0.06, 0.58, 0.57, 0.55, 0.26, 0.2, 0.12, 0.0, 1),
    "lamp": (0.8, 0.8, 0.8, 0.04, 0.04, 0.04, 0.4, 0.0, 0.3, 26.0, 3),
}
MATERIAL_ROWS: Final = np.asarray(list(MATERIALS.values()), np.float32)
_MATERIAL: Final = {name: index for index, name in enumerate(MATERIALS)}
ROW: Final = 31
"""Numbers of a solid, as the renderer reads them."""


@dataclass(frozen=True, slots=True)
class Solid:
    """A solid in the frame of one part; +z runs along that part toward the tip, mm."""

    frame: Frame
    kind: int
    material: str
    part: int
    a: Point
    b: Point
    ra: float
    rb: float
    side: Point = (1.0, 0.0, 0.0)
    thickness: float = 0.0


def _rod(
    frame: Frame,
    material: str,
    part: int,
    start: Point,
    end: Point,
    ra: float,
    rb: float | None = None,
) -> Solid:
    return Solid(frame, ROUND_CONE, material, part, start, end, ra, ra if rb is None else rb)


def _slab(
    frame: Frame, material: str, part: int, center: Point, half: Point, along: Point = (0, 0, 1)
) -> Solid:
    """Return a box; `half` is half its length along z, x and y."""
    return Solid(frame, BOX, material, part, center, along, half[0], half[1], (1, 0, 0), half[2])


def _shaft(material: str, radius: float) -> list[Solid]:
    return [_rod("shaft", material, SHAFT, (0, 0, -SHAFT_MM), (0, 0, -1.0), radius)]


def _jaws(material: str, reach: float, root: float, tip: float, bow: float = 0.0) -> list[Solid]:
    solids: list[Solid] = []
    middle = 0.55 * reach
    for frame, sign in (("left", 1.0), ("right", -1.0)):
        name: Frame = "left" if frame == "left" else "right"
        solids.append(
            _rod(
                name,
                material,
                JAW,
                (sign * root * 0.55, 0, 0),
                (sign * (tip + bow), 0, middle),
                root,
                (root + tip) / 2,
            )
        )
        solids.append(
            _rod(
                name,
                material,
                JAW,
                (sign * (tip + bow), 0, middle),
                (sign * tip * 0.6, 0, reach - tip),
                (root + tip) / 2,
                tip,
            )
        )
    return solids


def _grasper(reach: float) -> list[Solid]:
    solids = _shaft("steel", 2.5)
    solids.append(_rod("wrist", "steel", WRIST, (0, 0, -1.5), (0, 0, 2.0), 2.3, 2.0))
    solids += _jaws("serrated", reach, 1.7, 1.25)
    for frame, sign in (("left", 1.0), ("right", -1.0)):
        name: Frame = "left" if frame == "left" else "right"
        solids.append(
            _slab(name, "slot", JAW, (sign * 2.1, 0, 0.55 * reach), (0.17 * reach, 0.9, 0.55))
        )
    return solids


def _bipolar(reach: float) -> list[Solid]:
    solids = _shaft("black", 2.5)
    solids.append(_rod("wrist", "blue", WRIST, (0, 0, -3.0), (0, 0, 1.0), 2.45, 1.9))
    return solids + _jaws("steel", reach, 1.25, 0.85, bow=0.7)


def _hook(reach: float) -> list[Solid]:
    """An L-hook: an insulated cone, a wire, and its bent end."""
    bend = 2.6
    neck = reach - 4.5
    return [
        *_shaft("black", 2.5),
        _rod("wrist", "ceramic", WRIST, (0, 0, -1.0), (0, 0, 0.62 * neck), 2.45, 1.5),
        _rod("wrist", "ceramic", WRIST, (0, 0, 0.62 * neck), (0, 0, neck), 1.5, 0.95),
        _rod("left", "steel", JAW, (0, 0, neck), (0, 0, reach - 0.4), 0.42),
        _rod("left", "steel", JAW, (0, 0, reach - 0.4), (0, bend, reach - 0.1), 0.42, 0.36),
    ]


def _scissors(reach: float) -> list[Solid]:
    solids = _shaft("black", 2.5)
    solids.append(_rod("wrist", "steel", WRIST, (0, 0, -1.5), (0, 0, 2.5), 2.2, 1.7))
    for frame, sign in (("left", 1.0), ("right", -1.0)):
        name: Frame = "left" if frame == "left" else "right"
        solids.append(
            _rod(
                name,
                "steel",
                JAW,
                (0, sign * 0.5, 0),
                (sign * 0.8, sign * 0.4, 0.6 * reach),
                1.3,
                1.0,
            )
        )
        solids.append(
            _rod(
                name,
                "steel",
                JAW,
                (sign * 0.8, sign * 0.4, 0.6 * reach),
                (0, sign * 0.3, reach - 0.4),
                1.0,
                0.4,
            )
        )
    return solids


def _clipper(reach: float) -> list[Solid]:
    solids = _shaft("steel", 4.9)
    solids.append(_rod("wrist", "steel", WRIST, (0, 0, -2.0), (0, 0, 0.3 * reach), 4.6, 2.9))
    for frame, sign in (("left", 1.0), ("right", -1.0)):
        name: Frame = "left" if frame == "left" else "right"
        solids.append(
            _slab(name, "steel", JAW, (sign * 2.0, 0, 0.62 * reach), (0.38 * reach, 0.75, 1.7))
        )
    return solids


def _irrigator(reach: float) -> list[Solid]:
    solids = _shaft("steel", 2.5)
    solids.append(_rod("wrist", "steel", WRIST, (0, 0, -2.0), (0, 0, 0.3 * reach), 2.5))
    solids.append(_rod("left", "steel", JAW, (0, 0, 0.3 * reach), (0, 0, reach - 2.4), 2.5, 2.35))
    for k in range(3):
        for x, y in ((2.2, 0.0), (-2.2, 0.0), (0.0, 2.2), (0.0, -2.2)):
            solids.append(
                _rod(
                    "left",
                    "slot",
                    JAW,
                    (x, y, reach - 3 - 3.2 * k),
                    (x, y, reach - 3.05 - 3.2 * k),
                    0.62,
                )
            )
    return solids


def _snare(reach: float) -> list[Solid]:
    """A wire loop of six rods out of a plastic sheath; the jaw angle opens it."""
    solids = [_rod("shaft", "sheath", SHAFT, (0, 0, -60.0), (0, 0, -1.0), 1.2)]
    solids.append(_rod("wrist", "blue", WRIST, (0, 0, -1.0), (0, 0, 1.2), 1.15, 0.9))
    for frame, sign in (("left", 1.0), ("right", -1.0)):
        name: Frame = "left" if frame == "left" else "right"
        knots = [
            (0.2 * sign, 0, 0.5),
            (2.2 * sign, 0, 0.3 * reach),
            (2.2 * sign, 0, 0.65 * reach),
            (0.2 * sign, 0, reach),
        ]
        solids += [_rod(name, "wire", JAW, a, b, 0.28) for a, b in pairwise(knots)]
    return solids


def _forceps(reach: float) -> list[Solid]:
    solids = [_rod("shaft", "wire", SHAFT, (0, 0, -60.0), (0, 0, -1.0), 1.15)]
    solids.append(_rod("wrist", "steel", WRIST, (0, 0, -1.0), (0, 0, 0.4 * reach), 1.1, 0.9))
    return solids + _jaws("steel", reach, 0.75, 0.8, bow=0.4)


def _needle(reach: float) -> list[Solid]:
    return [
        _rod("shaft", "sheath", SHAFT, (0, 0, -60.0), (0, 0, -1.0), 1.15),
        _rod("wrist", "blue", WRIST, (0, 0, -1.0), (0, 0, 0.3 * reach), 1.1, 0.8),
        _rod("left", "wire", JAW, (0, 0, 0.3 * reach), (0, 0, reach), 0.32, 0.12),
    ]


def _clip_applier(reach: float) -> list[Solid]:
    solids = [_rod("shaft", "sheath", SHAFT, (0, 0, -60.0), (0, 0, -1.0), 1.25)]
    solids.append(_rod("wrist", "titanium", WRIST, (0, 0, -1.0), (0, 0, 0.35 * reach), 1.0, 0.8))
    return solids + _jaws("titanium", reach, 0.55, 0.5, bow=0.6)


_FORMS: Final = {
    "grasper": _grasper,
    "bipolar": _bipolar,
    "hook": _hook,
    "scissors": _scissors,
    "clipper": _clipper,
    "irrigator": _irrigator,
    "snare": _snare,
    "biopsy_forceps": _forceps,
    "injection_needle": _needle,
    "clip_applier": _clip_applier,
}


def form_of(instrument: str, reach_mm: float) -> list[Solid]:
    """Return the solids of an instrument whose tip is `reach_mm` beyond its wrist.

    A procedure may name an instrument that has no form of its own: it looks like a grasper.
    """
    return _FORMS.get(instrument, _grasper)(reach_mm)


def turned(axis: Literal["x", "y"], angle_rad: float) -> NDArray[np.float64]:
    """Return the (4, 4) rotation about an axis."""
    c, s = float(np.cos(angle_rad)), float(np.sin(angle_rad))
    out = np.eye(4)
    if axis == "y":
        out[0, 0], out[0, 2], out[2, 0], out[2, 2] = c, s, -s, c
    else:
        out[1, 1], out[1, 2], out[2, 1], out[2, 2] = c, -s, s, c
    return out


def rows_of(
    solids: Sequence[Solid],
    frames: dict[Frame, NDArray[np.float64]],
    *,
    instrument_id: int,
    track: int,
) -> NDArray[np.float32]:
    """Return the renderer's rows of solids, each moved by the (4, 4) pose of its frame.

    The pose to the next frame is left as the identity.
    """
    rows = np.zeros((len(solids), ROW), np.float32)
    for row, solid in zip(rows, solids, strict=True):
        pose = frames[solid.frame]
        rotation, shift = pose[:3, :3], pose[:3, 3]
        b = rotation @ solid.b + (0 if solid.kind == BOX else shift)
        row[:5] = solid.kind, _MATERIAL[solid.material], instrument_id, solid.part, track
        row[5:8], row[8:11], row[11:14] = rotation @ solid.a + shift, b, rotation @ solid.side
        row[14:17] = solid.ra, solid.rb, solid.thickness
        row[17], row[22], row[27] = 1, 1, 1
    return rows


def loose(
    kind: int,
    material: str,
    a: Sequence[float] | NDArray[np.float64],
    b: Sequence[float] | NDArray[np.float64],
    radii: tuple[float, float],
    *,
    track: int = -1,
) -> NDArray[np.float32]:
    """Return the row of a solid that belongs to no instrument: a clip, a bag, a sleeve."""
    row = np.zeros(ROW, np.float32)
    row[:5] = kind, _MATERIAL[material], -1, 0, track
    row[5:8], row[8:11], row[11:14] = a, b, (1, 0, 0)
    row[14:16] = radii
    row[17], row[22], row[27] = 1, 1, 1
    return row
