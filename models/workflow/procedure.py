"""Which procedure is being performed: decided once, on the first minute inside the body."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.events import Draft
from videoengine.models.workflow.encoder import Encoder, card_of
from videoengine.models.workflow.terms import PROCEDURES, STATES
from videoengine.payloads import Label, PhasePayload
from videoengine.sampling import Sampler
from videoengine.sources import Source
from videoengine.stages import NamedArray, Result, StageContext, StageSpec, Work
from videoengine.vocabularies import vocabulary

VOCABULARY: Final = "videoengine/procedure@1"
UNKNOWN: Final = "unknown"
SAMPLES: Final = 60
"""In-body samples, one a second, after which it is decided."""
SURE: Final = 0.9
"""Mean probability below which a procedure is unknown."""
UNDECIDED: Final = -2
NO_PROCEDURE: Final = -1
"""In the array `procedure`: none that any recogniser covers."""
_INSIDE: Final = STATES.index("in_body")


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, and on what."""

    procedure: str
    """A name, or `unknown`."""
    probabilities: dict[str, float]
    """Mean over the samples, by id."""
    samples: int
    """In-body samples it rests on."""


@dataclass(frozen=True, slots=True)
class ProcedureState:
    """What was seen so far: the sum of probabilities, and over how many in-body samples."""

    total: tuple[float, ...] = (0.0,) * len(PROCEDURES)
    samples: int = 0
    decided: int = UNDECIDED
    """Id in the vocabulary, NO_PROCEDURE, or UNDECIDED."""

    def seen(self, probabilities: NDArray[np.float32], inside: float) -> ProcedureState:
        """Return the state after a sample; what lies outside of the body tells nothing."""
        if inside < 0.5:
            return self
        total = tuple(a + float(b) for a, b in zip(self.total, probabilities, strict=True))
        return ProcedureState(total, self.samples + 1, self.decided)

    def decision(self) -> Decision:
        """Return what these samples amount to."""
        means = [value / self.samples for value in self.total] if self.samples else []
        table = {str(_id(name)): value for name, value in zip(PROCEDURES, means, strict=False)}
        best = max(range(len(means)), key=means.__getitem__, default=-1)
        sure = best >= 0 and means[best] >= SURE
        return Decision(PROCEDURES[best] if sure else UNKNOWN, table, self.samples)


def _id(name: str) -> int:
    return vocabulary(VOCABULARY).label(name).id


def label_of(decided: int) -> Label:
    """Return the label of a decided procedure; `unknown` has the id −1."""
    labels = vocabulary(VOCABULARY).labels
    return labels[decided] if decided >= 0 else Label(VOCABULARY, NO_PROCEDURE, UNKNOWN)


def decide_procedure(source: Source) -> Decision:
    """Look at a recorded source at 1 frame a second until it can be decided, or to its end."""
    encoder = Encoder()
    sampler = Sampler(ProcedureStage(StageContext()).spec)
    state, epoch = ProcedureState(), -1
    for frame in source:
        if frame.epoch != epoch:
            epoch = frame.epoch
            sampler.begin(frame)
        if frame.pts_ns < sampler.due_ns:
            continue
        sampler.take(frame)
        said = encoder.answer(frame.pixels)
        state = state.seen(said.procedure, float(said.states[_INSIDE]))
        if state.samples == SAMPLES:
            break
    return state.decision()


class ProcedureStage:
    """States the procedure once; hands it on as the array `procedure`."""

    def __init__(self, context: StageContext, *, rate_hz: float = 1.0) -> None:
        """Take what the caller or a first pass decided, or decide under way."""
        self._given: Decision | None = None
        self._decided: dict[str, Decision] = {}
        """By stream, so that a feed that was lost for a while is not decided anew."""
        if context.procedure is not None:
            decided = (context.decided or {}).get("probabilities") or {}
            samples = int((context.decided or {}).get("samples") or 0)
            self._given = Decision(context.procedure, dict(decided), samples)
        self._spec = StageSpec(
            name="procedure",
            card=card_of("procedure", outputs=("procedure",), covers_any=True),
            rate_hz=rate_hz,
            needs=("procedure/embedded", "states/embedded"),
            provides=("procedure",),
            config={"samples": SAMPLES, "sure": SURE},
        )

    @property
    def spec(self) -> StageSpec:
        """What the stage asks of the engine."""
        return self._spec

    def open(self, stream_id: str) -> ProcedureState:
        """Return the state of an epoch's start."""
        return ProcedureState()

    def process(self, works: Sequence[Work]) -> Sequence[Result]:
        """Count a sample, and decide when there are enough."""
        return [self._judge(work) for work in works]

    def _judge(self, work: Work) -> Result:
        state: ProcedureState = work.state
        if state.decided != UNDECIDED:
            return Result(outputs=(_array(state.decided),), state=state)
        decision = self._given or self._decided.get(work.stream_id)
        if decision is None:
            inputs = work.inputs
            if "procedure/embedded" in inputs and "states/embedded" in inputs:
                inside = float(inputs["states/embedded"].array[_INSIDE])
                state = state.seen(inputs["procedure/embedded"].array, inside)
            if state.samples < SAMPLES:
                return Result(state=state)
            decision = self._decided[work.stream_id] = state.decision()
        names = [label.name for label in vocabulary(VOCABULARY).labels]
        known = decision.procedure in names
        decided = names.index(decision.procedure) if known else NO_PROCEDURE
        label = label_of(decided)
        if not known and decision.procedure != UNKNOWN:
            label = Label(VOCABULARY, NO_PROCEDURE, decision.procedure)
        confidence = decision.probabilities.get(str(decided)) if known else None
        draft = Draft("procedure", PhasePayload(label, decision.probabilities), confidence)
        after = ProcedureState(state.total, state.samples, decided)
        return Result((draft,), (_array(decided),), after)

    def encode(self, state: ProcedureState) -> bytes:
        """Return the state as JSON; floats are written so that they read back exactly."""
        return json.dumps([state.total, state.samples, state.decided]).encode()

    def decode(self, data: bytes) -> ProcedureState:
        """Return the state that `encode` wrote."""
        total, samples, decided = json.loads(data)
        return ProcedureState(tuple(total), samples, decided)


def _array(decided: int) -> NamedArray:
    return NamedArray("procedure", np.asarray([decided], np.int64))
