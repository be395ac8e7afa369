"""Tools for where: the tip of an instrument, estimated from its box, and who lies further where.

A log holds boxes, not tips. A shaft comes in from the border that its box reaches, or lies closest
to, and the tip is at the other end: that rule is all that stands between box and tip here.
"""

from __future__ import annotations

from typing import Final

from videoengine.media_time import clock
from videoengine.models.vlm.bus import MOMENT, SUBJECT, Input, Tool
from videoengine.models.vlm.findings import Finding, Outcome, Support, Unknown, Window, several
from videoengine.models.vlm.ground import (
    NEAR_NS,
    blind,
    missing,
    out_there,
    unknown,
)
from videoengine.models.vlm.index import CaseIndex, Sighting
from videoengine.models.vlm.subjects import Subject

UNDECIDED: Final = 0.12
"""Share of the picture: borders this equally far do not tell from which side a shaft comes."""
RELATIONS: Final = ("left", "right", "higher", "lower")


def tip_of(box: tuple[float, float, float, float]) -> tuple[float, float]:
    """Return where the tip of an instrument in a box is, right and down as fractions."""
    x, y, width, height = box
    return _end(x, x + width), _end(y, y + height)


def _end(low: float, high: float) -> float:
    """Return the end of an extent that lies away from the nearer border."""
    before, behind = low, 1 - high
    if abs(before - behind) < UNDECIDED:
        # Between the middle, where neither border is nearer, and one end.
        share = 0.5 + 0.5 * (behind - before) / UNDECIDED
        return low + share * (high - low)
    return high if before < behind else low


def _place_at(index: CaseIndex, subject: Subject, moment: int) -> Sighting | Unknown:
    """Return where an instrument is at a moment, or why that is not known."""
    lacking = unknown(index, subject)
    if lacking is not None:
        return lacking
    if subject.kind != "instrument":
        return Unknown("not_observable", f"Where {subject.phrase} is, no stage states.")
    out = out_there(index, moment)
    if out is not None:
        return out
    if not index.has_boxes():
        return Unknown(
            "not_observable",
            "The stages of this case state that instruments are in view, but not where.",
        )
    near = [
        one
        for one in index.sightings(moment - NEAR_NS, moment + NEAR_NS)
        if one.name in subject.names
    ]
    if not near:
        return Unknown("not_observable", f"No box of {subject.noun} is stated at {clock(moment)}.")
    return min(near, key=lambda one: (abs(one.at_ns - moment), one.key))


def _rest(one: Sighting) -> Support:
    return Support(one.at_ns, one.end_ns, one.epoch, (one.key,))


def _half(index: CaseIndex, subject: Subject, moment: int, axis: str) -> Outcome:
    found = _place_at(index, subject, moment)
    if isinstance(found, Unknown):
        return found
    x, y = tip_of(found.box)
    value = ("left" if x < 0.5 else "right") if axis == "side" else "upper" if y < 0.5 else "lower"
    text = (
        f"At {clock(moment)} the tip of the {subject.term} is in the {value} half of the picture, "
        f"estimated from its box."
    )
    return Finding(value, None, text, (_rest(found),))


def _whose(index: CaseIndex, one: Subject, other: Subject, relation: str, moment: int) -> Outcome:
    places: list[tuple[float, Subject, Sighting]] = []
    for subject in (one, other):
        found = _place_at(index, subject, moment)
        if isinstance(found, Unknown):
            return found
        x, y = tip_of(found.box)
        key = {"left": x, "right": -x, "higher": y, "lower": -y}[relation]
        places.append((key, subject, found))
    places.sort(key=lambda row: row[0])
    winner = places[0][1]
    said = {"left": "further left", "right": "further right"}.get(relation, relation)
    text = (
        f"At {clock(moment)} the tip of the {winner.term} is {said} in the picture than that of "
        f"the {places[1][1].term}, estimated from their boxes."
    )
    return Finding(winner.term, None, text, tuple(_rest(row[2]) for row in places))


def _where(index: CaseIndex, subject: Subject, moment: int) -> Outcome:
    found = _place_at(index, subject, moment)
    if isinstance(found, Unknown):
        return found
    x, y = tip_of(found.box)
    value = f"{'upper' if y < 0.5 else 'lower'} {'left' if x < 0.5 else 'right'}"
    text = f"At {clock(moment)} the tip of the {subject.term} is {value}, estimated from its box."
    return Finding(value, None, text, (_rest(found),))


def _boxes(index: CaseIndex, moment: int) -> Outcome:
    lacking = missing(index, ("instrument",))
    if lacking is not None:
        return lacking
    near = index.sightings(moment - NEAR_NS, moment + NEAR_NS)
    if not near:
        return blind(index, Window(moment, moment))
    at = min((one.at_ns for one in near), key=lambda ns: abs(ns - moment))
    shown = [one for one in near if one.at_ns == at]
    value = [{"name": one.name, "box": list(one.box)} for one in shown]
    of = several(len(shown), "instrument")
    text = f"Boxes are stated of {of} at {clock(at, milliseconds=True)}."
    return Finding(value, None, text, tuple(map(_rest, shown)))


HALF: Final = Tool(
    "half",
    "In which half of the picture the tip of an instrument is at a moment.",
    {
        "subject": SUBJECT,
        "moment": MOMENT,
        "axis": Input(str, "side: left or right; height: upper or lower", ("side", "height")),
    },
    "left, right, upper or lower",
    _half,
)
WHOSE: Final = Tool(
    "whose",
    "Which of two instruments has its tip further left, further right, higher or lower.",
    {
        "one": SUBJECT,
        "other": SUBJECT,
        "relation": Input(str, "what is compared", RELATIONS),
        "moment": MOMENT,
    },
    "a name",
    _whose,
)
WHERE: Final = Tool(
    "where",
    "Where in the picture the tip of an instrument is at a moment.",
    {"subject": SUBJECT, "moment": MOMENT},
    "upper or lower, left or right",
    _where,
)
BOXES: Final = Tool(
    "boxes",
    "The boxes of all instruments at the sample closest to a moment.",
    {"moment": MOMENT},
    "a list of names and boxes [x, y, width, height] in 0…1",
    _boxes,
)
