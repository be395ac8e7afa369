"""The schedule of a procedure: which phase when, when the camera is outside, how far it is in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from videoengine.recon3d.simulator import portable_math
from videoengine.recon3d.simulator.grammar import (
    END,
    LogNormal,
    OutsideRule,
    PhaseRule,
    Procedure,
    TubeRule,
)
from videoengine.recon3d.simulator.plan import (
    TICKS_PER_SECOND,
    Outside,
    OutsideKind,
    PhaseSpan,
)
from videoengine.recon3d.simulator.randomness import Draws, Key

ATTEMPTS: Final = 64
"""Walks that are tried before one is stretched to fit."""
LONGEST_WALK: Final = 500
"""Phases; a file that returns to itself almost surely is cut off here."""
LEAST_SECONDS_PER_MM: Final = 0.12
"""A tube is not passed faster than this on average, pauses included."""
TUBE_MM: Final = 1000.0
NEXT_SOILING_S: Final = 6.0


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one phase between two others."""

    rule: PhaseRule
    phase: int
    start: int
    end: int
    interrupted: bool
    """Whether the phase that follows cuts into it."""
    from_mm: float = 0.0
    to_mm: float = 0.0
    """Where the camera is along a tube at start and end."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What the other parts of a plan are fitted into."""

    ticks: int
    segments: tuple[Segment, ...]
    outside: tuple[Outside, ...]
    free: tuple[tuple[int, int], ...]
    """The stretches between the outside ones."""
    soiled: tuple[tuple[int, int], ...]
    """Ticks of each soiling of the lens and of its wipe."""

    def spans(self) -> tuple[PhaseSpan, ...]:
        """Return the phases, neighbours of one name joined."""
        joined: list[PhaseSpan] = []
        for segment in self.segments:
            start = segment.start
            if joined and joined[-1].label == segment.rule.label:
                start = joined.pop().start
            joined.append(PhaseSpan(segment.rule.label, start, segment.end))
        return tuple(joined)


@dataclass(frozen=True, slots=True)
class _Soiling:
    """A soiling of the lens and its wipe, in seconds of body time."""

    at_s: float
    wiped_s: float
    outside: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Lengths of trocar, cleaning and trocar again; all 0 when it is wiped within."""

    @property
    def outside_s(self) -> float:
        return self.outside[0] + self.outside[1] + self.outside[2]


@dataclass(slots=True)
class _Walk:
    """One attempt, in seconds of body time: the camera's time outside is added afterwards."""

    phases: list[tuple[int, float, bool]] = field(default_factory=list[tuple[int, float, bool]])
    soilings: list[_Soiling] = field(default_factory=list[_Soiling])
    before: tuple[float, float] = (0.0, 0.0)
    after: tuple[float, float] = (0.0, 0.0)

    def body_s(self) -> float:
        total = 0.0
        for _, seconds, _ in self.phases:
            total += seconds
        return total

    def total_s(self) -> float:
        total = self.body_s() + self.before[0] + self.before[1] + self.after[0] + self.after[1]
        for soiling in self.soilings:
            total += soiling.outside_s
        return total


def draw_bounded(draws: Draws, rule: LogNormal) -> float:
    """Return a log-normal draw within its bounds."""
    for _ in range(8):
        value = draws.log_normal(rule.median, rule.spread)
        if rule.least <= value <= rule.most:
            return value
    return rule.median


def make_schedule(procedure: Procedure, key: Key) -> Schedule:
    """Draw phases and outside spans whose whole length is one the procedure allows."""
    walk = _Walk()
    for attempt in range(ATTEMPTS):
        walk = _draw_walk(procedure, key.sub("walk", attempt).draws())
        if _fits(procedure, walk):
            break
    else:
        _stretch(procedure, walk)
    return _lay_out(procedure, walk, key.sub("reach").draws())


def _draw_walk(procedure: Procedure, draws: Draws) -> _Walk:
    walk = _Walk()
    phase = 0
    while phase != END and len(walk.phases) < LONGEST_WALK:
        rule = procedure.phases[phase]
        seconds = draw_bounded(draws, rule.duration_s) * procedure.time_scale
        cut = rule.interruption
        if cut is not None and draws.chance(cut.chance):
            part = draws.uniform(0.3, 0.7)
            other = draw_bounded(draws, procedure.phases[cut.phase].duration_s) * cut.share
            walk.phases.append((phase, seconds * part, True))
            walk.phases.append((cut.phase, other * procedure.time_scale, False))
            seconds *= 1.0 - part
        walk.phases.append((phase, seconds, False))
        phase = rule.following[draws.choice([weight for _, weight in rule.following])][0]
    away = procedure.outside
    walk.before = (draws.uniform(*away.before_s), draws.uniform(*away.trocar_s))
    walk.after = (draws.uniform(*away.trocar_s), draws.uniform(*away.after_s))
    walk.soilings.extend(_soilings(away, walk.body_s(), draws))
    return walk


def _soilings(rule: OutsideRule, body_s: float, draws: Draws) -> Iterator[_Soiling]:
    """Yield soilings as a Poisson process that pauses until each lens is clean again."""
    if rule.soilings_per_minute <= 0.0:
        return
    mean_s = 60.0 / rule.soilings_per_minute
    moment = NEXT_SOILING_S
    while True:
        moment -= portable_math.log(1.0 - draws.fraction()) * mean_s
        wiped = moment + draws.uniform(*rule.noticed_s)
        lengths = (0.0, 0.0, 0.0)
        if draws.chance(rule.wiped_outside):
            out, back = draws.uniform(*rule.trocar_s), draws.uniform(*rule.trocar_s)
            lengths = (out, draws.uniform(*rule.cleaning_s), back)
        if wiped > body_s - NEXT_SOILING_S:
            return
        yield _Soiling(moment, wiped, lengths)
        moment = wiped + NEXT_SOILING_S


def _passage_s(procedure: Procedure, walk: _Walk, motion: str) -> float:
    total = 0.0
    for phase, seconds, _ in walk.phases:
        if procedure.phases[phase].view.motion == motion:
            total += seconds
    return total


def _fits(procedure: Procedure, walk: _Walk) -> bool:
    if not procedure.shortest_s + 0.1 <= walk.total_s() <= procedure.longest_s - 0.1:
        return False
    if procedure.tube is None:
        return True
    least = procedure.tube.reach_mm[1] * LEAST_SECONDS_PER_MM
    return all(_passage_s(procedure, walk, m) >= least for m in ("advance", "withdraw"))


def _stretch(procedure: Procedure, walk: _Walk) -> None:
    """Scale the phases of a walk so that its length is allowed; soilings are left out."""
    walk.soilings.clear()
    rest = walk.total_s() - walk.body_s()
    wanted = min(max(walk.total_s(), procedure.shortest_s + 0.1), procedure.longest_s - 0.1)
    factor = max(wanted - rest, 1.0) / walk.body_s()
    walk.phases[:] = [(n, seconds * factor, cut) for n, seconds, cut in walk.phases]


def _tick(seconds: float) -> int:
    return int(seconds * TICKS_PER_SECOND + 0.5)


def _lay_out(procedure: Procedure, walk: _Walk, draws: Draws) -> Schedule:
    """Turn body time into ticks, the outside spans put in between."""
    outside: list[Outside] = []

    def put(start_s: float, *parts: tuple[OutsideKind, float]) -> float:
        for kind, seconds in parts:
            if _tick(start_s + seconds) > _tick(start_s):
                outside.append(Outside(kind, _tick(start_s), _tick(start_s + seconds)))
            start_s += seconds
        return start_s

    shift = put(0.0, ("theatre", walk.before[0]), ("trocar", walk.before[1]))
    soiled: list[tuple[int, int]] = []
    gaps: list[tuple[float, float]] = []
    for soiling in walk.soilings:
        out, cleaning, back = soiling.outside
        at = soiling.wiped_s + shift
        put(at, ("trocar", out), ("cleaning", cleaning), ("trocar", back))
        soiled.append((_tick(soiling.at_s + shift), _tick(at + out + 0.5 * cleaning)))
        gaps.append((soiling.wiped_s, soiling.outside_s))
        shift += soiling.outside_s
    end_s = put(walk.body_s() + shift, ("trocar", walk.after[0]), ("theatre", walk.after[1]))
    ticks = _tick(end_s)
    segments = _segments(procedure, walk, gaps, ticks)
    if procedure.tube is not None:
        segments = _along_tube(procedure.tube, segments, draws)
    return Schedule(ticks, segments, tuple(outside), _between(outside, ticks), tuple(soiled))


def _segments(
    procedure: Procedure, walk: _Walk, gaps: list[tuple[float, float]], ticks: int
) -> tuple[Segment, ...]:
    found: list[Segment] = []
    body, start = 0.0, 0
    for number, (phase, seconds, cut) in enumerate(walk.phases):
        body += seconds
        moment = body + walk.before[0] + walk.before[1]
        for at, length in gaps:
            if at < body:
                moment += length
        last = number == len(walk.phases) - 1
        end = ticks if last else max(start + 1, _tick(moment))
        found.append(Segment(procedure.phases[phase], phase, start, end, cut))
        start = end
    return tuple(found)


def _between(outside: list[Outside], ticks: int) -> tuple[tuple[int, int], ...]:
    free: list[tuple[int, int]] = []
    start = 0
    for span in outside:
        if span.start > start:
            free.append((start, span.start))
        start = span.end
    if start < ticks:
        free.append((start, ticks))
    return tuple(free)


def _along_tube(rule: TubeRule, segments: tuple[Segment, ...], draws: Draws) -> tuple[Segment, ...]:
    """Share the way in and the way back among the segments that travel, by their length."""
    ticks = {"advance": 0, "withdraw": 0}
    for segment in segments:
        if segment.rule.view.motion in ticks:
            ticks[segment.rule.view.motion] += segment.end - segment.start
    way_in, way_back = (n / TICKS_PER_SECOND / LEAST_SECONDS_PER_MM for n in ticks.values())
    reach = min(draws.uniform(*rule.reach_mm), way_in, max(way_back, 1.0))
    found: list[Segment] = []
    at = 0.0
    for segment in segments:
        motion = segment.rule.view.motion
        to = at
        if motion in ticks:
            step = reach * (segment.end - segment.start) / ticks[motion]
            to = at + step if motion == "advance" else at - step
        to = min(max(to, 0.0), TUBE_MM - 50.0)
        found.append(replace(segment, from_mm=at, to_mm=to))
        at = to
    return tuple(found)
