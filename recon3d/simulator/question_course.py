"""What questions are asked about: subjects that are or are not so at each moment of a piece.

Questions name whole seconds. What lies too near to a change to be told apart from it by someone
who looks once a second is not asked about: those are the margins here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from videoengine.media_time import NS_PER_SECOND
from videoengine.recon3d.simulator.piece import Piece, Span, joined
from videoengine.spoken import article, gerund, spoken

SubjectKind = Literal["instrument", "triplet", "phase", "camera", "bleeding"]
EVENTS: Final[dict[SubjectKind, str]] = {
    "instrument": "{noun} comes into view",
    "triplet": "{noun} begins {state}",
    "phase": "{noun} begins",
    "camera": "{noun} leaves the body",
    "bleeding": "{noun} begins",
}
NULL_VERB: Final = "null_verb"
EDGE_S: Final = 1.5
"""A moment nearer than this to a change is not asked about: an instrument takes about a second to
come in or to leave."""
SHORT_S: Final = 2.0
"""A stretch shorter than this may be missed."""
GAP_S: Final = 3.0
"""Two stretches closer than this may be taken for one."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """Something that is so in some stretches of the piece and not so in the others."""

    kind: SubjectKind
    name: str
    """As in an answer: `hook`."""
    noun: str
    """`a hook`"""
    state: str
    """`in view`; noun, "is" and state make a sentence."""
    spans: tuple[Span, ...]
    """Disjoint, in order."""
    covered_s: NDArray[np.float64]
    """(T + 1,): for how long it was so before each whole second."""
    begins_s: NDArray[np.float64]
    """Beginnings of its stretches, one at the piece's own beginning left out."""
    doubtful_s: NDArray[np.float64]
    """Beginnings that may be missed or are hidden by another of the same kind; in order."""
    target: str = ""
    """What a triplet acts on."""

    @property
    def event(self) -> str:
        """Its beginning, as a clause: "a hook comes into view"."""
        return EVENTS[self.kind].format(noun=self.noun, state=self.state)

    @property
    def phrase(self) -> str:
        """Its lasting, as a noun: "a hook in view"."""
        return f"{self.noun} {self.state}"

    def windows(self, length: int) -> NDArray[np.float64]:
        """Return how long it is so in each window of whole seconds; (T + 1 − length,)."""
        windows: NDArray[np.float64] = self.covered_s[length:] - self.covered_s[:-length]
        return windows

    def within(self, first: float, last: float) -> tuple[Span, ...]:
        """Return its stretches, cut to a window in seconds."""
        low, high = round(first * NS_PER_SECOND), round(last * NS_PER_SECOND)
        cut = (Span(max(s.start_ns, low), min(s.end_ns, high)) for s in self.spans)
        return tuple(span for span in cut if span.start_ns < span.end_ns)


class Course:
    """The subjects of a piece."""

    def __init__(self, piece: Piece) -> None:
        """Take the piece; subjects are made when they are asked for."""
        self.piece = piece
        self.seconds = piece.length_ns // NS_PER_SECOND
        """Whole seconds of the piece, T."""
        self.grid = np.arange(self.seconds + 1, dtype=np.float64)

    @cached_property
    def instruments(self) -> tuple[Subject, ...]:
        """Kinds of instrument in view."""
        spans: dict[str, list[Span]] = {}
        for seen in self.piece.in_view:
            spans.setdefault(seen.instrument.name, []).append(seen.span)
        return tuple(
            self._subject("instrument", spoken(name), article(spoken(name)), "in view", found)
            for name, found in sorted(spans.items())
        )

    @cached_property
    def triplets(self) -> tuple[Subject, ...]:
        """What kinds of instrument do to what."""
        spans: dict[tuple[str, str, str], list[Span]] = {}
        for one in self.piece.triplets:
            if one.verb.name != NULL_VERB:
                name = (one.instrument.name, one.verb.name, one.target.name)
                spans.setdefault(name, []).append(one.span)
        found: list[Subject] = []
        for (instrument, verb, target), stretches in sorted(spans.items()):
            state = f"{gerund(spoken(verb))} the {spoken(target)}"
            noun = article(spoken(instrument))
            subject = self._subject("triplet", f"{noun} {state}", noun, state, stretches)
            found.append(replace(subject, target=spoken(target)))
        return tuple(found)

    @cached_property
    def phases(self) -> tuple[Subject, ...]:
        """Phases under way."""
        spans: dict[str, list[Span]] = {}
        for one in self.piece.phases:
            spans.setdefault(one.label.name, []).append(one.span)
        return tuple(
            self._subject("phase", spoken(name), f"the phase {spoken(name)}", "under way", found)
            for name, found in sorted(spans.items())
        )

    @cached_property
    def camera(self) -> Subject:
        """The camera out of the body."""
        return self._subject(
            "camera", "camera", "the camera", "out of the body", self.piece.outside
        )

    @cached_property
    def bleeding(self) -> Subject:
        """A bleeding under way."""
        spans = [one.span for one in self.piece.incidents if one.kind == "bleeding"]
        return self._subject("bleeding", "bleeding", "a bleeding", "under way", spans)

    @cached_property
    def subjects(self) -> tuple[Subject, ...]:
        """All of them, those that never are so left out."""
        found = (
            *self.instruments,
            *self.triplets,
            *self.phases,
            self.camera,
            self.bleeding,
        )
        return tuple(subject for subject in found if subject.spans)

    @cached_property
    def steady(self) -> NDArray[np.bool_]:
        """(T,): whether no instrument enters or leaves, and the camera stays, around a second."""
        spans = [*(seen.span for seen in self.piece.in_view), *self.piece.outside]
        edges = seconds_of([ns for span in spans for ns in (span.start_ns, span.end_ns)])
        return ~near(edges, self.grid[:-1])

    @cached_property
    def tools_in_view(self) -> NDArray[np.int64]:
        """(T,): how many instruments are in view at each whole second."""
        starts = seconds_of([seen.span.start_ns for seen in self.piece.in_view])
        ends = seconds_of([seen.span.end_ns for seen in self.piece.in_view])
        grid = self.grid[:-1]
        count: NDArray[np.int64] = np.searchsorted(starts, grid, "right") - np.searchsorted(
            ends, grid, "right"
        )
        return count

    def _subject(
        self, kind: SubjectKind, name: str, noun: str, state: str, spans: Sequence[Span]
    ) -> Subject:
        union = joined(spans)
        edges = np.array([(s.start_ns, s.end_ns) for s in union]).reshape(-1, 2) / NS_PER_SECOND
        begins, ends = edges[:, 0], edges[:, 1]
        covered = covered_s(union, self.grid)
        gaps = begins[1:] - ends[:-1]
        doubtful = ends - begins < SHORT_S
        doubtful[1:] |= gaps < GAP_S
        first = begins > EDGE_S
        hidden = sorted({s.start_ns for s in spans} - {s.start_ns for s in union})
        unclear = np.sort(np.concatenate([begins[doubtful & first], seconds_of(hidden)]))
        return Subject(kind, name, noun, state, union, covered, begins[first], unclear)


def seconds_of(times_ns: Iterable[int]) -> NDArray[np.float64]:
    """Return times in seconds, in order."""
    return np.sort(np.array(list(times_ns), dtype=np.float64)) / NS_PER_SECOND


def near(times_s: NDArray[np.float64], grid: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return for each moment of a grid whether one of the times, in order, is near."""
    low = np.searchsorted(times_s, grid - EDGE_S, "left")
    close: NDArray[np.bool_] = np.searchsorted(times_s, grid + EDGE_S, "right") > low
    return close


def counts(times_s: NDArray[np.float64], grid: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return for each moment of a grid how many of the times, in order, lie before it."""
    return np.searchsorted(times_s, grid, "left")


def next_of(times_s: NDArray[np.float64], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each moment of a grid the next of the times, in order; infinite when none."""
    padded = np.append(times_s, np.inf)
    following: NDArray[np.float64] = padded[np.searchsorted(times_s, grid, "left")]
    return following


def covered_s(spans: Sequence[Span], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much of disjoint spans, in order, lies before each moment of a grid."""
    if not spans:
        return np.zeros(len(grid))
    edges = np.array([(span.start_ns, span.end_ns) for span in spans]) / NS_PER_SECOND
    lengths = edges[:, 1] - edges[:, 0]
    total = np.cumsum(lengths)
    return np.interp(grid, edges.ravel(), np.stack([total - lengths, total], axis=1).ravel())


def common(first: Subject, second: Subject) -> list[Span]:
    """Return the stretches in which two subjects are so at once."""
    found: list[Span] = []
    i = j = 0
    while i < len(first.spans) and j < len(second.spans):
        one, other = first.spans[i], second.spans[j]
        start, end = max(one.start_ns, other.start_ns), min(one.end_ns, other.end_ns)
        if start < end:
            found.append(Span(start, end))
        if one.end_ns <= other.end_ns:
            i += 1
        else:
            j += 1
    return found
