"""Poses once a second of a whole piece, computed at once and without drawing anything."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.media_time import NS_PER_SECOND
from videoengine.recon3d.simulator.instruments import ends_in_tool, form_of
from videoengine.recon3d.simulator.lens import Lens
from videoengine.recon3d.simulator.optics import optics_of
from videoengine.recon3d.simulator.patient import make_anatomy
from videoengine.recon3d.simulator.randomness import Key
from videoengine.recon3d.simulator.take import Take
from videoengine.recon3d.simulator.truth import Camera, Poses
from videoengine.recon3d.simulator.vectors import carried, inverse
from videoengine.recon3d.simulator.world import World

Array = NDArray[np.float64]
EYE: Final = "mono"


def poses_each_second(take: Take) -> Poses:
    """Return the poses at each whole second of a take, as rendered frames would state them."""
    plan = take.plan
    optics = optics_of(plan.anatomy, Key(plan.seed), take.filming.size)
    world = World(plan, make_anatomy(plan), optics, view=EYE, backend="cpu")
    time_ns = np.arange(take.start_ns, take.end_ns, NS_PER_SECOND, dtype=np.int64)
    times = time_ns / NS_PER_SECOND
    inside = np.asarray([world.outside_at(float(time)) is None for time in times], np.bool_)
    cameras = _cameras(world, times, inside)
    tracks = world.kinematics.tool_tracks(times[inside])
    sample = np.flatnonzero(inside)[tracks.sample]
    into_camera = inverse(cameras[sample])
    tips = carried(into_camera, tracks.tip_mm)
    tools = into_camera @ tracks.world_from_tool
    forms = [form_of(plan.visits[visit].instrument.name) for visit in tracks.visit]
    offset = np.asarray([form.offset_mm for form in forms], np.float64)
    jaws = ends_in_tool(tracks.reach_mm, offset, tracks.jaw_angle_rad)
    lens = world.lens
    ends = np.stack([lens.pixels(carried(tools, jaw)) for jaw in jaws])
    seen = lens.sees(ends)
    ends_seen = seen[0] | seen[1]
    return Poses(
        time_ns=time_ns,
        world_from_camera=cameras,
        size=take.filming.size,
        tip_sample=sample.astype(np.int64),
        tip_track=tracks.visit.astype(np.int64),
        tip_px=_between(optics.camera, ends, tips),
        tip_mm=tips,
        tip_seen=ends_seen | _shaft_seen(lens, tools, ends_seen),
    )


def _cameras(world: World, times: Array, inside: NDArray[np.bool_]) -> Array:
    """Return world_from_camera (N, 4, 4) of the eye at each time."""
    cameras = np.array(world.kinematics.camera(times))
    cameras[:, :3, 3] += world.optics.pupil_mm(EYE) * cameras[:, :3, 0]
    for row in np.flatnonzero(~inside):
        cameras[row] = world.camera(float(times[row]))
    return cameras


def _shaft_seen(lens: Lens, tools: Array, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return of which shafts a part is in the picture; those that are `known` are not looked at."""
    seen = np.zeros(len(tools), np.bool_)
    for row in np.flatnonzero(~known):
        seen[row] = lens.entry(tools[row]) is not None
    return seen


def _between(camera: Camera, ends: Array, tips: Array) -> Array:
    """Return the middle (M, 2) of the known `ends` (2, M, 2), else the tip by a pinhole."""
    known = ~np.isnan(ends)
    count = known.sum(axis=0)
    middle: Array = np.where(known, ends, 0.0).sum(axis=0) / np.maximum(count, 1)
    depth = np.where(tips[:, 2] > 0, tips[:, 2], np.nan)
    x = camera.cx + camera.fx * tips[:, 0] / depth
    y = camera.cy + camera.fy * tips[:, 1] / depth
    return np.where(count > 0, middle, np.stack([x, y], axis=1))
