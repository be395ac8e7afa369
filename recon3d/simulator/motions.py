"""The motions of hands: what the tip of an instrument does at its site, verb by verb.

A motion says where on the tissue the tip is, how far off it, and how it holds and pulls. All of it
is a function of the time alone, so any moment can be had without those before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator import portable_math as pm
from videoengine.recon3d.simulator.anatomy import Anatomy
from videoengine.recon3d.simulator.incidents import MOMENT
from videoengine.recon3d.simulator.plan import TICKS_PER_SECOND, Action, Plan, Site
from videoengine.recon3d.simulator.portable_math import TAU, Array
from videoengine.recon3d.simulator.portable_math import smooth_step as ease
from videoengine.recon3d.simulator.randomness import Key
from videoengine.recon3d.simulator.vectors import across, cross, length, unit

Indices = NDArray[np.int64]

HOVER, HOLD, STROKE, DWELL, CLIP, CUT, SWEEP = range(7)
MOTIONS: Final = {
    "grasp": HOLD,
    "retract": HOLD,
    "pack": HOLD,
    "biopsy": HOLD,
    "dissect": STROKE,
    "coagulate": DWELL,
    "inject": DWELL,
    "clip": CLIP,
    "cut": CUT,
    "aspirate": SWEEP,
    "irrigate": SWEEP,
    "null_verb": HOVER,
}
"""A verb that is not here dwells."""
PULL_MM: Final = {"grasp": (2.0, 5.0), "biopsy": (3.0, 6.0), "pack": (12.0, 24.0)}
RETRACTION_MM: Final = (8.0, 25.0)
TUBE_PULL: Final = 0.35
"""Share of a pull that the wall of a tube allows."""

CLOSE_S: Final = 0.4
OPEN_S: Final = 0.3
RISE_S: Final = 1.6
"""Time a pull takes to its full length."""
CONTACT: Final = 0.55
"""Share of a stroke's period in which the tip is on the tissue; then it is lifted back."""
STEP: Final = 1e-3
"""Of material coordinates, to find how long they are in mm."""
DRAWS: Final = 10
"""Random numbers of one action."""


@dataclass(frozen=True, slots=True)
class ActionTable:
    """The actions of a plan as columns; K of them, in order of visit and time."""

    start_s: Array
    arrive_s: Array
    leave_s: Array
    end_s: Array
    visit: Indices
    number: Indices
    """Place within the visit."""
    first: NDArray[np.bool_]
    last: NDArray[np.bool_]
    kind: Indices
    u: Array
    v: Array
    u_per_mm: Array
    """Along the direction of strokes and sweeps."""
    v_per_mm: Array
    u_across: Array
    """The same at a right angle."""
    v_across: Array
    normal: Array
    """(K, 3)."""
    pull: Array
    """(K, 3), mm."""
    base: Array
    """(K, 3): pull that an earlier action at the same site left."""
    held_before: NDArray[np.bool_]
    held_after: NDArray[np.bool_]
    stroke_mm: Array
    period_s: Array
    sweep_mm: Array
    hover_mm: Array
    pace: Array
    """Of sweeps, rad/s."""
    lift_mm: Array
    """Above the tissue on the way here."""
    roll: Array


@dataclass(frozen=True, slots=True)
class Local:
    """What the tip does at moments of actions, (M,) or (M, 3)."""

    tip: Array
    normal: Array
    pull: Array
    """How far the tissue is pulled from its rest."""
    grip: Array
    jaw: Array
    """0 closed … 1 wide open."""
    roll: Array


def tabulate(plan: Plan, anatomy: Anatomy, key: Key) -> ActionTable:
    """Lay out the actions of a plan on its anatomy."""
    actions = [action for visit in plan.visits for action in visit.actions]
    draw = _drawn(plan, key)
    places = [anatomy.locate(action.site) for action in actions]
    u, v = np.asarray(places, np.float64).reshape(-1, 2).T
    kind = np.asarray([MOTIONS.get(a.verb.name, DWELL) for a in actions], np.int64)
    normal = np.asarray(anatomy.normal(u, v), np.float64)
    rest = anatomy.point(u, v, 0.0)
    per_u = length(anatomy.point(u + STEP, v, 0.0) - rest) / STEP
    per_v = length(anatomy.point(u, v + STEP, 0.0) - rest) / STEP
    sine, cosine = pm.sincos(TAU * draw[:, 0])
    counts = [len(visit.actions) for visit in plan.visits]
    number = np.asarray([n for count in counts for n in range(count)], np.int64)
    last = np.asarray([n == count - 1 for count in counts for n in range(count)], np.bool_)
    times = np.asarray([(a.start, a.arrive, a.leave, a.end) for a in actions], np.float64)
    times = times.reshape(-1, 4) / TICKS_PER_SECOND
    before, after = _chains(actions, kind)
    bag = anatomy.point(*anatomy.locate(Site("specimen_bag", 0.5, 0.5)), 0.0)
    pull = _pulls(actions, normal, bag - rest, draw, tube=plan.anatomy == "tube")
    return ActionTable(
        start_s=times[:, 0],
        arrive_s=times[:, 1],
        leave_s=times[:, 2],
        end_s=times[:, 3],
        visit=np.asarray([a.visit for a in actions], np.int64),
        number=number,
        first=number == 0,
        last=last,
        kind=kind,
        u=u,
        v=v,
        u_per_mm=cosine / per_u,
        v_per_mm=sine / per_v,
        u_across=-sine / per_u,
        v_across=cosine / per_v,
        normal=normal,
        pull=pull,
        base=_bases(pull, times[:, 2] - times[:, 1], before),
        held_before=before,
        held_after=after,
        stroke_mm=5.0 + 10.0 * draw[:, 1],
        period_s=1.4 + 1.2 * draw[:, 2],
        sweep_mm=_by_kind(kind, {HOVER: 6.0, DWELL: 0.8, SWEEP: 7.0}) * (0.7 + 0.6 * draw[:, 3]),
        hover_mm=np.where(kind == HOVER, 7.0 + 8.0 * draw[:, 4], 0.0)
        + np.where(kind == SWEEP, 2.0 + 3.0 * draw[:, 4], 0.0),
        pace=_by_kind(kind, {HOVER: 0.8, DWELL: 2.4, SWEEP: 2.1}) * (0.8 + 0.4 * draw[:, 5]),
        lift_mm=5.0 + 6.0 * draw[:, 6],
        roll=1.2 * (draw[:, 7] - 0.5),
    )


def _drawn(plan: Plan, key: Key) -> Array:
    """Return the random numbers (K, DRAWS) of the actions."""
    draws = [
        key.sub("actions", visit.number).fractions(DRAWS * len(visit.actions))
        for visit in plan.visits
    ]
    return np.concatenate([*draws, np.zeros(0)]).reshape(-1, DRAWS)


def _by_kind(kind: Indices, values: dict[int, float]) -> Array:
    out = np.zeros(kind.shape)
    for number, value in values.items():
        out = np.where(kind == number, value, out)
    return out


def _chains(actions: list[Action], kind: Indices) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which actions take over, or pass on, tissue that stays in the jaws."""
    before = np.zeros(len(actions), np.bool_)
    after = np.zeros(len(actions), np.bool_)
    for k in range(1, len(actions)):
        same = actions[k - 1].visit == actions[k].visit and actions[k - 1].site == actions[k].site
        if same and kind[k - 1] == HOLD and kind[k] == HOLD:
            before[k] = after[k - 1] = True
    return before, after


def _pulls(
    actions: list[Action], normal: Array, to_bag: Array, draw: Array, *, tube: bool
) -> Array:
    """Return where each holding action pulls, in mm: up from its bed, and cranially as a rule."""
    size = np.zeros(len(actions))
    packs = np.zeros(len(actions), np.bool_)
    for k, action in enumerate(actions):
        if MOTIONS.get(action.verb.name) == HOLD:
            low, high = PULL_MM.get(action.verb.name, RETRACTION_MM)
            size[k] = (low + (high - low) * draw[k, 8]) * (TUBE_PULL if tube else 1.0)
            packs[k] = action.verb.name == "pack"
    cranial = np.broadcast_to(np.asarray([0.0, 1.0, 0.0]), normal.shape)
    side = across(cranial, normal)
    other = cross(normal, side)
    turn = (draw[:, 9] - 0.5)[:, None]
    along = unit(side + 1.4 * turn * other)
    direction = unit(0.8 * normal + 0.6 * along)
    bag = unit(0.5 * normal + unit(to_bag))
    return np.where(packs[:, None], bag, direction) * size[:, None]


def _bases(pull: Array, held_s: Array, before: NDArray[np.bool_]) -> Array:
    base = np.zeros_like(pull)
    for k in range(1, len(pull)):
        if before[k]:
            grown = ease(np.asarray([(held_s[k - 1] - CLOSE_S) / RISE_S]))[0]
            base[k] = base[k - 1] + (pull[k - 1] - base[k - 1]) * grown
    return base


def local(table: ActionTable, k: Indices, time_s: Array, anatomy: Anatomy) -> Local:
    """Return what the tip does for actions `k` (M,) at times (M,).

    Before its hold an action stands as at the hold's start, after it as at its end.
    """
    held = table.leave_s[k] - table.arrive_s[k]
    past = np.minimum(np.maximum(time_s - table.arrive_s[k], 0.0), held)
    left = held - past
    kind = table.kind[k]
    soft = ease(past / 0.3) * ease(left / 0.5)
    along, aside, height = _strokes(table, k, past, left, soft)
    swing = table.sweep_mm[k] * soft
    along = along + swing * pm.sin(table.pace[k] * past)
    aside = aside + 0.5 * swing * pm.sin(0.6 * table.pace[k] * past)
    point = anatomy.point(
        table.u[k] + along * table.u_per_mm[k] + aside * table.u_across[k],
        table.v[k] + along * table.v_per_mm[k] + aside * table.v_across[k],
        time_s,
    )
    height = height + table.hover_mm[k]
    shift, grip = _holds(table, k, past, held)
    normal = table.normal[k]
    return Local(
        tip=point + normal * height[:, None] + shift,
        normal=normal,
        pull=shift * grip[:, None],
        grip=grip,
        jaw=_jaws(kind, past, held, grip, soft),
        roll=table.roll[k],
    )


def _strokes(
    table: ActionTable, k: Indices, past: Array, left: Array, soft: Array
) -> tuple[Array, Array, Array]:
    """Return mm along and aside of the site, and height, of repeated strokes."""
    strokes = table.kind[k] == STROKE
    x = past / table.period_s[k]
    part = x - np.floor(x)
    back = (part - CONTACT) / (1.0 - CONTACT)
    along = table.stroke_mm[k] * (ease(part / CONTACT) - ease(back))
    lifted = np.minimum(np.maximum(back, 0.0), 1.0)
    height = 4.0 * 16.0 * lifted * lifted * (1.0 - lifted) * (1.0 - lifted)
    still = np.where(strokes, ease(left / 0.5), 0.0)
    aside = np.where(strokes, 3.0 * soft, 0.0) * pm.sin(0.5 * past)
    return along * still, aside, height * still


def _holds(table: ActionTable, k: Indices, past: Array, held: Array) -> tuple[Array, Array]:
    """Return how far the tip has pulled (M, 3), and how firmly it grips, 0 to 1."""
    holds = table.kind[k] == HOLD
    before, after = table.held_before[k], table.held_after[k]
    grown = ease((past - CLOSE_S) / RISE_S)
    shift = table.base[k] + (table.pull[k] - table.base[k]) * grown[:, None]
    eased = np.where(after, 1.0, 1.0 - 0.75 * ease((past - (held - 1.0)) / 0.7))
    close = np.where(before, 1.0, ease(past / CLOSE_S))
    release = np.where(after, 1.0, 1.0 - ease((past - (held - OPEN_S)) / OPEN_S))
    return shift * eased[:, None], np.where(holds, close * release, 0.0)


def _jaws(kind: Indices, past: Array, held: Array, grip: Array, soft: Array) -> Array:
    """Return how far the jaws are open, as a share of their widest angle."""
    moment = MOMENT * held
    take = np.minimum(1.0, 0.5 * held)
    closing = ease((past - (moment - take)) / take)
    opening = ease((past - moment - 0.25) / 0.4)
    snap = ease((past - (moment - 0.3)) / 0.3)
    beat: Any = pm.sin(1.7 * past)
    options = {
        HOVER: np.full_like(past, 0.2),
        HOLD: 0.75 - 0.63 * grip,
        STROKE: 0.15 + 0.35 * beat * beat * soft,
        DWELL: 0.4 - 0.25 * ease(past / 0.5) * ease((held - past) / 0.3),
        CLIP: 1.0 - 0.97 * closing * (1.0 - 0.8 * opening),
        CUT: 0.1 + 0.75 * ease(past / (0.3 * held)) * (1.0 - snap),
        SWEEP: np.zeros_like(past),
    }
    out = np.zeros_like(past)
    for number, value in options.items():
        out = np.where(kind == number, value, out)
    return out
