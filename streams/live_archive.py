"""All that was recorded of a live case, epoch by epoch: every frame, or a few without the rest."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Self, cast

import av
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from videoengine.errors import SourceError
from videoengine.frames import Frame, Pixels
from videoengine.media_time import Epoch, EpochClock, ns_from_pts
from videoengine.sources import PacketLedger, SourceInfo
from videoengine.streams.live_recording import OPTIONS, QUARANTINE, LiveRecording
from videoengine.streams.picture_format import pixels_of


class LiveArchive:
    """The recorded frames of a live case in order, each in the epoch it was analyzed in."""

    is_live = False

    def __init__(self, case: Path, epochs: Sequence[Epoch]) -> None:
        """Stand before the first epoch that is recorded.

        Raises:
            SourceError: Nothing of the case is recorded (any more).
        """
        self._case = case
        self._epochs = [epoch for epoch in epochs if _is_there(case, epoch)]
        if not self._epochs:
            raise SourceError(
                "The recording of this live case is not there",
                allowed="a case recorded with --record raw, not purged and not past its retention",
                remedy="Its events can be exported: --to jsonl, csv or webvtt.",
            )
        self._part = LiveRecording(case, self._epochs[0])

    @property
    def info(self) -> SourceInfo:
        """What is known of the part being read."""
        return self._part.info

    @property
    def clock(self) -> EpochClock:
        """The clock of the part being read."""
        return self._part.clock

    @property
    def packets(self) -> PacketLedger:
        """What became of the packets of the part being read."""
        return self._part.packets

    @property
    def failure(self) -> str | None:
        """Why reading ended early, or None."""
        return self._part.failure

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames of every recorded epoch."""
        for epoch in self._epochs:
            self._part = LiveRecording(self._case, epoch)
            for frame in self._part:
                if frame.epoch != epoch.index:
                    break
                yield frame

    def position(self) -> dict[str, Any]:
        """Refuse: an archive is read from its start."""
        raise SourceError("A recording has no position to go on from")

    def resume(self, position: Mapping[str, Any], replay: Sequence[int]) -> dict[int, Pixels]:
        """Refuse, as `position` does."""
        raise SourceError("A recording cannot go on from a position")

    def close(self) -> None:
        """Stop reading; safe to call twice."""
        self._part.close()

    def __enter__(self) -> Self:
        """Return the source."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the source."""
        self.close()


def _is_there(case: Path, epoch: Epoch) -> bool:
    return epoch.media_file is not None and (case / epoch.media_file).is_file()


def pictures_at(
    case: Path, epochs: Sequence[Epoch], wanted: Collection[tuple[int, int]]
) -> Iterator[Frame]:
    """Yield the recorded frames with these (epoch, stamp in nanoseconds), in order.

    Only groups of pictures that hold a wanted one are decoded. A picture that needs the group
    before its own is left out.
    """
    for place, epoch in enumerate(epochs):
        stamps = {pts_ns for index, pts_ns in wanted if index == epoch.index}
        if not stamps or not _is_there(case, epoch):
            continue
        after = next((row.media_file for row in epochs[place + 1 :] if row.media_file), None)
        for path in sorted((case / QUARANTINE).glob("*-*.*")):
            name = f"{QUARANTINE}/{path.name}"
            if name >= str(epoch.media_file) and (after is None or name < after):
                yield from _from_file(path, epoch, stamps)


def _from_file(path: Path, epoch: Epoch, stamps: set[int]) -> Iterator[Frame]:
    try:
        with av.open(f"file:{path}", options=dict(OPTIONS)) as container:
            video = container.streams.video[0]
            group: list[Packet[VideoStream]] = []
            for packet in container.demux(video):
                if packet.is_keyframe or not packet.size:
                    yield from _from_group(video, group, epoch, stamps)
                    group = []
                if packet.size:
                    group.append(packet)
    except (FFmpegError, OSError, IndexError):
        return  # what cannot be read has no picture; the report says so at its place


def _from_group(
    video: VideoStream, group: list[Packet[VideoStream]], epoch: Epoch, stamps: set[int]
) -> Iterator[Frame]:
    held = {ns_from_pts(p.pts, p.time_base) for p in group if p.pts is not None}
    if not held & stamps:
        return
    context: Any = av.CodecContext.create(video.codec_context.codec.canonical_name, "r")
    if video.codec_context.extradata:
        context.extradata = video.codec_context.extradata
    frames: list[VideoFrame] = []
    for packet in [*group, None]:
        frames += cast("list[VideoFrame]", context.decode(packet))
    for frame in frames:
        if frame.pts is None or frame.is_corrupt:
            continue
        base = frame.time_base or epoch.time_base
        pts_ns = ns_from_pts(frame.pts, base)
        if pts_ns in stamps:
            yield _frame(frame, epoch, pts_ns, context.sample_aspect_ratio)


def _frame(frame: VideoFrame, epoch: Epoch, pts_ns: int, aspect: Fraction | None) -> Frame:
    assert frame.pts is not None
    pixels = pixels_of(frame, aspect)
    return Frame(epoch.stream_id, "mono", epoch.index, 0, frame.pts, pts_ns, 0, 0, "stream", pixels)
