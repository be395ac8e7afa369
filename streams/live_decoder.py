"""Decoding a live feed: low delay, and less of it, in the open, when it cannot keep up."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from time import monotonic_ns
from typing import Any, Final, cast

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from videoengine.events import Draft
from videoengine.media_time import NS_PER_SECOND
from videoengine.payloads import LoadShedPayload
from videoengine.sources import DecodeMode, PacketLedger
from videoengine.streams.decoder import LARGEST_AREA, Picture, check_size
from videoengine.streams.live_config import LiveConfig
from videoengine.streams.packet_queue import Opened, Received
from videoengine.streams.picture_format import pixels_of

MODES: Final[tuple[DecodeMode, ...]] = ("all", "nonref", "nonkey")
SETTLED: Final = 32
"""Packets after a return to `all` until no picture of before can lie between two that come out."""
_SKIP: Final[dict[DecodeMode, Any]] = {"all": "DEFAULT", "nonref": "NONREF", "nonkey": "NONKEY"}


class LiveDecoder:
    """Decodes the packets of one connection after the other; the ledger counts what it leaves out.

    Drops decoded pictures never; packets only at the decoder, where the codec says that no other
    picture needs them (`nonref`), or all but key pictures (`nonkey`).
    """

    def __init__(self, config: LiveConfig, packets: PacketLedger, announced: deque[Draft]) -> None:
        """Wait for a connection."""
        self._config, self._packets, self._announced = config, packets, announced
        self._context: VideoCodecContext | None = None
        self._time_base = Fraction(1, 90_000)
        self._rate = 0.0
        self._fed: int = 0
        self._out: int = 0
        self._mode_fed: int = 0
        self._mode_out: int = 0
        self._late_ns: int = 0
        self._fed_all: int = SETTLED
        self._counted: DecodeMode = "nonref"
        """Mode that pictures were counted under last."""
        self.mode: DecodeMode = "all"
        self.codec = ""

    @property
    def leaves_out(self) -> bool:
        """Whether pictures were left out since the last one that came out, or may have been."""
        return self.mode != "all" or self._fed_all < SETTLED

    def open(self, opened: Opened) -> None:
        """Decode the packets of a new connection."""
        self.codec, self._rate = opened.codec, opened.rate_fps or 0.0
        self._time_base = opened.time_base or self._time_base
        context: Any = av.CodecContext.create(opened.codec, "r")
        if opened.extradata:
            context.extradata = opened.extradata
        context.options = {"max_pixels": str(LARGEST_AREA)}
        context.thread_type = "SLICE"  # frame threads would hold a picture back for each of them
        context.skip_frame = _SKIP[self.mode]
        self._context = context
        self._fed = self._out = self._mode_fed = self._mode_out = 0

    def decode(self, item: Received) -> Iterator[Picture]:
        """Yield the pictures that a packet completes."""
        self._adapt(item)
        if self._context is None:
            self._packets.skip("no_picture")
            return
        self._fed += 1
        self._fed_all = self._fed_all + 1 if self.mode == "all" else 0
        try:
            frames: list[VideoFrame] = cast(Any, self._context).decode(item.packet)
        except FFmpegError:
            self._packets.skip("corrupt")
            self._out += 1
            return
        yield from self._wrapped(frames)

    def _wrapped(self, frames: list[VideoFrame]) -> Iterator[Picture]:
        for frame in frames:
            self._out += 1
            if frame.is_corrupt:
                self._packets.skip("corrupt")
                continue
            check_size(frame.width, frame.height, "the live feed")
            base = frame.time_base or self._time_base
            key = f"{self.codec} {frame.format.name} {frame.width}x{frame.height} {base}"
            context = self._context
            aspect = None if context is None else context.sample_aspect_ratio
            pixels = pixels_of(frame, aspect)
            yield Picture(frame.pts, None, base, key, pixels)

    def end(self, *, stale: bool) -> Iterator[Picture]:
        """End a connection: hand out what the decoder holds, or count it when it is stale."""
        context = self._context
        if context is None:
            return
        if not stale:
            try:
                yield from self._wrapped(cast(Any, context).decode(None))
            except FFmpegError:
                self._packets.skip("corrupt")
                self._out += 1
        self._account()
        held = self._fed - self._out
        if held > 0:
            self._packets.skip("stale" if stale else "no_picture", held)
        elif held < 0:  # a picture counted as left out was only delayed across a change of mode
            self._packets.skip(self._counted, held)
        self._context = None

    def _account(self) -> None:
        """Count what the mode left out since it began."""
        missing = (self._fed - self._mode_fed) - (self._out - self._mode_out)
        if self.mode != "all" and missing > 0:
            self._packets.skip(self.mode, missing)
            self._counted = self.mode
            self._out += missing
        self._mode_fed, self._mode_out = self._fed, self._out

    def _adapt(self, item: Received) -> None:
        """Leave out more when the packet at hand is late, less after a calm while."""
        if self._config.lossless:
            return
        now_ns = monotonic_ns()
        late = now_ns - item.arrival_ns > self._config.decode_late_s * NS_PER_SECOND
        place = MODES.index(self.mode)
        if self._late_ns == 0:
            self._late_ns = now_ns - round(self._config.decode_late_s * NS_PER_SECOND)
        since_s = (now_ns - self._late_ns) / NS_PER_SECOND
        if late and place < len(MODES) - 1 and since_s > self._config.decode_late_s:
            self._turn(MODES[place + 1], "decoding is late")
            self._late_ns = now_ns
        elif late:
            self._late_ns = max(self._late_ns, now_ns - round(since_s * NS_PER_SECOND))
        elif place and since_s > self._config.decode_calm_s:
            self._turn(MODES[place - 1], "decoding keeps up")
            self._late_ns = now_ns

    def _turn(self, mode: DecodeMode, cause: str) -> None:
        self._account()
        before, self.mode = self.mode, mode
        if self._context is not None:
            self._context.skip_frame = _SKIP[mode]
        count = self._packets.skipped.get(before, 0)
        payload = LoadShedPayload(f"decode:{mode}", cause, count, self._rate, self._rate)
        self._announced.append(Draft("load_shed", payload))
