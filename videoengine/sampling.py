"""Sampling: which frames a stage sees. Decided by stamps alone, so a resumed run sees the same."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from videoengine.frames import Clip, Frame, Pixels
from videoengine.media_time import NS_PER_SECOND
from videoengine.stages import StageSpec

NEVER: Final = -(1 << 62)
"""Earlier than any stamp: the next frame is due."""


class Sampler:
    """Takes the first frame at or after each tick of a stage's rate, and makes clips of them.

    Ticks count from the first frame of the epoch; no clip spans two epochs.
    """

    def __init__(self, spec: StageSpec) -> None:
        """Start before the first frame of a stream."""
        self.spec = spec
        self.due_ns = NEVER
        """Stamp from which the next frame of this epoch is taken."""
        self._first_ns = 0
        self._samples = 0
        self._last_seq = -1
        self._window: deque[Frame] = deque(maxlen=spec.window)

    def begin(self, frame: Frame) -> None:
        """Start an epoch at its first frame."""
        self._first_ns = frame.pts_ns
        self.due_ns = NEVER
        self._samples = 0
        self._window.clear()

    def take(self, frame: Frame) -> Clip | None:
        """Sample `frame`, which is due, and return the clip that it completes, if any."""
        elapsed = frame.pts_ns - self._first_ns
        tick = int(elapsed * self.spec.rate_hz / NS_PER_SECOND) + 1
        due = self._tick_ns(tick)
        while due <= frame.pts_ns:
            tick += 1
            due = self._tick_ns(tick)
        self.due_ns = due
        return self._add(frame)

    def _tick_ns(self, tick: int) -> int:
        return self._first_ns + round(tick * NS_PER_SECOND / self.spec.rate_hz)

    def last(self, frame: Frame) -> Clip | None:
        """Sample the last frame of an epoch, for the stages that ask for it."""
        if not self.spec.samples_last or self._last_seq == frame.seq:
            return None
        return self._add(frame, closes=True)

    def _add(self, frame: Frame, *, closes: bool = False) -> Clip | None:
        self._window.append(frame)
        self._last_seq = frame.seq
        index, extra = divmod(self._samples - (self.spec.window - 1), self.spec.stride)
        self._samples += 1
        if extra or index < 0:
            return None
        return Clip(tuple(self._window), self.spec.rate_hz, index, closes)

    @property
    def held(self) -> list[Frame]:
        """Frames that a later clip still needs."""
        keep = self.spec.window - 1
        return list(self._window)[-keep:] if keep else []

    def encode(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return {
            "due_ns": self.due_ns,
            "first_ns": self._first_ns,
            "samples": self._samples,
            "last_seq": self._last_seq,
            "held": [[f.seq, f.pts, f.pts_ns, f.duration_ns, f.pts_source] for f in self.held],
        }

    def decode(self, state: Mapping[str, Any], frame: Frame, pixels: Mapping[int, Pixels]) -> None:
        """Continue from what `encode` returned.

        Args:
            state: The encoded state.
            frame: Any frame of the same stream and epoch, for the fields that do not change.
            pixels: Pixels of the held frames, by stamp.
        """
        self.due_ns, self._first_ns = state["due_ns"], state["first_ns"]
        self._samples, self._last_seq = state["samples"], state["last_seq"]
        self._window.clear()
        for seq, pts, pts_ns, duration_ns, pts_source in state["held"]:
            self._window.append(
                Frame(
                    frame.stream_id,
                    frame.view,
                    frame.epoch,
                    seq,
                    pts,
                    pts_ns,
                    duration_ns,
                    frame.arrival_ns,
                    pts_source,
                    pixels[pts],
                )
            )
