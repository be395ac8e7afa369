"""A note as headings, rows and lines in the words of its language: what every layout draws."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from videoengine.media_time import clock
from videoengine.models.vlm.note.document import Note, NoteField, Rest, Signature, Statement, Status

SHOWN_TIMES: Final = 6
"""A line names at most this many stretches of its evidence, and says how many more there are."""
UNPRINTABLE: Final = frozenset("\ufffe\uffff") | frozenset(
    "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
"""What XML refuses, and marks that turn a text around so that it reads as what it is not."""


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
    notice: tuple[str, ...]
    """What a reader has to know first: whence times count, and why it is out of date."""
    columns: tuple[str, str, str]
    """Headings of item, statement and evidence."""


def outline(note: Note) -> Outline:
    """Return what a page shows of a note."""
    signed = tuple(_signed(note, signature) for signature in note.signatures)
    origin = [note.software]
    if note.trained_on:
        origin.append(f"{word(note, 'trained_on')}: {'; '.join(note.trained_on)}")
    origin.append(f"{word(note, 'content_hash')}: {note.sha256}")
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
        notice=_notice(note),
        columns=(word(note, "field"), word(note, "statement"), word(note, "evidence")),
    )


def word(note: Note, key: str) -> str:
    """Return a fixed phrase in the language of the note."""
    return note.words[key]


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
    shown = [_stretch(rest) for rest in rests[:SHOWN_TIMES]]
    if len(rests) > SHOWN_TIMES:
        shown.append(f"+\u00a0{len(rests) - SHOWN_TIMES}")
    return ", ".join(shown)


def _stretch(rest: Rest) -> str:
    start, end = clock(rest.start_ns), clock(rest.end_ns)
    return start if start == end else f"{start}–{end}"


def _signed(note: Note, signature: Signature) -> str:
    state = "" if signature.sha256 == note.sha256 else f" ({word(note, 'outdated')})"
    who = f"{word(note, 'signed_by')} {printable(signature.by)}{state}"
    return f"{who} · SHA-256 {signature.sha256}"


def _notice(note: Note) -> tuple[str, ...]:
    said = (word(note, "case_times"),)
    return (*said, word(note, "outdated_explained")) if note.state == "outdated" else said


def _row(note: Note, field: NoteField) -> Row:
    lines = [_line(note, statement) for statement in field.statements]
    if not lines:
        lines.append(Line(word(note, "not_observable"), "not_observable", ""))
    if field.differs:
        lines.append(Line(word(note, "differ"), "not_observable", ""))
    return Row(field.title, tuple(lines))


def _line(note: Note, statement: Statement) -> Line:
    text = printable(statement.text)
    if statement.status == "observed":
        return Line(text, statement.status, times(statement.rests))
    why = f"{word(note, 'reported_by')} {printable(statement.by or '')}"
    if statement.replaces is not None:
        why += f"; {word(note, 'replaces')}: {printable(statement.replaces)}"
    return Line(text, statement.status, why)
