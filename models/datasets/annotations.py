"""Annotations of one video: what its labels state at a moment, in the words of the log."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Protocol

from numpy.typing import NDArray

from videoengine.events import Draft
from videoengine.payloads import PhasePayload
from videoengine.vocabularies import vocabulary

Box = tuple[float, float, float, float]
"""Normalised (x, y, width, height), 0 to 1 of the displayed frame, top-left origin."""
PROCEDURES: Final = "videoengine/procedure@1"
_HALF: Final = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a frame lies in its video, in the terms that labels are published in."""

    since_first_seconds: Fraction
    """Its stamp minus that of the first frame."""
    period_seconds: Fraction
    """How long it is shown."""
    image: Path | None = None
    """The file that it is, in a dataset of still images."""
    size: tuple[int, int] = (0, 0)
    """Coded (width, height) of its picture in pixels."""

    def number(self, fps: int) -> int:
        """Return which frame this is, from 0, where the video has `fps` frames a second."""
        return math.floor(self.since_first_seconds * fps + _HALF)

    def sample(self, rate_hz: int) -> int | None:
        """Return k when this is the frame nearest to k ÷ rate_hz seconds, else None."""
        number = self.number(rate_hz)
        late = self.since_first_seconds - Fraction(number, rate_hz)
        return number if -self.period_seconds < 2 * late <= self.period_seconds else None


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that the labels say of a frame."""

    draft: Draft
    box: Box | None = None
    """Where in the frame it rests, for payloads that have no box of their own."""


@dataclass(frozen=True, slots=True)
class Annotated:
    """What the labels say of one frame; empty where it was not annotated."""

    statements: tuple[Statement, ...] = ()
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])
    """Arrays that were asked for and that exist for this frame, by name."""


NOTHING: Final = Annotated()


class Annotations(Protocol):
    """The labels of one video, read when they are first needed."""

    @property
    def arrays(self) -> Mapping[str, str]:
        """Arrays that can be asked for, and the vocabulary that each one counts in ("" if none)."""
        ...

    def at(self, moment: Moment, wanted: Collection[str]) -> Annotated:
        """Return what is annotated at a moment, and the arrays `wanted` of it."""
        ...


class Unlabelled:
    """The annotations of a video that has none."""

    @property
    def arrays(self) -> Mapping[str, str]:
        """None can be asked for."""
        return {}

    def at(self, moment: Moment, wanted: Collection[str]) -> Annotated:
        """Return nothing."""
        return NOTHING


def state(kind: str, payload: Any, box: Box | None = None) -> Statement:
    """Return a statement of this kind."""
    return Statement(Draft(kind, payload), box)


def certain(kind: str, vocabulary_name: str, term: int | str) -> Statement:
    """Return the statement of a `procedure`, `phase` or `step` that is known to be so."""
    label = vocabulary(vocabulary_name).label(term)
    return state(kind, PhasePayload(label, {str(label.id): 1.0}))


def operation(name: str) -> Statement:
    """Return the statement of which procedure this is."""
    return certain("procedure", PROCEDURES, name)


def clipped(x: float, y: float, width: float, height: float) -> Box:
    """Return the part of a box that lies in the picture; some published boxes reach beyond it."""
    left, top = min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)
    right, bottom = min(max(x + width, left), 1.0), min(max(y + height, top), 1.0)
    return left, top, right - left, bottom - top
