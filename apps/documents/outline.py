"""A note as headings, rows and lines in the words of its language: what every layout draws."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from videoengine.media_time import clock
from videoengine.models.vlm.note.document import Note, NoteField, Rest, Statement, Status

SHOWN_TIMES: Final = 6
"""A line names at most this many stretches of its evidence, and says how many more there are."""
UNPRINTABLE: Final = frozenset("\ufffe\uffff") | frozenset(
    "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
"""What XML refuses, and marks that turn a text around so that it reads as what it is not."""
ENGLISH: Final = {
    "draft": "Draft",
    "edited": "Edited draft",
    "signed": "Signed",
    "outdated": "Signed, but the case has changed since",
    "signed_by": "Signed by",
    "reported_by": "Reported by",
    "observed": "Observed",
    "not_observable": "Not observable in the video",
    "field": "Item",
    "statement": "Statement",
    "evidence": "Evidence",
    "content": "Content",
    "trained_on": "Trained on",
    "page": "Page",
}
"""Fixed phrases; a template's own words come before them."""


@dataclass(frozen=True, slots=True)
class Line:
    """One statement, and beside it why it may stand there."""

    text: str
    status: Status
    why: str
    """Times of the evidence, or who reported it; empty where video cannot know."""


@dataclass(frozen=True, slots=True)
class Row:
    """One field of the note."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One section of the note."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Outline:
    """The whole page, top to bottom."""

    title: str
    language: str
    mark: str
    """What the note is worth: draft, signed …"""
    is_final: bool
    signed: tuple[str, ...]
    parts: tuple[Part, ...]
    origin: tuple[str, ...]
    """Software, training data and hash of the content."""
    disclaimer: str
    columns: tuple[str, str, str]
    """Headings of item, statement and evidence."""
    page: str


def outline(note: Note) -> Outline:
    """Return what a page shows of a note."""
    signed = tuple(
        f"{word(note, 'signed_by')} {printable(signature.by)} · SHA-256 {signature.sha256}"
        for signature in note.signatures
    )
    origin = [note.software]
    if note.trained_on:
        origin.append(f"{word(note, 'trained_on')}: {'; '.join(note.trained_on)}")
    origin.append(f"{word(note, 'content')}: SHA-256 {note.sha256}")
    return Outline(
        title=note.title,
        language=note.language,
        mark=word(note, note.state),
        is_final=note.state == "signed",
        signed=signed,
        parts=tuple(
            Part(section.title, tuple(_row(note, field) for field in section.fields))
            for section in note.sections
        ),
        origin=tuple(origin),
        disclaimer=note.disclaimer,
        columns=(word(note, "field"), word(note, "statement"), word(note, "evidence")),
        page=word(note, "page"),
    )


def word(note: Note, key: str) -> str:
    """Return a fixed phrase in the language of the note."""
    return note.words.get(key) or ENGLISH[key]


def printable(text: str) -> str:
    """Return a text of people without what steers a printer or turns the line around."""
    kept = (
        " " if unicodedata.category(char) == "Cc" and char != "\n" else char
        for char in text.replace("\r\n", "\n")
        if char not in UNPRINTABLE and unicodedata.category(char) != "Cs"
    )
    return "".join(kept).strip()


def times(rests: tuple[Rest, ...]) -> str:
    """Return stretches of case time as `0:01:02–0:01:40, …`."""
    shown = [f"{clock(rest.start_ns)}–{clock(rest.end_ns)}" for rest in rests[:SHOWN_TIMES]]
    if len(rests) > SHOWN_TIMES:
        shown.append(f"+\u00a0{len(rests) - SHOWN_TIMES}")
    return ", ".join(shown)


def _row(note: Note, field: NoteField) -> Row:
    lines = tuple(_line(note, statement) for statement in field.statements)
    unknown = Line(word(note, "not_observable"), "not_observable", "")
    return Row(field.title, lines or (unknown,))


def _line(note: Note, statement: Statement) -> Line:
    text = printable(statement.text)
    if statement.status == "reported":
        who = printable(statement.by or "")
        return Line(text, statement.status, f"{word(note, 'reported_by')} {who}")
    return Line(text, statement.status, times(statement.rests))
