"""The native passes on one core, in milliseconds a frame: statistics, and conversion to RGB."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import av
import numpy as np
from measure import publish, summary

from videoengine import _native

SIZES = {"1920x1080": (1920, 1080), "854x480": (854, 480)}


def planes_of(size: tuple[int, int]) -> list[Any]:
    """Return yuv420p planes of noise: no branch of the pass is predictable."""
    width, height = size
    rng = np.random.default_rng(0)
    half = ((height + 1) // 2, (width + 1) // 2)
    shapes = [(height, width), half, half]
    return [rng.integers(16, 240, shape, dtype=np.uint8) for shape in shapes]


def milliseconds(call: Callable[[], Any], repeats: int = 30) -> float:
    """Return the mean CPU time of a call in milliseconds."""
    began = time.thread_time()
    for _ in range(repeats):
        call()
    return (time.thread_time() - began) / repeats * 1000


def main() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    calls: dict[str, Callable[[], Any]] = {}
    out = np.empty(_native.FRAME_STATISTICS_LENGTH, np.int64)
    for name, size in SIZES.items():
        planes = planes_of(size)
        for level in ("best", "baseline"):
            calls[f"frame_statistics {name} {level}"] = lambda planes=planes, level=level: (
                _native.frame_statistics(planes, out, "yuv420p", 8, False, level)
            )
        rgb = np.empty((256, 456, 3), np.uint8)
        calls[f"color_conversion {name} to 456x256"] = lambda planes=planes, rgb=rgb: (
            _native.color_conversion(planes, rgb, "yuv420p", 8, "bt709", False)
        )
        frame = av.VideoFrame(*size, "yuv420p")
        for plane, data in zip(frame.planes, planes, strict=True):
            memory = np.frombuffer(memoryview(plane), np.uint8)
            target = memory.reshape(plane.height, plane.line_size)
            target[:, : plane.width] = data
        calls[f"swscale bilinear {name} to 456x256"] = lambda frame=frame: frame.reformat(
            456, 256, "rgb24", interpolation="BILINEAR"
        )
    rows: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(10):
        for name, call in calls.items():
            call()
            rows[name].append(milliseconds(call))
    publish(
        "native",
        {
            "what": "CPU ms a frame, one thread; swscale is the peer of color_conversion",
            "instruction_set": _native.instruction_set(),
            "milliseconds": {name: summary(values) for name, values in rows.items()},
        },
    )


if __name__ == "__main__":
    main()
