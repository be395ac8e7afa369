"""What the actions of a plan do to the picture: smoke, fluid, clips, cuts, and the soiled lens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from videoengine.recon3d.simulator import portable_math
from videoengine.recon3d.simulator.grammar import NULL_TARGET, Effect, Procedure, TubeRule
from videoengine.recon3d.simulator.plan import (
    TICKS_PER_SECOND,
    Action,
    Incident,
    IncidentKind,
    Site,
    Visit,
)
from videoengine.recon3d.simulator.randomness import Draws, Key
from videoengine.recon3d.simulator.schedule import TUBE_MM, Schedule
from videoengine.recon3d.simulator.work import ticks_of

MOMENT: Final = 0.6
"""Share of an action's held part after which its jaws have closed on what they clip or cut."""
_ONCE: Final = ("clip", "cut")
_LENS: Final = Site(NULL_TARGET, 0.5, 0.5)
_RINSED_MM: Final = 30.0


def moment_of(action: Action) -> int:
    """Return the tick at which an action clips or cuts."""
    return action.arrive + int(MOMENT * (action.leave - action.arrive))


def effects_of(procedure: Procedure, visits: Sequence[Visit], key: Key) -> list[Incident]:
    """Return the incidents that go with actions."""
    found: list[Incident] = []
    by_verb: dict[str, list[Effect]] = {}
    for effect in procedure.effects:
        by_verb.setdefault(effect.verb, []).append(effect)
    for visit in visits:
        draws = key.sub("effects", visit.number).draws()
        for action in visit.actions:
            for effect in by_verb.get(action.verb.name, ()):
                if effect.instrument in (None, visit.instrument.name):
                    found.extend(_effect(effect, action, draws))
    return found


def _effect(effect: Effect, action: Action, draws: Draws) -> Iterator[Incident]:
    kind, site, number = effect.kind, action.site, action.visit
    if kind in _ONCE:
        tick = moment_of(action)
        yield Incident(kind, tick, tick + 1, site, draws.uniform(*effect.amount), number)
        return
    start = action.arrive + ticks_of(draws, (0.1, 0.5))
    while start < action.leave:
        end = min(start + ticks_of(draws, effect.on_s), action.leave)
        yield Incident(kind, start, end, site, draws.uniform(*effect.amount), number)
        start = end + ticks_of(draws, effect.off_s)


def lens_incidents(schedule: Schedule, key: Key) -> list[Incident]:
    """Return the soilings of the lens and their wipes."""
    found: list[Incident] = []
    draws = key.sub("lens").draws()
    for soiled, wiped in schedule.soiled:
        amount = draws.uniform(0.25, 1.0)
        found.append(Incident("lens_soiled", soiled, soiled + 1, _LENS, amount))
        found.append(Incident("lens_wiped", wiped, wiped + 1, _LENS, amount))
    return found


def rinses(rule: TubeRule, schedule: Schedule, key: Key) -> list[Incident]:
    """Return the rinses through the scope: water, then suction of what has run down."""
    found: list[Incident] = []
    if rule.rinses_per_minute <= 0.0:
        return found
    draws = key.sub("rinses").draws()
    mean = 60.0 * TICKS_PER_SECOND / rule.rinses_per_minute
    for low, high in schedule.free:
        now = low
        while True:
            now += 1 - int(portable_math.log(1.0 - draws.fraction()) * mean)
            start = now
            kinds: tuple[IncidentKind, IncidentKind] = ("irrigation", "suction")
            site = Site("fluid", _ahead(schedule, start), 0.5)
            for kind in kinds:
                end = now + ticks_of(draws, rule.rinse_s)
                if end > high:
                    break
                found.append(Incident(kind, now, end, site, draws.uniform(0.3, 1.0)))
                now = end + ticks_of(draws, (0.2, 0.8))
            if now >= high or start >= high:
                break
    return found


def _ahead(schedule: Schedule, tick: int) -> float:
    """Return about where the scope looks, as a share of the tube's length."""
    for segment in schedule.segments:
        if segment.start <= tick < segment.end:
            share = (tick - segment.start) / (segment.end - segment.start)
            along = segment.from_mm + share * (segment.to_mm - segment.from_mm)
            return min((along + _RINSED_MM) / TUBE_MM, 0.999)
    return 0.0
