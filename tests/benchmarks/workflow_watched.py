"""What the bundled recogniser says of pictures, through the code of its stages, video by video."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from videoengine.frames import Color, Pixels
from videoengine.models.metrics import BoxSet, TripletClasses
from videoengine.models.workflow.bundled import Bundle, Course, load_bundle
from videoengine.models.workflow.encoder import LOWEST, Encoder, Seen
from videoengine.models.workflow.procedure import SAMPLES, Decision, ProcedureState
from videoengine.models.workflow.recognisers import sightings
from videoengine.models.workflow.temporal import Course as Said
from videoengine.models.workflow.temporal_training import Watched
from videoengine.models.workflow.terms import STATES, slots_of, terms_of

Floats = NDArray[np.floating[Any]]
INSIDE: Final = STATES.index("in_body")
IN_BODY_FROM: Final = 0.5
"""Probability from which the procedure stage counts a picture as in the body."""


class BundleEncoder(Encoder):
    """The encoder of the stages, on a bundle of the caller's choice."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle


def pixels_of(picture: NDArray[np.uint8]) -> Pixels:
    """Return RGB (H, W, 3) as the engine hands pictures on."""
    size = (picture.shape[1], picture.shape[0])
    return Pixels(lambda: (picture,), layout="rgb24", size=size, color=Color(full_range=True))


@dataclass(frozen=True)
class Looked:
    """What the encoder said of the T pictures of a video, in one procedure's own terms."""

    procedure: str
    seen: Sequence[Seen]

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """(T, D), rounded to fp16 as the stage hands them on."""
        return np.stack([one.features for one in self.seen]).astype(np.float32)

    @cached_property
    def presence(self) -> NDArray[np.float32]:
        """(T, instruments of the procedure), probabilities."""
        start = slots_of(self.procedure).instrument
        own = slice(start, start + len(terms_of(self.procedure).instrument.labels))
        return np.stack([one.presence[own] for one in self.seen])

    @cached_property
    def states(self) -> NDArray[np.float32]:
        """(T, states), probabilities."""
        return np.stack([one.states for one in self.seen])

    @cached_property
    def decision(self) -> Decision:
        """What the procedure stage decides on the first in-body minute, or all where shorter."""
        state = ProcedureState()
        for one in self.seen:
            state = state.seen(one.procedure, float(one.states[INSIDE]))
            if state.samples == SAMPLES:
                break
        return state.decision()

    def boxes(self, course: Course, *, stated: bool = False) -> BoxSet:
        """Return all that was found of the procedure, or only what is sure enough to be stated."""
        asked = course if stated else asked_for_all(course)
        image: list[int] = []
        label: list[int] = []
        box: list[tuple[float, ...]] = []
        score: list[float] = []
        for number, one in enumerate(self.seen):
            for sighting in sightings(one.found, self.procedure, asked):
                image.append(number)
                label.append(sighting.instrument)
                box.append(sighting.box)
                score.append(sighting.confidence)
        return BoxSet.of(image, label, box, score)

    def triplets(self, course: Course, classes: TripletClasses) -> NDArray[np.float64]:
        """Return scores (T, K): instrument times verb times target, of the surest sighting."""
        scores = np.zeros((len(self.seen), len(classes.names)))
        parts = classes.parts
        for row, one in zip(scores, self.seen, strict=True):
            for sighting in sightings(one.found, self.procedure, asked_for_all(course)):
                own = parts[:, 0] == sighting.instrument
                joint = sighting.verbs[parts[own, 1]] * sighting.targets[parts[own, 2]]
                row[own] = np.maximum(row[own], sighting.confidence * joint)
        return scores


def asked_for_all(course: Course) -> Course:
    """Return a course that leaves nothing out which the encoder handed on."""
    calibration = dataclasses.replace(course.calibration, found_at=LOWEST)
    return dataclasses.replace(course, calibration=calibration)


def look(bundle: Bundle, procedure: str, pictures: Iterable[Pixels]) -> Looked:
    """Return what the encoder says, one picture at a time as the stage does."""
    encoder = BundleEncoder(bundle)
    return Looked(procedure, [encoder.answer(pixels) for pixels in pictures])


@torch.inference_mode()
def stepped(course: Course, looked: Looked, elapsed_s: Floats) -> Said:
    """Return what the phase stage says, (1, T, …): step by step, the state carried.

    Args:
        course: Of the procedure.
        looked: T pictures.
        elapsed_s: (T,), since the first picture of the video.
    """
    memory = course.network.start()
    steps: list[Said] = []
    for number, seconds in enumerate(elapsed_s.tolist()):
        said, memory = course.network(
            torch.from_numpy(looked.features[number])[None, None],
            torch.from_numpy(looked.presence[number])[None, None],
            torch.tensor([[seconds]]),
            memory,
        )
        steps.append(said)
    return Said(
        *(
            torch.cat([getattr(step, name) for step in steps], dim=1)
            for name in ("phase", "following", "phase_left", "left")
        )
    )


def oracle_watched(video: Watched, presence: NDArray[np.float32]) -> Watched:
    """Return a video as the oracle sees it: the true tools, and no picture."""
    return Watched(video.procedure, np.zeros_like(video.features), presence, video.course)


def bundle_at(path: Path | None) -> Bundle:
    """Return the bundle of a file, or the one that ships."""
    return load_bundle() if path is None else load_bundle(path.resolve())


def triplet_classes(procedure: str) -> TripletClasses:
    """Return the triplets of a procedure."""
    return TripletClasses.of(terms_of(procedure).instrument.name.replace("instrument", "triplet"))
