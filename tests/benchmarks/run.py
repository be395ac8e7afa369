"""Every CPU benchmark, one after the other; results under docs/benchmarks/."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
BENCHMARKS = ("native.py", "log.py", "decode.py", "analyze.py", "memory.py", "privacy_curve.py")


def main() -> None:
    for name in BENCHMARKS:
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, str(FOLDER / name)], check=True)


if __name__ == "__main__":
    main()
