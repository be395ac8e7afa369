"""Cases made by hand to be asked: samples of stages, in order, as a finished log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from support.events import event
from videoengine.case import Case, Manifest
from videoengine.events import SCHEMA
from videoengine.log import EventLog
from videoengine.media_time import Epoch
from videoengine.vocabularies import vocabulary

STAGES: dict[str, Any] = {
    "privacy": {"rate_hz": 5.0},
    "quality": {"rate_hz": 5.0},
    "phase": {"rate_hz": 1.0},
    "instruments": {"rate_hz": 1.0},
    "triplet": {"rate_hz": 1.0},
}
Box = tuple[float, float, float, float]


def _label(name: str, term: str) -> dict[str, Any]:
    label = vocabulary(name).label(term)
    return {"vocabulary": label.vocabulary, "id": label.id, "name": label.name}


@dataclass(frozen=True, slots=True)
class Made:
    """One statement."""

    kind: str
    at_s: float
    payload: dict[str, Any]
    stage: str
    ordinal: int = 0
    length_s: float = 0.2
    epoch: int = 0
    evidence: tuple[dict[str, Any], ...] = ()

    @classmethod
    def privacy(cls, at_s: float, *, out: bool = False) -> Self:
        """Return a sample in the body, or out of it."""
        row = {
            "decision": "blank" if out else "allow",
            "reason": "out_of_body" if out else None,
            "score": float(out),
        }
        return cls("privacy", at_s, row, "privacy")

    @classmethod
    def quality(cls, at_s: float, *, smoke: float = 0.0) -> Self:
        """Return a sample of the picture's quality."""
        row: dict[str, Any] = dict.fromkeys(("blur", "exposure", "glare", "soiling"), 0.0)
        return cls(
            "quality",
            at_s,
            {**row, "smoke": smoke, "frozen": False, "view_circle": None},
            "quality",
        )

    @classmethod
    def phase(cls, at_s: float, term: str, *, stage: str = "phase") -> Self:
        """Return a second of a phase."""
        row = {"label": _label("cholec80/phase@1", term), "probabilities": {}}
        return cls("phase", at_s, row, stage, length_s=1.0)

    @classmethod
    def instrument(
        cls, at_s: float, term: str | None, box: Box | None, *, ordinal: int = 0
    ) -> Self:
        """Return an instrument that is seen for a second, or that none is."""
        label = None if term is None else _label("cholect50/instrument@1", term)
        row = {"label": label, "box": box, "mask": None, "track": None}
        return cls("instrument", at_s, row, "instruments", ordinal, 1.0)

    @classmethod
    def triplet(cls, at_s: float, tool: str, verb: str, target: str, *, ordinal: int = 0) -> Self:
        """Return a second of an action."""
        terms = {"instrument": tool, "verb": verb, "target": target}
        row = {part: _label(f"cholect50/{part}@1", term) for part, term in terms.items()}
        return cls("triplet", at_s, row, "triplet", ordinal, 1.0)


def make_case(
    path: Path,
    made: Iterable[Made],
    *,
    procedure: str | None = "cholecystectomy",
    closed: bool = True,
    stages: dict[str, Any] | None = None,
) -> Path:
    """Write a case whose log holds these statements, in the order given."""
    manifest = Manifest(
        schema=SCHEMA,
        case_id=path.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        version="0",
        stream_id="s0",
        modality="laparoscopy",
        procedure=procedure,
        run_id="run",
        config={},
        source=None,
    )
    with Case.create(path, manifest) as case:
        log = case.log(fsync="never")
        _write(log, made, closed=closed, stages=STAGES if stages is None else stages)
        log.close()
        case.save_epochs([Epoch("s0", 0, Fraction(1, 25), 0, 0, 0)])
    return path


def _write(log: EventLog, made: Iterable[Made], *, closed: bool, stages: dict[str, Any]) -> None:
    run = {"version": "0", "preset": "test", "source": "made", "stages": stages, "host": "test"}
    row: dict[str, Any] = {**run, "state": "opened", "ledger": None, "packets": None}
    log.append(event("run", 0.0, row, stage="engine"))
    end_s = 0.0
    for one in made:
        end_s = one.at_s + one.length_s
        log.append(
            event(
                one.kind,
                one.at_s,
                json.loads(json.dumps(one.payload)),
                stage=one.stage,
                duration_s=one.length_s,
                ordinal=one.ordinal,
                epoch=one.epoch,
                evidence=list(one.evidence) or None,
            )
        )
    if closed:
        even = {"captured": 0, "served": 0, "dropped": {}}
        ledger = {f"s0/{name}": even for name in stages}
        row = {**run, "state": "closed", "ledger": ledger, "packets": {}}
        log.append(event("run", end_s, row, stage="engine", ordinal=1))


def two_minutes() -> Iterator[Made]:
    """Yield an operation of two minutes that a reader can keep in mind.

    0:00-0:05 and 1:50-2:00 out of the body. Phases: Preparation until 0:30,
    CalotTriangleDissection until 1:20, ClippingCutting until the end. A grasper, upper left, at
    0:10-1:00; a hook, lower right, at 0:30-0:50 and 1:00-1:10, dissecting the gallbladder at
    0:35-0:45; a clipper at 1:25-1:45, clipping the cystic duct at 1:30-1:33 and 1:36-1:39. Smoke
    at 0:40-0:50.
    """
    for second in range(120):
        out = second < 5 or second >= 110
        for part in range(5):
            yield Made.privacy(second + part / 5, out=out)
            yield Made.quality(second + part / 5, smoke=0.8 if 40 <= second < 50 else 0.0)
        phase = (
            "Preparation"
            if second < 30
            else "CalotTriangleDissection"
            if second < 80
            else "ClippingCutting"
        )
        yield Made.phase(second, phase)
        if not out:
            yield from _seen_at(second)


def _seen_at(second: int) -> Iterator[Made]:
    seen: list[tuple[str, Box]] = []
    if 10 <= second < 60:
        seen.append(("grasper", (0.0, 0.1, 0.3, 0.2)))
    if 30 <= second < 50 or 60 <= second < 70:
        seen.append(("hook", (0.6, 0.7, 0.4, 0.2)))
    if 85 <= second < 105:
        seen.append(("clipper", (0.0, 0.6, 0.2, 0.2)))
    for number, (name, box) in enumerate(seen):
        yield Made.instrument(second, name, box, ordinal=number)
    if not seen:
        yield Made.instrument(second, None, None)
    if 35 <= second < 45:
        yield Made.triplet(second, "hook", "dissect", "gallbladder")
    if 90 <= second < 93 or 96 <= second < 99:
        yield Made.triplet(second, "clipper", "clip", "cystic_duct")
