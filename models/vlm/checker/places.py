"""Rules for where a tip is: ruled on only where boxes leave no doubt.

A log holds boxes, and a tip is estimated from its box. A question may be answered by the estimate,
with a word that it is one; a claim is not called true on it.
"""

from __future__ import annotations

import re
from typing import Final

from videoengine.models.vlm.checker.clause import Clause
from videoengine.models.vlm.checker.rules import Facts
from videoengine.models.vlm.checker.verdicts import Ruling, decided, unknown, unsupported
from videoengine.models.vlm.findings import Unknown
from videoengine.models.vlm.subjects import Subject
from videoengine.models.vlm.tools_places import UNDECIDED, tip_of

SIDE: Final = r"upper|lower|left|right|top|bottom"
CLEAR: Final = 0.1
"""Share of the picture by which an estimated tip must be clear of what it is told from."""
Box = tuple[float, float, float, float]


def half(case: Facts, clause: Clause, found: re.Match[str]) -> Ruling | None:
    """Rule on where a tip is; a place without a time is no claim that can be looked up."""
    at, subject = clause.moment(), clause.subjects[0]
    if at is None or len(clause.subjects) != 1:
        return unsupported("A place in the picture changes all the time: the claim names none.")
    outcome = case.bus.call("where", subject=subject, moment=at)
    if isinstance(outcome, Unknown):
        return unknown(outcome)
    same = {"top": "upper", "bottom": "lower"}
    claimed = [same.get(side, side) for side in re.findall(SIDE, found["side"])]
    axes = {0 if side in ("left", "right") else 1 for side in claimed}
    if not all(certain_half(box, axis) for box in _boxes(case, subject, at) for axis in axes):
        return unsupported(f"{outcome.text} It reaches over the middle: too near to tell.")
    holds = set(claimed) <= set(str(outcome.value).split())
    return decided(holds != clause.denied, outcome.text, outcome.supports)


def _boxes(case: Facts, subject: Subject, at: int) -> list[Box]:
    """Return the boxes of an instrument at the sample closest to a moment."""
    outcome = case.bus.call("boxes", moment=at)
    if isinstance(outcome, Unknown):
        return []
    return [tuple(row["box"]) for row in outcome.value if row["name"] in subject.names]


def certain_half(box: Box, axis: int) -> bool:
    """Tell whether a box alone decides in which half its tip is: right or left, upper or lower."""
    low, high = box[axis], box[axis] + box[axis + 2]
    if low >= 0.5 or high <= 0.5:
        return True
    return _decided_tip(box, axis) and abs(tip_of(box)[axis] - 0.5) >= CLEAR


def _decided_tip(box: Box, axis: int) -> bool:
    """Tell whether one border is so much nearer that the shaft must come from there."""
    return abs(box[axis] - (1 - box[axis] - box[axis + 2])) >= UNDECIDED


def certain_side(one: Box, other: Box, axis: int) -> bool:
    """Tell whether two boxes alone decide whose tip is further left, or higher."""
    if one[axis] + one[axis + 2] <= other[axis] or other[axis] + other[axis + 2] <= one[axis]:
        return True
    apart = abs(tip_of(one)[axis] - tip_of(other)[axis]) >= CLEAR
    return apart and _decided_tip(one, axis) and _decided_tip(other, axis)


_BESIDE: Final = {
    "left": "left", "right": "right", "above": "higher", "higher": "higher", "below": "lower",
    "lower": "lower", "under": "lower", "beneath": "lower",
}  # fmt: skip


def beside(case: Facts, clause: Clause, found: re.Match[str]) -> Ruling | None:
    """Rule on where one tip is, seen from another."""
    at = clause.moment()
    if len(clause.subjects) != 2:
        return None
    if at is None:
        return unsupported("A place in the picture changes all the time: the claim names none.")
    one, other = clause.subjects
    relation = _BESIDE[found["how"]]
    outcome = case.bus.call("whose", one=one, other=other, relation=relation, moment=at)
    if isinstance(outcome, Unknown):
        return unknown(outcome)
    axis = 0 if relation in ("left", "right") else 1
    pairs = [(a, b) for a in _boxes(case, one, at) for b in _boxes(case, other, at)]
    if not all(certain_side(a, b, axis) for a, b in pairs):
        return unsupported(f"{outcome.text} Their boxes are too near to tell.")
    return decided((outcome.value == one.term) != clause.denied, outcome.text, outcome.supports)
