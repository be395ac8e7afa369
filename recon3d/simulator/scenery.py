"""A surface, its paint, and two renderers: one of full size, one that meters the light."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from videoengine import _native
from videoengine.recon3d.simulator.anatomy import Grid, Paint
from videoengine.recon3d.simulator.forms import MATERIAL_ROWS, ROW
from videoengine.recon3d.simulator.truth import Camera

PROBE: Final = (32, 26)
"""(width, height) of the picture that meters the light."""
COARSE: Final = 4
"""The meter's mesh has every so many points."""
Floats = NDArray[np.float32]


@dataclass(slots=True)
class Motion:
    """Where the camera and the tissue are at one moment."""

    camera_from_world: Floats
    """(3, 4)."""
    amplitudes: Floats
    """(rows of the grid, modes)."""
    progress: float = 0.0
    pulls: Floats = field(default_factory=lambda: np.zeros((0, 7), np.float32))


@dataclass(slots=True)
class Shot:
    """Everything the renderer needs beside the surface."""

    now: Motion
    next: Motion | None
    solids: Floats
    """(N, ROW), in camera coordinates."""
    light: Floats
    """(16,)."""
    puffs: Floats
    """(N, 5), in camera coordinates."""
    drops: Floats
    sensor: Floats
    """(14,)."""
    stains: Floats
    rows: tuple[int, int]
    """First row of the grid that may be seen, and how many."""
    scene_seed: int
    noise_seed: int


def intrinsics_of(camera: Camera) -> Floats:
    """Return the renderer's numbers of a camera."""
    k1, k2 = (*camera.distortion, 0.0, 0.0)[:2]
    model = 1.0 if camera.model == "fisheye" else 0.0
    return np.asarray([camera.fx, camera.fy, camera.cx, camera.cy, k1, k2, model], np.float32)


def scaled(camera: Camera, size: tuple[int, int]) -> Camera:
    """Return the same optics on another raster."""
    x, y = size[0] / camera.size[0], size[1] / camera.size[1]
    return Camera(
        camera.fx * x,
        camera.fy * y,
        (camera.cx + 0.5) * x - 0.5,
        (camera.cy + 0.5) * y - 0.5,
        camera.distortion,
        camera.model,
        size,
    )


class Scenery:
    """A surface ready to be shown."""

    def __init__(self, grid: Grid, paint: Paint, camera: Camera, *, backend: str) -> None:
        """Hand the surface to the renderers."""
        self.grid_rows = grid.rest.shape[0]
        self.size = camera.size
        self._renderer = _native.SceneRenderer(*camera.size, intrinsics_of(camera), backend)
        self._probe = _native.SceneRenderer(*PROBE, intrinsics_of(scaled(camera, PROBE)), "cpu")
        for renderer, step in ((self._renderer, 1), (self._probe, COARSE)):
            renderer.set_mesh(
                np.ascontiguousarray(grid.rest[::step, ::step]),
                np.ascontiguousarray(grid.bare[::step, ::step]),
                np.ascontiguousarray(grid.front[::step, ::step]),
                np.ascontiguousarray(grid.modes[:, ::step, ::step]),
                grid.wraps,
                grid.orientation,
            )
            renderer.set_textures(
                np.ascontiguousarray(paint.rest[::step, ::step]),
                np.ascontiguousarray(paint.bare[::step, ::step]),
                np.ascontiguousarray(paint.relief[::step, ::step]) * (1.0 if step == 1 else 0.0),
                np.ascontiguousarray(paint.region[::step, ::step]),
                np.ascontiguousarray(paint.region_bare[::step, ::step]),
                paint.texel_mm * step,
            )

    def meter(self, shot: Shot) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the small picture's linear light (h, w, 3), and where there is a surface."""
        linear = np.empty((PROBE[1], PROBE[0], 3), np.float32)
        depth = np.empty((PROBE[1], PROBE[0]), np.float32)
        first, count = shot.rows[0] // COARSE, max(2, (shot.rows[1] - 1) // COARSE + 1)
        chosen = slice(first * COARSE, (first + count - 1) * COARSE + 1, COARSE)
        now = shot.now
        self._probe.render(
            pose=now.camera_from_world,
            amplitudes=np.ascontiguousarray(now.amplitudes[chosen]),
            progress=now.progress,
            pulls=now.pulls,
            first_row=first,
            linear=linear,
            depth=depth,
            **_common(shot),
        )
        return linear, depth > 0

    def render(self, shot: Shot, outputs: dict[str, Any]) -> None:
        """Fill `outputs`: rgb, linear, depth, labels, material, flow, as the renderer has them."""
        first, count = shot.rows
        chosen = slice(first, first + count)
        more: dict[str, Any] = {}
        if shot.next is not None and "flow" in outputs:
            more = {
                "next_pose": shot.next.camera_from_world,
                "next_amplitudes": np.ascontiguousarray(shot.next.amplitudes[chosen]),
                "next_progress": shot.next.progress,
                "next_pulls": shot.next.pulls,
            }
        self._renderer.render(
            pose=shot.now.camera_from_world,
            amplitudes=np.ascontiguousarray(shot.now.amplitudes[chosen]),
            progress=shot.now.progress,
            pulls=shot.now.pulls,
            first_row=first,
            **_common(shot),
            **outputs,
            **more,
        )


def _common(shot: Shot) -> dict[str, Any]:
    return {
        "solids": shot.solids,
        "materials": MATERIAL_ROWS,
        "light": shot.light,
        "puffs": shot.puffs,
        "drops": shot.drops,
        "sensor": shot.sensor,
        "stains": shot.stains,
        "scene_seed": shot.scene_seed,
        "noise_seed": shot.noise_seed,
    }


def empty(columns: int = ROW) -> Floats:
    """Return no rows."""
    return np.zeros((0, columns), np.float32)
