"""The dispatcher: batches clips, calls the stages, and accounts for every call.

One thread serves the stages of each device. Without loss, batches are cut at media times, never by
how quick a thread was, so a broken and resumed run makes the same calls as an unbroken one. Of live
feeds a batch runs when it is full or when its oldest clip has waited long enough.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from videoengine.edges import EdgeConfig
from videoengine.errors import one_line
from videoengine.events import Draft, Event, Evidence
from videoengine.frames import Clip
from videoengine.lane import Lane, guard
from videoengine.live_batches import LiveBatches
from videoengine.live_policy import LivePolicy
from videoengine.payloads import RefusalPayload
from videoengine.stage_lane import FAILURE_WINDOW_NS, MAX_FAILURES, StageLane
from videoengine.stages import Result, StageSpec, Work

ABANDON_FACTOR: Final = 10
"""A call that outlives its stage's latency budget this many times is abandoned."""


@dataclass(slots=True)
class _Group:
    """Clips of one stream in a batch."""

    lane: Lane
    stage: StageLane
    clips: list[Clip]
    missing: list[frozenset[str]]
    """Per clip: arrays it does without, as their stages are behind."""
    events: list[list[Event]] = field(default_factory=list[list[Event]])
    results: Sequence[Result] = ()


@dataclass(slots=True)
class _Worker:
    """A thread that serves the stages of one device."""

    device: str
    thread: threading.Thread | None = None
    groups: list[_Group] = field(default_factory=list[_Group])
    started_ns: int = 0
    abandoned: bool = False


class Dispatcher:
    """Serves the clips that wait on the lanes' edges."""

    def __init__(
        self,
        specs: Sequence[StageSpec],
        lanes: Sequence[Lane],
        condition: threading.Condition,
        fail: Callable[[BaseException], None],
        release: Callable[[Lane], None] = Lane.release,
        live: LivePolicy | None = None,
        observe: Callable[[int, int], None] | None = None,
    ) -> None:
        """Serve lanes whose stages are in topological order.

        Args:
            specs: Of the stages.
            lanes: A list that may change under the condition.
            condition: The engine's.
            fail: Ends the run.
            release: Hands a lane's events on.
            live: How live feeds are served; None loses nothing.
            observe: Called under the condition with (stage index, age in nanoseconds).
        """
        self._release = release
        self._live = live
        self._observe = observe
        self._turns = 0
        self._specs = specs
        self._lanes = lanes
        self._condition = condition
        self._on_failure = fail
        self._providers = {
            name: index for index, spec in enumerate(specs) for name in spec.provides
        }
        self._needed = {need for spec in specs for need in spec.needs}
        self._batches = (
            None if live is None else LiveBatches(specs, self._providers, live, self._by_turn)
        )
        self._workers: list[_Worker] = []
        self._stopping = False

    def edge_config(self, spec: StageSpec) -> EdgeConfig:
        """Return a live edge, or one that blocks and can hold its providers' whole batches."""
        if self._live is not None:
            return self._live.edge_config(spec)
        seconds = 0.0
        for need in spec.needs:
            provider = self._specs[self._providers[need]]
            clips = provider.max_batch * provider.stride + provider.window
            seconds = max(seconds, clips / provider.rate_hz)
        return EdgeConfig(max(4, 2 * spec.max_batch, math.ceil(seconds * spec.rate_hz) + 2))

    def start(self) -> None:
        """Start one thread for each device."""
        for device in dict.fromkeys(spec.device for spec in self._specs):
            self._hire(device)

    def stop(self) -> list[threading.Thread]:
        """Tell the threads to stop and return them."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
        return [worker.thread for worker in self._workers if worker.thread is not None]

    def _hire(self, device: str) -> None:
        worker = _Worker(device)
        worker.thread = threading.Thread(
            target=guard,
            args=(self._serve, worker, self._on_failure),
            name=f"device-{device}",
            daemon=True,
        )
        self._workers.append(worker)
        worker.thread.start()

    def _serve(self, worker: _Worker) -> None:
        while True:
            with self._condition:
                while not self._stopping and not worker.abandoned:
                    wait_s = None
                    if self._batches is None:
                        worker.groups = self._next_batch(worker.device)
                    else:
                        chosen, wait_s = self._batches.choose(worker.device)
                        worker.groups = [self._take(*one) for one in chosen]
                    if worker.groups:
                        break
                    self._condition.wait(wait_s)
                if self._stopping or worker.abandoned:
                    return
                worker.started_ns = time.monotonic_ns()
            groups = worker.groups
            failure = self._call(groups)
            with self._condition:
                if worker.abandoned or self._stopping:
                    return
                took_ns = time.monotonic_ns() - worker.started_ns
                worker.groups = []
                for group in groups:
                    if group.lane.lost:
                        continue
                    if failure is None:
                        self._finish(group, took_ns)
                    else:
                        self._fail(group, "error", failure)
                self._condition.notify_all()
            for group in groups:
                self._release(group.lane)

    def _next_batch(self, device: str) -> list[_Group]:
        for index, spec in enumerate(self._specs):
            if spec.device != device:
                continue
            groups: list[_Group] = []
            size = 0
            for lane, stage in self._by_turn(index):
                count = self._ready(lane, stage)
                if count and (not groups or size + count <= spec.max_batch):
                    groups.append(self._take(lane, stage, count))
                    size += count
            if groups:
                return groups
        return []

    def _by_turn(self, index: int) -> list[tuple[Lane, StageLane]]:
        """Return a stage's part of every lane, the one served longest ago first."""
        pairs = [(lane, lane.stages[index]) for lane in self._lanes]
        for _, stage in pairs:
            if stage.disabled and len(stage.edge):
                stage.edge.drop(len(stage.edge.take(len(stage.edge))), "disabled")
        return sorted(pairs, key=lambda pair: pair[1].turn)

    def _take(self, lane: Lane, stage: StageLane, count: int) -> _Group:
        clips = stage.edge.take(count)
        stage.in_flight = clips[0]
        self._turns += 1
        stage.turn = self._turns
        missing: list[frozenset[str]] = [frozenset()] * count
        if self._batches is not None:
            missing = [self._batches.missing(lane, stage, clip) for clip in clips]
        return _Group(lane, stage, clips, missing)

    def _ready(self, lane: Lane, stage: StageLane) -> int:
        """Return how many clips of a lane may run as one batch now.

        Batches are cut where a clip's number is a multiple of `max_batch`, at the end of an
        epoch and at a checkpoint: nowhere that depends on how quick a thread was.
        """
        waiting = stage.edge.waiting()
        if not waiting or stage.in_flight is not None:
            return 0
        spec = stage.stage.spec
        room = spec.max_batch - waiting[0].index % spec.max_batch
        epoch = waiting[0].last.epoch
        count = 0
        while count < min(room, len(waiting)) and waiting[count].last.epoch == epoch:
            count += 1
        if count < room and count == len(waiting) and not lane.flushing:
            return 0
        last = waiting[count - 1].last.seq
        for need in spec.needs:
            if lane.done_through(lane.stages[self._providers[need]]) < last:
                return 0
        return count

    def _call(self, groups: Sequence[_Group]) -> str | None:
        """Run one batch; return why it failed, or None. The engine's one catch-all."""
        stage = groups[0].stage.stage
        try:
            works = [work for group in groups for work in self._works(group)]
            results = list(stage.process(works))
            if len(results) != len(works):
                return f"it answered {len(results)} results to {len(works)} clips"
            for group in groups:
                group.results, results = results[: len(group.clips)], results[len(group.clips) :]
                group.events = [
                    group.lane.state_result(group.stage, clip, result.events)
                    for clip, result in zip(group.clips, group.results, strict=True)
                ]
        except Exception as error:  # noqa: BLE001 - a model may raise anything; the run goes on
            return f"{type(error).__name__}: {one_line(error)}"
        return None

    def _works(self, group: _Group) -> list[Work]:
        stage, lane = group.stage, group.lane
        epoch = group.clips[0].last.epoch
        # Kept here until the call is done: an abandoned call must not touch the lane any more.
        state = stage.state if stage.epoch == epoch else stage.stage.open(lane.stream_id)
        works: list[Work] = []
        for clip, missing in zip(group.clips, group.missing, strict=True):
            inputs: dict[str, Any] = {}
            for need in stage.stage.spec.needs:
                if need in missing:
                    continue
                array = lane.stages[self._providers[need]].newest(need, epoch, clip.last.seq)
                if array is not None:
                    inputs[need] = array
            works.append(Work(lane.stream_id, state, clip, inputs))
        return works

    def _finish(self, group: _Group, took_ns: int) -> None:
        stage, lane, now_ns = group.stage, group.lane, time.monotonic_ns()
        stage.in_flight = None
        stage.state, stage.epoch = group.results[-1].state, group.clips[-1].last.epoch
        late = sum(lane.is_late(clip.last.seq) for clip in group.clips)
        stage.edge.serve(len(group.clips) - late)
        stage.edge.drop(late, "late")
        for clip, result, events in zip(group.clips, group.results, group.events, strict=True):
            wanted = [array for array in result.outputs if array.name in self._needed]
            stage.keep(clip.last.epoch, clip.last.seq, wanted)
            if not clip.closes:
                stage.age.record(now_ns - clip.last.arrival_ns)
                self._aged(stage, clip, now_ns)
            late_now = lane.is_late(clip.last.seq)
            for ordinal, event in enumerate(events):
                decides = lane.hear(stage, event.kind, event.payload)
                if not late_now:
                    lane.push(clip.last.seq, stage.index, ordinal, event)
                elif decides:
                    _state_late(lane, stage, event)
        stage.service.record(took_ns // len(group.clips), len(group.clips))
        for need in self._needed:
            consumers = [s for s in lane.stages if need in s.stage.spec.needs]
            oldest = min(lane.done_through(consumer) for consumer in consumers)
            lane.stages[self._providers[need]].forget(need, oldest)

    def _aged(self, stage: StageLane, clip: Clip, now_ns: int) -> None:
        if self._observe is not None:
            self._observe(stage.index, now_ns - clip.last.arrival_ns)

    def observe_in_flight(self) -> None:
        """Report the age of calls that run beyond the budget: a hung device finishes nothing."""
        now_ns = time.monotonic_ns()
        with self._condition:
            for group in [group for worker in self._workers for group in worker.groups]:
                age_ns = now_ns - group.clips[0].last.arrival_ns
                if self._live is not None and age_ns > self._live.budget_ns:
                    self._aged(group.stage, group.clips[0], now_ns)

    def _fail(self, group: _Group, cause: str, why: str) -> None:
        """Account for a batch that failed; under the condition."""
        stage, lane, last_clip = group.stage, group.lane, group.clips[-1]
        last = last_clip.last
        name = stage.stage.spec.name
        stage.in_flight = None
        stage.state, stage.epoch = None, -1
        stage.edge.drop(len(group.clips), cause)
        stage.failures.append(lane.case_at(last))
        while stage.failures[0] < stage.failures[-1] - FAILURE_WINDOW_NS:
            stage.failures.popleft()
        stage.disabled = len(stage.failures) >= MAX_FAILURES
        after = "is disabled for this stream" if stage.disabled else "restarts at the next clip"
        payload = RefusalPayload(f"Stage {name} failed and {after}", why, "See the stage's card.")
        lane.failures.append(f"{payload.what}: {why}")
        self._aged(stage, last_clip, time.monotonic_ns())
        draft = Draft("error", payload)
        hashes = (stage.model_hash, stage.config_hash)
        if lane.is_late(last.seq):
            evidence = Evidence(lane.stream_id, last.epoch, group.clips[0].start_ns, last.end_ns)
            lane.state_now(Draft("error", payload, evidence=(evidence,)), name, stage.index, hashes)
            return
        event = lane.event(
            name,
            draft,
            last.epoch,
            group.clips[0].start_ns,
            last.end_ns,
            0,
            hashes,
        )
        lane.push(last.seq, stage.index, 0, event)

    def abandon_late(self) -> None:
        """Give up on calls that outlive their budget, and put a new thread in their place."""
        late: list[_Group] = []
        with self._condition:
            for worker in list(self._workers):
                if not worker.groups:
                    continue
                budget_ms = worker.groups[0].stage.stage.spec.latency_budget_ms * ABANDON_FACTOR
                if time.monotonic_ns() - worker.started_ns < budget_ms * 1e6:
                    continue
                worker.abandoned = True
                self._workers.remove(worker)
                late += worker.groups
                for group in worker.groups:
                    if group.lane.lost:
                        continue
                    why = f"it did not answer within {budget_ms:g} ms and was abandoned"
                    self._fail(group, "timeout", why)
                self._hire(worker.device)
            self._condition.notify_all()
        for group in late:
            self._release(group.lane)


def _state_late(lane: Lane, stage: StageLane, event: Event) -> None:
    """Place what must not be lost at the newest frame, resting on what it is about."""
    evidence = tuple(Evidence(**row) for row in event.evidence)
    draft = Draft(event.kind, event.payload, event.confidence, evidence=evidence)
    hashes = (stage.model_hash, stage.config_hash)
    lane.state_now(draft, stage.stage.spec.name, stage.index, hashes)
