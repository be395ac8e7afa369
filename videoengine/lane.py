"""A lane: one stream on its way through the stages, and the order of what they state.

Events leave a lane ordered by (completing frame, stage index, ordinal), whichever thread was
quicker: an event waits until every stage is past its frame.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from videoengine.canonical import rounded
from videoengine.edges import Edge, EdgeConfig
from videoengine.events import SCHEMA, Draft, Event, Evidence, event_key, plain
from videoengine.frames import Clip, Frame
from videoengine.media_time import Epoch
from videoengine.sampling import Sampler
from videoengine.sources import Source
from videoengine.stage_lane import StageLane, covers, decode_stage, encode_stage, may_cover
from videoengine.stages import Stage

T = TypeVar("T")
PROCEDURE: Final = "procedure"
"""Event kind and named array by which a stage tells the procedure."""
ENGINE: Final = "engine"
"""`stage` of the events that the engine itself states."""


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
        *,
        late_ns: int | None = None,
    ) -> None:
        """Make a lane before its first frame.

        Args:
            source: The stream.
            sink: Where its events go.
            stages: In topological order.
            configs: Of each stage.
            edges: Of each stage.
            condition: The engine's.
            run_id: Of every event.
            late_ns: The watermark of a live feed: events wait no longer for a slow stage.
        """
        self.source, self.sink, self.run_id = source, sink, run_id
        self.stream_id = source.clock.stream_id
        self.condition = condition
        self.stages = [
            StageLane(stage, index, config, Edge(edge, condition), Sampler(stage.spec))
            for index, (stage, config, edge) in enumerate(zip(stages, configs, edges, strict=True))
        ]
        self.active = [s for s in self.stages if covers(s)]
        """Stages whose card covers the procedure; the others are refused once and never fed."""
        stated = any(s.config["procedure"] is not None for s in self.stages)
        provided = [s for s in self.stages if PROCEDURE in s.stage.spec.provides]
        self.decider = None if stated or not provided else provided[0]
        """Stage that finds out the procedure, where the run states none."""
        self.decided: str | None = None
        """What it found, by name; what was found once holds for the whole stream."""
        self.waiting: list[StageLane] = []
        """Stages that wait for it: neither fed nor refused."""
        if self.decider is not None:
            self.waiting = [s for s in self.stages if not covers(s) and may_cover(s)]
        self.offered = -1
        """Newest frame that every sampler has seen."""
        self.flushing = False
        """Incomplete batches may run: nothing more comes before the next cut."""
        self.last_frame: Frame | None = None
        self.known: frozenset[str] = frozenset()
        """Keys that the log held already when the run was resumed."""
        self.logged_through: tuple[int, int] = (-1, 0)
        """(epoch, end) of the newest event in the log when a live run was resumed: what lies before
        it and is not in the log was left out then, and stays left out."""
        self.epochs: list[Epoch] = []
        self.opening: Callable[[], Event] | None = None
        """Makes the `run` line that goes before everything else, once the first stamp is known."""
        self.failures: list[str] = []
        self.events = 0
        self.frames = 0
        self.cell = 0
        """Cell of case time in which the newest checkpoint lies."""
        self.on_frame: Callable[[Frame], None] | None = None
        """Called by the feeding thread with every frame; must be quick."""
        self.on_epoch: Callable[[Epoch], None] | None = None
        """Called by the feeding thread when an epoch has been opened."""
        self.ending = False
        """The feeder ends in order after the frame at hand."""
        self.ended = False
        """All has been stated: nothing more may be."""
        self.lost = False
        """Nothing more is fed, counted or put: the sink failed, or the lane was cut off."""
        self.released = -1
        """Newest frame whose events are on their way; a result about it or an older one is late."""
        self._late_ns = late_ns
        self._recent: deque[tuple[int, int]] = deque()
        """(monotonic time of the offer, seq) of frames that are not late yet."""
        self._ordinals: tuple[int, dict[tuple[str, str], int]] = (-1, {})
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

    def hear(self, stage: StageLane, kind: str, payload: Any) -> bool:
        """Take note of a decision about the procedure; under the condition.

        Returns:
            Whether this decided it: such a statement is never too late.
        """
        if stage is not self.decider or kind != PROCEDURE or self.decided is not None:
            return False
        self.decided = str(plain(payload)["label"]["name"])
        return True

    def settle(self) -> list[StageLane]:
        """Let the waiting stages that cover the decision run; return the others."""
        started = [s for s in self.waiting if covers(s, self.decided)]
        refused = [s for s in self.waiting if not covers(s, self.decided)]
        self.waiting = []
        self.active = [s for s in self.stages if s in self.active or s in started]
        return refused

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
                bound = self.released = max(bound, self._watermark(), self.released)
                ready: list[Event] = []
                while self._heap and self._heap[0][0] <= bound:
                    ready.append(heapq.heappop(self._heap)[-1])
            fresh = [event for event in ready if self._is_new(event)]
            if fresh:
                self.events += len(fresh)
                self.sink.put(fresh)

    def _is_new(self, event: Event) -> bool:
        place = (event.epoch, event.end_ns)
        return place >= self.logged_through and event.key not in self.known

    def note_offer(self, seq: int) -> None:
        """Every sampler has seen frame `seq`; under the condition or with no clip made of it."""
        self.offered = seq
        if self._late_ns is not None:
            self._recent.append((time.monotonic_ns(), seq))

    def _watermark(self) -> int:
        """Return the newest frame whose events wait no longer; -1 for none."""
        newest = -1
        if self._late_ns is not None:
            oldest_ns = time.monotonic_ns() - self._late_ns
            while self._recent and self._recent[0][0] < oldest_ns:
                newest = self._recent.popleft()[1]
        return newest

    def is_late(self, seq: int) -> bool:
        """Tell whether events about frame `seq` come too late for the log; under the condition.

        Those about the newest released frame are not: the sample that closes an epoch is taken
        when the next frame comes, which may be long after.
        """
        return self._late_ns is not None and seq < self.released

    def state_now(
        self,
        draft: Draft,
        stage: str = ENGINE,
        index: int | None = None,
        hashes: tuple[str, str] = ("", ""),
    ) -> None:
        """Place an event at the newest frame, with an ordinal of its own; under the condition."""
        frame = self.last_frame
        assert frame is not None
        if self._ordinals[0] != frame.seq:
            self._ordinals = (frame.seq, {})
        counts = self._ordinals[1]
        ordinal = counts.get((stage, draft.kind), 0)
        counts[stage, draft.kind] = ordinal + 1
        event = self.event(stage, draft, frame.epoch, frame.pts_ns, frame.end_ns, ordinal, hashes)
        self.push(frame.seq, len(self.stages) if index is None else index, ordinal, event)

    def cut_off(self) -> None:
        """Feed, count and put nothing more; what waits is dropped as `abandoned`."""
        with self.condition:
            self.lost = self.ending = True
            for stage in self.stages:
                stage.edge.close()
            self.condition.notify_all()

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
            "decided": self.decided,
            "settled": not self.waiting,
            "stages": {s.stage.spec.name: encode_stage(s) for s in self.stages},
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
        self.decided = row["decided"]
        if row["settled"]:
            self.settle()
        self.epochs = [Epoch.from_json(epoch) for epoch in row["epochs"]]
        for stage in self.stages:
            state = row["stages"][stage.stage.spec.name]
            stage.sampler.decode(state["sampler"], frame, pixels)
            decode_stage(stage, state)


def _stamp(frame: Frame) -> list[Any]:
    stamp = [frame.epoch, frame.seq, frame.pts, frame.pts_ns, frame.duration_ns]
    return [*stamp, frame.pts_source]
