"""Where the camera stands and looks: it follows the hands in a cavity, and travels along a tube."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
TICKS_PER_MM: Final = PEAK * TICKS_PER_SECOND / FASTEST_MM_PER_S
SHORTEST_TRAVEL: Final = 25
"""Ticks."""
ACROSS_MM: Final = 45.0
"""What the camera's tip may move when it turns to another target."""
WITHIN_MM: Final = 30.0
"""The same for the whole width of one target."""
SWING_MM: Final = 22.0
"""Radius of the circle on which the tip of an oblique scope swings about the line to its trocar."""
STILL: Final = (-6.0, 6.0)
"""Degrees that a camera may be off while an instrument is out in a tube."""
IDLE: Final = frozenset({"grasp", "retract", "null_verb"})
"""Verbs that hold a picture rather than draw the eye."""
NEARNESS: Final = 0.8
"""Share of the distance to a site that lies along the tube."""


def _degrees(draws: Draws, bounds: Range) -> float:
    return draws.uniform(*bounds) * (PI / 180.0)


class _Camera:
    """Adds one gaze after another; the next starts no earlier than the last has arrived."""

    def __init__(self, draws: Draws, end: int) -> None:
        self.gazes: list[Gaze] = []
        self.draws = draws
        self._end = end

    @property
    def ready(self) -> int:
        """First tick at which the camera may set off again."""
        return self.gazes[-1].start + self.gazes[-1].travel if self.gazes else 0

    def look(
        self,
        start: int,
        site: Site,
        view: ViewRule,
        along: float | None = None,
        travel: int = SHORTEST_TRAVEL,
    ) -> None:
        """Turn to a site within `travel` ticks, or what it takes.

        `along` is the camera's own place in a tube, in mm.
        """
        draws = self.draws
        gaze = Gaze(
            max(start, self.ready),
            travel,
            site,
            draws.uniform(*view.distance_mm),
            _degrees(draws, view.azimuth_deg),
            _degrees(draws, view.elevation_deg),
            _degrees(draws, view.roll_deg),
            0.0 if along is None else min(max(along, 0.0), TUBE_MM - 50.0),
        )
        if self.gazes:
            gaze = _moderate(self.gazes[-1], gaze, tube=along is not None)
        else:
            gaze = replace(gaze, travel=0)
        if gaze.start < self._end:
            self.gazes.append(gaze)


def _moderate(before: Gaze, gaze: Gaze, *, tube: bool) -> Gaze:
    """Give a gaze half the change that was drawn, and the travel it needs."""
    azimuth = 0.5 * (before.azimuth_rad + gaze.azimuth_rad)
    elevation = 0.5 * (before.elevation_rad + gaze.elevation_rad)
    roll = 0.5 * (before.roll_rad + gaze.roll_rad)
    distance = gaze.distance_mm
    if tube:
        way = abs(gaze.progress_mm - before.progress_mm)
    else:
        distance = 0.5 * (before.distance_mm + distance)
        shift = max(abs(gaze.site.a - before.site.a), abs(gaze.site.b - before.site.b)) * WITHIN_MM
        way = ACROSS_MM if gaze.site.target != before.site.target else shift
        way += abs(distance - before.distance_mm) + SWING_MM * abs(azimuth - before.azimuth_rad)
        # an elevation moves the aim, and the tip by a part of that
        way += 0.6 * distance * abs(elevation - before.elevation_rad)
    turn = abs(azimuth - before.azimuth_rad) + abs(elevation - before.elevation_rad)
    turn += abs(roll - before.roll_rad)
    if tube and gaze.site.target != before.site.target:
        turn += ACROSS_RAD
    seconds = PEAK * max(way / FASTEST_MM_PER_S, turn / FASTEST_RAD_PER_S)
    travel = max(gaze.travel, int(seconds * TICKS_PER_SECOND) + 1)
    return replace(
        gaze,
        travel=travel,
        distance_mm=distance,
        azimuth_rad=azimuth,
        elevation_rad=elevation,
        roll_rad=roll,
    )


def cavity_gazes(schedule: Schedule, visits: Sequence[Visit], key: Key) -> tuple[Gaze, ...]:
    """Look at what is being done, and turn when the work moves to another target."""
    actions = sorted((a for visit in visits for a in visit.actions), key=lambda a: a.start)
    busy = [action for action in actions if action.verb.name not in IDLE]
    camera = _Camera(key.sub("camera").draws(), schedule.ticks)
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
    camera = _Camera(key.sub("camera").draws(), schedule.ticks)
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
        distance = camera.draws.uniform(*view.distance_mm)
        along = lesion.a * TUBE_MM - NEARNESS * distance
        camera.look(now, lesion, replace(view, distance_mm=(distance, distance)), along)
        now = camera.ready + ticks_of(camera.draws, view.hold_s)


def _ahead(camera: _Camera, along: float, view: ViewRule) -> Site:
    middle = 0.5 * (view.distance_mm[0] + view.distance_mm[1])
    place = min(max(along, 0.0) + middle, TUBE_MM - 1.0) / TUBE_MM
    return Site(NULL_TARGET, place, camera.draws.fraction())


def _travel(camera: _Camera, segment: Segment, low: int, begin: int, end: int) -> None:
    """Move from one end of the segment's way to the other, with rests and small retreats."""
    view, draws = segment.rule.view, camera.draws
    if low < begin or not camera.gazes:
        camera.look(low, _ahead(camera, segment.from_mm, view), view, segment.from_mm)
    now = max(begin, camera.ready)
    weights: list[float] = []
    rests: list[float] = []
    drawn = 0.0
    while drawn < end - now:
        move, rest = ticks_of(draws, (1.6, 4.5)), ticks_of(draws, view.hold_s)
        back = -0.25 if draws.chance(0.15) and len(weights) > 2 else 1.0
        weights.append(back * move)
        rests.append(rest)
        drawn += move + rest
    if not weights:
        return
    along, way = segment.from_mm, segment.to_mm - segment.from_mm
    net = _sum(weights)
    moves = [max(abs(way * w / net) * TICKS_PER_MM, 1.3 * SHORTEST_TRAVEL) for w in weights]
    # what the moves at full speed leave over goes half into slower moves, half into the rests
    spare = 0.5 * max(end - now - _sum(moves), 0.0)
    slower, longer = 1.0 + spare / _sum(moves), spare / _sum(rests)
    moment = float(now)
    for weight, full_speed, pause in zip(weights, moves, rests, strict=True):
        along += way * weight / net
        travel = full_speed * slower
        camera.look(int(moment), _ahead(camera, along, view), view, along, int(travel))
        moment = max(moment + travel + pause * longer, float(camera.ready))


def _sum(values: Sequence[float]) -> float:
    total = 0.0  # a plain loop: the built-in sum rounds differently from Python 3.12 on
    for value in values:
        total += value
    return total


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
            still = replace(view, azimuth_deg=STILL, elevation_deg=STILL, roll_deg=STILL)
            camera.look(now, action.site, still, along)
            now = max(camera.ready, action.leave)
            continue
        camera.look(now, _ahead(camera, along, view), view, along)
        now = camera.ready + ticks_of(camera.draws, view.hold_s)
        if action is not None and action.start - SHORTEST_TRAVEL < now:
            now = max(camera.ready, action.start - SHORTEST_TRAVEL)
