"""Where the camera stands and looks: it follows the hands in a cavity, and travels along a tube."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from videoengine.recon3d.simulator.grammar import NULL_TARGET, Range, ViewRule
from videoengine.recon3d.simulator.plan import (
    TICKS_PER_SECOND,
    Action,
    Gaze,
    Site,
    Visit,
)
from videoengine.recon3d.simulator.portable_math import PI
from videoengine.recon3d.simulator.randomness import Draws, Key
from videoengine.recon3d.simulator.schedule import TUBE_MM, Schedule, Segment
from videoengine.recon3d.simulator.work import ticks_of

FASTEST_MM_PER_S: Final = 22.0
"""Of the camera's tip, by the planner's estimate; what the anatomy adds stays below 30."""
FASTEST_RAD_PER_S: Final = 0.9
ACROSS_RAD: Final = 0.8
"""What the camera may turn in a tube when it looks at the wall instead of ahead."""
PEAK: Final = 1.875
"""Largest speed of a minimum-jerk movement over its mean."""
SHORTEST_TRAVEL: Final = 25
"""Ticks."""
ACROSS_MM: Final = 45.0
"""What the camera's tip may move when it turns to another target."""
WITHIN_MM: Final = 30.0
"""The same for the whole width of one target."""
SWING_MM: Final = 22.0
"""Radius of the circle on which the tip of an oblique scope swings about the line to its trocar."""
IDLE: Final = frozenset({"grasp", "retract", "null_verb"})
"""Verbs that hold a picture rather than draw the eye."""
NEARNESS: Final = 0.8
"""Share of the distance to a site that lies along the tube."""


def _degrees(draws: Draws, bounds: Range) -> float:
    return draws.uniform(*bounds) * (PI / 180.0)


class _Camera:
    """Adds one gaze after another; the next starts no earlier than the last has arrived."""

    def __init__(self, draws: Draws) -> None:
        self.gazes: list[Gaze] = []
        self.draws = draws

    @property
    def ready(self) -> int:
        """First tick at which the camera may set off again."""
        return self.gazes[-1].start + self.gazes[-1].travel if self.gazes else 0

    def look(self, start: int, site: Site, view: ViewRule, along: float | None = None) -> None:
        """Turn to a site; `along` is the camera's own place in a tube, in mm."""
        draws = self.draws
        gaze = Gaze(
            max(start, self.ready),
            0,
            site,
            draws.uniform(*view.distance_mm),
            _degrees(draws, view.azimuth_deg),
            _degrees(draws, view.elevation_deg),
            _degrees(draws, view.roll_deg),
            0.0 if along is None else min(max(along, 0.0), TUBE_MM - 50.0),
        )
        if self.gazes:
            gaze = _moderate(self.gazes[-1], gaze, tube=along is not None)
        self.gazes.append(gaze)


def _moderate(before: Gaze, gaze: Gaze, *, tube: bool) -> Gaze:
    """Give a gaze the travel it needs; in a cavity, half the change that was drawn."""
    if tube:
        distance, azimuth, roll = gaze.distance_mm, gaze.azimuth_rad, gaze.roll_rad
        way = abs(gaze.progress_mm - before.progress_mm)
    else:
        distance = 0.5 * (before.distance_mm + gaze.distance_mm)
        azimuth = 0.5 * (before.azimuth_rad + gaze.azimuth_rad)
        roll = 0.5 * (before.roll_rad + gaze.roll_rad)
        shift = max(abs(gaze.site.a - before.site.a), abs(gaze.site.b - before.site.b)) * WITHIN_MM
        way = ACROSS_MM if gaze.site.target != before.site.target else shift
        way += abs(distance - before.distance_mm) + SWING_MM * abs(azimuth - before.azimuth_rad)
        # an elevation moves the aim, and the tip by a part of that
        way += 0.6 * distance * abs(gaze.elevation_rad - before.elevation_rad)
    turn = abs(azimuth - before.azimuth_rad) + abs(gaze.elevation_rad - before.elevation_rad)
    turn += abs(roll - before.roll_rad)
    if tube and gaze.site.target != before.site.target:
        turn += ACROSS_RAD
    seconds = PEAK * max(way / FASTEST_MM_PER_S, turn / FASTEST_RAD_PER_S)
    travel = max(SHORTEST_TRAVEL, int(seconds * TICKS_PER_SECOND) + 1)
    return Gaze(
        gaze.start,
        travel,
        gaze.site,
        distance,
        azimuth,
        gaze.elevation_rad,
        roll,
        gaze.progress_mm,
    )


def cavity_gazes(schedule: Schedule, visits: Sequence[Visit], key: Key) -> tuple[Gaze, ...]:
    """Look at what is being done, and turn when the work moves to another target."""
    actions = sorted((a for visit in visits for a in visit.actions), key=lambda a: a.start)
    busy = [action for action in actions if action.verb.name not in IDLE]
    camera = _Camera(key.sub("camera").draws())
    first = actions[0].site if actions else Site(NULL_TARGET, 0.5, 0.5)
    turn = 0
    for segment in schedule.segments:
        view = segment.rule.view
        now = segment.start
        while now < segment.end:
            site = _of_interest(now, busy, actions) or (
                camera.gazes[-1].site if camera.gazes else first
            )
            camera.look(now, site, view)
            rest = camera.ready + ticks_of(camera.draws, view.hold_s)
            while turn < len(busy) and busy[turn].start < camera.ready:
                turn += 1
            # leave early when an instrument sets off to another target
            soon = busy[turn] if turn < len(busy) else None
            if soon is not None and soon.start < rest and soon.site.target != site.target:
                rest = soon.start
            now = max(rest, camera.ready)
    return tuple(camera.gazes)


def _of_interest(now: int, busy: Sequence[Action], actions: Sequence[Action]) -> Site | None:
    """Return the site of the newest action under way, one that draws the eye first."""
    for some in (busy, actions):
        for action in reversed(some):
            if action.start <= now < action.leave and action.site.target != NULL_TARGET:
                return action.site
    return None


def tube_gazes(
    schedule: Schedule, visits: Sequence[Visit], lesions: dict[int, Site], key: Key
) -> tuple[Gaze, ...]:
    """Travel, stand and look around, or hold before a polyp, as each phase has it."""
    camera = _Camera(key.sub("camera").draws())
    actions = sorted((a for visit in visits for a in visit.actions), key=lambda a: a.start)
    for number, segment in enumerate(schedule.segments):
        low = max(segment.start, schedule.free[0][0]) if number else 0
        mine = [a for a in actions if segment.start <= a.arrive < segment.end]
        lesion = lesions.get(number)
        if lesion is not None:
            _dwell(camera, segment, low, lesion)
        elif segment.from_mm != segment.to_mm:
            begin = schedule.free[0][0] if number == 0 else low
            _travel(camera, segment, low, begin, min(segment.end, schedule.free[-1][1]))
        else:
            _look_around(camera, segment, low, mine)
    return tuple(camera.gazes)


def _dwell(camera: _Camera, segment: Segment, low: int, lesion: Site) -> None:
    """Stand close to a polyp."""
    view = segment.rule.view
    now = max(low, camera.ready)
    while now < segment.end:
        camera.look(now, lesion, view)
        gaze = camera.gazes.pop()
        along = lesion.a * TUBE_MM - NEARNESS * gaze.distance_mm
        camera.look(now, lesion, _exactly(view, gaze.distance_mm), along)
        now = camera.ready + ticks_of(camera.draws, view.hold_s)


def _exactly(view: ViewRule, distance_mm: float) -> ViewRule:
    return ViewRule(
        view.motion,
        (distance_mm, distance_mm),
        view.azimuth_deg,
        view.elevation_deg,
        view.roll_deg,
        view.hold_s,
    )


def _ahead(camera: _Camera, along: float, view: ViewRule) -> Site:
    middle = 0.5 * (view.distance_mm[0] + view.distance_mm[1])
    return Site(NULL_TARGET, min((along + middle) / TUBE_MM, 0.999), camera.draws.fraction())


def _travel(camera: _Camera, segment: Segment, low: int, begin: int, end: int) -> None:
    """Move from one end of the segment's way to the other, with rests and small retreats."""
    view, draws = segment.rule.view, camera.draws
    if low < begin or not camera.gazes:
        camera.look(low, _ahead(camera, segment.from_mm, view), view, segment.from_mm)
    steps: list[tuple[int, float]] = []
    left = end - max(begin, camera.ready)
    while left > 3 * SHORTEST_TRAVEL:
        move, rest = ticks_of(draws, (1.6, 4.5)), ticks_of(draws, view.hold_s)
        back = -0.25 if draws.chance(0.15) and steps else 1.0
        steps.append((min(move + rest, left), back * move))
        left -= move + rest
    if not steps:
        return
    total = 0.0
    for _, weight in steps:
        total += weight
    now, along = max(begin, camera.ready), segment.from_mm
    for ticks, weight in steps:
        along += (segment.to_mm - segment.from_mm) * weight / total
        camera.look(now, _ahead(camera, along, view), view, along)
        now += ticks


def _look_around(camera: _Camera, segment: Segment, low: int, actions: Sequence[Action]) -> None:
    """Turn here and there; while an instrument is out, keep looking at its work."""
    view = segment.rule.view
    along = segment.to_mm
    now = max(low, camera.ready)
    turns = list(actions)
    while now < segment.end:
        while turns and turns[0].leave <= now:
            turns.pop(0)
        action = turns[0] if turns else None
        if action is not None and action.start <= now + SHORTEST_TRAVEL:
            still = ViewRule(view.motion, view.distance_mm, (-6, 6), (-6, 6), (-8, 8), view.hold_s)
            camera.look(now, action.site, still, along)
            now = max(camera.ready, action.leave)
            continue
        camera.look(now, _ahead(camera, along, view), view, along)
        now = camera.ready + ticks_of(camera.draws, view.hold_s)
        if action is not None and action.start - SHORTEST_TRAVEL < now:
            now = max(camera.ready, action.start - SHORTEST_TRAVEL)
