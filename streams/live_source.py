"""A live feed as a Source: never gives up, and says in its epochs what was missed."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Self

from videoengine.errors import SourceError, UsageError
from videoengine.events import Draft
from videoengine.frames import Frame, Pixels
from videoengine.media_time import EpochClock
from videoengine.payloads import RefusalPayload
from videoengine.sources import LiveStatus, PacketLedger, SourceInfo
from videoengine.streams.live_config import LiveConfig
from videoengine.streams.live_framer import Continuation, LiveFramer
from videoengine.streams.live_reader import LiveReader
from videoengine.streams.live_url import LiveAddress, live_address
from videoengine.streams.packet_queue import Item, Lost, Opened, PacketQueue, Received
from videoengine.streams.recorder import Recorder

POLL_S: Final = 0.05
CLOSE_S: Final = 1.0


def open_live(
    url: str,
    *,
    stream_id: str = "s0",
    config: LiveConfig | None = None,
    quarantine: Path | None = None,
    after: Continuation | None = None,
) -> LiveSource:
    """Open a live feed; returns at once, also while the feed is down. The caller closes it.

    Args:
        url: rtsp, rtsps, rtmp, rtmps, http, https or udp URL, or the number of a camera.
        stream_id: Name of the stream in the case.
        config: Every timing constant; the shipped ones by default.
        quarantine: Folder for the recording; None records nothing.
        after: What was read of this stream before, which goes on in a new epoch.

    Raises:
        UsageError: The address cannot be right.
    """
    config = config or LiveConfig()
    address = live_address(url, config)
    recorder = None
    if quarantine is not None and config.record == "raw":
        recorder = Recorder(quarantine, config)
    return LiveSource(address, stream_id, config, recorder, after)


class LiveSource:
    """Frames of a live feed, in presentation order, until it is stopped."""

    is_live = True

    def __init__(
        self,
        address: LiveAddress,
        stream_id: str,
        config: LiveConfig,
        recorder: Recorder | None,
        after: Continuation | None = None,
    ) -> None:
        """Start reading; use `open_live`."""
        self.clock = EpochClock(stream_id) if after is None else after.clock
        self.packets = PacketLedger()
        self.failure: str | None = None
        self._address, self._config, self._recorder = address, config, recorder
        self._lock = threading.Lock()
        self._queue = PacketQueue(config.waiting_bytes)
        self._announced: deque[Draft] = deque(maxlen=64)
        self._denied: str | None = None
        self._recording = True
        self._stopped = threading.Event()
        self._ended = False
        self._picture_s = time.monotonic()
        self._received_before = 0
        info = SourceInfo(
            address.shown, address.scheme, "pyav", "", (0, 0), Fraction(1, 90_000), None, None, None
        )
        self._framer = LiveFramer(info, self.clock, self.packets, config, self._announced)
        if after is not None:
            self._framer.go_on(after)
        self._reader = LiveReader(address, config, self, recorder, stream_id, reconnecting=False)

    @property
    def info(self) -> SourceInfo:
        """What is known of the feed: its size and codec from the first frame on."""
        return self._framer.info

    # --- the reader's side -----------------------------------------------------------------------

    def put(self, reader: LiveReader, item: Item) -> bool:
        """Take an item of the current reader; False tells a replaced one to end."""
        while self._config.lossless and not self._stopped.is_set():
            reader.heartbeat_s = time.monotonic()
            if self._queue.wait_for_room(POLL_S):
                break
        with self._lock:
            if reader is not self._reader_or(reader) or self._stopped.is_set():
                return False
            if isinstance(item, Opened):
                self._picture_s = time.monotonic()
            if isinstance(item, Received):
                self.packets.demuxed += 1
                self._tell_of_recording(item)
            if not self._queue.put(item):
                self.packets.skip("overrun")
            return True

    def _tell_of_recording(self, item: Received) -> None:
        """Announce once that packets are no longer recorded; again after they were."""
        recorder = self._recorder
        if recorder is None or (item.file is not None) == self._recording:
            return
        self._recording = item.file is not None
        if not self._recording:
            payload = RefusalPayload(
                "The live feed is not being recorded",
                recorder.failure or "the disk refused a packet",
                "Free space in the cases' folder; recording is tried again at a key picture.",
            )
            self._announced.append(Draft("error", payload))

    def _reader_or(self, reader: LiveReader) -> LiveReader:
        """Return the current reader; its thread may be quicker than the line that keeps it."""
        return getattr(self, "_reader", reader)

    def deny(self, reader: LiveReader, reason: str) -> None:
        """Announce once that the server, or what it sends, is refused."""
        with self._lock:
            if reason == self._denied:
                return
            self._denied = reason
            self._announced.append(
                Draft("error", RefusalPayload(
                    "The live feed is refused", reason,
                    "Check user, password and address; it is tried again at long intervals.",
                ))
            )  # fmt: skip

    # --- the engine's side -----------------------------------------------------------------------

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames until `stop` or `close`."""
        while not self._stopped.is_set():
            item = self._queue.take(POLL_S)
            self._watch()
            if item is None:
                continue
            if isinstance(item, Lost) and item.why == "given_up":
                self.failure = (
                    f"{self._address.shown} did not answer {self._config.max_attempts} times"
                )
                break
            for frame in self._framer.frames(item):
                yield frame
                self._picture_s = time.monotonic()
                if self._stopped.is_set():
                    return
        self._balance()

    def _watch(self) -> None:
        """Replace a reader that hangs inside FFmpeg, or whose packets give no picture."""
        reader = self._reader
        blind = time.monotonic() - self._picture_s > self._config.picture_timeout_s
        if not reader.hangs() and not (blind and reader.state == "live"):
            return
        self._picture_s = time.monotonic()
        with self._lock:
            reader.stop()
            self._received_before += reader.received_bytes
            if reader.state == "live":
                self._queue.put(Lost("stalled", True))
            recorder = self._recorder
            if recorder is not None:  # the old one may still be inside its file
                recorder = self._recorder = recorder.successor()
            self._reader = LiveReader(
                self._address, self._config, self, recorder, self.clock.stream_id, reconnecting=True
            )

    def status(self) -> LiveStatus:
        """Return how the feed fares."""
        reader, recorder = self._reader, self._recorder
        failure = reader.last_failure
        if recorder is not None and recorder.failure is not None:
            failure = recorder.failure
        return LiveStatus(
            state="closed" if self._stopped.is_set() else reader.state,
            attempts=reader.attempts,
            reconnects=self._framer.reconnects,
            last_failure=failure,
            retry_in_s=self._retry_in_s(),
            received_bytes=self._received_before + reader.received_bytes,
            recorded_bytes=0 if recorder is None else recorder.bytes,
            recorded_packets=0 if recorder is None else recorder.packets,
            unrecorded_packets=0 if recorder is None else recorder.lost,
            waiting_packets=len(self._queue),
            decode_mode=self._framer.decoder.mode,
        )

    def _retry_in_s(self) -> float:
        if self._stopped.is_set() or self._reader.state != "backoff":
            return 0.0
        return max(0.0, self._reader.retry_at_s - time.monotonic())

    def announcements(self) -> Sequence[Draft]:
        """Return what is to be logged, once each."""
        if not self._announced:
            return ()
        with self._lock:
            drafts = tuple(self._announced)
            self._announced.clear()
        return drafts

    def stop(self) -> None:
        """End the iteration; safe to call twice, from any thread."""
        self._stopped.set()
        self._reader.stop()
        self._queue.wake()

    def close(self) -> None:
        """Stop reading and recording; safe to call twice.

        A reader inside FFmpeg on a silent link is not waited for: it ends by its own timeout.
        """
        self.stop()
        self._reader.join(CLOSE_S)
        self._balance()

    def _balance(self) -> None:
        """Account once for the packets that gave no frame."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
            self._stopped.set()
            ledger = self.packets
            missing = ledger.demuxed - ledger.decoded - sum(ledger.skipped.values())
            if missing > 0:
                ledger.skip("abandoned", missing)

    def position(self) -> dict[str, Any]:
        """Refuse: a live feed cannot be asked for again."""
        raise UsageError("A live feed has no position to go on from")

    def resume(self, position: Mapping[str, Any], replay: Sequence[int]) -> dict[int, Pixels]:
        """Refuse: a live feed cannot be asked for again."""
        raise SourceError("A live feed cannot go on from a position", remedy="Open it anew.")

    def __enter__(self) -> Self:
        """Return the source."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the source."""
        self.close()
