"""Resident memory of `analyze` after 10 minutes and after 2 hours of media time: flat or not."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from looped import loop, short_clip
from measure import publish

CODE = """
import resource, sys
from videoengine.apps.analyze import analyze
from videoengine.media_time import NS_PER_SECOND
marks = {int(float(m) * NS_PER_SECOND): None for m in sys.argv[3:]}
def rss():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))
def progress(case_ns, frames):
    for mark, value in marks.items():
        if value is None and case_ns >= mark:
            marks[mark] = rss()
analyze(sys.argv[1], sys.argv[2], preset="basic", modality="laparoscopy", progress=progress)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(*marks.values(), rss(), peak)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=7200.0)
    parser.add_argument("--early", type=float, default=600.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video = loop(short_clip(folder), folder / "long.mp4", options.seconds)
        late = options.seconds - 20
        command = [sys.executable, "-c", CODE, video, folder / "case", options.early, late]
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, check=True
        )
    early, end, after_report, peak = (float(part) for part in done.stdout.split())
    publish(
        "memory",
        {
            "what": "MiB resident during analyze of a looped 854x480 clip",
            "early_media_seconds": options.early,
            "late_media_seconds": late,
            "early_mib": round(early, 1),
            "late_mib": round(end, 1),
            "growth_mib": round(end - early, 1),
            "after_report_mib": round(after_report, 1),
            "peak_mib": round(peak, 1),
        },
    )


if __name__ == "__main__":
    main()
