"""Poses once a second of a whole piece, computed at once and without drawing anything."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine import _native
from videoengine.media_time import NS_PER_SECOND
from videoengine.recon3d.simulator.optics import optics_of
from videoengine.recon3d.simulator.patient import make_anatomy
from videoengine.recon3d.simulator.randomness import Key
from videoengine.recon3d.simulator.scenery import intrinsics_of
from videoengine.recon3d.simulator.sight import NEAR_MM
from videoengine.recon3d.simulator.take import Take
from videoengine.recon3d.simulator.truth import Camera, Poses
from videoengine.recon3d.simulator.world import World

Array = NDArray[np.float64]
EYE: Final = "mono"
SHAFT_MM: Final = np.linspace(-300.0, 0.0, 601)
"""Places along a shaft, counted from the wrist, that are looked for in the picture."""


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
    into_camera = _inverse(cameras[sample])
    tips = _carried(into_camera, tracks.tip_mm)
    half = 0.5 * tracks.jaw_angle_rad
    beside, along = tracks.reach_mm * np.sin(half), tracks.reach_mm * np.cos(half)
    zero = np.zeros_like(half)
    tools = into_camera @ tracks.world_from_tool
    lens = _Lens(optics.camera)
    ends = np.stack(
        [
            lens.pixels(_carried(tools, np.stack([side * beside, zero, along], axis=1)))
            for side in (-1.0, 1.0)
        ]
    )
    seen = lens.sees(ends)
    ends_seen = seen[0] | seen[1]
    return Poses(
        time_ns=time_ns,
        world_from_camera=cameras,
        size=take.filming.size,
        tip_sample=sample.astype(np.int64),
        tip_track=tracks.visit.astype(np.int64),
        tip_px=lens.between(ends, tips),
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


def _shaft_seen(lens: _Lens, tools: Array, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return of which shafts a part is in the picture; those that are `known` are not looked at."""
    seen = np.zeros(len(tools), np.bool_)
    for row in np.flatnonzero(~known):
        points = tools[row, :3, 2] * SHAFT_MM[:, None] + tools[row, :3, 3]
        seen[row] = bool(lens.sees(lens.pixels(points)).any())
    return seen


class _Lens:
    """Projects points in camera coordinates."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._numbers = intrinsics_of(camera).astype(np.float64)

    def pixels(self, points: Array) -> Array:
        """Return pixels (N, 2) of points (N, 3), NaN for what is not ahead."""
        out = np.full((len(points), 2), np.nan)
        ahead = points[:, 2] >= NEAR_MM
        found = np.empty((int(ahead.sum()), 2))
        _native.camera_project(self._numbers, np.ascontiguousarray(points[ahead]), found)
        out[ahead] = found
        return out

    def sees(self, pixels: Array) -> NDArray[np.bool_]:
        """Return which pixels (…, 2) lie in the picture."""
        width, height = self._camera.size
        x, y = pixels[..., 0], pixels[..., 1]
        return (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)

    def between(self, ends: Array, tips: Array) -> Array:
        """Return the middle (M, 2) of the known `ends` (2, M, 2), else the tip by a pinhole."""
        known = ~np.isnan(ends)
        count = known.sum(axis=0)
        middle: Array = np.where(known, ends, 0.0).sum(axis=0) / np.maximum(count, 1)
        camera, depth = self._camera, np.where(tips[:, 2] > 0, tips[:, 2], np.nan)
        x = camera.cx + camera.fx * tips[:, 0] / depth
        y = camera.cy + camera.fy * tips[:, 1] / depth
        return np.where(count > 0, middle, np.stack([x, y], axis=1))


def _inverse(transforms: Array) -> Array:
    """Return the inverses (M, 4, 4) of rigid transforms."""
    out = np.zeros_like(transforms)
    out[:, :3, :3] = np.swapaxes(transforms[:, :3, :3], 1, 2)
    out[:, :3, 3] = -(out[:, :3, :3] @ transforms[:, :3, 3:])[..., 0]
    out[:, 3, 3] = 1.0
    return out


def _carried(transforms: Array, points: Array) -> Array:
    """Return points (M, 3), each carried by its own transform."""
    out: Array = (transforms[:, :3, :3] @ points[..., None])[..., 0] + transforms[:, :3, 3]
    return out
