"""`analyze` with quality and privacy at 5 Hz beside a bare PyAV decode loop, same threads.

Interleaved, each in a process of its own, over 10 minutes of a looped 854x480 clip. The ratio is
of the time from the first packet to the last event (or frame); the whole process, with start-up,
hashing and report, stands beside it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from looped import loop, short_clip
from measure import publish, summary

BARE = """
import sys, time, av
container = av.open(sys.argv[1])
stream = container.streams.video[0]
stream.thread_type = "AUTO"
began = time.monotonic()
frames = sum(1 for _ in container.decode(stream))
print(frames, time.monotonic() - began)
"""
OURS = """
import sys
from videoengine.apps.analyze import analyze
done = analyze(sys.argv[1], sys.argv[2], preset="basic", modality="laparoscopy")
print(done.frames, done.seconds)
"""


def timed(code: str, *arguments: object) -> tuple[int, float, float]:
    """Run Python code in a process; return its frames, its own seconds, and the whole process's."""
    began = time.monotonic()
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    frames, seconds = done.stdout.split()
    return int(frames), float(seconds), time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--passes", type=int, default=5)
    options = parser.parse_args()
    rows: dict[str, list[float]] = {"bare": [], "analyze": [], "analyze_process": []}
    ratios: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = short_clip(folder)
        video = loop(clip, folder / "long.mp4", options.seconds)
        timed(BARE, video)
        for number in range(options.passes):
            frames, bare, _ = timed(BARE, video)
            ours_frames, ours, whole = timed(OURS, video, folder / f"case{number}")
            assert ours_frames == frames, (ours_frames, frames)
            rows["bare"].append(frames / bare)
            rows["analyze"].append(frames / ours)
            rows["analyze_process"].append(frames / whole)
            ratios.append(bare / ours)
            print(json.dumps({"bare": bare, "analyze": ours, "process": whole}), file=sys.stderr)
    publish(
        "analyze",
        {
            "what": "frames/s over a looped 854x480 H.264 clip; quality and privacy at 5 Hz",
            "clip": clip.name,
            "media_seconds": options.seconds,
            "fps": {key: summary(values) for key, values in rows.items()},
            "ratio_analyze_to_bare": summary(ratios),
        },
    )


if __name__ == "__main__":
    main()
