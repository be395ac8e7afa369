"""What an H.264 stream really is: profile and level, read from its parameter sets.

Written from ITU-T H.264 (7.3.1, 7.4.2.1, table A-1), ISO/IEC 14496-15 (5.3.3.1) and DICOM PS3.5
(8.2.7), which names a transfer syntax for High Profile up to level 4.1, and one up to 4.2.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

SPS: Final = 7
"""Type of a sequence parameter set."""
HIGH: Final = 100
"""`profile_idc` of High: 4:2:0, 8 bits."""
MACROBLOCK: Final = 16
SHRINK: Final = 0.98
"""Step in which a picture is made smaller until a level can hold it."""
_START = re.compile(rb"\x00\x00\x01")


@dataclass(frozen=True, slots=True)
class Level:
    """A level of H.264 that DICOM has a transfer syntax for."""

    idc: int
    name: str
    transfer_syntax: str
    fragmentable: str
    """The same for a stream that one fragment cannot hold."""
    frame: int
    """Most macroblocks in a frame."""
    rate: int
    """Most macroblocks in a second."""
    kbit: int
    """Most kilobits in a second, High Profile."""


LEVELS: Final = (
    Level(41, "4.1", "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.102.1", 8192, 245760, 62500),
    Level(42, "4.2", "1.2.840.10008.1.2.4.104", "1.2.840.10008.1.2.4.104.1", 8704, 522240, 62500),
)


@dataclass(frozen=True, slots=True)
class Profile:
    """What a sequence parameter set says of its stream."""

    idc: int
    level: int

    def syntax(self) -> Level | None:
        """Return the level whose transfer syntax may hold the stream, or None."""
        if self.idc != HIGH:
            return None
        return next((level for level in LEVELS if self.level <= level.idc), None)


def profiles(data: bytes, *, length_size: int) -> Iterator[Profile]:
    """Yield what the parameter sets in a packet say.

    Args:
        data: The packet.
        length_size: Bytes of the length before each unit, or 0 where start codes part them.
    """
    for unit in _counted(data, length_size) if length_size else _parted(data):
        if len(unit) > 3 and unit[0] & 31 == SPS:
            yield Profile(unit[1], unit[3])


def header(extradata: bytes) -> tuple[int, list[Profile]]:
    """Return the length size of a stream's packets, and the profiles that its header states."""
    if extradata[:1] != b"\x01" or len(extradata) < 7:
        return 0, list(profiles(extradata, length_size=0))
    found: list[Profile] = []
    at = 6
    for _ in range(extradata[5] & 31):
        size = int.from_bytes(extradata[at : at + 2], "big")
        unit = extradata[at + 2 : at + 2 + size]
        found += [Profile(unit[1], unit[3])] if len(unit) > 3 else []
        at += 2 + size
    return (extradata[4] & 3) + 1, found


def level_for(size: tuple[int, int], fps: Fraction) -> Level:
    """Return the lowest level for pictures of (width, height) at a rate; the highest, if none."""
    blocks = _blocks(size)
    for level in LEVELS:
        if blocks <= level.frame and blocks * fps <= level.rate:
            return level
    return LEVELS[-1]


def fitted(size: tuple[int, int], fps: Fraction) -> tuple[int, int]:
    """Return the largest (width, height) of that shape that a level can hold; `size`, if it can."""
    room = max(min(Fraction(level.frame), level.rate / fps) for level in LEVELS)
    longest = MACROBLOCK * math.isqrt(int(8 * room))
    width, height = size
    scale = 1.0
    while _blocks((width, height)) > room or max(width, height) > longest:
        scale *= SHRINK
        width, height = (max(2, 2 * round(side * scale / 2)) for side in size)
    return width, height


def _blocks(size: tuple[int, int]) -> int:
    width, height = (-(-side // MACROBLOCK) for side in size)
    return width * height


def _counted(data: bytes, length_size: int) -> Iterator[bytes]:
    at = 0
    while at + length_size < len(data):
        size = int.from_bytes(data[at : at + length_size], "big")
        at += length_size
        yield data[at : at + min(size, 4)]
        at += size


def _parted(data: bytes) -> Iterator[bytes]:
    for found in _START.finditer(data):
        yield data[found.end() : found.end() + 4]
