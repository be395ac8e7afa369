"""Instruments and triplets: what the encoder found, said in a procedure's own terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.events import Draft
from videoengine.models.workflow.bundled import Course, load_bundle
from videoengine.models.workflow.encoder import HEAD, card_of
from videoengine.models.workflow.stateless import Stateless
from videoengine.models.workflow.terms import PROCEDURES, slots_of, terms_of
from videoengine.payloads import (
    InstrumentPayload,
    TripletPayload,
)
from videoengine.stages import NamedArray, Result, StageContext, StageSpec, Work
from videoengine.vocabularies import vocabulary

CALIBRATED: Final = (
    "fitted on simulated procedures that neither taught nor scored the model; not on real video"
)
Arrays = Mapping[str, NamedArray]


def procedure_of(inputs: Arrays) -> str | None:
    """Return the procedure that was decided, or None while it is open or not covered."""
    if "procedure" not in inputs:
        return None
    number = int(inputs["procedure"].array[0])
    names = [label.name for label in vocabulary("videoengine/procedure@1").labels]
    name = names[number] if 0 <= number < len(names) else None
    return name if name in PROCEDURES else None


@dataclass(frozen=True, slots=True)
class Sighting:
    """An instrument that was found, in the procedure's own numbers."""

    instrument: int
    confidence: float
    box: tuple[float, float, float, float]
    verbs: NDArray[np.float64]
    """(verbs,), probabilities."""
    targets: NDArray[np.float64]


def sightings(found: NDArray[np.float32], procedure: str, course: Course) -> list[Sighting]:
    """Return the instruments of a procedure among those found, from left to right."""
    terms, slots = terms_of(procedure), slots_of(procedure)
    slope, offset = course.calibration.score_line
    verbs_end = HEAD + _verbs()
    seen: list[Sighting] = []
    for row in found:
        own = int(row[0]) - slots.instrument
        if not 0 <= own < len(terms.instrument.labels) or row[1] < course.calibration.found_at:
            continue
        score = min(max(float(row[1]), 1e-6), 1 - 1e-6)
        chance = 1.0 / (1.0 + np.exp(-(slope * np.log(score / (1 - score)) + offset)))
        x, y, width, height = (float(value) for value in row[2:HEAD])
        verbs = _own(row[HEAD:verbs_end], slots.verb, len(terms.verb.labels))
        targets = _own(row[verbs_end:], slots.target, len(terms.target.labels))
        seen.append(Sighting(own, float(chance), (x, y, width, height), verbs, targets))
    return sorted(seen, key=lambda one: one.box)


def _verbs() -> int:
    return sum(len(terms_of(name).verb.labels) for name in PROCEDURES)


def _own(row: NDArray[np.float32], start: int, count: int) -> NDArray[np.float64]:
    """Return a procedure's own part of probabilities, adding up to 1 again."""
    part = row[start : start + count].astype(np.float64) + 1e-30
    whole: NDArray[np.float64] = part / part.sum()
    return whole


class InstrumentStage(Stateless):
    """Presence, boxes and masks of instruments."""

    def __init__(self, context: StageContext, *, rate_hz: float = 5.0) -> None:
        """Load what was fitted."""
        self._courses = load_bundle().courses
        self._spec = StageSpec(
            name="instruments",
            card=card_of("instruments", outputs=("instrument",), calibration=CALIBRATED),
            rate_hz=rate_hz,
            shed_order=50,
            needs=(
                "found/embedded", "labels/embedded", "presence/embedded", "procedure",
                "tool/embedded",
            ),
            provides=("mask/instrument", "mask/tool", "presence/tool"),
        )  # fmt: skip

    def process(self, works: Sequence[Work]) -> Sequence[Result]:
        """Say what is seen in every sample."""
        return [self._say(work.inputs) for work in works]

    def _say(self, inputs: Arrays) -> Result:
        procedure = procedure_of(inputs)
        if procedure is None or "found/embedded" not in inputs:
            return Result()
        terms, slots = terms_of(procedure), slots_of(procedure)
        course = self._courses[procedure]
        names = terms.instrument.labels
        seen = sightings(inputs["found/embedded"].array, procedure, course)
        drafts = [
            Draft("instrument", InstrumentPayload(names[one.instrument], one.box), one.confidence)
            for one in seen
        ]
        start = slots.instrument
        presence = inputs["presence/embedded"].array[start : start + len(names)]
        boxed = {one.instrument for one in seen}
        drafts += [
            Draft("instrument", InstrumentPayload(names[number]), float(chance))
            for number, chance in enumerate(presence)
            if number not in boxed and chance >= course.calibration.present_at
        ]
        if not drafts:
            drafts = [Draft("instrument", InstrumentPayload(None))]
        return Result(
            events=tuple(drafts),
            outputs=(
                NamedArray(
                    "mask/instrument",
                    inputs["labels/embedded"].array[PROCEDURES.index(procedure)],
                ),
                NamedArray("mask/tool", inputs["tool/embedded"].array),
                NamedArray("presence/tool", presence),
            ),
        )


class TripletStage(Stateless):
    """What each instrument does to what: instrument, verb, target."""

    def __init__(self, context: StageContext, *, rate_hz: float = 1.0) -> None:
        """Load what was fitted."""
        self._courses = load_bundle().courses
        self._spec = StageSpec(
            name="triplet",
            card=card_of(
                "triplet",
                outputs=("triplet",),
                calibration="none: the product of three probabilities, each of its own part",
            ),
            rate_hz=rate_hz,
            shed_order=55,
            needs=("found/embedded", "procedure"),
        )

    def process(self, works: Sequence[Work]) -> Sequence[Result]:
        """Say what is done in every sample."""
        return [self._say(work.inputs) for work in works]

    def _say(self, inputs: Arrays) -> Result:
        procedure = procedure_of(inputs)
        if procedure is None or "found/embedded" not in inputs:
            return Result()
        terms = terms_of(procedure)
        drafts: list[Draft] = []
        seen = sightings(inputs["found/embedded"].array, procedure, self._courses[procedure])
        for one in seen:
            verb, target, chance = likeliest(one, procedure)
            payload = TripletPayload(
                terms.instrument.labels[one.instrument],
                terms.verb.labels[verb],
                terms.target.labels[target],
            )
            drafts.append(Draft("triplet", payload, chance))
        return Result(events=tuple(drafts))


def likeliest(one: Sighting, procedure: str) -> tuple[int, int, float]:
    """Return the verb and target that an instrument most likely has, and their joint probability.

    Where triplets of the instrument are published, only those are asked.
    """
    joint = np.outer(one.verbs, one.targets)
    allowed = published_triplets(procedure).get(one.instrument, [])
    if allowed:
        kept = np.zeros_like(joint)
        for verb, target in allowed:
            kept[verb, target] = joint[verb, target]
        joint = kept
    verb, target = divmod(int(joint.argmax()), joint.shape[1])
    return verb, target, one.confidence * float(joint[verb, target])


@cache
def published_triplets(procedure: str) -> dict[int, list[tuple[int, int]]]:
    """Return the verbs and targets that a procedure's triplets give each instrument."""
    terms = terms_of(procedure)
    table: dict[int, list[tuple[int, int]]] = {}
    for label in vocabulary(terms.instrument.name.replace("instrument", "triplet")).labels:
        tool, verb, target = label.name.split(",")
        place = (terms.verb.label(verb).id, terms.target.label(target).id)
        table.setdefault(terms.instrument.label(tool).id, []).append(place)
    return table
