"""Tools for the picture itself: its quality, what may not be shown, holes, measurements."""

from __future__ import annotations

from typing import Final

from videoengine.media_time import clock
from videoengine.models.vlm.bus import MOMENT, WINDOW, Input, Tool
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
from videoengine.models.vlm.ground import blind, missing, segments_at, whole
from videoengine.models.vlm.index import CaseIndex
from videoengine.models.vlm.phrasing import times, where
from videoengine.models.vlm.subjects import Stretch, cut, looked_at, support_of, supports
from videoengine.spoken import spoken
from videoengine.timeline import Mark

MOST_VALUES: Final = 5


def _quality(index: CaseIndex, moment: int) -> Outcome:
    lacking = missing(index, ("quality",))
    if lacking is not None:
        return lacking
    found = segments_at(index, "quality", moment)
    if found:
        names = [spoken(one.name) for one in found]
        text = f"At {clock(moment)} the picture suffers from {listed(names)}."
        return Finding(", ".join(names), None, text, chosen(map(support_of, found)))
    rests = looked_at(index, ("privacy",), Window(moment, moment))
    if not rests:
        return blind(index, Window(moment, moment))
    return Finding("good", None, f"At {clock(moment)} no fault of the picture is stated.", rests)


def _hidden(index: CaseIndex, window: Window | None = None) -> Outcome:
    """Return what the Gate hides: all that it does not show."""
    lacking = missing(index, ("privacy",))
    if lacking is not None:
        return lacking
    place = whole(index, window)
    found: list[Stretch] = []
    at = place.start_ns
    shown = [one for one in index.shown() if one.end_ns > place.start_ns]
    for one in [*shown, None]:
        until = place.end_ns if one is None else min(one.start_ns, place.end_ns)
        if until - at > 1:
            rests = looked_at(index, ("privacy",), Window(at, until))
            if rests:
                found.append(Stretch(at, until, rests))
        at = place.end_ns if one is None else max(at, one.end_ns)
    total = sum(one.end_ns - one.start_ns for one in found)
    rests = supports(found) or looked_at(index, ("privacy",), place)
    if not rests:
        return blind(index, place)
    if not seconds(total):
        return Finding(0.0, "s", f"Nothing is hidden for privacy {where(window)}.", rests)
    text = f"{long(total)} are hidden for privacy {where(window)}: {times(found)}."
    return Finding(seconds(total), "s", text, rests)


def _holes(index: CaseIndex, window: Window | None = None) -> Outcome:
    place = whole(index, window)
    marks = [one for one in index.marks("gap") if _touches(one, place)]
    found = [Stretch(one.start_ns, one.end_ns, (_rest(one),)) for one in marks]
    rests = supports(found) or looked_at(index, ("privacy", "quality"), place)
    if not rests:
        return blind(index, place)
    if not found:
        return Finding(0, None, f"The video has no hole {where(window)}.", rests)
    text = f"The video has {several(len(found), 'hole')} {where(window)}: {times(found)}."
    return Finding(len(found), None, text, rests)


def _touches(mark: Mark, place: Window) -> bool:
    return mark.start_ns <= place.end_ns and mark.end_ns >= place.start_ns


def _rest(mark: Mark) -> Support:
    # A gap lies before the first frame of the epoch that it opens: it is shown where that begins.
    start = mark.end_ns if mark.kind == "gap" else mark.start_ns
    return Support(start, max(start, mark.end_ns), mark.epoch, (mark.key,))


def _measurement(index: CaseIndex, name: str, window: Window | None = None) -> Outcome:
    place = whole(index, window)
    marks = [m for m in index.marks("measurement") if spoken(str(m.payload["name"])) == name]
    if not marks:
        return Unknown("not_observable", f"No stage of this case measures {name}.")
    found = cut((Stretch(m.start_ns, m.end_ns, (_rest(m),)) for m in marks), place)
    inside = [m for m in marks if _touches(m, place)]
    if not found:
        return blind(index, place)
    values = [_valued(mark) for mark in inside]
    shown = [
        f"{said} at {clock(mark.start_ns)}" for mark, said in zip(inside, values, strict=True)
    ][:MOST_VALUES]
    more = f" and {len(inside) - len(shown)} more" if len(inside) > len(shown) else ""
    value = inside[0].payload["value"] if len(inside) == 1 else [m.payload["value"] for m in inside]
    unit = inside[0].payload["unit"] if inside[0].payload["scale"] != "relative" else "relative"
    text = f"{name[:1].upper()}{name[1:]}: {', '.join(shown)}{more}."
    return Finding(value, unit, text, chosen(map(_rest, inside)))


def _valued(mark: Mark) -> str:
    row = mark.payload
    unit = "(relative scale)" if row["scale"] == "relative" else row["unit"]
    return f"{row['value']:g} {unit}".strip()


def _extent(index: CaseIndex) -> Outcome:
    rests = looked_at(index, ("privacy", "quality"), Window(0, index.end_ns))
    if not rests:
        return blind(index, Window(0, index.end_ns))
    text = f"What was analyzed lasts {long(index.end_ns)}, until {clock(index.end_ns)}."
    return Finding(seconds(index.end_ns), "s", text, (rests[0], rests[-1]))


EXTENT: Final = Tool("extent", "How long the analyzed video is.", {}, "seconds", _extent)
QUALITY: Final = Tool(
    "quality",
    "Which faults the picture has at a moment.",
    {"moment": MOMENT},
    "names of faults, or good",
    _quality,
)
HIDDEN: Final = Tool(
    "hidden",
    "Which stretches are hidden for privacy.",
    {"window": WINDOW},
    "seconds in all",
    _hidden,
)
HOLES: Final = Tool("holes", "Where the video has holes.", {"window": WINDOW}, "a number", _holes)
MEASUREMENT: Final = Tool(
    "measurement",
    "What was measured under a name.",
    {"name": Input(str, "name of a measurement"), "window": WINDOW},
    "a number, or a list of them",
    _measurement,
)
