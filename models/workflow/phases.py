"""Phases as they happen, what comes next and when, and at close the same with hindsight."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import torch
from torch import Tensor

from videoengine.events import Draft, Event
from videoengine.models.workflow.bundled import Course, load_bundle
from videoengine.models.workflow.course import CourseStage, CourseState, likeliest, with_hindsight
from videoengine.models.workflow.encoder import card_of
from videoengine.models.workflow.recognisers import CALIBRATED, procedure_of
from videoengine.models.workflow.temporal import Course as Said
from videoengine.models.workflow.terms import Terms, slots_of, terms_of
from videoengine.payloads import AnticipationPayload, MeasurementPayload
from videoengine.stages import NamedArray, Result, StageContext, StageSpec, Work

FEATURES: Final = "features/embedded-encoder"
LONGEST_MINUTES: Final = 600.0
"""No time left is said to be longer."""


class PhaseStage(CourseStage):
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
            needs=(FEATURES, "presence/embedded", "procedure"),
            provides=("probabilities/phase",),
        )

    def _step(self, work: Work, state: CourseState) -> Result:
        procedure = procedure_of(work.inputs)
        if procedure is None or FEATURES not in work.inputs:
            return Result(state=state)
        course, terms = self._courses[procedure], terms_of(procedure)
        start = slots_of(procedure).instrument
        presence = work.inputs["presence/embedded"].array
        own = presence[start : start + len(terms.instrument.labels)]
        now_ns = work.clip.last.pts_ns
        if state.memory is None:
            state = CourseState(course.network.start(), now_ns)
        features = torch.from_numpy(work.inputs[FEATURES].array.astype(np.float32))
        said, memory = course.network(
            features[None, None],
            torch.from_numpy(own.copy())[None, None],
            state.elapsed_s(now_ns),
            state.memory,
        )
        probabilities = torch.softmax(
            said.phase[0, 0] / course.calibration.phase_temperature, dim=0
        )
        stated = likeliest("phase", probabilities, terms.phase.labels)
        array = NamedArray("probabilities/phase", probabilities.numpy())
        return Result(
            (stated, *_ahead(said, course, terms, probabilities)),
            (array,),
            CourseState(memory, state.first_ns),
        )

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
        stay = self._courses[terms.procedure].stay.numpy()
        yield from with_hindsight(points, terms.phase.labels, stay)


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
