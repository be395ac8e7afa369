"""Which clips of live feeds run next: the batch is full, or its oldest clip has waited enough.

Stages that are never shed go first, then the one whose oldest clip is oldest; within a stage the
stream that was served longest ago. So no stream starves, and one that stalls delays the others by
no more than the wait for a batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from videoengine.frames import Clip
from videoengine.lane import Lane
from videoengine.live_policy import LivePolicy, batch_wait_ns
from videoengine.stage_lane import StageLane
from videoengine.stages import StageSpec

LOOK_S: Final = 0.01
Turns = Callable[[int], list[tuple[Lane, StageLane]]]
"""Returns a stage's part of every lane, the one served longest ago first."""
Choice = tuple[list[tuple[Lane, StageLane, int]], float | None]
"""How many clips of which lanes run now; or none, and in how many seconds to look again."""


class LiveBatches:
    """Chooses batches; every method runs under the engine's condition."""

    def __init__(
        self,
        specs: Sequence[StageSpec],
        providers: Mapping[str, int],
        live: LivePolicy,
        by_turn: Turns,
    ) -> None:
        """Choose among stages of `specs`; `providers` says which of them gives each array."""
        self._specs, self._providers, self._live = specs, providers, live
        self._by_turn = by_turn

    def missing(self, lane: Lane, stage: StageLane, clip: Clip) -> frozenset[str]:
        """Return the arrays that a clip has to do without if it runs now."""
        gone: set[str] = set()
        for need in stage.stage.spec.needs:
            provider = lane.stages[self._providers[need]]
            # An array of long ago is worse than none: the provider was switched off.
            if not provider.thin or lane.done_through(provider) < clip.last.seq:
                gone.add(need)
        return frozenset(gone)

    def choose(self, device: str) -> Choice:
        """Return the batch that a device runs now."""
        now_ns = time.monotonic_ns()
        due: list[tuple[bool, int, int]] = []
        look_ns: list[int] = []
        for index, spec in enumerate(self._specs):
            if spec.device != device:
                continue
            at_ns, oldest_ns = self._due(index, now_ns)
            if at_ns is not None and at_ns <= now_ns:
                due.append((spec.shed_order is not None, oldest_ns, index))
            elif at_ns is not None:
                look_ns.append(at_ns)
        if due:
            # Clips may have gone stale since: then nothing is left, and it looks again.
            return self._fill(min(due)[2], now_ns), LOOK_S
        wait_s = max(0.0005, (min(look_ns) - now_ns) / 1e9) if look_ns else None
        return [], wait_s

    def _due(self, index: int, now_ns: int) -> tuple[int | None, int]:
        """Return when a stage's next batch is due, None for never, and its oldest clip's time."""
        spec = self._specs[index]
        ready = 0
        oldest_ns = now_ns
        at: list[int] = []
        for lane, stage in self._by_turn(index):
            since = self._joined(lane, stage, now_ns)
            if since:
                ready += len(since)
                oldest_ns = min(oldest_ns, since[0])
                at.append(now_ns if lane.flushing else since[0] + batch_wait_ns(spec))
            elif stage.edge.oldest_ns is not None and stage.in_flight is None:
                at.append(stage.edge.oldest_ns + self._live.join_ns)
        if ready >= spec.max_batch:
            return now_ns, oldest_ns
        return min(at, default=None), oldest_ns

    def _joined(self, lane: Lane, stage: StageLane, now_ns: int) -> list[int]:
        """Return when each clip came that may run as one call now, oldest first."""
        if stage.in_flight is not None or lane.lost:
            return []
        since: list[int] = []
        epoch = -1
        for at_ns, clip in stage.edge.waiting_since():
            if since and clip.last.epoch != epoch:
                break
            epoch = clip.last.epoch
            missing = any(
                lane.done_through(lane.stages[self._providers[need]]) < clip.last.seq
                for need in stage.stage.spec.needs
            )
            if missing and now_ns - at_ns < self._live.join_ns:
                break
            since.append(at_ns)
        return since

    def _fill(self, index: int, now_ns: int) -> list[tuple[Lane, StageLane, int]]:
        """Take one clip of each lane in turn, then another, until the batch is full."""
        room = self._specs[index].max_batch
        found = [
            (lane, stage, len(self._joined(lane, stage, now_ns)))
            for lane, stage in self._by_turn(index)
        ]
        counts = [0] * len(found)
        while room and any(count < most for count, (_, _, most) in zip(counts, found, strict=True)):
            for at, (_, _, most) in enumerate(found):
                if room and counts[at] < most:
                    counts[at] += 1
                    room -= 1
        return [
            (lane, stage, count)
            for count, (lane, stage, _) in zip(counts, found, strict=True)
            if count
        ]
