"""A folder of still images as a decoder; its stamps are declared, never guessed.

Which stamp an image has: with `fps`, (number in its name - first number) ÷ fps when every name ends
in a number, else its place in the order ÷ fps; with a stamps file, the line of its place. An image
called `NAME (2).jpg` is a browser's second copy of `NAME.jpg`: it has NAME's number, and where
NAME is there as well, it is left out and counted as `duplicate`.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median_low
from typing import Any, Final

from av.codec import CodecContext
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame

from videoengine.errors import SourceError, UsageError
from videoengine.frames import Pixels
from videoengine.media_time import NS_PER_SECOND
from videoengine.sources import PacketLedger
from videoengine.streams.decoder import LARGEST_AREA, Picture, VideoInfo, check_size
from videoengine.streams.picture_format import load_planes, picture_format
from videoengine.streams.pyav_decoder import in_ffmpegs_words

SUFFIXES: Final = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
SIGNATURES: Final = (
    (b"\xff\xd8\xff", "mjpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"BM", "bmp"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"RIFF", "webp"),
)
"""First bytes of a file and the codec they mean; the suffix is not believed."""
LARGEST_FILE: Final = 512 * 1024 * 1024
LONGEST_SECONDS: Final = 10**9
_COPY = re.compile(r"^(?P<name>.*\S) ?\((?P<copy>\d{1,3})\)$")
_NUMBER = re.compile(r"(\d+)$")
_NANOSECOND = Fraction(1, NS_PER_SECOND)


@dataclass(frozen=True, slots=True)
class _Image:
    path: Path
    pts: int


@dataclass(frozen=True, slots=True)
class Timing:
    """Images in order with their stamps in ticks, and how the ticks were declared."""

    images: tuple[_Image, ...]
    time_base: Fraction
    rate_fps: float | None
    nominal_ns: int | None
    duplicates: int


class ImageFolder:
    """Decodes the images of a folder one by one."""

    name = "pyav"

    def __init__(self, timing: Timing, *, packets: PacketLedger) -> None:
        """Take the images that `timing` lists."""
        self.failure: str | None = None
        self._timing = timing
        self._packets = packets
        self._next = 0
        self._counted = 0
        self._broken = 0
        self._codec = "images"
        self._size = (0, 0)
        if timing.duplicates:
            packets.demuxed += timing.duplicates
            packets.skip("duplicate", timing.duplicates)

    @property
    def info(self) -> VideoInfo:
        """What the folder amounts to; codec and size are those of the last image read."""
        timing = self._timing
        return VideoInfo(
            codec=self._codec,
            size=self._size,
            time_base=timing.time_base,
            rate_fps=timing.rate_fps,
            nominal_ns=timing.nominal_ns,
            duration_ns=None,
            frame_count=len(timing.images),
        )

    def pictures(self) -> Iterator[Picture]:
        """Yield the images from where the decoder stands; a broken one is left out and counted."""
        images = self._timing.images
        while self._next < len(images):
            image = images[self._next]
            self._next += 1
            known = self._next <= self._counted - self._timing.duplicates
            if not known:
                self._packets.demuxed += 1
            try:
                frame = self._decode(image.path)
            except (FFmpegError, OSError, ValueError) as error:
                self._broken += 1
                if not known:
                    self._packets.skip("corrupt")
                words = self._words(image.path, error)
                self.failure = f"{self._broken} images cannot be read, last {image.path}: {words}"
                continue
            yield self._picture(image, frame)

    def _words(self, path: Path, error: Exception) -> str:
        if isinstance(error, FFmpegError) and not self.failure:  # FFmpeg is asked but once
            return in_ffmpegs_words(error, lambda: self._decode(path))
        return str(getattr(error, "strerror", None) or error)

    def _decode(self, path: Path) -> VideoFrame:
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError("the file is larger than 512 MiB")
        data = path.read_bytes()
        codec = next((name for first, name in SIGNATURES if data.startswith(first)), None)
        if codec is None:
            raise ValueError("this is not an image")
        if codec == "png" and len(data) >= 24:  # FFmpeg refuses without saying the size
            width, height = struct.unpack(">II", data[16:24])
            check_size(width, height, path)
        # a context for each image: FFmpeg 8's png decoder paints over the picture before otherwise
        context: Any = CodecContext.create(codec, "r")
        context.thread_count = 1  # one picture in, the same picture out
        context.options = {"max_pixels": str(LARGEST_AREA)}
        frames: list[VideoFrame] = context.decode(Packet(data))
        if not frames or frames[0].is_corrupt:
            raise ValueError("the image is broken")
        self._codec = codec
        return frames[0]

    def _picture(self, image: _Image, frame: VideoFrame) -> Picture:
        check_size(frame.width, frame.height, image.path)
        self._size = (frame.width, frame.height)
        form = picture_format(frame)
        key = f"{self._codec} {frame.format.name} {frame.width}x{frame.height}"
        pixels = Pixels(
            partial(load_planes, frame, form),
            layout=form.layout,
            size=self._size,
            bit_depth=form.bit_depth,
            color=form.color,
            rotation=-frame.rotation % 360 if frame.rotation % 90 == 0 else 0,
        )
        time_base = self._timing.time_base
        return Picture(image.pts, None, time_base, f"{key} {time_base}", pixels)

    def restart(self, pts: int | None, *, counted: int) -> bool:
        """Stand at the image stamped `pts`, or at the first one."""
        stamps = [image.pts for image in self._timing.images]
        if pts is not None and stamps.count(pts) != 1:
            return False
        self._next = 0 if pts is None else stamps.index(pts)
        self._counted, self._broken, self.failure = counted, 0, None
        return True

    def close(self) -> None:
        """Nothing stays open between two images."""


def timing(folder: Path, *, fps: float | Fraction | str | None, stamps: Path | None) -> Timing:
    """Return the images of `folder` in order, with their stamps.

    Raises:
        UsageError: Neither or both of `fps` and `stamps` are given, or they cannot be right.
        SourceError: There is no image, or two images have one number.
    """
    if (fps is None) == (stamps is None):
        raise UsageError(
            f"The images in {folder} have no stamps of their own",
            got="both --fps and --stamps" if fps is not None else "neither --fps nor --stamps",
            allowed="--fps N (images a second) or --stamps FILE (one stamp in seconds a line)",
            remedy=f"For one image a second: videoengine analyze {folder} --fps 1 --out CASE",
        )
    paths, numbers, duplicates = _listed(folder)
    if stamps is not None:
        ticks = _read_stamps(stamps, len(paths), folder)
        steps = [b - a for a, b in pairwise(ticks) if b > a]
        nominal = median_low(steps) if steps else None
        rate, time_base = None, _NANOSECOND
    else:
        per_second = _rate(fps)
        ticks = range(len(paths)) if numbers is None else [n - numbers[0] for n in numbers]
        nominal = round(NS_PER_SECOND / per_second)
        rate, time_base = float(per_second), 1 / per_second
    images = tuple(_Image(path, pts) for path, pts in zip(paths, ticks, strict=True))
    return Timing(images, time_base, rate, nominal, duplicates)


def _rate(fps: float | Fraction | str | None) -> Fraction:
    try:
        rate = fps if isinstance(fps, Fraction) else Fraction(str(fps))
    except ValueError:
        rate = Fraction(0)
    if not Fraction(1, 86_400) <= rate <= 1000:
        raise UsageError("This is not a frame rate", got=fps, allowed="1/86400 to 1000 images/s")
    return rate


def _listed(folder: Path) -> tuple[list[Path], list[int] | None, int]:
    """Return the images in order, their numbers when every name ends in one, and the duplicates."""
    try:
        files = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file()]
    except OSError as error:
        raise SourceError(f"{folder} cannot be listed", got=error.strerror) from error
    if not files:
        raise SourceError(
            f"{folder} holds no images", allowed=", ".join(SUFFIXES), remedy="Check the folder."
        )
    chosen: dict[str, tuple[int, Path]] = {}
    for path in files:
        match = _COPY.match(path.stem)
        name, copy = (match["name"], int(match["copy"])) if match else (path.stem, -1)
        key = name + path.suffix.lower()
        if key not in chosen or (copy, path) < chosen[key]:
            chosen[key] = (copy, path)
    named = sorted((_natural(key), path) for key, (_, path) in chosen.items())
    found = [_NUMBER.search(Path(key).stem) for key in chosen]
    duplicates = len(files) - len(chosen)
    if any(match is None for match in found):
        return [path for _, path in named], None, duplicates
    numbered = sorted(
        (int(match[1]), chosen[key][1])
        for key, match in zip(chosen, found, strict=True)
        if match is not None
    )
    for (number, path), (following, other) in pairwise(numbered):
        if number == following:
            raise SourceError(
                f"Two images in {folder} have the number {number}",
                got=f"{path.name} and {other.name}",
                remedy="Put the images of each view into a folder of their own.",
            )
    return [path for _, path in numbered], [number for number, _ in numbered], duplicates


def _natural(name: str) -> list[tuple[int, int | str]]:
    """Return a sort key in which 2 comes before 10."""
    parts = re.split(r"(\d+)", name.lower())
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts if part]


def _read_stamps(path: Path, count: int, folder: Path) -> Sequence[int]:
    """Return the stamps of a file in nanoseconds: one in seconds a line."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The stamps file {path} cannot be read", got=error) from error
    texts = [line.strip() for line in lines]
    while texts and not texts[-1]:
        texts.pop()
    stamps = [_stamp(text, path, number) for number, text in enumerate(texts, 1)]
    if len(stamps) != count:
        raise UsageError(
            f"The stamps file {path} does not fit {folder}",
            got=f"{len(stamps)} stamps",
            allowed=f"{count}, one for each image",
        )
    return stamps


def _stamp(text: str, path: Path, number: int) -> int:
    try:
        seconds = Fraction(text) if len(text) <= 64 else None
    except (ValueError, ZeroDivisionError):
        seconds = None
    if seconds is None or abs(seconds) > LONGEST_SECONDS:
        raise UsageError(
            f"Line {number} of the stamps file {path} is not a stamp",
            got=repr(text[:40]),
            allowed="seconds, such as 12.345",
        )
    return math.floor(seconds * NS_PER_SECOND + Fraction(1, 2))
