"""What was recorded of a live feed, read again as the feed was: to finish what a crash cut off."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from time import monotonic_ns
from typing import Any, Self

import av
from av.error import FFmpegError

from videoengine.errors import SourceError
from videoengine.events import Draft
from videoengine.frames import Frame, Pixels
from videoengine.media_time import Epoch, EpochClock
from videoengine.sources import PacketLedger, SourceInfo
from videoengine.streams.decoder import LARGEST_AREA
from videoengine.streams.live_config import LiveConfig
from videoengine.streams.live_framer import LiveFramer
from videoengine.streams.packet_queue import Item, Lost, Opened, Received

OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "mpegts,mov,mp4,m4a,3gp,3g2,mj2",
    "max_pixels": str(LARGEST_AREA),
}
QUARANTINE = "quarantine"


class LiveRecording:
    """Frames of the recording from the start of one epoch to its end, stamped as they were live."""

    is_live = False

    def __init__(self, case: Path, epoch: Epoch) -> None:
        """Stand before the first frame of `epoch`, the newest one of the case in `case`.

        Raises:
            SourceError: The recording of that epoch is not there.
        """
        folder = case / QUARANTINE
        first = None if epoch.media_file is None else case / epoch.media_file
        if first is None or not first.is_file():
            raise SourceError(
                "The recording of this case is not there",
                got=epoch.media_file or "no recording",
                allowed="a live case recorded with --record raw, not purged",
                remedy="Start the feed again into a new case: videoengine live URL --out CASES",
            )
        self._files = sorted(path for path in folder.glob("*-*.*") if path.name >= first.name)
        self.clock = EpochClock(epoch.stream_id)
        self.clock.reenter(epoch)
        self.packets = PacketLedger()
        self.failure: str | None = None
        self._closed = threading.Event()
        info = SourceInfo(
            epoch.media_file or "",
            "recording",
            "pyav",
            "",
            (0, 0),
            epoch.time_base,
            None,
            None,
            None,
        )
        config = LiveConfig(lossless=True)
        self._framer = LiveFramer(info, self.clock, self.packets, config, deque[Draft]())

    @property
    def info(self) -> SourceInfo:
        """What is known of the recording."""
        return self._framer.info

    def __iter__(self) -> Iterator[Frame]:
        """Yield the recorded frames of the epoch and of what follows it."""
        for item in self._items():
            for frame in self._framer.frames(item):
                if self._closed.is_set():
                    return
                yield frame
        ledger = self.packets
        missing = ledger.demuxed - ledger.decoded - sum(ledger.skipped.values())
        if missing > 0:
            ledger.skip("no_picture", missing)

    def _items(self) -> Iterator[Item]:
        connection = ""
        for path in self._files:
            prefix = path.name.split("-")[0]
            opens = prefix != connection
            if opens and connection:
                yield Lost("interrupted", False)
            connection = prefix
            yield from self._read(path, opens=opens)
        if connection:
            yield Lost("interrupted", False)

    def _read(self, path: Path, *, opens: bool) -> Iterator[Item]:
        try:
            with av.open(f"file:{path}", options=dict(OPTIONS)) as container:
                video = container.streams.video[0]
                codec = video.codec_context
                rate: Fraction | None = video.average_rate or codec.framerate or None
                if opens:
                    name = codec.codec.canonical_name
                    fps = float(rate) if rate else None
                    yield Opened(name, codec.extradata, video.time_base, fps, 0)
                for packet in container.demux(video):
                    if packet.size:
                        self.packets.demuxed += 1
                        yield Received(packet, monotonic_ns(), path.name, None)
        except (FFmpegError, OSError, IndexError) as error:
            words = getattr(error, "strerror", None) or "it holds no video"
            self.failure = f"{path.name} cannot be read: {words}"

    def position(self) -> dict[str, Any]:
        """Refuse: after a second crash the epoch is read again from its start."""
        raise SourceError("A recording has no position to go on from")

    def resume(self, position: Mapping[str, Any], replay: Sequence[int]) -> dict[int, Pixels]:
        """Refuse, as `position` does."""
        raise SourceError("A recording cannot go on from a position")

    def close(self) -> None:
        """Stop reading; safe to call twice."""
        self._closed.set()

    def __enter__(self) -> Self:
        """Return the source."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the source."""
        self.close()
