"""What people corrected of events, as statements of the note: each by whoever said it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from videoengine.models.vlm.corrections import Corrected
from videoengine.models.vlm.note.document import Rest, Statement
from videoengine.models.vlm.note.findings import Action, Finding, Quoted, Term, Times, Value
from videoengine.models.vlm.note.phrases import Phrases, plain
from videoengine.models.vlm.note.source import NoteLog

SUBJECT: Final = "correction/"
"""What the subject of such a statement begins with; the key of the `correction` follows."""
KINDS: Final = {
    "procedure": "procedure", "phases": "phase", "steps": "step", "instruments": "instrument",
    "actions": "triplet",
}  # fmt: skip
"""Kind of event that a field shows, by what it observes."""
SETTLED: Final = ".smoothed"


def corrected(log: NoteLog, phrases: Phrases, observed: str | None) -> Iterator[Statement]:
    """Yield what people say of the events that a field shows, by the order in which they said it.

    Args:
        log: Of the case.
        phrases: The words.
        observed: What the field shows, one of `FINDINGS`, or None.
    """
    kind = KINDS.get(observed or "")
    rows = [row for row in log.corrected if row.kind == kind]
    stages = [segment.stage for segment in log.of(kind)] if kind else []
    if any(stage.endswith(SETTLED) for stage in (*stages, *(row.stage for row in rows))):
        rows = [row for row in rows if row.stage.endswith(SETTLED)]
    for row in rows:
        yield _statement(log, phrases, row)


def _statement(log: NoteLog, phrases: Phrases, row: Corrected) -> Statement:
    start, end = (log.timeline.case_ns(row.epoch, ns) for ns in (row.start_ns, row.end_ns))
    end = min(log.timeline.end_ns, end + log.more_ns(row.stage))
    values: dict[str, Value] = {"times": Times(((start, end),)), "before": _named(row, row.name)}
    if row.became:
        values["after"] = _named(row, row.became)
    sentence = "corrected" if row.became else "corrected_away"
    said = [phrases.say(Finding(sentence, "", values, ()))]
    for other in row.over:
        by, name = Quoted(other.by), other.became(row.kind, row.name)
        over: dict[str, Value] = {"by": by, "after": _named(row, name)} if name else {"by": by}
        sentence = "corrected_over" if name else "corrected_away_over"
        said.append(phrases.say(Finding(sentence, "", over, ())))
    one = row.correction
    keys = tuple(dict.fromkeys((row.first_key, row.last_key, one.key)))
    return Statement(
        " ".join(said), "reported", (Rest(start, end, keys),), by=plain(one.by), event=one.key,
        subject=f"{SUBJECT}{one.key}",
    )  # fmt: skip


def _named(row: Corrected, name: str) -> Value:
    return Action(name) if row.kind == "triplet" else Term(row.kind, name)
