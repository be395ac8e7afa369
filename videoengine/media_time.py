"""Media time: the stream's own stamps, epochs, and the one axis people see.

`pts_ns = round_half_even(pts × time_base × 1e9)`, computed from the integer stamp, once, here.
`case_ns = offset_ns + start_ns - first_ns` per epoch; it never goes back within a case.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, Literal

from videoengine.errors import UsageError

NS_PER_SECOND: Final = 1_000_000_000
HOLE_NS: Final = NS_PER_SECOND
"""A hole between two stamps longer than this, or than 5 nominal periods, opens an epoch."""
HOLE_PERIODS: Final = 5
INTERVALS: Final = 50
"""The nominal period is the median of this many intervals."""

PtsSource = Literal["stream", "declared", "interpolated"]
"""Where a stamp comes from: the container, the caller, or its neighbours (it had none)."""

_DURATION = re.compile(r"^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$")


def ns_from_pts(pts: int, time_base: Fraction) -> int:
    """Return the stamp `pts` (ticks of `time_base` seconds) in nanoseconds, half to even."""
    numerator = pts * time_base.numerator * NS_PER_SECOND
    quotient, remainder = divmod(numerator, time_base.denominator)
    twice = 2 * remainder
    if twice > time_base.denominator or (twice == time_base.denominator and quotient & 1):
        quotient += 1
    return quotient


def parse_duration(text: str) -> int:
    """Return a duration written `90s`, `2m` or `1h30m` in nanoseconds."""
    match = _DURATION.match(text.strip())
    if not text.strip() or match is None:
        raise UsageError(
            "This is not a duration", got=repr(text), allowed="90s, 2m, 1h30m", remedy=""
        )
    hours, minutes, seconds = match.groups()
    total = Fraction(hours or 0) * 3600 + Fraction(minutes or 0) * 60 + Fraction(seconds or 0)
    return int(total * NS_PER_SECOND)


def clock(case_ns: int, *, milliseconds: bool = False) -> str:
    """Return a case time as `h:mm:ss`, or `h:mm:ss.mmm`."""
    total_ms = max(0, case_ns) // 1_000_000
    hours, rest = divmod(total_ms, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    seconds, ms = divmod(rest, 1000)
    text = f"{hours}:{minutes:02d}:{seconds:02d}"
    return f"{text}.{ms:03d}" if milliseconds else text


@dataclass(frozen=True, slots=True)
class Epoch:
    """An unbroken stretch of one stream. No window and no model state spans two."""

    stream_id: str
    index: int
    time_base: Fraction
    """Seconds a tick."""
    first_pts: int
    first_ns: int
    """Stamp of the first frame, in nanoseconds."""
    offset_ns: int
    """Case time of the first frame, in nanoseconds."""
    cause: str = "start"
    """Why it was opened: start, hole, backward_jump, forward_jump, format_change, reconnect."""
    media_file: str | None = None
    """Recording in `quarantine/` that holds it, if any."""
    wall_anchor: str | None = None
    """Wall-clock time of the first frame, ISO 8601, if the source knows it."""
    uncertainty: int | None = None
    """Uncertainty of `wall_anchor`, in nanoseconds."""

    def case_ns(self, pts_ns: int) -> int:
        """Return the case time of a stamp in this epoch, in nanoseconds."""
        return self.offset_ns + pts_ns - self.first_ns

    def to_json(self) -> dict[str, Any]:
        """Return the manifest's row."""
        return {
            "stream_id": self.stream_id,
            "index": self.index,
            "time_base": f"{self.time_base.numerator}/{self.time_base.denominator}",
            "first_pts": self.first_pts,
            "first_ns": self.first_ns,
            "offset_ns": self.offset_ns,
            "cause": self.cause,
            "media_file": self.media_file,
            "wall_anchor": self.wall_anchor,
            "uncertainty": self.uncertainty,
        }

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Epoch:
        """Return the epoch of a manifest's row."""
        values: dict[str, Any] = dict(row)
        values["time_base"] = Fraction(row["time_base"])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the clock says about one frame."""

    epoch: int
    pts: int
    pts_ns: int
    duration_ns: int
    pts_source: PtsSource


@dataclass(frozen=True, slots=True)
class Gap:
    """The step from one epoch to the next."""

    cause: str
    previous_start_ns: int
    """Stamp of the last frame before, in the old epoch."""
    previous_end_ns: int
    duration_ns: int
    """Case time between the end of the last frame and the start of the next one."""
    attempts: int = 0
    """Of a reconnect: how many tries it took."""
    why: str = ""
    """Of a reconnect: how the feed was lost: end_of_stream, stalled, failed, closed."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A live feed was lost and is back, or its clock jumped: its stamps no longer tell the time."""

    why: str
    elapsed_ns: int
    """Monotonic time from the arrival of the last frame to that of the first one after."""
    attempts: int
    cause: str = "reconnect"
    """Of the epoch that it opens."""


@dataclass(slots=True)
class EpochClock:
    """Turns a stream's raw stamps into epochs and nanoseconds; one per stream.

    Feed it every decoded frame in presentation order. Its state is JSON, so a resumed run
    continues with the same nominal period and the same case time.
    """

    stream_id: str
    nominal_hint_ns: int | None = None
    """Nominal period the container or caller declares, used until intervals are known."""
    declared: bool = False
    """Stamps come from the caller (`--fps`, `--stamps`), not from the stream."""
    epoch: Epoch | None = None
    gap: Gap | None = None
    """Set by `stamp` when the frame opened an epoch after the first; else None."""
    unstamped: int = 0
    """Frames refused because no stamp was known yet."""
    repeated: int = 0
    """Frames refused because they repeat their predecessor's stamp."""
    _last_pts: int = 0
    _last_ns: int = 0
    _last_end_ns: int = 0
    _format: str = ""
    _reentering: bool = False
    _recent: deque[int] = field(default_factory=deque[int])
    _sorted: list[int] = field(default_factory=list[int])

    def reenter(self, epoch: Epoch) -> None:
        """Stand before the first frame of `epoch`, which another process had opened already."""
        self.epoch, self._reentering = epoch, True
        self._recent.clear()
        self._sorted.clear()

    @property
    def nominal_ns(self) -> int | None:
        """The nominal frame period in nanoseconds, if one is known yet."""
        if self._sorted:
            return self._sorted[len(self._sorted) // 2]
        return self.nominal_hint_ns

    def stamp(
        self,
        pts: int | None,
        duration: int | None,
        time_base: Fraction,
        format_key: str,
        outage: Outage | None = None,
        *,
        unbroken: bool = False,
    ) -> Stamp | None:
        """Return the frame's stamp, or None when it cannot be placed in time (it is counted).

        Args:
            pts: Presentation stamp in ticks, or None when the stream states none.
            duration: Duration in ticks, or None or 0 when not stated.
            time_base: Seconds a tick.
            format_key: Codec, size and time base; a change opens an epoch.
            outage: The feed was lost before this frame: it opens an epoch, whatever its stamp.
            unbroken: Pictures before this one were left out on purpose: a long interval is no hole.
        """
        self.gap = None
        nominal = self.nominal_ns
        pts_source: PtsSource = "declared" if self.declared else "stream"
        if pts is None:
            if self.epoch is None or nominal is None:
                self.unstamped += 1
                return None
            ticks = round(Fraction(nominal, NS_PER_SECOND) / time_base)
            pts, pts_source = self._last_pts + max(1, ticks), "interpolated"
        pts_ns = ns_from_pts(pts, time_base)
        if self.epoch is None:
            self._open(pts, pts_ns, time_base, format_key, "start", 0)
        elif self._reentering:
            if pts_ns < self.epoch.first_ns:
                self.repeated += 1
                return None
            self._format = format_key
        elif outage is not None:
            self._recent.clear()
            self._sorted.clear()
            self._follow(pts, pts_ns, time_base, format_key, outage.cause, outage)
        elif format_key != self._format:
            self._recent.clear()
            self._sorted.clear()
            self._follow(pts, pts_ns, time_base, format_key, "format_change")
        elif pts_ns == self._last_ns:
            self.repeated += 1
            return None
        elif pts_ns < self._last_ns:
            self._follow(pts, pts_ns, time_base, format_key, "backward_jump")
        else:
            interval = pts_ns - self._last_ns
            if unbroken:
                pass  # and it says nothing about the nominal period
            elif interval > self.hole_ns(nominal):
                self._follow(pts, pts_ns, time_base, format_key, "hole")
            else:
                self._learn(interval)
        self._reentering = False
        duration_ns = self._duration(duration, time_base)
        self._last_pts, self._last_ns, self._last_end_ns = pts, pts_ns, pts_ns + duration_ns
        assert self.epoch is not None
        return Stamp(self.epoch.index, pts, pts_ns, duration_ns, pts_source)

    @staticmethod
    def hole_ns(nominal_ns: int | None) -> int:
        """Return the longest interval between two stamps that is not a hole."""
        return HOLE_NS if nominal_ns is None else max(HOLE_NS, HOLE_PERIODS * nominal_ns)

    def _duration(self, duration: int | None, time_base: Fraction) -> int:
        nominal = self.nominal_ns
        stated = ns_from_pts(duration, time_base) if duration else 0
        if stated <= 0 or stated > self.hole_ns(nominal):
            return nominal or 0
        return stated

    def _learn(self, interval: int) -> None:
        self._recent.append(interval)
        insort(self._sorted, interval)
        if len(self._recent) > INTERVALS:
            oldest = self._recent.popleft()
            del self._sorted[bisect_left(self._sorted, oldest)]

    def _follow(
        self,
        pts: int,
        pts_ns: int,
        tb: Fraction,
        format_key: str,
        cause: str,
        outage: Outage | None = None,
    ) -> None:
        assert self.epoch is not None
        end = self.epoch.case_ns(self._last_end_ns)
        offset = end
        if outage is not None:  # the stamps before and after may have nothing in common
            offset = max(end, self.epoch.case_ns(self._last_ns) + outage.elapsed_ns)
        if pts_ns > self._last_ns and cause == "hole":
            offset = max(end, self.epoch.case_ns(pts_ns))
        elif cause == "format_change" and pts_ns - self._last_end_ns >= 0:
            offset = self.epoch.case_ns(pts_ns)
        attempts, why = (0, "") if outage is None else (outage.attempts, outage.why)
        self.gap = Gap(cause, self._last_ns, self._last_end_ns, offset - end, attempts, why)
        self._open(pts, pts_ns, tb, format_key, cause, offset)

    def _open(
        self, pts: int, pts_ns: int, tb: Fraction, format_key: str, cause: str, offset: int
    ) -> None:
        index = 0 if self.epoch is None else self.epoch.index + 1
        self._format = format_key
        self.epoch = Epoch(self.stream_id, index, tb, pts, pts_ns, offset, cause)

    def encode(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return {
            "epoch": None if self.epoch is None else self.epoch.to_json(),
            "last": [self._last_pts, self._last_ns, self._last_end_ns],
            "format": self._format,
            "recent": list(self._recent),
            "refused": [self.unstamped, self.repeated],
        }

    def decode(self, state: dict[str, Any]) -> None:
        """Continue from what `encode` returned."""
        row = state["epoch"]
        self.epoch = None if row is None else Epoch.from_json(row)
        self._last_pts, self._last_ns, self._last_end_ns = state["last"]
        self._format = state["format"]
        self._recent = deque(state["recent"])
        self._sorted = sorted(self._recent)
        self.unstamped, self.repeated = state["refused"]
