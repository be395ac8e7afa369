"""From a question to its parts: sentences, times, subjects, and the words that are left."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from videoengine.models.vlm.names import Names, Term, lexicon
from videoengine.models.vlm.spoken_times import Times, find_times
from videoengine.models.vlm.subjects import Subject

ARTICLES: Final = frozenset(("a", "an", "the"))
_LONGEST: Final = max(map(len, lexicon()))
BETWEEN: Final = frozenset(
    [
        "is",
        "are",
        "was",
        "were",
        "be",
        "being",
        "been",
        "begins",
        "begin",
        "began",
        "starts",
        "start",
        "started",
        "to",
        "of",
        "with",
        "by",
        "pair",
        "does",
        "do",
        "did",
        "act",
        "acts",
        "acting",
        "on",
        "work",
        "works",
        "working",
        "get",
        "gets",
        "ever",
        "still",
        "currently",
        "actively",
        "seen",
        "happen",
        "got",
    ]
)
"""Words that may stand between the parts of one action."""
TELLING: Final = frozenset(("first", "last", "next", "again", "newly", "initially", "finally"))
"""Words that may stand there too, and that the question turns on."""
_ACTION: Final = frozenset(("instrument", "verb", "target"))
_SENTENCE: Final = re.compile(r"(?<=[.?!;])\s+")
_QUOTES: Final = str.maketrans(
    {0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2013: "-", 0x2014: "-"}
)
_FORMED: Final = ("phase", "step")


@dataclass(frozen=True, slots=True)
class Reading:
    """One sentence, understood as far as words go."""

    words: str
    """Lower case, articles left out; `s0`, `s1` … stand for subjects, `zz…` for times."""
    subjects: tuple[Subject, ...] = ()
    times: Times = field(default_factory=Times)
    plain: str = ""
    """The words before subjects were replaced; times are left out."""

    def has(self, pattern: str) -> bool:
        """Tell whether a pattern occurs among the words, from word to word."""
        return re.search(rf"\b(?:{pattern})\b", self.words) is not None


def sentences(text: str) -> list[str]:
    """Return the sentences of a question, in lower case and single spaces."""
    lower = " ".join(text.translate(_QUOTES).lower().split())
    return [part for part in _SENTENCE.split(lower) if re.search(r"\w", part)]


def read(sentence: str, names: Names, end_ns: int) -> Reading:
    """Return the parts of one sentence."""
    timed, times = find_times(sentence.replace("'s", "s"), end_ns)
    return read_timed(timed, times, names)


def read_timed(timed: str, times: Times, names: Names) -> Reading:
    """Return the parts of one sentence whose times are words already."""
    words = [w for w in re.findall(r"[a-z0-9]+", timed) if w not in ARTICLES]
    items = _terms(words, names)
    out: list[str] = []
    subjects: list[Subject] = []
    place = 0
    while place < len(items):
        item = items[place]
        if isinstance(item, str):
            out.append(item)
            place += 1
            continue
        subject, end = _subject(items, place, names)
        out.append(f"s{len(subjects)}")
        out += [str(word) for word in items[place:end] if word in TELLING]
        subjects.append(subject)
        place = end
    joined = _absorbed(" ".join(out))
    plain = " ".join(w for w in words if not w.startswith("zz"))
    return Reading(joined, tuple(subjects), times, plain)


def begins_with_verb(text: str, names: Names) -> bool:
    """Tell whether what stands first is a form of a verb, and no name that begins with one."""
    words = [w for w in re.findall(r"[a-z0-9]+", text.lower()) if w not in ARTICLES]
    first = next(iter(_terms(words, names)), "")
    return isinstance(first, Term) and first.kind == "verb"


def _absorbed(words: str) -> str:
    """Return words in which "phase" beside the phase that it speaks of is left out."""
    return re.sub(r"\b(?:phase|step|stage) (?:called |named |of )?(s\d)\b|\b(s\d) (?:phase|step)\b",
                  lambda m: m[1] or m[2], words)  # fmt: skip


def _terms(words: Sequence[str], names: Names) -> list[str | Term]:
    """Return words with the longest phrases that are terms replaced by these."""
    known = lexicon()
    items: list[str | Term] = []
    place = 0
    while place < len(words):
        for length in range(min(_LONGEST, len(words) - place), 0, -1):
            found = known.get(tuple(words[place : place + length]))
            if found:
                items.append(names.best(found))
                place += length
                break
        else:
            items.append(words[place])
            place += 1
    return items


def _subject(items: Sequence[str | Term], place: int, names: Names) -> tuple[Subject, int]:
    """Return the subject that begins at a place, and where it ends."""
    term = items[place]
    assert isinstance(term, Term)
    if term.kind not in _ACTION:
        return _single(term, names), place + 1
    parts = {term.kind: term.name}
    end = place + 1
    while True:
        at = end
        while at < len(items) and (items[at] in BETWEEN or items[at] in TELLING):
            at += 1
        following = items[at] if at < len(items) else None
        if not isinstance(following, Term) or following.kind not in _ACTION:
            break
        if following.kind in parts or (set(parts) == {"target"} and following.kind != "verb"):
            break
        parts[following.kind] = following.name
        end = at + 1
    if set(parts) == {"instrument"}:
        return names.instrument(parts["instrument"]), end
    return names.triplet(parts.get("instrument"), parts.get("verb"), parts.get("target")), end


def _single(term: Term, names: Names) -> Subject:
    if term.kind in _FORMED:
        return names.phase(term.name, term.kind)
    if term.kind == "camera":
        return names.camera(term.name)
    if term.kind == "quality":
        return names.quality(term.name)
    return names.finding(term.name)
