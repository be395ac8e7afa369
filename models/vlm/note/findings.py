"""Findings: what the log says, before any language.

A finding is a sentence's name, its values, and the events that it rests on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from videoengine.models.vlm.note.document import Rest
from videoengine.models.vlm.note.source import NoteLog, Stretch
from videoengine.timeline import Segment

MOST_RESTS: Final = 24
"""A finding of more stretches names the events at both ends of groups of them."""


@dataclass(frozen=True, slots=True)
class Term:
    """A term of a vocabulary, a stage or a cause, by its own name."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Action:
    """What an instrument does to what: the name of a triplet."""

    name: str


@dataclass(frozen=True, slots=True)
class Terms:
    """Several terms of one kind."""

    kind: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Length:
    """How long, in nanoseconds."""

    ns: int


@dataclass(frozen=True, slots=True)
class Moment:
    """When, in nanoseconds of case time."""

    ns: int


@dataclass(frozen=True, slots=True)
class Times:
    """Stretches of case time."""

    stretches: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class Confidence:
    """Mean of what the model states; None where it states none."""

    value: float | None


@dataclass(frozen=True, slots=True)
class Quoted:
    """Words of somebody else, verbatim."""

    text: str


Value = Term | Action | Terms | Length | Moment | Times | Confidence | Quoted | int | float


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to say, and what it rests on."""

    sentence: str
    subject: str
    """What it is about, the same in every language and template."""
    values: dict[str, Value]
    rests: tuple[Rest, ...]


def of_run(log: NoteLog) -> tuple[Rest, ...]:
    """Return what a statement about the whole run rests on: the line that closed it."""
    return (Rest(0, log.timeline.end_ns, (log.closed.key,)),)


def intersection(first: Sequence[Stretch], second: Sequence[Stretch]) -> list[Stretch]:
    """Return what two lists of joined stretches share."""
    found: list[Stretch] = []
    at = 0
    for start, end in first:
        while at < len(second) and second[at][1] <= start:
            at += 1
        for low, high in second[at:]:
            if low >= end:
                break
            found.append((max(start, low), min(end, high)))
    return found


def total(stretches: Iterable[Stretch]) -> int:
    """Return the length of joined stretches, in nanoseconds."""
    return sum(end - start for start, end in stretches)


def rests_of(segments: Sequence[Segment]) -> tuple[Rest, ...]:
    """Return what is said rests on: stretches with the events at both ends."""
    size = -(-len(segments) // MOST_RESTS) or 1
    groups = [segments[n : n + size] for n in range(0, len(segments), size)]
    return tuple(
        Rest(
            group[0].start_ns,
            max(s.end_ns for s in group),
            tuple(dict.fromkeys((group[0].first_key, group[-1].last_key))),
        )
        for group in groups
    )


def confidence_of(segments: Iterable[Segment]) -> Confidence:
    """Return the mean confidence over the samples of segments that state one."""
    rows = [(s.confidence, s.samples) for s in segments if s.confidence is not None]
    count = sum(samples for _, samples in rows)
    return Confidence(sum(value * n for value, n in rows) / count if count else None)
