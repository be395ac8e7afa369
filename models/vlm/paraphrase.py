"""Questions in words that the grammar does not know, by what they are near to in meaning.

A question whose subjects and times have been put aside is compared with wordings of everything that
can be asked (`wordings.toml`), among them wordings that must be refused. The nearest intention is
taken where it is near enough and nothing else is nearly as near; what is then looked up is what the
grammar makes of the intention's own words.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from videoengine.media_time import NS_PER_SECOND, clock
from videoengine.models.vlm.cues import DENIED, MOST
from videoengine.models.vlm.findings import Window
from videoengine.models.vlm.grammar import ARTICLES, Reading
from videoengine.models.vlm.spoken_times import AFTER, BEFORE, MOMENT, SPAN, Times
from videoengine.models.vlm.subjects import Subject

if TYPE_CHECKING:
    from videoengine.models.vlm.embeddings import Encoder

FILE: Final = Path(__file__).with_name("wordings.toml")
NEAR: Final = 0.6
"""Cosine from which a question is read as an intention. With `AHEAD` chosen on the half of the
paraphrases that is tuned on, read without the grammar, and on half of the questions to refuse."""
AHEAD: Final = 0.04
"""What its cosine must be above that of any other intention, and of anything to refuse."""
TURNED: Final = (
    r"\w+(?<!\blat)(?<!\bearli)(?<!\bhigh)(?<!\blow)est|missing|miss|misses|lacks?|lacking|fails?|"
    r"failed|skip\w*|nowhere|left out|leave out|omit\w*|except\w*|other than|apart from|besides|"
    r"more than|less than|favou?r\w*|prefer\w*|mainly|mostly|usual\w*|typical\w*|rarely|seldom|"
    r"hardly|scarcely|bulk|majority|should|ought|must|needed|would have|had been"
)
"""Words that turn a question into another one, which an embedding hardly tells from it."""
STANDING: Final = {SPAN: "in that time", AFTER: "after that time", BEFORE: "before that time",
                   MOMENT: "at that time"}  # fmt: skip
"""What stands for a time in a sentence that is compared."""
ONE, OTHER = "this", "that"
"""What stands for what is asked about."""
_STATE: Final = r"\b(s\d)(?: of body)?(?: (?:in view|under way|in picture|visible|in sight))?\b"
_EVENT: Final = r"\b(s\d) (?:comes into view|begins)\b"

Shape = Literal["none", "at", "after", "before", "span"]
_TOKENS: Final[dict[Shape, str]] = {
    "none": "", "at": MOMENT, "after": AFTER, "before": BEFORE, "span": SPAN,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Intention:
    """Something that can be asked, and words for it."""

    name: str
    asks: str
    """A question that the grammar reads; with slots."""
    wordings: tuple[str, ...]
    subjects: int
    """How many it is about."""
    times: tuple[Shape, ...]
    kind: str | None
    """Of every subject; None: any."""
    word: str | None
    """A pattern that must occur, and that is no subject here."""

    def fits(self, reading: Reading, shape: Shape) -> bool:
        """Tell whether a question has the parts that the intention needs."""
        if shape not in self.times:
            return False
        if self.word is not None:
            return re.search(rf"\b(?:{self.word})\b", reading.plain) is not None
        if len(reading.subjects) != self.subjects:
            return False
        return self.kind is None or all(one.kind == self.kind for one in reading.subjects)


@dataclass(frozen=True, slots=True)
class Refused:
    """Wordings that sound like questions with an answer."""

    wordings: tuple[str, ...]
    subjects: int


@dataclass(frozen=True, slots=True)
class ReadAs:
    """What a question was taken to mean."""

    asks: str
    """In words that the grammar reads."""
    reading: Reading
    nearness: float
    """Cosine to the nearest wording."""
    ahead: float
    """What that is above the cosine to anything else."""


@dataclass(frozen=True, slots=True)
class _Bank:
    """Wordings with one way of naming a time, and their places."""

    owners: tuple[Intention | Refused, ...]
    places: NDArray[np.float32]
    """(N, D), one row an owner; each of length 1."""


@functools.cache
def intentions() -> tuple[tuple[Intention, ...], tuple[Refused, ...]]:
    """Return everything that can be asked, and what is refused."""
    row = tomllib.loads(FILE.read_text("utf-8"))
    asked = tuple(
        Intention(
            one["name"],
            one["asks"],
            tuple(one["wordings"]),
            one["subjects"],
            tuple(one["times"]),
            one.get("kind"),
            one.get("word"),
        )
        for one in row["intention"]
    )
    refused = tuple(Refused(tuple(one["wordings"]), one["subjects"]) for one in row["refused"])
    return asked, refused


class Paraphrases:
    """Reads questions by their nearness to wordings; wordings are embedded once, when needed."""

    def __init__(self, encoder: Encoder, *, near: float = NEAR, ahead: float = AHEAD) -> None:
        """Take what embeds sentences, and the two bounds on cosines."""
        self._encoder, self._near, self._ahead = encoder, near, ahead
        self._banks: dict[Shape, _Bank] = {}

    def read(self, reading: Reading) -> ReadAs | None:
        """Return what a question means, or None where nothing is near enough."""
        if not reading.words or any(map(reading.has, (DENIED, MOST, TURNED))):
            return None
        shape = shape_of(reading.times)
        ranked = self._ranked(reading, shape)
        if not ranked:
            return None
        nearness, best = ranked[0]
        if best is None or nearness < self._near:
            return None
        ahead = nearness - ranked[1][0] if len(ranked) > 1 else 1.0
        if ahead < self._ahead:
            return None
        said = _read_as(best, reading, shape)
        return ReadAs(_asked(best, reading, shape), said, nearness, ahead)

    def _ranked(self, reading: Reading, shape: Shape) -> list[tuple[float, Intention | None]]:
        """Return each intention that fits, and None for what is refused, the nearest first."""
        counted = _counted(reading)
        texts = [in_words(reading.words)]
        if counted is not None:
            texts.append(in_words(re.sub(r"\bs0\b", counted, reading.words)))
        bank = self._bank(shape)
        near = bank.places @ self._encoder.embed(texts).T
        found: dict[Intention | None, float] = {}
        for owner, row in zip(bank.owners, near, strict=True):
            if isinstance(owner, Refused):
                alike = owner.subjects == len(reading.subjects)
                if alike or (counted is not None and owner.subjects == 0):
                    found[None] = max(found.get(None, -1.0), float(row.max()))
            elif owner.fits(reading, shape):
                cosine = float(row[-1] if owner.word is not None else row[0])
                found[owner] = max(found.get(owner, -1.0), cosine)
        return sorted(((value, key) for key, value in found.items()), key=lambda one: -one[0])

    def _bank(self, shape: Shape) -> _Bank:
        if shape not in self._banks:
            asked, refused = intentions()
            standing = STANDING.get(_TOKENS[shape], "")
            texts: list[str] = []
            owners: list[Intention | Refused] = []
            rows: Iterable[tuple[Intention | Refused, str]] = [
                *((one, standing) for one in asked if shape in one.times),
                *((one, "") for one in refused),
            ]
            for owner, said in rows:
                texts += [_wording(text, said) for text in owner.wordings]
                owners += [owner] * len(owner.wordings)
            self._banks[shape] = _Bank(tuple(owners), self._encoder.embed(texts))
        return self._banks[shape]


def shape_of(times: Times) -> Shape:
    """Return the way in which a question names its time."""
    if times.span is not None or (times.after is not None and times.before is not None):
        return "span"
    if times.after is not None:
        return "after"
    if times.before is not None:
        return "before"
    return "at" if times.moments else "none"


def in_words(words: str) -> str:
    """Return the words of a reading as a sentence that is compared."""
    words = re.sub(_STATE, r"\1", words)
    if "s1" in words.split():
        words = re.sub(_EVENT, r"\1", words)
    for token, said in STANDING.items():
        words = words.replace(token, said)
    words = re.sub(r"\bs0\b", ONE, words)
    return re.sub(r"\bs1\b", OTHER, words)


def _wording(text: str, standing: str) -> str:
    """Return a wording as a sentence that questions are compared with."""
    filled = text.replace("{t}", standing).replace("{s}", ONE)
    filled = filled.replace("{x}", ONE).replace("{y}", OTHER)
    return " ".join(_bare(filled))


def _bare(text: str) -> list[str]:
    return [w for w in re.findall(r"[a-z0-9]+", text.lower()) if w not in ARTICLES]


def _counted(reading: Reading) -> str | None:
    """Return what is counted and was taken for a subject: "clips" is also a form of a verb."""
    for one in intentions()[0]:
        found = re.search(rf"\b(?:{one.word})\b", reading.plain) if one.word else None
        if found is not None and len(reading.subjects) < 2:
            return found[0]
    return None


def _read_as(one: Intention, reading: Reading, shape: Shape) -> Reading:
    """Return the intention's own words with the subjects and the times of a question."""
    token = _TOKENS[shape]
    text = re.sub(r"(?:at|after) \{t\}", token, one.asks.replace("{w}", f" {token}"))
    for slot, number in (("{s}", 0), ("{x}", 0), ("{y}", 1)):
        text = text.replace(slot, f"s{number}")
    words = " ".join(_bare(text))
    subjects = () if one.word is not None else reading.subjects
    return replace(reading, words=words, subjects=subjects, plain=words)


def _asked(one: Intention, reading: Reading, shape: Shape) -> str:
    """Return the intention's question for people."""
    times, text = reading.times, one.asks
    for slot, number in (("{s}", 0), ("{x}", 0), ("{y}", 1)):
        if slot in text:
            text = text.replace(slot, _named(one, reading.subjects[number]))
    if times.at is not None:
        text = text.replace("{t}", _clock(times.at))
    return text.replace("{w}", _stretch(times, shape))


def _named(one: Intention, subject: Subject) -> str:
    if one.kind == "instrument":
        return f"the {subject.term}"
    return subject.event if one.name == "order" else subject.phrase


def _stretch(times: Times, shape: Shape) -> str:
    if shape == "span":
        span = times.span or Window(times.after or 0, times.before or 0)
        return f" between {_clock(span.start_ns)} and {_clock(span.end_ns)}"
    if shape == "none" or times.at is None:
        return ""
    return f" {shape} {_clock(times.at)}"


def _clock(case_ns: int) -> str:
    return clock(case_ns, milliseconds=case_ns % NS_PER_SECOND != 0)
