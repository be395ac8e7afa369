"""The ladder: which stages are thinned under overload, and when they come back.

It is driven by measured ages alone, never by an announced frame rate. A stage is fed every clip,
every second, every fourth, or none; the windows of its clips keep their declared rate.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from videoengine.live_policy import LivePolicy
from videoengine.media_time import NS_PER_SECOND
from videoengine.stages import StageSpec

LEVELS: Final = (1, 2, 4, 0)
"""Every n-th clip is kept; 0 keeps none."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step down or up of one stage."""

    index: int
    """Of the stage in the order given to the ladder."""
    from_thin: int
    to_thin: int


def keeps(thin: int, index: int) -> bool:
    """Tell whether the clip of this number is fed at this level."""
    return thin > 0 and index % thin == 0


def clip_rate(spec: StageSpec, thin: int) -> float:
    """Return clips a second at this level."""
    return spec.rate_hz / spec.stride / thin if thin else 0.0


class Ladder:
    """Decides, with hysteresis, what to shed; knows no thread and reads no clock."""

    def __init__(self, specs: Sequence[StageSpec], policy: LivePolicy) -> None:
        """Start with every stage fed every clip."""
        self._policy = policy
        shed = [(spec.shed_order, i) for i, spec in enumerate(specs) if spec.shed_order is not None]
        self._order = [index for _, index in sorted(shed)]
        self._levels = [0] * len(specs)
        self._stepped: list[int] = []
        self._ages: deque[tuple[int, int]] = deque()
        self._over_since: int | None = None
        self._under_since: int | None = None
        devices = {specs[index].device for index in self._order}
        self._watched = [spec.device in devices for spec in specs]

    @property
    def thins(self) -> list[int]:
        """The level of every stage, as the divisor of its clips; 0 is off."""
        return [LEVELS[level] for level in self._levels]

    def watches(self, index: int) -> bool:
        """Tell whether shedding can relieve the device of this stage, so that its ages count."""
        return self._watched[index]

    def observe(self, now_ns: int, age_ns: int) -> None:
        """Record the age of a result, or of a call that is overdue."""
        self._ages.append((now_ns, age_ns))

    def p99_ns(self, now_ns: int) -> int:
        """Return the 99th percentile of the ages within the last `down_s`; 0 without any."""
        oldest = now_ns - round(self._policy.down_s * NS_PER_SECOND)
        while self._ages and self._ages[0][0] <= oldest:
            self._ages.popleft()
        ages = sorted(age for _, age in self._ages)
        return ages[math.ceil(0.99 * len(ages)) - 1] if ages else 0

    def decide(self, now_ns: int) -> Step | None:
        """Return the step to take now, if any; at most one."""
        policy = self._policy
        p99 = self.p99_ns(now_ns)
        over, under = p99 > policy.budget_ns, p99 <= policy.recover * policy.budget_ns
        self._over_since = (self._over_since or now_ns) if over else None
        self._under_since = (self._under_since or now_ns) if under else None
        if _lasts(self._over_since, now_ns, policy.down_s):
            self._over_since = None
            for index in self._order:
                if self._levels[index] < len(LEVELS) - 1:
                    self._stepped.append(index)
                    return self._step(index, 1)
        elif self._stepped and _lasts(self._under_since, now_ns, policy.up_s):
            self._under_since = None
            return self._step(self._stepped.pop(), -1)
        return None

    def _step(self, index: int, by: int) -> Step:
        before = self._levels[index]
        self._levels[index] = before + by
        self._ages.clear()  # they were measured under another load
        return Step(index, LEVELS[before], LEVELS[before + by])


def _lasts(since_ns: int | None, now_ns: int, seconds: float) -> bool:
    return since_ns is not None and now_ns - since_ns >= seconds * NS_PER_SECOND
