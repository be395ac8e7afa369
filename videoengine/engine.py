"""The Engine: N streams through the same stages; threads, failures, checkpoints, shutdown.

One thread feeds each stream, one serves the stages of each device, one supervises. A stage that
raises, answers wrongly or hangs costs that stream's clip, never the run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from videoengine.dispatcher import Dispatcher
from videoengine.edges import EdgeConfig
from videoengine.errors import one_line
from videoengine.events import Draft, Evidence
from videoengine.frames import Frame
from videoengine.lane import ENGINE, Lane, Sink, StageLane, config_of, covers, guard
from videoengine.latency import counter_text, histogram_text
from videoengine.media_time import NS_PER_SECOND
from videoengine.payloads import GapPayload, RefusalPayload
from videoengine.sampling import NEVER
from videoengine.sources import Source
from videoengine.stages import Stage, ordered

CHECKPOINT_NS: Final = 10 * NS_PER_SECOND
"""A checkpoint is taken when case time enters a new cell of this length."""
CLOSE_SECONDS: Final = 4.0
"""`close` waits at most this long for threads; with flushing it returns within 5 s."""
FOREVER_NS: Final = 1 << 62
"""Later than any stamp."""
Progress = Callable[[int, int], None]
"""Called with (case time in nanoseconds, frames) about ten times a second."""


class Engine:
    """Runs streams through stages until their sources end."""

    def __init__(
        self,
        stages: Sequence[Stage],
        *,
        modality: str = "unknown",
        procedure: str | None = None,
        edge: EdgeConfig | None = None,
        checkpoints: bool = True,
    ) -> None:
        """Check the graph of stages.

        Args:
            stages: The stages, in any order.
            modality: Kind of endoscopy, written into every stage's configuration.
            procedure: Name of the procedure, if the caller knows it.
            edge: How stage edges behave; by default they block and are as long as they need.
            checkpoints: Whether recorded streams are checkpointed.
        """
        order = ordered([stage.spec for stage in stages])
        self.stages = [stages[index] for index in order]
        self.specs = [stage.spec for stage in self.stages]
        self.configs = [config_of(spec, modality, procedure) for spec in self.specs]
        self._checkpoints = checkpoints
        self._condition = threading.Condition()
        self.lanes: list[Lane] = []
        self._dispatcher = Dispatcher(self.specs, self.lanes, self._condition, self._fail)
        self._edges = [edge or self._dispatcher.edge_config(spec) for spec in self.specs]
        self._feeders: dict[str, threading.Thread] = {}
        self._until_ns: int | None = None
        self._failure: BaseException | None = None
        self._cancelled = False

    def add(self, source: Source, sink: Sink, run_id: str) -> Lane:
        """Add a stream before the run starts; its events go to `sink`."""
        lane = Lane(source, sink, self.stages, self.configs, self._edges, self._condition, run_id)
        self.lanes.append(lane)
        return lane

    def run(self, *, until_ns: int | None = None, progress: Progress | None = None) -> None:
        """Run every stream to its end, or to case time `until_ns`.

        Raises what a sink or source raised; an interrupt closes the engine and goes on up.
        """
        self._until_ns = until_ns
        self._dispatcher.start()
        for lane in self.lanes:
            feeder = threading.Thread(
                target=guard, args=(self._feed, lane, self._fail), name=f"source-{lane.stream_id}"
            )
            feeder.daemon = True
            self._feeders[lane.stream_id] = feeder
            feeder.start()
        try:
            self._supervise(progress)
        finally:
            self.close()
        if self._failure is not None:
            raise self._failure

    def _supervise(self, progress: Progress | None) -> None:
        due = 0.0
        while self._failure is None:
            alive = [thread for thread in self._feeders.values() if thread.is_alive()]
            if not alive:
                return
            alive[0].join(0.02)
            self._dispatcher.abandon_late()
            if progress is not None and time.monotonic() >= due:
                due = time.monotonic() + 0.1
                progress(
                    min(lane.case_ns for lane in self.lanes),
                    sum(lane.frames for lane in self.lanes),
                )

    def _fail(self, error: BaseException) -> None:
        """End the run because of `error`; `run` raises it in the caller's thread."""
        with self._condition:
            self._failure = self._failure or error
            self._condition.notify_all()

    # --- feeding -------------------------------------------------------------------------------

    def _feed(self, lane: Lane) -> None:
        due = min((s.sampler.due_ns for s in lane.active), default=NEVER)
        last = lane.last_frame
        epoch = -1 if last is None else last.epoch
        limit = self._limit(lane)
        next_ns = self._next_checkpoint(lane)
        for frame in lane.source:
            if self._cancelled:
                return
            if frame.epoch != epoch:
                self._turn(lane, frame)
                epoch, due = frame.epoch, NEVER
                limit, next_ns = self._limit(lane), self._next_checkpoint(lane)
            if frame.pts_ns >= limit:
                break
            lane.frames += 1
            lane.last_frame = frame
            if frame.pts_ns >= due:
                due = self._offer(lane, frame)
            else:
                lane.offered = frame.seq
            if frame.pts_ns >= next_ns:
                self._checkpoint(lane)
                next_ns = self._next_checkpoint(lane)
        self._end(lane)

    def _limit(self, lane: Lane) -> int:
        """Return the stamp in the current epoch at which the run ends."""
        if self._until_ns is None or not lane.epochs:
            return FOREVER_NS
        epoch = lane.epochs[-1]
        return epoch.first_ns + self._until_ns - epoch.offset_ns

    def _next_checkpoint(self, lane: Lane) -> int:
        """Return the stamp in the current epoch from which the next checkpoint is due.

        After a gap that crossed a cell's boundary it lies before the epoch's first frame: due at
        once.
        """
        if not lane.epochs or not self._checkpoints or lane.source.is_live:
            return FOREVER_NS
        epoch = lane.epochs[-1]
        return epoch.first_ns + (lane.cell + 1) * CHECKPOINT_NS - epoch.offset_ns

    def _turn(self, lane: Lane, frame: Frame) -> None:
        """End one epoch and begin the next at `frame`."""
        self._sample_last(lane)
        epoch = lane.source.clock.epoch
        gap = lane.source.clock.gap
        assert epoch is not None
        lane.epochs.append(epoch)
        if lane.opening is not None:
            lane.sink.put([lane.opening()])
            lane.opening = None
        for stage in lane.stages:
            stage.sampler.begin(frame)
        if lane.last_frame is None:
            self._refuse(lane, frame)
        if gap is None or lane.last_frame is None:
            return
        before, after = lane.last_frame, frame
        draft = Draft(
            "gap",
            GapPayload(gap.cause, gap.duration_ns),
            evidence=(
                Evidence(lane.stream_id, before.epoch, before.pts_ns, before.end_ns),
                Evidence(lane.stream_id, after.epoch, after.pts_ns, after.end_ns),
            ),
        )
        event = lane.event(ENGINE, draft, frame.epoch, frame.pts_ns, frame.end_ns)
        with self._condition:
            lane.push(frame.seq, -1, 0, event)

    def _refuse(self, lane: Lane, frame: Frame) -> None:
        """State once, for each stage that does not cover the procedure, that it says nothing."""
        for stage in lane.stages:
            if covers(stage):
                continue
            card, config = stage.stage.spec.card, stage.config
            payload = RefusalPayload(
                f"Stage {stage.stage.spec.name} does not cover this procedure",
                f"{card.id} is for {', '.join(card.procedures) or 'any procedure'} in "
                f"{', '.join(card.modalities)}; this is {config['procedure'] or 'not stated'} in "
                f"{config['modality']}",
                "State --procedure and --modality, or choose a stage that covers them.",
            )
            hashes = (stage.model_hash, stage.config_hash)
            event = lane.event(
                stage.stage.spec.name,
                Draft("refusal", payload),
                frame.epoch,
                frame.pts_ns,
                frame.end_ns,
                0,
                hashes,
            )
            with self._condition:
                lane.push(frame.seq, stage.index, 0, event)

    def _offer(self, lane: Lane, frame: Frame) -> int:
        """Give a frame to the stages it is due for; return when the next one is due."""
        due = FOREVER_NS
        for stage in lane.active:
            if frame.pts_ns >= stage.sampler.due_ns:
                clip = stage.sampler.take(frame)
                if clip is not None:
                    stage.edge.put(clip)
            due = min(due, stage.sampler.due_ns)
        self._advance(lane, frame.seq)
        return due

    def _sample_last(self, lane: Lane) -> None:
        if lane.last_frame is None:
            return
        for stage in lane.active:
            clip = stage.sampler.last(lane.last_frame)
            if clip is not None:
                stage.edge.put(clip)
        self._advance(lane, lane.last_frame.seq)

    def _advance(self, lane: Lane, seq: int) -> None:
        with self._condition:
            lane.offered = seq
            self._condition.notify_all()

    def _drain(self, lane: Lane) -> None:
        """Wait until every clip of the lane is done and every event is on its way."""
        with self._condition:
            lane.flushing = True
            self._condition.notify_all()
            while not lane.idle and not self._cancelled and self._failure is None:
                self._condition.wait()
            lane.flushing = False
        lane.release()

    def _checkpoint(self, lane: Lane) -> None:
        self._drain(lane)
        if not self._cancelled and self._failure is None:
            lane.cell = lane.case_ns // CHECKPOINT_NS
            lane.sink.checkpoint(lane.encode())

    def _end(self, lane: Lane) -> None:
        self._sample_last(lane)
        failure = lane.source.failure
        frame = lane.last_frame
        if failure is not None and frame is not None:
            payload = RefusalPayload(
                "The source ended before its end",
                one_line(failure),
                "Copy the recording again from where it was made, and analyze it anew.",
            )
            event = lane.event(
                ENGINE, Draft("error", payload), frame.epoch, frame.pts_ns, frame.end_ns
            )
            with self._condition:
                lane.failures.append(one_line(failure))
                lane.push(frame.seq, len(lane.stages), 0, event)
        self._drain(lane)

    # --- the end -------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop within 5 s: what waits or runs is counted as abandoned; safe to call twice."""
        deadline = time.monotonic() + CLOSE_SECONDS
        self._cancelled = True
        for lane in self.lanes:
            for stage in lane.stages:
                stage.edge.close()
        threads = [*self._feeders.values(), *self._dispatcher.stop()]
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for lane in self.lanes:
            feeder = self._feeders.get(lane.stream_id)
            # A decoder must not be closed under a thread that is still inside it.
            if feeder is None or not feeder.is_alive():
                lane.source.close()

    def metrics(self) -> str:
        """Return the Prometheus text of every stream and stage."""
        pairs = [(lane, stage) for lane in self.lanes for stage in lane.stages]

        def label(lane: Lane, stage: StageLane) -> tuple[str, str]:
            return lane.stream_id, stage.stage.spec.name

        service = {label(lane, stage): stage.service for lane, stage in pairs}
        age = {label(lane, stage): stage.age for lane, stage in pairs}
        counts: dict[tuple[tuple[str, str], ...], int] = {}
        for lane, stage in pairs:
            stream, name = label(lane, stage)
            ledger = stage.edge.ledger
            causes = {"served": ledger.served, **ledger.dropped}
            for cause, count in causes.items():
                counts[("stream", stream), ("edge", name), ("outcome", cause)] = count
        lines = [
            *histogram_text("videoengine_stage_service_seconds", service),
            *histogram_text("videoengine_stage_age_seconds", age),
            *counter_text("videoengine_edge_items_total", counts),
        ]
        return "\n".join(lines) + "\n"
