"""What holds over numbered frames and has no box: terms, and instruments that nobody boxed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from videoengine.apps.export.speakers import chosen_stage
from videoengine.apps.export.tracks import Track
from videoengine.timeline import Timeline

KINDS: Final = ("procedure", "phase", "step", "triplet")
Numbers = Callable[[int, int], int]
"""Gives the frame that begins at (epoch, case time)."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """What holds from one frame to another."""

    first: int
    after: int
    """The number after its last frame."""
    kind: str
    name: str


def tags_of(timeline: Timeline, number: Numbers) -> Iterator[Tagged]:
    """Yield what the stage that speaks for each kind states, instruments left out."""
    for kind in KINDS:
        segments = timeline.of(kind)
        speaker = chosen_stage({segment.stage for segment in segments}) if segments else ""
        for segment in segments:
            if segment.stage == speaker:
                first = number(segment.epoch, segment.start_ns)
                after = max(number(segment.epoch, segment.end_ns), first + 1)
                yield Tagged(first, after, kind, segment.name)


def presence_of(tracks: Iterable[Track], number: Numbers) -> Iterator[Tagged]:
    """Yield the instruments that were seen without anybody saying where."""
    for track in tracks:
        if not track.boxed:
            start, end = track.seen[0], track.seen[-1]
            first = number(start.epoch, start.start_ns)
            after = max(number(end.epoch, end.end_ns), first + 1)
            yield Tagged(first, after, "instrument", track.name)


def stated_names(tags: Iterable[Tagged], tracks: Iterable[Track]) -> dict[str, list[str]]:
    """Return the names that are stated of each kind."""
    names: dict[str, list[str]] = {"instrument": [track.name for track in tracks]}
    for tag in tags:
        names.setdefault(tag.kind, []).append(tag.name)
    return names
