"""Short stretches of simulated procedures, cut so that few ticks lead to a frame."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from videoengine.recon3d.simulator.plan import Plan, Visit
from videoengine.recon3d.simulator.planner import make_plan
from videoengine.recon3d.simulator.procedure import load_procedure


def planned(procedure: str, seed: int = 7) -> Plan:
    """Return the plan of a procedure that ships with videoengine."""
    return make_plan(load_procedure(procedure), seed)


def cut(plan: Plan, first: int, ticks: int, **changes: Any) -> Plan:
    """Return `ticks` of a plan from `first` on as a plan of its own, in the body throughout.

    Nothing happens in it but the visits of instruments; `changes` replace fields of the plan.
    """
    phases = tuple(
        replace(p, start=max(p.start - first, 0), end=min(p.end - first, ticks))
        for p in plan.phases
        if p.start - first < ticks and p.end > first
    )
    polyps = tuple(
        replace(p, found=p.found - first, resected=p.resected and p.resected - first)
        for p in plan.polyps
    )
    shortened = replace(
        plan,
        ticks=ticks,
        phases=phases,
        gazes=tuple(replace(g, start=g.start - first) for g in plan.gazes),
        polyps=polyps,
        visits=tuple(_shifted(v, first) for v in plan.visits),
        incidents=(),
        outside=(),
    )
    return replace(shortened, **changes)


def _shifted(visit: Visit, by: int) -> Visit:
    actions = tuple(
        replace(a, start=a.start - by, arrive=a.arrive - by, leave=a.leave - by, end=a.end - by)
        for a in visit.actions
    )
    return replace(visit, start=visit.start - by, end=visit.end - by, actions=actions)


def begun(procedure: str, ticks: int, *, seed: int = 7, **changes: Any) -> Plan:
    """Return the first `ticks` in the body of a procedure; see `cut`."""
    plan = planned(procedure, seed)
    first = 0
    for span in plan.outside:
        first = span.end if span.start <= first else first
    return cut(plan, first, ticks, **changes)
