"""One held-out simulated procedure: what is true of it beside what the bundled recogniser says."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from workflow_watched import Looked, look, pixels_of, stepped

from videoengine.apps.training_sets import Made
from videoengine.models.metrics import BoxSet, TripletClasses, TripletVideo
from videoengine.models.workflow.bundled import Bundle, Course
from videoengine.models.workflow.course import FLOOR
from videoengine.models.workflow.procedure import Decision
from videoengine.models.workflow.samples import NONE, Samples
from videoengine.models.workflow.smoothing import smoothed_path
from videoengine.models.workflow.temporal import Course as Said
from videoengine.models.workflow.temporal_training import Watched, follow
from videoengine.models.workflow.terms import PROCEDURES, slots_of, terms_of

HALF: Final = 128
"""Value of `mask/tool` from which a pixel is said to show an instrument."""


@dataclass(frozen=True)
class Ahead:
    """Times until something, in minutes (T,), NaN where not known; and the factors stated."""

    truth: NDArray[np.float64]
    said: NDArray[np.float64]
    spread: tuple[float, float]

    @property
    def error(self) -> NDArray[np.float64]:
        return np.abs(self.said - self.truth)

    @property
    def inside(self) -> NDArray[np.float64]:
        """1 where the truth lies in the stated interval, NaN where it is not known."""
        low, high = (self.said * factor for factor in self.spread)
        held = ((low <= self.truth) & (self.truth <= high)).astype(np.float64)
        return np.where(np.isnan(self.truth), np.nan, held)


@dataclass(frozen=True)
class Overlap:
    """Pixels of one kind, true and said."""

    hits: NDArray[np.float64]
    """By class."""
    union: NDArray[np.float64]
    images: NDArray[np.float64]
    """(T, classes), IoU by picture."""


@dataclass(frozen=True)
class Video:
    """Truth and answers of one procedure of T pictures."""

    made: Made
    phase: NDArray[np.int64]
    raw: NDArray[np.int64]
    smooth: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    next_truth: NDArray[np.int64]
    next_said: NDArray[np.int64]
    presence: tuple[NDArray[np.float64], NDArray[np.float64]]
    """True and said (T, instruments)."""
    boxes: tuple[BoxSet, BoxSet]
    triplet: TripletVideo
    unlisted: int
    """True triplets that the vocabulary lacks."""
    tool: Overlap
    """Of any instrument."""
    labels: Overlap
    """Of each instrument."""
    states: tuple[NDArray[np.float64], NDArray[np.float64]]
    """True and said (T, states)."""
    until_next: Ahead
    until_end: Ahead
    decision: Decision
    watched: Watched
    online_offline: float
    """Largest difference of phase probabilities, step by step against all at once."""
    encoder_ms: float
    """Mean of a picture, decoding of its JPEG included."""


def presence_of(samples: Samples) -> NDArray[np.float32]:
    """Return which instruments are seen, 0 or 1 (T, instruments of the procedure)."""
    terms, slots = terms_of(samples.procedure), slots_of(samples.procedure)
    found = np.zeros((len(samples), len(terms.instrument.labels)), np.float32)
    rows = samples.tools.astype(np.int64)
    found[rows[:, 0], rows[:, 1] - slots.instrument] = 1.0
    return found


def boxes_of(samples: Samples) -> BoxSet:
    rows, start = samples.tools, slots_of(samples.procedure).instrument
    corners = rows[:, 2:6].astype(np.float64)
    corners[:, :2] -= corners[:, 2:] / 2
    return BoxSet.of(rows[:, 0], rows[:, 1].astype(np.int64) - start, corners)


def triplets_of(samples: Samples, classes: TripletClasses) -> tuple[NDArray[np.float64], int]:
    """Return the true triplets, 0 or 1 (T, K), and how many are no class."""
    slots = slots_of(samples.procedure)
    places = {tuple(parts): k for k, parts in enumerate(classes.parts.tolist())}
    found = np.zeros((len(samples), len(classes.names)))
    unlisted = 0
    for row in samples.tools.astype(np.int64).tolist():
        key = (row[1] - slots.instrument, row[6] - slots.verb, row[7] - slots.target)
        if key in places:
            found[row[0], places[key]] = 1.0
        else:
            unlisted += 1
    return found, unlisted


def first_of(samples: Samples, pictures: int | None) -> Samples:
    """Return the beginning of a set, for trying the programs."""
    if pictures is None or pictures >= len(samples):
        return samples
    return Samples(
        samples.procedure,
        samples.size,
        samples.jpeg,
        samples.ends[:pictures],
        samples.mask[:pictures],
        samples.tools[samples.tools[:, 0] < pictures],
        samples.states[:pictures],
        samples.course[:pictures],
    )


def path_of(logits: torch.Tensor, temperature: float, stay: torch.Tensor) -> NDArray[np.int64]:
    """Return phases with hindsight, (T,), of logits (T, K)."""
    chances = torch.softmax(logits.double() / temperature, dim=1).clamp(min=FLOOR)
    return smoothed_path(chances.log().numpy(), stay.numpy())


def evaluated(bundle: Bundle, made: Made, samples: Samples, classes: TripletClasses) -> Video:
    """Run the bundle over a procedure as the stages do, and set the truth beside it."""
    course = bundle.courses[samples.procedure]
    began = time.perf_counter()
    pictures = (pixels_of(samples.picture(k)) for k in range(len(samples)))
    looked = look(bundle, samples.procedure, pictures)
    seconds = time.perf_counter() - began
    truth = samples.course
    said = stepped(course, looked, truth[:, 0] - truth[0, 0])
    watched = Watched(samples.procedure, looked.features, looked.presence, truth)
    temperature = course.calibration.phase_temperature
    logits = said.phase[0]
    chances = torch.softmax(logits / temperature, dim=1)
    whole = torch.softmax(follow(course.network, watched).phase[0] / temperature, dim=1)
    raw = chances.argmax(dim=1).numpy()
    listed, unlisted = triplets_of(samples, classes)
    tool, labels = overlaps(samples, looked)
    return Video(
        made=made,
        phase=truth[:, 1].astype(np.int64),
        raw=raw,
        smooth=path_of(logits, temperature, course.stay),
        probabilities=chances.double().numpy(),
        next_truth=truth[:, 2].astype(np.int64),
        next_said=_following(said, raw),
        presence=(presence_of(samples).astype(np.float64), looked.presence.astype(np.float64)),
        boxes=(boxes_of(samples), looked.boxes(course)),
        triplet=TripletVideo(listed, looked.triplets(course, classes)),
        unlisted=unlisted,
        tool=tool,
        labels=labels,
        states=(samples.states.astype(np.float64), looked.states.astype(np.float64)),
        until_next=_ahead(truth[:, 3], said.phase_left[0], course, "next_spread"),
        until_end=_ahead(truth[:, 4], said.left[0], course, "left_spread"),
        decision=looked.decision,
        watched=watched,
        online_offline=float((whole - chances).abs().max()),
        encoder_ms=1000 * seconds / len(samples),
    )


def _following(said: Said, phase: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the next phase as the stage states it: never the present one."""
    logits = said.following[0].clone()
    logits[torch.arange(len(phase)), torch.from_numpy(phase)] = -torch.inf
    found: NDArray[np.int64] = logits.argmax(dim=1).numpy()
    return found


def _ahead(true_s: NDArray[np.float32], said: torch.Tensor, course: Course, spread: str) -> Ahead:
    truth = np.where(true_s == NONE, np.nan, true_s.astype(np.float64) / 60.0)
    minutes = torch.expm1(said.double().clamp(min=0.0, max=20.0)).numpy()
    return Ahead(truth, minutes, getattr(course.calibration, spread))


def overlaps(samples: Samples, looked: Looked) -> tuple[Overlap, Overlap]:
    """Return the overlap of any instrument, and of each, at a quarter of the picture's size."""
    start = slots_of(samples.procedure).instrument
    count = len(terms_of(samples.procedure).instrument.labels)
    place = PROCEDURES.index(samples.procedure)
    both, either = np.zeros((2, len(samples), 1 + count))
    for number, (mask, seen) in enumerate(zip(samples.mask, looked.seen, strict=True)):
        own = np.where(mask > 0, mask.astype(np.int64) - start, 0)
        pairs = [(own > 0, seen.tool >= HALF)]
        pairs += [(own == k, seen.labels[place] == k) for k in range(1, count + 1)]
        for kind, (true, said) in enumerate(pairs):
            both[number, kind] = np.count_nonzero(true & said)
            either[number, kind] = np.count_nonzero(true | said)
    images = np.divide(both, either, out=np.full_like(both, np.nan), where=either > 0)
    kinds = (slice(0, 1), slice(1, None))
    any_tool, each = (
        Overlap(both[:, kind].sum(axis=0), either[:, kind].sum(axis=0), images[:, kind])
        for kind in kinds
    )
    return any_tool, each
