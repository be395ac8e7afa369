"""Tools for what is so: presence, duration, what a moment shows, what there is at all."""

from __future__ import annotations

from typing import Final

from videoengine.media_time import clock
from videoengine.models.vlm.bus import MOMENT, SUBJECT, WINDOW, Input, Tool
from videoengine.models.vlm.findings import (
    Finding,
    Outcome,
    Support,
    Unknown,
    Window,
    chosen,
    listed,
    long,
    seconds,
    several,
)
from videoengine.models.vlm.ground import (
    blind,
    missing,
    out_there,
    outside,
    segments_at,
    unknown,
    view_at,
    whole,
)
from videoengine.models.vlm.index import CaseIndex
from videoengine.models.vlm.subjects import (
    NULL,
    Stretch,
    Subject,
    article,
    cut,
    joined,
    looked_at,
    spoken,
    stretches,
    support_of,
    supports,
)

SEEN: Final = ("phase", "step", "instrument", "triplet", "procedure")
"""Kinds that a moment shows."""
MOST_TIMES: Final = 3
"""Stretches that a sentence names."""


def _presence(index: CaseIndex, subject: Subject, window: Window | None = None) -> Outcome:
    lacking = unknown(index, subject)
    if lacking is not None:
        return lacking
    place = whole(index, window)
    found = cut(stretches(index, subject), place)
    where = "" if window is None else f" {place.says()}"
    if found:
        text = f"Yes: {subject.phrase}{where}, {times(found)}."
        return Finding("yes", None, text, supports(found))
    rests = looked_at(index, subject.kinds, place)
    if not rests:
        return blind(index, place)
    return Finding("no", None, f"No, never{where or ' in this case'}: {subject.phrase}.", rests)


def times(found: list[Stretch]) -> str:
    """Return when some stretches are, in words."""
    shown = [f"{clock(one.start_ns)}–{clock(one.end_ns)}" for one in found[:MOST_TIMES]]
    more = len(found) - len(shown)
    return listed(shown) if not more else f"{', '.join(shown)} and {more} more times"


def _duration(index: CaseIndex, subject: Subject, window: Window | None = None) -> Outcome:
    lacking = unknown(index, subject)
    if lacking is not None:
        return lacking
    place = whole(index, window)
    found = cut(stretches(index, subject), place)
    total = sum(one.end_ns - one.start_ns for one in found)
    where = "in all" if window is None else place.says()
    rests = supports(found) or looked_at(index, subject.kinds, place)
    if not rests:
        return blind(index, place)
    parts = f", in {len(found)} stretches" if len(found) > 1 else ""
    when = f": {times(found)}" if found else ""
    text = f"{subject.phrase}: {long(total)} {where}{parts}{when}."
    return Finding(seconds(total), "s", text[:1].upper() + text[1:], rests)


def _shown_at(index: CaseIndex, kind: str, moment: int) -> Outcome:
    lacking = missing(index, (kind,))
    if lacking is not None:
        return lacking
    if kind == "instrument":
        return _instruments_at(index, moment)
    found = [one for one in segments_at(index, kind, moment) if not _null(one.name)]
    if not found:
        out = outside(index, moment)
        if out is not None and kind == "triplet":
            return out_there(moment)
        rests = looked_at(index, (kind,), Window(moment, moment))
        if not rests:
            return blind(index, Window(moment, moment))
        return Finding("none", None, f"No {kind} is stated at {clock(moment)}.", rests)
    names = list(dict.fromkeys(spoken(one.name) for one in found))
    value = names[0] if kind in ("phase", "step") else ", ".join(names)
    spans = listed(f"{clock(one.start_ns)}–{clock(one.end_ns)}" for one in found[:MOST_TIMES])
    text = f"At {clock(moment)}: {kind} {listed(names)} ({spans})."
    return Finding(value, None, text, chosen(support_of(one) for one in found))


def _null(name: str) -> bool:
    return any(part in name for part in NULL)


def _instruments_at(index: CaseIndex, moment: int) -> Outcome:
    seen = _view(index, moment)
    if isinstance(seen, Unknown):
        return seen
    names, rests = seen
    if not names:
        return Finding("none", None, f"No instrument is in view at {clock(moment)}.", rests)
    said = listed(article(name) for name in names)
    return Finding(", ".join(names), None, f"At {clock(moment)}: {said} in view.", rests)


def _view(index: CaseIndex, moment: int) -> tuple[list[str], tuple[Support, ...]] | Unknown:
    """Return the instruments in view at a moment, or why they are not known."""
    lacking = missing(index, ("instrument",))
    if lacking is not None:
        return lacking
    if outside(index, moment) is not None:
        return out_there(moment)
    view = view_at(index, moment)
    if view is None:
        return blind(index, Window(moment, moment))
    keys = tuple(dict.fromkeys((view.first_key, view.last_key)))
    rest = Support(view.start_ns, view.end_ns, view.epoch, keys)
    return [spoken(name) for name in view.names], (rest,)


def _only(index: CaseIndex, moment: int) -> Outcome:
    seen = _view(index, moment)
    if isinstance(seen, Unknown):
        return seen
    names, rests = seen
    at = clock(moment)
    if len(names) == 1:
        return Finding(names[0], None, f"At {at} only {article(names[0])} is in view.", rests)
    said = listed(article(name) for name in names) or "none"
    value = ", ".join(names) or "none"
    return Finding(value, None, f"At {at} not one instrument is in view but {said}.", rests)


def _count_at(index: CaseIndex, moment: int) -> Outcome:
    seen = _view(index, moment)
    if isinstance(seen, Unknown):
        return seen
    names, rests = seen
    said = f": {listed(article(name) for name in names)}" if names else ""
    at = clock(moment)
    return Finding(
        len(names), None, f"{several(len(names), 'instrument')} in view at {at}{said}.", rests
    )


def _named(index: CaseIndex, kind: str, window: Window | None = None) -> Outcome:
    lacking = missing(index, (kind,))
    if lacking is not None:
        return lacking
    place = whole(index, window)
    segments = index.segments(kind, start_ns=place.start_ns, end_ns=place.end_ns)
    found = {
        name: cut(joined(one for one in segments if one.name == name), place)
        for name in dict.fromkeys(one.name for one in segments)
        if not _null(name)
    }
    found = {name: spans for name, spans in found.items() if spans}
    if not found:
        rests = looked_at(index, (kind,), place)
        if not rests:
            return blind(index, place)
        return Finding([], None, f"No {kind} is stated {place.says()}.", rests)
    said = "; ".join(f"{spoken(name)} {times(spans)}" for name, spans in found.items())
    rests = chosen(rest for spans in found.values() for rest in spans[0].supports[:1])
    return Finding([spoken(name) for name in found], None, f"{said[:1].upper()}{said[1:]}.", rests)


KIND: Final = Input(str, "a kind of event", SEEN)
PRESENCE: Final = Tool(
    "presence",
    "Whether something is so at any time in a stretch; of two things at once: whether they meet.",
    {"subject": SUBJECT, "window": WINDOW},
    "yes or no",
    _presence,
)
DURATION: Final = Tool(
    "duration",
    "For how long something is so in a stretch, all in all.",
    {"subject": SUBJECT, "window": WINDOW},
    "seconds",
    _duration,
)
SHOWN_AT: Final = Tool(
    "shown_at",
    "Which phase, step, instruments or actions there are at a moment.",
    {"kind": KIND, "moment": MOMENT},
    "names",
    _shown_at,
)
ONLY: Final = Tool(
    "only", "Which instrument alone is in view at a moment.", {"moment": MOMENT}, "a name", _only
)
COUNT_AT: Final = Tool(
    "count_at",
    "How many instruments are in view at a moment.",
    {"moment": MOMENT},
    "a number",
    _count_at,
)
NAMED: Final = Tool(
    "named",
    "Which phases, steps, instruments or actions occur in a stretch.",
    {"kind": KIND, "window": WINDOW},
    "a list of names",
    _named,
)
