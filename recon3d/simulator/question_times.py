"""Questions of when and how long: first and last time, order, duration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.media_time import NS_PER_SECOND
from videoengine.recon3d.simulator.piece import Span
from videoengine.recon3d.simulator.question_course import (
    GAP_S,
    SHORT_S,
    Course,
    Subject,
    near,
    next_of,
)
from videoengine.recon3d.simulator.question_sets import (
    Answer,
    Asked,
    QuestionSet,
    any_of,
    one_each,
    shuffled,
    window,
)
from videoengine.recon3d.simulator.question_states import by_kind, slots_of, within
from videoengine.recon3d.simulator.question_wording import clock, wording
from videoengine.recon3d.simulator.randomness import Draws

Masks = dict[Answer, NDArray[np.bool_]]
TIME_TOLERANCE_S: Final = 2.0
SECOND_NS: Final = NS_PER_SECOND
LAGS_S: Final = ((3.0, 10.0), (10.0, 22.0), (22.0, 45.0))
"""How far the time asked for lies from the time named: each as often, whatever is asked about."""
DURATIONS: Final = ((0.1, 0.35), (0.4, 0.65), (0.7, 0.95))
"""What share of a window something lasts: each as often."""
DURATION_LENGTHS: Final = (30, 60, 120)
FARTHEST_S: Final = 120.0
"""What comes later than this after the time named is not asked about."""


def first_time(course: Course, draws: Draws) -> Iterator[QuestionSet]:
    """Ask when something begins: in all, or after a time."""
    for subject in shuffled(course.subjects, draws):
        yield _first(subject, draws)
        yield _lags(course, subject, "first_after", _after, draws)
    while course.subjects:
        yield _lags(course, _any(course, draws), "first_after", _after, draws)


def last_time(course: Course, draws: Draws) -> Iterator[QuestionSet]:
    """Ask when something ends: in all, or before a time."""
    for subject in shuffled(course.subjects, draws):
        yield _last(course, subject, draws)
        yield _lags(course, subject, "last_before", _before, draws)
    while course.subjects:
        yield _lags(course, _any(course, draws), "last_before", _before, draws)


def order(course: Course, draws: Draws) -> Iterator[QuestionSet]:
    """Ask which of two events comes first after a time."""
    while course.subjects:
        x, y = _any(course, draws), _any(course, draws)
        form = wording("order", draws)
        if x.noun == y.noun:
            yield []
            continue
        next_x, next_y = _next_clear(course, x), _next_clear(course, y)
        soon = np.maximum(next_x, next_y) < course.grid[:-1] + FARTHEST_S
        masks: Masks = {
            x.event: soon & (next_x + GAP_S < next_y),
            y.event: soon & (next_y + GAP_S < next_x),
        }
        yield [
            Asked(
                form.format(a=clock(a, course.seconds), x=x.event, y=y.event),
                answer,
                _begins((next_x[a], next_y[a])),
                (x.event, y.event),
            )
            for answer, a in one_each(masks, draws) or ()
        ]


def duration(course: Course, draws: Draws) -> Iterator[QuestionSet]:
    """Ask how long something lasts within a window, or a phase from beginning to end."""
    yield _phase_durations(course, draws)
    lengths = [length for length in DURATION_LENGTHS if 2 * length <= course.seconds]
    while lengths and course.subjects:
        subject, length = _any(course, draws), any_of(lengths, draws)
        form = wording("duration", draws)
        covered = subject.windows(length)
        clean = within(subject.doubtful_s, course, length) == 0
        masks: Masks = {
            place: clean & (covered >= low * length) & (covered < high * length)
            for place, (low, high) in enumerate(DURATIONS)
        }
        one: QuestionSet = []
        for _, a in one_each(masks, draws) or ():
            spans = subject.within(a, a + length)
            slots = slots_of(course, a, length) | {"noun": subject.noun, "state": subject.state}
            seconds = round(float(covered[a]), 1)
            tolerance = 1.0 + len(spans)
            one.append(Asked(form.format(**slots), seconds, spans, None, "s", tolerance))
        yield one


def _any(course: Course, draws: Draws) -> Subject:
    return any_of(any_of(by_kind(course.subjects), draws), draws)


def _first(subject: Subject, draws: Draws) -> QuestionSet:
    form = wording("first", draws)
    span = subject.spans[0]
    if span.start_ns < TIME_TOLERANCE_S * SECOND_NS or span.length_ns < SHORT_S * SECOND_NS:
        return []
    text = form.format(noun=subject.noun, state=subject.state)
    evidence = (Span(span.start_ns, min(span.end_ns, span.start_ns + SECOND_NS)),)
    return [Asked(text, _seconds(span.start_ns), evidence, None, "s", TIME_TOLERANCE_S)]


def _last(course: Course, subject: Subject, draws: Draws) -> QuestionSet:
    form = wording("last", draws)
    span = subject.spans[-1]
    late_ns = course.piece.length_ns - TIME_TOLERANCE_S * SECOND_NS
    if span.end_ns > late_ns or span.length_ns < SHORT_S * SECOND_NS:
        return []
    text = form.format(noun=subject.noun, state=subject.state)
    evidence = (Span(max(span.start_ns, span.end_ns - SECOND_NS), span.end_ns),)
    return [Asked(text, _seconds(span.end_ns), evidence, None, "s", TIME_TOLERANCE_S)]


Times = NDArray[np.float64]


def _lags(
    course: Course,
    subject: Subject,
    kind: str,
    sought: Callable[[Course, Subject], Times],
    draws: Draws,
) -> QuestionSet:
    """Ask for a time by its distance from another: once near, once farther, once far."""
    form = wording(kind, draws)
    times = sought(course, subject)
    lag = np.abs(times - course.grid[:-1])
    clear = ~near(subject.begins_s, course.grid[:-1])
    masks: Masks = {
        place: clear & (lag >= low) & (lag < high) for place, (low, high) in enumerate(LAGS_S)
    }
    one: QuestionSet = []
    for _, a in one_each(masks, draws) or ():
        slots = {"noun": subject.noun, "state": subject.state}
        text = form.format(a=clock(a, course.seconds), **slots)
        at = float(times[a])
        evidence = window(*((at, at + 1.0) if at > a else (at - 1.0, at)))
        one.append(Asked(text, round(at, 1), evidence, None, "s", TIME_TOLERANCE_S))
    return one


def _after(course: Course, subject: Subject) -> Times:
    return _next_clear(course, subject)


def _before(course: Course, subject: Subject) -> Times:
    """Return for each second when the stretch before it ended; infinite when that is unclear."""
    edges = np.array([(span.start_ns, span.end_ns) for span in subject.spans]) / SECOND_NS
    grid = course.grid[:-1]
    ended = np.searchsorted(edges[:, 1], grid, "right")
    begun = np.searchsorted(edges[:, 0], grid, "right")
    long = np.append(edges[:, 1] - edges[:, 0] >= SHORT_S, False)
    ends = np.append(edges[:, 1], np.inf)
    times: Times = np.where((begun == ended) & long[ended - 1], ends[ended - 1], np.inf)
    return times


def _next_clear(course: Course, subject: Subject) -> Times:
    """Return for each second the next beginning; infinite when that is unclear or never."""
    grid = course.grid[:-1]
    following = next_of(subject.begins_s, grid)
    doubtful = next_of(subject.doubtful_s, grid)
    times: Times = np.where(doubtful <= following, np.inf, following)
    return times


def _phase_durations(course: Course, draws: Draws) -> QuestionSet:
    """Ask for the lengths of phases that begin and end within the piece, named by a time."""
    form = wording("duration_phase", draws)
    one: QuestionSet = []
    for phase in course.piece.phases:
        low, high = phase.span.start_ns / SECOND_NS, phase.span.end_ns / SECOND_NS
        inside = low > 0 and phase.span.end_ns < course.piece.length_ns
        if not inside or high - low < 4 * SHORT_S:
            continue
        a = draws.integer(int(low + SHORT_S), int(high - SHORT_S))
        text = form.format(a=clock(a, course.seconds))
        evidence = (phase.span,)
        one.append(Asked(text, round(high - low, 1), evidence, None, "s", TIME_TOLERANCE_S))
    return shuffled(one, draws)[:3]


def _begins(times_s: tuple[float, ...]) -> tuple[Span, ...]:
    return tuple(span for at in sorted(times_s) for span in window(at, at + 1.0))


def _seconds(time_ns: int) -> float:
    return round(time_ns / SECOND_NS, 1)
