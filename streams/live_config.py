"""Every timing constant of a live feed, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from videoengine.errors import UsageError

Record = Literal["raw", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveConfig:
    """How a live feed is opened, watched, recorded and opened again."""

    open_timeout_s: float = 5.0
    """A connection that has given no packet within this time has failed."""
    watchdog_s: float = 2.0
    """A feed that is silent for the longer of this and `watchdog_periods` is lost."""
    watchdog_periods: int = 10
    picture_timeout_s: float = 10.0
    """A feed whose packets give no picture for this long is opened anew."""
    retry_s: float = 0.1
    """Pause before each try while the outage is younger than `quick_s`."""
    quick_s: float = 5.0
    cap_s: float = 30.0
    """Later pauses double up to this."""
    jitter: float = 0.2
    """Every pause is changed at random by up to this part of it."""
    denied_s: float = 30.0
    """Pause after the server refused our credentials."""
    max_attempts: int | None = None
    """Give up after so many tries in a row; None never does."""
    decode_late_s: float = 0.5
    """Decoding leaves out more when the oldest waiting packet is older than this."""
    decode_calm_s: float = 5.0
    """And leaves out less again after this long without falling behind."""
    waiting_bytes: int = 64 << 20
    """Packets that wait for the decoder; beyond it they are skipped to the next key picture."""
    lossless: bool = False
    """The decoder leaves nothing out, and the reader waits while `waiting_bytes` do."""
    record: Record = "raw"
    segment_s: float = 600.0
    """A recording goes on in another file at the first key picture after this long."""
    retention_s: float = 72 * 3600.0
    """Finished files of the recording are deleted when they are older."""
    rtsp_transport: Literal["tcp", "udp"] = "tcp"

    def __post_init__(self) -> None:
        """Refuse constants that cannot be meant."""
        for name in ("open_timeout_s", "watchdog_s", "retry_s", "cap_s", "segment_s"):
            value: float = getattr(self, name)
            if not value > 0:
                raise UsageError(f"LiveConfig.{name}", got=value, allowed="above 0")
        if not 0 <= self.jitter < 1:
            raise UsageError("LiveConfig.jitter", got=self.jitter, allowed="0 to below 1")
