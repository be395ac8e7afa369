"""`report --correct`: a person says of an event that it was something else, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from videoengine.apps.statements import state
from videoengine.case import Case
from videoengine.errors import UsageError, nearest
from videoengine.events import Draft, Event, Evidence, plain
from videoengine.models.vlm.corrections import LABELS, WITHDRAWN, name_of
from videoengine.models.vlm.note.people import check_name
from videoengine.payloads import CorrectionPayload
from videoengine.spoken import spoken
from videoengine.timeline import closed_runs
from videoengine.vocabularies import vocabulary

PEOPLE: Final = "people"
"""Stage of everything that people state."""
LEAST_DIGITS: Final = 8
"""An event may be named by the first digits of its key, as answers print it."""


@dataclass(frozen=True, slots=True)
class CorrectedEvent:
    """What was appended."""

    case: Path
    about: str
    """Key of the first event that is corrected."""
    was: str
    becomes: str
    """Empty: nothing."""
    event: str
    """Key of the `correction`."""


def correct(
    case: str | Path,
    event: str,
    assignments: Sequence[str] = (),
    *,
    by: str | None,
    through: str | None = None,
) -> CorrectedEvent:
    """Append a correction of an event that a stage stated; the event itself stays.

    Args:
        case: A finished case.
        event: Its key, or the first digits of it.
        assignments: `label=TERM` of the event's own vocabulary, of an action also `instrument=`,
            `verb=`, `target=`; none: there was no such thing.
        by: Who says so.
        through: Key of a later event of the same stage that states the same: those between are
            meant as well.

    Raises:
        UsageError: No such event, one that is not corrected, or no such term.
        CaseError: The analysis has not finished, or another process writes the case.
    """
    name = check_name(by)
    with Case.open_for_writing(case) as opened:
        closed_runs(opened.events("run"))
        first, last = _events(opened, event, through)
        change = _change(first, assignments, name)
        row = Evidence(
            first.stream_id, first.epoch, first.start_ns, last.end_ns,
            events=tuple(dict.fromkeys((first.key, last.key))),
        )  # fmt: skip
        draft = Draft("correction", CorrectionPayload(first.key, change, name), evidence=(row,))
        (logged,) = state(opened, [draft], stage=PEOPLE)
    was, becomes = _said(first), ""
    if WITHDRAWN not in change:
        becomes = name_of(first.kind, {**first.payload, **change})
    return CorrectedEvent(opened.path, first.key, was, becomes, logged.key)


def _events(case: Case, event: str, through: str | None) -> tuple[Event, Event]:
    """Return the first and the last event that a correction is about."""
    wanted = [event] if through is None else [event, through]
    for key in wanted:
        if len(key) < LEAST_DIGITS:
            raise UsageError("The key of an event is too short", got=repr(key),
                             allowed=f"at least {LEAST_DIGITS} digits of it")  # fmt: skip
    found: dict[str, dict[str, Event]] = {key: {} for key in wanted}
    for one in case.events(verify=False):
        for key, rows in found.items():
            if one.key.startswith(key):
                rows[one.key] = one
    events = [_one(key, list(rows.values())) for key, rows in found.items()]
    first, last = events[0], events[-1]
    if through is not None:
        alike = all(
            getattr(first, part) == getattr(last, part)
            for part in ("kind", "stage", "run_id", "epoch")
        )
        if not alike or _said(first) != _said(last) or last.start_ns < first.start_ns:
            raise UsageError(
                "Events that are corrected together state one thing, in order",
                got=f"{first.stage} {_said(first)!r} and {last.stage} {_said(last)!r}",
                allowed="a later event of the same stage and epoch that states the same",
            )
    return first, last


def _one(key: str, found: list[Event]) -> Event:
    if len(found) == 1:
        return found[0]
    raise UsageError(
        "No such event" if not found else "More than one event has such a key",
        got=repr(key[:80]), allowed="the key of one event, as answers and notes print it",
        remedy="videoengine export CASE --to jsonl --out FILE lists them all.",
    )  # fmt: skip


def _said(event: Event) -> str:
    return name_of(event.kind, event.payload) if event.kind in LABELS else ""


def _change(event: Event, assignments: Sequence[str], by: str) -> dict[str, Any]:
    """Return what is logged as the change."""
    if event.kind == "correction":
        if assignments or event.payload.get("by") != by:
            raise UsageError(
                "A correction is taken back, by whoever made it",
                got=f"--by {by!r}", allowed="report CASE --correct KEY --by NAME, of one's own",
                remedy="Another word about the same event stands in its place.",
            )  # fmt: skip
        return {WITHDRAWN: True}
    if event.kind not in LABELS or not _said(event):
        raise UsageError(
            "This event is not corrected", got=f"{event.stage} {event.kind}",
            allowed=f"one that names something: {', '.join(LABELS)}",
        )  # fmt: skip
    if not assignments:
        return {WITHDRAWN: True}
    return dict(_label(event, text) for text in assignments)


def _label(event: Event, text: str) -> tuple[str, dict[str, Any]]:
    """Return the field and the label of `label=TERM`."""
    field, equals, term = (part.strip() for part in text.partition("="))
    fields = LABELS[event.kind]
    if not equals or field not in fields:
        raise UsageError(
            f"An event of kind {event.kind} has no such label", got=repr(text[:80]),
            allowed=" ".join(f"{name}=TERM" for name in fields), remedy=nearest(field, fields),
        )  # fmt: skip
    known = vocabulary(str(event.payload[field]["vocabulary"]))
    alike = [label for label in known.labels if term.lower() in (label.name, spoken(label.name))]
    return field, plain(alike[0] if alike else known.label(term))
