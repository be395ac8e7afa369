"""The feeder of one lane: reads its source, turns epochs, offers frames, checkpoints, drains."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from videoengine.errors import VideoEngineError, one_line
from videoengine.events import Draft, Event, Evidence
from videoengine.frames import Clip, Frame
from videoengine.ladder import keeps
from videoengine.lane import ENGINE, Lane
from videoengine.live_policy import LivePolicy
from videoengine.media_time import NS_PER_SECOND
from videoengine.payloads import DropPayload, GapPayload, RefusalPayload
from videoengine.sampling import NEVER
from videoengine.sources import LiveFeed
from videoengine.stage_lane import StageLane

CHECKPOINT_NS: Final = 10 * NS_PER_SECOND
"""A checkpoint is taken when case time enters a new cell of this length."""
FOREVER_NS: Final = 1 << 62
"""Later than any stamp."""
DRAIN_LOOK_S: Final = 0.1
"""A draining feeder looks this often: stale clips are dropped without waking it."""


@dataclass(frozen=True, slots=True)
class Run:
    """What all feeders of a run share."""

    condition: threading.Condition
    live: LivePolicy | None
    checkpoints: bool
    until_ns: int | None
    is_over: Callable[[], bool]
    """The run was closed or has failed."""
    release: Callable[[Lane], None]
    """Hands a lane's events on."""


class Feeder:
    """Feeds one stream to its stages, in a thread of its own."""

    def __init__(self, lane: Lane, run: Run) -> None:
        """Stand before the lane's next frame."""
        self._lane, self._run = lane, run
        self._feed = lane.source if isinstance(lane.source, LiveFeed) else None
        self._made = bool(lane.source.info.content)
        """The pictures are made when they are asked for: here, in order, on no stage's time."""
        self._reported: dict[tuple[str, str], int] = {}
        self._report_ns = 0
        """Case time from which drops are reported again."""

    def run(self) -> None:
        """Feed the lane until its source ends; a live lane that fails takes only itself along."""
        if self._run.live is None:
            self._read()
            self._end(self._lane.source.failure)
            return
        try:
            try:
                self._read()
                failure = self._lane.source.failure
            except VideoEngineError as error:
                failure = one_line(error)
            self._end(failure)
        except VideoEngineError as error:  # of the log: nothing can be said there any more
            self._lane.failures.append(one_line(error))
            self._lane.cut_off()

    def _is_over(self) -> bool:
        return self._lane.lost or self._run.is_over()

    def _read(self) -> None:
        lane = self._lane
        due = min((s.sampler.due_ns for s in lane.active), default=NEVER)
        epoch = -1 if lane.last_frame is None else lane.last_frame.epoch
        limit, next_ns = self._limit(), self._next_checkpoint()
        for frame in lane.source:
            if self._is_over():
                return
            if frame.epoch != epoch:
                self._turn(frame)
                epoch, due = frame.epoch, NEVER
                limit, next_ns = self._limit(), self._next_checkpoint()
            if frame.pts_ns >= limit:
                return
            if lane.waiting and lane.decided is not None:
                self._settle(frame)
                due = NEVER
            lane.frames += 1
            lane.last_frame = frame
            if lane.on_frame is not None:
                lane.on_frame(frame)
            if frame.pts_ns >= due:
                due = self._offer(frame)
            else:
                lane.note_offer(frame.seq)
            if self._run.live is not None:
                self._report(self._run.live)
            self._announce()
            if frame.pts_ns >= next_ns:
                self._checkpoint()
                next_ns = self._next_checkpoint()
            if lane.ending:
                return

    def _limit(self) -> int:
        """Return the stamp in the current epoch at which the run ends."""
        if self._run.until_ns is None or not self._lane.epochs:
            return FOREVER_NS
        epoch = self._lane.epochs[-1]
        return epoch.first_ns + self._run.until_ns - epoch.offset_ns

    def _next_checkpoint(self) -> int:
        """Return the stamp in the current epoch from which the next checkpoint is due.

        After a gap that crossed a cell's boundary it lies before the epoch's first frame: due at
        once.
        """
        lane = self._lane
        if not lane.epochs or not self._run.checkpoints or lane.source.is_live:
            return FOREVER_NS
        epoch = lane.epochs[-1]
        return epoch.first_ns + (lane.cell + 1) * CHECKPOINT_NS - epoch.offset_ns

    # --- epochs --------------------------------------------------------------------------------

    def _turn(self, frame: Frame) -> None:
        """End one epoch and begin the next at `frame`."""
        lane = self._lane
        self._sample_last()
        epoch = lane.source.clock.epoch
        assert epoch is not None
        lane.epochs.append(epoch)
        if lane.on_epoch is not None:
            lane.on_epoch(epoch)
        if lane.opening is not None:
            lane.sink.put([lane.opening()])
            lane.opening = None
        for stage in lane.stages:
            stage.sampler.begin(frame)
        if lane.last_frame is None:
            stages = [s for s in lane.stages if s not in lane.active and s not in lane.waiting]
            self._refuse(stages, frame)
        else:
            self._state_gap(lane.last_frame, frame)

    def _state_gap(self, before: Frame, after: Frame) -> None:
        """State what lies between two epochs; a reconnect also says how the feed was lost."""
        lane = self._lane
        gap = lane.source.clock.gap
        if gap is None:
            return
        evidence = (
            Evidence(lane.stream_id, before.epoch, before.pts_ns, before.end_ns),
            Evidence(lane.stream_id, after.epoch, after.pts_ns, after.end_ns),
        )
        payload = GapPayload(gap.cause, gap.duration_ns, gap.attempts)
        drafts = [Draft("gap", payload, evidence=evidence)]
        if gap.cause == "reconnect":
            payload = GapPayload(gap.why, gap.duration_ns, gap.attempts)
            drafts.append(Draft("reconnect", payload, evidence=evidence))
        for ordinal, draft in enumerate(drafts):
            event = lane.event(ENGINE, draft, after.epoch, after.pts_ns, after.end_ns, ordinal)
            with self._run.condition:
                lane.push(after.seq, -1, ordinal, event)

    def _settle(self, frame: Frame) -> None:
        """From `frame` on, feed the stages that cover the procedure that was decided."""
        lane = self._lane
        waiting = lane.waiting
        refused = lane.settle()
        for stage in waiting:
            if stage not in refused:
                stage.sampler.begin(frame)
        self._refuse(refused, frame)

    def _refuse(self, stages: Sequence[StageLane], frame: Frame) -> None:
        """State once for each of these that it does not cover the procedure and says nothing."""
        for stage in stages:
            event = refusal(self._lane, stage, frame)
            with self._run.condition:
                self._lane.push(frame.seq, stage.index, 0, event)

    # --- frames --------------------------------------------------------------------------------

    def _offer(self, frame: Frame) -> int:
        """Give a frame to the stages it is due for; return when the next one is due."""
        due = FOREVER_NS
        asked, decides = False, bool(self._lane.waiting) and self._run.live is None
        for stage in self._lane.active:
            if frame.pts_ns >= stage.sampler.due_ns:
                clip = stage.sampler.take(frame)
                # Without loss, stages begin at a frame that does not depend on how quick it was.
                asked |= decides and stage is self._lane.decider and clip is not None
                if self._made:
                    frame.pixels.planes()
                if clip is not None:
                    _put(stage, clip)
            due = min(due, stage.sampler.due_ns)
        self._advance(frame.seq)
        if asked:
            self._drain()
        return due

    def _sample_last(self) -> None:
        frame = self._lane.last_frame
        if frame is None:
            return
        for stage in self._lane.active:
            clip = stage.sampler.last(frame)
            if clip is not None:
                if self._made:
                    frame.pixels.planes()
                _put(stage, clip)
        self._advance(frame.seq)

    def _advance(self, seq: int) -> None:
        with self._run.condition:
            self._lane.note_offer(seq)
            self._run.condition.notify_all()

    def _announce(self) -> None:
        """State what a live feed wants in the log."""
        drafts = () if self._feed is None else self._feed.announcements()
        if drafts and self._lane.last_frame is not None:
            with self._run.condition:
                for draft in drafts:
                    self._lane.state_now(draft)

    def _report(self, live: LivePolicy) -> None:
        """State, at most once in a while, what was dropped since the last report."""
        if self._lane.case_ns >= self._report_ns and self._state_drops():
            self._report_ns = self._lane.case_ns + round(live.drops_every_s * NS_PER_SECOND)

    def _state_drops(self) -> bool:
        stated = False
        with self._run.condition:
            for stage in self._lane.stages:
                edge = stage.stage.spec.name
                for cause, count in stage.edge.ledger.dropped.items():
                    fresh = count - self._reported.get((edge, cause), 0)
                    if fresh:
                        self._reported[edge, cause] = count
                        self._lane.state_now(Draft("drop", DropPayload(edge, cause, fresh)))
                        stated = True
        return stated

    # --- cuts ----------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Wait until every clip of the lane is done and every event is on its way."""
        lane = self._lane
        with self._run.condition:
            lane.flushing = True
            self._run.condition.notify_all()
            while not lane.idle and not self._is_over():
                self._run.condition.wait(DRAIN_LOOK_S)
            lane.flushing = False
        self._run.release(lane)

    def _checkpoint(self) -> None:
        self._drain()
        if not self._is_over():
            self._lane.cell = self._lane.case_ns // CHECKPOINT_NS
            self._lane.sink.checkpoint(self._lane.encode())

    def _end(self, failure: str | None) -> None:
        lane = self._lane
        if self._is_over():
            return
        self._sample_last()
        self._announce()
        if failure is not None:
            lane.failures.append(one_line(failure))
            if lane.last_frame is not None:
                payload = RefusalPayload(
                    "The source ended before its end", one_line(failure), self._remedy()
                )
                with self._run.condition:
                    lane.state_now(Draft("error", payload))
        self._drain()
        if self._run.live is not None and lane.last_frame is not None and not self._is_over():
            with self._run.condition:
                self._state_drops()
                lane.ended = True
            self._run.release(lane)

    def _remedy(self) -> str:
        if self._lane.source.is_live:
            return "Check the device that sends it and the network, and start it again."
        return "Copy the recording again from where it was made, and analyze it anew."


def refusal(lane: Lane, stage: StageLane, frame: Frame) -> Event:
    """Return, at a frame, the statement that a stage does not cover this procedure."""
    card, config = stage.stage.spec.card, stage.config
    procedure = config["procedure"] or lane.decided or "not stated"
    payload = RefusalPayload(
        f"Stage {stage.stage.spec.name} does not cover this procedure",
        f"{card.id} is for {', '.join(card.procedures) or 'any procedure'} in "
        f"{', '.join(card.modalities)}; this is {procedure} in {config['modality']}",
        "State --procedure and --modality, or choose a stage that covers them.",
    )
    draft, hashes = Draft("refusal", payload), (stage.model_hash, stage.config_hash)
    name = stage.stage.spec.name
    return lane.event(name, draft, frame.epoch, frame.pts_ns, frame.end_ns, 0, hashes)


def _put(stage: StageLane, clip: Clip) -> None:
    if stage.thin == 1 or keeps(stage.thin, clip.index):
        stage.edge.put(clip)
    else:
        stage.edge.shed("shed")
