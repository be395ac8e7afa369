"""A simulated procedure, frame by frame."""

from __future__ import annotations

import math
from collections.abc import Collection
from fractions import Fraction
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from videoengine.errors import UsageError, nearest
from videoengine.recon3d.simulator.optics import View, optics_of
from videoengine.recon3d.simulator.patient import make_anatomy
from videoengine.recon3d.simulator.plan import TICKS_PER_SECOND, Plan
from videoengine.recon3d.simulator.randomness import Key
from videoengine.recon3d.simulator.sight import sighted
from videoengine.recon3d.simulator.state import History
from videoengine.recon3d.simulator.truth import Camera, FrameTruth, SimulatedFrame
from videoengine.recon3d.simulator.world import World

Backend = Literal["cpu", "baseline", "cuda"]
ARRAYS: Final = (
    "depth", "flow", "mask/instrument", "mask/part", "mask/tool", "mask/track", "region",
    "linear", "material",
)  # fmt: skip


class Simulation:
    """One plan, rendered. Not thread-safe: one caller at a time.

    Any frame can be asked for alone and is the same, bit for bit before a codec, as in order; in
    order is fast, because the state of the past is not computed again.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        size: tuple[int, int] = (640, 512),
        view: View = "mono",
        backend: Backend = "cpu",
    ) -> None:
        """Take a plan; nothing is drawn until a frame is asked for.

        Args:
            plan: What happens.
            size: (width, height) in pixels.
            view: Which eye.
            backend: `cpu`; `baseline`, without wide instructions; or `cuda`.
        """
        self.plan = plan
        self.view: View = view
        self._backend: Backend = backend
        self._optics = optics_of(plan.anatomy, Key(plan.seed), size)

    @property
    def camera(self) -> Camera:
        """The optics of the displayed frame."""
        return self._optics.camera

    @cached_property
    def _world(self) -> World:
        anatomy = make_anatomy(self.plan)
        return World(self.plan, anatomy, self._optics, view=self.view, backend=self._backend)

    @cached_property
    def _history(self) -> History:
        return History(self._world.before())

    def _tick(self, time_s: Fraction) -> int:
        tick = math.floor(time_s * TICKS_PER_SECOND)
        if not 0 <= tick < self.plan.ticks:
            raise UsageError(
                "There is no such moment in the procedure",
                got=f"{float(time_s):.3f} s",
                allowed=f"0 to {self.plan.duration_s:.2f} s",
            )
        return tick

    def frame(
        self,
        time_s: Fraction,
        *,
        number: int,
        arrays: Collection[str] = (),
        next_time_s: Fraction | None = None,
    ) -> SimulatedFrame:
        """Render the frame at a time from the start of the procedure.

        Args:
            time_s: Seconds, exact.
            number: Of the frame in its piece, for its truth.
            arrays: Which arrays to return: depth, flow, mask/instrument, mask/part, mask/tool,
                mask/track, region; linear (H, W, 3) light before the sensor; material (H, W, 2).
            next_time_s: Time of the next frame, which `flow` leads to.
        """
        for name in arrays:
            if name not in ARRAYS:
                raise UsageError(
                    "The simulator has no such array",
                    got=repr(name),
                    allowed=", ".join(ARRAYS),
                    remedy=nearest(name, ARRAYS),
                )
        tick = self._tick(time_s)
        state = self._history.back_to(tick)
        while state.tick < tick:
            self._world.advance(state)
            self._history.note()
        seconds = float(time_s)
        then = None if "flow" not in arrays or next_time_s is None else float(next_time_s)
        outputs = self._outputs(arrays, with_flow=then is not None)
        self._world.show(state, seconds, then, outputs)
        return self._packed(number, seconds, state.log_gain, arrays, outputs)

    def _outputs(self, arrays: Collection[str], *, with_flow: bool) -> dict[str, NDArray[Any]]:
        width, height = self.camera.size
        shape = (height, width)
        out: dict[str, NDArray[Any]] = {
            "rgb": np.empty((*shape, 3), np.uint8),
            "labels": np.empty((*shape, 4), np.uint8),
            "depth": np.empty(shape, np.float32),
        }
        if with_flow:
            out["flow"] = np.empty((*shape, 2), np.float32)
        for name, channels in (("linear", 3), ("material", 2)):
            if name in arrays:
                out[name] = np.empty((*shape, channels), np.float32)
        return out

    def _packed(
        self,
        number: int,
        seconds: float,
        log_gain: float,
        arrays: Collection[str],
        out: dict[str, NDArray[Any]],
    ) -> SimulatedFrame:
        inside = self._world.body_at(seconds)
        labels, depth = out["labels"], out["depth"]
        if not inside:  # what the room holds has no place in the body's vocabularies
            labels[:] = 0
        seen = sighted(self._world, seconds, number, gain=2.0**log_gain, labels=labels, depth=depth)
        every: dict[str, NDArray[Any]] = {
            "depth": depth,
            "mask/instrument": labels[..., 0],
            "mask/part": labels[..., 1],
            "mask/track": labels[..., 2],
            "region": labels[..., 3],
        }
        if "mask/tool" in arrays:
            every["mask/tool"] = np.where(labels[..., 0] > 0, 255, 0).astype(np.uint8)
        if "flow" in arrays:
            missing = np.full((*depth.shape, 2), np.nan, np.float32)
            every["flow"] = out.get("flow", missing)
        every |= {name: out[name] for name in ("linear", "material") if name in out}
        chosen = {name: np.ascontiguousarray(every[name]) for name in arrays}
        return SimulatedFrame(out["rgb"], seen, chosen)

    def truth(self, time_s: Fraction, *, number: int) -> FrameTruth:
        """Return what is known of a frame without rendering it: no boxes, no gain."""
        self._tick(time_s)
        return sighted(self._world, float(time_s), number, gain=None, labels=None, depth=None)
