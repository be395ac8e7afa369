"""Questions of what comes next: the phase, the instrument, the structure that is worked on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.media_time import NS_PER_SECOND
from videoengine.recon3d.simulator.question_course import (
    GAP_S,
    SHORT_S,
    Course,
    Subject,
    next_of,
)
from videoengine.recon3d.simulator.question_sets import (
    Answer,
    Asked,
    QuestionSet,
    offered,
    one_each,
    shuffled,
    window,
)
from videoengine.recon3d.simulator.question_wording import clock, wording
from videoengine.recon3d.simulator.randomness import Draws
from videoengine.spoken import spoken

Masks = dict[Answer, NDArray[np.bool_]]
MOST_CHOICES: Final = 4
FARTHEST_S: Final = 120.0
"""What comes later than this after the time named is not asked about."""


def next_step(course: Course, draws: Draws) -> Iterator[QuestionSet]:
    """Ask what comes next: the phase, the instrument, the structure that is worked on."""
    while course.subjects:
        yield _next_phase(course, draws)
        instruments = [(subject, subject.name) for subject in course.instruments]
        yield _next_of_some(course, "next_instrument", instruments, {}, draws)
        for noun in shuffled(sorted({one.noun for one in course.triplets}), draws):
            acts = [(one, one.target) for one in course.triplets if one.noun == noun]
            yield _next_of_some(course, "next_target", acts, {"noun": noun}, draws)


def _next_phase(course: Course, draws: Draws) -> QuestionSet:
    form = wording("next_phase", draws)
    grid = course.grid[:-1]
    masks: Masks = {}
    ends = np.full(len(grid), np.inf)
    phases = course.piece.phases
    for phase, following in pairwise(phases):
        low, high = phase.span.start_ns / NS_PER_SECOND, phase.span.end_ns / NS_PER_SECOND
        mask = (grid >= low + SHORT_S) & (grid <= high - SHORT_S)
        name = spoken(following.label.name)
        masks[name] = masks[name] | mask if name in masks else mask
        ends[(grid >= low) & (grid < high)] = high
    return _choose(course, form, masks, ends, draws)


def _next_of_some(
    course: Course,
    kind: str,
    subjects: Sequence[tuple[Subject, str]],
    slots: dict[str, str],
    draws: Draws,
) -> QuestionSet:
    """Ask which of some subjects, by name, begins next."""
    form = wording(kind, draws)
    if len(subjects) < 2:
        return []
    grid = course.grid[:-1]
    begins = np.stack([next_of(subject.begins_s, grid) for subject, _ in subjects])
    doubtful = np.stack([next_of(subject.doubtful_s, grid) for subject, _ in subjects])
    ranked = np.sort(begins, axis=0)
    first, second = ranked[0], ranked[1]
    clear = (first + GAP_S < np.minimum(second, doubtful.min(axis=0))) & (first > grid + SHORT_S)
    clear &= first < grid + FARTHEST_S
    masks: Masks = {}
    for row, (_, name) in enumerate(subjects):
        mask = clear & (begins[row] == first)
        masks[name] = masks[name] | mask if name in masks else mask
    return _choose(course, form, masks, first, draws, slots)


def _choose(
    course: Course,
    form: str,
    masks: Masks,
    begins: NDArray[np.float64],
    draws: Draws,
    slots: dict[str, str] | None = None,
) -> QuestionSet:
    """Ask once for each of up to four answers, and offer these as choices throughout."""
    possible = [answer for answer, mask in masks.items() if mask.any()]
    members = [str(answer) for answer in shuffled(possible, draws)[:MOST_CHOICES]]
    if len(members) < 2:
        return []
    found = one_each({name: masks[name] for name in members}, draws) or ()
    one = [
        Asked(
            form.format(a=clock(a, course.seconds), **(slots or {})),
            answer,
            window(a, float(begins[a]) + 1.0),
        )
        for answer, a in found
    ]
    return offered(one, members, draws)
