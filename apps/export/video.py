"""The gated video: every frame, every stamp, nothing that the Gate does not show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.frame import PictureType
from av.video.stream import VideoStream
from numpy.typing import NDArray

from videoengine.apps.export.request import Request
from videoengine.apps.pictures import Analyzed, analyzed_frames
from videoengine.apps.source_record import reopen_source
from videoengine.errors import SourceError, UsageError
from videoengine.gate import Picture
from videoengine.media_time import NS_PER_SECOND, Epoch
from videoengine.timeline import Timeline

CONTAINERS: Final = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
MATROSKA_TICK: Final = Fraction(1, 1000)
"""FFmpeg's Matroska writer keeps whole milliseconds, whatever it is asked."""
FINEST_TICK: Final = Fraction(1, 1_000_000)
"""MP4 counts the ticks between two frames in 32 bits: finer stamps are rounded to this."""
ENCODER: Final = {"crf": "18", "preset": "veryfast", "bf": "0"}
"""Without B-frames decoding order is presentation order, and no stamp needs an edit list."""
BT709: Final = 1
LIMITED: Final = 1


@dataclass(frozen=True, slots=True)
class Gated:
    """How many frames were written, and how many of them are black."""

    frames: int
    blanked: int


def check_container(request: Request) -> None:
    """Refuse a file name or a time base that the container cannot hold exactly."""
    suffix = request.out.suffix.lower()
    if suffix not in CONTAINERS:
        raise UsageError(
            "A video export needs a known ending",
            got=request.out.name,
            allowed=", ".join(CONTAINERS),
        )
    if CONTAINERS[suffix] != "matroska":
        return
    for row in request.case.manifest.epochs:
        base = Epoch.from_json(row).time_base
        if (base / MATROSKA_TICK).denominator != 1:
            raise UsageError(
                "Matroska holds whole milliseconds and would round these stamps",
                got=f"time base {base.numerator}/{base.denominator}",
                allowed="a time base of whole milliseconds",
                remedy=f"Use --out {request.out.with_suffix('.mp4').name}",
            )


def write_video(request: Request, out: Path) -> int:
    """Write H.264 with the source's stamps; a blanked frame is black.

    Stamps and time base are those of the source. Only where the source's stamps go back (or
    begin below zero), which no container can hold, all frames are placed by case time instead.
    """
    return write_gated(request, out, CONTAINERS[request.out.suffix.lower()]).frames


def write_gated(
    request: Request,
    out: Path,
    container: str,
    *,
    encoder: Mapping[str, str] = ENCODER,
    fit: Callable[[tuple[int, int]], tuple[int, int]] | None = None,
) -> Gated:
    """Encode every frame as the Gate shows it.

    Args:
        request: The case, and where its source is.
        out: File to write.
        container: FFmpeg's name of the format.
        encoder: Options of libx264.
        fit: Returns the (width, height) to draw a picture of this displayed size in.
    """
    source = reopen_source(request.case, request.source)
    try:
        frames = analyzed_frames(request.case, source)
        first = next(frames, None)
        if first is None:
            raise SourceError(f"{source.info.uri} holds no frame")
        ticks = _Ticks(request.timeline, first, container)
        size = None if fit is None else fit(first.frame.pixels.display_size)
        blanked = 0
        with _Writer(out, container, ticks.time_base, encoder) as writer:
            gate = request.timeline.gate
            item: Analyzed | None = first
            while item is not None:
                picture = gate.show(item.frame, size)
                writer.add(picture, ticks.of(item))
                blanked += picture.blanked
                if request.progress is not None:
                    request.progress(item.case_ns, writer.count)
                item = next(frames, None)
            return Gated(writer.count, blanked)
    finally:
        source.close()


class _Ticks:
    """Decides each frame's stamp in the export."""

    def __init__(self, timeline: Timeline, first: Analyzed, container: str) -> None:
        base = first.epoch.time_base
        places = [timeline.epochs[index] for index in sorted(timeline.epochs)]
        start = places[0]
        self._exact = first.frame.pts >= 0 and all(
            place.first_ns - start.first_ns == place.offset_ns - start.offset_ns for place in places
        )
        self.time_base = Fraction(1, base.denominator)
        if self.time_base < FINEST_TICK:
            self.time_base = FINEST_TICK
        if container == "matroska":
            self.time_base = MATROSKA_TICK
        self._last = -1

    def of(self, item: Analyzed) -> int:
        """Return the frame's stamp in ticks of `time_base`; later than the one before."""
        if self._exact:
            seconds = item.frame.pts * item.epoch.time_base
        else:
            seconds = Fraction(item.case_ns, NS_PER_SECOND)
        self._last = max(self._last + 1, round(seconds / self.time_base))
        return self._last


class _Writer:
    """An H.264 file that carries no metadata, date or encoder name of its container."""

    def __init__(
        self, out: Path, container: str, time_base: Fraction, encoder: Mapping[str, str]
    ) -> None:
        options = {"fflags": "+bitexact"}
        if container != "matroska":
            scale = str(time_base.denominator)
            options |= {"video_track_timescale": scale, "movie_timescale": scale}
        self._container: OutputContainer = av.open(str(out), "w", format=container, options=options)
        self._time_base = time_base
        self._encoder = dict(encoder)
        self._stream: VideoStream | None = None
        self._blanked: bool | None = None
        self.count = 0

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None and self._stream is not None:
                self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()

    def add(self, picture: Picture, pts: int) -> None:
        """Encode one picture."""
        stream = self._stream
        if stream is None:
            stream = self._stream = self._open(picture.rgb)
        shape = (stream.height, stream.width)
        frame = av.VideoFrame.from_ndarray(_fitted(picture.rgb, shape), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=BT709, dst_color_range=LIMITED)
        frame.pts, frame.time_base = pts, self._time_base
        if picture.blanked != self._blanked:
            # Nothing is predicted across the edge: a black frame holds no trace of the one before.
            frame.pict_type = PictureType.I
            self._blanked = picture.blanked
        self._container.mux(stream.encode(frame))
        self.count += 1

    def _open(self, rgb: NDArray[np.uint8]) -> VideoStream:
        stream: VideoStream = self._container.add_stream("libx264", options=self._encoder)
        height, width = rgb.shape[:2]
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        stream.time_base = self._time_base
        context = stream.codec_context
        context.time_base = self._time_base
        context.flags |= Flags.bitexact
        context.colorspace, context.color_primaries, context.color_trc = BT709, BT709, BT709
        context.color_range = LIMITED
        return stream


def _fitted(rgb: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the picture on a canvas of (height, width): H.264 needs even sides, of one size."""
    height, width = rgb.shape[:2]
    if (height, width) == shape:
        return np.ascontiguousarray(rgb)
    canvas = np.zeros((*shape, 3), np.uint8)
    canvas[: min(height, shape[0]), : min(width, shape[1])] = rgb[: shape[0], : shape[1]]
    return canvas
