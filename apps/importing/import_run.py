"""The run that an import adds to a log: points of people's stages, all of them or none."""

from __future__ import annotations

import dataclasses
import os
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

import videoengine
from videoengine.apps.export.speakers import people_stage
from videoengine.apps.importing.points import Point, Points
from videoengine.canonical import digest
from videoengine.case import EVENTS, Case
from videoengine.errors import OutputError
from videoengine.events import SCHEMA, Event, Evidence, event_key, plain
from videoengine.payloads import AuditPayload, RunPayload
from videoengine.timeline import IMPORTED, closed_runs

ACTION: Final = "import"
ENGINE: Final = "engine"


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """Where what is imported comes from; the name and place of the file are not kept."""

    by: str
    file_format: str
    sha256: str

    @property
    def subject(self) -> str:
        """What the audit line calls it."""
        return f"{self.file_format} file, SHA-256 {self.sha256}"


def earlier_imports(case: Case) -> list[AuditPayload]:
    """Return the imports of a case that were completed, the oldest first."""
    begun: dict[str, AuditPayload] = {}
    done: list[AuditPayload] = []
    for event in case.events("audit", "run", verify=False):
        if event.kind == "audit" and event.payload.get("action") == ACTION:
            begun[event.run_id] = AuditPayload(**event.payload)
        elif event.kind == "run" and event.payload["state"] == "closed" and event.run_id in begun:
            done.append(begun[event.run_id])
    return done


def append_run(case: Case, origin: Origin, points: Mapping[str, Points]) -> dict[str, int]:
    """Append a closed run to the log of a case that is open for writing.

    Returns:
        How many points each stage states.

    Raises:
        CaseError: The log is damaged.
        OutputError: The disk refuses; the log is as it was before.
    """
    people = list(dict.fromkeys([*(done.by for done in earlier_imports(case)), origin.by]))
    number = people.index(origin.by) + 1
    stages = {people_stage(number, kind): made for kind, made in points.items()}
    events = list(_events(case, origin, stages))
    log = case.log()
    path = case.path / EVENTS
    before = path.stat().st_size  # a torn tail is cut off by now
    try:
        try:
            for event in events:
                log.append(event)
        finally:
            log.close()
    except OutputError:
        os.truncate(path, before)
        raise
    return {stage: len(made.points) for stage, made in stages.items()}


def _events(case: Case, origin: Origin, stages: Mapping[str, Points]) -> Iterator[Event]:
    """Yield the whole run: opened, who brought it, the points in order of time, closed."""
    newest = closed_runs(case.events("run", verify=False))
    first_ns = newest.first_ns.get(newest.newest.run_id, newest.newest.start_ns)
    end = newest.newest
    make = _Maker(case.manifest.stream_id, uuid.uuid4().hex, digest(dataclasses.asdict(origin)))
    config = {
        stage: {"name": stage, "rate_hz": made.rate_hz, "config_hash": make.config_hash}
        for stage, made in stages.items()
    }
    opened = RunPayload("opened", videoengine.__version__, IMPORTED, "", config, "")
    yield make.event(ENGINE, Point("run", 0, first_ns, first_ns, opened), 0)
    audit = AuditPayload(ACTION, origin.by, origin.subject)
    yield make.event(ENGINE, Point("audit", end.epoch, end.end_ns, end.end_ns, audit), 0)
    rows = [
        (point.epoch, point.end_ns, order, at, stage, point)
        for order, (stage, made) in enumerate(stages.items())
        for at, point in enumerate(made.points)
    ]
    counts: dict[tuple[str, int, int, int], int] = {}
    for _, _, _, _, stage, point in sorted(rows, key=lambda row: row[:4]):
        place = (stage, point.epoch, point.start_ns, point.end_ns)
        ordinal = counts.get(place, 0)
        counts[place] = ordinal + 1
        yield make.event(stage, point, ordinal)
    ledger = {
        f"{make.stream_id}/{stage}": {
            "captured": len(made.points),
            "served": len(made.points),
            "dropped": {},
        }
        for stage, made in stages.items()
    }
    closed = dataclasses.replace(opened, state="closed", ledger=ledger, packets={})
    yield make.event(ENGINE, Point("run", end.epoch, end.end_ns, end.end_ns, closed), 1)


@dataclasses.dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the events of one run."""

    stream_id: str
    run_id: str
    config_hash: str

    def event(self, stage: str, point: Point, ordinal: int) -> Event:
        """Return a point as an event that is not in a log yet."""
        span = (point.epoch, point.start_ns, point.end_ns)
        box = getattr(point.payload, "box", None)
        return Event(
            schema=SCHEMA,
            seq=-1,
            key=event_key(
                self.stream_id, point.epoch, stage, "", self.config_hash, point.start_ns,
                point.end_ns, point.kind, ordinal,
            ),
            run_id=self.run_id,
            kind=point.kind,
            stream_id=self.stream_id,
            epoch=point.epoch,
            start_ns=point.start_ns,
            end_ns=point.end_ns,
            stage=stage,
            model_hash="",
            config_hash=self.config_hash,
            payload=_payload(point.payload),
            confidence=None,
            evidence=[Evidence(self.stream_id, *span, box=box).to_json()],
        )  # fmt: skip


def _payload(payload: Any) -> dict[str, Any]:
    return plain(payload)
