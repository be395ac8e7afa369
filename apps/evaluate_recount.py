"""What a log says, counted sample by sample: the second opinion on a note.

Nothing of the note or the Timeline is used, so that what both get wrong in the same way is little:
events are read as lines of JSON, and samples are counted into stretches here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

NS: Final = 1_000_000_000
BRIDGED: Final = 1.5
"""Samples of a stage less than so many periods apart are neighbours."""
KINDS: Final = ("procedure", "phase", "instrument", "triplet", "privacy")
SETTLED: Final = "phase.smoothed"
Stretch = tuple[int, int]


@dataclass(slots=True)
class Count:
    """One thing that a log states."""

    stretches: list[Stretch] = field(default_factory=list[Stretch])
    """Case time in nanoseconds."""
    confidences: list[float] = field(default_factory=list[float])

    @property
    def total_ns(self) -> int:
        """How long in all."""
        return sum(end - start for start, end in self.stretches)

    @property
    def confidence(self) -> float | None:
        """Mean over the samples that state one."""
        return sum(self.confidences) / len(self.confidences) if self.confidences else None


def recount(case: str | Path) -> dict[str, Count]:
    """Return what the newest run of a case of one epoch states, by subject.

    Subjects are `procedure/NAME`, `phase/NAME`, `instrument/NAME`, `triplet/A, B, C` and
    `privacy/in_body`. Instruments and triplets count in the body only.
    """
    log = _Log.read(Path(case))
    inside = log.counted(log.named.get("privacy/in_body", [])).stretches
    found = {"privacy/in_body": Count(inside)}
    for name, events in log.named.items():
        kind = name.split("/")[0]
        if kind in ("instrument", "triplet"):
            events = [e for e in events if _at(inside, e["start_ns"] - log.zero_ns)]
        count = log.counted(events)
        if kind in ("instrument", "triplet"):
            count.stretches = _common(count.stretches, inside)
        elif kind == "phase":
            count.stretches = log.until_another(events, count.stretches)
            if not _common(count.stretches, inside):
                continue
        if count.stretches and inside:
            found.setdefault(name, count)
    return found


@dataclass(frozen=True, slots=True)
class _Log:
    """The events of the newest run."""

    named: dict[str, list[dict[str, Any]]]
    """Events by subject, in log order."""
    periods_ns: dict[str, int]
    zero_ns: int
    end_ns: int

    @classmethod
    def read(cls, case: Path) -> _Log:
        """Read the lines of a log; phases of hindsight take the place of the others."""
        lines = [json.loads(line) for line in (case / "events.jsonl").read_text().splitlines()]
        closed = [e for e in lines if e["kind"] == "run" and e["payload"]["state"] == "closed"][-1]
        rows = [e for e in lines if e["kind"] in KINDS and e["run_id"] == closed["run_id"]]
        if any(e["stage"] == SETTLED for e in rows):
            rows = [e for e in rows if e["kind"] != "phase" or e["stage"] == SETTLED]
        named: dict[str, list[dict[str, Any]]] = {}
        for event in rows:
            name = _subject(event)
            if name is not None:
                named.setdefault(name, []).append(event)
        zero = next(e["start_ns"] for e in lines if e["run_id"] == closed["run_id"])
        stages = closed["payload"]["stages"].items()
        return cls(
            named,
            {name: round(NS / float(row.get("rate_hz", 1.0))) for name, row in stages},
            zero,
            max(e["end_ns"] for e in lines) - zero,
        )

    def counted(self, events: Iterable[dict[str, Any]]) -> Count:
        """Return events of one subject as stretches."""
        count = Count()
        last = None
        for event in events:
            step = self.periods_ns.get(event["stage"].split(".")[0], NS)
            start, end = event["start_ns"] - self.zero_ns, event["end_ns"] - self.zero_ns
            reach = min(self.end_ns, max(end, start + step))
            if last is not None and start - last < BRIDGED * max(step, end - start):
                begun, reached = count.stretches.pop()
                count.stretches.append((begun, max(reach, reached)))
            else:
                count.stretches.append((start, reach))
            last = start
            if event["confidence"] is not None:
                count.confidences.append(event["confidence"])
        count.stretches = _merged(count.stretches)
        return count

    def until_another(
        self, events: list[dict[str, Any]], stretches: list[Stretch]
    ) -> list[Stretch]:
        """Return the stretches of a phase, each cut where another phase is stated."""
        rows = (row for name, row in self.named.items() if name.startswith("phase/"))
        starts = {e["start_ns"] for row in rows for e in row} - {e["start_ns"] for e in events}
        others = [start - self.zero_ns for start in starts]
        return [
            (start, min([end, *(at for at in others if at > start)])) for start, end in stretches
        ]


def _subject(event: dict[str, Any]) -> str | None:
    kind, payload = event["kind"], event["payload"]
    if kind == "privacy":
        return "privacy/in_body" if payload["decision"] == "allow" else None
    if kind == "triplet":
        parts = [payload[part]["name"] for part in ("instrument", "verb", "target")]
        idle = any(part.startswith("null_") for part in parts)
        return None if idle else f"triplet/{', '.join(parts)}"
    label = payload["label"]
    return None if label is None else f"{kind}/{label['name']}"


def _at(stretches: list[Stretch], at_ns: int) -> bool:
    return any(start <= at_ns < end for start, end in stretches)


def _merged(stretches: list[Stretch]) -> list[Stretch]:
    found: list[Stretch] = []
    for start, end in sorted(stretches):
        if found and found[-1][1] >= start:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _common(first: list[Stretch], second: list[Stretch]) -> list[Stretch]:
    pairs = ((max(a, c), min(b, d)) for a, b in first for c, d in second)
    return sorted((start, end) for start, end in pairs if end > start)


def agreement(first: list[Stretch], second: list[Stretch]) -> float:
    """Return the common time of two lists of stretches over that of either."""
    common = sum(end - start for start, end in _common(first, second))
    either = sum(end - start for start, end in [*first, *second]) - common
    return common / either if either else 0.0
