"""Names: what people say, and the terms of the vocabularies that they mean by it."""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from videoengine.models.vlm.index import CaseIndex
from videoengine.models.vlm.inside import IN_BODY
from videoengine.models.vlm.subjects import CAMERA_OUT, NULL, Subject
from videoengine.spoken import article, gerund, spoken
from videoengine.vocabularies import vocabularies

FILE: Final = Path(__file__).with_name("names.toml")
PARTS: Final = {
    "phase": "phase", "step": "step", "tool": "instrument", "instrument": "instrument",
    "verb": "verb", "target": "target",
}  # fmt: skip
"""Last word of a vocabulary's name, and the kind of term it lists."""
ORDER: Final = ("phase", "step", "camera", "instrument", "verb", "target", "quality", "finding")
"""Where one phrase means two kinds of thing, the first is taken."""
_BENT: Final = ("held", "holding")
"""Forms that stand for themselves: "hold" is said of much else."""
VAGUE: Final = ("other", "background")
"""Labels that nobody asks for by name."""


@dataclass(frozen=True, slots=True)
class Term:
    """A term as it is spoken, and its kind."""

    kind: str
    name: str


def forms(verb: str) -> set[str]:
    """Return the forms of a verb: "clip", "clips", "clipped", "clipping"."""
    first, *rest = verb.split(" ")
    stem = gerund(first)[:-3]
    third = f"{first}es" if first.endswith(("s", "sh", "ch", "x")) else f"{first}s"
    past = f"{first}d" if first.endswith("e") else f"{stem}ed"
    if first == "cut":
        past = "cut"
    return {" ".join([form, *rest]) for form in (first, third, past, f"{stem}ing")}


@functools.cache
def lexicon() -> dict[tuple[str, ...], tuple[Term, ...]]:
    """Return the terms that a phrase, as words without articles, may mean."""
    found: dict[tuple[str, ...], dict[Term, None]] = {}

    def add(phrase: str, term: Term) -> None:
        for form in _inflected(phrase, term.kind):
            found.setdefault(tuple(form.split()), {})[term] = None

    for vocabulary in vocabularies().values():
        kind = PARTS.get(re.split(r"[/@-]", vocabulary.name)[-2])
        for label in vocabulary.labels if kind else ():
            if label.name.lower() not in (*NULL, *VAGUE):
                add(plain(spoken(label.name)), Term(str(kind), spoken(label.name)))
    for kind, terms in tomllib.loads(FILE.read_text("utf-8")).items():
        for name, phrases in terms.items():
            if kind != "camera":
                add(plain(name), Term(kind, name))
            for phrase in phrases:
                add(phrase, Term(kind, name))
    return {
        phrase: tuple(sorted(terms, key=lambda term: ORDER.index(term.kind)))
        for phrase, terms in found.items()
    }


def _inflected(phrase: str, kind: str) -> set[str]:
    if kind == "verb":
        return {phrase} if phrase in _BENT else forms(phrase)
    if kind in ("instrument", "target", "finding") and not phrase.endswith("s"):
        return {phrase, f"{phrase}s"}
    return {phrase}


def plain(text: str) -> str:
    """Return text as words that the lexicon is looked up by."""
    return " ".join(re.sub(r"[^a-z0-9 ]+", " ", text.lower().replace("'s", "s")).split())


class Names:
    """Finds what a case calls what people say."""

    def __init__(self, index: CaseIndex) -> None:
        """Take the case."""
        self._index = index
        self._known: dict[str, dict[str, tuple[str, ...]]] = {}

    def _terms(self, kind: str) -> dict[str, tuple[str, ...]]:
        """Return the spoken terms of a kind that this case knows, and their names in the log."""
        if kind not in self._known:
            terms: dict[str, tuple[str, ...]] = {}
            shipped = vocabularies()
            names = list(self._index.names(kind)) if kind not in ("verb", "target") else []
            for vocabulary in self._index.vocabularies(kind):
                if vocabulary in shipped:
                    names += [label.name for label in shipped[vocabulary].labels]
            for name in dict.fromkeys(names):
                terms[spoken(name)] = (*terms.get(spoken(name), ()), name)
            self._known[kind] = terms
        return self._known[kind]

    def best(self, terms: tuple[Term, ...]) -> Term:
        """Return which of some terms is meant: one that the case knows before one it does not."""
        return next((term for term in terms if term.name in self._terms(term.kind)), terms[0])

    def instrument(self, name: str) -> Subject:
        """Return an instrument in view."""
        noun = article(name)
        names = self._terms("instrument").get(name, ())
        return Subject("instrument", names, noun, "in view", f"{noun} comes into view", name)

    def phase(self, name: str, kind: str = "phase") -> Subject:
        """Return a phase or step under way."""
        noun = f"the {kind} {name}"
        names = self._terms(kind).get(name, ())
        if kind == "phase":
            return Subject("phase", names, noun, "under way", f"{noun} begins", name)
        return Subject("step", names, noun, "under way", f"{noun} begins", name)

    def camera(self, where: str) -> Subject:
        """Return the camera out of the body, or in it; or its leaving or entering."""
        out = where in ("out", "leave")
        state, event = (
            ("out of the body", "the camera leaves the body")
            if out
            else ("in the body", "the camera enters the body")
        )
        name = CAMERA_OUT if out else IN_BODY
        change = where in ("leave", "enter")
        return Subject("privacy", (name,), "the camera", state, event, "camera", change=change)

    def quality(self, name: str) -> Subject:
        """Return a fault of the picture."""
        return Subject("quality", (name,), name, "in the picture", f"{name} begins", name)

    def finding(self, name: str) -> Subject:
        """Return something that only tracks or regions could state, as a bleeding."""
        kind = "segment" if name in self._terms("segment") else "track"
        names = self._terms(kind).get(name, ())
        noun = article(name)
        if kind == "segment":
            return Subject("segment", names, noun, "in view", f"{noun} begins", name)
        return Subject("track", names, noun, "in view", f"{noun} begins", name)

    def triplet(self, instrument: str | None, verb: str | None, target: str | None) -> Subject:
        """Return an action; parts that are None may be anything."""
        wanted = (instrument, verb, target)
        names = tuple(
            name
            for name in self._index.names("triplet")
            if not set(parts := name.split(", ")) & set(NULL)
            and all(w in (None, spoken(part)) for w, part in zip(wanted, parts, strict=False))
        )
        noun = article(instrument) if instrument else "an instrument"
        doing = gerund(verb) if verb else "working on"
        state = f"{doing} the {target}" if target else doing if verb else "at work"
        if not names and self._knows(wanted):
            names = ("",)  # known to the stages, but never seen
        return Subject("triplet", names, noun, state, f"{noun} begins {state}", f"{noun} {state}")

    def _knows(self, wanted: tuple[str | None, ...]) -> bool:
        kinds = ("triplet", "verb", "target")
        return all(
            w is None or w in self._terms(kind) or (kind == "triplet" and self._has(w))
            for kind, w in zip(kinds, wanted, strict=True)
        )

    def _has(self, instrument: str) -> bool:
        return any(spoken(n.split(", ")[0]) == instrument for n in self._index.names("triplet"))
