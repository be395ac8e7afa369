"""A studio: one take and the simulation that renders it, safe to use from any thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary, ref

import numpy as np
from numpy.typing import NDArray

from videoengine.canonical import digest
from videoengine.events import plain
from videoengine.recon3d.simulator.take import Take

if TYPE_CHECKING:
    from videoengine.recon3d.simulator.simulation import Simulation
    from videoengine.recon3d.simulator.truth import FrameTruth, SimulatedFrame


APPROACH_S: Final = 5
"""The past is gone through in steps of so many seconds, between which a source may be closed."""


class Shot:
    """One frame of a take that somebody may ask for."""

    __slots__ = ("__weakref__", "_studio", "number", "rgb")

    def __init__(self, studio: Studio, number: int) -> None:
        """Name the frame; it is rendered when it is called for."""
        self._studio = studio
        self.number = number
        self.rgb: NDArray[np.uint8] | None = None

    def __call__(self) -> tuple[NDArray[np.uint8]]:
        """Return the planes, uint8 (H, W, 3)."""
        return (self._studio.rgb(self),)


class Studio:
    """Renders the frames of a take, whichever thread asks, in their order where it can.

    The simulation is quick only in order. So a frame that was handed out and is still held by
    somebody, two frames later, is wanted: it is rendered then, by whoever asks for the later one.
    """

    def __init__(self, take: Take, simulation: Simulation) -> None:
        """Take both; nothing is rendered yet."""
        self.take = take
        self.content = content_of(take)
        self._simulation = simulation
        self._lock = threading.RLock()
        self._newest: tuple[int, frozenset[str], SimulatedFrame] | None = None
        self._waiting: deque[ref[Shot]] = deque()
        """Shots that were handed out and not rendered yet, in order."""
        self._reached_s = 0
        """The past is known up to here, in seconds from the start of the procedure."""

    def shot(self, number: int, *, at_once: bool = False) -> Shot:
        """Hand out frame `number`, rendered `at_once` or when it is asked for or kept."""
        shot = Shot(self, number)
        with self._lock:
            self._render_held(number - 1)  # the caller may still hold the one before this
            if at_once:
                shot.rgb = self.frame(number).rgb
            else:
                self._waiting.append(ref(shot))
        return shot

    def rgb(self, shot: Shot) -> NDArray[np.uint8]:
        """Return the picture of a shot, rendered once."""
        if shot.rgb is None:
            with self._lock:
                self._render_held(shot.number)
                if shot.rgb is None:
                    shot.rgb = self.frame(shot.number).rgb
        return shot.rgb

    def _render_held(self, before: int) -> None:
        """Render the shots with lower numbers than `before` that somebody still holds."""
        while self._waiting:
            shot = self._waiting[0]()
            if shot is not None and shot.rgb is None:
                if shot.number >= before:
                    return
                shot.rgb = self.frame(shot.number).rgb
            self._waiting.popleft()

    def frame(self, number: int, arrays: frozenset[str] = frozenset()) -> SimulatedFrame:
        """Return frame `number`, rendered; the newest one is not rendered twice."""
        with self._lock:
            newest = self._newest
            if newest is not None and newest[0] == number and arrays <= newest[1]:
                return newest[2]
            at = self.take.time_s(number)
            rendered = self._simulation.frame(
                at,
                number=number,
                arrays=arrays,
                next_time_s=self.take.next_time_s(number),
            )
            self._newest = (number, arrays, rendered)
            self._reached_s = max(self._reached_s, int(at))
            return rendered

    def truth(self, number: int) -> FrameTruth:
        """Return what is known of frame `number` without rendering it."""
        with self._lock:
            return self._simulation.truth(self.take.time_s(number), number=number)

    def approach(self, number: int, is_over: Callable[[], bool]) -> None:
        """Go through the past of a frame, so that it and what follows come at once."""
        target = self.take.time_s(number)
        at = Fraction(self._reached_s)
        while at + APPROACH_S < target and not is_over():
            at += APPROACH_S
            with self._lock:
                self._simulation.frame(at, number=0)


_OPEN: Final[WeakValueDictionary[str, Studio]] = WeakValueDictionary()
"""Studios in use, by content: a source opened again shares the anatomy and the past states."""
_OPENING: Final = threading.Lock()


def studio_of(take: Take) -> Studio:
    """Return the studio of a take: the one in use, else one that has rendered nothing yet."""
    from videoengine.recon3d.simulator.simulation import Simulation

    with _OPENING:
        studio = _OPEN.get(content_of(take))
        if studio is None:
            filming = take.filming
            simulation = Simulation(take.plan, size=filming.size, view=filming.view)
            studio = Studio(take, simulation)
            _OPEN[studio.content] = studio
        return studio


def content_of(take: Take) -> str:
    """Return the hash of everything that decides the pictures, floats rounded as in the log."""
    filming = {**plain(take.filming), "fps": str(take.filming.fps)}
    return digest({"plan": plain(take.plan), "filming": filming})
