"""What is stated about one video over time, wherever it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from videoengine.media_time import NS_PER_SECOND
from videoengine.vocabularies import vocabularies

Kind = Literal["phase", "step", "tools", "boxes", "triplets"]
KINDS: Final[tuple[Kind, ...]] = ("phase", "step", "tools", "boxes", "triplets")
REACH_PERIODS: Final = 0.75
"""A statement speaks for moments at most so many periods of its own track away."""
ALONE_NS: Final = NS_PER_SECOND // 2
"""How far a track of one statement speaks."""
Box = tuple[float, float, float, float]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Said:
    """A label that is stated at a moment."""

    name: str
    score: float = 1.0
    """How sure, 0 to 1; 1 where the statement says nothing of it."""
    box: Box | None = None
    """x, y, width, height as fractions of the picture."""
    known: bool = False
    """Whether the score is a stated probability."""


@dataclass(frozen=True, slots=True)
class Track(Generic[T]):
    """Statements of one kind at moments that rise, in time from the start of the video."""

    times_ns: tuple[int, ...]
    values: tuple[T, ...]

    def at(self, times_ns: NDArray[np.int64]) -> list[T | None]:
        """Return what is stated nearest to each moment, None where nothing is near."""
        own = np.array(self.times_ns, np.int64)
        reach = ALONE_NS if len(own) < 2 else REACH_PERIODS * float(np.median(np.diff(own)))
        right = np.clip(np.searchsorted(own, times_ns), 0, len(own) - 1)
        left = np.maximum(right - 1, 0)
        nearer = np.where(
            np.abs(own[left] - times_ns) <= np.abs(own[right] - times_ns), left, right
        )
        far = np.abs(own[nearer] - times_ns) > reach
        return [None if lost else self.values[n] for n, lost in zip(nearer, far, strict=True)]

    def sampled(self, rate_hz: float) -> Track[T]:
        """Return the first statement of each 1/rate s, as data sets are thinned."""
        kept: list[int] = []
        newest = -1
        for place, time_ns in enumerate(self.times_ns):
            index = int((time_ns + 1) * rate_hz) // NS_PER_SECOND  # + 1: stamps are rounded
            if index != newest:
                kept.append(place)
                newest = index
        return Track(tuple(self.times_ns[n] for n in kept), tuple(self.values[n] for n in kept))


@dataclass(frozen=True, slots=True)
class Recording:
    """The tracks of one video; a kind that is nowhere stated has none."""

    name: str
    origin: str
    """Where it comes from, for people."""
    phase: Track[Said] | None = None
    step: Track[Said] | None = None
    tools: Track[tuple[Said, ...]] | None = None
    """An empty statement: no tool is seen."""
    boxes: Track[tuple[Said, ...]] | None = None
    triplets: Track[tuple[Said, ...]] | None = None
    terms: dict[Kind, tuple[str, ...]] = field(default_factory=dict[Kind, tuple[str, ...]])
    """Names of the classes in their order, where the origin fixes them."""

    def track(self, kind: Kind) -> Track[Said] | Track[tuple[Said, ...]] | None:
        """Return the track of a kind."""
        found: Track[Said] | Track[tuple[Said, ...]] | None = getattr(self, kind)
        return found

    def names(self, kind: Kind) -> set[str]:
        """Return the labels that the track of a kind holds."""
        track = self.track(kind)
        if track is None:
            return set()
        return {
            said.name
            for value in track.values
            for said in (value if isinstance(value, tuple) else (value,))
        }


def make_track(rows: Iterable[tuple[int, T]]) -> Track[T] | None:
    """Return a track of (time, value) rows in order of time, or None when there is no row."""
    ordered = sorted(rows, key=lambda row: row[0])
    if not ordered:
        return None
    times, values = zip(*ordered, strict=True)
    return Track(times, values)


def plain_name(name: str) -> str:
    """Return a label as it is compared: `Grasper`, `grasper` and `GRASPER` are one."""
    return re.sub(r"[\s_]+", "_", name.strip()).casefold()


def known_terms(names: Iterable[str], part: str) -> tuple[str, ...] | None:
    """Return the labels of the vocabulary that holds all names, or None.

    Args:
        names: Labels.
        part: What the vocabulary's name must hold, such as `phase@`.
    """
    wanted = {plain_name(name) for name in names}
    for name, terms in vocabularies().items():
        labels = tuple(label.name for label in terms.labels)
        if part in name and wanted <= {plain_name(label) for label in labels}:
            return labels
    return None


def places_of(terms: Sequence[str]) -> dict[str, int]:
    """Return the place of each label by its plain name, and by its number as text."""
    numbers = {str(number): number for number in range(len(terms))}
    return numbers | {plain_name(name): number for number, name in enumerate(terms)}


def surest(rows: Iterable[Said]) -> tuple[Said, ...]:
    """Return each label once, as it is stated with the highest score."""
    best: dict[str, Said] = {}
    for said in rows:
        held = best.get(plain_name(said.name))
        if held is None or held.score < said.score:
            best[plain_name(said.name)] = said
    return tuple(best.values())
