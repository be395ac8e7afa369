"""What a tool hands back: a value with what it rests on, or why there is none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from videoengine.media_time import NS_PER_SECOND, clock

Status = Literal["answered", "not_observable", "not_understood", "refused"]
MOST_SUPPORTS: Final = 8
"""Stretches that an answer names; the first and the last are always among them."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of case time."""

    start_ns: int
    end_ns: int

    def __post_init__(self) -> None:
        """Refuse one that ends before it starts."""
        if self.end_ns < self.start_ns:
            raise ValueError(f"a window must not end before it starts, got {self}")

    @property
    def length_ns(self) -> int:
        """Length."""
        return self.end_ns - self.start_ns

    def says(self) -> str:
        """Return it as people read it."""
        return f"between {clock(self.start_ns)} and {clock(self.end_ns)}"


@dataclass(frozen=True, slots=True)
class Support:
    """A stretch of case time within one epoch, and the events there that say so."""

    start_ns: int
    end_ns: int
    epoch: int
    events: tuple[str, ...]
    """Keys; never empty."""
    frame_ns: int = -1
    """Case time of the first frame of the first event; -1: where it starts."""

    def __post_init__(self) -> None:
        """Remember the first frame, whatever is cut off later."""
        if self.frame_ns < 0:
            object.__setattr__(self, "frame_ns", self.start_ns)

    def within(self, window: Window) -> Support:
        """Return the part of it that lies in a window."""
        start = min(max(self.start_ns, window.start_ns), self.end_ns)
        end = max(min(self.end_ns, window.end_ns), start)
        return replace(self, start_ns=start, end_ns=end)


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer that the log gives, and what it rests on."""

    value: Any
    """Words, a number, a list of them; times are seconds from the start of the case."""
    unit: str | None
    text: str
    supports: tuple[Support, ...]

    def __post_init__(self) -> None:
        """Refuse an answer that rests on nothing."""
        if not self.supports or not all(support.events for support in self.supports):
            raise ValueError("an answer must rest on at least one event")


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why there is no answer."""

    status: Status
    text: str


Outcome = Finding | Unknown


def seconds(case_ns: int) -> float:
    """Return a time in seconds, to the tenth."""
    return round(case_ns / NS_PER_SECOND, 1)


def long(length_ns: int) -> str:
    """Return a length as people read it: "12.5 s", "3 min 20 s"."""
    total = length_ns / NS_PER_SECOND
    if total < 60:
        return f"{total:.1f} s"
    minutes, rest = divmod(round(total), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min {rest} s" if hours else f"{minutes} min {rest} s"


def chosen(supports: Iterable[Support]) -> tuple[Support, ...]:
    """Return at most `MOST_SUPPORTS` of some stretches, spread over all of them."""
    every = list(supports)
    if len(every) <= MOST_SUPPORTS:
        return tuple(every)
    last = len(every) - 1
    places = [round(place * last / (MOST_SUPPORTS - 1)) for place in range(MOST_SUPPORTS)]
    return tuple(every[place] for place in places)


def several(count: int, what: str) -> str:
    """Return a number of things: "1 time", "2 times"."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def listed(words: Iterable[str], joint: str = "and") -> str:
    """Return words as a list people read: "a, b and c"."""
    every = list(words)
    if len(every) < 2:
        return "".join(every)
    return f"{', '.join(every[:-1])} {joint} {every[-1]}"
