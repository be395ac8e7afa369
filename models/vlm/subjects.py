"""What a question is about: something that is so in some stretches of a case and not in others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from videoengine.media_time import NS_PER_SECOND
from videoengine.models.vlm.findings import Support, Window, chosen
from videoengine.models.vlm.index import CaseIndex
from videoengine.models.vlm.inside import IN_BODY
from videoengine.timeline import Segment

Kind = Literal[
    "instrument", "triplet", "phase", "step", "privacy", "quality", "track", "segment", "both"
]
JOIN_NS: Final = 2 * NS_PER_SECOND
"""Two stretches of one thing closer than this are one: it was lost sight of, not gone."""
CAMERA_OUT: Final = "out_of_body"
NULL: Final = ("null_verb", "null_target")


@dataclass(frozen=True, slots=True)
class Subject:
    """Something to ask about, in the words of one case."""

    kind: Kind
    names: tuple[str, ...]
    """Segments of these names; none: the case's stages do not know it."""
    noun: str
    """`a hook`"""
    state: str
    """`in view`; noun, "is" and state make a sentence."""
    event: str
    """Its beginning: `a hook comes into view`."""
    term: str
    """In a word: `hook`."""
    both: tuple[Subject, Subject] | None = None
    """Of kind `both`: while the one and the other are so."""
    change: bool = False
    """Whether its beginnings are meant, and only those after something else was so: the camera
    leaves the body where it was in it before."""

    @property
    def phrase(self) -> str:
        """Its lasting, as a noun: "a hook in view"."""
        return f"{self.noun} {self.state}".strip()

    @property
    def anatomy(self) -> bool:
        """Whether it is a target alone, whatever is done to it."""
        return self.phrase.startswith("an instrument working on")

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of event that it needs."""
        if self.both is None:
            return (self.kind,)
        return (*self.both[0].kinds, *self.both[1].kinds)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where a subject is so, without a hole."""

    start_ns: int
    end_ns: int
    supports: tuple[Support, ...]
    parts: tuple[Window, ...] = ()
    """The sightings that it is made of, in order, where they are of one thing."""

    @property
    def window(self) -> Window:
        """Its place in case time."""
        return Window(self.start_ns, self.end_ns)


def stretches(index: CaseIndex, subject: Subject) -> list[Stretch]:
    """Return where a subject is so, over the whole case, in time order."""
    if subject.both is not None:
        return _common(*(stretches(index, one) for one in subject.both))
    if not subject.names:
        return []
    found = joined(index.segments(subject.kind, subject.names))
    if not subject.change:
        return found
    others = (IN_BODY,) if CAMERA_OUT in subject.names else None
    rest = [o for o in index.segments(subject.kind, others) if o.name not in subject.names]
    before = min((one.start_ns for one in rest), default=None)
    return [one for one in found if before is not None and before < one.start_ns]


def joined(segments: Iterable[Segment]) -> list[Stretch]:
    """Return segments as stretches, those that overlap or nearly touch as one."""
    found: list[Stretch] = []
    for segment in segments:
        support, part = support_of(segment), Window(segment.start_ns, segment.end_ns)
        if found and segment.start_ns - found[-1].end_ns < JOIN_NS:
            last = found[-1]
            end = max(last.end_ns, segment.end_ns)
            parts = _merged(last.parts, part)
            found[-1] = Stretch(last.start_ns, end, (*last.supports, support), parts)
        else:
            found.append(Stretch(segment.start_ns, segment.end_ns, (support,), (part,)))
    return found


def _merged(parts: tuple[Window, ...], part: Window) -> tuple[Window, ...]:
    """Return sightings with one that begins after them, made one with those it touches."""
    *before, last = parts
    if part.start_ns > last.end_ns:
        return (*parts, part)
    return (*before, Window(last.start_ns, max(last.end_ns, part.end_ns)))


def _common(one: Sequence[Stretch], other: Sequence[Stretch]) -> list[Stretch]:
    """Return where two subjects are so at once."""
    found: list[Stretch] = []
    i = j = 0
    while i < len(one) and j < len(other):
        first, second = one[i], other[j]
        start, end = max(first.start_ns, second.start_ns), min(first.end_ns, second.end_ns)
        if start < end:
            found.append(Stretch(start, end, (*first.supports[:1], *second.supports[:1])))
        if first.end_ns <= second.end_ns:
            i += 1
        else:
            j += 1
    return found


def cut(found: Iterable[Stretch], window: Window) -> list[Stretch]:
    """Return what of some stretches lies within a window."""
    pieces: list[Stretch] = []
    for one in found:
        start, end = max(one.start_ns, window.start_ns), min(one.end_ns, window.end_ns)
        if start < end:
            touching = [s for s in one.supports if s.end_ns >= start and s.start_ns <= end]
            rests = tuple(s.within(window) for s in touching or one.supports[:1])
            inside = [
                Window(max(part.start_ns, start), min(part.end_ns, end))
                for part in one.parts
                if part.start_ns < end and part.end_ns > start
            ]
            pieces.append(Stretch(start, end, rests, tuple(inside)))
    return pieces


def support_of(segment: Segment) -> Support:
    """Return a segment as what an answer rests on."""
    keys = tuple(dict.fromkeys((segment.first_key, segment.last_key)))
    return Support(segment.start_ns, segment.end_ns, segment.epoch, keys)


def supports(found: Iterable[Stretch]) -> tuple[Support, ...]:
    """Return what some stretches rest on, the most telling few."""
    return chosen(support for one in found for support in one.supports)


def looked_at(index: CaseIndex, kinds: Sequence[str], window: Window) -> tuple[Support, ...]:
    """Return what shows that a stretch was looked at: the ground of every "no".

    The stage that would have seen it is asked first, then whatever else was stated there.
    """
    start, end = window.start_ns, window.end_ns
    for kind in kinds:
        if kind in ("instrument", "triplet"):
            views = index.views(start, end)
            if views:
                rests = (
                    Support(v.start_ns, v.end_ns, v.epoch, (v.first_key, v.last_key)) for v in views
                )
                return chosen(rest.within(window) for rest in rests)
    for kind in (*kinds, "phase", "privacy", "quality"):
        segments = index.segments(kind, start_ns=start, end_ns=end)
        if segments:
            return chosen(support_of(segment).within(window) for segment in segments)
    return ()
