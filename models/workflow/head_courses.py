"""Whole videos as a temporal head learns from them: features a second apart, and what is true."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from videoengine.canonical import digest
from videoengine.errors import UsageError
from videoengine.media_time import NS_PER_SECOND
from videoengine.models.readouts import FeatureCache, cache_key
from videoengine.models.workflow.features import Features, as_handed_on
from videoengine.models.workflow.few_shot_head import ONE_A_FRAME, Task
from videoengine.models.workflow.few_shot_samples import (
    BATCH,
    FrameEncoder,
    Labelled,
    Tell,
    procedures_in,
    sampled,
    terms_in,
)
from videoengine.sources import Source, SourceInfo, Truth
from videoengine.streams import open_source

RATE_HZ: Final = 1.0
"""Steps a second that temporal heads take, when they learn and when they run."""
NONE: Final = -1
"""Class of a step that nobody annotated."""
SAMPLING: Final = "1 Hz, the first frame of each second"


@dataclass(frozen=True, slots=True)
class HeadCourse:
    """One video, a step a second."""

    labelled: Labelled
    """Its annotated steps."""
    rows: NDArray[np.int64]
    """(N,): which of the steps those are."""
    features: Features
    """(T, D), as the stage `backbone` hands them on."""
    seconds: NDArray[np.float32]
    """(T,) since the first step."""

    @property
    def truth(self) -> NDArray[np.int64]:
        """(T,): the class of each step, NONE where it is not annotated."""
        wanted = np.full(len(self.features), NONE, np.int64)
        wanted[self.rows] = self.labelled.holds.argmax(1)
        return wanted


@dataclass(slots=True)
class _Steps:
    """What is gathered while a video is read."""

    pts_ns: list[int] = field(default_factory=list[int])
    classes: list[int] = field(default_factory=list[int])
    vocabularies: set[str] = field(default_factory=set[str])
    procedures: set[str] = field(default_factory=set[str])

    def add(self, pts_ns: int, truth: Truth, task: Task) -> None:
        self.pts_ns.append(pts_ns)
        labels = [event.payload["label"] for event in truth.of(task)]
        # two at once, as in overlapping intervals, are no one class
        self.classes.append(int(labels[0]["id"]) if len(labels) == 1 else NONE)
        self.vocabularies |= {str(label["vocabulary"]) for label in labels}
        self.procedures |= procedures_in(truth)


class _Encoder:
    """Encodes pictures in batches of one size."""

    def __init__(self, backbone: FrameEncoder) -> None:
        self._backbone = backbone
        self._waiting: list[NDArray[Any]] = []
        self._done: list[Features] = []

    def take(self, picture: NDArray[np.uint8]) -> None:
        waiting = self._waiting
        if waiting and (len(waiting) == BATCH or waiting[0].shape != picture.shape):
            self._encode()
        self._waiting.append(picture)

    def features(self) -> Features:
        if self._waiting:
            self._encode()
        return np.concatenate(self._done)

    def _encode(self) -> None:
        found = self._backbone.encode_image(np.stack(self._waiting))
        self._done.append(as_handed_on(found))
        self._waiting = []


def read_course(
    named: str,
    backbone: FrameEncoder,
    task: Task,
    *,
    cache: FeatureCache | None = None,
    tell: Tell | None = None,
) -> HeadCourse:
    """Read a video with truth to its end, a picture a second.

    Args:
        named: A source with truth, such as `dataset://…` or `sim://…`.
        backbone: What encodes.
        task: `phase` or `step`.
        cache: Where features are kept, of sources that state their content.
        tell: Called after each frame with its stamp (ns) and how many there were.

    Raises:
        UsageError: The source knows no truth, none of this task, or of two vocabularies.
        SourceError: It cannot be read to its end.
    """
    if task not in ONE_A_FRAME:
        raise UsageError(
            "A temporal head learns one term a frame", got=task, allowed=", ".join(ONE_A_FRAME)
        )
    with open_source(named) as source:
        info = source.info
        key = _key(backbone, info) if cache is not None else None
        kept = cache.get(key) if cache is not None and key is not None else None
        encoder = None if kept is not None else _Encoder(backbone)
        steps = _walk(source, task, encoder, tell)
    features = kept if encoder is None else encoder.features()
    assert features is not None
    if len(features) != len(steps.pts_ns):
        raise UsageError(
            f"The features kept of {info.uri} are of another number of pictures",
            got=len(features),
            allowed=len(steps.pts_ns),
            remedy="Empty the folder of features.",
        )
    if cache is not None and key is not None and kept is None:
        cache.put(key, features)
    return _course(named, info, task, steps, features)


def _walk(source: Source, task: Task, encoder: _Encoder | None, tell: Tell | None) -> _Steps:
    steps = _Steps()
    for frame, truth in sampled(source, RATE_HZ, tell):
        if encoder is not None:
            encoder.take(frame.pixels.rgb())
        steps.add(frame.pts_ns, truth, task)
    return steps


def _course(
    named: str, info: SourceInfo, task: Task, steps: _Steps, features: Features
) -> HeadCourse:
    terms = terms_in(steps.vocabularies, info, task)
    classes, pts_ns = np.array(steps.classes, np.int64), np.array(steps.pts_ns, np.int64)
    rows = np.flatnonzero(classes != NONE)
    holds = np.eye(len(terms.labels), dtype=bool)[classes[rows]]
    labelled = Labelled(
        named, info.uri, info.content, info.kind, terms, pts_ns[rows], holds,
        tuple(sorted(steps.procedures)),
    )  # fmt: skip
    seconds = ((pts_ns - pts_ns[0]) / NS_PER_SECOND).astype(np.float32)
    return HeadCourse(labelled, rows, features, seconds)


def _key(backbone: FrameEncoder, info: SourceInfo) -> str | None:
    """Return the key of a source's features, or None where nothing tells a changed source."""
    if not info.content or backbone.card.weights_sha256 is None:
        return None
    return cache_key(backbone.card, digest([info.uri, info.content]), SAMPLING)
