"""Notes of simulated procedures against their own log and against the truth.

    python tests/benchmarks/note.py [--cases FOLDER]

`true_events`: cases made of the truth itself, of the procedures that `chain_cases.py` names.
`pixels`: what is there in FOLDER of the cases that it makes with the bundled recognisers.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from chain_cases import finished, models, procedures, uri
from measure import publish, summary

from videoengine.apps.evaluate_note import as_json, evaluate_notes
from videoengine.apps.note import note
from videoengine.case import Case


def timed(case: Path) -> dict[str, Any]:
    """Return how long composing a note takes, from the log on the disk."""
    seconds: list[float] = []
    for _ in range(6):
        began = time.perf_counter()
        note(case)
        seconds.append(time.perf_counter() - began)
    events = sum(1 for _ in Case.open(case).events(verify=False))
    return {"events": events, "compose_seconds": summary(seconds[1:])}


def pixels(cases: Path) -> dict[str, Any]:
    """Return the scores of the cases that are there, all together and by procedure."""
    made = [
        (name, uri(name, seed), case)
        for name, seed in procedures()
        if (case := finished(cases, name, seed)) is not None
    ]
    if not made:
        raise SystemExit(f"no case in {cases}: python tests/benchmarks/chain_cases.py --cases …")
    names = dict.fromkeys(name for name, _, _ in made)
    rows = {
        chosen: as_json(
            evaluate_notes(
                [truth for name, truth, _ in made if chosen in (name, "all")],
                [str(case) for name, _, case in made if chosen in (name, "all")],
            )
        )
        for chosen in ("all", *names)
    }
    paths = [case for _, _, case in made]
    return {"cases": [path.name for path in paths], "models": models(paths), **rows}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=Path)
    options = parser.parse_args()
    sources = [uri(*one) for one in procedures()]
    result: dict[str, Any] = {
        "procedures": sources,
        "true_events": as_json(evaluate_notes(sources)),
    }
    if options.cases is not None:
        result["pixels"] = pixels(options.cases)
        result["speed"] = timed(options.cases / result["pixels"]["cases"][0])
    publish("note", result)


if __name__ == "__main__":
    main()
