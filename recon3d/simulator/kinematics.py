"""Kinematics: where the camera and every instrument are at any moment of a plan.

Transforms are named world_from_x, in mm. The camera looks along +z, x right, y down; a tool's axes
are those of `instruments`. Nothing here depends on the moments before, and every operation is one
that IEEE 754 fixes, so poses have the same bits on every machine, alone or in an array.

An instrument is rigid and held by a fulcrum: its shaft passes through its trocar, or, in a tube,
through the mouth of the scope's working channel. It enters along that line, does what its verb
says (`motions`), and moves between sites with least jerk, lifted off the tissue.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator import portable_math as pm
from videoengine.recon3d.simulator.anatomy import Anatomy
from videoengine.recon3d.simulator.camera_path import CameraPath, Tremor
from videoengine.recon3d.simulator.instruments import form_of, tip_in_tool
from videoengine.recon3d.simulator.motions import Indices, Local, local, tabulate
from videoengine.recon3d.simulator.plan import Action, Plan, Visit
from videoengine.recon3d.simulator.portable_math import TAU, Array
from videoengine.recon3d.simulator.portable_math import smooth_step as ease
from videoengine.recon3d.simulator.randomness import Key
from videoengine.recon3d.simulator.vectors import (
    across,
    carried,
    cross,
    length,
    mix,
    pose,
    unit,
)

CHANNEL_MM: Final = np.asarray([4.0, 6.0, -2.0])
"""Mouth of the working channel, in camera coordinates."""
OUT_OF_VIEW: Final = {"cavity": 0.75, "tube": 1.05}
"""Share of the way from its site to its entry that an instrument is drawn back at first."""
ENTRY_JAW: Final = 0.08
WOBBLE_MM: Final = 1.1
"""Largest shift of a trocar along each axis."""
ROUNDS: Final = 3
"""Of finding the shaft of a tool whose end lies beside it."""


@dataclass(frozen=True, slots=True, eq=False)
class ToolPose:
    """One instrument at one moment."""

    visit: Visit
    action: Action | None
    """What it does; None on its way to, from or between its sites."""
    world_from_tool: Array
    """(4, 4)."""
    wrist_bend_rad: float
    """0: the instruments modeled have no wrist that bends."""
    jaw_angle_rad: float
    reach_mm: float
    """From the wrist to the end of each jaw."""
    tip_mm: Array
    """(3,), world."""
    entry_mm: Array
    """(3,), world: the fulcrum."""
    grip: float
    """How firmly tissue is held, 0 to 1."""
    pull_mm: Array
    """(3,): the held tissue's displacement from its rest, which is then at tip_mm − pull_mm."""


@dataclass(frozen=True, slots=True, eq=False)
class ToolTracks:
    """Instruments at many moments: M rows, those of one moment together, by visit."""

    sample: Indices
    """(M,), which of the times."""
    visit: Indices
    """(M,), number of the visit."""
    action: Indices
    """(M,), place of the action within the visit, −1 for none."""
    world_from_tool: Array
    """(M, 4, 4)."""
    jaw_angle_rad: Array
    """(M,)."""
    reach_mm: Array
    """(M,)."""
    tip_mm: Array
    """(M, 3)."""
    entry_mm: Array
    """(M, 3)."""
    grip: Array
    """(M,)."""
    pull_mm: Array
    """(M, 3)."""


class Kinematics:
    """The movements of one plan on its anatomy."""

    def __init__(self, plan: Plan, anatomy: Anatomy) -> None:
        """Lay the plan out; what is drawn here depends on its seed alone."""
        key = Key(plan.seed).sub("kinematics")
        self._plan = plan
        self._anatomy = anatomy
        self._tube = plan.anatomy == "tube"
        self._path = CameraPath(plan, anatomy, key)
        self._table = tabulate(plan, anatomy, key)
        self._hands = Tremor(key.sub("hands"), max(len(plan.visits), 1), drift_mm=0.0)
        forms = [form_of(visit.instrument.name) for visit in plan.visits]
        measures = [(f.reach_mm, f.offset_mm, f.tip_share, f.jaw_max_rad) for f in forms]
        self._forms = np.asarray(measures, np.float64).reshape(-1, 4)
        self._sideways = np.asarray([form.sideways for form in forms], np.bool_)
        self._ports = np.asarray([visit.port for visit in plan.visits], np.int64)
        self._wobble = TAU * key.sub("wobble").fractions(64).reshape(8, 8)

    def camera(self, times_s: Array) -> Array:
        """Return world_from_camera (N, 4, 4) at times (N,) in seconds."""
        return self._path(np.asarray(times_s, np.float64))

    def progress_mm(self, time_s: float) -> float:
        """Return how far along a tube the camera is at a time in seconds."""
        return float(self._path.progress_mm(np.asarray([time_s], np.float64))[0])

    def tools(self, time_s: float) -> tuple[ToolPose, ...]:
        """Return the instruments in the body at one time, in seconds, by visit."""
        return self.tools_at(np.asarray([time_s], np.float64))[0]

    def tools_at(self, times_s: Array) -> list[tuple[ToolPose, ...]]:
        """Return the instruments in the body at each of many times (N,) in seconds."""
        tracks = self.tool_tracks(times_s)
        found: list[list[ToolPose]] = [[] for _ in range(len(times_s))]
        for row in range(len(tracks.sample)):
            visit = self._plan.visits[int(tracks.visit[row])]
            number = int(tracks.action[row])
            found[int(tracks.sample[row])].append(
                ToolPose(
                    visit=visit,
                    action=visit.actions[number] if number >= 0 else None,
                    world_from_tool=tracks.world_from_tool[row],
                    wrist_bend_rad=0.0,
                    jaw_angle_rad=float(tracks.jaw_angle_rad[row]),
                    reach_mm=float(tracks.reach_mm[row]),
                    tip_mm=tracks.tip_mm[row],
                    entry_mm=tracks.entry_mm[row],
                    grip=float(tracks.grip[row]),
                    pull_mm=tracks.pull_mm[row],
                )
            )
        return [tuple(poses) for poses in found]

    def tool_tracks(self, times_s: Array) -> ToolTracks:
        """Return the instruments in the body at times (N,) in seconds."""
        times = np.asarray(times_s, np.float64)
        table = self._table
        # the actions of a visit cover it, so each row belongs to one of them
        under_way = (table.start_s <= times[:, None]) & (times[:, None] < table.end_s)
        sample, k = np.nonzero(under_way)
        time = times[sample]
        visit = table.visit[k]
        coming, going = time < table.arrive_s[k], time >= table.leave_s[k]
        entry, frame_up = self._entries(visit, sample, times)
        state, away = self._between(k, time, coming, going)
        tip = state.tip + self._hands.at(visit, time) * (1.0 - 0.6 * state.grip)[:, None]
        jaw = state.jaw * self._forms[visit, 3]
        tip_at = tip_in_tool(self._forms[visit], jaw)
        transform = _shafts(tip, tip_at, entry, frame_up, state, self._sideways[visit])
        drawn_back = OUT_OF_VIEW[self._plan.anatomy] * away * length(tip - entry)
        transform[:, :3, 3] -= transform[:, :3, 2] * drawn_back[:, None]
        return ToolTracks(
            sample=sample,
            visit=visit,
            action=np.where(coming | going, -1, table.number[k]),
            world_from_tool=transform,
            jaw_angle_rad=jaw,
            reach_mm=self._forms[visit, 0],
            tip_mm=carried(transform, tip_at),
            entry_mm=entry,
            grip=state.grip,
            pull_mm=state.pull,
        )

    def _entries(self, visit: Indices, sample: Indices, times: Array) -> tuple[Array, Array]:
        """Return fulcrums (M, 3), and the directions (M, 3) that rolls are counted from."""
        if self._tube:
            camera = self._path(times)[sample]
            return carried(camera, np.broadcast_to(CHANNEL_MM, (len(sample), 3))), -camera[
                ..., :3, 1
            ]
        ports = self._ports[visit]
        wobble = self._wobble[ports]
        rate = 1.2 + 0.2 * wobble[:, 0:3]
        shift = WOBBLE_MM * pm.sin(rate * times[sample][:, None] + wobble[:, 3:6])
        center = np.asarray(self._anatomy.ports, np.float64)[ports]
        return center + shift, np.broadcast_to(np.asarray([0.0, 1.0, 0.0]), center.shape)

    def _between(
        self, k: Indices, time: Array, coming: NDArray[np.bool_], going: NDArray[np.bool_]
    ) -> tuple[Local, Array]:
        """Return what the tips do, between sites too, and how far they are out, 0 to 1."""
        table = self._table
        entering, leaving = coming & table.first[k], going & table.last[k]
        here = local(table, k, time, self._anatomy)
        moving = np.nonzero((coming | going) & ~entering & ~leaving)[0]
        if len(moving):
            here = self._moved(here, moving, k[moving], time[moving], coming[moving])
        travel = (time - table.start_s[k]) / (table.arrive_s[k] - table.start_s[k])
        away = np.where(entering, 1.0 - ease(travel), 0.0)
        travel = (time - table.leave_s[k]) / (table.end_s[k] - table.leave_s[k])
        away = np.where(leaving, ease(travel), away)
        return replace(here, jaw=here.jaw + (ENTRY_JAW - here.jaw) * away), away

    def _moved(
        self, here: Local, rows: Indices, k: Indices, time: Array, coming: NDArray[np.bool_]
    ) -> Local:
        """Return `here` with the rows replaced that are between two sites of one visit."""
        table = self._table
        first, second = np.where(coming, k - 1, k), np.where(coming, k, k + 1)
        other = local(table, np.where(coming, k - 1, k + 1), time, self._anatomy)
        took = table.arrive_s[second] - table.leave_s[first]
        share = ease((time - table.leave_s[first]) / took)
        mine = np.where(coming, share, 1.0 - share)
        lift = np.where(table.held_before[second], 0.0, table.lift_mm[second])
        lift = lift * 16.0 * share * share * (1.0 - share) * (1.0 - share)
        normal = unit(mix(other.normal, here.normal[rows], mine))
        out = {
            name: np.array(getattr(here, name))
            for name in ("tip", "normal", "pull", "grip", "jaw", "roll")
        }
        out["tip"][rows] = mix(other.tip, here.tip[rows], mine) + normal * lift[:, None]
        out["normal"][rows] = normal
        out["pull"][rows] = mix(other.pull, here.pull[rows], mine)
        for name in ("grip", "jaw", "roll"):
            there = getattr(other, name)
            out[name][rows] = there + (out[name][rows] - there) * mine
        return Local(**out)


def _shafts(
    tip: Array, tip_at: Array, entry: Array, up: Array, state: Local, sideways: NDArray[np.bool_]
) -> Array:
    """Return world_from_tool (M, 4, 4) of shafts through their entries, tips in place."""
    sine, cosine = (part[:, None] for part in pm.sincos(state.roll))

    def downward(axis: Array) -> Array:
        plain = -across(up, axis)
        rolled = plain * cosine + cross(axis, plain) * sine
        # a hook's end points at the tissue; the roll steadies it where the shaft stands upright
        toward = across(0.25 * rolled - state.normal, axis)
        return np.where(sideways[:, None], toward, rolled)

    axis = unit(tip - entry)
    down = downward(axis)
    for _ in range(ROUNDS):
        axis = unit(tip - down * tip_at[:, 1:2] - entry)
        down = downward(axis)
    wrist = tip - down * tip_at[:, 1:2] - axis * tip_at[:, 2:3]
    return pose(cross(down, axis), down, axis, wrist)
