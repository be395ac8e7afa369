"""Our scores beside the field's packages on the same random inputs.

    python tests/benchmarks/metrics_agreement.py [--inputs 1000] [--store]

scikit-learn, torchmetrics, pycocotools, rapidfuzz and scipy live in build/peers-metrics, made here;
ivtmetrics in build/peers-ivtmetrics with scikit-learn 1.2, the last whose answer for a class
without a positive it understands. `--store` writes what the peers say of the first inputs to
tests/unit/models/metrics/expected.json, which CI compares with.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from measure import publish  # noqa: E402
from support.metric_scores import OURS, TOLERANCES, gap  # noqa: E402

EXPECTED = ROOT / "tests" / "unit" / "models" / "metrics" / "expected.json"
STORED = 3
PINS = str(ROOT / "constraints.txt")
ENVIRONMENTS: dict[str, tuple[str, ...]] = {
    "peers-metrics": (
        "-c", PINS, "scikit-learn==1.9.1", "torchmetrics==1.9.0", "torch", "pycocotools==2.0.11",
        "rapidfuzz",
    ),
    "peers-ivtmetrics": ("numpy<2", "scikit-learn==1.2.2", "ivtmetrics==0.1.5"),
}  # fmt: skip
HOMES = dict.fromkeys(OURS, "peers-metrics") | {"ivtmetrics": "peers-ivtmetrics"}
DEFECT = "detection_many_as_is"
"""What ivtmetrics says with its boxes changed in place; only counted."""


def python_of(name: str) -> Path:
    """Return the Python of a peers' environment, made when it is not there."""
    python = ROOT / "build" / name / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", python.parent.parent], check=True)
        pip = [str(python), "-m", "pip", "-q", "install"]
        no_deps = [one for one in ENVIRONMENTS[name] if one.startswith("ivtmetrics")]
        rest = [one for one in ENVIRONMENTS[name] if one not in no_deps]
        subprocess.run([*pip, *rest], check=True)
        if no_deps:
            subprocess.run([*pip, "--no-deps", *no_deps], check=True)
    return python


def ask(peer: str, inputs: int) -> list[dict[str, Any]]:
    """Return the peer's scores of so many inputs."""
    script = str(Path(__file__).with_name("metrics_peer.py"))
    command = [str(python_of(HOMES[peer])), script, peer, "0", str(inputs)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def versions(environment: str) -> dict[str, str]:
    command = [str(python_of(environment)), "-m", "pip", "list", "--format=json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    named = ("scikit-learn", "torchmetrics", "pycocotools", "rapidfuzz", "scipy", "ivtmetrics")
    rows = [(row["name"].lower(), row["version"]) for row in json.loads(done.stdout)]
    return {name: version for name, version in rows if name in named}


def compare(peer: str, theirs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return by score how many inputs agree, and the largest difference."""
    gaps: dict[str, list[float]] = defaultdict(list)
    for seed, scores in enumerate(theirs):
        ours = OURS[peer](seed)
        if peer == "ivtmetrics":
            gaps[DEFECT].append(gap(ours["detection_many"], scores.pop(DEFECT)))
        assert ours.keys() == scores.keys(), sorted(ours.keys() ^ scores.keys())
        for name, score in scores.items():
            gaps[name].append(gap(ours[name], score))
    limit = TOLERANCES[peer]
    return {
        name: {
            "agree": sum(one <= limit for one in found),
            "of": len(found),
            "largest_difference": float(f"{max(found):.3g}"),
        }
        for name, found in gaps.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--store", action="store_true")
    chosen = parser.parse_args()
    results: dict[str, Any] = {}
    stored: dict[str, Any] = {}
    for peer in OURS:
        theirs = ask(peer, chosen.inputs)
        stored[peer] = [
            {name: score for name, score in row.items() if name != DEFECT}
            for row in theirs[:STORED]
        ]
        results[peer] = {
            "versions": versions(HOMES[peer]),
            "tolerance": TOLERANCES[peer],
            "scores": compare(peer, theirs),
        }
    if chosen.store:
        EXPECTED.write_text(json.dumps(stored, separators=(",", ":")) + "\n")
    publish("metrics_agreement", {"inputs": chosen.inputs, "peers": results})
    bad = [
        f"{peer} {name}"
        for peer, row in results.items()
        for name, score in row["scores"].items()
        if score["agree"] < score["of"] and name != DEFECT
    ]
    if bad:
        raise SystemExit(f"does not agree: {', '.join(bad)}")


if __name__ == "__main__":
    main()
