"""Balanced sets of questions, the one rule behind all types.

A set is asked in one wording about the same subjects; only its times differ. Every answer that
the set allows is right exactly once. So the wording, its length, the names in it and the choices
offered say nothing about which answer is right, within a set and therefore over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from videoengine.media_time import NS_PER_SECOND
from videoengine.recon3d.simulator.piece import Span
from videoengine.recon3d.simulator.question_course import Course
from videoengine.recon3d.simulator.randomness import Draws

Answer = str | int | float
Item = TypeVar("Item")
HALF_MOMENT_S: Final = 0.5
INSTANT_S: Final = 0.1
NEARBY_S: Final = 60
"""Times of one set lie this close together where that is possible, so time says little either."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a set."""

    text: str
    answer: Answer
    evidence: tuple[Span, ...]
    choices: tuple[str, ...] | None = None
    unit: str | None = None
    tolerance: float | None = None


QuestionSet = list[Asked]
Author = Callable[[Course, Draws], Iterator[QuestionSet]]
"""Writes the sets of one type, one after another, until it has nothing more to ask."""


def collect(sets: Iterable[QuestionSet], enough: int, limit: int) -> list[Asked]:
    """Return the questions of whole sets up to about `enough`; none is asked twice.

    Args:
        sets: Sets as they are written; empty ones are failed attempts.
        enough: No further set is begun when there are so many questions.
        limit: Attempts.
    """
    asked: list[Asked] = []
    texts: set[str] = set()
    for attempt, one in enumerate(sets):
        fresh = {question.text for question in one}
        if len(fresh) == len(one) and not fresh & texts:
            asked += one
            texts |= fresh
        if len(asked) >= enough or attempt + 1 == limit:
            break
    return asked


def shuffled(items: Sequence[Item], draws: Draws) -> list[Item]:
    """Return items in a drawn order."""
    order = list(items)
    for last in range(len(order) - 1, 0, -1):
        other = draws.integer(0, last)
        order[last], order[other] = order[other], order[last]
    return order


def any_of(items: Sequence[Item], draws: Draws) -> Item:
    """Draw one of some items."""
    return items[draws.integer(0, len(items) - 1)]


def any_index(mask: NDArray[np.bool_], draws: Draws, by: int | None = None) -> int | None:
    """Draw an index at which a mask holds: near `by` where it does there; None when nowhere."""
    places = np.flatnonzero(mask)
    if by is not None and places.size:
        distance = np.abs(places - by)
        close = places[distance <= NEARBY_S]
        places = close if close.size else places[[int(distance.argmin())]]
    return int(places[draws.integer(0, len(places) - 1)]) if places.size else None


def one_each(
    masks: Mapping[Answer, NDArray[np.bool_]], draws: Draws
) -> list[tuple[Answer, int]] | None:
    """Draw for every answer a time at which it is right, or return None when one has none.

    The answers come in a drawn order, and each time is sought near the one before.
    """
    found: list[tuple[Answer, int]] = []
    by: int | None = None
    for answer in shuffled(list(masks), draws):
        by = any_index(masks[answer], draws, by)
        if by is None:
            return None
        found.append((answer, by))
    return found


def offered(one: QuestionSet, members: Sequence[str], draws: Draws) -> QuestionSet:
    """Return a set that offers the same choices throughout, the right one in another place each.

    Each place holds the right answer once when the set has as many questions as choices.
    """
    places = shuffled(range(len(members)), draws)
    complete: QuestionSet = []
    for question, place in zip(one, places, strict=False):
        rest = shuffled([name for name in members if name != question.answer], draws)
        choices = (*rest[:place], str(question.answer), *rest[place:])
        complete.append(replace(question, choices=choices))
    return complete


def window(first: float, last: float) -> tuple[Span, ...]:
    """Return a window of seconds as evidence."""
    return (Span(round(first * NS_PER_SECOND), round(last * NS_PER_SECOND)),)


def moment(second: float) -> tuple[Span, ...]:
    """Return the evidence for what is so at a whole second, and for a while around it."""
    return window(max(second - HALF_MOMENT_S, 0.0), second + HALF_MOMENT_S)


def instant(second: float) -> tuple[Span, ...]:
    """Return the evidence for what moves: the frames right after a whole second."""
    return window(second, second + INSTANT_S)
