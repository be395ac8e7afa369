"""Times as people say them: clocks, lengths, "the first five minutes", "between minute 2 and 4"."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from videoengine.media_time import NS_PER_SECOND
from videoengine.models.vlm.findings import Window

_ONES: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS: Final = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SMALL: Final = "|".join(_ONES[:0:-1])
_NUMBER: Final = (
    rf"(?:\d+(?:\.\d+)?|(?:{'|'.join(_TENS)})(?:[ -](?:{_SMALL}))?|{_SMALL}|zero|half an?|an?)"
)
_UNITS: Final = {"h": 3600, "m": 60, "s": 1}
_HOURS, _MINUTES, _SECONDS = r"(?:hours?|hrs?|h)", r"(?:minutes?|mins?|m)", r"(?:seconds?|secs?|s)"
_CLOCK: Final = re.compile(r"(?<![\d:.])(?:(\d{1,3}):)?(\d{1,3}):(\d{2}(?:\.\d+)?)(?!\d|:\d)")
_LENGTH: Final = re.compile(
    rf"(?<![\w.])(?:(?P<h>{_NUMBER}) ?{_HOURS}\b)?(?:(?:,? (?:and )?|(?<=h))?"
    rf"(?P<m>{_NUMBER}) ?{_MINUTES}\b)?"
    rf"(?:(?:,? (?:and )?|(?<=m))?(?!an? )(?P<s>{_NUMBER}) ?{_SECONDS}\b"
    r"|,? (?P<bare>\d{1,2})(?![\d:]))?"
)
_COMPACT: Final = re.compile(
    r"(?<![\w.:])(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?![\w:])"
)
_MINUTE: Final = re.compile(
    rf"\bminutes? (?P<m>{_NUMBER})(?:(?: and)? (?:second )?(?P<s>\d{{1,2}})(?! ?{_MINUTES}))?\b"
    rf"|\bsecond (?P<only>\d+(?:\.\d+)?)\b"
)
_PAIR: Final = re.compile(
    rf"\b(between|from) (?:minutes? )?({_NUMBER}) (and|to|until|till) (?:minute )?({_NUMBER})"
    rf"( ?minutes?| ?seconds?)?(?![\w:])"
)
_HALF: Final = re.compile(
    rf"({_NUMBER}) and a half (minutes?|hours?)|({_NUMBER}) (minutes?|hours?) and a half"
)
SPAN, AFTER, BEFORE, MOMENT = "zzspan", "zzafter", "zzbefore", "zzat"
"""Words that stand for times in a question once they are understood."""
AROUND_NS: Final = NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Times:
    """The times that a question names, in case time."""

    moments: tuple[int, ...] = ()
    span: Window | None = None
    after: int | None = None
    before: int | None = None

    @property
    def at(self) -> int | None:
        """The one moment that is named, however it is."""
        if self.moments:
            return self.moments[0]
        return self.after if self.after is not None else self.before

    def window(self, end_ns: int) -> Window | None:
        """Return the stretch that is named, or None."""
        if self.span is not None:
            return self.span
        if self.after is None and self.before is None:
            return None
        start = self.after or 0
        return Window(start, max(start, end_ns if self.before is None else self.before))

    def __bool__(self) -> bool:
        """Tell whether any time is named."""
        return bool(self.moments) or self.window(0) is not None


def number(text: str) -> float:
    """Return a number that is written in digits or in words below a hundred."""
    text = text.replace("-", " ").strip()
    if text in ("a", "an"):
        return 1.0
    if text.startswith("half"):
        return 0.5
    if text[0].isdigit():
        return float(text)
    return float(sum(_word(word) for word in text.split()))


def _word(word: str) -> int:
    return _ONES.index(word) if word in _ONES else 20 + 10 * _TENS.index(word)


class _Tokens:
    """Times that were found, each replaced by a word `zzN`."""

    def __init__(self) -> None:
        self.values: list[int] = []

    def put(self, seconds: float) -> str:
        self.values.append(round(seconds * NS_PER_SECOND))
        return f"zz{len(self.values) - 1}"


def find_times(text: str, end_ns: int) -> tuple[str, Times]:
    """Return a question, in lower case, with its times replaced by words, and the times.

    Args:
        text: Lower case, single spaces.
        end_ns: End of the case, which "the last minute" counts from.
    """
    tokens = _Tokens()
    text = _CLOCK.sub(lambda m: tokens.put(_clock(m)), text)
    text = _PAIR.sub(lambda m: _pair(m, tokens), text)
    text = _HALF.sub(lambda m: tokens.put(_half(m)), text)
    text = _COMPACT.sub(lambda m: _compact(m, tokens), text)
    text = _LENGTH.sub(lambda m: _length(m, tokens), text)
    text = _MINUTE.sub(lambda m: tokens.put(_minute(m)), text)
    text = re.sub(r"\b(first|last|final|opening|closing) (minute|hour)\b", r"\1 zz \2", text)
    text = re.sub(r"zz (minute|hour)", lambda m: tokens.put(3600 if m[1] == "hour" else 60), text)
    text = _ends(text, end_ns, tokens)
    return _relations(text, end_ns, tokens)


def _clock(match: re.Match[str]) -> float:
    return int(match[1] or 0) * 3600 + int(match[2]) * 60 + float(match[3])


def _pair(match: re.Match[str], tokens: _Tokens) -> str:
    said = match[0]
    if "minute" not in said and "second" not in said:
        return said
    unit = 1 if "second" in said else 60
    one, other = (tokens.put(number(match[group]) * unit) for group in (2, 4))
    return f"{match[1]} {one} {match[3]} {other}"


def _half(match: re.Match[str]) -> float:
    count, unit = match[1] or match[3], match[2] or match[4]
    return (number(count) + 0.5) * (3600 if unit.startswith("hour") else 60)


def _compact(match: re.Match[str], tokens: _Tokens) -> str:
    if not any(match.groups()):
        return match[0]
    hours, minutes, secs = (float(part or 0) for part in match.groups())
    return tokens.put(hours * 3600 + minutes * 60 + secs)


def _minute(match: re.Match[str]) -> float:
    if match["only"]:
        return float(match["only"])
    return number(match["m"]) * 60 + float(match["s"] or 0)


def _length(match: re.Match[str], tokens: _Tokens) -> str:
    parts = {unit: match[unit] for unit in _UNITS if match[unit]}
    if not parts:
        return match[0]
    total = sum(number(text) * _UNITS[unit] for unit, text in parts.items())
    if match["bare"]:
        if not match["m"]:
            return match[0]
        total += int(match["bare"])
    lead = " " if match[0].startswith(" ") else ""
    return lead + tokens.put(total)


_PLACE: Final = r"(?: of (?:the |this )?(?:video|case|procedure|operation|recording|film|surgery))?"


def _ends(text: str, end_ns: int, tokens: _Tokens) -> str:
    """Put times for the start, the middle and the end of the video."""
    at = r"(?P<lead>at|from|since|until|till|to|near|by|right at|after|before) (?:the )?(?:very )?"
    text = re.sub(rf"\b{at}(?:start|beginning|outset){_PLACE}\b(?! of)",
                  lambda m: f"{m['lead']} {tokens.put(0)}", text)  # fmt: skip
    text = re.sub(rf"\b{at}end{_PLACE}\b(?! of)",
                  lambda m: f"{m['lead']} {tokens.put(end_ns / NS_PER_SECOND)}", text)  # fmt: skip
    share = (
        r"\b(\d{1,2}(?:\.\d+)?|100) ?%(?: (?:of|into|through))?"
        r"(?: (?:the |this )?(?:video|case|procedure|operation|recording))?"
    )
    text = re.sub(share, lambda m: tokens.put(float(m[1]) / 100 * end_ns / NS_PER_SECOND), text)
    half = (
        rf"\b(?:at )?(?:halfway|half way|midway)(?: through| into)?{_PLACE}"
        r"(?: the (?:video|case|procedure|operation))?\b"
    )
    return re.sub(half, lambda _: f"at {tokens.put(end_ns / 2 / NS_PER_SECOND)}", text)


_T: Final = r"zz(\d+)(?: mark)?"
_SOFT: Final = r"(?:about |around |roughly |approximately |exactly |time |the )*"


_IN: Final = r"(?:in |over |during |within |for )?(?:the )?"
_STRETCH: Final = (
    r"(?:(?:any ?where|any ?time|somewhere|at any (?:point|time)) )?"
    r"(?:(?:in|during|within|over) )?(?:the )?(?:(?:window|interval|stretch|period|time|span) )?"
)
_FIRST: Final = rf"{_IN}(?:first|opening|initial) {_T}(?! mark)"
_LAST: Final = rf"{_IN}(?:last|final|closing) {_T}(?! mark)"
_LEAD_AFTER: Final = (
    rf"(?:within |in )?(?:the )?(?:next |following |first )?{_T} "
    rf"(?:after|following|from|starting at) {_SOFT}{_T}"
)
_ABOUT: Final = rf"within {_T} (?:of|around) {_SOFT}{_T}"
_LEAD_BEFORE: Final = (
    rf"(?:within |in )?(?:the )?(?:last )?{_T} (?:before|preceding|leading up to) {_SOFT}{_T}"
)
_BETWEEN: Final = (
    rf"{_STRETCH}(?:between|from|starting at|starting from|beginning at) {_SOFT}{_T}(?: on)? "
    rf"(?:and|to|until|till|through|up to|and ending at|ending at|-|and before) {_SOFT}{_T}"
)
_AFTER_BEFORE: Final = (
    rf"(?:after|since|past) {_SOFT}{_T} (?:and |but )?(?:before|until|up to) {_SOFT}{_T}"
)
_DASH: Final = rf"{_T} ?(?:to|until|till|through|-) ?{_T}"
_BACK: Final = rf"(?:looking |going |counting )?back(?:wards?)? from {_SOFT}{_T}"
_FROM: Final = (
    r"(?:looking |counting |starting |going |seen )?(?:ahead |forward |onwards? )?"
    rf"from {_SOFT}{_T}(?: on| onwards?| forward)?"
)
_AFTER: Final = (
    r"(?:any ?time |once |anywhere )?(?:after|since|past|beyond|later than|following|"
    rf"starting at|starting from|as of) {_SOFT}{_T}(?: has passed)?"
)
_ONWARDS: Final = rf"{_T} (?:onwards?|and later|or later)"
_BEFORE: Final = (
    r"(?:any ?time |up )?(?:before|until|till|prior to|earlier than|ahead of|up to|by|"
    rf"preceding|to) {_SOFT}{_T}"
)
_AT: Final = (
    rf"(?:right |just |exactly )?(?:at|around|about|near|in|on|for|of|by)? ?{_SOFT}{_T}"
    r"(?: in(?:to)?(?: the)? (?:video|case|procedure|operation|recording))?"
)


def _spaced(put: Callable[[re.Match[str]], str], match: re.Match[str]) -> str:
    return f" {put(match)} "


def _relations(text: str, end_ns: int, tokens: _Tokens) -> tuple[str, Times]:
    """Read how times stand to what is asked: a stretch, after, before or at."""
    value = tokens.values
    found: dict[str, int | Window | None] = {}
    moments: list[int] = []

    def span(low: int, high: int) -> str:
        found["span"] = Window(max(0, min(low, high)), max(low, high, 0))
        return SPAN

    def after(at: int) -> str:
        found["after"] = at
        return AFTER

    def before(at: int) -> str:
        found["before"] = at
        return BEFORE

    def moment(at: int) -> str:
        moments.append(at)
        return MOMENT

    def n(match: re.Match[str], group: int = 1) -> int:
        return value[int(match[group])]

    rules: list[tuple[str, Callable[[re.Match[str]], str]]] = [
        (_LEAD_AFTER, lambda m: span(n(m, 2), n(m, 2) + n(m))),
        (_ABOUT, lambda m: span(n(m, 2) - n(m), n(m, 2) + n(m))),
        (_LEAD_BEFORE, lambda m: span(n(m, 2) - n(m), n(m, 2))),
        (_FIRST, lambda m: span(0, n(m))),
        (_LAST, lambda m: span(end_ns - n(m), end_ns)),
        (_BETWEEN, lambda m: span(n(m), n(m, 2))),
        (_AFTER_BEFORE, lambda m: span(n(m), n(m, 2))),
        (_DASH, lambda m: span(n(m), n(m, 2))),
        (_BACK, lambda m: before(n(m))),  # "looking back from" is read before "from"
        (_FROM, lambda m: after(n(m))),
        (_AFTER, lambda m: after(n(m))),
        (_ONWARDS, lambda m: after(n(m))),
        (_BEFORE, lambda m: before(n(m))),
        (_AT, lambda m: moment(n(m))),
    ]
    for pattern, put in rules:
        text = re.sub(rf"\b{pattern}\b", functools.partial(_spaced, put), text)
    span_found, after_ns, before_ns = (found.get(key) for key in ("span", "after", "before"))
    times = Times(
        tuple(moments),
        span_found if isinstance(span_found, Window) else None,
        after_ns if isinstance(after_ns, int) else None,
        before_ns if isinstance(before_ns, int) else None,
    )
    return " ".join(text.split()), times
