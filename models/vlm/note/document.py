"""The note as data: what every writer of documents is handed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["observed", "reported", "not_observable"]
State = Literal["draft", "edited", "signed", "outdated"]
"""`outdated`: it was signed, and no longer matches the log."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A stretch of case time, and the events there, that a statement rests on."""

    start_ns: int
    """Case time."""
    end_ns: int
    events: tuple[str, ...]
    """Keys."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence or value of a field, and why it may stand there."""

    text: str
    status: Status
    rests: tuple[Rest, ...] = ()
    """Of what was observed: never empty. Of a corrected event: that, and the correction."""
    by: str | None = None
    """Of what was reported: by whom."""
    event: str | None = None
    """Of what was reported: key of the `reported` event, or of the `correction` that says it."""
    subject: str | None = None
    """Of what was observed, or stands in its place: what it is about, the same in any language."""
    replaces: str | None = None
    """Of a correction: the observed sentence that it stands in the place of."""


@dataclass(frozen=True, slots=True)
class NoteField:
    """One field of the template; without statements it says that video cannot know it."""

    name: str
    """As in the template and in `videoengine report CASE name=value`."""
    title: str
    status: Status
    statements: tuple[Statement, ...]
    required: bool
    """Whether a standard asks for it; `sources` says which."""
    sources: tuple[str, ...] = ()
    """The standards that ask for it."""
    differs: bool = False
    """Whether people report different things; all of them stand."""


@dataclass(frozen=True, slots=True)
class NoteSection:
    """A heading with its fields."""

    name: str
    title: str
    loinc: str | None
    """Code of the section in HL7's operative note, or None."""
    fields: tuple[NoteField, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed what."""

    by: str
    sha256: str
    event: str
    """Key of the `signature` event."""


@dataclass(frozen=True, slots=True)
class Note:
    """A note as it stands, ready to be written in any format."""

    title: str
    language: str
    """BCP 47: en, de, es."""
    template: str
    procedure: str | None
    """Name in `videoengine/procedure@1`, as observed or given; None: unknown."""
    sections: tuple[NoteSection, ...]
    state: State
    sha256: str
    """Of the content: what a signature signs."""
    signatures: tuple[Signature, ...]
    software: str
    """`videoengine 0.1.0`."""
    trained_on: tuple[str, ...]
    """What the models behind observed statements were trained on."""
    disclaimer: str
    words: dict[str, str]
    """Headings and fixed phrases of the language: draft, signed_by, not_observable, …"""
