"""The reading side of a live feed: connect, read packets, record them, connect again.

CONNECTING → LIVE → (STALLED) → BACKOFF → CONNECTING …, in a thread of its own. FFmpeg may ignore
its timeouts, so the consumer watches the thread's heartbeat and replaces a reader that hangs; a
replaced one can put nothing any more.
"""

from __future__ import annotations

import random
import threading
import time
from typing import Any, Final, Protocol

import av
from av.container import InputContainer
from av.error import (
    ExitError,
    FFmpegError,
    HTTPForbiddenError,
    HTTPUnauthorizedError,
)
from av.packet import Packet
from av.video.stream import VideoStream

from videoengine.errors import SourceError, one_line
from videoengine.media_time import NS_PER_SECOND
from videoengine.sources import LiveState
from videoengine.streams.decoder import check_size
from videoengine.streams.live_config import LiveConfig
from videoengine.streams.live_url import LiveAddress, secrets_of
from videoengine.streams.packet_queue import Item, Lost, Opened, Received
from videoengine.streams.recorder import Recorder, epoch_seconds

STALE: Final = 0.95
"""A packet that comes after this part of the watchdog was held back by FFmpeg's parser."""
GRACE_S: Final = 0.05
"""A reader that is this much over its time is left behind."""


def pause_after(outage_s: float, config: LiveConfig) -> float:
    """Return the pause before the next try, before jitter: constant at first, then doubling."""
    pause_s = config.retry_s
    if outage_s >= config.quick_s:
        # Pauses that double have taken about as long, all together, as the next one takes.
        pause_s *= 2
        while pause_s < config.cap_s and pause_s < outage_s - config.quick_s:
            pause_s *= 2
    return min(pause_s, config.cap_s)


class Inbox(Protocol):
    """Where a reader puts what it reads: the source, which knows the current reader."""

    def put(self, reader: LiveReader, item: Item) -> bool:
        """Take an item; return False when the reader has been replaced and must end."""
        ...

    def deny(self, reader: LiveReader, reason: str) -> None:
        """Learn that the server refuses us."""
        ...


class LiveReader:
    """One reader thread; `stop` ends it after the packet it is reading."""

    def __init__(
        self,
        address: LiveAddress,
        config: LiveConfig,
        inbox: Inbox,
        recorder: Recorder | None,
        name: str,
        *,
        reconnecting: bool,
    ) -> None:
        """Start reading `address`."""
        self._address, self._config, self._inbox = address, config, inbox
        self._recorder = recorder
        self._random = random.Random()
        self._stopping = threading.Event()
        self.state: LiveState = "connecting"
        self.attempts = 0
        self.last_failure: str | None = None
        self.retry_at_s = 0.0
        self.received_bytes = 0
        self.heartbeat_s = time.monotonic()
        self._lost_at_s = time.monotonic() if reconnecting else None
        self.period_s = 0.0
        self._thread = threading.Thread(target=self._run, name=f"reader-{name}", daemon=True)
        self._thread.start()

    @property
    def watchdog_s(self) -> float:
        """Longest silence of a feed that is still taken for alive, in seconds."""
        return max(self._config.watchdog_s, self._config.watchdog_periods * self.period_s)

    def hangs(self) -> bool:
        """Tell whether FFmpeg has ignored its timeouts: it often takes twice the read timeout."""
        limits = {
            "connecting": self._config.open_timeout_s + self.watchdog_s,
            "live": self.watchdog_s,
        }
        limit_s = limits.get(self.state)
        return limit_s is not None and time.monotonic() - self.heartbeat_s > limit_s + GRACE_S

    def stop(self) -> None:
        """End the thread as soon as FFmpeg returns."""
        self._stopping.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread's end, at most so long."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        config = self._config
        while not self._stopping.is_set():
            self.state, self.attempts = "connecting", self.attempts + 1
            self.heartbeat_s = time.monotonic()
            pause_s = self._connect_and_read()
            if self._stopping.is_set():
                break
            if config.max_attempts is not None and self.attempts >= config.max_attempts:
                self._inbox.put(self, Lost("given_up", True))
                break
            now_s = time.monotonic()
            self._lost_at_s = now_s if self._lost_at_s is None else self._lost_at_s
            if pause_s is None:
                pause_s = pause_after(now_s - self._lost_at_s, config)
            pause_s *= 1 + self._random.uniform(-config.jitter, config.jitter)
            self.state, self.retry_at_s = "backoff", now_s + pause_s
            self._stopping.wait(pause_s)
        self.state = "closed"
        if self._recorder is not None:
            self._recorder.disconnect()

    def _connect_and_read(self) -> float | None:
        """Read one connection to its end; return a pause of its own, or None for the usual one."""
        live = False
        container: InputContainer | None = None
        stale = True
        try:
            container = self._open()
            stream = _video_stream(container, self._address.shown)
            reading = self._read(container, stream)
            for outcome in reading:
                live = live or outcome is None
                if outcome is not None:
                    why, stale = outcome
                    break
            else:
                why, stale = "end_of_stream", False
        except (HTTPUnauthorizedError, HTTPForbiddenError) as error:
            why = self._say(error)
            self._inbox.deny(self, why)
            return self._config.denied_s
        except SourceError as error:  # a size or a stream that no retry will mend soon
            self.last_failure = error.line()
            self._inbox.deny(self, error.line())
            return self._config.denied_s
        except ExitError:
            why = "stalled" if live else "timeout"
            self.last_failure = "silent: no data in time"
        except (FFmpegError, OSError, ValueError) as error:
            why, stale = "failed", False
            self._say(error)
        finally:
            if container is not None:
                container.close()
        if live:
            self.state = "stalled" if why == "stalled" else "backoff"
            self.last_failure = why if why != "failed" else self.last_failure
            self._lost_at_s, self.attempts = time.monotonic(), 0
            if self._recorder is not None:
                self._recorder.disconnect()
            self._inbox.put(self, Lost(why, stale))
        return None

    def _say(self, error: FFmpegError | OSError | ValueError) -> str:
        """Return an error's words without anything that belongs to the URL's secrets."""
        text = one_line(getattr(error, "strerror", None) or str(error))
        for secret in secrets_of(self._address.url):
            text = text.replace(secret, "***")
        self.last_failure = text
        return text

    def _open(self) -> InputContainer:
        timeouts = (self._config.open_timeout_s, self.watchdog_s)
        return av.open(
            self._address.url,
            mode="r",
            format=self._address.format,
            options=dict(self._address.options),
            timeout=timeouts,
            metadata_errors="replace",
        )

    def _read(self, container: InputContainer, stream: VideoStream) -> Any:
        """Put every packet into the inbox; yield None at each, or (why, stale) at the end."""
        first, wall = True, _WallClock()
        codec = stream.codec_context
        rate = stream.average_rate or codec.framerate or None
        before_s = self.heartbeat_s = time.monotonic()
        for packet in container.demux(stream):
            now_s = self.heartbeat_s = time.monotonic()
            if self._stopping.is_set():
                yield "closed", False
                return
            if not packet.size:
                continue
            # After a timeout FFmpeg hands out the packet its parser held back, as if it were new.
            late = not first and now_s - before_s >= STALE * self.watchdog_s
            before_s = now_s
            if first:
                first = False
                self._begin(stream, rate)
            file = None if self._recorder is None else self._recorder.write(packet)
            self.received_bytes += packet.size
            arrival_ns = time.monotonic_ns()
            item = Received(packet, arrival_ns, file, wall.at(packet), stale=late)
            if not self._inbox.put(self, item):
                self._stopping.set()
                return
            if late:
                yield "stalled", True
                return
            yield None

    def _begin(self, stream: VideoStream, rate: Any) -> None:
        codec = stream.codec_context
        nominal_ns = None if not rate else round(NS_PER_SECOND / rate)
        self.period_s = 0.0 if nominal_ns is None else nominal_ns / NS_PER_SECOND
        if self._recorder is not None:
            self._recorder.connect(stream, nominal_ns)
        opened = Opened(
            codec.codec.canonical_name,
            codec.extradata,
            stream.time_base,
            float(rate) if rate else None,
            self.attempts,
        )
        self._inbox.put(self, opened)
        self.state = "live"  # after the source has heard of it: from now on it expects pictures


class _WallClock:
    """The sender's wall clock, from RTCP sender reports (FFmpeg's `prft` side data)."""

    def at(self, packet: Packet[VideoStream]) -> float | None:
        """Return the wall clock of a packet, in seconds since 1970, if its sender stated one."""
        if not packet.has_sidedata("prft"):
            return None
        return epoch_seconds(bytes(packet.get_sidedata("prft")))


def _video_stream(container: InputContainer, shown: str) -> VideoStream:
    """Return the first video stream.

    Raises:
        SourceError: There is none, or its pictures are too large.
    """
    for stream in container.streams.video:
        context = stream.codec_context
        if context.width:  # RTSP may not know it before the first picture
            check_size(context.width, context.height, shown)
        return stream
    raise SourceError(f"{shown} holds no video", remedy="Name a stream with video.")
