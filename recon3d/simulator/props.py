"""The rigid things of a scene: instruments, and what they leave behind, placed for the renderer."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator.anatomy import Anatomy, Array
from videoengine.recon3d.simulator.forms import (
    BOX,
    ROUND_CONE,
    SLEEVE,
    Frame,
    form_of,
    loose,
    rows_of,
    turned,
)
from videoengine.recon3d.simulator.kinematics import ToolPose
from videoengine.recon3d.simulator.piece import BAG_TARGET
from videoengine.recon3d.simulator.plan import TICKS_PER_SECOND, Plan, Site
from videoengine.recon3d.simulator.portable_math import TAU
from videoengine.recon3d.simulator.randomness import Key
from videoengine.recon3d.simulator.truth import TRACK_VALUES
from videoengine.recon3d.simulator.vectors import inverse

Rows = NDArray[np.float32]
SLEEVE_MM: Final = 6.2
"""Inner radius of a trocar."""
CLIP_MM: Final = (3.4, 0.62)
"""Half length and radius of a clip."""
MOST_CLIPS: Final = 24


def carried(rows: Rows, pose: Array) -> Rows:
    """Return solids moved by a (4, 4) pose."""
    out = np.atleast_2d(rows).copy()
    rotation, shift = pose[:3, :3], pose[:3, 3]
    out[:, 5:8] = out[:, 5:8] @ rotation.T + shift
    direction = out[:, :1] == BOX
    out[:, 8:11] = out[:, 8:11] @ rotation.T + np.where(direction, 0.0, shift)
    out[:, 11:14] = out[:, 11:14] @ rotation.T
    return out


def lead_on(rows: Rows, motion: Array) -> None:
    """Write into solids' rows the (4, 4) motion to the next frame, in camera coordinates."""
    rows[:, 17:29] = motion[:3].ravel()


def instrument_rows(tool: ToolPose, into_camera: Array) -> Rows:
    """Return an instrument's solids in camera coordinates; they stay where they are."""
    return rows_of(
        form_of(tool.visit.instrument.name, tool.reach_mm),
        _frames(tool, into_camera),
        instrument_id=tool.visit.instrument.id,
        track=tool.visit.number % TRACK_VALUES,
    )


def lead_instrument_on(
    rows: Rows, tool: ToolPose, goal: ToolPose, into_camera: Array, into_next: Array
) -> None:
    """Write into an instrument's rows how each part moves to the next frame."""
    now, then = _frames(tool, into_camera), _frames(goal, into_next)
    for row, solid in zip(rows, form_of(tool.visit.instrument.name, tool.reach_mm), strict=True):
        lead_on(row[None], then[solid.frame] @ inverse(now[solid.frame]))


def _frames(tool: ToolPose, into_camera: Array) -> dict[Frame, Array]:
    shaft = into_camera @ tool.world_from_tool
    wrist = shaft @ turned("y", tool.wrist_bend_rad)
    half = 0.5 * tool.jaw_angle_rad
    return {
        "shaft": shaft,
        "wrist": wrist,
        "left": wrist @ turned("y", half),
        "right": wrist @ turned("y", -half),
    }


def sleeve_row(withdrawn_mm: float) -> Rows:
    """Return the trocar around a scope that is drawn back into it, in camera coordinates."""
    end = withdrawn_mm + 8.0  # just out of view when the scope is all the way in
    radii = (SLEEVE_MM, SLEEVE_MM)
    return loose(SLEEVE, "sleeve", (0.7, 0.4, -30.0), (0.7, 0.4, end), radii)[None]


class Remains:
    """Clips that stay on the tissue, and the specimen bag, in the world."""

    def __init__(self, plan: Plan, anatomy: Anatomy, key: Key) -> None:
        """Look up when the bag is there; `key` draws its folds."""
        self._anatomy = anatomy
        self._clips = [one for one in plan.incidents if one.kind == "clip"]
        self._ups: dict[Site, Array] = {}
        """Normals where clips sit: a normal costs four times what a point does."""
        actions = [a for v in plan.visits for a in v.actions if a.target.name == BAG_TARGET]
        self.bag: tuple[int, int] | None = None
        """First tick of the bag, and one after its last."""
        if actions:
            self.bag = min(a.arrive for a in actions), max(a.end for a in actions)
        self._folds = key.sub("bag").fractions(24).reshape(-1, 3) - 0.5

    def blocks(self, seconds: float) -> list[tuple[Site, Rows]]:
        """Return what is there at a time: the site that each thing moves with, and its rows."""
        tick = int(seconds * TICKS_PER_SECOND + 1e-9)
        made = [clip.site for clip in self._clips if clip.start <= tick][-MOST_CLIPS:]
        found = [(site, self._clip(site, seconds)) for site in made]
        if self.bag is not None and self.bag[0] <= tick < self.bag[1]:
            site = Site(BAG_TARGET, 0.5, 0.5)
            found.append((site, self._sack(site, seconds)))
        return found

    def shift(self, site: Site, seconds: float, next_seconds: float) -> Array:
        """Return by how much (3,) the tissue of a site moves between two times, mm."""
        u, v = self._anatomy.locate(site)
        point = self._anatomy.point
        moved: Array = point(u, v, next_seconds) - point(u, v, seconds)
        return moved

    def _clip(self, site: Site, seconds: float) -> Rows:
        u, v = self._anatomy.locate(site)
        if site not in self._ups:
            self._ups[site] = self._anatomy.normal(u, v)
        at, up = self._anatomy.point(u, v, seconds), self._ups[site]
        across = np.cross(up, np.asarray([0.28, 0.9, 0.1]))
        across = across / max(float(np.linalg.norm(across)), 1e-6)
        half, radius = CLIP_MM
        ends = [at + 0.9 * up + side * half * across for side in (-1.0, 1.0)]
        return loose(ROUND_CONE, "titanium", ends[0], ends[1], (radius, radius))[None]

    def _sack(self, site: Site, seconds: float) -> Rows:
        """Return a sack of plastic: a belly, and folds from it to the gathered mouth."""
        u, v = self._anatomy.locate(site)
        at, up = self._anatomy.point(u, v, seconds), self._anatomy.normal(u, v)
        neck = at + 15.0 * up + np.asarray([12.0, 9.0, 0.0])
        belly = at + 5.0 * up
        rows = [loose(ROUND_CONE, "bag", belly, neck, (12.0, 3.5))]
        for i, d in enumerate(self._folds.tolist()):
            around = TAU * (i + 0.5 * d[0]) / len(self._folds)
            side = np.asarray([np.cos(around), np.sin(around), 0.25 * d[1]])
            low = belly + (10.2 + 2.0 * d[2]) * side
            rows.append(loose(ROUND_CONE, "bag", low, neck + 2.2 * side, (2.6 + d[1], 1.1)))
        return np.stack(rows)
