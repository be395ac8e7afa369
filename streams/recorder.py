"""The recorder: a live feed's packets, remuxed as they come into files that survive a kill.

H.264 and HEVC with 90 kHz stamps go into MPEG-TS, everything else into fragmented MP4 with one
fragment a packet. Each packet is handed to the system before the next one is read, so a kill costs
none that was written. The files stand in `quarantine/`; nothing reads them except through the Gate.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final, cast

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from videoengine.media_time import NS_PER_SECOND, EpochClock, ns_from_pts
from videoengine.streams.live_config import LiveConfig

TS_CODECS: Final = ("h264", "hevc", "mpeg2video")
TS_CLOCK: Final = 90_000
HELD: Final = 8
"""Packets at the start of a connection that wait for the first decoding stamp, at most."""
RETRY_S: Final = 10.0
"""After the disk refused a write the recorder tries again this much later, at a key picture."""


class Recorder:
    """Writes the packets of one stream. Not thread-safe: its reader's thread owns it.

    A new file begins at every connection, wherever the decoding stamps go back or leave a hole
    (so that no file holds two epochs), and at the first key picture after `segment_s`.
    """

    def __init__(self, folder: Path, config: LiveConfig) -> None:
        """Record into `folder`, an existing directory; numbers go on after what is in it."""
        self._folder = folder
        self._config = config
        self._stream: VideoStream | None = None
        self._container: OutputContainer | None = None
        self._copy: VideoStream | None = None
        self._began_s = 0.0
        self._last_ns: int | None = None
        self._last_dts: int | None = None
        self._held: list[Packet[Any]] = []
        self._nominal_ns: int | None = None
        self._blocked_until_s = 0.0
        names = [path.name for path in folder.glob("*-*.*")]
        self._connection = max((int(n[:4]) for n in names if n[:4].isdigit()), default=-1)
        self._segment = 0
        self.file: str | None = None
        """Name of the file that holds the packet written last, inside the folder."""
        self.failure: str | None = None
        """Why packets are not being recorded at this moment, or None."""
        self.packets = 0
        self.bytes = 0
        self.lost = 0
        """Packets that the disk refused."""

    def successor(self) -> Recorder:
        """Return a recorder that goes on in other files, while this one may hang in its own."""
        after = Recorder(self._folder, self._config)
        after.packets, after.bytes, after.lost = self.packets, self.bytes, self.lost
        return after

    def connect(self, stream: VideoStream, nominal_ns: int | None) -> None:
        """Begin a connection whose packets look like those of `stream`."""
        self.disconnect()
        self._stream, self._nominal_ns = stream, nominal_ns
        self._connection += 1
        self._segment = 0

    def write(self, packet: Packet[Any]) -> str | None:
        """Record a packet; return the name of its file, or None when the disk refused it."""
        now_s = time.monotonic()
        if self.failure is not None and (now_s < self._blocked_until_s or not packet.is_keyframe):
            self.lost += 1
            return None
        try:
            if self._container is None or self._splits(packet, now_s):
                self._begin(packet, now_s)
            self._mux(packet)
        except (FFmpegError, OSError) as error:
            self.failure = f"the recording cannot be written: {error.strerror or error}"
            self._blocked_until_s = now_s + RETRY_S
            self.lost += 1
            self._finish()
            return None
        self.failure = None
        self.packets += 1
        self.bytes += packet.size
        return self.file

    def _splits(self, packet: Packet[Any], now_s: float) -> bool:
        if packet.dts is not None:  # presentation stamps go to and fro
            at_ns, last_ns = ns_from_pts(packet.dts, packet.time_base), self._last_ns
            self._last_ns = at_ns
            hole_ns = EpochClock.hole_ns(self._nominal_ns)
            if last_ns is not None and not last_ns <= at_ns <= last_ns + hole_ns:
                return True
        return packet.is_keyframe and now_s - self._began_s > self._config.segment_s

    def _begin(self, packet: Packet[Any], now_s: float) -> None:
        self._finish()
        self._expire()
        stream = self._stream
        assert stream is not None
        base = packet.time_base
        codec = stream.codec_context.codec.canonical_name
        exact = (base * TS_CLOCK).denominator == 1
        if codec in TS_CODECS and exact:
            kind, suffix = "mpegts", "ts"
            options = {"mpegts_copyts": "1"}
        else:
            kind, suffix = "mp4", "mp4"
            flags = "frag_every_frame+empty_moov+default_base_moof"
            options = {"movflags": flags, "video_track_timescale": str(base.denominator)}
        options |= {"flush_packets": "1", "avoid_negative_ts": "disabled", "fflags": "+bitexact"}
        name = f"{self._connection:04d}-{self._segment:04d}.{suffix}"
        path = self._folder / name
        path.touch(mode=0o600)
        self._container = av.open(str(path), "w", format=kind, options=options)
        self._copy = cast(Any, self._container).add_stream_from_template(stream)
        cast(Any, self._copy).time_base = base
        self._segment += 1
        self._began_s, self._last_dts = now_s, None
        self._last_ns = None if packet.dts is None else ns_from_pts(packet.dts, base)
        self.file = name

    def _mux(self, packet: Packet[Any]) -> None:
        """Write a packet; the first ones wait until FFmpeg knows a decoding stamp.

        The first packet of an RTSP connection has no stamp at all. Its picture is shown one
        period before the earliest of those that follow it.
        """
        if self._last_dts is None:
            self._held.append(packet)
            if packet.dts is not None or len(self._held) >= HELD:
                self._write_held()
            return
        dts = packet.dts if packet.dts is not None else packet.pts
        if dts is None or dts <= self._last_dts:
            dts = self._last_dts + 1
        self._write(packet, dts if packet.pts is None else packet.pts, dts)

    def _write_held(self) -> None:
        held, self._held = self._held, []
        step = max((packet.duration or 0 for packet in held), default=0)
        step = step or round((self._nominal_ns or 0) / NS_PER_SECOND / held[0].time_base) or 1
        stamps = [packet.pts for packet in held if packet.pts is not None]
        early = len(held) - len(stamps)
        first = min(stamps, default=early * step) - early * step
        last = held[-1].dts
        if last is None:
            last = first
        unstamped = 0
        for number, packet in enumerate(held):
            pts = packet.pts
            if pts is None:
                pts, unstamped = first + unstamped * step, unstamped + 1
            dts = last - (len(held) - 1 - number) * step
            self._write(packet, max(pts, dts), dts)

    def _write(self, packet: Packet[Any], pts: int, dts: int) -> None:
        container, copy = self._container, self._copy
        assert container is not None
        assert copy is not None
        # The decoder uses the packet too, and muxing changes its stamps: this is a copy.
        out: Packet[Any] = av.Packet(bytes(packet))
        out.stream, out.time_base = copy, packet.time_base
        out.pts, out.dts = pts, dts
        out.is_keyframe = packet.is_keyframe
        self._last_dts = dts
        cast(Any, container).mux_one(out)

    def _expire(self) -> None:
        """Delete finished files that are older than the retention."""
        oldest_s = time.time() - self._config.retention_s
        for path in self._folder.glob("*-*.*"):
            if path.stat().st_mtime < oldest_s:
                path.unlink(missing_ok=True)

    def _finish(self) -> None:
        container = self._container
        if container is None:
            return
        try:
            if self._held:
                self._write_held()
            container.close()
        except (FFmpegError, OSError) as error:
            self.failure = f"the recording cannot be finished: {error.strerror or error}"
        finally:
            self._container, self._copy, self._held = None, None, []

    def disconnect(self) -> None:
        """Finish the file; safe to call twice."""
        self._finish()
        self._last_ns = None


def epoch_seconds(prft: bytes) -> float | None:
    """Return the sender's wall clock in FFmpeg's AVProducerReferenceTime, in seconds since 1970.

    Its first 8 bytes are microseconds since 1970, native byte order.
    """
    if len(prft) < 8:
        return None
    return int.from_bytes(prft[:8], "little", signed=True) / (NS_PER_SECOND // 1000)
