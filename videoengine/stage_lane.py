"""What one stage holds for one stream: its edge, its state, its arrays, and their checkpoint."""

from __future__ import annotations

import base64
import io
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from videoengine.canonical import digest, rounded
from videoengine.edges import Edge, Ledger
from videoengine.frames import Clip
from videoengine.latency import Histogram
from videoengine.media_time import NS_PER_SECOND
from videoengine.sampling import Sampler
from videoengine.stages import NamedArray, Stage, StageSpec

MAX_FAILURES: Final = 3
FAILURE_WINDOW_NS: Final = 60 * NS_PER_SECOND
"""A stage that fails this often within this much media time is disabled for the stream."""


def config_of(spec: StageSpec, modality: str, procedure: str | None) -> dict[str, Any]:
    """Return everything that decides what a stage states, as JSON values."""
    config = {
        "name": spec.name,
        "card": spec.card.id,
        "rate_hz": spec.rate_hz,
        "window": spec.window,
        "stride": spec.stride,
        "samples_last": spec.samples_last,
        "max_batch": spec.max_batch,
        "modality": modality,
        "procedure": procedure,
        "options": dict(spec.config),
    }
    row: dict[str, Any] = rounded(config)
    return row


@dataclass(slots=True)
class StageLane:
    """What one stage holds for one stream."""

    stage: Stage
    index: int
    config: dict[str, Any]
    edge: Edge[Clip]
    sampler: Sampler
    state: Any = None
    epoch: int = -1
    """Epoch the state belongs to; -1 makes a fresh state at the next clip."""
    disabled: bool = False
    failures: deque[int] = field(default_factory=deque[int])
    in_flight: Clip | None = None
    """First clip of the running call."""
    outputs: dict[str, deque[tuple[int, int, NamedArray]]] = field(
        default_factory=dict[str, deque[tuple[int, int, NamedArray]]]
    )
    """Per provided name: (epoch, completing seq, array), oldest first."""
    service: Histogram = field(default_factory=Histogram)
    age: Histogram = field(default_factory=Histogram)
    model_hash: str = ""
    config_hash: str = ""
    thin: int = 1
    """Every n-th clip is fed; 0 feeds none. The ladder sets it."""
    turn: int = 0
    """When the stage served this stream last, as a count of servings: who waits longest is next."""

    def __post_init__(self) -> None:
        """Fill in the hashes that every event of the stage carries."""
        self.model_hash = self.stage.spec.card.model_hash
        self.config_hash = digest(self.config)

    def next_seq(self) -> int | None:
        """Return the completing frame of the oldest clip not yet done, or None."""
        if self.in_flight is not None:
            return self.in_flight.last.seq
        waiting = self.edge.waiting()
        return waiting[0].last.seq if waiting else None

    def keep(self, epoch: int, seq: int, arrays: Sequence[NamedArray]) -> None:
        """Hold the arrays of a result until every consumer is past them."""
        for array in arrays:
            self.outputs.setdefault(array.name, deque()).append((epoch, seq, array))

    def newest(self, name: str, epoch: int, seq: int) -> NamedArray | None:
        """Return the newest array of `name` that is not later than frame `seq`."""
        found: NamedArray | None = None
        for at_epoch, at_seq, array in self.outputs.get(name, ()):
            if at_epoch == epoch and at_seq <= seq:
                found = array
        return found

    def forget(self, name: str, seq: int) -> None:
        """Drop the arrays of a name that no clip completed at or after frame `seq` can ask for."""
        held = self.outputs.setdefault(name, deque())
        while len(held) > 1 and held[1][1] <= seq:
            held.popleft()


def covers(stage: StageLane, decided: str | None = None) -> bool:
    """Tell whether the stage's card covers the run's modality and procedure.

    Args:
        stage: The stage.
        decided: What the stream itself showed the procedure to be, where the run states none.
    """
    config = stage.config
    return stage.stage.spec.card.covers(config["procedure"] or decided, config["modality"])


def may_cover(stage: StageLane) -> bool:
    """Tell whether a procedure could be decided that the stage covers."""
    card = stage.stage.spec.card
    return bool(card.procedures) and stage.config["modality"] in card.modalities


def encode_stage(stage: StageLane) -> dict[str, Any]:
    """Return what the stage holds, as JSON values."""
    fresh = stage.epoch < 0
    return {
        "sampler": stage.sampler.encode(),
        "epoch": stage.epoch,
        "state": None
        if fresh
        else base64.b64encode(stage.stage.encode(stage.state)).decode("ascii"),
        "disabled": stage.disabled,
        "failures": list(stage.failures),
        "ledger": stage.edge.ledger.to_json(),
        "outputs": [
            [epoch, seq, array.name, array.scale, _pack(array.array)]
            for held in stage.outputs.values()
            for epoch, seq, array in held
        ],
    }


def decode_stage(stage: StageLane, row: Mapping[str, Any]) -> None:
    """Continue from what `encode_stage` returned, but for the sampler."""
    stage.epoch = row["epoch"]
    if row["state"] is not None:
        stage.state = stage.stage.decode(base64.b64decode(row["state"]))
    stage.disabled = row["disabled"]
    stage.failures = deque(row["failures"])
    stage.edge.ledger = Ledger.from_json(row["ledger"])
    for epoch, seq, name, scale, data in row["outputs"]:
        stage.keep(epoch, seq, [NamedArray(name, _unpack(data), scale)])


def _pack(array: Any) -> str:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _unpack(data: str) -> Any:
    return np.load(io.BytesIO(base64.b64decode(data)), allow_pickle=False)
