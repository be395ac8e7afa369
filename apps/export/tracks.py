"""Samples of instruments strung into tracks, as annotation tools have them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from videoengine.apps.export.samples import Box, Moment, Samples
from videoengine.gate import JOIN_PERIODS


@dataclass(frozen=True, slots=True)
class Seen:
    """One sample of one instrument."""

    epoch: int
    start_ns: int
    """Case time."""
    end_ns: int
    """Case time."""
    box: Box | None


@dataclass(slots=True)
class Track:
    """One instrument for as long as it was seen without a break, with a box or without."""

    name: str
    identity: Any
    """What the stage called the track, or None."""
    boxed: bool
    seen: list[Seen] = field(default_factory=list[Seen])

    def goes_on(self, moment: Moment, period_ns: int) -> bool:
        """Tell whether a moment is near enough to hold the next sample, as the Timeline joins."""
        last = self.seen[-1]
        reach = JOIN_PERIODS * max(period_ns, moment.end_ns - moment.start_ns)
        return last.epoch == moment.epoch and 0 < moment.start_ns - last.start_ns < reach


def tracks_of(samples: Samples) -> list[Track]:
    """Return the tracks of the instruments in order of their start.

    Where nobody numbered the instruments, a box goes to the track of the same name whose last box
    it overlaps most.
    """
    done: list[Track] = []
    live: list[Track] = []
    for moment in samples.moments:
        going = [track for track in live if track.goes_on(moment, samples.period_ns)]
        live = list(going)
        for payload, end_ns in zip(moment.payloads, moment.ends_ns, strict=True):
            if not payload.get("label"):
                continue
            box: Box | None = tuple(payload["box"]) if payload.get("box") else None
            track = _taken(going, payload, box)
            if track is None:
                track = Track(payload["label"]["name"], payload.get("track"), box is not None)
                done.append(track)
                live.append(track)
            track.seen.append(Seen(moment.epoch, moment.start_ns, end_ns, box))
    return sorted(done, key=lambda track: track.seen[0].start_ns)


def _taken(going: list[Track], payload: dict[str, Any], box: Box | None) -> Track | None:
    """Take the track that a statement goes on with out of those that still go."""
    what = (payload["label"]["name"], payload.get("track"), box is not None)
    fitting = [one for one in going if (one.name, one.identity, one.boxed) == what]
    if not fitting:
        return None
    best = max(fitting, key=lambda one: _overlap(one.seen[-1].box, box))
    going.remove(best)
    return best


def _overlap(one: Box | None, other: Box | None) -> float:
    """Return the intersection over union of two boxes."""
    if one is None or other is None:
        return 0.0
    sides = [
        min(one[at] + one[at + 2], other[at] + other[at + 2]) - max(one[at], other[at])
        for at in (0, 1)
    ]
    if min(sides) <= 0:
        return 0.0
    common = sides[0] * sides[1]
    return common / (one[2] * one[3] + other[2] * other[3] - common)


@dataclass(frozen=True, slots=True)
class Held:
    """A box over the frames that one sample covers."""

    first: int
    after: int
    """The number after its last frame."""
    box: Box


def held_by(track: Track, number: Callable[[int, int], int]) -> list[Held]:
    """Return the boxes of a track over numbers of frames that do not overlap.

    Args:
        track: A track with boxes.
        number: Gives the frame that begins at (epoch, case time).
    """
    held: list[Held] = []
    for seen in track.seen:
        assert seen.box is not None
        first = number(seen.epoch, seen.start_ns)
        after = max(number(seen.epoch, seen.end_ns), first + 1)
        if held and held[-1].after > first:
            last = held.pop()
            if last.first < first:
                held.append(Held(last.first, first, last.box))
        held.append(Held(first, after, seen.box))
    return held
