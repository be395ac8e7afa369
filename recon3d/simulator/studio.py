"""A studio: one take and the simulation that renders it, safe to use from any thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from videoengine.canonical import digest
from videoengine.events import plain
from videoengine.recon3d.simulator.take import Take

if TYPE_CHECKING:
    from videoengine.recon3d.simulator.simulation import Simulation
    from videoengine.recon3d.simulator.truth import FrameTruth, SimulatedFrame


class Studio:
    """Frames of a take by number; pixels and truth of the newest one are made in one go."""

    def __init__(self, take: Take, simulation: Simulation) -> None:
        """Take both; nothing is rendered yet."""
        self.take = take
        self.content = content_of(take)
        self._simulation = simulation
        self._lock = threading.Lock()
        self._newest: tuple[int, frozenset[str], SimulatedFrame] | None = None

    def frame(self, number: int, arrays: frozenset[str] = frozenset()) -> SimulatedFrame:
        """Return frame `number`, rendered; the newest one is not rendered twice."""
        with self._lock:
            newest = self._newest
            if newest is not None and newest[0] == number and arrays <= newest[1]:
                return newest[2]
            rendered = self._simulation.frame(
                self.take.time_s(number),
                number=number,
                arrays=arrays,
                next_time_s=self.take.next_time_s(number),
            )
            self._newest = (number, arrays, rendered)
            return rendered

    def truth(self, number: int) -> FrameTruth:
        """Return what is known of frame `number` without rendering it."""
        with self._lock:
            return self._simulation.truth(self.take.time_s(number), number=number)


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
