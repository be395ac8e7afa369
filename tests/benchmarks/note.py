"""Notes of simulated procedures against their own log and against the truth.

    python tests/benchmarks/note.py [--procedures 20] [--cases FOLDER]

Twenty held-out procedures, every third a colonoscopy, of seeds from 910,000 on. `true_events`:
cases made of the truth itself. `pixels`: cases that `videoengine analyze` made with the bundled
recognisers from 256x208 pictures, one a second, named FOLDER/PROCEDURE-SEED; those that are there
are judged.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from measure import publish, summary

from videoengine.apps.evaluate_note import as_json, evaluate_notes
from videoengine.apps.note import note
from videoengine.case import Case

FIRST_SEED: Final = 910_000


def procedures(number: int) -> list[tuple[str, int]]:
    return [
        ("colonoscopy" if index % 3 == 2 else "cholecystectomy", FIRST_SEED + index)
        for index in range(number)
    ]


def uri(procedure: str, seed: int) -> str:
    return f"sim://{procedure}?seed={seed}&size=256x208&fps=1"


def timed(case: Path) -> dict[str, Any]:
    """Return how long composing a note takes, from the log on the disk."""
    seconds: list[float] = []
    for _ in range(6):
        began = time.perf_counter()
        note(case)
        seconds.append(time.perf_counter() - began)
    events = sum(1 for _ in Case.open(case).events(verify=False))
    return {"events": events, "compose_seconds": summary(seconds[1:])}


def models(cases: Iterable[Path]) -> dict[str, int]:
    """Return how many cases each recogniser of instruments made, by its hash."""
    rows = (Case.open(case).timeline().run["stages"]["instruments"] for case in cases)
    return dict(Counter(row["model_hash"][:12] for row in rows))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--procedures", type=int, default=20)
    parser.add_argument("--cases", type=Path)
    options = parser.parse_args()
    chosen = procedures(options.procedures)
    result: dict[str, Any] = {
        "procedures": [uri(*one) for one in chosen],
        "true_events": as_json(evaluate_notes([uri(*one) for one in chosen])),
    }
    if options.cases is not None:
        pairs = [(uri(*one), options.cases / f"{one[0]}-{one[1]}") for one in chosen]
        made = [pair for pair in pairs if (pair[1] / "report.html").is_file()]
        judged = evaluate_notes([truth for truth, _ in made], [str(case) for _, case in made])
        result["pixels"] = {
            "names": [case.name for _, case in made],
            "models": models(case for _, case in made),
            **as_json(judged),
        }
        result["speed"] = timed(made[0][1])
    publish("note", result)


if __name__ == "__main__":
    main()
