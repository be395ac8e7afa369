"""Tools for what is so: presence, duration, what a moment shows, what there is at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from videoengine.media_time import NS_PER_SECOND, clock
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
    segments_at,
    unknown,
    view_at,
    whole,
)
from videoengine.models.vlm.index import CaseIndex
from videoengine.models.vlm.phrasing import (
    action,
    gathered,
    is_so,
    large,
    never,
    shown,
    span,
    times,
    where,
)
from videoengine.models.vlm.subjects import (
    NULL,
    Subject,
    cut,
    joined,
    looked_at,
    stretches,
    support_of,
    supports,
)
from videoengine.spoken import article, spoken

SEEN: Final = ("phase", "step", "instrument", "triplet", "procedure")
"""Kinds that a moment shows."""
ABOUT_NS: Final = NS_PER_SECOND // 2
"""What is so this close to a moment is so at it."""


def _presence(
    index: CaseIndex, subject: Subject, window: Window | None = None, moment: int | None = None
) -> Outcome:
    if moment is not None:
        return _presence_at(index, subject, moment)
    lacking = unknown(index, subject)
    if lacking is not None:
        return lacking
    place = whole(index, window)
    every = stretches(index, subject)
    if subject.change:
        every = [one for one in every if place.start_ns <= one.start_ns <= place.end_ns]
    found = cut(every, place)
    if found:
        what = subject.event if subject.change else is_so(subject)
        said = "" if window is None else f" {place.says()}"
        all_along = len(found) == 1 and found[0].window == place
        when = "all the time" if all_along else times(found)
        text = f"Yes: {what}{said}, {when}.{gathered(found)}"
        return Finding("yes", None, text, supports(found))
    rests = looked_at(index, subject.kinds, place)
    if not rests:
        return blind(index, place)
    return Finding("no", None, f"No, {never(subject, window)}.", rests)


def _presence_at(index: CaseIndex, subject: Subject, moment: int) -> Outcome:
    """Return whether something is so about a moment: for a tenth of a second or an hour."""
    state = replace(subject, change=False)
    lacking = unknown(index, state)
    if lacking is not None:
        return lacking
    place = whole(index, Window(max(0, moment - ABOUT_NS), moment + ABOUT_NS))
    found = cut(stretches(index, state), place)
    at = f"at {clock(moment)}"
    if found:
        return Finding("yes", None, f"Yes: {is_so(state)} {at}.", supports(found))
    rests = looked_at(index, state.kinds, place)
    if not rests:
        return blind(index, Window(moment, moment))
    return Finding("no", None, f"No, {is_so(state, 'not')} {at}.", rests)


def _duration(index: CaseIndex, subject: Subject, window: Window | None = None) -> Outcome:
    subject = replace(subject, change=False)
    lacking = unknown(index, subject)
    if lacking is not None:
        return lacking
    place = whole(index, window)
    found = cut(stretches(index, subject), place)
    total = sum(one.end_ns - one.start_ns for one in found)
    rests = supports(found) or looked_at(index, subject.kinds, place)
    if not rests:
        return blind(index, place)
    if not found:
        return Finding(0.0, "s", f"{large(never(subject, window))}.", rests)
    said = "" if window is None else f" {place.says()}"
    parts = f" in {len(found)} stretches" if len(found) > 1 else ""
    text = f"{is_so(subject)} for {long(total)}{said}{parts}: {times(found)}.{gathered(found)}"
    return Finding(seconds(total), "s", large(text), rests)


def _shown_at(index: CaseIndex, kind: str, moment: int, subject: Subject | None = None) -> Outcome:
    lacking = missing(index, (kind,))
    if lacking is not None:
        return lacking
    if kind == "instrument":
        return _instruments_at(index, moment)
    out = out_there(index, moment)
    if kind == "triplet" and out is not None:
        return out
    found = [one for one in segments_at(index, kind, moment) if not _null(one.name)]
    if subject is not None and kind == "triplet":
        found = [one for one in found if acts(one.name, subject)]
    if not found:
        rests = looked_at(index, (kind,), Window(moment, moment))
        if not rests:
            return blind(index, Window(moment, moment))
        what = "action" if kind == "triplet" else kind
        of = "" if subject is None else f" of {subject.noun}"
        return Finding("none", None, f"No {what}{of} is stated at {clock(moment)}.", rests)
    names = list(dict.fromkeys(spoken(one.name) for one in found))
    value = names[0] if kind in ("phase", "step") else ", ".join(names)
    spans = {one.name: span(one.start_ns, one.end_ns) for one in found}
    if kind == "triplet":
        said = listed(f"{action(name, 'is ')} ({when})" for name, when in spans.items())
    else:
        said = f"the {kind} is {listed(f'{spoken(n)} ({when})' for n, when in spans.items())}"
    text = f"At {clock(moment)} {said}."
    return Finding(value, None, text, chosen(support_of(one) for one in found))


def acts(name: str, subject: Subject) -> bool:
    """Tell whether a triplet of a log is an action of an instrument, or one that is meant."""
    return spoken(name.split(", ")[0]) == subject.term or name in subject.names


def _null(name: str) -> bool:
    return any(part in name for part in NULL)


def _instruments_at(index: CaseIndex, moment: int) -> Outcome:
    seen = _view(index, moment)
    if isinstance(seen, Unknown):
        return seen
    names, rests = seen
    if not names:
        return Finding("none", None, f"No instrument is in view at {clock(moment)}.", rests)
    said = f"{listed(article(name) for name in names)} {'is' if len(names) == 1 else 'are'}"
    return Finding(", ".join(names), None, f"At {clock(moment)} {said} in view.", rests)


def _view(index: CaseIndex, moment: int) -> tuple[list[str], tuple[Support, ...]] | Unknown:
    """Return the instruments in view at a moment, or why they are not known."""
    lacking = missing(index, ("instrument",))
    if lacking is not None:
        return lacking
    out = out_there(index, moment)
    if out is not None:
        return out
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
    value = ", ".join(names) or "none"
    if not names:
        return Finding(value, None, f"No instrument is in view at {at}.", rests)
    text = f"At {at} there is more than one instrument in view: {listed(map(article, names))}."
    return Finding(value, None, text, rests)


def _count_at(index: CaseIndex, moment: int, subject: Subject | None = None) -> Outcome:
    lacking = None if subject is None else unknown(index, subject)
    if lacking is not None:
        return lacking
    seen = _view(index, moment)
    if isinstance(seen, Unknown):
        return seen
    names, rests = seen
    if subject is not None:
        names = [name for name in names if name == subject.term]
        what = "no" if not names else str(len(names))
        text = f"At {clock(moment)}, {what} {subject.term}{'' if len(names) == 1 else 's'} in view."
        return Finding(len(names), None, text, rests)
    if not names:
        return Finding(0, None, f"No instrument is in view at {clock(moment)}.", rests)
    number = f"{several(len(names), 'instrument')} {'is' if len(names) == 1 else 'are'}"
    text = f"{number} in view at {clock(moment)}: {listed(map(article, names))}."
    return Finding(len(names), None, text, rests)


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
        what = "action" if kind == "triplet" else kind
        return Finding([], None, f"No {what} is stated {where(window)}.", rests)
    if kind == "procedure":
        text = f"The procedure is recognized as {listed(map(spoken, found))}."
    else:
        rows = (f"{shown(kind, name)} {times(spans)}" for name, spans in found.items())
        text = f"{large('; '.join(rows))}."
    rests = chosen(rest for spans in found.values() for rest in spans[0].supports[:1])
    return Finding([spoken(name) for name in found], None, text, rests)


KIND: Final = Input(str, "a kind of event", SEEN)
PRESENCE: Final = Tool(
    "presence",
    "Whether something is so at any time in a stretch; of two things at once: whether they meet.",
    {"subject": SUBJECT, "window": WINDOW, "moment": replace(MOMENT, optional=True)},
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
    {
        "kind": KIND,
        "moment": MOMENT,
        "subject": replace(SUBJECT, says="the instrument whose actions are meant", optional=True),
    },
    "names",
    _shown_at,
)
ONLY: Final = Tool(
    "only", "Which instrument alone is in view at a moment.", {"moment": MOMENT}, "a name", _only
)
COUNT_AT: Final = Tool(
    "count_at",
    "How many instruments, or instruments of one kind, are in view at a moment.",
    {
        "moment": MOMENT,
        "subject": replace(SUBJECT, says="the instrument that is counted", optional=True),
    },
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
