"""A take: which piece of a simulated procedure is filmed, and how."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, cast, get_args

from videoengine.errors import UsageError, nearest
from videoengine.media_time import NS_PER_SECOND, parse_duration
from videoengine.recon3d.simulator.optics import View
from videoengine.recon3d.simulator.plan import TICK_NS, TICKS_PER_SECOND, Plan
from videoengine.recon3d.simulator.randomness import LARGEST_SEED

VIEWS: Final[tuple[View, ...]] = get_args(View)
SMALLEST_SIDE: Final = 64
LARGEST_SIDE: Final = 4096
SLOWEST_FPS: Final = 1
FASTEST_FPS: Final = 120
FINEST_FPS: Final = 10_000
"""Largest denominator of a rate: its ticks stay countable in 32 bits."""
_SIZE: Final = re.compile(r"(\d{1,9})x(\d{1,9})")
_SEED: Final = re.compile(r"\d{1,19}")
LONGEST_OPTION: Final = 32
"""Characters; a number with more digits is a mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filming:
    """How a procedure is filmed, whichever its seed."""

    start_ns: int = 0
    """Where the piece begins, from the start of the procedure."""
    duration_ns: int | None = None
    """Length of the piece; None is the rest of the procedure."""
    size: tuple[int, int] = (640, 512)
    """(width, height) in pixels."""
    fps: Fraction = Fraction(25)
    view: View = "mono"

    def __post_init__(self) -> None:
        """Refuse what no camera of the simulator does."""
        if self.start_ns < 0 or (self.duration_ns is not None and self.duration_ns <= 0):
            length = "all" if self.duration_ns is None else _seconds(self.duration_ns)
            raise UsageError(
                "This is no piece of a procedure",
                got=f"{length} from {_seconds(self.start_ns)}",
                allowed="a start of 0s or more and a duration above 0s",
            )
        if any(s % 2 or not SMALLEST_SIDE <= s <= LARGEST_SIDE for s in self.size):
            raise UsageError(
                "The simulator cannot film at this size",
                got="{}x{}".format(*self.size),
                allowed=f"two even numbers, {SMALLEST_SIDE} to {LARGEST_SIDE}",
                remedy=f"Use {'x'.join(str(_nearest_side(side)) for side in self.size)}.",
            )
        if not SLOWEST_FPS <= self.fps <= FASTEST_FPS or self.fps.denominator > FINEST_FPS:
            raise UsageError(
                "The simulator cannot film at this rate",
                got=f"{float(self.fps):g} frames/s",
                allowed=f"{SLOWEST_FPS} to {FASTEST_FPS}, such as 25 or 30000/1001",
            )
        if self.view not in VIEWS:
            raise UsageError(
                "The simulator has no such view",
                got=repr(self.view),
                allowed=", ".join(VIEWS),
                remedy=nearest(self.view, VIEWS),
            )

    @classmethod
    def parse(cls, options: Mapping[str, str]) -> Filming:
        """Return what options, named and written as in a `sim://` URI, ask for."""
        values: dict[str, Any] = {}
        for name, text in options.items():
            if len(text) > LONGEST_OPTION:
                raise UsageError(
                    f"The option {name} is too long",
                    got=f"{len(text)} characters",
                    allowed=f"up to {LONGEST_OPTION}",
                )
            values[_FIELDS.get(name, name)] = _PARSERS[name](text)
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Take:
    """A piece of one planned procedure, filmed at a fixed rate; frames count from its start."""

    plan: Plan
    filming: Filming

    def __post_init__(self) -> None:
        """Refuse a piece that the procedure does not have."""
        length_ns = self.plan.ticks * TICK_NS
        start_ns = self.filming.start_ns
        asked_ns = self.filming.duration_ns
        if start_ns < length_ns and start_ns + (asked_ns or 0) <= length_ns:
            return
        if start_ns >= length_ns:
            got, remedy = f"a start at {_seconds(start_ns)}", "Start earlier."
        else:
            got = f"{_seconds(asked_ns or 0)} from {_seconds(start_ns)}"
            remedy = f"Ask for at most {_seconds(length_ns - start_ns)} from there."
        raise UsageError(
            "The piece lies outside of the procedure",
            got=got,
            allowed=f"{self.plan.procedure} with seed {self.plan.seed} takes {_seconds(length_ns)}",
            remedy=remedy,
        )

    @property
    def start_ns(self) -> int:
        """Where the piece begins, from the start of the procedure."""
        return self.filming.start_ns

    @property
    def end_ns(self) -> int:
        """Where the piece ends, from the start of the procedure."""
        asked_ns = self.filming.duration_ns
        return self.plan.ticks * TICK_NS if asked_ns is None else self.start_ns + asked_ns

    @property
    def duration_ns(self) -> int:
        """Length of the piece."""
        return self.end_ns - self.start_ns

    @property
    def frame_count(self) -> int:
        """Number of frames whose stamp lies in the piece."""
        return math.ceil(Fraction(self.duration_ns, NS_PER_SECOND) * self.filming.fps)

    def time_s(self, number: int) -> Fraction:
        """Return when frame `number` is taken, in seconds from the start of the procedure."""
        return Fraction(self.start_ns, NS_PER_SECOND) + number / self.filming.fps

    def next_time_s(self, number: int) -> Fraction | None:
        """Return when the frame after frame `number` would be taken, None after the procedure."""
        following = self.time_s(number + 1)
        return following if following < Fraction(self.plan.ticks, TICKS_PER_SECOND) else None


def parse_seed(text: str) -> int:
    """Return a seed, 0 to 2^63 - 1."""
    if _SEED.fullmatch(text) is None or int(text) > LARGEST_SEED:
        raise UsageError("This is no seed", got=repr(text), allowed="a whole number, 0 to 2^63 - 1")
    return int(text)


def _parse_size(text: str) -> tuple[int, int]:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise UsageError("This is no size", got=repr(text), allowed="WIDTHxHEIGHT, 640x512")
    return int(match[1]), int(match[2])


def _parse_fps(text: str) -> Fraction:
    try:
        if "e" in text.lower():  # an exponent may be enormous
            raise ValueError
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise UsageError(
            "This is no frame rate", got=repr(text), allowed="25, 29.97 or 30000/1001"
        ) from None


def _parse_view(text: str) -> View:
    return cast("View", text)


def _nearest_side(side: int) -> int:
    return min(max(side - side % 2, SMALLEST_SIDE), LARGEST_SIDE)


def _seconds(ns: int) -> str:
    return f"{ns / NS_PER_SECOND:.12g}s"


_PARSERS: Final[dict[str, Callable[[str], Any]]] = {
    "start": parse_duration,
    "duration": parse_duration,
    "size": _parse_size,
    "fps": _parse_fps,
    "view": _parse_view,
}
_FIELDS: Final = {"start": "start_ns", "duration": "duration_ns"}
OPTIONS: Final = tuple(_PARSERS)
"""Names of the options that `Filming.parse` takes."""
