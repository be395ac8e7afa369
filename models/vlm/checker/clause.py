"""From a clause to its parts: what it is about, when, how much, and whether it denies it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from videoengine.media_time import NS_PER_SECOND
from videoengine.models.vlm.checker.quantities import Quantities, Quantity
from videoengine.models.vlm.findings import Window
from videoengine.models.vlm.grammar import read_timed
from videoengine.models.vlm.names import Names
from videoengine.models.vlm.spoken_times import Times, find_times
from videoengine.models.vlm.subjects import Subject

Relation = Literal["", "at", "span", "throughout", "after", "before", "until", "since", "many"]
"""How the time of a clause stands to it."""
_PLAIN: Final = str.maketrans(
    {0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2013: "-", 0x2014: " - ", 0x2026: "."}
)
_AUXILIARY: Final = r"is|are|was|were|be|been|has|have|had|does|do|did|could|can"
_NOT: Final = re.compile(rf"\b(?P<aux>(?:{_AUXILIARY})(?: been| be)?) (?:not|never)\b")
_NO: Final = re.compile(r"\b(?:no(?! longer| later| more| less| earlier)|never|without|none of)\b")
_EVER: Final = re.compile(r"\bat no (?:time|point)\b")
_OTHER_DENIAL: Final = re.compile(
    r"\b(?:not|neither|nor|nobody|nothing|none|cannot|hardly|barely|rarely|except|unless|absent|"
    r"absence|lack\w*|fail\w*|instead|rather than)\b"
)
_CASE: Final = r"(?:video|case|procedure|operation|recording|film|surgery|intervention)"
_PADDING: Final = re.compile(
    rf"\b(?:(?:during|in|over|of|within|throughout) (?:this |whole |entire |course of )*{_CASE}|"
    r"in all|in total|altogether|overall|also|as well|furthermore|additionally|moreover|"
    r"in addition|according to log|at any (?:time|point)|of time|however)\b"
)
_CLOCK: Final = re.compile(r"\d:\d\d|\d ?s(?:ec\w*)?\b")
_PRONOUN: Final = re.compile(r"^(?:it|they|this one|these|this instrument|this phase)\b")
_SEEING: Final = re.compile(
    r"^(?:we|one)(?: can| could)? (?:see|saw|count|counted|observe|observed|note|noted) (.+)$"
)
HALF_NS: Final = NS_PER_SECOND // 2


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause, understood as far as words go."""

    words: str
    """Lower case, articles left out; `s0` stands for a subject, `q0` for a number, `d0` for a
    length of time; times, padding and the denial are left out."""
    plain: str
    """The words before subjects were replaced."""
    subjects: tuple[Subject, ...]
    quantities: tuple[Quantity, ...]
    times: Times
    relation: Relation
    grain_ns: int
    """What the last written place of its times stands for."""
    denied: bool

    def moment(self) -> int | None:
        """Return the one moment that is named, or None."""
        return self.times.moments[0] if self.times.moments else None

    def window(self, end_ns: int) -> Window | None:
        """Return the stretch that is named, a moment as what is closer to it than half a grain."""
        at = self.moment()
        if at is None:
            return self.times.window(end_ns)
        if self.grain_ns > NS_PER_SECOND:
            return Window(at, at + self.grain_ns)
        return Window(max(0, at - HALF_NS), at + HALF_NS)


def read_clause(text: str, names: Names, end_ns: int, before: Clause | None = None) -> Clause:
    """Return the parts of a clause; a pronoun, or no subject at all, is that of the one before."""
    said = " ".join(text.translate(_PLAIN).lower().split()).rstrip(".!")
    said = re.sub(r"(?<=\w)n't\b", " not", said).replace("cannot", "can not").replace("'s", "s")
    said = re.sub(r"\bneither (.+?) nor\b", r"no \1 or", said)
    quantities = Quantities()
    timed, times = find_times(quantities.take_lengths(said), end_ns)
    timed = quantities.take_numbers(_EVER.sub("never", timed))
    timed, denials = _undenied(timed)
    reading = read_timed(timed, times, names)
    words, subjects = reading.words, reading.subjects
    if before is not None and before.subjects and not subjects:
        stands = _PRONOUN.sub("s0", words)
        words = stands if stands != words else f"s0 {words}"
        subjects = before.subjects[:1]
    words = re.sub(r"\bzz\w+\b", " ", words)
    words = " ".join(_PADDING.sub(" ", " ".join(words.split())).split())
    words = _SEEING.sub(r"\1 is seen", words)
    if denials > 1 or _OTHER_DENIAL.search(words):
        words = f"? {words}"  # what is denied here is not certain
    return Clause(
        words, reading.plain, subjects, tuple(quantities.found), times, _relation(said, times),
        NS_PER_SECOND if _CLOCK.search(said) else 60 * NS_PER_SECOND, denials == 1,
    )  # fmt: skip


def _undenied(text: str) -> tuple[str, int]:
    """Return text without its denials, and how many there were."""
    text, first = _NOT.subn(lambda found: found["aux"], text)
    text, second = _NO.subn(" ", text)
    return " ".join(text.split()), first + second


def _relation(said: str, times: Times) -> Relation:
    """Tell how the times of a clause are meant; a search takes them all to be the same."""
    named = len(times.moments) + (times.window(0) is not None)
    if not named:
        return ""
    if named > 1:
        return "many"
    if times.moments:
        return "at"
    if times.span is not None:
        if re.search(r"\bfrom\b", said) or re.search(r"\d ?(?:-|to) ?\d", said):
            return "throughout"
        return "span"
    if times.after is not None:
        return "since" if re.search(r"\b(?:since|onwards?|from)\b", said) else "after"
    return "until" if re.search(r"\b(?:until|till|up to)\b", said) else "before"
