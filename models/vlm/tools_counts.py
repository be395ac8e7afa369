"""Tools for how many: comings into view, kinds, clips placed, polyps found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from videoengine.media_time import clock
from videoengine.models.vlm.bus import SUBJECT, WINDOW, Input, Tool
from videoengine.models.vlm.findings import Finding, Outcome, Window, chosen, listed, several
from videoengine.models.vlm.ground import blind, missing, unknown, whole
from videoengine.models.vlm.index import CaseIndex
from videoengine.models.vlm.phrasing import (
    denied,
    gathered,
    is_so,
    large,
    moments,
    often,
    shown,
    where,
)
from videoengine.models.vlm.subjects import (
    NULL,
    Stretch,
    Subject,
    cut,
    joined,
    looked_at,
    stretches,
    support_of,
    supports,
)
from videoengine.models.vlm.tools_times import START_NS
from videoengine.spoken import spoken
from videoengine.timeline import Segment

CLIP: Final = "clip"
POLYP: Final = "polyp"


def _times(index: CaseIndex, subject: Subject, window: Window | None = None) -> Outcome:
    lacking = unknown(index, subject)
    if lacking is not None:
        return lacking
    place = whole(index, window)
    after = max(place.start_ns, START_NS)
    every = stretches(index, subject)
    begun = [s for s in every if after < s.start_ns <= place.end_ns]
    going = any(s.start_ns <= after < s.end_ns for s in every)
    also = ""
    if going and subject.both is None and not subject.change:
        start = "from the start" if window is None else f"already at {clock(place.start_ns)}"
        also = f"; it is {subject.state} {start}"
    return _counted(index, begun, _Said(_often(subject, len(begun)), also), subject.kinds, window)


@dataclass(frozen=True, slots=True)
class _Said:
    """A count in words, and what is added to it."""

    count: str
    also: str = ""


def _often(subject: Subject, count: int) -> str:
    """Return "a hook comes into view twice"."""
    if subject.both is not None:
        return f"{is_so(subject)} {often(count)}" if count else is_so(subject, "never")
    return f"{subject.event} {often(count)}" if count else denied(subject.event)


def _counted(
    index: CaseIndex,
    found: list[Stretch],
    said: _Said,
    kinds: tuple[str, ...],
    window: Window | None,
) -> Outcome:
    place = whole(index, window)
    rests = supports(found) or looked_at(index, kinds, place)
    if not rests:
        return blind(index, place)
    when = f": at {moments([one.start_ns for one in found])}" if found else ""
    text = f"{said.count} {where(window)}{when}{said.also}.{gathered(found)}"
    return Finding(len(found), None, large(text), rests)


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
    what = {"instrument": "kind of instrument", "triplet": "kind of action"}.get(kind, kind)
    if not names:
        return Finding(
            0, None, f"No {what.removeprefix('kind of ')} is stated {where(window)}.", rests
        )
    of = "kinds" if what != kind and len(names) > 1 else ""
    number = (
        f"{len(names)} {of} of {what.removeprefix('kind of ')}" if of else several(len(names), what)
    )
    said = listed(shown(kind, name) for name in names)
    return Finding(len(names), None, f"{number} {where(window)}: {said}.", rests)


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
    number = f"{several(len(placed), 'clip')} {'is' if len(placed) == 1 else 'are'} placed"
    said = _Said(number if placed else "no clip is placed")
    return _counted(index, placed, said, ("triplet",), window)


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
            begun = _begun(found, place)
            number = f"{several(len(begun), 'polyp')} {'is' if len(begun) == 1 else 'are'} found"
            said = _Said(number if begun else "no polyp is found")
            return _counted(index, begun, said, (kind,), window)
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
