"""A note as Markdown, in a form that a person may edit and hand back.

The heading of a field ends in `<!-- field NAME -->`, a statement is a list item that ends in
`<!-- s ID -->`. The last line holds the hash of the content and of the text above it, so that a
change by hand is seen. What people and logs say is escaped: it makes no heading, link, comment or
HTML.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Final

from videoengine.canonical import digest
from videoengine.models.vlm.note.document import Note, NoteField, NoteSection, Statement
from videoengine.models.vlm.note.evidence import Evidence, evidence_of
from videoengine.models.vlm.note.phrases import filled

ID_DIGITS: Final = 12
NOTHING: Final = "none"
"""Marks the item of a field of which nothing is said."""
_SPECIAL: Final = re.compile(
    r"[\\`*_\[\]<>#|~&@${}^=]|:(?=/)|(?<=[Ww]{3})\.|^[-+]|(?<=^\d)[.)]|!(?=\[)"
)
_ESCAPED: Final = re.compile(r"\\([!-/:-@\[-`{-~])")


def to_markdown(note: Note) -> str:
    """Return the whole file."""
    body = "\n".join(_lines(note)) + "\n"
    return f"{body}{last_line(note, body)}\n"


def last_line(note: Note, body: str) -> str:
    """Return the line that says which content is written above it, and how its text hashes."""
    text = hashlib.sha256(body.encode()).hexdigest()
    return f"<!-- videoengine note content={note.sha256} template={note.template} text={text} -->"


def statement_id(field: NoteField, statement: Statement) -> str:
    """Return what marks a statement in a file; it changes with what the statement says."""
    who = statement.event or statement.subject
    return digest([field.name, who, statement.status, statement.text])[:ID_DIGITS]


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", text)


def unescaped(text: str) -> str:
    """Return what Markdown would show of escaped text."""
    return _ESCAPED.sub(r"\1", text)


def before(note: Note, statement: Statement) -> str:
    """Return what stands in an item before the statement itself."""
    if statement.status == "observed":
        return f"**{escaped(note.words['observed'])}:** "
    return f"**{escaped(note.words['reported_by'])} {escaped(statement.by or '')}:** "


def after(note: Note, statement: Statement, evidence: Evidence | None) -> str:
    """Return what stands in an item behind the statement itself."""
    if evidence is not None:
        return f" \\[{evidence.number}\\]"
    if statement.replaces is not None:
        return f" — *{escaped(note.words['replaces'])}:* ~~{escaped(statement.replaces)}~~"
    return ""


def state_line(note: Note) -> str:
    """Return in what state a note is."""
    words = note.words
    if note.state == "outdated":
        return f"**{escaped(words['outdated'])}.** {escaped(words['outdated_explained'])}"
    if note.state == "signed":
        names = ", ".join(escaped(s.by) for s in note.signatures if s.sha256 == note.sha256)
        return f"**{escaped(words['signed_by'])} {names}.**"
    return f"**{escaped(words[note.state])}.** {escaped(words['not_signed'])}"


def _lines(note: Note) -> Iterator[str]:
    words, evidence = note.words, evidence_of(note)
    yield from (f"# {escaped(note.title)}", "", state_line(note), "")
    yield from (f"> {escaped(note.disclaimer)}", "", escaped(words["case_times"]), "")
    for section in note.sections:
        yield from _section(note, section, evidence)
    yield from (f"## {escaped(words['signature'])}", "")
    yield from _signatures(note)
    yield from (f"## {escaped(words['evidence'])}", "")
    for found in evidence.values():
        more = (
            f"; {escaped(filled(words['more'], {'count': str(found.more)}))}" if found.more else ""
        )
        yield f"{found.number}. {'; '.join(found.lines())}{more}"
    yield ""
    yield from (f"- {escaped(words['trained_on'])}: {escaped(text)}" for text in note.trained_on)
    yield f"- {escaped(words['software'])}: {escaped(note.software)}"
    yield f"- {escaped(words['template'])}: {escaped(note.template)}"
    yield f"- {escaped(words['content_hash'])}: `{note.sha256}`"
    yield ""


def _section(
    note: Note, section: NoteSection, evidence: dict[tuple[str, int], Evidence]
) -> Iterator[str]:
    alone = len(section.fields) == 1 and section.fields[0].title == section.title
    if not alone:
        yield from (f"## {escaped(section.title)}", "")
    for field in section.fields:
        mark = f"<!-- field {field.name} -->"
        yield from (f"{'##' if alone else '###'} {escaped(field.title)} {mark}", "")
        if field.sources:
            yield f"*{escaped(note.words['required_by'])}: {escaped(', '.join(field.sources))}*"
            yield ""
        for place, statement in enumerate(field.statements):
            found = evidence.get((field.name, place))
            text = before(note, statement) + escaped(statement.text) + after(note, statement, found)
            yield f"- {text} <!-- s {statement_id(field, statement)} -->"
        if not field.statements:
            yield f"- *{escaped(note.words['not_observable'])}* <!-- s {NOTHING} -->"
        yield ""
        if field.differs:
            yield from (f"**{escaped(note.words['differ'])}**", "")


def _signatures(note: Note) -> Iterator[str]:
    words = note.words
    for signature in note.signatures:
        current = signature.sha256 == note.sha256
        state = "" if current else f" ({escaped(words['outdated'])})"
        name = f"{escaped(words['signed_by'])} {escaped(signature.by)}"
        yield f"- {name}{state}: `{signature.sha256}`"
    if not note.signatures:
        yield escaped(words["not_signed"])
    yield ""
