"""Numbers and lengths of time as a text claims them, and whether a value is what they say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from videoengine.models.vlm.spoken_times import number

Bound = Literal["exact", "about", "least", "most", "more", "less"]
_ONES: Final = (
    "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|"
    "fifteen|sixteen|seventeen|eighteen|nineteen|twenty"
)
_BOUNDS: Final[dict[str, Bound]] = {
    "about": "about", "around": "about", "approximately": "about", "roughly": "about",
    "nearly": "about", "almost": "about", "circa": "about", "exactly": "exact", "only": "exact",
    "just": "exact", "at least": "least",
    "no less than": "least", "a minimum of": "least", "at most": "most", "up to": "most",
    "no more than": "most", "a maximum of": "most", "more than": "more", "over": "more",
    "less than": "less", "fewer than": "less", "under": "less",
}  # fmt: skip
_BOUND: Final = "|".join(sorted(_BOUNDS, key=len, reverse=True))
_N: Final = rf"(?:\d+(?:\.\d+)?|{_ONES}|half an?)"
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0}
_UNIT: Final = {
    "h": r"(?:hours?|hrs?|h)", "m": r"(?:minutes?|mins?|m)", "s": r"(?:seconds?|secs?|s)",
}  # fmt: skip
_PART: Final = {
    unit: rf"(?P<{unit}>{_N}|an?(?= )) ?-?{_UNIT[unit]}\b" for unit in _UNITS
}  # fmt: skip
_LENGTH: Final = (
    rf"(?:{_PART['h']}(?:,? (?:and )?)?)?(?:{_PART['m']}(?:,? (?:and )?)?)?(?:{_PART['s']})?"
)
_LEAD: Final = (
    r"for|lasts|lasted|lasting|takes?|took|taking|total of|totals?|totall?ed|duration of|"
    r"length of|duration is|duration was|is|was|are|were|spent|spanned|spans"
)
_LASTING: Final = re.compile(
    rf"\b(?P<lead>{_LEAD}) (?:a total of |in total |in all )?(?:(?P<bound>{_BOUND}) )?{_LENGTH}"
    r"(?P<tail> (?:in all|in total|altogether|overall))?(?![\w:.]*\d)"
)
_TIMES: Final = {"once": "1 times", "twice": "2 times", "thrice": "3 times"}
_NUMBER: Final = re.compile(
    rf"(?:\b(?P<bound>{_BOUND}) )?(?<![\w.:])(?P<n>\d+(?:\.\d+)?|{_ONES})\b"
)
HALF_GRAIN: Final = 1 / 6
"""Share of a unit that "half" of it stands for: half an hour is told from 40 minutes."""
ROUGH: Final = 0.1
"""Share by which "about" may be off."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number that a text claims."""

    value: float
    """Seconds, where it is a length of time."""
    grain: float
    """What its last written place stands for; 0: it is counted."""
    bound: Bound = "exact"
    length: bool = False
    """Whether it is a length of time."""

    def fits(self, actual: float) -> bool:
        """Tell whether a value is what is claimed, to the places that are written."""
        slack = self.grain if 0 < self.grain <= 1 else self.grain / 2
        match self.bound:
            case "least":
                return actual >= self.value - slack
            case "most":
                return actual <= self.value + slack
            case "more":
                return actual > self.value - slack / 2 if slack else actual > self.value
            case "less":
                return actual < self.value + slack / 2 if slack else actual < self.value
            case "about":
                rough = ROUGH * self.value if self.grain else max(1.0, ROUGH * self.value)
                return abs(actual - self.value) <= max(slack, rough)
            case "exact":
                off = abs(actual - self.value)
                return off < slack if 0 < self.grain <= 1 else off <= slack


class Quantities:
    """Quantities that were found, each replaced by a word `qN`, or `dN` for a length of time."""

    def __init__(self) -> None:
        """Begin with none."""
        self.found: list[Quantity] = []

    def put(self, quantity: Quantity) -> str:
        """Keep one and return its word."""
        self.found.append(quantity)
        return f"{'d' if quantity.length else 'q'}{len(self.found) - 1}"

    def take_lengths(self, text: str) -> str:
        """Return lower-case text with lengths of time, as in "for 3 minutes", replaced."""
        return _LASTING.sub(self._lasting, text)

    def take_numbers(self, text: str) -> str:
        """Return text whose times are words already with every number replaced."""
        for word, said in _TIMES.items():
            text = re.sub(rf"\b{word}\b", said, text)
        return _NUMBER.sub(self._number, text)

    def _lasting(self, found: re.Match[str]) -> str:
        parts = {unit: found[unit] for unit in _UNITS if found[unit]}
        if not parts:
            return found[0]
        value = sum(number(said) * _UNITS[unit] for unit, said in parts.items())
        finest = min(_UNITS[unit] for unit in parts)
        last = parts[next(unit for unit in ("s", "m", "h") if unit in parts)]
        grain = finest * 0.1 ** _places(last) * (HALF_GRAIN if last.startswith("half") else 1)
        quantity = Quantity(value, grain, _bound(found["bound"]), length=True)
        tail = " " if found[0].endswith(" ") else ""
        return f"{found['lead']} {self.put(quantity)}{tail}"

    def _number(self, found: re.Match[str]) -> str:
        return self.put(Quantity(number(found["n"]), 0.0, _bound(found["bound"])))


def _places(said: str) -> int:
    """Return how many places behind the point are written."""
    return len(said.partition(".")[2]) if said[0].isdigit() else 0


def _bound(said: str | None) -> Bound:
    return _BOUNDS[said] if said else "exact"
