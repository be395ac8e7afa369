"""The world of one plan: it advances the state tick by tick, and shows a moment."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator.anatomy import Anatomy, Grid
from videoengine.recon3d.simulator.kinematics import Kinematics, ToolPose
from videoengine.recon3d.simulator.lens import Lens
from videoengine.recon3d.simulator.optics import Optics, View, display_code
from videoengine.recon3d.simulator.plan import TICKS_PER_SECOND, Incident, Outside, Plan
from videoengine.recon3d.simulator.props import (
    Remains,
    carried,
    instrument_rows,
    lead_instrument_on,
    lead_on,
    sleeve_row,
)
from videoengine.recon3d.simulator.randomness import Key
from videoengine.recon3d.simulator.room import Room
from videoengine.recon3d.simulator.scenery import PROBE, Floats, Motion, Scenery, Shot, empty
from videoengine.recon3d.simulator.stains import BLOOD, STEP_TICKS, WATER, Slope, Stains
from videoengine.recon3d.simulator.state import METER_TICKS, TICK_S, State
from videoengine.recon3d.simulator.vectors import inverse

Array = NDArray[np.float64]
DEPTH_MM: Final = 62.0
"""How far the scope is drawn back into the trocar before it leaves it."""
AHEAD_MM: Final = 190.0
BEHIND_MM: Final = 12.0
"""How much of a tube is drawn before and behind the camera."""
SMOKE_PER_S: Final = 560.0
"""Mass a second of a coagulation of amount 1: optical thickness 1 through a puff of 9 mm."""
BLOCK: Final = 50
"""Ticks whose poses are computed together."""


class World:
    """A plan's anatomy, scope and room, ready to be shown."""

    def __init__(
        self, plan: Plan, anatomy: Anatomy, optics: Optics, *, view: View, backend: str
    ) -> None:
        """Build nothing yet that a picture needs; that is done when the first is asked for."""
        self.plan, self.anatomy, self.optics = plan, anatomy, optics
        self.kinematics = Kinematics(plan, anatomy)
        self.lens = Lens(optics.camera)
        self._view: View = view
        self._backend = backend
        self._key = Key(plan.seed).sub("world")
        self._seed = int(self._key.sub("noise").word(0) & 0x7FFFFFFF)
        self._is_tube = anatomy.name == "tube"
        self.remains = Remains(plan, anatomy, self._key)
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
            times = np.arange(block * BLOCK, (block + 1) * BLOCK, dtype=np.float64) * TICK_S
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
                draw = self._key.sub("soil", one.start).fractions(120)
                state.soil(draw.reshape(-1, 6), one.amount)
            elif one.kind == "lens_wiped":
                state.drops = state.drops[:0]

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
        codes = display_code(light * 2.0**state.log_gain)
        luma = codes @ np.asarray([0.3, 0.59, 0.11])
        inside = lit & self._metered
        at_once = state.tick < 16
        if inside.any():
            state.expose(
                float(np.minimum(luma[inside], 0.95).mean()), self.optics.target, at_once=at_once
            )
            mean = np.minimum(light[inside], np.quantile(light[inside], 0.97)).mean(axis=0)
            state.bounce(np.pi * mean, self.optics.bounce, at_once=at_once)

    @cached_property
    def _metered(self) -> NDArray[np.bool_]:
        """Pixels of the small picture that lie in the round view."""
        radius, x0, y0 = self.optics.circle
        w, h = PROBE
        wide = self.optics.camera.size[1] / self.optics.camera.size[0]
        x, y = np.meshgrid(
            (np.arange(w) + 0.5) / w - 0.5 - x0, ((np.arange(h) + 0.5) / h - 0.5) * wide - y0
        )
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
        """Render a moment that `state` belongs to; without a next one `flow` is taken out."""
        shot = self._shot(state, seconds, next_seconds)
        if shot.next is None:  # nothing of this picture is in the next
            outputs.pop("flow", None)
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
                state,
                next_seconds,
                self.camera(next_seconds),
                in_body=in_body,
                rows=scenery.grid_rows,
            )
        if in_body:
            poses = self.kinematics.tools(seconds) if tools is None else tools
            then = None if following is None else next_seconds
            solids = self._solids(seconds, then, pose, poses)
            puffs = self._puffs(state, pose)
            rows = self._rows(seconds)
        else:
            solids = carried(self._room.solids(), inverse(pose))
            puffs, rows = empty(5), (0, scenery.grid_rows)
            if following is not None and next_seconds is not None:
                lead_on(solids, inverse(self.camera(next_seconds)) @ pose)
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

    def _motion(
        self, state: State, seconds: float, pose: Array, *, in_body: bool, rows: int
    ) -> Motion:
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

    def _light(self, state: State, seconds: float, *, in_body: bool) -> Floats:
        o = self.optics
        x, y, z = o.light_offset_mm
        room = 0.0 if in_body else 2.2
        bounced = state.ambient if in_body else np.zeros(3)
        phase = 0.3 * seconds
        light = [
            x - o.pupil_mm(self._view),
            y,
            z,
            0,
            0,
            1,
            o.intensity,
            o.exponent,
            *o.tint,
            *bounced,
            room,
            phase,
        ]
        return np.asarray(light, np.float32)

    def _sensor(self, state: State) -> Floats:
        o = self.optics
        gain = 2.0**state.log_gain
        grain = o.noise * float(np.clip(1.0 + 0.15 * state.log_gain, 0.6, 2.0))
        numbers = [
            gain,
            *o.balance,
            o.bloom,
            o.vignette,
            o.sharpening,
            grain,
            *o.circle,
            o.shadow,
            0.0,
            0.0,
        ]
        return np.asarray(numbers, np.float32)

    def _puffs(self, state: State, pose: Array) -> Floats:
        puffs = state.smoke.puffs
        if not len(puffs):
            return empty(5)
        centers = (puffs[:, :3] - pose[:3, 3]) @ pose[:3, :3]
        thick = state.smoke.thickness()
        return np.concatenate([centers, puffs[:, 4:5], thick[:, None]], axis=1).astype(np.float32)

    def _solids(
        self, seconds: float, next_seconds: float | None, pose: Array, tools: tuple[ToolPose, ...]
    ) -> Floats:
        """Return instruments, clips, bag and sleeve in camera coordinates."""
        into_camera = inverse(pose)
        rows = [instrument_rows(tool, into_camera) for tool in tools]
        rests = self.remains.blocks(seconds)
        rows += [carried(block, into_camera) for _, block in rests]
        back = self.withdrawn_mm(seconds)
        if back is not None:
            rows.append(sleeve_row(back))
        if next_seconds is not None:
            into_next = inverse(self.camera(next_seconds))
            later = {tool.visit.number: tool for tool in self.kinematics.tools(next_seconds)}
            for block, tool in zip(rows, tools, strict=False):
                goal = later.get(tool.visit.number, tool)
                lead_instrument_on(block, tool, goal, into_camera, into_next)
            still = into_next @ pose
            for block in rows[len(tools) :]:
                lead_on(block, still)
            for block, (site, _) in zip(rows[len(tools) :], rests, strict=False):
                shifted = np.eye(4)
                shifted[:3, 3] = self.remains.shift(site, seconds, next_seconds)
                lead_on(block, into_next @ shifted @ pose)
        return np.concatenate(rows) if rows else empty()
