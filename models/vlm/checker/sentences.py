"""From a text to its sentences and clauses, each with its place in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_LEAD: Final = re.compile(r"\s*(?:[-*+•>]\s+|#{1,6}\s+|\d+[.)]\s+(?=[A-Z]))*")
_END: Final = re.compile(r"(?<=[.!?])[\"”']?\s+(?=[\"“'(]?[A-Z0-9À-Ý])")
_SHORT: Final = re.compile(r"\b(?:dr|mr|mrs|ms|prof|no|nr|approx|ca|vs|st|e\.g|i\.e)\.$", re.I)
_JOINT: Final = re.compile(
    r",? (?:and|but|while|whereas|although|though)(?: then)? |[,;] (?:then )?"
)
_MARKS: Final = " \t*_`\"“”'"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text."""

    start: int
    text: str

    @property
    def end(self) -> int:
        """Place behind its last character."""
        return self.start + len(self.text)

    def part(self, start: int, end: int) -> Piece:
        """Return a part of it without the blanks and marks of emphasis around it."""
        text = self.text[start:end]
        lead = len(text) - len(text.lstrip(_MARKS))
        return Piece(self.start + start + lead, text.strip(_MARKS))


def lines(text: str) -> Iterator[Piece]:
    """Yield the lines that say something: without comments, headings and marks of lists."""
    bare = _COMMENT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    start = 0
    for line in bare.split("\n"):
        lead = _LEAD.match(line)
        cut = lead.end() if lead else 0
        piece = Piece(start, line).part(cut, len(line))
        if re.search(r"\w", piece.text) and not line.lstrip().startswith("#"):
            yield piece
        start += len(line) + 1


def sentences(line: Piece) -> Iterator[Piece]:
    """Yield the sentences of a line."""
    start = 0
    for found in _END.finditer(line.text):
        if _SHORT.search(line.text[: found.start()]):
            continue
        yield line.part(start, found.start())
        start = found.end()
    rest = line.part(start, len(line.text))
    if re.search(r"\w", rest.text):
        yield rest


def clauses(sentence: Piece) -> list[Piece]:
    """Return the parts of a sentence between its conjunctions; one: it cannot be taken apart."""
    parts: list[Piece] = []
    start = 0
    for found in _JOINT.finditer(sentence.text):
        parts.append(sentence.part(start, found.start()))
        start = found.end()
    parts.append(sentence.part(start, len(sentence.text)))
    return [part for part in parts if re.search(r"\w", part.text)]
