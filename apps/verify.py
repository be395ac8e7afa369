"""`verify`: is the case whole, and does its log add up."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from videoengine.apps.source_record import LIVE
from videoengine.case import Case
from videoengine.errors import CaseError
from videoengine.events import Event

DIGEST_BYTES: Final = 16
ARTIFACT_FIELDS: Final = ("artifact", "mask")
"""Payload fields that name a file in the case."""
LATER: Final = ("answer", "correction", "reported")
"""Kinds by which something is said of a finished case."""
AGAIN: Final = "Restore the case from a backup, or analyze the source again into another --out."


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found in a case that is whole."""

    case: Path
    events: int
    kinds: dict[str, int]
    runs_closed: int
    runs_open: int
    ledgers: int
    """Edges whose ledger balances."""
    artifacts: int
    notes: tuple[str, ...]
    """What is unusual but not damage."""


@dataclass(slots=True)
class _Check:
    """Folds a log, event by event."""

    case: Case
    kinds: Counter[str] = field(default_factory=Counter[str])
    keys: set[bytes] = field(default_factory=set[bytes])
    states: dict[str, str] = field(default_factory=dict[str, str])
    """Newest state of each run."""
    ledgers: int = 0
    artifacts: set[str] = field(default_factory=set[str])

    def add(self, event: Event) -> None:
        """Check one event against those before it."""
        self.kinds[event.kind] += 1
        if event.stream_id != self.case.manifest.stream_id:
            raise _wrong(event, "belongs to another stream", event.stream_id)
        name = _digest(event.run_id, event.key)
        if name in self.keys:
            raise _wrong(event, "repeats the key of an event before it", event.key[:16])
        self.keys.add(name)
        if event.end_ns < event.start_ns:
            raise _wrong(event, "ends before it starts", event.end_ns)
        self._run(event)
        for evidence in event.evidence:
            self._evidence(event, evidence)
        for artifact in _artifacts(event):
            self._artifact(event, artifact)

    def _run(self, event: Event) -> None:
        if event.kind != "run":
            if event.run_id not in self.states and event.kind != "audit":
                raise _wrong(event, "belongs to a run that was not opened", event.run_id)
            return
        state = event.payload.get("state")
        before = self.states.get(event.run_id)
        if (state == "opened") == (before is not None) or before == "closed":
            raise _wrong(event, "has a run state out of order", f"{state} after {before}")
        self.states[event.run_id] = str(state)
        if state == "closed":
            self._ledgers(event)
            self._packets(event)

    def _ledgers(self, event: Event) -> None:
        ledger = _table(event, "ledger")
        missing = [name for name in _table(event, "stages") if not _has_edge(ledger, name)]
        if missing:
            raise _wrong(event, "closes a run without the ledger of a stage", missing[0])
        for edge, row in ledger.items():
            captured, served = _count(event, row, "captured"), _count(event, row, "served")
            dropped = row.get("dropped")
            if not isinstance(dropped, dict):
                raise _wrong(event, f"has no dropped counts for {edge}", dropped)
            lost = sum(_count(event, dropped, cause) for cause in dropped)
            if captured != served + lost:
                raise _wrong(
                    event, f"has a ledger of {edge} that does not balance",
                    f"captured {captured}, served {served}, dropped {lost}",
                )  # fmt: skip
            self.ledgers += 1

    def _packets(self, event: Event) -> None:
        for stream, row in _table(event, "packets").items():
            demuxed, decoded = _count(event, row, "demuxed"), _count(event, row, "decoded")
            skipped = row.get("skipped")
            if not isinstance(skipped, dict):
                raise _wrong(event, f"has no skipped counts for {stream}", skipped)
            for cause in skipped:
                _count(event, skipped, cause)
            if decoded > demuxed:
                raise _wrong(
                    event, f"decoded more of {stream} than it read", f"{decoded} > {demuxed}"
                )

    def _evidence(self, event: Event, row: Any) -> None:
        if not isinstance(row, dict):
            raise _wrong(event, "has evidence that is not an object", type(row).__name__)
        # What is said of a finished case may rest on a stage that an earlier run speaks for.
        runs = self.states if event.kind in LATER else (event.run_id,)
        for key in row.get("events") or ():
            if not any(_digest(run_id, str(key)) in self.keys for run_id in runs):
                raise _wrong(event, "rests on an event that is not before it", str(key)[:16])
        artifact = row.get("artifact")
        if artifact is not None:
            self._artifact(event, artifact)

    def _artifact(self, event: Event, name: Any) -> None:
        if not isinstance(name, str) or not name:
            raise _wrong(event, "names no artifact", name)
        if name in self.artifacts:
            return
        root = self.case.path.resolve()
        path = (root / name).resolve()
        if not path.is_relative_to(root) or Path(name).is_absolute():
            raise _wrong(event, "points outside the case", name)
        if not path.is_file():
            raise _wrong(event, "points at an artifact that is not there", name)
        self.artifacts.add(name)


def verify(case: str | Path) -> Verdict:
    """Check manifest, chain, keys, ledgers, evidence and checkpoint of a case.

    An unfinished run is not damage: the verdict counts it and says how to finish it.

    Raises:
        CaseError: Something does not hold; the message names the line.
    """
    opened = Case.open(case)
    check = _Check(opened)
    count = 0
    for event in opened.events(verify=True):
        check.add(event)
        count += 1
    states = Counter(check.states.values())
    closed = states["closed"]
    if closed:
        opened.timeline()
    return Verdict(
        case=opened.path,
        events=count,
        kinds=dict(sorted(check.kinds.items())),
        runs_closed=closed,
        runs_open=len(check.states) - closed,
        ledgers=check.ledgers,
        artifacts=len(check.artifacts),
        notes=tuple(_notes(opened, check, count)),
    )


def _notes(case: Case, check: _Check, count: int) -> Iterator[str]:
    newest = check.states.get(case.manifest.run_id)
    checkpoint = case.checkpoint()
    if checkpoint is not None:
        seq = checkpoint.get("seq")
        if not isinstance(seq, int) or isinstance(seq, bool) or not 0 <= seq <= count:
            raise CaseError(
                "checkpoint.json does not fit the log",
                got=f"after event {seq} of {count}",
                remedy="Delete it: resume then starts from the first frame.",
            )
    if newest != "closed":
        yield _unfinished(case, newest)
    folder = case.path / "quarantine"
    if folder.is_dir() and folder.stat().st_mode & 0o077:
        yield f"Others on this machine can read quarantine/: chmod 700 {folder}"


def _unfinished(case: Case, state: str | None) -> str:
    source = case.manifest.source
    if source is None or source.kind != LIVE:
        return f"The analysis has not finished: videoengine resume {case.path}"
    if state is None:
        return "The feed has not given a frame, so no run was opened"
    return f"The live run is under way, or was cut off: videoengine resume {case.path} --url URL"


def _digest(run_id: str, key: str) -> bytes:
    return hashlib.blake2b(f"{run_id}\0{key}".encode(), digest_size=DIGEST_BYTES).digest()


def _artifacts(event: Event) -> Iterator[Any]:
    for name in ARTIFACT_FIELDS:
        if event.payload.get(name) is not None:
            yield event.payload[name]


def _has_edge(ledger: Mapping[str, Any], stage: str) -> bool:
    return any(edge.split("/", 1)[-1] == stage for edge in ledger)


def _table(event: Event, name: str) -> dict[str, Any]:
    table = event.payload.get(name)
    if not isinstance(table, dict):
        raise _wrong(event, f"closes a run without {name}", type(table).__name__)
    return table


def _count(event: Event, row: Any, name: str) -> int:
    value = row.get(name) if isinstance(row, dict) else None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _wrong(event, f"has no count {name!r}", value)
    return value


def _wrong(event: Event, what: str, got: object) -> CaseError:
    return CaseError(
        f"events.jsonl is damaged: line {event.seq + 1} ({event.kind}) {what}",
        got=got,
        remedy=AGAIN,
    )
