"""A simulation that renders nothing: gray pictures of a plan made by hand."""

from __future__ import annotations

import threading
from collections.abc import Collection, MutableSequence
from fractions import Fraction
from typing import Any

import numpy as np

from videoengine.recon3d.simulator.plan import Gaze, Incident, Outside, PhaseSpan, Plan, Site
from videoengine.recon3d.simulator.truth import (
    Camera,
    FrameTruth,
    Keypoint,
    SimulatedFrame,
    ToolTruth,
)
from videoengine.vocabularies import vocabulary

PHASES = vocabulary("cholec80/phase@1").labels
TOOLS = vocabulary("cholect50/instrument@1").labels
VERBS = vocabulary("cholect50/verb@1").labels
TARGETS = vocabulary("cholect50/target@1").labels
SITE = Site("null_target", 0.5, 0.5)


def small_plan(seed: int = 1) -> Plan:
    """10 s: two phases, outside from 4 s to 5 s, a lens soiled at 6 s and wiped at 8 s."""
    return Plan(
        procedure="cholecystectomy",
        anatomy="cavity",
        seed=seed,
        ticks=250,
        phases=(PhaseSpan(PHASES[0], 0, 100), PhaseSpan(PHASES[1], 100, 250)),
        visits=(),
        incidents=(
            Incident("lens_soiled", 150, 151, SITE, 0.7),
            Incident("lens_wiped", 200, 201, SITE, 1.0),
        ),
        outside=(Outside("theatre", 100, 125),),
        gazes=(Gaze(0, 0, SITE, 60.0, 0.0, 0.0, 0.0),),
    )


class FakeSimulation:
    """Gray pictures whose level tells the time; counts what is rendered, by one at a time."""

    def __init__(self, made: Plan, *, size: tuple[int, int] = (64, 64), view: str = "mono") -> None:
        self.plan, self.size, self.view = made, size, view
        self.camera = Camera(60.0, 60.0, 31.5, 31.5, (), "pinhole", size)
        self.rendered: MutableSequence[tuple[int, Fraction]] = []
        self.threads: set[str] = set()
        self._busy = threading.Lock()

    def frame(
        self,
        time_s: Fraction,
        *,
        number: int,
        arrays: Collection[str] = (),
        next_time_s: Fraction | None = None,
    ) -> SimulatedFrame:
        assert self._busy.acquire(blocking=False), "two threads at once"
        try:
            self.rendered.append((number, time_s))
            self.threads.add(threading.current_thread().name)
            shape = (self.size[1], self.size[0])
            rgb = np.full((*shape, 3), int(time_s * 10) % 256, np.uint8)
            found = {name: np.zeros(shape, np.float32) for name in arrays}
            return SimulatedFrame(rgb, self.known(time_s, number, (0.1, 0.2, 0.3, 0.4)), found)
        finally:
            self._busy.release()

    def truth(self, time_s: Fraction, *, number: int) -> FrameTruth:
        return self.known(time_s, number, None)

    def known(self, time_s: Fraction, number: int, box: Any) -> FrameTruth:
        tick = int(time_s * 25)
        phase = self.plan.phase_at(tick)
        verb, target = VERBS[0], TARGETS[0]
        tool = ToolTruth(
            3,
            TOOLS[0],
            box,
            (Keypoint("wrist", 5.0, 5.0, 2),),
            np.eye(4),
            0.0,
            (0.0, 0.0, 60.0),
            verb,
            target,
        )
        return FrameTruth(
            number=number,
            tick=tick,
            time_ns=int(time_s * 10**9),
            inside=not self.plan.is_outside(tick),
            phase=phase.label,
            phase_progress=0.0,
            next_phase=PHASES[1] if phase.label == PHASES[0] else None,
            remaining_s=10 - tick / 25,
            tools=(tool,) if tick >= 25 else (),
            world_from_camera=np.eye(4),
            gain=None,
            bag_visible=False,
        )
