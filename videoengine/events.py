"""Events: everything a model, the engine or a person states about a stream.

An event is never amended; a later statement about it is a `correction`. Payload shapes are one
frozen dataclass per kind, in `PAYLOADS`. Normalised boxes are `[x, y, width, height]` in 0…1 of
the displayed frame, top-left origin; scores and severities are 0…1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from videoengine.canonical import as_items, as_object, digest, dumps, rounded
from videoengine.errors import CaseError

SCHEMA: Final = 1
GENESIS: Final = "0" * 64
"""`prev` of the first event of a log."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A stretch of stream that a statement rests on."""

    stream_id: str
    epoch: int
    start_ns: int
    end_ns: int
    box: tuple[float, float, float, float] | None = None
    artifact: str | None = None
    events: tuple[str, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; absent options are left out."""
        row = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {key: value for key, value in row.items() if value is not None}


NOT_CANONICAL: Final = ("seq", "prev", "hash", "run_id")
"""Fields that may differ between a broken, resumed run and an unbroken one."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a stage states about its clip; the engine adds who, when and how.

    Without `start_ns` and `end_ns` it covers the clip; without evidence it rests on what it
    covers. `confidence` is None, or a probability whose calibration the stage's card states.
    """

    kind: str
    payload: Any
    confidence: float | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    evidence: tuple[Evidence, ...] = ()


def plain(payload: Any) -> dict[str, Any]:
    """Return a payload dataclass as JSON values, floats rounded."""
    row: dict[str, Any] = rounded(_plain(payload))
    return row


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    row = as_object(value)
    if row is not None:
        return {str(key): _plain(item) for key, item in row.items()}
    items = as_items(value)
    return value if items is None else [_plain(item) for item in items]


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the log; `payload` and `evidence` are JSON values."""

    schema: int
    seq: int
    key: str
    run_id: str
    kind: str
    stream_id: str
    epoch: int
    start_ns: int
    end_ns: int
    stage: str
    model_hash: str
    config_hash: str
    payload: dict[str, Any]
    confidence: float | None
    evidence: list[dict[str, Any]]
    prev: str = ""
    hash: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the log line's object."""
        return {name: getattr(self, name) for name in FIELDS}

    def canonical(self) -> str:
        """Return the part that every run of the same analysis shares, as canonical JSON."""
        row = self.to_json()
        for name in NOT_CANONICAL:
            del row[name]
        return dumps(row)

    def chained(self, seq: int, prev: str) -> tuple[Event, str]:
        """Return the event placed in a log, and its line without the newline."""
        row = self.to_json()
        row["seq"], row["prev"] = seq, prev
        del row["hash"]
        row["hash"] = digest(row)
        return dataclasses.replace(self, seq=seq, prev=prev, hash=row["hash"]), dumps(row)


FIELDS: Final = tuple(f.name for f in dataclasses.fields(Event))

_TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    **dict.fromkeys(("schema", "seq", "epoch", "start_ns", "end_ns"), int),
    **dict.fromkeys(
        ("key", "run_id", "kind", "stream_id", "stage", "model_hash", "config_hash"), str
    ),
    **dict.fromkeys(("prev", "hash"), str),
    "payload": dict,
    "confidence": (float, int, type(None)),
    "evidence": list,
}


def event_from_json(value: Any) -> Event:
    """Return the event of a log line's object, or raise CaseError.

    Unknown kinds are kept: a plug-in may log its own. A newer schema is refused.
    """
    row = as_object(value)
    if row is None:
        raise CaseError("A log line is not an object", got=type(value).__name__)
    if isinstance(row.get("schema"), int) and row["schema"] > SCHEMA:
        raise CaseError(
            "The case comes from a newer videoengine",
            got=f"schema {row['schema']}",
            allowed=f"schema {SCHEMA}",
            remedy="Upgrade: pip install --upgrade videoengine",
        )
    if set(row) != set(FIELDS):
        odd = sorted(set(row) ^ set(FIELDS))
        raise CaseError("A log line has missing or unknown fields", got=", ".join(map(str, odd)))
    for name, kind in _TYPES.items():
        if not isinstance(row[name], kind) or isinstance(row[name], bool):
            raise CaseError(
                f"Field {name!r} of a log line has the wrong type", got=type(row[name]).__name__
            )
    return Event(**row)


def event_key(
    stream_id: str,
    epoch: int,
    stage: str,
    model_hash: str,
    config_hash: str,
    start_ns: int,
    end_ns: int,
    kind: str,
    ordinal: int,
) -> str:
    """Return the idempotent key of an event: the same statement always has the same key."""
    return digest(
        [stream_id, epoch, stage, model_hash, config_hash, start_ns, end_ns, kind, ordinal]
    )


def canonical_lines(events: Iterable[Event]) -> list[str]:
    """Return the canonical form of a run: every event but `run` lines, in log order."""
    return [event.canonical() for event in events if event.kind != "run"]
