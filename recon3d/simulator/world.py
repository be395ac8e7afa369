"""The world of one plan: it advances the state tick by tick, and shows a moment."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator.anatomy import Anatomy, Grid
from videoengine.recon3d.simulator.forms import ROUND_CONE, SLEEVE, form_of, loose, rows_of, turned
from videoengine.recon3d.simulator.kinematics import Kinematics, ToolPose
from videoengine.recon3d.simulator.optics import Optics, View
from videoengine.recon3d.simulator.piece import BAG_TARGET
from videoengine.recon3d.simulator.plan import (
    TICKS_PER_SECOND,
    Incident,
    Outside,
    Plan,
    Site,
)
from videoengine.recon3d.simulator.portable_math import TAU
from videoengine.recon3d.simulator.randomness import Key
from videoengine.recon3d.simulator.room import Room
from videoengine.recon3d.simulator.scenery import PROBE, Motion, Scenery, Shot, empty
from videoengine.recon3d.simulator.stains import BLOOD, STEP_TICKS, WATER, Slope, Stains
from videoengine.recon3d.simulator.state import METER_TICKS, MOST_DROPS, TICK_S, State

Array = NDArray[np.float64]
SLEEVE_MM: Final = 6.2
"""Inner radius of a trocar."""
DEPTH_MM: Final = 62.0
"""How far the scope is drawn back into the trocar before it leaves it."""
AHEAD_MM: Final = 190.0
BEHIND_MM: Final = 12.0
"""How much of a tube is drawn before and behind the camera."""
SMOKE_PER_S: Final = 560.0
"""Mass a second of a coagulation of amount 1: optical thickness 1 through a puff of 9 mm."""
BLOCK: Final = 50
"""Ticks whose poses are computed together."""
CLIP_MM: Final = (3.4, 0.62)
"""Half length and radius of a clip."""


class World:
    """A plan's anatomy, scope and room, ready to be shown."""

    def __init__(
        self, plan: Plan, anatomy: Anatomy, optics: Optics, *, view: View, backend: str
    ) -> None:
        """Build nothing yet that a picture needs; that is done when the first is asked for."""
        self.plan, self.anatomy, self.optics = plan, anatomy, optics
        self.kinematics = Kinematics(plan, anatomy)
        self._view: View = view
        self._backend = backend
        self._key = Key(plan.seed).sub("world")
        self._seed = int(self._key.sub("noise").word(0) & 0x7FFFFFFF)
        self._is_tube = anatomy.name == "tube"
        self._bag = self._bag_span()
        self._block: tuple[int, list[tuple[ToolPose, ...]], Array] | None = None

    # --- surfaces ---------------------------------------------------------------------------------

    @cached_property
    def _grid(self) -> Grid:
        return self.anatomy.grid()

    @cached_property
    def _body(self) -> Scenery:
        return Scenery(self._grid, self.anatomy.paint(), self.optics.camera, backend=self._backend)

    @cached_property
    def _room(self) -> Room:
        return Room(self._key.sub("room"))

    @cached_property
    def _theatre(self) -> Scenery:
        room = self._room
        return Scenery(room.grid(), room.paint(), self.optics.camera, backend=self._backend)

    @cached_property
    def _slope(self) -> Slope:
        down = np.asarray([0.0, -1.0, 0.0]) if self._is_tube else np.asarray([0.0, -0.55, -0.83])
        return Slope(self._grid, self._cells, down)

    @property
    def _cells(self) -> tuple[int, int]:
        return (400, 56) if self._is_tube else (96, 96)

    def before(self) -> State:
        """Return the state before the first tick."""
        cell = (2.5, 2.4) if self._is_tube else (1.3, 1.3)
        return State(Stains(self._cells, cell, wraps=self._is_tube))

    # --- what happens -----------------------------------------------------------------------------

    def _active(self, tick: int) -> list[Incident]:
        return [one for one in self.plan.incidents if one.start <= tick < one.end]

    def outside_at(self, seconds: float) -> Outside | None:
        """Return the stretch out of the body that a moment lies in."""
        tick = int(seconds * TICKS_PER_SECOND + 1e-9)
        return next((o for o in self.plan.outside if o.start <= tick < o.end), None)

    def body_at(self, seconds: float) -> bool:
        """Return whether the tissue is what the camera sees: in the body, or through the trocar."""
        outside = self.outside_at(seconds)
        return outside is None or outside.kind == "trocar"

    def advance(self, state: State) -> None:
        """Take a state to the next tick, in place."""
        tick = state.tick = state.tick + 1
        seconds = tick * TICK_S
        tools = self._tools_at(tick)
        active = self._active(tick)
        self._spill(state, active, tools, seconds)
        self._hold(state, tools)
        if tick % STEP_TICKS == 0:
            state.stains.run(self._slope)
        suction = max((o.amount for o in active if o.kind == "suction"), default=0.0)
        state.smoke.step(TICK_S, seconds, self._seed, suction=suction)
        if tick % METER_TICKS == 0:
            self._meter(state, seconds, tools)

    def _tools_at(self, tick: int) -> tuple[ToolPose, ...]:
        """Return the instruments at a tick; they are computed for many ticks at once."""
        block, place = divmod(tick, BLOCK)
        if self._block is None or self._block[0] != block:
            times = np.arange(block * BLOCK, (block + 1) * BLOCK) * TICK_S
            self._block = (block, self.kinematics.tools_at(times), self.kinematics.camera(times))
        return self._block[1][place]

    def _spill(
        self, state: State, active: list[Incident], tools: tuple[ToolPose, ...], seconds: float
    ) -> None:
        tips = {pose.visit.number: pose.tip_mm for pose in tools}
        for one in active:
            u, v = self.anatomy.locate(one.site)
            if one.kind == "bleeding":
                state.stains.pour(BLOOD, u, v, 2.0, 7.0 * one.amount * TICK_S)
            elif one.kind == "irrigation":
                state.stains.pour(WATER, u, v, 7.0, 26.0 * one.amount * TICK_S)
            elif one.kind == "suction":
                state.stains.suck(u, v, 8.0, min(1.0, 2.2 * one.amount * TICK_S))
            elif one.kind == "coagulation":
                state.stains.burn(u, v, 2.2, 0.5 * one.amount * TICK_S)
                if state.tick % 4 == 0:
                    at = tips.get(one.visit)
                    at = self.anatomy.point(u, v, seconds) if at is None else at
                    state.smoke.emit(np.asarray(at), SMOKE_PER_S * one.amount * 4 * TICK_S)
            elif one.kind == "cut":
                state.stains.pour(BLOOD, u, v, 1.6, 1.6 * one.amount)
            elif one.kind == "lens_soiled":
                state.drops = self._soiled(state, one)
            elif one.kind == "lens_wiped":
                state.drops = state.drops[:0]

    def _soiled(self, state: State, one: Incident) -> Array:
        """Return the lens with fresh spots of blood, fat and water on it."""
        draw = self._key.sub("soil", one.start).fractions(120).reshape(-1, 6)
        count = 2 + int(6 * one.amount)
        rows: list[list[float]] = []
        for d in draw[:count].tolist():
            bloody = d[5] < 0.45
            tint = (0.85, 0.35, 0.32) if bloody else (0.98, 0.95, 0.86)
            radius = 0.03 + 0.16 * d[2] * d[2] * (0.4 + one.amount)
            rows.append([0.8 * (d[0] - 0.5), 0.66 * (d[1] - 0.5), radius, 0.35 + 0.5 * d[3] * one.amount, *tint])
        return np.concatenate([state.drops, np.asarray(rows)])[-MOST_DROPS:]

    def _hold(self, state: State, tools: tuple[ToolPose, ...]) -> None:
        held: set[int] = set()
        for pose in tools:
            pull = pose.pull_mm * pose.grip
            if float(np.abs(pull).max()) > 0.02:
                state.hold(pose.visit.number, pose.tip_mm - pull, pull)
                held.add(pose.visit.number)
        state.relax(held)

    def _meter(self, state: State, seconds: float, tools: tuple[ToolPose, ...]) -> None:
        """Let exposure and bounced light follow what the camera sees."""
        shot = self._shot(state, seconds, None, tools=tools)
        light, lit = self._scenery(seconds).meter(shot)
        codes = _code(light * 2.0**state.log_gain)
        luma = codes @ np.asarray([0.3, 0.59, 0.11])
        inside = lit & self._metered
        at_once = state.tick < 16
        if inside.any():
            state.expose(float(np.minimum(luma[inside], 0.95).mean()), self.optics.target, at_once=at_once)
            mean = np.minimum(light[inside], np.quantile(light[inside], 0.97)).mean(axis=0)
            state.bounce(np.pi * mean, self.optics.bounce, at_once=at_once)

    @cached_property
    def _metered(self) -> NDArray[np.bool_]:
        """Pixels of the small picture that lie in the round view."""
        radius, x0, y0 = self.optics.circle
        w, h = PROBE
        wide = self.optics.camera.size[1] / self.optics.camera.size[0]
        x, y = np.meshgrid((np.arange(w) + 0.5) / w - 0.5 - x0, ((np.arange(h) + 0.5) / h - 0.5) * wide - y0)
        return (np.hypot(x, y) < radius) if radius > 0 else np.ones((h, w), bool)

    # --- what is seen -----------------------------------------------------------------------------

    def _scenery(self, seconds: float) -> Scenery:
        return self._body if self.body_at(seconds) else self._theatre

    def withdrawn_mm(self, seconds: float) -> float | None:
        """Return how far the scope is drawn back into the trocar, or None when it is not in it."""
        outside = self.outside_at(seconds)
        if outside is None or outside.kind != "trocar":
            return None
        share = (seconds * TICKS_PER_SECOND - outside.start) / (outside.end - outside.start)
        before = any(o.end == outside.start for o in self.plan.outside)
        return DEPTH_MM * (1.0 - share if before or outside.start == 0 else share)

    def camera(self, seconds: float) -> Array:
        """Return world_from_camera (4, 4) of the eye that is shown."""
        outside = self.outside_at(seconds)
        if outside is not None and outside.kind != "trocar":
            pose = self._room.camera(seconds, cleaning=outside.kind == "cleaning").copy()
        else:
            pose = self._scope(seconds).copy()
            back = self.withdrawn_mm(seconds)
            if back is not None:
                pose[:3, 3] -= back * pose[:3, 2]
        pose[:3, 3] += self.optics.pupil_mm(self._view) * pose[:3, 0]
        return pose

    def _scope(self, seconds: float) -> Array:
        """Return the scope's pose, from the block where it is on a tick."""
        tick = round(seconds / TICK_S)
        block, place = divmod(tick, BLOCK)
        if tick * TICK_S == seconds and self._block is not None and self._block[0] == block:
            pose: Array = self._block[2][place]
            return pose
        pose = self.kinematics.camera(np.asarray([seconds]))[0]
        return pose

    def show(
        self, state: State, seconds: float, next_seconds: float | None, outputs: dict[str, Any]
    ) -> None:
        """Render a moment that `state` belongs to."""
        shot = self._shot(state, seconds, next_seconds)
        self._scenery(seconds).render(shot, outputs)

    def _shot(
        self,
        state: State,
        seconds: float,
        next_seconds: float | None,
        *,
        tools: tuple[ToolPose, ...] | None = None,
    ) -> Shot:
        in_body = self.body_at(seconds)
        scenery = self._scenery(seconds)
        pose = self.camera(seconds)
        motion = self._motion(state, seconds, pose, in_body=in_body, rows=scenery.grid_rows)
        following = None
        if next_seconds is not None and self.body_at(next_seconds) == in_body:
            following = self._motion(
                state, next_seconds, self.camera(next_seconds), in_body=in_body, rows=scenery.grid_rows
            )
        if in_body:
            poses = self.kinematics.tools(seconds) if tools is None else tools
            solids = self._solids(seconds, next_seconds, pose, poses)
            puffs = self._puffs(state, pose)
            rows = self._rows(seconds)
        else:
            solids, puffs, rows = _moved(self._room.solids(), inverse(pose)), empty(5), (0, scenery.grid_rows)
        return Shot(
            now=motion,
            next=following,
            solids=solids,
            light=self._light(state, seconds, in_body=in_body),
            puffs=puffs,
            drops=state.drops.astype(np.float32).reshape(-1, 7),
            sensor=self._sensor(state),
            stains=state.stains.grid if in_body else np.zeros((2, 2, 3), np.float32),
            rows=rows,
            scene_seed=self._seed,
            noise_seed=(self._seed + 2654435761 * (1 + round(seconds * 1e6))) & 0xFFFFFFFF,
        )

    def _motion(self, state: State, seconds: float, pose: Array, *, in_body: bool, rows: int) -> Motion:
        matrix = inverse(pose)[:3].astype(np.float32)
        if not in_body:
            return Motion(matrix, np.zeros((rows, 0), np.float32))
        return Motion(
            matrix,
            self.anatomy.amplitudes(seconds).astype(np.float32),
            float(self.anatomy.progress(seconds)),
            state.pull_rows(),
        )

    def _rows(self, seconds: float) -> tuple[int, int]:
        """Return which rows of the grid may be seen: of a tube, those around the camera."""
        total = self._grid.rest.shape[0]
        if not self._is_tube:
            return 0, total
        at = self.kinematics.progress_mm(seconds)
        length = 1000.0
        first = int(np.clip((at - BEHIND_MM) / length * (total - 1), 0, total - 8))
        first -= first % 4
        last = int(np.clip((at + AHEAD_MM) / length * (total - 1), first + 8, total - 1))
        return first, last - first + 1

    def _light(self, state: State, seconds: float, *, in_body: bool) -> NDArray[np.float32]:
        o = self.optics
        x, y, z = o.light_offset_mm
        room = 0.0 if in_body else 2.2
        bounced = state.ambient if in_body else np.zeros(3)
        phase = 0.3 * seconds
        light = [x - o.pupil_mm(self._view), y, z, 0, 0, 1, o.intensity, o.exponent, *o.tint, *bounced, room, phase]
        return np.asarray(light, np.float32)

    def _sensor(self, state: State) -> NDArray[np.float32]:
        o = self.optics
        gain = 2.0**state.log_gain
        grain = o.noise * float(np.clip(1.0 + 0.15 * state.log_gain, 0.6, 2.0))
        numbers = [gain, *o.balance, o.bloom, o.vignette, o.sharpening, grain, *o.circle, o.shadow, 0.0, 0.0]
        return np.asarray(numbers, np.float32)

    def _puffs(self, state: State, pose: Array) -> NDArray[np.float32]:
        puffs = state.smoke.puffs
        if not len(puffs):
            return empty(5)
        centers = (puffs[:, :3] - pose[:3, 3]) @ pose[:3, :3]
        thick = state.smoke.thickness()
        return np.concatenate([centers, puffs[:, 4:5], thick[:, None]], axis=1).astype(np.float32)

    # --- solids -----------------------------------------------------------------------------------

    def _solids(
        self, seconds: float, next_seconds: float | None, pose: Array, tools: tuple[ToolPose, ...]
    ) -> NDArray[np.float32]:
        """Return instruments, clips, bag and sleeve in camera coordinates."""
        into_camera = inverse(pose)
        rows = [self._tool_rows(tool, into_camera) for tool in tools]
        if next_seconds is not None:
            self._lead_on(rows, tools, next_seconds, into_camera)
        rows += [_moved(row, into_camera) for row in self._placed(seconds)]
        back = self.withdrawn_mm(seconds)
        if back is not None:
            rows.append(loose(SLEEVE, "sleeve", (0.7, 0.4, -30.0), (0.7, 0.4, max(back - 3.0, 0.01)), (SLEEVE_MM, SLEEVE_MM))[None])
        return np.concatenate(rows) if rows else empty()

    def _frames(self, tool: ToolPose, into_camera: Array) -> dict[Any, Array]:
        shaft = into_camera @ tool.world_from_tool
        wrist = shaft @ turned("y", tool.wrist_bend_rad)
        half = 0.5 * tool.jaw_angle_rad
        return {
            "shaft": shaft,
            "wrist": wrist,
            "left": wrist @ turned("y", half),
            "right": wrist @ turned("y", -half),
        }

    def _tool_rows(self, tool: ToolPose, into_camera: Array) -> NDArray[np.float32]:
        return rows_of(
            form_of(tool.visit.instrument.name, tool.reach_mm),
            self._frames(tool, into_camera),
            instrument_id=tool.visit.instrument.id,
            track=tool.visit.number % 255,
        )

    def _lead_on(
        self,
        rows: list[NDArray[np.float32]],
        tools: tuple[ToolPose, ...],
        next_seconds: float,
        into_camera: Array,
    ) -> None:
        """Write into instruments' rows how they move to the next frame."""
        later = {pose.visit.number: pose for pose in self.kinematics.tools(next_seconds)}
        into_next = inverse(self.camera(next_seconds))
        for block, tool in zip(rows, tools, strict=True):
            goal = later.get(tool.visit.number, tool)
            now, then = self._frames(tool, into_camera), self._frames(goal, into_next)
            form = form_of(tool.visit.instrument.name, tool.reach_mm)
            for row, solid in zip(block, form, strict=True):
                row[17:29] = (then[solid.frame] @ inverse(now[solid.frame]))[:3].ravel()

    def _placed(self, seconds: float) -> list[NDArray[np.float32]]:
        """Return what instruments leave behind, in the world: clips, and the bag."""
        tick = int(seconds * TICKS_PER_SECOND + 1e-9)
        rows: list[NDArray[np.float32]] = []
        clips = [i for i in self.plan.incidents if i.kind == "clip" and i.start <= tick]
        for one in clips[-24:]:
            u, v = self.anatomy.locate(one.site)
            at, up = self.anatomy.point(u, v, seconds), self.anatomy.normal(u, v)
            across = np.cross(up, np.asarray([0.28, 0.9, 0.1]))
            across = across / max(float(np.linalg.norm(across)), 1e-6)
            half, radius = CLIP_MM
            base = at + 0.9 * up
            rows.append(loose(ROUND_CONE, "titanium", base - half * across, base + half * across, (radius, radius))[None])
        if self._bag is not None and self._bag[0] <= tick < self._bag[1]:
            rows.append(self._bag_rows(seconds))
        return rows

    def _bag_span(self) -> tuple[int, int] | None:
        actions = [a for v in self.plan.visits for a in v.actions if a.target.name == BAG_TARGET]
        return (min(a.arrive for a in actions), max(a.end for a in actions)) if actions else None

    def _bag_rows(self, seconds: float) -> NDArray[np.float32]:
        """Return the specimen bag: a sack of plastic, gathered, where the packing is done."""
        u, v = self.anatomy.locate(Site(BAG_TARGET, 0.5, 0.5))
        at, up = self.anatomy.point(u, v, seconds), self.anatomy.normal(u, v)
        draw = self._key.sub("bag").fractions(24).reshape(-1, 3) - 0.5
        neck = at + 15.0 * up + np.asarray([12.0, 9.0, 0.0])
        belly = at + 5.0 * up
        rows = [loose(ROUND_CONE, "bag", belly, neck, (12.0, 3.5))]
        for i, d in enumerate(draw.tolist()):  # folds from the belly to the gathered mouth
            around = TAU * (i + 0.5 * d[0]) / len(draw)
            side = np.asarray([np.cos(around), np.sin(around), 0.25 * d[1]])
            low = belly + (10.2 + 2.0 * d[2]) * side
            rows.append(loose(ROUND_CONE, "bag", low, neck + 2.2 * side, (2.6 + d[1], 1.1)))
        return np.stack(rows)


def inverse(pose: Array) -> Array:
    """Return the inverse of a rigid pose (4, 4)."""
    out = np.eye(4)
    out[:3, :3] = pose[:3, :3].T
    out[:3, 3] = -pose[:3, :3].T @ pose[:3, 3]
    return out


def _moved(rows: NDArray[np.float32], pose: Array) -> NDArray[np.float32]:
    """Return solids carried by a (4, 4) pose."""
    out = np.atleast_2d(rows).copy()
    rotation, shift = pose[:3, :3], pose[:3, 3]
    out[:, 5:8] = out[:, 5:8] @ rotation.T + shift
    is_box = out[:, :1] == 1
    out[:, 8:11] = out[:, 8:11] @ rotation.T + np.where(is_box, 0.0, shift)
    out[:, 11:14] = out[:, 11:14] @ rotation.T
    return out


def _code(light: NDArray[Any]) -> NDArray[Any]:
    """Return display codes, 0 to 1: the renderer's tone curve."""
    x = np.maximum(light, 0.0)
    code = np.minimum((x * (1.0 + 0.12 * x) / (1.0 + 0.62 * x)) ** (1 / 2.2), 1.0)
    return 0.5 * code + 0.5 * code * code * (3.0 - 2.0 * code)
