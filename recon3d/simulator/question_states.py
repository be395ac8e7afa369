"""Questions of what is so: presence, count and overlap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator.piece import Span
from videoengine.recon3d.simulator.question_course import (
    SHORT_S,
    Course,
    Subject,
    common,
    counts,
    covered_s,
    near,
    seconds_of,
)
from videoengine.recon3d.simulator.question_sets import (
    Answer,
    Asked,
    QuestionSet,
    any_of,
    moment,
    one_each,
    shuffled,
    window,
)
from videoengine.recon3d.simulator.question_wording import clock, wording
from videoengine.recon3d.simulator.randomness import Draws

LENGTHS: Final = (10, 20, 30, 45, 60, 90)
"""Lengths of windows in seconds; at most half of the piece is used."""
NUMBERS: Final = (1, 2, 3)
"""What a count may be: the same for everything that is counted."""
YES_NO: Final = ("yes", "no")


def presence(course: Course, draws: Draws) -> Iterator[QuestionSet]:
    """Ask whether something is so within a window."""
    lengths, subjects = windows_of(course), by_kind(course.subjects)
    while lengths and subjects:
        subject = any_of(any_of(subjects, draws), draws)
        length = any_of(lengths, draws)
        found = one_each(yes_or_no(subject.covered_s, length), draws)
        form = wording("presence", draws)
        one: QuestionSet = []
        for answer, a in found or ():
            slots = slots_of(course, a, length) | {"noun": subject.noun, "state": subject.state}
            evidence = subject.within(a, a + length) or window(a, a + length)
            one.append(Asked(form.format(**slots), answer, evidence, YES_NO))
        yield one


def overlap(course: Course, draws: Draws) -> Iterator[QuestionSet]:
    """Ask whether two things are so at once within a window."""
    lengths, subjects = windows_of(course), by_kind(course.subjects)
    while lengths and subjects:
        x, y = (any_of(any_of(subjects, draws), draws) for _ in range(2))
        length = any_of(lengths, draws)
        form = wording("overlap", draws)
        if x.noun == y.noun or (x.kind == y.kind == "phase") or "camera" in (x.kind, y.kind):
            yield []
            continue
        both = common(x, y)
        masks = yes_or_no(covered_s(both, course.grid), length)
        apart = (x.windows(length) >= SHORT_S) & (y.windows(length) >= SHORT_S)
        if (masks["no"] & apart).any():  # both are there, but not at once
            masks["no"] &= apart
        one: QuestionSet = []
        for answer, a in one_each(masks, draws) or ():
            slots = slots_of(course, a, length) | {"x": x.phrase, "y": y.phrase}
            evidence = cut(both, a, a + length) or window(a, a + length)
            one.append(Asked(form.format(**slots), answer, evidence, YES_NO))
        yield one


def count(course: Course, draws: Draws) -> Iterator[QuestionSet]:
    """Ask how many there are, at a moment or within a window."""
    clips = [one.span.start_ns for one in course.piece.incidents if one.kind == "clip"]
    polyps = [polyp.found_ns for polyp in course.piece.polyps]
    while True:
        yield _count_now(course, draws)
        if course.instruments:
            yield _count_times(course, any_of(course.instruments, draws), draws)
            yield _count_kinds(course, draws)
        for kind, times_ns in (("count_clips", clips), ("count_polyps", polyps)):
            if len(times_ns) >= max(NUMBERS):
                times_s = seconds_of(times_ns)
                yield _count_events(course, kind, times_s, draws)


def _count_now(course: Course, draws: Draws) -> QuestionSet:
    masks: dict[Answer, NDArray[np.bool_]] = {
        number: course.steady & (course.tools_in_view == number) for number in NUMBERS
    }
    form = wording("count_now", draws)
    return [
        Asked(form.format(a=clock(a, course.seconds)), number, moment(a))
        for number, a in one_each(masks, draws) or ()
    ]


def _count_times(course: Course, subject: Subject, draws: Draws) -> QuestionSet:
    form = wording("count_times", draws)
    for length in shuffled(windows_of(course), draws):
        clean = ~within(subject.doubtful_s, course, length).astype(bool)
        masks = _numbers(subject.begins_s, course, length, clean)
        found = one_each(masks, draws)
        if found is not None:
            return [
                Asked(
                    form.format(noun=subject.noun, **slots_of(course, a, length)),
                    number,
                    tuple(s for s in subject.within(a, a + length) if s.start_ns > a * 10**9),
                )
                for number, a in found
            ]
    return []


def _count_kinds(course: Course, draws: Draws) -> QuestionSet:
    form = wording("count_kinds", draws)
    for length in shuffled(windows_of(course), draws):
        covered = np.stack([subject.windows(length) for subject in course.instruments])
        number = (covered >= SHORT_S).sum(axis=0)
        clear = ((covered == 0) | (covered >= SHORT_S)).all(axis=0)
        found = one_each({n: clear & (number == n) for n in NUMBERS}, draws)
        if found is not None:
            return [
                Asked(form.format(**slots_of(course, a, length)), n, window(a, a + length))
                for n, a in found
            ]
    return []


def _count_events(
    course: Course, kind: str, times_s: NDArray[np.float64], draws: Draws
) -> QuestionSet:
    form = wording(kind, draws)
    for length in shuffled(windows_of(course), draws):
        found = one_each(_numbers(times_s, course, length), draws)
        if found is not None:
            return [
                Asked(form.format(**slots_of(course, a, length)), number, window(a, a + length))
                for number, a in found
            ]
    return []


def _numbers(
    times_s: NDArray[np.float64],
    course: Course,
    length: int,
    clean: NDArray[np.bool_] | None = None,
) -> dict[Answer, NDArray[np.bool_]]:
    """Return where a window holds one, two and three of some times, none near its ends."""
    number = within(times_s, course, length)
    edge = near(times_s, course.grid)
    usable = ~(edge[length:] | edge[:-length])
    if clean is not None:
        usable &= clean
    return {n: usable & (number == n) for n in NUMBERS}


def within(times_s: NDArray[np.float64], course: Course, length: int) -> NDArray[np.int64]:
    """Return how many of some times lie in each window."""
    before = counts(times_s, course.grid)
    inside: NDArray[np.int64] = before[length:] - before[:-length]
    return inside


def yes_or_no(covered: NDArray[np.float64], length: int) -> dict[Answer, NDArray[np.bool_]]:
    """Return the windows in which something is so for long enough, and those far from it."""
    inside = covered[length:] - covered[:-length]
    last = len(covered) - 1
    starts = np.arange(len(inside))
    around = covered[np.minimum(starts + length + 1, last)] - covered[np.maximum(starts - 1, 0)]
    return {"yes": inside >= SHORT_S, "no": around == 0}


def windows_of(course: Course) -> list[int]:
    """Return the lengths of windows that suit a piece."""
    return [length for length in LENGTHS if 2 * length <= course.seconds]


def by_kind(subjects: Sequence[Subject]) -> list[list[Subject]]:
    """Return the subjects of each kind, so that kinds with many are not asked about most."""
    kinds: dict[str, list[Subject]] = {}
    for subject in subjects:
        kinds.setdefault(subject.kind, []).append(subject)
    return list(kinds.values())


def slots_of(course: Course, a: int, length: int) -> dict[str, str]:
    """Return a window as the slots of a wording."""
    return {"a": clock(a, course.seconds), "b": clock(a + length, course.seconds)}


def cut(spans: Sequence[Span], first: int, last: int) -> tuple[Span, ...]:
    """Return what of some spans lies within a window of seconds."""
    low, high = first * 10**9, last * 10**9
    pieces = (Span(max(span.start_ns, low), min(span.end_ns, high)) for span in spans)
    return tuple(span for span in pieces if span.start_ns < span.end_ns)
