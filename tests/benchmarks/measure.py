"""What every benchmark shares: medians with quartiles, the machine, and where results go."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / "docs" / "benchmarks"
PACKAGES = ("videoengine", "av", "numpy", "opencv-python-headless", "torch")


def summary(values: Sequence[float]) -> dict[str, float]:
    """Return median, quartiles and count."""
    low, _, high = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
    return {
        "median": round(statistics.median(values), 4),
        "q1": round(low, 4),
        "q3": round(high, 4),
        "n": len(values),
    }


def machine() -> dict[str, Any]:
    """Return what a reader needs to judge the figures."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    versions: dict[str, str] = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return {
        "commit": commit or None,
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": versions,
    }


def publish(name: str, result: dict[str, Any]) -> Path:
    """Write a result with its machine under docs/benchmarks/ and print it."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    text = json.dumps({"machine": machine(), **result}, indent=1)
    path.write_text(text + "\n")
    print(text)
    print(f"written to {path.relative_to(ROOT)}")
    return path
