"""Corrections: what people say of events that a stage stated, and which of them stands.

A `correction` speaks of the event named in `about`, and of those of the same stage, kind and name
that begin within the stretches of its evidence. Its `change` holds labels by payload field
(`{"label": …}`, of an action `instrument`, `verb` or `target`), or `{"withdrawn": true}`: there was
no such thing. Of several about one event the latest stands; a person takes a correction back by
withdrawing it. Privacy is not corrected: a log never opens by a person's word what a stage closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from videoengine.events import Event

LABELS: Final[dict[str, tuple[str, ...]]] = {
    "procedure": ("label",),
    "phase": ("label",),
    "step": ("label",),
    "instrument": ("label",),
    "track": ("label",),
    "segment": ("label",),
    "triplet": ("instrument", "verb", "target"),
}
"""What may be corrected: kinds, and the fields of their payloads that hold a label."""
WITHDRAWN: Final = "withdrawn"
CORRECTION: Final = b'"kind":"correction"'
"""In every line of a log that holds one."""


@dataclass(frozen=True, slots=True)
class Correction:
    """One that is about an event of a stage."""

    key: str
    about: str
    by: str
    change: dict[str, Any]
    """Labels by field; empty: there was no such thing."""
    stretches: tuple[tuple[int, int, int], ...]
    """Epoch, start and end, stamps of the stream; none: the event alone."""

    def payload(self, event: Event) -> dict[str, Any] | None:
        """Return what an event states as it is corrected; None where nothing is left of it."""
        if self.change:
            return {**event.payload, **self.change}
        if event.kind == "instrument":  # that it was looked for stays
            return {**event.payload, "label": None, "box": None}
        return None

    def became(self, kind: str, name: str) -> str:
        """Return what it makes of a name; nothing where it takes it away."""
        if not self.change:
            return ""
        stated = zip(LABELS[kind], name.split(", "), strict=False)
        labels = dict(stated) | {part: str(row["name"]) for part, row in self.change.items()}
        return ", ".join(labels.get(part, "") for part in LABELS[kind])


@dataclass(slots=True)
class Corrected:
    """What one correction changed: events of one name, as they lie in the log."""

    correction: Correction
    kind: str
    stage: str
    name: str
    """What was stated."""
    became: str
    """What stands instead; empty: nothing."""
    epoch: int
    start_ns: int
    """Stamp of the stream."""
    end_ns: int
    first_key: str
    last_key: str
    over: list[Correction] = field(default_factory=list[Correction])
    """Earlier ones, about the same events, in whose place it stands."""


class Corrections:
    """The corrections of a log; events go by in log order, each as it stands corrected."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        """Take the `correction` events of a log, in order; others are passed over."""
        self._by_about: dict[str, list[Correction]] = {}
        self._order: dict[str, int] = {}
        self._open: dict[tuple[str, str, str, str], list[Correction]] = {}
        self._rows: dict[tuple[str, str, int], Corrected] = {}
        for event in events:
            self._take(event)

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self._by_about)

    def _take(self, event: Event) -> None:
        if event.kind != "correction":
            return
        payload, about = event.payload, str(event.payload.get("about"))
        change, by = payload.get("change"), str(payload.get("by"))
        if not isinstance(change, dict):
            return
        row = cast("dict[str, Any]", change)
        if row.get(WITHDRAWN) is True and about in self._order:
            self._take_back(about, by)
            return
        if row.get(WITHDRAWN) is not True and not _is_labels(row):
            return
        labels = {} if row.get(WITHDRAWN) is True else row
        made = Correction(event.key, about, by, labels, tuple(_stretches(event)))
        self._order[event.key] = len(self._order)
        self._by_about.setdefault(about, []).append(made)

    def _take_back(self, key: str, by: str) -> None:
        for made in self._by_about.values():
            made[:] = [one for one in made if one.key != key or one.by != by]

    def standing(self, event: Event) -> Correction | None:
        """Return the correction that stands about an event; call it for each, in log order."""
        if event.kind not in LABELS or not self._by_about:
            return None
        name = name_of(event.kind, event.payload)
        place = (event.run_id, event.stage, event.kind, name)
        own = [one for one in self._by_about.get(event.key, ()) if _fits(one, event)]
        if own:
            opened = self._open.setdefault(place, [])
            opened += [one for one in own if one.stretches and one not in opened]
        reaching = [one for one in self._open.get(place, ()) if _reaches(one, event)]
        found = sorted({one.key: one for one in (*own, *reaching)}.values(), key=self._at)
        if not found:
            return None
        self._note(found, event, name)
        return found[-1]

    def _at(self, one: Correction) -> int:
        return self._order[one.key]

    def _note(self, found: list[Correction], event: Event, name: str) -> None:
        """Remember what was changed, for whoever tells it."""
        *over, last = found
        place = (last.key, name, event.epoch)
        row = self._rows.get(place)
        if row is None:
            became = last.became(event.kind, name)
            row = Corrected(
                last, event.kind, event.stage, name, became, event.epoch, event.start_ns,
                event.end_ns, event.key, event.key,
            )  # fmt: skip
            self._rows[place] = row
        row.end_ns, row.last_key = max(row.end_ns, event.end_ns), event.key
        row.over += [one for one in over if one not in row.over]

    @property
    def rows(self) -> list[Corrected]:
        """What was changed so far, by the order of the corrections."""
        return sorted(self._rows.values(), key=lambda row: (self._at(row.correction), row.start_ns))


def name_of(kind: str, payload: Mapping[str, Any]) -> str:
    """Return the name by which the Timeline knows what an event states."""
    labels = (payload.get(part) for part in LABELS[kind])
    return ", ".join(str(label["name"]) for label in labels if label)


def _is_labels(change: dict[str, Any]) -> bool:
    """Tell whether a change holds labels and nothing else."""
    fields = {part for parts in LABELS.values() for part in parts}
    return bool(change) and all(
        name in fields
        and isinstance(label, dict)
        and isinstance(label.get("name"), str)
        and isinstance(label.get("vocabulary"), str)
        for name, label in change.items()
    )


def _stretches(event: Event) -> Iterable[tuple[int, int, int]]:
    for row in event.evidence:
        epoch, start, end = row["epoch"], row["start_ns"], row["end_ns"]
        if row.get("events") and end > start:
            yield epoch, start, end


def _fits(one: Correction, event: Event) -> bool:
    """Tell whether a correction names fields that the event has."""
    return set(one.change) <= set(LABELS[event.kind])


def _reaches(one: Correction, event: Event) -> bool:
    return any(
        epoch == event.epoch and start <= event.start_ns < end
        for epoch, start, end in one.stretches
    )
