"""The planner: a procedure file and a seed become a plan.

Cholec80's tool labels follow from a plan: its first six tools are the six instruments of CholecT50
in the same order, each present while a visit shows it; its seventh, the specimen bag, is in view
while an action has the target `specimen_bag` or the verb `pack`.

In a tube, `a` of a site is its place along the centerline as a share of the tube's length
(`TUBE_MM`), and `b` its angle about the centerline as a share of a turn, whatever its target.
"""

from __future__ import annotations

from collections.abc import Sequence

from videoengine.recon3d.simulator.grammar import PolypRule, Procedure
from videoengine.recon3d.simulator.incidents import (
    effects_of,
    lens_incidents,
    moment_of,
    rinses,
)
from videoengine.recon3d.simulator.plan import Incident, Plan, Polyp, Site, Visit
from videoengine.recon3d.simulator.randomness import Key, seeded
from videoengine.recon3d.simulator.schedule import (
    TUBE_MM,
    Schedule,
    draw_bounded,
    make_schedule,
)
from videoengine.recon3d.simulator.views import cavity_gazes, tube_gazes
from videoengine.recon3d.simulator.work import Worker

_POLYP_AHEAD_MM = (25.0, 50.0)
"""How far before the tip of the scope a polyp comes into view."""


def make_plan(procedure: Procedure, seed: int) -> Plan:
    """Decide everything about one procedure; the same seed gives the same plan everywhere.

    Raises:
        UsageError: The seed is out of range.
    """
    key = seeded(seed).sub(procedure.name)
    schedule = make_schedule(procedure, key)
    rule = procedure.tube.polyps if procedure.tube else None
    lesions = _lesions(schedule, rule, key) if rule else {}
    work = Worker(procedure, schedule, key.sub("work"), lesions).run()
    incidents = work.bleedings + effects_of(procedure, work.visits, key)
    incidents += lens_incidents(schedule, key)
    if procedure.tube is None:
        gazes = cavity_gazes(schedule, work.visits, key)
    else:
        incidents += rinses(procedure.tube, schedule, key)
        gazes = tube_gazes(schedule, work.visits, lesions, key)
    return Plan(
        procedure=procedure.name,
        anatomy=procedure.anatomy,
        seed=seed,
        ticks=schedule.ticks,
        phases=schedule.spans(),
        visits=tuple(work.visits),
        incidents=tuple(sorted(incidents, key=_in_order)),
        outside=schedule.outside,
        gazes=gazes,
        polyps=_polyps(schedule, rule, lesions, work.visits, key) if rule else (),
    )


def _in_order(incident: Incident) -> tuple[int, int, str, int]:
    return (incident.start, incident.end, incident.kind, incident.visit)


def _lesions(schedule: Schedule, rule: PolypRule, key: Key) -> dict[int, Site]:
    """Return the polyp that each segment deals with: found in one, worked on in the next."""
    found: dict[int, Site] = {}
    for number, segment in enumerate(schedule.segments):
        before = schedule.segments[number - 1] if number else segment
        if segment.phase == rule.found:
            draws = key.sub("polyp", number).draws()
            along = segment.to_mm + draws.uniform(*_POLYP_AHEAD_MM)
            found[number] = Site("polyp", along / TUBE_MM, draws.fraction())
        elif number - 1 in found and before.phase == rule.found and segment.rule.work:
            found[number] = found[number - 1]
    return found


def _polyps(
    schedule: Schedule,
    rule: PolypRule,
    lesions: dict[int, Site],
    visits: Sequence[Visit],
    key: Key,
) -> tuple[Polyp, ...]:
    cuts: dict[tuple[float, float], int] = {}
    for visit in visits:
        for action in visit.actions:
            if action.verb.name == "cut" and action.target.name == "polyp":
                cuts.setdefault((action.site.a, action.site.b), moment_of(action))
    polyps: list[Polyp] = []
    for number, site in lesions.items():
        segment = schedule.segments[number]
        if segment.phase == rule.found:
            size = draw_bounded(key.sub("size", number).draws(), rule.size_mm)
            polyps.append(Polyp(site, size, segment.start, cuts.get((site.a, site.b))))
    return tuple(polyps)
