"""Questions of where and how large: tips in the picture and in space, polyps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.media_time import NS_PER_SECOND
from videoengine.recon3d.simulator.piece import Span
from videoengine.recon3d.simulator.question_course import Course
from videoengine.recon3d.simulator.question_sets import (
    Answer,
    Asked,
    Author,
    QuestionSet,
    any_of,
    instant,
    moment,
    one_each,
)
from videoengine.recon3d.simulator.question_wording import clock, wording
from videoengine.recon3d.simulator.randomness import Draws
from videoengine.recon3d.simulator.truth import Poses
from videoengine.spoken import spoken

Pair = tuple[str, str]
LATE_NS: Final = 50_000_000
"""How long after a whole second the frame that shows it may come."""
CLEAR: Final = 0.08
"""Share of the picture by which one place must differ from another."""
CLEAR_MM: Final = 8.0
"""Difference in distance from the camera that can be told."""
GAPS_MM: Final = ((10.0, 30.0), (30.0, 50.0), (50.0, 90.0))
"""Distances between tips: each range as often."""
SIZE_TOLERANCE: Final = 0.15
"""Share of a size."""
SIZE_TOLERANCE_MM: Final = 1.0
POLYP_CLEAR: Final = 1.25
"""Ratio from which one polyp is larger than another."""


@dataclass(frozen=True, slots=True, eq=False)
class Tips:
    """Where the tip of the only instrument of a kind is at each whole second; NaN when nowhere."""

    places: dict[str, NDArray[np.float64]]
    """By name, (T, 2): right and down as fractions of the picture."""
    points_mm: dict[str, NDArray[np.float64]]
    """By name, (T, 3), in camera coordinates."""

    @property
    def pairs(self) -> list[Pair]:
        """Pairs of names that are in the picture together at some time."""
        names = sorted(self.places)
        return [
            (x, y)
            for x, y in combinations(names, 2)
            if np.isfinite(self.places[x][:, 0] + self.places[y][:, 0]).any()
        ]


def tips_of(course: Course, poses: Poses) -> Tips:
    """Return the tips that are within the picture while their instrument is in view for sure."""
    piece, count = course.piece, course.seconds
    names = {visit.number: spoken(visit.instrument.name) for visit in piece.plan.visits}
    offset = poses.time_ns[poses.tip_sample] - piece.start_ns
    second = offset // NS_PER_SECOND
    places = (poses.tip_px + 0.5) / np.array(poses.size)
    usable = (offset % NS_PER_SECOND <= LATE_NS) & (second >= 0) & (second < count)
    usable &= ((places >= 0) & (places < 1)).all(axis=1)
    usable[usable] &= course.steady[second[usable]]
    tips = Tips({}, {})
    kinds = np.array([names.get(int(track), "") for track in poses.tip_track.tolist()])
    for name in sorted({subject.name for subject in course.instruments}):
        rows = np.flatnonzero(kinds == name)
        every = np.bincount(second[rows].clip(-1, count) + 1, minlength=count + 2)
        rows = rows[usable[rows]]
        rows = rows[every[second[rows] + 1] == 1]
        tips.places[name] = np.full((count, 2), np.nan)
        tips.points_mm[name] = np.full((count, 3), np.nan)
        tips.places[name][second[rows]] = places[rows]
        tips.points_mm[name][second[rows]] = poses.tip_mm[rows]
    return tips


def spatial(tips: Tips | None) -> Author:
    """Return the author of questions of where tips are."""

    def write(course: Course, draws: Draws) -> Iterator[QuestionSet]:
        while tips is not None and tips.places:
            name = any_of(sorted(tips.places), draws)
            yield _halves(course, tips, name, draws)
            if tips.pairs:
                yield _sides(course, tips, any_of(tips.pairs, draws), draws)

    return write


def size(tips: Tips | None) -> Author:
    """Return the author of questions of how large things are."""

    def write(course: Course, draws: Draws) -> Iterator[QuestionSet]:
        yield from _polyps(course, draws)
        while tips is not None and tips.pairs:
            yield _gap(course, tips, any_of(tips.pairs, draws), draws)
            yield _wider(course, tips, any_of(tips.pairs, draws), draws)

    return write


Measure = tuple[str, Callable[[Tips, str], NDArray[np.float64]], float]
SIDES: Final[tuple[Measure, ...]] = (
    ("further_left", lambda tips, name: tips.places[name][:, 0], CLEAR),
    ("higher", lambda tips, name: tips.places[name][:, 1], CLEAR),
    ("nearer", lambda tips, name: np.linalg.norm(tips.points_mm[name], axis=1), CLEAR_MM),
)
"""The one whose number is smaller is the answer."""
HALVES: Final = (("half", 0, ("left", "right")), ("height", 1, ("upper", "lower")))


def _sides(course: Course, tips: Tips, pair: Pair, draws: Draws) -> QuestionSet:
    kind, measure, clear = any_of(SIDES, draws)
    form = wording(kind, draws)
    x, y = pair if draws.chance(0.5) else pair[::-1]
    difference = measure(tips, y) - measure(tips, x)
    masks: dict[Answer, NDArray[np.bool_]] = {x: difference > clear, y: difference < -clear}
    slots = {"x": f"the {x}", "y": f"the {y}"}
    return [
        Asked(form.format(a=clock(a, course.seconds), **slots), answer, instant(a), (x, y))
        for answer, a in one_each(masks, draws) or ()
    ]


def _halves(course: Course, tips: Tips, name: str, draws: Draws) -> QuestionSet:
    kind, axis, halves = any_of(HALVES, draws)
    form = wording(kind, draws)
    place = tips.places[name][:, axis]
    masks: dict[Answer, NDArray[np.bool_]] = {
        halves[0]: place < 0.5 - CLEAR,
        halves[1]: place > 0.5 + CLEAR,
    }
    return [
        Asked(form.format(a=clock(a, course.seconds), name=name), answer, instant(a), halves)
        for answer, a in one_each(masks, draws) or ()
    ]


def _distances(tips: Tips, pair: Pair) -> NDArray[np.float64]:
    apart: NDArray[np.float64] = tips.points_mm[pair[0]] - tips.points_mm[pair[1]]
    distances: NDArray[np.float64] = np.linalg.norm(apart, axis=1)
    return distances


def _gap(course: Course, tips: Tips, pair: Pair, draws: Draws) -> QuestionSet:
    form = wording("tip_distance", draws)
    gaps_mm = _distances(tips, pair)
    masks: dict[Answer, NDArray[np.bool_]] = {
        place: (gaps_mm >= low) & (gaps_mm < high) for place, (low, high) in enumerate(GAPS_MM)
    }
    one: QuestionSet = []
    for _, a in one_each(masks, draws) or ():
        text = form.format(a=clock(a, course.seconds), x=pair[0], y=pair[1])
        one.append(_sized(text, float(gaps_mm[a]), instant(a)))
    return one


def _wider(course: Course, tips: Tips, pair: Pair, draws: Draws) -> QuestionSet:
    """Ask about two times twice, the wider gap named once first and once last."""
    form = wording("tip_wider", draws)
    gaps_mm = _distances(tips, pair)
    low, middle, high = GAPS_MM[0][1], GAPS_MM[1][0] + CLEAR_MM, GAPS_MM[2][1]
    masks: dict[Answer, NDArray[np.bool_]] = {
        "narrow": gaps_mm < low,
        "wide": (gaps_mm > middle) & (gaps_mm < 2 * high),
    }
    found = dict(one_each(masks, draws) or ())
    if not found:
        return []
    times = (found["wide"], found["narrow"])
    slots = {"x": pair[0], "y": pair[1]}
    return _either(course, form, slots, times, tuple(instant(a) for a in sorted(times)))


def _polyps(course: Course, draws: Draws) -> Iterator[QuestionSet]:
    """Ask for the size of each polyp, and of two which is larger."""
    found = [(int(p.found_ns // NS_PER_SECOND), p.size_mm) for p in course.piece.polyps]
    found = [(a, size_mm) for a, size_mm in found if 0 < a < course.seconds]
    for a, size_mm in found:
        form = wording("polyp_size", draws)
        yield [_sized(form.format(a=clock(a, course.seconds)), size_mm, moment(a))]
    for (a, one_mm), (b, other_mm) in combinations(found, 2):
        form = wording("polyp_larger", draws)
        if max(one_mm, other_mm) > POLYP_CLEAR * min(one_mm, other_mm):
            times = (a, b) if one_mm > other_mm else (b, a)
            yield _either(course, form, {}, times, (moment(a), moment(b)))


def _either(
    course: Course,
    form: str,
    slots: dict[str, str],
    times: tuple[int, int],
    evidence: tuple[tuple[Span, ...], ...],
) -> QuestionSet:
    """Ask which of two times it is, the right one, given first, named once first, once last."""
    right, wrong = (clock(at, course.seconds) for at in times)
    spans = tuple(span for spans in evidence for span in spans)
    return [
        Asked(form.format(a=a, b=b, **slots), right, spans, (a, b))
        for a, b in ((right, wrong), (wrong, right))
    ]


def _sized(text: str, size_mm: float, evidence: tuple[Span, ...]) -> Asked:
    tolerance = round(max(SIZE_TOLERANCE_MM, SIZE_TOLERANCE * size_mm), 2)
    return Asked(text, round(size_mm, 1), evidence, None, "mm", tolerance)
