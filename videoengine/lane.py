"""A lane: one stream on its way through the stages, and the order of what they state.

Events leave a lane ordered by (completing frame, stage index, ordinal), whichever thread was
quicker: an event waits until every stage is past its frame.
"""

from __future__ import annotations

import base64
import heapq
import io
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

import numpy as np

from videoengine.canonical import digest, rounded
from videoengine.edges import Edge, EdgeConfig, Ledger
from videoengine.events import SCHEMA, Draft, Event, Evidence, event_key, plain
from videoengine.frames import Clip, Frame
from videoengine.latency import Histogram
from videoengine.media_time import NS_PER_SECOND, Epoch
from videoengine.sampling import Sampler
from videoengine.sources import Source
from videoengine.stages import NamedArray, Stage, StageSpec

T = TypeVar("T")
ENGINE: Final = "engine"
"""`stage` of the events that the engine itself states."""
MAX_FAILURES: Final = 3
FAILURE_WINDOW_NS: Final = 60 * NS_PER_SECOND
"""A stage that fails this often within this much media time is disabled for the stream."""


def guard(body: Callable[[T], None], argument: T, fail: Callable[[BaseException], None]) -> None:
    """Run a thread's body; hand what it raises to `fail`, which ends the run with it."""
    try:
        body(argument)
    except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
        fail(error)


class Sink(Protocol):
    """Where a lane's events go: the log writer of its case."""

    def put(self, events: Sequence[Event]) -> None:
        """Take events in their final order; may wait, and raises what the writer met."""
        ...

    def checkpoint(self, row: dict[str, Any]) -> None:
        """Make a checkpoint last, after every event put before it."""
        ...


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

    def forget(self, seq: int) -> None:
        """Drop the arrays that no clip completed at or after frame `seq` can ask for."""
        for held in self.outputs.values():
            while len(held) > 1 and held[1][1] <= seq:
                held.popleft()


def covers(stage: StageLane) -> bool:
    """Tell whether the stage's card covers the run's procedure and modality."""
    config = stage.config
    return stage.stage.spec.card.covers(config["procedure"], config["modality"])


class Lane:
    """One stream: its source, its stages' states, and the events on their way to its sink.

    Everything that changes under way is guarded by the engine's condition.
    """

    def __init__(
        self,
        source: Source,
        sink: Sink,
        stages: Sequence[Stage],
        configs: Sequence[dict[str, Any]],
        edges: Sequence[EdgeConfig],
        condition: threading.Condition,
        run_id: str,
    ) -> None:
        """Make a lane before its first frame."""
        self.source, self.sink, self.run_id = source, sink, run_id
        self.stream_id = source.clock.stream_id
        self.condition = condition
        self.stages = [
            StageLane(stage, index, config, Edge(edge, condition), Sampler(stage.spec))
            for index, (stage, config, edge) in enumerate(zip(stages, configs, edges, strict=True))
        ]
        self.active = [s for s in self.stages if covers(s)]
        """Stages whose card covers the procedure; the others are refused once and never fed."""
        self.offered = -1
        """Newest frame that every sampler has seen."""
        self.flushing = False
        """Incomplete batches may run: nothing more comes before the next cut."""
        self.last_frame: Frame | None = None
        self.known: frozenset[str] = frozenset()
        """Keys that the log held already when the run was resumed."""
        self.epochs: list[Epoch] = []
        self.opening: Callable[[], Event] | None = None
        """Makes the `run` line that goes before everything else, once the first stamp is known."""
        self.failures: list[str] = []
        self.events = 0
        self.frames = 0
        self.cell = 0
        """Cell of case time in which the newest checkpoint lies."""
        self._heap: list[tuple[int, int, int, int, Event]] = []
        self._pushed = 0
        self._release = threading.Lock()

    def case_at(self, frame: Frame) -> int:
        """Return the case time of a frame of the newest epochs, in nanoseconds."""
        return self.epochs[frame.epoch].case_ns(frame.pts_ns)

    @property
    def case_ns(self) -> int:
        """Case time of the newest frame, in nanoseconds."""
        return 0 if self.last_frame is None else self.case_at(self.last_frame)

    @property
    def end_ns(self) -> int:
        """Case time of the end of the newest frame, in nanoseconds."""
        frame = self.last_frame
        return 0 if frame is None else self.case_at(frame) + frame.duration_ns

    # --- order ---------------------------------------------------------------------------------

    def done_through(self, stage: StageLane) -> int:
        """Return the newest frame that `stage` is certainly past."""
        waiting = stage.next_seq()
        return self.offered if waiting is None else min(self.offered, waiting - 1)

    def push(self, seq: int, stage_index: int, ordinal: int, event: Event) -> None:
        """Place an event in the order; under the condition."""
        self._pushed += 1
        heapq.heappush(self._heap, (seq, stage_index, ordinal, self._pushed, event))

    def release(self) -> None:
        """Hand the sink every event that nothing can precede any more; not under the condition."""
        with self._release:
            with self.condition:
                bound = min((self.done_through(s) for s in self.stages), default=self.offered)
                ready: list[Event] = []
                while self._heap and self._heap[0][0] <= bound:
                    ready.append(heapq.heappop(self._heap)[-1])
            fresh = [event for event in ready if event.key not in self.known]
            if fresh:
                self.events += len(fresh)
                self.sink.put(fresh)

    @property
    def idle(self) -> bool:
        """Whether no clip waits or runs."""
        return all(stage.edge.idle for stage in self.stages)

    # --- statements ----------------------------------------------------------------------------

    def state_result(self, stage: StageLane, clip: Clip, drafts: Sequence[Draft]) -> list[Event]:
        """Return the events of a stage's drafts about a clip; bad drafts raise."""
        return [
            self.event(
                stage.stage.spec.name,
                draft,
                clip.last.epoch,
                clip.start_ns if draft.start_ns is None else draft.start_ns,
                clip.end_ns if draft.end_ns is None else draft.end_ns,
                ordinal,
                (stage.model_hash, stage.config_hash),
            )
            for ordinal, draft in enumerate(drafts)
        ]

    def event(
        self,
        stage: str,
        draft: Draft,
        epoch: int,
        start_ns: int,
        end_ns: int,
        ordinal: int = 0,
        hashes: tuple[str, str] = ("", ""),
    ) -> Event:
        """Return an event of this stream, not yet placed in the log."""
        evidence = draft.evidence or (Evidence(self.stream_id, epoch, start_ns, end_ns),)
        key = event_key(
            self.stream_id, epoch, stage, *hashes, start_ns, end_ns, draft.kind, ordinal
        )
        confidence = None if draft.confidence is None else rounded(float(draft.confidence))
        return Event(
            schema=SCHEMA,
            seq=-1,
            key=key,
            run_id=self.run_id,
            kind=draft.kind,
            stream_id=self.stream_id,
            epoch=epoch,
            start_ns=start_ns,
            end_ns=end_ns,
            stage=stage,
            model_hash=hashes[0],
            config_hash=hashes[1],
            payload=plain(draft.payload),
            confidence=confidence,
            evidence=[rounded(item.to_json()) for item in evidence],
        )

    # --- checkpoints ---------------------------------------------------------------------------

    def ledger(self) -> dict[str, Any]:
        """Return every edge's ledger, by `<stream_id>/<edge>`."""
        return {
            f"{self.stream_id}/{s.stage.spec.name}": s.edge.ledger.to_json() for s in self.stages
        }

    def encode(self) -> dict[str, Any]:
        """Return the whole state, as JSON values; only while the lane is idle."""
        frame = self.last_frame
        assert frame is not None
        assert self.idle
        assert not self._heap
        return {
            "run_id": self.run_id,
            "position": self.source.position(),
            "frame": [frame.view, *_stamp(frame)],
            "cell": self.cell,
            "epochs": [epoch.to_json() for epoch in self.epochs],
            "frames": self.frames,
            "events": self.events,
            "failures": self.failures,
            "stages": {s.stage.spec.name: _encode_stage(s) for s in self.stages},
        }

    def decode(self, row: Mapping[str, Any], arrival_ns: int) -> None:
        """Continue from what `encode` returned: moves the source, restores every state."""
        view, epoch, seq, pts, pts_ns, duration_ns, pts_source = row["frame"]
        held = {pts}
        for state in row["stages"].values():
            held.update(entry[1] for entry in state["sampler"]["held"])
        pixels = self.source.resume(row["position"], sorted(held))
        frame = Frame(
            self.stream_id,
            view,
            epoch,
            seq,
            pts,
            pts_ns,
            duration_ns,
            arrival_ns,
            pts_source,
            pixels[pts],
        )
        self.last_frame, self.offered = frame, seq
        self.frames, self.events = row["frames"], row["events"]
        self.cell = row["cell"]
        self.failures = list(row["failures"])
        self.epochs = [Epoch.from_json(epoch) for epoch in row["epochs"]]
        for stage in self.stages:
            state = row["stages"][stage.stage.spec.name]
            stage.sampler.decode(state["sampler"], frame, pixels)
            _decode_stage(stage, state)


def _stamp(frame: Frame) -> list[Any]:
    stamp = [frame.epoch, frame.seq, frame.pts, frame.pts_ns, frame.duration_ns]
    return [*stamp, frame.pts_source]


def _encode_stage(stage: StageLane) -> dict[str, Any]:
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


def _decode_stage(stage: StageLane, row: Mapping[str, Any]) -> None:
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
