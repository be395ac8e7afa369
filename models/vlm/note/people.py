"""What people say about a case: reports, corrections, withdrawals, and who may change what.

`reported` states a field; a `correction` about it by the same person changes or withdraws it. A
`correction` about an observed event stands in the place of an observed sentence. Nothing that one
person said is changed by another: both stand.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from videoengine.errors import UsageError
from videoengine.events import Event

LONGEST_VALUE: Final = 4000
LONGEST_NAME: Final = 200
_REFUSED: Final = ("Cc", "Cs", "Co", "Cn", "Zl", "Zp")
"""Control characters, halves of characters, unassigned ones, and breaks of line and paragraph."""
_TURNING: Final = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
"""Marks that turn the direction of text: with them a note can read otherwise than it is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that one person says, as it stands."""

    event: str
    """Key of the event that said it first."""
    field: str
    text: str
    by: str
    subject: str | None = None
    """Of what stands in the place of an observed sentence: what that one is about."""


def entries(events: Iterable[Event]) -> list[Entry]:
    """Return what people say now, in the order in which they first said it, repetitions too."""
    found: dict[str, Entry] = {}
    for event in events:
        payload = event.payload
        if event.kind == "reported":
            said = Entry(event.key, _text(payload, "field"), _text(payload, "value"),
                         _text(payload, "by"))  # fmt: skip
            found[event.key] = said
        elif event.kind == "correction":
            _correct(found, event)
    return list(found.values())


def _correct(found: dict[str, Entry], event: Event) -> None:
    """Apply a correction: to an entry of the same person, else as an entry of its own."""
    change: Any = event.payload.get("change")
    if not isinstance(change, dict):
        return
    about, by = str(event.payload.get("about")), _text(event.payload, "by")
    before = found.get(about)
    if change.get("withdrawn"):
        if before is not None and before.by == by:
            del found[about]
        return
    if not isinstance(change.get("value"), str):
        return
    if before is not None and before.by == by:
        found[about] = replace(before, text=change["value"])
    elif before is not None:
        found[event.key] = Entry(event.key, before.field, change["value"], by)
    elif isinstance(change.get("field"), str) and isinstance(change.get("subject"), str):
        found[event.key] = Entry(event.key, change["field"], change["value"], by, change["subject"])


def once(said: Iterable[Entry]) -> list[Entry]:
    """Return entries without those that repeat one of the same person."""
    seen: set[tuple[str, str, str, str | None]] = set()
    kept: list[Entry] = []
    for entry in said:
        same = (entry.field, entry.text, entry.by, entry.subject)
        if same not in seen:
            kept.append(entry)
        seen.add(same)
    return kept


def _text(payload: dict[str, Any], name: str) -> str:
    value = payload.get(name)
    return value if isinstance(value, str) else str(value)


def differ(said: Iterable[Entry]) -> bool:
    """Tell whether people say different things about one field."""
    return len({" ".join(entry.text.casefold().split()) for entry in said}) > 1


def check_name(by: str | None) -> str:
    """Return the name of who speaks, or raise."""
    if by is None or not by.strip():
        raise UsageError(
            "Who says so is missing",
            got="--by nothing" if by is None else f"--by {by!r}",
            allowed="a name",
            remedy="Add --by NAME: whoever stands by the statement.",
        )
    return _checked("The name after --by", by, LONGEST_NAME)


def check_value(field: str, value: str) -> str:
    """Return what is reported, or raise."""
    return _checked(f"What is reported as {field}", value, LONGEST_VALUE)


def _checked(what: str, text: str, longest: int) -> str:
    kept = unicodedata.normalize("NFC", text).strip(" ")
    if len(kept) > longest:
        raise UsageError(f"{what} is too long", got=f"{len(kept)} characters",
                         allowed=f"{longest} characters")  # fmt: skip
    for letter in kept:
        if unicodedata.category(letter) in _REFUSED or letter in _TURNING:
            raise UsageError(
                f"{what} holds a character that does not print",
                got=f"U+{ord(letter):04X}",
                allowed="one line of printable text",
                remedy="Leave it out; a second line is a second report.",
            )
    return " ".join(kept.split())
