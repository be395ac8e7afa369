"""Timecode: a frame's number written as hours, minutes, seconds and frames, never dropping any."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Final

_TIMECODE: Final = re.compile(r"(\d{2,}):(\d\d):(\d\d):(\d{2,3})")


def frames_a_second(rate_fps: Fraction) -> int:
    """Return how many frames a timecode counts to a second: 30 at 30000/1001."""
    return math.ceil(rate_fps)


def timecode(number: int, rate_fps: Fraction) -> str:
    """Return the timecode of a frame, from 00:00:00:00."""
    seconds, frames = divmod(number, frames_a_second(rate_fps))
    hours, rest = divmod(seconds, 3600)
    return f"{hours:02d}:{rest // 60:02d}:{rest % 60:02d}:{frames:02d}"


def frame_number(text: str, rate_fps: Fraction) -> int | None:
    """Return the frame of a timecode, or None when it is none at this rate."""
    match = _TIMECODE.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds, frames = (int(part) for part in match.groups())
    base = frames_a_second(rate_fps)
    if minutes > 59 or seconds > 59 or frames >= base:
        return None
    return ((hours * 60 + minutes) * 60 + seconds) * base + frames
