"""Frames a second of the decode loop: ours against bare PyAV and OpenCV on the same clip.

    python tests/benchmarks/decode.py [CLIP ...] [--passes 9]

Every pass runs each way once, in turn, so that a slow moment of the machine meets all of them.
Without a clip it takes a real one from VIDEOENGINE_SHARED, or makes one.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2  # pyright: ignore[reportMissingImports]  # only `make bench` installs it
from looped import short_clip
from measure import publish, summary

from videoengine.streams import open_source

SIZE = (456, 256)
Way = Callable[[Path], int]


def bare_pyav(clip: Path) -> int:
    """Decode and touch no pixel."""
    count = 0
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for _ in container.decode(stream):
            count += 1
    return count


def swscale(clip: Path) -> int:
    """Plain PyAV: every frame through swscale."""
    count = 0
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            frame.to_ndarray(
                format="rgb24", width=SIZE[0], height=SIZE[1], interpolation="BILINEAR"
            )
            count += 1
    return count


def frames(clip: Path) -> int:
    """Our frames with true stamps, pixels untouched."""
    source = open_source(clip)
    count = sum(1 for _ in source)
    source.close()
    return count


def frames_rgb(clip: Path) -> int:
    """Our frames with true stamps and `rgb(256)`."""
    source = open_source(clip)
    count = 0
    for frame in source:
        frame.pixels.rgb(SIZE)
        count += 1
    source.close()
    return count


def opencv_grab(clip: Path) -> int:
    """OpenCV, not converted."""
    capture = cv2.VideoCapture(str(clip))
    count = 0
    while capture.grab():
        count += 1
    capture.release()
    return count


def opencv_resize(clip: Path) -> int:
    """OpenCV's usual loop: read, then resize."""
    capture = cv2.VideoCapture(str(clip))
    count = 0
    while True:
        ok, picture = capture.read()
        if not ok:
            break
        cv2.resize(picture, SIZE, interpolation=cv2.INTER_LINEAR)
        count += 1
    capture.release()
    return count


WAYS: dict[str, Way] = {
    "pyav": bare_pyav,
    "ours": frames,
    "opencv grab": opencv_grab,
    "opencv read + resize 256": opencv_resize,
    "ours rgb(256)": frames_rgb,
    "pyav + swscale 256": swscale,
}
RATIOS = (
    ("ours", "pyav"),
    ("ours", "opencv grab"),
    ("ours rgb(256)", "opencv read + resize 256"),
    ("pyav + swscale 256", "opencv read + resize 256"),
)


def measure(clip: Path, passes: int) -> dict[str, Any]:
    """Return frames a second and CPU milliseconds a frame of each way, by pass."""
    rates: dict[str, list[float]] = {name: [] for name in WAYS}
    cpu: dict[str, list[float]] = {name: [] for name in WAYS}
    for number in range(passes + 1):
        for name, way in WAYS.items():
            began, used = time.perf_counter(), time.process_time()
            count = way(clip)
            seconds, used = time.perf_counter() - began, time.process_time() - used
            if number:  # the first pass warms the page cache
                rates[name].append(count / seconds)
                cpu[name].append(1000 * used / count)
    return {"fps": rates, "cpu_ms_per_frame": cpu}


def report(name: str, result: dict[str, Any]) -> dict[str, Any]:
    """Print one clip's table and return its medians, quartiles and ratios."""
    print(f"\n{name}\n{'way':28}{'fps':>8}{'q1':>8}{'q3':>8}{'CPU ms':>9}")
    rows: dict[str, Any] = {}
    for way, rates in result["fps"].items():
        fps, cpu = summary(rates), summary(result["cpu_ms_per_frame"][way])
        rows[way] = {"fps": fps, "cpu_ms_per_frame": cpu}
        print(f"{way:28}{fps['median']:8.0f}{fps['q1']:8.0f}{fps['q3']:8.0f}{cpu['median']:9.2f}")
    ratios: dict[str, Any] = {}
    for ours, other in RATIOS:  # within one pass, then the median of the passes
        pairs = zip(result["fps"][ours], result["fps"][other], strict=True)
        ratios[f"{ours} / {other}"] = summary([a / b for a, b in pairs])
        print(f"  {ours} / {other}: {ratios[f'{ours} / {other}']['median']:.2f}x")
    return {"ways": rows, "ratios": ratios}


def main() -> None:
    """Measure, print, and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--passes", type=int, default=9)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clips = arguments.clips or [short_clip(Path(folder))]
        results = {clip.name: report(clip.name, measure(clip, arguments.passes)) for clip in clips}
    what = "frames/s and CPU ms a frame over a short 854x480 H.264 clip, ways interleaved"
    publish("decode", {"what": what, "clips": results})


if __name__ == "__main__":
    main()
