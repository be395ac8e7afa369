"""Labelled frames of sources with truth: all of them, few of each class, and their features."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videoengine.cards import ModelCard
from videoengine.errors import SourceError, UsageError
from videoengine.frames import Frame
from videoengine.media_time import NS_PER_SECOND
from videoengine.models.workflow.few_shot_head import ONE_A_FRAME, Task, Used
from videoengine.sources import Source, SourceInfo, Truth, with_truth
from videoengine.streams import open_source
from videoengine.vocabularies import Vocabulary, vocabulary

BATCH: Final = 16
"""Pictures of one size that are encoded at once."""
SIMULATED: Final = "sim"
PROCEDURE_TERMS: Final = "videoengine/procedure@1"
Tell = Callable[[int, int], None]


class FrameEncoder(Protocol):
    """What a few-shot head asks of a backbone: its card and pooled features of pictures."""

    @property
    def card(self) -> ModelCard:
        """What it is."""
        ...

    def encode_image(self, frames: NDArray[np.uint8]) -> Tensor:
        """Return float32 (B, D) of frames uint8 (B, H, W, 3)."""
        ...


@dataclass(frozen=True, slots=True)
class Labelled:
    """The annotated frames of one source, at most `rate_hz` a second."""

    named: str
    """As the user gave it; opens it again."""
    uri: str
    content: str
    kind: str
    terms: Vocabulary
    pts_ns: NDArray[np.int64]
    """(N,)."""
    holds: NDArray[np.bool_]
    """(N, K)."""
    procedures: tuple[str, ...] = ()
    """That the source says it shows, as `videoengine/procedure@1` has them."""

    def used(self, rows: NDArray[np.int64]) -> Used:
        """Return the frames of these rows as a card states them."""
        return Used(self.uri, self.content, tuple(int(ns) for ns in self.pts_ns[rows]))


def read_labels(
    named: str, task: Task, *, rate_hz: float = 1.0, tell: Tell | None = None
) -> Labelled:
    """Read what is true of the frames of a source; no picture is encoded.

    Args:
        named: A source with truth, such as `dataset://…` or `sim://…`.
        task: Which labels.
        rate_hz: Frames a second at most; those between are left out.
        tell: Called after each frame with its stamp (ns) and how many there were.

    Raises:
        UsageError: The source knows no truth, none of this task, or of two vocabularies.
        SourceError: It cannot be read to its end.
    """
    stamps: list[int] = []
    rows: list[list[int]] = []
    names: set[str] = set()
    procedures: set[str] = set()
    with open_source(named) as source:
        for frame, truth in sampled(source, rate_hz, tell):
            events = truth.of(task)
            labels = [one.payload["label"] for one in events if one.payload["label"] is not None]
            if not events or (task in ONE_A_FRAME and not labels):
                continue  # not annotated
            names |= {str(label["vocabulary"]) for label in labels}
            procedures |= procedures_in(truth)
            stamps.append(frame.pts_ns)
            rows.append([int(label["id"]) for label in labels])
        info = source.info
    terms = terms_in(names, info, task)
    holds = np.zeros((len(rows), len(terms.labels)), bool)
    for place, row in enumerate(rows):
        holds[place, row] = True
    stamped = np.array(stamps, np.int64)
    shown = tuple(sorted(procedures))
    return Labelled(named, info.uri, info.content, info.kind, terms, stamped, holds, shown)


def terms_in(names: set[str], info: SourceInfo, task: Task) -> Vocabulary:
    """Return the one vocabulary that a source is labelled in, or raise UsageError."""
    if len(names) != 1:
        raise UsageError(
            f"{info.uri} has no labels of one vocabulary for this task",
            got=", ".join(sorted(names)) or f"no {task}",
            allowed="a source whose truth states it",
        )
    return vocabulary(next(iter(names)))


def procedures_in(truth: Truth) -> set[str]:
    """Return the procedures that a frame's truth names in the project's own terms."""
    labels = [event.payload["label"] for event in truth.of("procedure")]
    return {str(label["name"]) for label in labels if label["vocabulary"] == PROCEDURE_TERMS}


def choose(holds: NDArray[np.bool_], shots: int | None, seed: int) -> NDArray[np.int64]:
    """Return rows, in order: so many of each class, and as many that hold none, or all there are.

    Args:
        holds: (N, K).
        shots: Frames a class, or None for every frame.
        seed: The same seed takes the same frames.
    """
    if shots is None:
        return np.arange(len(holds))
    if shots < 1:
        raise UsageError("shots must be positive", got=shots, allowed="1, 4, 16, … or all")
    draw = np.random.default_rng(seed)
    classes = [*holds.T, ~holds.any(axis=1)]
    taken: set[int] = set()
    for members in classes:
        taken.update(int(row) for row in draw.permutation(np.flatnonzero(members))[:shots])
    return np.array(sorted(taken), np.int64)


def encode(
    labelled: Labelled,
    rows: NDArray[np.int64],
    backbone: FrameEncoder,
    *,
    rate_hz: float = 1.0,
    tell: Tell | None = None,
) -> Tensor:
    """Return the features (M, D) of these rows, in their order (ascending).

    Args:
        labelled: As `read_labels` returned it.
        rows: Ascending.
        backbone: What encodes.
        rate_hz: As given to `read_labels`.
        tell: Called after each frame with its stamp (ns) and how many there were.

    Raises:
        SourceError: The source no longer yields these frames.
    """
    wanted = {int(ns) for ns in labelled.pts_ns[rows]}
    features: list[Tensor] = []
    waiting: list[NDArray[Any]] = []
    with open_source(labelled.named) as source:
        for frame, _ in sampled(source, rate_hz, tell):
            if frame.pts_ns not in wanted:
                continue
            picture = frame.pixels.rgb()
            if waiting and (len(waiting) == BATCH or waiting[0].shape != picture.shape):
                features.append(backbone.encode_image(np.stack(waiting)))
                waiting = []
            waiting.append(picture)
    if waiting:
        features.append(backbone.encode_image(np.stack(waiting)))
    if sum(map(len, features)) != len(rows):
        raise SourceError(
            f"{labelled.uri} yields other frames than before",
            got=sum(map(len, features)),
            allowed=len(rows),
        )
    return torch.cat(features).float().cpu()


def one_vocabulary(sources: Sequence[Labelled]) -> Vocabulary:
    """Return the vocabulary that all sources share, or raise UsageError."""
    names = sorted({one.terms.name for one in sources})
    if len(names) != 1:
        raise UsageError(
            "The sources speak of different vocabularies",
            got=", ".join(names) or "no source",
            allowed="one",
        )
    return sources[0].terms


def sampled(source: Source, rate_hz: float, tell: Tell | None) -> Iterator[tuple[Frame, Truth]]:
    """Yield the first frame of every 1/rate_hz seconds with its truth."""
    if not rate_hz > 0:
        raise UsageError("rate must be positive", got=rate_hz, allowed="> 0")
    last: int | None = None
    for count, (frame, truth) in enumerate(with_truth(source), start=1):
        turn = int(frame.pts_ns * rate_hz // NS_PER_SECOND)
        if tell is not None:
            tell(frame.pts_ns, count)
        if turn != last:
            yield frame, truth
        last = turn
    if source.failure:
        raise SourceError(f"{source.info.uri} ended early", got=source.failure)
