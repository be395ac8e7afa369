"""Phases as they happen, what comes next and when, and at close the same with hindsight."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from videoengine.events import Draft, Event
from videoengine.media_time import NS_PER_SECOND
from videoengine.models.workflow.bundled import Course, load_bundle
from videoengine.models.workflow.encoder import card_of
from videoengine.models.workflow.recognisers import CALIBRATED, procedure_of
from videoengine.models.workflow.smoothing import smoothed_path
from videoengine.models.workflow.temporal import Course as Said
from videoengine.models.workflow.terms import Terms, slots_of, terms_of
from videoengine.payloads import AnticipationPayload, MeasurementPayload, PhasePayload
from videoengine.stages import NamedArray, Result, StageContext, StageSpec, Work

TOP: Final = 5
"""Probabilities that an event holds."""
LONGEST_MINUTES: Final = 600.0
"""No time left is said to be longer."""
FLOOR: Final = 1e-4
"""Probability of a phase that an event left out."""


@dataclass(frozen=True, slots=True, eq=False)
class PhaseState:
    """What the stage keeps of an epoch."""

    memory: Tensor | None = None
    """(layers, 1, hidden); None before the first step."""
    first_ns: int = 0
    """Stamp of the first step."""


class PhaseStage:
    """The phase, the next phase and the time left; each step costs the same."""

    closing_name = "phase.smoothed"

    def __init__(self, context: StageContext, *, rate_hz: float = 1.0) -> None:
        """Load the temporal models; they were taught at one step a second.

        Args:
            context: Not used: the array `procedure` says which model speaks.
            rate_hz: Steps a second.
        """
        self._courses = load_bundle().courses
        self._spec = StageSpec(
            name="phase",
            card=card_of(
                "phase", outputs=("phase", "anticipation", "measurement"), calibration=CALIBRATED
            ),
            rate_hz=rate_hz,
            shed_order=60,
            needs=("features/embedded", "presence/embedded", "procedure"),
            provides=("probabilities/phase",),
        )

    @property
    def spec(self) -> StageSpec:
        """What the stage asks of the engine."""
        return self._spec

    def open(self, stream_id: str) -> PhaseState:
        """Return the state of an epoch's start."""
        return PhaseState()

    @torch.inference_mode()
    def process(self, works: Sequence[Work]) -> Sequence[Result]:
        """Take one step for every clip; clips of one stream come in order."""
        results: list[Result] = []
        states: dict[str, PhaseState] = {}
        for work in works:
            before: PhaseState = states.get(work.stream_id) or work.state
            result = self._step(work, before)
            states[work.stream_id] = result.state
            results.append(result)
        return results

    def _step(self, work: Work, state: PhaseState) -> Result:
        procedure = procedure_of(work.inputs)
        if procedure is None or "features/embedded" not in work.inputs:
            return Result(state=state)
        course, terms = self._courses[procedure], terms_of(procedure)
        start = slots_of(procedure).instrument
        presence = work.inputs["presence/embedded"].array
        own = presence[start : start + len(terms.instrument.labels)]
        now_ns = work.clip.last.pts_ns
        memory, first_ns = state.memory, state.first_ns
        if memory is None:
            memory, first_ns = course.network.start(), now_ns
        elapsed_s = torch.tensor([[(now_ns - first_ns) / NS_PER_SECOND]])
        features = torch.from_numpy(work.inputs["features/embedded"].array.astype(np.float32))
        said, memory = course.network(
            features[None, None], torch.from_numpy(own.copy())[None, None], elapsed_s, memory
        )
        probabilities = torch.softmax(
            said.phase[0, 0] / course.calibration.phase_temperature, dim=0
        )
        drafts = [_phase(probabilities, terms), *_ahead(said, course, terms, probabilities)]
        array = NamedArray("probabilities/phase", probabilities.numpy())
        return Result(tuple(drafts), (array,), PhaseState(memory, first_ns))

    def encode(self, state: PhaseState) -> bytes:
        """Return the state: a line of JSON, then the memory as little-endian floats."""
        memory = state.memory
        head = [state.first_ns, None if memory is None else list(memory.shape)]
        body = b"" if memory is None else memory.numpy().astype("<f4").tobytes()
        return json.dumps(head).encode() + b"\n" + body

    def decode(self, data: bytes) -> PhaseState:
        """Return the state that `encode` wrote."""
        line, _, body = data.partition(b"\n")
        first_ns, shape = json.loads(line)
        if shape is None:
            return PhaseState(None, first_ns)
        memory = np.frombuffer(body, "<f4").astype(np.float32).reshape(shape)
        return PhaseState(torch.from_numpy(memory), first_ns)

    def at_close(self, events: Iterable[Event]) -> Iterator[tuple[Event, Draft]]:
        """Yield, for every phase event of a run, the phase that it has in hindsight (Viterbi)."""
        points = [event for event in events if event.kind == "phase"]
        if not points:
            return
        terms = next(
            terms
            for terms in map(terms_of, self._courses)
            if terms.phase.name == points[0].payload["label"]["vocabulary"]
        )
        chances = np.full((len(points), len(terms.phase.labels)), FLOOR)
        for row, event in zip(chances, points, strict=True):
            for number, value in event.payload["probabilities"].items():
                row[int(number)] = max(value, FLOOR)
        path = smoothed_path(np.log(chances), self._courses[terms.procedure].stay.numpy())
        for event, number in zip(points, path.tolist(), strict=True):
            payload = PhasePayload(terms.phase.labels[number])
            yield event, Draft("phase", payload, None, event.start_ns, event.end_ns)


def _phase(probabilities: Tensor, terms: Terms) -> Draft:
    best = probabilities.topk(min(TOP, len(probabilities)))
    table = {
        str(number): value
        for number, value in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    }
    label = terms.phase.labels[int(best.indices[0])]
    return Draft("phase", PhasePayload(label, table), float(best.values[0]))


def _ahead(said: Said, course: Course, terms: Terms, probabilities: Tensor) -> list[Draft]:
    """Return when which other phase is expected, and how much time is left in all."""
    following = said.following[0, 0].clone()
    following[int(probabilities.argmax())] = -torch.inf
    until_s, left_s = (_seconds(value) for value in (said.phase_left[0, 0], said.left[0, 0]))
    low, high = course.calibration.next_spread
    coming = AnticipationPayload(
        terms.phase.labels[int(following.argmax())], until_s, until_s * low, until_s * high
    )
    low, high = course.calibration.left_spread
    left = MeasurementPayload("remaining", left_s, "s", None, left_s * low, left_s * high)
    return [Draft("anticipation", coming), Draft("measurement", left)]


def _seconds(value: Tensor) -> float:
    minutes = min(float(torch.expm1(value.clamp(min=0.0, max=20.0))), LONGEST_MINUTES)
    return 60.0 * minutes
