"""A case that states what the plan of a simulated procedure says, made without a picture.

Phases, instruments, actions and the place of the camera come from the plan, five times a second;
boxes around the keypoints of the instruments come from their poses, at the seconds that questions
of place are about: all others would take most of the time, and nobody asks for them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import videoengine
from videoengine.case import Case, Manifest
from videoengine.events import SCHEMA, Draft, Event, event_key, plain
from videoengine.media_time import NS_PER_SECOND, Epoch
from videoengine.payloads import (
    InstrumentPayload,
    PhasePayload,
    PrivacyPayload,
    RunPayload,
    TripletPayload,
)
from videoengine.recon3d.simulator.piece import Piece
from videoengine.recon3d.simulator.pose_series import poses_each_second
from videoengine.recon3d.simulator.questions import Question, make_questions
from videoengine.recon3d.simulator.source import take_of
from videoengine.recon3d.simulator.statements import PROCEDURES
from videoengine.recon3d.simulator.studio import Studio, studio_of
from videoengine.recon3d.simulator.take import Take
from videoengine.recon3d.simulator.truth import Box, ToolTruth
from videoengine.vocabularies import vocabulary

RATE_HZ: Final = 5
STAGE: Final = "truth"
STEP_NS: Final = NS_PER_SECOND // RATE_HZ
PLACE: Final = "spatial_relation"
"""Type of the questions that are about boxes."""
STREAM: Final = "s0"
OUT: Final = PrivacyPayload("blank", "out_of_body", 1.0)
IN: Final = PrivacyPayload("allow", None, 0.0)


@dataclass(frozen=True, slots=True)
class PlanCase:
    """What was made of one procedure."""

    path: Path
    seed: int
    questions: list[Question]


def make_plan_case(procedure: str, seed: int, out: str | Path) -> PlanCase:
    """Make a case of true events of a whole procedure, and the questions about it.

    Args:
        procedure: Name, or path of a .toml file.
        seed: Chooses everything else.
        out: The case to make.
    """
    take = take_of(f"sim://{procedure}?seed={seed}&fps={RATE_HZ}")
    poses = poses_each_second(take)
    piece = Piece(take.plan, start_ns=take.start_ns, end_ns=take.end_ns, poses=poses)
    questions = make_questions(take.plan, poses, start_ns=take.start_ns, end_ns=take.end_ns)
    places = [q.evidence for q in questions if q.type == PLACE]
    asked = frozenset(span.start_ns for spans in places for span in spans)
    path = Path(out)
    with Case.create(path, _manifest(take, procedure)) as case:
        log = case.log(fsync="never")
        try:
            log.append(_run("opened", 0))
            for event in _events(piece, studio_of(take), asked):
                log.append(event)
            log.append(_run("closed", piece.length_ns, piece.length_ns // STEP_NS))
        finally:
            log.close()
        case.save_epochs([Epoch(STREAM, 0, Fraction(1, RATE_HZ), 0, 0, 0)])
    return PlanCase(path, seed, questions)


def _manifest(take: Take, procedure: str) -> Manifest:
    return Manifest(
        schema=SCHEMA,
        case_id=f"{take.plan.procedure}-{take.plan.seed}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        version=videoengine.__version__,
        stream_id=STREAM,
        modality="unknown",
        procedure=take.plan.procedure,
        run_id=STAGE,
        config={"preset": STAGE, "source": f"sim://{procedure}?seed={take.plan.seed}"},
        source=None,
    )


def _events(piece: Piece, studio: Studio, asked: Collection[int]) -> Iterator[Event]:
    """Yield what is true, sample by sample."""
    known = [one for one in vocabulary(PROCEDURES).labels if one.name == piece.plan.procedure]
    for at_ns in range(0, piece.length_ns, STEP_NS):
        drafts = [Draft("procedure", PhasePayload(label)) for label in known]
        for one in piece.phases:
            if one.span.start_ns <= at_ns < one.span.end_ns:
                drafts.append(Draft("phase", PhasePayload(one.label)))
        out = any(span.start_ns <= at_ns < span.end_ns for span in piece.outside)
        drafts.append(Draft("privacy", OUT if out else IN))
        if not out:
            drafts += _tools(piece, studio if at_ns in asked else None, at_ns)
        ordinals: dict[str, int] = {}
        for draft in drafts:
            ordinals[draft.kind] = ordinals.get(draft.kind, -1) + 1
            yield _event(draft.kind, plain(draft.payload), at_ns, STEP_NS, ordinals[draft.kind])


def _tools(piece: Piece, studio: Studio | None, at_ns: int) -> Iterator[Draft]:
    """Yield the instruments in view and what they do."""
    seen = [one for one in piece.in_view if one.span.start_ns <= at_ns < one.span.end_ns]
    boxes: dict[int, Box] = {}
    if studio is not None and seen:
        width, height = studio.take.filming.size
        tools = studio.truth(at_ns // STEP_NS).tools
        boxes = {tool.track: _box(tool, width, height) for tool in tools}
    for one in seen:
        box = boxes.get(one.track)
        yield Draft("instrument", InstrumentPayload(one.instrument, box, None, one.track))
    if not seen:
        yield Draft("instrument", InstrumentPayload(None))
    for act in piece.triplets:
        if act.span.start_ns <= at_ns < act.span.end_ns:
            yield Draft("triplet", TripletPayload(act.instrument, act.verb, act.target))


def _box(tool: ToolTruth, width: int, height: int) -> Box:
    """Return the box around the keypoints that lie before the camera, cut to the picture."""
    points = [point for point in tool.keypoints if point.visibility]
    xs = [min(max(point.x / width, 0.0), 1.0) for point in points] or [0.0]
    ys = [min(max(point.y / height, 0.0), 1.0) for point in points] or [0.0]
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def _run(state: Any, at_ns: int, samples: int = 0) -> Event:
    """Return a `run` line; the closed one balances the ledger of what was stated."""
    payload = RunPayload(
        state=state,
        version=videoengine.__version__,
        preset=STAGE,
        source="simulator",
        stages={STAGE: {"rate_hz": RATE_HZ}},
        host="",
        ledger={f"{STREAM}/{STAGE}": {"captured": samples, "served": samples, "dropped": {}}},
        packets={},
    )
    ordinal = 0 if state == "opened" else 1
    return _event("run", plain(payload), at_ns, 0, ordinal, stage="engine")


def _event(
    kind: str, payload: dict[str, Any], at_ns: int, length_ns: int, ordinal: int, *,
    stage: str = STAGE,
) -> Event:  # fmt: skip
    end_ns = at_ns + length_ns
    return Event(
        schema=SCHEMA,
        seq=-1,
        key=event_key(STREAM, 0, stage, "", "", at_ns, end_ns, kind, ordinal),
        run_id=STAGE,
        kind=kind,
        stream_id=STREAM,
        epoch=0,
        start_ns=at_ns,
        end_ns=end_ns,
        stage=stage,
        model_hash="",
        config_hash="",
        payload=payload,
        confidence=None,
        evidence=[{"stream_id": STREAM, "epoch": 0, "start_ns": at_ns, "end_ns": end_ns}],
    )
