"""What the log says to a claim about a subject: the rules look here, not in the log itself."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from videoengine.media_time import NS_PER_SECOND, clock
from videoengine.models.vlm.checker.quantities import Quantity
from videoengine.models.vlm.checker.verdicts import Ruling, decided, unknown
from videoengine.models.vlm.findings import Window, listed, long, several
from videoengine.models.vlm.ground import NEAR_NS, blind, whole
from videoengine.models.vlm.ground import unknown as not_known
from videoengine.models.vlm.index import CaseIndex
from videoengine.models.vlm.phrasing import times
from videoengine.models.vlm.subjects import (
    Stretch,
    Subject,
    cut,
    looked_at,
    stretches,
    support_of,
    supports,
)
from videoengine.models.vlm.tools_times import START_NS
from videoengine.spoken import spoken

MOST_OTHERS: Final = 3
WHOLE: Final = 0.95
"""Share of a stretch that something said to last throughout must fill."""


def found_in(index: CaseIndex, subject: Subject, window: Window | None) -> list[Stretch] | Ruling:
    """Return where a subject is so in a stretch, or that it is not known."""
    lacking = not_known(index, subject)
    if lacking is not None:
        return unknown(lacking)
    place = whole(index, window)
    found = cut(stretches(index, subject), place)
    if not found and not looked_at(index, subject.kinds, place):
        return unknown(blind(index, place))
    return found


def presence(index: CaseIndex, subject: Subject, window: Window | None, *, denied: bool) -> Ruling:
    """Rule on "a hook was in view", or that none was."""
    found = found_in(index, subject, window)
    if isinstance(found, Ruling):
        return found
    place = whole(index, window)
    if found:
        touching = [s for s in stretches(index, subject) if _touches(s, place)]
        return decided(not denied, f"{subject.phrase}: {times(touching)}", supports(found))
    says = f"never {'in this case' if window is None else place.says()}: {subject.phrase}"
    says += instead(index, subject, place)
    return decided(denied, says, looked_at(index, subject.kinds, place))


def _touches(one: Stretch, place: Window) -> bool:
    return one.start_ns < place.end_ns and one.end_ns > place.start_ns


def instead(index: CaseIndex, subject: Subject, place: Window) -> str:
    """Return what the log has in place of something that it has not."""
    if subject.kind not in ("phase", "step", "instrument", "triplet"):
        return ""
    rows = index.segments(subject.kind, start_ns=place.start_ns, end_ns=place.end_ns)
    if subject.kind == "triplet":
        rows = [row for row in rows if "null_verb" not in row.name]
    names = list(dict.fromkeys(spoken(row.name) for row in rows))
    if not names or len(names) > MOST_OTHERS:
        return ""
    return f"; stated there: {listed(names)}"


def throughout(index: CaseIndex, subject: Subject, window: Window, *, denied: bool) -> Ruling:
    """Rule on "a hook was in view from 1:00 to 2:00": all the time, or, denied, at no time."""
    if denied:
        return presence(index, subject, window, denied=True)
    found = found_in(index, subject, window)
    if isinstance(found, Ruling):
        return found
    place = whole(index, window)
    if not found:
        return presence(index, subject, window, denied=False)
    missing = window.length_ns - sum(one.end_ns - one.start_ns for one in found)
    slack = max((1 - WHOLE) * window.length_ns, 2 * NS_PER_SECOND)
    says = f"{subject.phrase}: {times(found)}"
    return decided(place.length_ns > 0 and missing <= slack, says, supports(found))


def duration(
    index: CaseIndex, subject: Subject, window: Window | None, claimed: Quantity
) -> Ruling:
    """Rule on "a hook was in view for 3 minutes": all in all, or in the one stretch there is."""
    found = found_in(index, subject, window)
    if isinstance(found, Ruling):
        return found
    total = sum(one.end_ns - one.start_ns for one in found)
    seen = sum(part.length_ns for part in _sightings(found))
    rests = supports(found) or looked_at(index, subject.kinds, whole(index, window))
    says = f"{subject.phrase}: {long(total)}" + (f", {times(found)}" if found else "")
    if seen != total:
        says += f"; its sightings last {long(seen)}"
    holds = any(claimed.fits(length / NS_PER_SECOND) for length in (total, seen))
    return decided(holds, says, rests)


def _sightings(found: list[Stretch]) -> list[Window]:
    """Return what stretches are made of: what is lost from sight for a moment is in one of them."""
    return [part for one in found for part in one.parts or (one.window,)]


def sighted(index: CaseIndex, subject: Subject, at_ns: int) -> bool | None:
    """Tell whether an instrument is seen at a moment; None: between two sightings of it."""
    touching = [one for one in stretches(index, subject) if one.start_ns <= at_ns < one.end_ns]
    if not touching:
        return False
    near = NEAR_NS
    parts = _sightings(touching)
    seen = any(part.start_ns - near <= at_ns < part.end_ns + near for part in parts)
    return True if seen else None


def begins(index: CaseIndex, subject: Subject, window: Window | None, claimed: Quantity) -> Ruling:
    """Rule on how many times something comes about."""
    place = whole(index, window)
    found = found_in(index, subject, None)
    if isinstance(found, Ruling):
        return found
    after = max(place.start_ns, START_NS)
    begun = [one for one in found if after < one.start_ns <= place.end_ns]
    return _counted(index, subject, begun, place, claimed)


def occasions(
    index: CaseIndex, subject: Subject, window: Window | None, claimed: Quantity
) -> Ruling:
    """Rule on how many times something is so, from the start or not."""
    found = found_in(index, subject, window)
    if isinstance(found, Ruling):
        return found
    return _counted(index, subject, found, whole(index, window), claimed)


def in_pieces(
    index: CaseIndex, subject: Subject, window: Window | None, claimed: Quantity
) -> Ruling:
    """Rule on "in 17 stretches": as answers count them, or the note, which counts sightings."""
    found = found_in(index, subject, window)
    if isinstance(found, Ruling):
        return found
    place, parts = whole(index, window), _sightings(found)
    rests = supports(found) or looked_at(index, subject.kinds, place)
    says = f"{subject.phrase}, {several(len(found), 'time')}, in {several(len(parts), 'sighting')}"
    return decided(claimed.fits(len(found)) or claimed.fits(len(parts)), says, rests)


def _counted(
    index: CaseIndex, subject: Subject, found: list[Stretch], place: Window, claimed: Quantity
) -> Ruling:
    rests = supports(found) or looked_at(index, subject.kinds, place)
    if not rests:
        return unknown(blind(index, place))
    when = f": {times(found)}" if found else ""
    says = f"{subject.phrase}, {several(len(found), 'time')}{when}"
    return decided(claimed.fits(len(found)), says, rests)


def edge(index: CaseIndex, subject: Subject, at_ns: int, grain_ns: int, which: str) -> Ruling:
    """Rule on when something begins or ends: `first`, `begin`, `end` or `last`."""
    found = found_in(index, subject, None)
    if isinstance(found, Ruling):
        return found
    if not found:
        return presence(index, subject, None, denied=False)
    ends = which in ("end", "last")
    chosen = {"first": found[:1], "last": found[-1:]}.get(which, found)
    near = min(chosen, key=lambda one: abs((one.end_ns if ends else one.start_ns) - at_ns))
    actual = near.end_ns if ends else near.start_ns
    says = f"{subject.phrase}: {clock(near.start_ns)} to {clock(near.end_ns)}"
    if which in ("first", "last"):
        says += f", the {which} time"
    off = actual - at_ns
    # A clock is cut off to the second before it; what is said in minutes is rounded.
    fits = (
        abs(off) <= NS_PER_SECOND if grain_ns <= NS_PER_SECOND else -grain_ns / 2 <= off < grain_ns
    )
    return decided(fits, says, near.supports[:1] if not ends else near.supports[-1:])


def apart(index: CaseIndex, one: Subject, other: Subject) -> Ruling:
    """Rule on whether one thing has ended for good before another begins."""
    both: list[list[Stretch]] = []
    for subject in (one, other):
        found = found_in(index, subject, None)
        if isinstance(found, Ruling):
            return found
        if not found:
            return presence(index, subject, None, denied=False)
        both.append(found)
    last, first = both[0][-1], both[1][0]
    says = f"{one.phrase} until {clock(last.end_ns)}, {other.event} at {clock(first.start_ns)}"
    rests = (last.supports[-1], first.supports[0])
    return decided(last.end_ns <= first.start_ns + NS_PER_SECOND, says, rests)


def order(index: CaseIndex, one: Subject, other: Subject, *, later: bool, denied: bool) -> Ruling:
    """Rule on which of two things begins first; both must come about."""
    begun: list[Stretch] = []
    for subject in (one, other):
        found = found_in(index, subject, None)
        if isinstance(found, Ruling):
            return found
        if not found:
            return presence(index, subject, None, denied=False)
        begun.append(found[0])
    first, second = begun
    says = f"{one.event} at {clock(first.start_ns)}, {other.event} at {clock(second.start_ns)}"
    rests = (first.supports[0], second.supports[0])
    if first.start_ns == second.start_ns:
        return Ruling("contradicted", f"at the same time: {says}", rests)
    holds = (first.start_ns > second.start_ns) == later
    return decided(holds != denied, says, rests)


def follows(index: CaseIndex, one: Subject, other: Subject, *, denied: bool) -> Ruling:
    """Rule on whether one phase comes at once after another."""
    if one.kind != other.kind or one.kind not in ("phase", "step"):
        return order(index, one, other, later=False, denied=denied)
    for subject in (one, other):
        found = found_in(index, subject, None)
        if isinstance(found, Ruling):
            return found
        if not found:
            return presence(index, subject, None, denied=False)
    rows = index.segments(one.kind)
    pairs = [(a, b) for a, b in pairwise(rows) if a.name != b.name]
    mine = [(a, b) for a, b in pairs if a.name in one.names]
    good = [(a, b) for a, b in mine if b.name in other.names]
    shown = good or mine
    if not shown:
        last = [row for row in rows if row.name in one.names]
        return decided(denied, f"nothing follows {one.noun}", (support_of(last[-1]),))
    a, b = shown[0]
    says = f"{spoken(a.name)} is followed by {spoken(b.name)} at {clock(b.start_ns)}"
    return decided(bool(good) != denied, says, (support_of(a), support_of(b)))
