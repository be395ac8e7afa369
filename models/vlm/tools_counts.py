"""Tools for how many: comings into view, kinds, clips placed, polyps found."""

from __future__ import annotations

from typing import Final

from videoengine.media_time import clock
from videoengine.models.vlm.bus import SUBJECT, WINDOW, Input, Tool
from videoengine.models.vlm.findings import Finding, Outcome, Window, chosen, listed, several
from videoengine.models.vlm.ground import blind, missing, unknown, whole
from videoengine.models.vlm.index import CaseIndex
from videoengine.models.vlm.subjects import (
    NULL,
    Stretch,
    Subject,
    cut,
    joined,
    looked_at,
    spoken,
    stretches,
    support_of,
    supports,
)
from videoengine.models.vlm.tools_states import MOST_TIMES
from videoengine.models.vlm.tools_times import START_NS
from videoengine.timeline import Segment

CLIP: Final = "clip"
POLYP: Final = "polyp"


def _times(index: CaseIndex, subject: Subject, window: Window | None = None) -> Outcome:
    lacking = unknown(index, subject)
    if lacking is not None:
        return lacking
    place = whole(index, window)
    after = max(place.start_ns, START_NS)
    begun = [s for s in stretches(index, subject) if after < s.start_ns <= place.end_ns]
    return _counted(index, begun, subject.event, subject.kinds, window)


def _counted(
    index: CaseIndex,
    found: list[Stretch],
    what: str,
    kinds: tuple[str, ...],
    window: Window | None,
) -> Outcome:
    place = whole(index, window)
    rests = supports(found) or looked_at(index, kinds, place)
    if not rests:
        return blind(index, place)
    shown = [clock(one.start_ns) for one in found[:MOST_TIMES]]
    more = len(found) - len(shown)
    at = listed(shown) if not more else f"{', '.join(shown)} and {more} more"
    when = f": at {at}" if found else ""
    where = "in this case" if window is None else place.says()
    return Finding(len(found), None, f"{several(len(found), 'time')} {what} {where}{when}.", rests)


def _kinds(index: CaseIndex, kind: str, window: Window | None = None) -> Outcome:
    lacking = missing(index, (kind,))
    if lacking is not None:
        return lacking
    place = whole(index, window)
    segments = index.segments(kind, start_ns=place.start_ns, end_ns=place.end_ns)
    names = [
        name
        for name in dict.fromkeys(one.name for one in segments)
        if not any(part in name for part in NULL)
        and cut(joined(one for one in segments if one.name == name), place)
    ]
    rests = chosen(
        support_of(next(one for one in segments if one.name == name)).within(place)
        for name in names
    ) or looked_at(index, (kind,), place)
    if not rests:
        return blind(index, place)
    said = f": {listed(spoken(name) for name in names)}" if names else ""
    where = "in this case" if window is None else place.says()
    return Finding(
        len(names), None, f"{several(len(names), 'kind')} of {kind} {where}{said}.", rests
    )


def _clips(index: CaseIndex, window: Window | None = None) -> Outcome:
    lacking = missing(index, ("triplet",))
    if lacking is not None:
        return lacking
    place = whole(index, window)
    found = [
        one
        for one in index.segments("triplet", start_ns=place.start_ns, end_ns=place.end_ns)
        if CLIP in one.name.split(", ")[1:2]
    ]
    placed = [
        Stretch(middle, max(one.end_ns, middle), (support_of(one),))
        for one in found
        if place.start_ns <= (middle := (one.start_ns + one.end_ns) // 2) <= place.end_ns
    ]  # the jaws close in the midst of the action
    return _counted(index, placed, "an instrument clips", ("triplet",), window)


def _begun(segments: list[Segment], place: Window) -> list[Stretch]:
    """Return segments that begin in a window, each for itself: two clips follow soon."""
    return [
        Stretch(one.start_ns, one.end_ns, (support_of(one),))
        for one in segments
        if place.start_ns <= one.start_ns <= place.end_ns
    ]


def _polyps(index: CaseIndex, window: Window | None = None) -> Outcome:
    """Count what the phases say: each polyp that is found opens a phase of its own."""
    place = whole(index, window)
    for kind in ("phase", "track", "segment"):
        names = [name for name in _vocabulary(index, kind) if POLYP in spoken(name).split()]
        if names:
            found = index.segments(kind, names, start_ns=place.start_ns, end_ns=place.end_ns)
            what = f"the {kind} {listed(map(spoken, names))} begins"
            return _counted(index, _begun(found, place), what, (kind,), window)
    return missing(index, ("track",)) or blind(index, place)


def _vocabulary(index: CaseIndex, kind: str) -> list[str]:
    from videoengine.vocabularies import vocabularies

    known = vocabularies()
    names = [
        label.name
        for vocabulary in index.vocabularies(kind)
        if vocabulary in known
        for label in known[vocabulary].labels
    ]
    return list(dict.fromkeys([*names, *index.names(kind)]))


TIMES: Final = Tool(
    "times",
    "How many times something begins in a stretch.",
    {"subject": SUBJECT, "window": WINDOW},
    "a number",
    _times,
)
KINDS: Final = Tool(
    "kinds",
    "How many different phases, steps, instruments or actions occur in a stretch.",
    {
        "kind": Input(str, "a kind of event", ("phase", "step", "instrument", "triplet")),
        "window": WINDOW,
    },
    "a number",
    _kinds,
)
CLIPS: Final = Tool(
    "clips", "How many clips are placed in a stretch.", {"window": WINDOW}, "a number", _clips
)
POLYPS: Final = Tool(
    "polyps", "How many polyps are found in a stretch.", {"window": WINDOW}, "a number", _polyps
)
