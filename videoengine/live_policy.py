"""How an Engine treats live feeds: what it drops, how long it waits, when it sheds load."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from videoengine.edges import EdgeConfig
from videoengine.errors import UsageError
from videoengine.stages import StageSpec

NS_PER_MS: Final = 1_000_000
MAX_BATCH_WAIT_MS: Final = 10.0
"""A batch of live clips never waits longer than this to be filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePolicy:
    """What gives way when stages cannot keep up. Times are milliseconds or seconds, by name."""

    budget_ms: float = 500.0
    """Age a result should not exceed: from the arrival of its newest frame to its end."""
    late_ms: float = 1000.0
    """Watermark: events wait this long, from when a frame was offered, for a slow stage."""
    down_s: float = 2.0
    """The 99th percentile of ages must exceed the budget for this long before load is shed."""
    up_s: float = 10.0
    """Ages must be well below the budget for this long before a step is taken back."""
    recover: float = 0.5
    """Part of the budget that counts as well below."""
    drops_every_s: float = 1.0
    """Media time between two reports of drops."""

    def __post_init__(self) -> None:
        """Refuse times that are not times."""
        for name in ("budget_ms", "late_ms", "down_s", "up_s", "recover", "drops_every_s"):
            value = float(getattr(self, name))
            if not (0 < value < math.inf):
                raise UsageError(f"{name} of a live policy", got=value, allowed="above 0")

    @property
    def budget_ns(self) -> int:
        """The budget in nanoseconds."""
        return round(self.budget_ms * NS_PER_MS)

    @property
    def late_ns(self) -> int:
        """The watermark in nanoseconds."""
        return round(self.late_ms * NS_PER_MS)

    @property
    def join_ns(self) -> int:
        """How long a clip waits for the stages it needs; half the watermark.

        Were it the whole watermark, every result that went without an input would be late.
        """
        return self.late_ns // 2

    def edge_config(self, spec: StageSpec) -> EdgeConfig:
        """Return an edge on which nothing ever waits for room.

        A stage that needs others must be able to wait for them, so its clips are not superseded.
        """
        if spec.window == 1 and not spec.needs:
            return EdgeConfig(2, "latest")
        budget_ns = self.late_ns if spec.needs else self.budget_ns
        clips = math.ceil(spec.rate_hz / spec.stride * budget_ns / 1e9) + 2
        return EdgeConfig(max(8, 2 * spec.max_batch, clips), "staleness", budget_ns)


def batch_wait_ns(spec: StageSpec) -> int:
    """Return how long a live clip waits for others to share its batch."""
    return round(min(spec.max_wait_ms, MAX_BATCH_WAIT_MS) * NS_PER_MS)
