"""Checks a text about a case, sentence by sentence, against its log and what people report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from videoengine.case import Case
from videoengine.errors import UsageError
from videoengine.models.vlm.bus import Bus
from videoengine.models.vlm.checker import looking, people
from videoengine.models.vlm.checker.clause import Clause, read_clause
from videoengine.models.vlm.checker.note_words import NoteWords
from videoengine.models.vlm.checker.patterns import rule_of
from videoengine.models.vlm.checker.rules import Facts, all_of
from videoengine.models.vlm.checker.sentences import Piece, clauses, lines, sentences
from videoengine.models.vlm.checker.verdicts import (
    Checked,
    Identity,
    Judged,
    Ruling,
    unsupported,
)
from videoengine.models.vlm.cues import unknowable
from videoengine.models.vlm.findings import Unknown
from videoengine.models.vlm.grammar import Reading, begins_with_verb
from videoengine.models.vlm.index import CaseIndex
from videoengine.models.vlm.names import Names
from videoengine.models.vlm.note.people import entries, once
from videoengine.models.vlm.note.source import SPOKEN
from videoengine.spoken import spoken

LONGEST: Final = 1 << 20
"""Characters of a text."""
LONGEST_SENTENCE: Final = 1000
_THEN: Final = re.compile(
    r"^(?:then|next|afterwards|after that|subsequently|later|finally),? ", re.I
)
_BE: Final = r"(?:is|are|was|were|has been|have been)"
_VERBAL: Final = re.compile(rf"{_BE}\b", re.I)
_LED: Final = re.compile(rf"(.+?) ({_BE})\b", re.I)
_DENIES: Final = re.compile(r"\b(?:no|not|never|none|without|neither|nor|or)\b", re.I)
_NOUNS: Final = re.compile(
    rf"(?P<head>)(?P<one>[^,]+?),? and (?P<other>(?:(?! and ).)+?)(?P<tail> {_BE} .+)", re.I
)
_VERBS: Final = re.compile(
    rf"(?P<head>.+? {_BE} )(?P<one>\w+) and (?P<other>\w+)(?P<tail>(?: .+)?)", re.I
)
UNREAD: Final = "Not read to the last word, so nothing speaks for it."
OTHER_CASE: Final = "The text speaks of another case: what it says is not about this one."


class Checker:
    """Checks texts about one case. Nothing is written."""

    def __init__(self, case: Case, index: CaseIndex) -> None:
        """Take an open case and its index.

        Raises:
            CaseError: The analysis has not finished, or the log is damaged.
        """
        self._case = case
        self._names = Names(index)
        self._index = index
        self._entries = once(entries(case.events(*SPOKEN)))
        given = case.manifest.procedure
        named = (spoken(given),) if given else ()
        self._facts = Facts(Bus(index), named, case.manifest.modality)
        self._note = NoteWords(case, index)

    def check(self, text: str) -> Checked:
        """Return every claim of a text with its verdict.

        Args:
            text: English, plain or Markdown, up to a million characters; sentences of a note may
                also be in the language of any template that ships. Questions claim nothing.

        Raises:
            UsageError: The text is too long.
        """
        if len(text) > LONGEST:
            raise UsageError(
                "The text is too long to be checked", got=f"{len(text)} characters",
                allowed=f"{LONGEST} characters", remedy="Check it in parts.",
            )  # fmt: skip
        identity, about = self._identity(text)
        claims = [judged for line in lines(text) for judged in self._line(line)]
        for judged in claims:
            found = people.reported(judged.text, self._entries)
            if found and found[0] == people.PATIENT and found[1].verdict == "contradicted":
                identity = "other"
        if identity == "other":
            claims = [_of_another(judged) for judged in claims]
        return Checked(identity, tuple(sorted([*about, *claims], key=lambda one: one.start)))

    def _identity(self, text: str) -> tuple[Identity, list[Judged]]:
        """Return whose case a text names, and what is to be said of that."""
        identity: Identity = "unnamed"
        claims: list[Judged] = []
        own = self._case.manifest.case_id
        for start, end, number in people.named_cases(text):
            mine = people.is_this_case(number, own)
            identity = "other" if not mine or identity == "other" else "this"
            verdict = Ruling("supported" if mine else "contradicted", f"this is case {own}")
            claims.append(Judged(start, end, text[start:end], verdict))
        keys = people.cited(text)
        if keys:
            missing = self._missing(keys)
            if missing:
                identity = "other"
                start = text.index(missing[0])
                verdict = Ruling("contradicted", "This case holds no event of that key.")
                claims.append(Judged(start, start + len(missing[0]), missing[0], verdict))
        return identity, claims

    def _missing(self, keys: list[str]) -> list[str]:
        """Return the keys that no event of the log has."""
        left = dict.fromkeys(keys)
        for event in self._case.events(verify=False):
            for key in [key for key in left if event.key.startswith(key)]:
                del left[key]
            if not left:
                break
        return list(left)

    def _line(self, line: Piece) -> Iterator[Judged]:
        if self._note.claims_nothing(line.text):
            return
        bare = self._note.bare(line.text)
        ruling = self._note.stated(bare)
        if ruling is None and bare != line.text:
            ruling = self._note.otherwise(bare)
        if ruling is not None:
            yield _judged(line, ruling)
            return
        before: Clause | None = None
        for sentence in sentences(line):
            if sentence.text.endswith("?") or self._note.claims_nothing(sentence.text):
                continue
            rows, before = self._sentence(sentence, before)
            yield from rows

    def _sentence(
        self, sentence: Piece, before: Clause | None
    ) -> tuple[list[Judged], Clause | None]:
        """Return the claims of a sentence, and what the next one may lean on."""
        if len(sentence.text) > LONGEST_SENTENCE:
            return [_judged(sentence, unsupported("The sentence is too long to be read."))], None
        ruling = self._note.stated(sentence.text)
        if ruling is not None:
            return [_judged(sentence, ruling)], None
        filled = people.reported(sentence.text, self._entries)
        ruling, clause = self._clause(sentence.text, before)
        if ruling is not None:
            return [_judged(sentence, ruling)], clause
        if filled is not None:
            return [_judged(sentence, filled[1])], None
        ruling = self._note.otherwise(sentence.text)
        if ruling is not None:
            return [_judged(sentence, ruling)], None
        parts = clauses(sentence)
        if len(parts) > 1:
            return self._parts(parts, before)
        return [_judged(sentence, self._unread(clause))], clause

    def _parts(
        self, parts: list[Piece], before: Clause | None
    ) -> tuple[list[Judged], Clause | None]:
        """Return the claims of the parts of a sentence; a verb alone is done by who did the last.

        "The cystic duct was clipped and cut": cut was the cystic duct, not anything.
        """
        rows: list[Judged] = []
        noun = ""
        for part in parts:
            text = part.text
            if _VERBAL.match(text) or begins_with_verb(text, self._names):
                text = f"{noun} {text}" if noun else "? " + text
            ruling, clause = self._clause(text, before)
            if ruling is None:
                filled = people.reported(part.text, self._entries)
                ruling = filled[1] if filled is not None else self._unread(clause)
            rows.append(_judged(part, ruling))
            before = clause if clause.subjects else before
            led = _LED.match(text)
            noun = f"{led[1]} {led[2]}" if led and not _VERBAL.match(part.text) else noun
        return rows, before

    def _clause(self, text: str, before: Clause | None) -> tuple[Ruling | None, Clause]:
        """Return what the log says to a clause, or None when it is not read whole."""
        plain = _THEN.sub("", text)
        clause = read_clause(plain, self._names, self._index.end_ns, before)
        if "?" in text or "?" in clause.words:
            return None, clause
        ruling = rule_of(self._facts, clause)
        if ruling is None:
            ruling = self._each(plain, before)
        if ruling is not None and len(plain) < len(text):
            ruling = self._after(ruling, before, clause)
        return ruling, clause

    def _each(self, text: str, before: Clause | None, deep: int = 0) -> Ruling | None:
        """Return a ruling on "the duct and the artery were clipped and cut": all four must hold."""
        if deep > 2 or _DENIES.search(text):
            return None
        for pattern in (_NOUNS, _VERBS):
            found = pattern.fullmatch(text)
            if not found:
                continue
            rulings: list[Ruling] = []
            for one in (found["one"], found["other"]):
                part = found.expand(rf"\g<head>{_quoted(one)}\g<tail>")
                clause = read_clause(part, self._names, self._index.end_ns, before)
                ruling = rule_of(self._facts, clause) or self._each(part, before, deep + 1)
                if ruling is not None:
                    rulings.append(ruling)
            if len(rulings) == 2:
                return all_of(rulings)
        return None

    def _after(self, ruling: Ruling, before: Clause | None, clause: Clause) -> Ruling | None:
        """Return a ruling on what is said to come "then": after what was said before it."""
        if before is None or not before.subjects or not clause.subjects:
            return None
        one, other = before.subjects[0], clause.subjects[0]
        if one == other:
            return None
        later = looking.order(self._index, one, other, later=False, denied=False)
        return all_of([ruling, later])

    def _unread(self, clause: Clause) -> Ruling:
        """Return why nothing speaks for a clause that no rule fits."""
        no_video = unknowable(Reading(clause.words, plain=clause.plain))
        if isinstance(no_video, Unknown):
            return unsupported(f"{no_video.text} Nobody reported it in these words.")
        return unsupported(UNREAD)


def _quoted(text: str) -> str:
    return text.replace("\\", r"\\")


def _judged(piece: Piece, ruling: Ruling) -> Judged:
    return Judged(piece.start, piece.end, piece.text, ruling)


def _of_another(judged: Judged) -> Judged:
    if judged.verdict != "supported":
        return judged
    return replace(judged, ruling=unsupported(OTHER_CASE))
