"""How answers are worded: subjects as sentences, stretches as times, counts as people say them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from videoengine.media_time import NS_PER_SECOND, clock
from videoengine.models.vlm.findings import Window, listed, long, several
from videoengine.models.vlm.subjects import JOIN_NS, NULL, Stretch, Subject
from videoengine.spoken import article, gerund, spoken

ANY: Final = "an instrument"
"""Of an action whose instrument is not named."""
MOST_TIMES: Final = 3
"""Stretches that a sentence names."""
WRITTEN: Final = {
    "calot triangle dissection": "Calot's triangle dissection",
    "clipping cutting": "clipping and cutting",
    "cleaning coagulation": "cleaning and coagulation",
}
"""Terms that people write otherwise than their vocabulary; values of answers keep the term."""
_WRITTEN: Final = re.compile(rf"\b(?:{'|'.join(WRITTEN)})\b", re.IGNORECASE)
_DENIED: Final = {
    "comes": "come", "begins": "begin", "leaves": "leave", "enters": "enter", "is": "be",
}  # fmt: skip
_VERB: Final = re.compile(rf"\b(?:{'|'.join(_DENIED)})\b")


def as_written(text: str) -> str:
    """Return a sentence with its terms as people write them."""

    def put(found: re.Match[str]) -> str:
        better = WRITTEN[found[0].lower()]
        return better[0].upper() + better[1:] if found[0][0].isupper() else better

    return _WRITTEN.sub(put, text)


def large(text: str) -> str:
    """Return a sentence with a capital letter."""
    return text[:1].upper() + text[1:]


def where(window: Window | None) -> str:
    """Return the stretch that was asked about, in words."""
    return "in this case" if window is None else window.says()


def is_so(subject: Subject, how: str = "") -> str:
    """Return "a hook is in view"; `how` stands behind "is": "never", "not"."""
    adverb = f"{how} " if how else ""
    if subject.both is None:
        return f"{subject.noun} is {adverb}{subject.state}"
    one, other = subject.both
    if one.state == other.state:
        return f"{one.noun} and {other.noun} are {adverb}{one.state} together"
    return f"{one.noun} is {adverb}{one.state} while {other.noun} is {other.state}"


def never(subject: Subject, window: Window | None) -> str:
    """Return "a hook is never in view in this case"."""
    if subject.change:
        return f"{denied(subject.event)} {where(window)}"
    if subject.noun == ANY:
        return f"no instrument is {subject.state} {where(window)}"
    return f"{is_so(subject, 'never')} {where(window)}"


def denied(event: str) -> str:
    """Return "a hook does not come into view" for "a hook comes into view"."""
    if event.startswith(f"{ANY} "):
        return f"no{event.removeprefix('an')}"
    return _VERB.sub(lambda found: f"does not {_DENIED[found[0]]}", event, count=1)


def often(count: int) -> str:
    """Return "once", "twice", "3 times"."""
    return {1: "once", 2: "twice"}.get(count, several(count, "time"))


def span(start_ns: int, end_ns: int) -> str:
    """Return when a stretch is; one that is shorter than the clock tells is a moment."""
    start, end = clock(start_ns), clock(end_ns)
    return start if start == end else f"{start}–{end}"


def times(found: Sequence[Stretch]) -> str:
    """Return when some stretches are, in words."""
    shown = [span(one.start_ns, one.end_ns) for one in found[:MOST_TIMES]]
    more = len(found) - len(shown)
    return listed(shown) if not more else f"{', '.join(shown)} and {several(more, 'more time')}"


def moments(starts_ns: Sequence[int]) -> str:
    """Return some moments, in words."""
    shown = [clock(ns) for ns in starts_ns[:MOST_TIMES]]
    more = len(starts_ns) - len(shown)
    return listed(shown) if not more else f"{', '.join(shown)} and {more} more"


def gathered(found: Sequence[Stretch]) -> str:
    """Return of what sightings stretches are made, where any is made of several."""
    parts = [part for one in found for part in one.parts]
    if not any(len(one.parts) > 1 for one in found):
        return ""
    seen, apart = sum(part.length_ns for part in parts), JOIN_NS // NS_PER_SECOND
    return (
        f" ({len(parts)} sightings, {long(seen)} in all; those less than {apart} s apart count as "
        "one.)"
    )


def action(name: str, how: str = "") -> str:
    """Return a triplet of a log in words: "a hook dissecting the gallbladder"."""
    parts = [spoken(part) for part in name.split(", ")]
    if len(parts) != 3 or set(name.split(", ")) & set(NULL):
        return ", ".join(parts)
    tool, verb, target = parts
    return f"{article(tool)} {how}{gerund(verb)} the {target}"


def shown(kind: str, name: str) -> str:
    """Return a name of a log as it stands in a list, an action as "a hook dissecting the liver"."""
    return action(name) if kind == "triplet" else spoken(name)
