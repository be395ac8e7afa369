"""The plan of a simulated procedure: everything that is decided before a pixel is drawn.

All times are ticks of 40 ms (25 a second) from the start of the procedure. A plan depends on the
procedure file and the seed alone, and is the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from videoengine.payloads import Label

TICKS_PER_SECOND: Final = 25
TICK_NS: Final = 40_000_000

IncidentKind = Literal[
    "bleeding", "coagulation", "irrigation", "suction", "clip", "cut", "lens_soiled", "lens_wiped"
]
OutsideKind = Literal["theatre", "trocar", "cleaning"]


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """An unbroken stretch of one phase; the spans of a plan cover it without a hole."""

    label: Label
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Site:
    """A place within a named target region: two coordinates in [0, 1) that fill it evenly."""

    target: str
    """Name of a target of the procedure's vocabulary, `null_target` for none."""
    a: float
    b: float


@dataclass(frozen=True, slots=True)
class Action:
    """What one instrument does for a while: <instrument, verb, target>.

    From `start` to `arrive` the tip moves to the site, from `leave` to `end` it moves away or
    toward the next action of the same visit; the triplet holds from `arrive` to `leave`.
    """

    visit: int
    """Number of the visit it belongs to."""
    verb: Label
    target: Label
    site: Site
    start: int
    arrive: int
    leave: int
    end: int


@dataclass(frozen=True, slots=True)
class Visit:
    """One instrument in the view from the moment it enters until it has left."""

    number: int
    """From 0, in order of `start`; the instrument's track."""
    instrument: Label
    """A term of the procedure's instrument vocabulary."""
    port: int
    """Which entry it comes through; two visits that overlap in time never share one."""
    start: int
    end: int
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that changes what is seen: blood, smoke, fluid, a clip, a soiled lens.

    Tied to an action where an instrument causes it (`visit` ≥ 0).
    """

    kind: IncidentKind
    start: int
    end: int
    """One tick after its last; a clip, a cut, a soiling and a wipe last one tick."""
    site: Site
    amount: float
    """Severity in (0, 1]."""
    visit: int = -1


@dataclass(frozen=True, slots=True)
class Outside:
    """A stretch in which the camera is not in the body, or looks out from inside the trocar."""

    kind: OutsideKind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Polyp:
    """A polyp of a colonoscopy."""

    site: Site
    size_mm: float
    """Largest diameter, 2 to 15 mm."""
    found: int
    """Tick at which the phase `polyp found` begins for it."""
    resected: int | None
    """Tick at which it is cut off, or None."""


@dataclass(frozen=True, slots=True)
class Gaze:
    """Where the camera stands from `start` on: it moves there within `travel` ticks.

    In a cavity `progress` is unused. In a tube it is the distance along the centerline in mm of
    the camera's tip.
    """

    start: int
    travel: int
    site: Site
    distance_mm: float
    """From the tip of the scope to the site."""
    azimuth_rad: float
    elevation_rad: float
    roll_rad: float
    progress_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One procedure, decided."""

    procedure: str
    """Name of the procedure file."""
    anatomy: str
    """Name of the anatomy preset: `cavity` or `tube`."""
    seed: int
    ticks: int
    """Length."""
    phases: tuple[PhaseSpan, ...]
    visits: tuple[Visit, ...]
    incidents: tuple[Incident, ...]
    outside: tuple[Outside, ...]
    gazes: tuple[Gaze, ...]
    """In order of `start`; the first starts at tick 0."""
    polyps: tuple[Polyp, ...] = ()

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.ticks / TICKS_PER_SECOND

    def phase_at(self, tick: int) -> PhaseSpan:
        """Return the phase that holds at a tick."""
        return next(span for span in self.phases if span.start <= tick < span.end)

    def is_outside(self, tick: int) -> bool:
        """Return whether the camera is out of the body at a tick."""
        return any(span.start <= tick < span.end for span in self.outside)
