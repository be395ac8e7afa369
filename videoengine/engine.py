"""The Engine: N streams through the same stages; threads, failures, shedding, shutdown.

One thread feeds each stream, one serves the stages of each device, one supervises. A stage that
raises, answers wrongly or hangs costs that stream's clip, never the run.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from videoengine.dispatcher import Dispatcher
from videoengine.edges import EdgeConfig
from videoengine.errors import UsageError, VideoEngineError, nearest, one_line
from videoengine.events import Draft
from videoengine.feeder import Feeder, Run
from videoengine.ladder import Ladder, Step, clip_rate
from videoengine.lane import Lane, Sink, guard
from videoengine.live_policy import LivePolicy
from videoengine.payloads import LoadShedPayload
from videoengine.snapshot import Snapshot, metrics_text, snapshot_of
from videoengine.sources import LiveFeed, Source
from videoengine.stage_lane import config_of
from videoengine.stages import Stage, ordered

CLOSE_SECONDS: Final = 4.0
"""`close` waits at most this long for threads; with flushing it returns within 5 s."""
REMOVE_SECONDS: Final = 2.0
"""`remove` waits this long for a stream to end in order, then cuts it off."""
TICK_S: Final = 0.1
"""A live run looks this often at watermarks and at its load."""
REMOVED: Final = 16
"""Streams removed last whose numbers are kept."""
Progress = Callable[[int, int], None]
"""Called with (case time in nanoseconds, frames) about ten times a second."""


class Engine:
    """Runs streams through stages until their sources end; streams may come and go."""

    def __init__(
        self,
        stages: Sequence[Stage],
        *,
        modality: str = "unknown",
        procedure: str | None = None,
        edge: EdgeConfig | None = None,
        checkpoints: bool = True,
        live: LivePolicy | None = None,
    ) -> None:
        """Check the graph of stages.

        Args:
            stages: The stages, in any order.
            modality: Kind of endoscopy, written into every stage's configuration.
            procedure: Name of the procedure, if the caller knows it.
            edge: How stage edges behave; by default as `live` says, else they block.
            checkpoints: Whether recorded streams are checkpointed.
            live: What gives way when stages are slow; None loses nothing and is deterministic.
        """
        order = ordered([stage.spec for stage in stages])
        self.stages = [stages[index] for index in order]
        self.specs = [stage.spec for stage in self.stages]
        self.configs = [config_of(spec, modality, procedure) for spec in self.specs]
        self._live = live
        self._checkpoints = checkpoints and live is None
        self._ladder = None if live is None else Ladder(self.specs, live)
        self._condition = threading.Condition()
        self.lanes: list[Lane] = []
        """Streams of the run; changes under the condition only."""
        self.removed: deque[Lane] = deque(maxlen=REMOVED)
        """Streams that were removed, for their ledgers and metrics."""
        self._dispatcher = Dispatcher(
            self.specs, self.lanes, self._condition, self._fail, self._release, live, self._observe
        )
        self._edges = [edge or self._dispatcher.edge_config(spec) for spec in self.specs]
        self._feeders: dict[str, threading.Thread] = {}
        self._run: Run | None = None
        self._failure: BaseException | None = None
        self._cancelled = False
        self._stopping = False

    # --- streams that come and go --------------------------------------------------------------

    def add(self, source: Source, sink: Sink, run_id: str) -> Lane:
        """Add a stream, before the run or under way; its events go to `sink`."""
        late_ns = None if self._live is None else self._live.late_ns
        lane = Lane(
            source,
            sink,
            self.stages,
            self.configs,
            self._edges,
            self._condition,
            run_id,
            late_ns=late_ns,
        )
        with self._condition:
            if lane.stream_id in {other.stream_id for other in self.lanes}:
                raise UsageError("Two streams cannot have one name", got=lane.stream_id)
            for old in [old for old in self.removed if old.stream_id == lane.stream_id]:
                self.removed.remove(old)
            if self._ladder is not None:
                for stage, thin in zip(lane.stages, self._ladder.thins, strict=True):
                    stage.thin = thin
            self.lanes.append(lane)
            if self._stopping:
                _stop(lane)
            if self._run is not None and not self._cancelled:
                self._start(lane, self._run)
        return lane

    def remove(self, stream_id: str) -> Lane:
        """End one stream in order, or after two seconds abruptly, and return its lane.

        Raises:
            UsageError: There is no such stream.
        """
        with self._condition:
            names = [lane.stream_id for lane in self.lanes]
            if stream_id not in names:
                raise UsageError(
                    "There is no such stream",
                    got=stream_id,
                    allowed=", ".join(names) or "none is left",
                    remedy=nearest(stream_id, names),
                )
            lane = self.lanes[names.index(stream_id)]
            feeder = self._feeders.get(stream_id)
        _stop(lane)
        if feeder is not None:
            feeder.join(REMOVE_SECONDS)
        lane.cut_off()
        if feeder is not None:
            feeder.join(REMOVE_SECONDS / 4)
        with self._condition:
            self.lanes.remove(lane)
            self.removed.append(lane)
            self._feeders.pop(stream_id, None)
        if feeder is None or not feeder.is_alive():
            lane.source.close()
        return lane

    def stop(self) -> None:
        """End every stream in order, so that `run` returns; returns at once."""
        self._stopping = True
        for lane in list(self.lanes):
            _stop(lane)

    # --- the run -------------------------------------------------------------------------------

    def run(
        self,
        *,
        until_ns: int | None = None,
        progress: Progress | None = None,
        forever: bool = False,
    ) -> None:
        """Run every stream to its end, or to case time `until_ns`.

        Raises what a sink or source raised; an interrupt closes the engine and goes on up.

        Args:
            until_ns: Case time at which every stream ends.
            progress: Called about ten times a second.
            forever: Go on without a stream, until `stop`.
        """
        run = Run(
            self._condition, self._live, self._checkpoints, until_ns, self._is_over, self._release
        )
        self._dispatcher.start()
        with self._condition:
            self._run = run
            for lane in self.lanes:
                self._start(lane, run)
        try:
            self._supervise(progress, forever)
        finally:
            self.close()
        if self._failure is not None:
            raise self._failure

    def _start(self, lane: Lane, run: Run) -> None:
        thread = threading.Thread(
            target=guard,
            args=(Feeder.run, Feeder(lane, run), self._fail),
            name=f"source-{lane.stream_id}",
            daemon=True,
        )
        self._feeders[lane.stream_id] = thread
        thread.start()

    def _supervise(self, progress: Progress | None, forever: bool) -> None:
        due = tick = 0.0
        while self._failure is None and not self._cancelled:
            alive = [thread for thread in list(self._feeders.values()) if thread.is_alive()]
            if alive:
                alive[0].join(0.02)
            elif forever and not self._stopping:
                time.sleep(0.02)
            else:
                return
            self._dispatcher.abandon_late()
            now = time.monotonic()
            if self._ladder is not None and now >= tick:
                tick = now + TICK_S
                self._tick(self._ladder)
            if progress is not None and now >= due:
                due = now + 0.1
                lanes = list(self.lanes)
                case_ns = min((lane.case_ns for lane in lanes), default=0)
                progress(case_ns, sum(lane.frames for lane in lanes))

    def _is_over(self) -> bool:
        return self._cancelled or self._failure is not None

    def _fail(self, error: BaseException) -> None:
        """End the run because of `error`; `run` raises it in the caller's thread."""
        with self._condition:
            self._failure = self._failure or error
            self._condition.notify_all()

    def _release(self, lane: Lane) -> None:
        """Hand a lane's events on; of a live run a log that fails ends only its own stream."""
        if self._live is None:
            lane.release()
            return
        if lane.lost:
            return
        try:
            lane.release()
        except VideoEngineError as error:
            lane.failures.append(one_line(error))
            lane.cut_off()
            _stop(lane)

    # --- load ----------------------------------------------------------------------------------

    def _observe(self, index: int, age_ns: int) -> None:
        if self._ladder is not None and self._ladder.watches(index):
            self._ladder.observe(time.monotonic_ns(), age_ns)

    def _tick(self, ladder: Ladder) -> None:
        """Let watermarks pass, and shed load or take it back."""
        for lane in list(self.lanes):
            self._release(lane)
        self._dispatcher.observe_in_flight()
        with self._condition:
            step = ladder.decide(time.monotonic_ns())
            if step is not None:
                for lane in self.lanes:
                    self._step(lane, step)

    def _step(self, lane: Lane, step: Step) -> None:
        stage = lane.stages[step.index]
        stage.thin = step.to_thin
        if lane.last_frame is None or lane.lost or lane.ended:
            return
        spec = stage.stage.spec
        payload = LoadShedPayload(
            spec.name,
            "age",
            stage.edge.ledger.dropped.get("shed", 0),
            clip_rate(spec, step.from_thin),
            clip_rate(spec, step.to_thin),
        )
        lane.state_now(Draft("load_shed", payload))

    # --- the end -------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop within 5 s: what waits or runs is counted as abandoned; safe to call twice."""
        deadline = time.monotonic() + CLOSE_SECONDS
        self._cancelled = True
        lanes = list(self.lanes)
        for lane in lanes:
            for stage in lane.stages:
                stage.edge.close()
        for lane in lanes:
            if isinstance(lane.source, LiveFeed):
                lane.source.stop()
        threads = [*list(self._feeders.values()), *self._dispatcher.stop()]
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for lane in lanes:
            feeder = self._feeders.get(lane.stream_id)
            # A decoder must not be closed under a thread that is still inside it.
            if feeder is None or not feeder.is_alive():
                lane.source.close()

    def snapshot(self) -> Snapshot:
        """Return how every stream fares at this moment."""
        with self._condition:
            return snapshot_of(self.lanes)

    def metrics(self) -> str:
        """Return the Prometheus text of every stream and stage, those removed last included."""
        with self._condition:
            return metrics_text([*self.lanes, *self.removed])


def _stop(lane: Lane) -> None:
    """Have a lane end in order after the frame at hand; returns at once."""
    lane.ending = True
    if isinstance(lane.source, LiveFeed):
        lane.source.stop()
