"""Cases made of the truth itself, as a log, without a model: what questions and notes are held to.

What is true is stated by the stages that would have to recognise it, so that whoever reads a case
meets the truth under the names of an analysis. `make_truth_case` states what a source knows of each
of its frames; `make_asked_case` what the plan of a simulated procedure says, which needs no poses
but at the seconds that questions of place are about, and takes a tenth of the time.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

import videoengine
from videoengine.apps.session import new_manifest
from videoengine.apps.source_record import record_source
from videoengine.case import Case, SourceRecord
from videoengine.events import SCHEMA, Draft, Event, event_key, plain
from videoengine.frames import Frame
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
from videoengine.recon3d.simulator.truth import Box, ToolTruth
from videoengine.sources import Truth, with_truth
from videoengine.streams import open_source
from videoengine.vocabularies import vocabulary

TRUTH: Final = "truth"
"""Name of the preset in the `run` lines, and family of the cards."""
STAGES: Final = {
    "quality": "quality",
    "privacy": "privacy",
    "procedure": "procedure",
    "instrument": "instruments",
    "triplet": "triplet",
    "phase": "phase",
    "anticipation": "phase",
    "measurement": "phase",
}
"""Who states an event of each kind."""
CERTAIN: Final = ("phase", "procedure", "instrument", "triplet")
"""Kinds whose confidence is 1."""
KNOWN: Final = "the truth itself, known to whoever made the video"
UNSTATED: Final[dict[str, Any]] = {
    "view_circle": None, "blur": 0.0, "exposure": 0.0, "glare": 0.0, "smoke": 0.0, "soiling": 0.0,
    "frozen": False,
}  # fmt: skip
"""Of `quality`: a source states only the severities that it decides; the others are none."""
RATE_HZ: Final = 5
"""Of what a plan says."""
STEP_NS: Final = NS_PER_SECOND // RATE_HZ
PLACE: Final = "spatial_relation"
"""Type of the questions that are about boxes."""
OUT: Final = PrivacyPayload("blank", "out_of_body", 1.0)
IN: Final = PrivacyPayload("allow", None, 0.0)


@dataclass(frozen=True, slots=True)
class _Sample:
    """What is true of one frame: kinds and payloads as they stand in a log."""

    epoch: int
    start_ns: int
    end_ns: int
    said: list[tuple[str, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class AskedCase:
    """A case of true events of a simulated procedure, and the questions about it."""

    path: Path
    seed: int
    questions: list[Question]


def make_truth_case(source: str, out: str | Path, *, arrays: Collection[str] = ()) -> Case:
    """Make a finished case at `out` that states what is true at every frame of a source.

    The rate of the source is the rate of every stage: `sim://cholecystectomy?seed=7&fps=1` states a
    point a second. Pixels are asked for only with `arrays`.

    Args:
        source: `sim://…`, or another source that knows its truth.
        out: Case directory to make.
        arrays: As of `with_truth`; with one, boxes are stated, and every frame is rendered.

    Raises:
        UsageError: The source knows no truth.
        OutputError: Something stands at `out`, or it cannot be written.
    """
    Case.refuse_existing(out)
    with open_source(source) as opened:
        rows = with_truth(opened, arrays=arrays)
        writing = _Writing(
            stream_id=opened.clock.stream_id,
            rate_hz=float(opened.info.rate_fps or 1.0),
            record=record_source(source, content=opened.info.content),
            procedure=None,
            packets=lambda: {opened.clock.stream_id: opened.packets.to_json()},
        )
        writing.write(out, (_of_frame(*row) for row in rows), lambda: opened.clock.epoch)
    return Case.open(out)


def _of_frame(frame: Frame, truth: Truth) -> _Sample:
    said = [
        (event.kind, {**UNSTATED, **event.payload} if event.kind == "quality" else event.payload)
        for event in truth.events
        if event.kind in STAGES
    ]
    return _Sample(frame.epoch, frame.pts_ns, frame.end_ns, said)


def make_asked_case(procedure: str, seed: int, out: str | Path) -> AskedCase:
    """Make a case of true events of a whole simulated procedure, and the questions about it.

    Five points a second; boxes, around the keypoints of the instruments, stand only at the seconds
    that questions of place are about.

    Args:
        procedure: Name, or path of a .toml file.
        seed: Chooses everything else.
        out: The case to make.

    Raises:
        OutputError: Something stands at `out`, or it cannot be written.
    """
    Case.refuse_existing(out)
    uri = f"sim://{procedure}?seed={seed}&fps={RATE_HZ}"
    take = take_of(uri)
    poses = poses_each_second(take)
    piece = Piece(take.plan, start_ns=take.start_ns, end_ns=take.end_ns, poses=poses)
    questions = make_questions(take.plan, poses, start_ns=take.start_ns, end_ns=take.end_ns)
    places = [q.evidence for q in questions if q.type == PLACE]
    asked = frozenset(span.start_ns for spans in places for span in spans)
    studio = studio_of(take)
    writing = _Writing(
        stream_id="s0",
        rate_hz=float(RATE_HZ),
        record=record_source(uri, content=studio.content),
        procedure=take.plan.procedure,
        packets=dict,
    )
    epoch = Epoch("s0", 0, Fraction(1, RATE_HZ), 0, 0, 0)
    writing.write(out, _of_plan(piece, studio, asked), lambda: epoch)
    return AskedCase(Path(out), seed, questions)


def _of_plan(piece: Piece, studio: Studio, asked: Collection[int]) -> Iterator[_Sample]:
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
        said = [(draft.kind, plain(draft.payload)) for draft in drafts]
        yield _Sample(0, at_ns, at_ns + STEP_NS, said)


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


@dataclass(frozen=True, slots=True)
class _Writing:
    """Writes samples of one epoch as the log of a finished analysis."""

    stream_id: str
    rate_hz: float
    record: SourceRecord
    procedure: str | None
    """As whoever starts an analysis names it."""
    packets: Callable[[], dict[str, Any]]
    """Counts by stream, once it is read."""

    def write(
        self, out: str | Path, samples: Iterator[_Sample], epoch: Callable[[], Epoch | None]
    ) -> None:
        """Make the case; `epoch` is asked when the samples are written."""
        manifest = new_manifest(self._config(), self.stream_id, self.record)
        with Case.create(out, manifest) as case:
            log = case.log(fsync="never")
            try:
                for event in self._events(samples, manifest.run_id):
                    log.append(event)
            finally:
                log.close()
            made = epoch()
            case.save_epochs([] if made is None else [made])

    def _config(self) -> dict[str, Any]:
        return {
            "preset": TRUTH,
            "stages": [{"name": name} for name in dict.fromkeys(STAGES.values())],
            "modality": "unknown",
            "procedure": self.procedure,
            "until_ns": None,
            "version": videoengine.__version__,
            "commit": None,
            "device": f"{platform.system()} {platform.machine()}",
        }

    def _events(self, samples: Iterator[_Sample], run_id: str) -> Iterator[Event]:
        """Yield the log: the run opens, what is true of each frame, the run closes."""
        newest: _Sample | None = None
        count = 0
        for sample in samples:
            if newest is None:
                yield self._run_line((sample.epoch, sample.start_ns), run_id, "opened", 0)
            seen: dict[str, int] = {}
            for kind, payload in sample.said:
                ordinal = seen[kind] = seen.get(kind, -1) + 1
                place = (sample.epoch, sample.start_ns, sample.end_ns)
                yield self._event(kind, payload, place, run_id, STAGES[kind], ordinal)
            newest, count = sample, count + 1
        if newest is not None:
            yield self._run_line((newest.epoch, newest.end_ns), run_id, "closed", count)

    def _run_line(
        self, at: tuple[int, int], run_id: str, state: Literal["opened", "closed"], count: int
    ) -> Event:
        closed = state == "closed"
        names = list(dict.fromkeys(STAGES.values()))
        about: dict[str, Any] = {
            "licence": "Apache-2.0", "trained_on": KNOWN, "weights": None, "procedures": [],
            "calibration": "certain: it is the truth",
        }  # fmt: skip
        row = {"captured": count, "served": count, "dropped": {}}
        payload = RunPayload(
            state=state,
            version=videoengine.__version__,
            preset=TRUTH,
            source=TRUTH,
            stages={
                name: {
                    "name": name, "card": f"{TRUTH}-{name}", "rate_hz": self.rate_hz,
                    "about": about, "model_hash": "", "config_hash": "",
                }
                for name in names
            },
            host=f"{platform.system()} {platform.machine()}",
            ledger={f"{self.stream_id}/{name}": dict(row) for name in names} if closed else None,
            packets=self.packets() if closed else None,
        )  # fmt: skip
        return self._event("run", plain(payload), (*at, at[1]), run_id, "engine", int(closed))

    def _event(
        self, kind: str, payload: dict[str, Any], place: tuple[int, int, int], run_id: str,
        stage: str, ordinal: int,
    ) -> Event:  # fmt: skip
        epoch, start_ns, end_ns = place
        row = {"stream_id": self.stream_id, "epoch": epoch, "start_ns": start_ns, "end_ns": end_ns}
        return Event(
            SCHEMA, -1,
            event_key(self.stream_id, epoch, stage, "", "", start_ns, end_ns, kind, ordinal),
            run_id, kind, self.stream_id, epoch, start_ns, end_ns, stage, "", "", payload,
            1.0 if kind in CERTAIN else None, [row],
        )  # fmt: skip
