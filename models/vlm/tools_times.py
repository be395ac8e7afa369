"""Tools for when: first, last, next, which comes first, how long a phase lasts."""

from __future__ import annotations

from typing import Final

from videoengine.media_time import NS_PER_SECOND, clock
from videoengine.models.vlm.bus import MOMENT, SUBJECT, WINDOW, Input, Tool
from videoengine.models.vlm.findings import (
    Finding,
    Outcome,
    Support,
    Window,
    listed,
    long,
    seconds,
)
from videoengine.models.vlm.ground import blind, missing, segments_at, unknown, whole
from videoengine.models.vlm.index import CaseIndex
from videoengine.models.vlm.phrasing import denied, gathered, is_so, large, never, where
from videoengine.models.vlm.subjects import (
    NULL,
    Stretch,
    Subject,
    joined,
    looked_at,
    stretches,
    support_of,
)
from videoengine.spoken import article, spoken
from videoengine.timeline import Segment

START_NS: Final = round(1.5 * NS_PER_SECOND)
"""What is so this early was so when the video began: it did not begin then."""


def _first(index: CaseIndex, subject: Subject, window: Window | None = None) -> Outcome:
    lacking = unknown(index, subject)
    if lacking is not None:
        return lacking
    place = whole(index, window)
    after = place.start_ns if window is not None and place.start_ns else -1
    found = [
        one for one in stretches(index, subject) if after < one.start_ns <= place.end_ns
    ]  # what goes on already when the stretch starts does not begin in it
    if not found:
        return _never(index, subject, window)
    one = found[0]
    said = "" if window is None else f", the first time {place.says()}"
    if subject.change:
        text = f"{subject.event} at {clock(one.start_ns)}{said}."
    else:
        text = f"{is_so(subject)} {_from_to(one)}{said}.{gathered([one])}"
    return Finding(seconds(one.start_ns), "s", large(text), one.supports[:1])


def _from_to(one: Stretch) -> str:
    """Return "from 0:00:30 to 0:00:50", or "at 0:00:30" of what is over within the second."""
    start, end = clock(one.start_ns), clock(one.end_ns)
    return f"at {start}" if start == end else f"from {start} to {end}"


def _last(index: CaseIndex, subject: Subject, window: Window | None = None) -> Outcome:
    lacking = unknown(index, subject)
    if lacking is not None:
        return lacking
    place = whole(index, window)
    found = [one for one in stretches(index, subject) if one.start_ns < place.end_ns]
    if subject.change:
        found = [one for one in found if one.start_ns >= place.start_ns]
    found = [one for one in found if one.end_ns > place.start_ns]
    if not found:
        return _never(index, subject, window)
    one, end = found[-1], min(found[-1].end_ns, place.end_ns)
    said = "" if window is None else f", the last time {place.says()}"
    if subject.change:
        text = f"{subject.event} for the last time at {clock(one.start_ns)}{said}."
        return Finding(seconds(one.start_ns), "s", large(text), one.supports[:1])
    text = f"{is_so(subject)} until {clock(end)}, from {clock(one.start_ns)} on{said}."
    return Finding(seconds(end), "s", large(f"{text}{gathered([one])}"), one.supports[-1:])


def _never(index: CaseIndex, subject: Subject, window: Window | None) -> Outcome:
    place = whole(index, window)
    rests = looked_at(index, subject.kinds, place)
    if not rests:
        return blind(index, place)
    return Finding("never", None, f"{large(never(subject, window))}.", rests)


def _order(index: CaseIndex, one: Subject, other: Subject, window: Window | None = None) -> Outcome:
    begun: list[tuple[Subject, Stretch]] = []
    place = whole(index, window)
    for subject in (one, other):
        lacking = unknown(index, subject)
        if lacking is not None:
            return lacking
        # Of the whole case a beginning at its start counts; what goes on into a stretch does not.
        after = [
            s
            for s in stretches(index, subject)
            if place.start_ns < s.start_ns or (window is None and not subject.change)
        ]
        if after and after[0].start_ns <= place.end_ns:
            begun.append((subject, after[0]))
    if not begun:
        rests = looked_at(index, one.kinds, place)
        if not rests:
            return blind(index, place)
        text = f"Neither: {denied(one.event)}, and {denied(other.event)}, {where(window)}."
        return Finding("neither", None, text, rests)
    begun.sort(key=lambda pair: pair[1].start_ns)
    said = [f"{_begins(subject, at)} at {clock(at.start_ns)}" for subject, at in begun]
    rests = tuple(at.supports[0] for _, at in begun)
    only = "" if len(begun) == 2 else f"; {_not_begun(index, begun[0][0], one, other, place)}"
    text = f"{large(', then '.join(said))}{only}."
    return Finding(begun[0][0].event, None, text, rests)


def _begins(subject: Subject, at: Stretch) -> str:
    """Return "a hook comes into view", or "a hook is in view" of what was so from the start."""
    return is_so(subject) if at.start_ns < START_NS else subject.event


def _not_begun(
    index: CaseIndex, begun: Subject, one: Subject, other: Subject, place: Window
) -> str:
    """Return why one of two did not begin: it went on from the start, or was not there at all."""
    left = other if begun is one else one
    going = [s for s in stretches(index, left) if s.start_ns <= place.start_ns < s.end_ns]
    if going:
        return f"{is_so(left)} already at {clock(place.start_ns)}"
    return denied(left.event)


def _next(index: CaseIndex, kind: str, moment: int, subject: Subject | None = None) -> Outcome:
    lacking = missing(index, ("triplet" if kind == "target" else kind,))
    if lacking is not None:
        return lacking
    if kind in ("phase", "step"):
        return _next_phase(index, kind, moment)
    if kind == "instrument":
        names = {name: name for name in index.names("instrument")}
    else:
        names = _targets(index, subject)
    begun = [
        (one.start_ns, name, one)
        for segment, name in names.items()
        for one in joined(index.segments(_kind(kind), (segment,)))
        if one.start_ns > max(moment, START_NS)
    ]
    if not begun:
        return _nothing_follows(index, kind, moment)
    start, name, one = min(begun, key=lambda row: row[:2])
    said = spoken(name)
    what = (
        f"{article(said)} comes into view" if kind == "instrument" else f"the {said} is worked on"
    )
    text = f"{what} next after {clock(moment)}, at {clock(start)}."
    return Finding(said, None, large(text), one.supports[:1])


def _kind(kind: str) -> str:
    return "triplet" if kind == "target" else kind


def _targets(index: CaseIndex, subject: Subject | None) -> dict[str, str]:
    """Return what each triplet acts on, of one instrument if it is given."""
    found: dict[str, str] = {}
    for name in index.names("triplet"):
        parts = name.split(", ")
        if len(parts) < 3 or set(parts) & set(NULL):
            continue
        if subject is None or spoken(parts[0]) == subject.term or name in subject.names:
            found[name] = parts[2]
    return found


def _next_phase(index: CaseIndex, kind: str, moment: int) -> Outcome:
    row = _in_a_row(index.segments(kind))
    place = next((n for n, one in enumerate(row) if one[1].end_ns >= moment), None)
    if place is None or place + 1 >= len(row):
        return _nothing_follows(index, kind, moment)
    (name, now), (following, then) = row[place], row[place + 1]
    if now.start_ns > moment:
        following, then = name, now
    text = f"{spoken(following)} follows, from {clock(then.start_ns)} on."
    rests = (now.supports[0], then.supports[0])
    return Finding(spoken(following), None, large(text), rests)


def _in_a_row(segments: list[Segment]) -> list[tuple[str, Stretch]]:
    """Return phases one after the other; one that a hole interrupts counts once."""
    row: list[tuple[str, Stretch]] = []
    for one in segments:
        rest: tuple[Support, ...] = (support_of(one),)
        if row and row[-1][0] == one.name:
            last = row[-1][1]
            rest = (*last.supports, *rest)
            row[-1] = (one.name, Stretch(last.start_ns, max(last.end_ns, one.end_ns), rest))
        else:
            row.append((one.name, Stretch(one.start_ns, one.end_ns, rest)))
    return row


def _nothing_follows(index: CaseIndex, kind: str, moment: int) -> Outcome:
    place = Window(moment, index.end_ns)
    rests = looked_at(index, (_kind(kind),), place)
    if not rests:
        return blind(index, place)
    what = {
        "instrument": "No further instrument comes into view",
        "target": "Nothing further is worked on",
    }.get(kind)
    text = (
        f"{what} after {clock(moment)}."
        if what
        else f"No {kind} follows the one at {clock(moment)}."
    )
    return Finding("none", None, text, rests)


def _phase_duration(index: CaseIndex, moment: int) -> Outcome:
    lacking = missing(index, ("phase",))
    if lacking is not None:
        return lacking
    now = segments_at(index, "phase", moment)
    if not now:
        return blind(index, Window(moment, moment))
    name = now[0].name
    whole_one = next(
        one
        for named, one in _in_a_row(index.segments("phase"))
        if named == name and one.start_ns <= now[0].start_ns <= one.end_ns
    )
    length = whole_one.end_ns - whole_one.start_ns
    text = (
        f"The phase {spoken(name)} lasts {long(length)}, "
        f"from {clock(whole_one.start_ns)} to {clock(whole_one.end_ns)}."
    )
    return Finding(seconds(length), "s", text, whole_one.supports)


FIRST: Final = Tool(
    "first",
    "When something begins for the first time in a stretch.",
    {"subject": SUBJECT, "window": WINDOW},
    "seconds of case time",
    _first,
)
LAST: Final = Tool(
    "last",
    "When something is so for the last time in a stretch.",
    {"subject": SUBJECT, "window": WINDOW},
    "seconds of case time",
    _last,
)
ORDER: Final = Tool(
    "order",
    "Which of two things begins first in a stretch.",
    {"one": SUBJECT, "other": SUBJECT, "window": WINDOW},
    "the beginning, in words",
    _order,
)
NEXT: Final = Tool(
    "next",
    "Which phase, step, instrument or target comes next after a moment.",
    {
        "kind": Input(
            str, listed(("phase", "step", "instrument", "target"), "or"),
            ("phase", "step", "instrument", "target"),
        ),
        "moment": MOMENT,
        "subject": Input(Subject, "the instrument whose next target is meant", optional=True),
    },
    "a name",
    _next,
)  # fmt: skip
PHASE_DURATION: Final = Tool(
    "phase_duration",
    "How long the phase that is under way at a moment lasts from its beginning to its end.",
    {"moment": MOMENT},
    "seconds",
    _phase_duration,
)
