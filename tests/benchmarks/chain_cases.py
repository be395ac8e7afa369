"""Cases of whole simulated procedures, analyzed from rendered pixels; `ask` and `note` score them.

    python tests/benchmarks/chain_cases.py --cases FOLDER

Held-out seeds from 910,000 on; the procedure is named, the preset is `embedded`. A case is made
under another name and renamed when it is whole, so a run that was broken off goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from videoengine.apps.analyze import analyze
from videoengine.case import Case

FIRST_SEED: Final = 910_000
PRESET: Final = "embedded"
COUNTS: Final = {"cholecystectomy": 20, "colonoscopy": 6}
PICTURES: Final = "size=320x256&fps=1"
"""Whole procedures at more than one picture a second take hours on two cores."""


def procedures(counts: dict[str, int] | None = None) -> list[tuple[str, int]]:
    """Return names and seeds, colonoscopies among the others: what is done early is a mixture."""
    wanted = COUNTS if counts is None else counts
    every = [
        ((place + 0.5) / count, name, FIRST_SEED + place)
        for name, count in wanted.items()
        for place in range(count)
    ]
    return [(name, seed) for _, name, seed in sorted(every)]


def uri(procedure: str, seed: int) -> str:
    """Return the source that is analyzed, which is the truth as well."""
    return f"sim://{procedure}?seed={seed}&{PICTURES}"


def finished(folder: Path, procedure: str, seed: int) -> Path | None:
    """Return the case of a procedure, if it is whole."""
    path = folder / f"{procedure}-{seed}"
    return path if path.is_dir() else None


def models(cases: Iterable[Path]) -> dict[str, dict[str, int]]:
    """Return how many cases each model took part in, by stage and the start of its hash."""
    found: dict[str, Counter[str]] = {}
    for path in cases:
        with Case.open(path) as case:
            for name, row in case.timeline().run["stages"].items():
                found.setdefault(name, Counter())[row["model_hash"][:12]] += 1
    return {name: dict(counter) for name, counter in sorted(found.items())}


def make(folder: Path, procedure: str, seed: int) -> Path:
    """Analyze a procedure, unless its case is there."""
    path = folder / f"{procedure}-{seed}"
    if path.is_dir():
        return path
    partial = folder / f".{path.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    analyze(uri(procedure, seed), partial, preset=PRESET, procedure=procedure)
    partial.rename(path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=Path, required=True)
    for name, count in COUNTS.items():
        parser.add_argument(f"--{name}", type=int, default=count)
    options = parser.parse_args()
    options.cases.mkdir(parents=True, exist_ok=True)
    for procedure, seed in procedures({name: getattr(options, name) for name in COUNTS}):
        began = time.perf_counter()
        path = make(options.cases, procedure, seed)
        row = {"case": path.name, "seconds": round(time.perf_counter() - began, 1)}
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
