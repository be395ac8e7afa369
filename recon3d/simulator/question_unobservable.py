"""Questions that a video cannot answer, among questions that it can, in the same words.

Two kinds of set. In one, each sentence names one thing that the video shows and one that it cannot
know, and asks for either: the same words, the other answer. In the other, the same question is
asked of moments in the body, which have an answer, and of one out of it, which has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator.question_course import Course
from videoengine.recon3d.simulator.question_sets import (
    Answer,
    Asked,
    QuestionSet,
    any_index,
    any_of,
    moment,
    offered,
    one_each,
    shuffled,
)
from videoengine.recon3d.simulator.question_wording import NOT_OBSERVABLE, clock, wording
from videoengine.recon3d.simulator.randomness import Draws
from videoengine.spoken import spoken

UNKNOWABLE: Final = (
    "the age of the patient",
    "the body weight of the patient",
    "the name of the surgeon",
    "the name of the hospital",
    "the blood loss in ml",
    "the gas pressure in mmHg",
    "the heart rate of the patient",
    "the dose of the anesthetic",
    "the result of the histology",
    "the allergies of the patient",
    "the date of the procedure",
    "the reason for the procedure",
    "the pain after the procedure",
    "the length of the hospital stay",
    "the number of staff in the room",
    "the blood group of the patient",
)
"""What no picture from inside the body can tell."""
MOST_NAMES: Final = 3


def not_observable(course: Course, draws: Draws) -> Iterator[QuestionSet]:
    """Ask for what is seen and for what cannot be."""
    while True:
        yield _aside(course, draws)
        yield _in_view(course, draws)


def _aside(course: Course, draws: Draws) -> QuestionSet:
    """Ask for one of two things while the other is only mentioned; then the other way around."""
    form = wording("aside", draws)
    unknowable = any_of(UNKNOWABLE, draws)
    seen = _seen(course, draws)
    if seen is None:
        return []
    thing, answer, a = seen
    return [
        Asked(form.format(x=unknowable, y=thing), answer, moment(a)),
        Asked(form.format(x=thing, y=unknowable), NOT_OBSERVABLE, ()),
    ]


def _seen(course: Course, draws: Draws) -> tuple[str, Answer, int] | None:
    """Return something that a moment shows, in words, what it is, and the second."""
    if draws.chance(0.5):
        a = any_index(course.steady & (course.tools_in_view > 0), draws)
        if a is None:
            return None
        number = int(course.tools_in_view[a])
        return f"the number of instruments in view at {clock(a, course.seconds)}", number, a
    alone = _alone(course)
    names = [name for name, mask in alone.items() if mask.any()]
    if not names:
        return None
    name = any_of(names, draws)
    a = any_index(alone[name], draws)
    assert a is not None
    return f"the only instrument in view at {clock(a, course.seconds)}", str(name), a


def _in_view(course: Course, draws: Draws) -> QuestionSet:
    """Ask for the one instrument in view: right once for each name, and once there is none."""
    form = wording("one_in_view", draws)
    alone = _alone(course)
    names = shuffled([str(name) for name, mask in alone.items() if mask.any()], draws)
    members = [*names[:MOST_NAMES], NOT_OBSERVABLE]
    out = course.camera.covered_s
    grid = np.arange(course.seconds)
    around = out[np.minimum(grid + 1, course.seconds)] - out[np.maximum(grid - 1, 0)]
    outside = (around >= 2.0) & (grid > 0)
    masks: dict[Answer, NDArray[np.bool_]] = {name: alone[name] for name in members[:-1]}
    masks[NOT_OBSERVABLE] = outside
    found = one_each(masks, draws)
    if len(members) < 2 or found is None:
        return []
    one = [Asked(form.format(a=clock(a, course.seconds)), answer, moment(a)) for answer, a in found]
    return offered(one, members, draws)


def _alone(course: Course) -> dict[Answer, NDArray[np.bool_]]:
    """Return for each kind of instrument when one of it, and nothing else, is in view."""
    single = course.steady & (course.tools_in_view == 1)
    grid = np.arange(course.seconds)
    masks: dict[Answer, NDArray[np.bool_]] = {}
    for subject in course.instruments:
        there = np.zeros(course.seconds + 1, np.int64)
        for span in subject.spans:
            there[np.searchsorted(grid, span.start_ns / 1e9)] += 1
            there[np.searchsorted(grid, span.end_ns / 1e9)] -= 1
        masks[spoken(subject.name)] = single & (np.cumsum(there)[:-1] > 0)
    return masks
