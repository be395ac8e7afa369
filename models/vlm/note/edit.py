"""An edited note comes back: what a person changed in the Markdown, as changes to the log.

Only statements may be changed: what stands between the items of a field is that of the note, line
by line, or the file is refused and nothing is logged. An item is known by its mark, and one that
lost its mark by its text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from videoengine.errors import UsageError, nearest
from videoengine.models.vlm.note.document import Note, NoteField, Statement
from videoengine.models.vlm.note.evidence import evidence_of
from videoengine.models.vlm.note.markdown import (
    NOTHING,
    after,
    before,
    escaped,
    statement_id,
    to_markdown,
    unescaped,
)

LARGEST_BYTES: Final = 4 << 20
_LAST: Final = re.compile(
    r"<!-- videoengine note content=([0-9a-f]{64}) template=(\S{1,200}) text=([0-9a-f]{64}) -->"
)
_FIELD: Final = re.compile(r"<!-- field ([^ ]{1,80}) -->$")
_MARK: Final = re.compile(r"\s*<!-- s ([0-9a-z]{4,12}) -->$")
_BULLET: Final = re.compile(r"^[-*+]\s+")


@dataclass(frozen=True, slots=True)
class Written:
    """What the last line of a file says of it."""

    sha256: str
    """Of the content that it was written from."""
    template: str
    untouched: bool
    """Whether the text above the line is as it was written."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a person did to one statement."""

    field: str
    before: Statement | None
    """None: the person added one."""
    text: str
    """What stands there now; empty: the person took it out."""


@dataclass(slots=True)
class _File:
    """Lines of a file: what is fixed, and the items of each field."""

    fixed: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    """Number of the line, from 1, and its text."""
    items: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


def written(text: str) -> Written | None:
    """Return what the last line of a note's file says, or None where it has no such line."""
    body, _, last = text.rstrip("\n").rpartition("\n")
    found = _LAST.fullmatch(last.strip())
    if found is None:
        return None
    own = hashlib.sha256(f"{body}\n".encode()).hexdigest()
    return Written(found[1], found[2], own == found[3])


def changes(note: Note, text: str) -> list[Change]:
    """Return what a person changed in the file of a note.

    Args:
        note: As the log has it now.
        text: The edited file.

    Raises:
        UsageError: The file was written from another content, or more than statements changed.
    """
    last = written(text.replace("\r\n", "\n"))
    if last is None:
        raise UsageError(
            "The edited note lacks its last line",
            got="no line <!-- videoengine note … -->",
            allowed="the file that `videoengine note CASE` wrote, with statements changed",
        )
    if last.sha256 != note.sha256 or last.template != note.template:
        raise UsageError(
            "The edited note was written from another log or template",
            got=f"content {last.sha256[:12]}, template {last.template}",
            allowed=f"content {note.sha256[:12]}, template {note.template}",
            remedy="Write it anew with `videoengine note CASE --out FILE`, and edit that.",
        )
    own = _parse(note, to_markdown(note))
    edited = _parse(note, text)
    _compare(note, own, edited)
    found: list[Change] = []
    evidence = evidence_of(note)
    for section in note.sections:
        for one in section.fields:
            shown = {
                statement_id(one, s): _Shown(
                    s, before(note, s), after(note, s, evidence.get((one.name, place)))
                )
                for place, s in enumerate(one.statements)
            }
            found += _of_field(note, one, shown, edited.items.get(one.name, []))
    return found


def _parse(note: Note, text: str) -> _File:
    """Split a file into what is fixed and the items of fields."""
    fixed = {line.strip() for line in to_markdown(note).splitlines() if not _MARK.search(line)}
    file = _File()
    at: str | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or _LAST.fullmatch(line):
            continue
        heading = _FIELD.search(line) if line.startswith("#") else None
        if heading:
            name = heading[1]
            if name in file.items:
                raise UsageError(
                    f"Line {number} of the edited note names a field again", got=name,
                    allowed="each field once",
                )  # fmt: skip
            at = name
            file.items[name] = []
            file.fixed.append((number, line))
        elif line.startswith("#") and line in fixed:
            at = None
            file.fixed.append((number, line))
        elif at is None or (line in fixed and not _MARK.search(line)):
            file.fixed.append((number, line))
        else:
            file.items[at].append(line)
    return file


def _compare(note: Note, own: _File, edited: _File) -> None:
    """Refuse a file in which anything but items of fields differs."""
    for name in edited.items:
        if name not in own.items:
            raise UsageError(
                "The edited note has an unknown field", got=repr(name),
                allowed=", ".join(own.items), remedy=nearest(name, own.items),
            )  # fmt: skip
    for name in own.items:
        if name not in edited.items:
            raise UsageError(
                "The edited note lacks a field", got=f"no heading of {name!r}",
                allowed="every heading as it was written, with its mark <!-- field … -->",
                remedy="To say nothing about it, leave its item as it is.",
            )  # fmt: skip
    for (_, ours), (number, theirs) in zip(own.fixed, edited.fixed, strict=False):
        if ours != theirs:
            raise UsageError(
                f"Line {number} of the edited note is not a statement", got=repr(theirs[:60]),
                allowed=repr(ours[:60]), remedy="Only the items under a field may be changed.",
            )  # fmt: skip
    if len(own.fixed) != len(edited.fixed):
        raise UsageError(
            "The edited note has lost or gained lines that are no statements",
            got=f"{len(edited.fixed)} lines", allowed=f"{len(own.fixed)} lines",
            remedy="Only the items under a field may be changed.",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Shown:
    """A statement as its item shows it."""

    statement: Statement
    before: str
    after: str

    def item(self) -> str:
        """Return the item without its mark."""
        return self.before + escaped(self.statement.text) + self.after

    def new_text(self, item: str, where: str) -> str:
        """Return what an item says now."""
        if not item.startswith(self.before.rstrip()):
            raise UsageError(
                f"An edited item of {where} no longer says who stated it", got=repr(item[:60]),
                allowed=f"an item that begins {self.before.strip()!r}",
                remedy="Change what stands behind it; or take the item out and add your own.",
            )  # fmt: skip
        rest = item[len(self.before.rstrip()) :].strip()
        return unescaped(rest.removesuffix(self.after.strip()).strip() if self.after else rest)


def _of_field(
    note: Note, one: NoteField, shown: dict[str, _Shown], lines: list[str]
) -> Iterator[Change]:
    """Yield what happened to the statements of a field."""
    nothing = f"*{escaped(note.words['not_observable'])}*"
    by_item = {row.item(): mark for mark, row in shown.items()}
    left = dict(shown)
    added: list[str] = []
    for line in lines:
        found = _MARK.search(line)
        item = _BULLET.sub("", _MARK.sub("", line)).strip()
        mark = found[1] if found else by_item.get(item)
        if item == nothing or (mark == NOTHING and not item):
            continue
        if mark == NOTHING or mark is None:
            added.append(unescaped(item))
            continue
        if mark not in left:
            raise UsageError(
                f"An edited item of {one.name} has a mark that is not its own", got=repr(mark),
                allowed="each mark <!-- s … --> once, in its field",
                remedy="Add a statement as an item without a mark.",
            )  # fmt: skip
        row = left.pop(mark)
        text = row.new_text(item, one.name)
        if text != row.statement.text:
            yield Change(one.name, row.statement, text)
    for row in left.values():
        yield Change(one.name, row.statement, "")
    for text in added:
        yield Change(one.name, None, text)
