"""Instruments: their forms, and where their named points lie.

Tool coordinates, in mm: the origin is the wrist, where the shaft ends; +z runs along the shaft
toward the tip. Jaws open in the plane of x and z, half the jaw angle to each side, the left one to
+x. The tip is the point that works on tissue: halfway between the ends of two jaws, the end of a
tool without any, the middle of a loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from videoengine.recon3d.simulator import portable_math as pm
from videoengine.recon3d.simulator.portable_math import Array


@dataclass(frozen=True, slots=True)
class Form:
    """Measures of one kind of instrument."""

    name: str
    reach_mm: float
    """Length of the jaws, or of what stands in their place, from the wrist to its end."""
    jaw_max_rad: float
    """Widest angle between the jaws; 0 for a tool that has none."""
    offset_mm: float = 0.0
    """How far the end lies beside the shaft's axis, toward +y."""
    tip_share: float = 1.0
    """Where the tip lies on the way from the wrist to the end."""
    sideways: bool = False
    """Whether it works with its +y side, which is then turned toward the tissue."""


FORMS: Final = {
    form.name: form
    for form in (
        Form("grasper", 18.0, 0.95),
        Form("bipolar", 16.0, 0.60),
        Form("hook", 13.0, 0.0, offset_mm=2.6, sideways=True),
        Form("scissors", 15.0, 0.85),
        Form("clipper", 17.0, 0.50),
        Form("irrigator", 10.0, 0.0),
        Form("snare", 16.0, 0.90, tip_share=0.6),
        Form("biopsy_forceps", 5.0, 1.20),
        Form("injection_needle", 6.0, 0.0),
        Form("clip_applier", 8.0, 1.00),
    )
}
PLAIN: Final = Form("plain", 15.0, 0.6)
"""Stands in for an instrument of a vocabulary that this module does not know."""


def form_of(name: str) -> Form:
    """Return the form of an instrument."""
    return FORMS.get(name, PLAIN)


def tip_in_tool(form: Array, jaw_angle_rad: Array) -> Array:
    """Return tips (M, 3) in tool coordinates, of rows (M, ≥ 3): reach, offset, share of the tip."""
    along = form[:, 0] * form[:, 2] * pm.cos(0.5 * jaw_angle_rad)
    return np.stack([np.zeros_like(along), form[:, 1], along], axis=-1)


def ends_in_tool(reach_mm: Array, offset_mm: Array, jaw_angle_rad: Array) -> Array:
    """Return the ends of the left and the right jaws (2, M, 3) in tool coordinates."""
    sine, cosine = pm.sincos(0.5 * jaw_angle_rad)
    side, ahead = reach_mm * sine, reach_mm * cosine
    return np.stack([np.stack([s * side, offset_mm, ahead], axis=-1) for s in (1.0, -1.0)])
