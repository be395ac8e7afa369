"""Every CPU benchmark, one after the other; results under docs/benchmarks/."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
SHARED = Path(os.environ.get("VIDEOENGINE_SHARED", FOLDER.parent.parent.parent / "shared"))
BENCHMARKS = (
    "native.py",
    "log.py",
    "decode.py",
    "analyze.py",
    "memory.py",
    "live.py",
    "live_first_frame.py",
    "simulator.py",
    "metrics_agreement.py",
    "privacy_curve.py",
    "privacy_learned.py",
    "realism.py",
    "workflow_simulated.py",
    "workflow_real.py",
    "workflow_speed.py",
    "few_shot.py",
    "ask.py",
    "check.py",
    "note.py",
    "splats.py",
    "splat_training.py",
)
ON_REAL_CLIPS = (
    "privacy_curve.py", "privacy_learned.py", "realism.py", "workflow_real.py",
    "workflow_speed.py", "few_shot.py",
)  # fmt: skip


def main() -> None:
    for name in BENCHMARKS:
        if name in ON_REAL_CLIPS and not (SHARED / "data" / "INDEX.md").is_file():
            print(f"== {name} left out: VIDEOENGINE_SHARED names no real clips")
            continue
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, str(FOLDER / name)], check=True)


if __name__ == "__main__":
    main()
