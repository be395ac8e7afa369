"""What stages share that follow the course of a procedure: state, statement, second look."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videoengine.events import Draft, Event
from videoengine.media_time import NS_PER_SECOND
from videoengine.models.workflow.smoothing import smoothed_path
from videoengine.payloads import Label, PhasePayload
from videoengine.stages import Result, StageSpec, Work

TOP: Final = 5
"""Probabilities that an event holds."""
FLOOR: Final = 1e-4
"""Probability of a phase that an event left out."""


@dataclass(frozen=True, slots=True, eq=False)
class CourseState:
    """What a stage keeps of an epoch: as much at hour 10 as at minute 1."""

    memory: Tensor | None = None
    """(layers, 1, hidden); None before the first step."""
    first_ns: int = 0
    """Stamp of the first step."""

    def elapsed_s(self, now_ns: int) -> Tensor:
        """Return the seconds since the first step, (1, 1)."""
        return torch.tensor([[(now_ns - self.first_ns) / NS_PER_SECOND]])

    def encode(self) -> bytes:
        """Return the state: a line of JSON, then the memory as little-endian floats."""
        head = [self.first_ns, None if self.memory is None else list(self.memory.shape)]
        body = b"" if self.memory is None else self.memory.numpy().astype("<f4").tobytes()
        return json.dumps(head).encode() + b"\n" + body

    @classmethod
    def decode(cls, data: bytes) -> CourseState:
        """Return the state that `encode` wrote."""
        line, _, body = data.partition(b"\n")
        first_ns, shape = json.loads(line)
        if shape is None:
            return cls(None, first_ns)
        memory = np.frombuffer(body, "<f4").astype(np.float32).reshape(shape)
        return cls(torch.from_numpy(memory), first_ns)


class CourseStage(ABC):
    """What the stages share: they take one step for every sample, each at the same cost."""

    _spec: StageSpec

    @property
    def spec(self) -> StageSpec:
        """What the stage asks of the engine."""
        return self._spec

    def open(self, stream_id: str) -> CourseState:
        """Return the state of an epoch's start."""
        return CourseState()

    @torch.inference_mode()
    def process(self, works: Sequence[Work]) -> Sequence[Result]:
        """Take one step for every clip; clips of one stream come in order."""
        results: list[Result] = []
        states: dict[str, CourseState] = {}
        for work in works:
            result = self._step(work, states.get(work.stream_id) or work.state)
            states[work.stream_id] = result.state
            results.append(result)
        return results

    @abstractmethod
    def _step(self, work: Work, state: CourseState) -> Result:
        """Take one step; the result holds the state after it."""

    def encode(self, state: CourseState) -> bytes:
        """Return the state as bytes."""
        return state.encode()

    def decode(self, data: bytes) -> CourseState:
        """Return the state that `encode` wrote."""
        return CourseState.decode(data)


def likeliest(
    kind: str, probabilities: Tensor, labels: Sequence[Label], *, calibrated: bool = True
) -> Draft:
    """Return the statement of the likeliest of K phases or steps.

    Args:
        kind: `phase` or `step`.
        probabilities: (K,).
        labels: K.
        calibrated: Whether the probability may stand as confidence.
    """
    best = probabilities.topk(min(TOP, len(probabilities)))
    numbers, values = best.indices.tolist(), best.values.tolist()
    table = {str(number): value for number, value in zip(numbers, values, strict=True)}
    payload = PhasePayload(labels[numbers[0]], table)
    return Draft(kind, payload, values[0] if calibrated else None)


def with_hindsight(
    points: Sequence[Event], labels: Sequence[Label], stay: NDArray[Any]
) -> Iterator[tuple[Event, Draft]]:
    """Yield, for every phase or step that was stated, the one it has in hindsight (Viterbi).

    Args:
        points: Events of one kind, in order, a second apart.
        labels: K.
        stay: (K, K), log probability of going from row to column in a second.
    """
    if not points:
        return
    chances = np.full((len(points), len(labels)), FLOOR)
    for row, event in zip(chances, points, strict=True):
        for number, value in event.payload["probabilities"].items():
            row[int(number)] = max(value, FLOOR)
    path = smoothed_path(np.log(chances), stay)
    for event, number in zip(points, path.tolist(), strict=True):
        payload = PhasePayload(labels[number])
        yield event, Draft(event.kind, payload, None, event.start_ns, event.end_ns)
