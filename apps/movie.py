"""A movie: RGB pictures at a constant rate as H.264 in an mp4 file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Self

import av
import numpy as np
from av.codec.context import Flags
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

BT709: Final = 1
LIMITED: Final = 1
ENCODER: Final = {"crf": "18", "preset": "veryfast", "bf": "0", "threads": "2"}
"""Without B-frames no stamp needs an edit list. The bytes depend on the number of threads."""
KEY_SECONDS: Final = 2
"""A key picture at least this often, so that players and readers can seek."""


class Movie:
    """Writes picture k with the stamp k/fps; BT.709, limited range, no date and no metadata."""

    def __init__(self, path: Path, *, size: tuple[int, int], fps: Fraction) -> None:
        """Open the file; `size` is (width, height) in pixels, both even."""
        self._fps = fps
        self._count = 0
        self._reformatter = VideoReformatter()
        options = {"fflags": "+bitexact"}
        self._container: Any = av.open(str(path), "w", format="mp4", options=options)
        self._stream = self._container.add_stream("libx264", rate=fps, options=dict(ENCODER))
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"
        self._stream.gop_size = max(1, round(KEY_SECONDS * fps))
        self._stream.time_base = 1 / fps
        context = self._stream.codec_context
        context.time_base = 1 / fps
        context.flags |= Flags.bitexact
        context.colorspace, context.color_primaries, context.color_trc = BT709, BT709, BT709
        context.color_range = LIMITED

    def add(self, rgb: NDArray[np.uint8]) -> None:
        """Encode the next picture, uint8 (H, W, 3)."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        frame = self._reformatter.reformat(
            frame, format="yuv420p", dst_colorspace=BT709, dst_color_range=LIMITED
        )
        frame.pts, frame.time_base = self._count, 1 / self._fps
        self._count += 1
        self._container.mux(self._stream.encode(frame))

    def __enter__(self) -> Self:
        """Return the movie."""
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Write what the encoder still holds, and close the file."""
        try:
            if kind is None:
                self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()
