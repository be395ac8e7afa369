"""The grammar of a procedure: what a procedure file says, checked and typed.

Phases are compressed by `time_scale`, so that a whole procedure passes in minutes. Hands are not:
every other duration is what a viewer of the simulated video would measure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from videoengine.payloads import Label
from videoengine.recon3d.simulator.plan import IncidentKind

AnatomyName = Literal["cavity", "tube"]
ANATOMIES: Final[tuple[AnatomyName, ...]] = get_args(AnatomyName)
Order = Literal["drawn", "listed"]
ORDERS: Final[tuple[Order, ...]] = get_args(Order)
Motion = Literal["follow", "advance", "withdraw", "look", "approach", "hold"]
MOTIONS: Final[tuple[Motion, ...]] = get_args(Motion)
END: Final = -1
"""The phase after the last one."""
END_NAME: Final = "end"
NULL_TARGET: Final = "null_target"

Range = tuple[float, float]
"""Least and most; a value is even between them."""


@dataclass(frozen=True, slots=True)
class LogNormal:
    """A positive quantity with a log-normal spread, drawn again where it passes its bounds."""

    median: float
    spread: float
    """Standard deviation of the logarithm."""
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class ActionRule:
    """One thing an instrument may do."""

    instrument: Label
    verb: Label
    target: Label
    weight: float
    hold_s: LogNormal
    times: int = 1
    """Repetitions within a list that is worked off in order."""


@dataclass(frozen=True, slots=True)
class WorkRule:
    """What comes through one port during a phase: visits of several actions, with pauses."""

    port: int
    pause_s: Range
    visit_actions: tuple[int, int]
    """Fewest and most actions before the instrument leaves."""
    order: Order
    """Actions are drawn by weight, or come once as they are listed."""
    actions: tuple[ActionRule, ...]


@dataclass(frozen=True, slots=True)
class ViewRule:
    """How the camera looks during a phase."""

    motion: Motion
    """`follow` the instruments in a cavity; the others are for a tube."""
    distance_mm: Range
    azimuth_deg: Range
    elevation_deg: Range
    roll_deg: Range
    hold_s: Range


@dataclass(frozen=True, slots=True)
class Interruption:
    """Another phase that may cut into this one, which then goes on."""

    phase: int
    chance: float
    share: float
    """Its length as a share of what that phase lasts elsewhere."""


@dataclass(frozen=True, slots=True)
class PhaseRule:
    """One phase: a state of a semi-Markov chain."""

    label: Label
    duration_s: LogNormal
    """Before compression."""
    following: tuple[tuple[int, float], ...]
    """Numbers of the phases that may come next, or END, and their weights."""
    work: tuple[WorkRule, ...]
    view: ViewRule
    interruption: Interruption | None


@dataclass(frozen=True, slots=True)
class Effect:
    """An incident that goes with an action."""

    kind: IncidentKind
    verb: str
    instrument: str | None
    """None is any."""
    on_s: Range
    off_s: Range
    amount: Range


@dataclass(frozen=True, slots=True)
class BleedingRule:
    """Bleeding after an action, and what is done about it."""

    chances: tuple[tuple[str, float], ...]
    """Verbs, and how likely one action of each starts a bleeding."""
    lasts_s: Range
    amount: Range
    answer_chance: float
    answer_port: int
    answers: tuple[ActionRule, ...]


@dataclass(frozen=True, slots=True)
class OutsideRule:
    """How long the camera is out of the body, and how often the lens gets soiled."""

    before_s: Range
    trocar_s: Range
    after_s: Range
    cleaning_s: Range
    soilings_per_minute: float
    noticed_s: Range
    """From the soiling to the wipe."""
    wiped_outside: float
    """Chance that the scope is pulled out for it."""


@dataclass(frozen=True, slots=True)
class PolypRule:
    """The polyps of a tube."""

    found: int
    """Number of the phase that begins when one is found."""
    size_mm: LogNormal


@dataclass(frozen=True, slots=True)
class TubeRule:
    """How far the scope goes, and how often it rinses."""

    reach_mm: Range
    rinses_per_minute: float
    rinse_s: Range
    polyps: PolypRule | None


@dataclass(frozen=True, slots=True)
class Procedure:
    """A procedure file, read and checked."""

    name: str
    anatomy: AnatomyName
    ports: tuple[str, ...]
    time_scale: float
    shortest_s: float
    longest_s: float
    enter_s: Range
    """Time an instrument takes from out of view to its first site, and back."""
    move_s: Range
    """Time from one site to the next."""
    phases: tuple[PhaseRule, ...]
    """The first is where a procedure begins."""
    effects: tuple[Effect, ...]
    bleeding: BleedingRule | None
    outside: OutsideRule
    tube: TubeRule | None
