"""Resident memory of `videoengine live` over hours of a real-time feed: flat or not.

    python tests/benchmarks/live_memory.py --hours 2

The feed is a looped clip from our own RTSP server in this process; the run is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from looped import short_clip
from measure import publish

from videoengine.streams.testing import RtspServer

COMMAND = [sys.executable, "-m", "videoengine.apps.cli", "live"]
SETTLED_S = 60.0


def resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} states no resident memory")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=2.0)
    options = parser.parse_args()
    samples: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with RtspServer(short_clip(folder), start="live") as server:
            command = [*COMMAND, server.url, "--out", str(folder / "cases"), "--json"]
            child = subprocess.Popen(
                [*command, "--modality", "laparoscopy"],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            began = time.monotonic()
            while time.monotonic() - began < options.hours * 3600:
                time.sleep(5.0)
                samples.append((time.monotonic() - began, resident_mib(child.pid)))
            child.send_signal(signal.SIGTERM)
            out, _ = child.communicate(timeout=120)
        outcome = json.loads(out)[0]
    settled = [row for row in samples if row[0] >= SETTLED_S] or samples
    publish(
        "live_memory",
        {
            "what": "MiB resident during `videoengine live` of one 854x480 feed, raw recording on",
            "hours": round(options.hours, 3),
            "after_a_minute_mib": round(settled[0][1], 1),
            "at_the_end_mib": round(settled[-1][1], 1),
            "growth_mib": round(settled[-1][1] - settled[0][1], 1),
            "largest_mib": round(max(row[1] for row in samples), 1),
            "frames": outcome["frames"],
            "failures": outcome["failures"],
        },
    )


if __name__ == "__main__":
    main()
