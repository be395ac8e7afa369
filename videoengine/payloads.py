"""Payloads: one frozen dataclass per event kind; `PAYLOADS` maps kinds to them.

Normalised boxes are `[x, y, width, height]` in 0…1 of the displayed frame, top-left origin; scores
and severities are 0…1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

Decision = Literal["allow", "blank"]
PrivacyReason = Literal["out_of_body", "unknown", "error", "timeout", "look_back"]


@dataclass(frozen=True, slots=True)
class Label:
    """A term of a published vocabulary; `id` counts from 0 in published order."""

    vocabulary: str
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class RunPayload:
    """Kind `run`: a run opened, resumed or closed."""

    state: Literal["opened", "resumed", "closed"]
    version: str
    preset: str
    source: str
    stages: dict[str, Any]
    host: str
    ledger: dict[str, Any] | None = None
    packets: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ViewCircle:
    """The visible disc: centre and radius as fractions of the displayed width and height.

    `cx` is a fraction of the width, `cy` of the height, `radius` of the width.
    """

    cx: float
    cy: float
    radius: float


@dataclass(frozen=True, slots=True)
class QualityPayload:
    """Kind `quality`: severities in 0…1, 0 is a perfect picture."""

    view_circle: ViewCircle | None
    blur: float
    exposure: float
    """How far from well exposed, too dark or too bright alike."""
    glare: float
    smoke: float
    soiling: float
    frozen: bool


@dataclass(frozen=True, slots=True)
class PrivacyPayload:
    """Kind `privacy`: may this sample be shown; `score` is the evidence for out of body."""

    decision: Decision
    reason: PrivacyReason | None
    score: float


@dataclass(frozen=True, slots=True)
class PhasePayload:
    """Kinds `procedure`, `phase` and `step`; `probabilities` holds the top five by id."""

    label: Label
    probabilities: dict[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class InstrumentPayload:
    """Kind `instrument`: one per instrument and sample; `label` None when none is seen."""

    label: Label | None
    box: tuple[float, float, float, float] | None = None
    mask: str | None = None
    track: int | None = None


@dataclass(frozen=True, slots=True)
class TrackPayload:
    """Kind `track`."""

    track: int
    label: Label
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class SegmentPayload:
    """Kind `segment`."""

    label: Label
    artifact: str


@dataclass(frozen=True, slots=True)
class TripletPayload:
    """Kind `triplet`."""

    instrument: Label
    verb: Label
    target: Label


@dataclass(frozen=True, slots=True)
class AnticipationPayload:
    """Kind `anticipation`: when `label` is expected, with its interval, in seconds."""

    label: Label
    in_seconds: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class DepthPayload:
    """Kinds `depth` and `scene`; only the scale `mm` is printed as millimetres."""

    artifact: str
    scale: Literal["mm", "relative"]
    near: float
    far: float


@dataclass(frozen=True, slots=True)
class MeasurementPayload:
    """Kind `measurement`."""

    name: str
    value: float
    unit: str
    scale: Literal["mm", "relative"] | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class GapPayload:
    """Kinds `gap` and `reconnect`: `duration_ns` is the case time that has no frame."""

    cause: str
    duration_ns: int
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class DropPayload:
    """Kind `drop`: frames not served, with their cause."""

    edge: str
    cause: str
    count: int


@dataclass(frozen=True, slots=True)
class LoadShedPayload:
    """Kind `load_shed`."""

    stage: str
    cause: str
    count: int
    from_rate_hz: float
    to_rate_hz: float


@dataclass(frozen=True, slots=True)
class RefusalPayload:
    """Kinds `refusal` and `error`; never a traceback or a credential."""

    what: str
    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class QuestionPayload:
    """Kind `question`."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerPayload:
    """Kind `answer`; `about` is the key of the question."""

    text: str
    about: str
    value: Any
    unit: str | None
    status: Literal["answered", "not_observable", "not_understood", "refused"]


@dataclass(frozen=True, slots=True)
class AuditPayload:
    """Kind `audit`."""

    action: str
    by: str
    subject: str


@dataclass(frozen=True, slots=True)
class ReportedPayload:
    """Kind `reported`: a person states what video cannot know."""

    field: str
    value: Any
    by: str


@dataclass(frozen=True, slots=True)
class CorrectionPayload:
    """Kind `correction`: `about` is the key of the event it speaks of."""

    about: str
    change: dict[str, Any]
    by: str


@dataclass(frozen=True, slots=True)
class SignaturePayload:
    """Kind `signature`."""

    sha256: str
    by: str


@dataclass(frozen=True, slots=True)
class NotePayload:
    """Kind `note`."""

    field: str
    value: Any
    status: Literal["observed", "reported", "not_observable"]


PAYLOADS: Final[dict[str, type[Any]]] = {
    "run": RunPayload,
    "quality": QualityPayload,
    "privacy": PrivacyPayload,
    "procedure": PhasePayload,
    "phase": PhasePayload,
    "step": PhasePayload,
    "instrument": InstrumentPayload,
    "triplet": TripletPayload,
    "track": TrackPayload,
    "segment": SegmentPayload,
    "depth": DepthPayload,
    "scene": DepthPayload,
    "measurement": MeasurementPayload,
    "anticipation": AnticipationPayload,
    "question": QuestionPayload,
    "answer": AnswerPayload,
    "note": NotePayload,
    "reported": ReportedPayload,
    "correction": CorrectionPayload,
    "signature": SignaturePayload,
    "audit": AuditPayload,
    "gap": GapPayload,
    "reconnect": GapPayload,
    "drop": DropPayload,
    "load_shed": LoadShedPayload,
    "refusal": RefusalPayload,
    "error": RefusalPayload,
}
