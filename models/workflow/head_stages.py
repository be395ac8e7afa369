"""Stages over a backbone's features: trained heads of phases, steps and instruments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from videoengine.cards import ModelCard
from videoengine.errors import UsageError
from videoengine.events import Draft, Event
from videoengine.models.backbones.store import sha256_of
from videoengine.models.workflow.course import CourseStage, CourseState, likeliest, with_hindsight
from videoengine.models.workflow.features import array_of
from videoengine.models.workflow.few_shot_head import ONE_A_FRAME, FewShotHead, HeadCard, load_head
from videoengine.models.workflow.few_shot_networks import Recurrent
from videoengine.models.workflow.head_courses import RATE_HZ
from videoengine.models.workflow.stateless import Stateless
from videoengine.payloads import InstrumentPayload
from videoengine.stages import NamedArray, Result, Stage, StageSpec, Work

PRESENT: Final = 0.5
"""Score from which an instrument is stated."""
SHED: Final = {"phase": 60, "step": 60, "instrument": 50}
PROVIDED: Final = {
    "phase": "probabilities/phase",
    "step": "probabilities/step",
    "instrument": "presence/tool",
}


def stage_of(path: Path, rate_hz: float | None = None) -> Stage:
    """Return the stage of a head's file.

    Raises:
        UsageError: Another rate for a temporal head.
        ModelError: The file is missing, damaged or no head.
    """
    head = load_head(path)
    card = card_of_head(head.card, path, sha256_of(path))
    if not isinstance(head.network, Recurrent):
        return HeadStage(head, spec_of(head.card, card, rate_hz or RATE_HZ))
    if rate_hz not in (None, RATE_HZ):
        raise UsageError(
            "A temporal head takes one step a second", got=f"rate_hz = {rate_hz}", allowed=RATE_HZ
        )
    return CourseHeadStage(head, head.network, spec_of(head.card, card, RATE_HZ))


def spec_of(head: HeadCard, card: ModelCard, rate_hz: float) -> StageSpec:
    """Return what the stage of a head asks of the engine."""
    features = array_of(head.backbone)
    return StageSpec(
        name=f"{head.task}_head",
        card=card,
        rate_hz=rate_hz,
        shed_order=SHED[head.task],
        needs=(features,),
        taught_on={features: head.model_hash},
        provides=(PROVIDED[head.task],),
        config={"method": head.method, "vocabulary": head.vocabulary},
    )


def card_of_head(head: HeadCard, path: Path, sha256: str) -> ModelCard:
    """Return the card of a head; names of videos and folders are not in it."""
    frames = sum(len(one.pts_ns) for one in head.frames)
    kind = "simulated" if head.ships else "real or mixed"
    return ModelCard(
        id=f"{head.task}-head-{head.method}",
        family="head",
        adapter_version=1,
        weights=path.name,
        weights_sha256=sha256,
        procedures=head.procedures,
        preprocessing=head.preprocessing,
        input_spec=f"features of {head.backbone} {head.model_hash[:12]}",
        outputs=(head.task,),
        calibration=head.calibration or "none: confidence is null",
        trained_on=f"{frames} labelled frames of {len(head.frames)} {kind} videos, "
        f"over the frozen backbone {head.backbone}",
    )


def features_in(work: Work, name: str) -> Tensor | None:
    """Return the features (1, D) of a clip, or None where the backbone gave none."""
    found = work.inputs.get(name)
    return None if found is None else torch.from_numpy(found.array.astype(np.float32))[None]


class HeadStage(Stateless):
    """A head that looks at each sample alone."""

    def __init__(self, head: FewShotHead, spec: StageSpec) -> None:
        """Take a head that was read."""
        self._head, self._spec = head, spec

    def process(self, works: Sequence[Work]) -> Sequence[Result]:
        """Say what is seen in every sample."""
        return [self._say(work) for work in works]

    def _say(self, work: Work) -> Result:
        features = features_in(work, self._spec.needs[0])
        if features is None:
            return Result()
        task, labels = self._head.card.task, self._head.terms.labels
        scores = torch.from_numpy(self._head.probabilities_of(features)[0]).float()
        if task in ONE_A_FRAME:
            drafts = [likeliest(task, scores, labels, calibrated=False)]
        else:
            seen = [label for label, score in zip(labels, scores, strict=True) if score >= PRESENT]
            drafts = [Draft("instrument", InstrumentPayload(label)) for label in seen]
            drafts = drafts or [Draft("instrument", InstrumentPayload(None))]
        return Result(tuple(drafts), (NamedArray(PROVIDED[task], scores.numpy()),))


class CourseHeadStage(CourseStage):
    """A temporal head: one step a second, each at the same cost; at close a second look."""

    def __init__(self, head: FewShotHead, network: Recurrent, spec: StageSpec) -> None:
        """Take a head that was read."""
        self._head, self._network, self._spec = head, network, spec
        self.closing_name = f"{spec.name}.smoothed"

    def _step(self, work: Work, state: CourseState) -> Result:
        features = features_in(work, self._spec.needs[0])
        if features is None:
            return Result(state=state)
        card, now_ns = self._head.card, work.clip.last.pts_ns
        if state.memory is None:
            state = CourseState(self._network.start(), now_ns)
        assert state.memory is not None
        logits, memory = self._network.follow(features, state.elapsed_s(now_ns)[0], state.memory)
        scores = torch.softmax(logits[0], dim=0)
        calibrated = bool(card.calibration)
        draft = likeliest(card.task, scores, self._head.terms.labels, calibrated=calibrated)
        array = NamedArray(PROVIDED[card.task], scores.numpy())
        return Result((draft,), (array,), CourseState(memory, state.first_ns))

    def at_close(self, events: Iterable[Event]) -> Iterator[tuple[Event, Draft]]:
        """Yield, for every phase or step of a run, the one that it has in hindsight (Viterbi)."""
        points = [event for event in events if event.kind == self._head.card.task]
        yield from with_hindsight(points, self._head.terms.labels, self._network.stay.numpy())
