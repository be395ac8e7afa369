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
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stamp is not None:
            at_ns, last_ns = ns_from_pts(stamp, packet.time_base), self._last_ns
            self._last_ns = at_ns
            if last_ns is not None and packet.dts is not None:
                hole_ns = EpochClock.hole_ns(self._nominal_ns)
                if not last_ns <= at_ns <= last_ns + hole_ns:
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
        stamp = packet.dts if packet.dts is not None else packet.pts
        self._last_ns = None if stamp is None else ns_from_pts(stamp, base)
        self.file = name

    def _mux(self, packet: Packet[Any]) -> None:
        container, copy = self._container, self._copy
        assert container is not None
        assert copy is not None
        # The decoder uses the packet too, and muxing changes its stamps: this is a copy.
        out: Packet[Any] = av.Packet(bytes(packet))
        out.stream, out.time_base = copy, packet.time_base
        out.pts, out.dts = packet.pts, self._decoding_stamp(packet)
        out.is_keyframe = packet.is_keyframe
        cast(Any, container).mux_one(out)

    def _decoding_stamp(self, packet: Packet[Any]) -> int | None:
        """Return a decoding stamp that goes forward: muxers take no other, streams may lack it."""
        stamp = packet.dts if packet.dts is not None else packet.pts
        last = self._last_dts
        if stamp is None or (last is not None and stamp <= last):
            stamp = 0 if last is None else last + 1
        self._last_dts = stamp
        return stamp

    def _expire(self) -> None:
        """Delete finished files that are older than the retention."""
        oldest_s = time.time() - self._config.retention_s
        for path in self._folder.glob("*-*.*"):
            if path.stat().st_mtime < oldest_s:
                path.unlink(missing_ok=True)

    def _finish(self) -> None:
        container, self._container, self._copy = self._container, None, None
        if container is None:
            return
        try:
            container.close()
        except (FFmpegError, OSError) as error:
            self.failure = f"the recording cannot be finished: {error.strerror or error}"

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
