"""The learned network of quality and privacy beside the rules: held-out simulation, real video.

    .venv/bin/python tests/benchmarks/privacy_learned.py [--shared ../shared] [--weights FILE]
        [--samples build/bundled/samples]

Real sources are those of privacy_curve.py, each in its own modality at the threshold. In-body
sources run from an epoch's start; out-of-body samples stand behind an in-body sample of every
source, so that the stage starts from its most trusting state. Simulated procedures are those that
the weights name as held out; their samples come from `make train-bundled`, and without them that
part of the last result is kept where its weights are the same, else left out. Writes
docs/benchmarks/privacy_learned.json, and its figures as tables into docs/quality_learned.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from measure import RESULTS, publish
from privacy_curve import ROOT, SHARED, Body, Sample, bodies, outside

from videoengine.models.quality.learned import WEIGHTS, LearnedNetwork, load_learned
from videoengine.models.quality.learned_features import features_of
from videoengine.models.quality.out_of_body import score_of
from videoengine.models.quality.privacy import RULES, THRESHOLD, change_between, is_allowed
from videoengine.models.quality.soiling import no_soiling

NAME: Final = "privacy_learned"
WITNESSES: Final = ("rule", "network", "both")
"""The rule, the network alone (which no stage uses), and the worse of both, as the stage judges."""
EMPTY: Final = no_soiling()
DOCUMENT: Final = ROOT / "docs" / "quality_learned.md"
MARK: Final = "<!-- figures of privacy_learned.json -->"
"""Stands before and after the tables in DOCUMENT."""


def scores_of(sample: Sample, modality: str, network: LearnedNetwork) -> dict[str, float]:
    """Return the evidence for out of body by witness."""
    rule = score_of(sample.cues, RULES[modality])
    said = network.judge(features_of(sample.statistics, EMPTY)).out_of_body
    return {"rule": rule, "network": said, "both": max(rule, said)}


def shown(
    samples: Sequence[Sample],
    scores: Sequence[Mapping[str, float]],
    witness: str,
    before: Sample | None,
) -> int:
    """Return how many samples are allowed, from an epoch's start or behind an allowed sample."""
    inside, scene, count = before is not None, before.scene if before else (), 0
    for sample, score in zip(samples, scores, strict=True):
        inside = is_allowed(score[witness], inside, change_between(scene, sample.scene), THRESHOLD)
        scene = sample.scene
        count += inside
    return count


def inside_rows(rows: Sequence[Body], network: LearnedNetwork) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for body in rows:
        scores = [scores_of(sample, body.modality, network) for sample in body.samples]
        kept = {w: shown(body.samples, scores, w, None) for w in WITNESSES}
        found[body.name] = {
            "modality": body.modality,
            "samples": len(scores),
            "kept": kept,
            "smoke_median_p90_max": smoke_of_network(body.samples, network),
        }
    return found


def smoke_of_network(samples: Sequence[Sample], network: LearnedNetwork) -> list[float]:
    said = [network.judge(features_of(sample.statistics, EMPTY)).smoke for sample in samples]
    return [round(float(value), 3) for value in np.quantile(said, (0.5, 0.9, 1.0))]


def outside_rows(
    out: Mapping[str, Sequence[Sample]], rows: Sequence[Body], network: LearnedNetwork
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, samples in out.items():
        missed = dict.fromkeys(WITNESSES, 0)
        for modality in ("laparoscopy", "colonoscopy"):
            scores = [scores_of(sample, modality, network) for sample in samples]
            for witness in WITNESSES:
                missed[witness] += sum(
                    shown(samples, scores, witness, body.samples[0]) for body in rows
                )
        found[name] = {"samples": len(samples), "tried": 2 * len(samples) * len(rows)} | {
            "missed": missed
        }
    return found


def simulated(weights: Path, folder: Path, network: LearnedNetwork) -> dict[str, float] | None:
    """Return the figures of held-out procedures, or None where their samples are not at hand."""
    paths = [folder / f"{stem}.npz" for stem in network.notes["held_out"]]
    if not all(path.is_file() for path in paths):
        last = RESULTS / f"{NAME}.json"
        row = json.loads(last.read_text()) if last.is_file() else {}
        return row.get("simulated") if row.get("weights_sha256") == network.sha256 else None
    from videoengine.models.quality.learned_training import score

    return {key: round(value, 4) for key, value in score(weights, paths).items()}


def cost_ms(samples: Sequence[Sample], network: LearnedNetwork) -> float:
    """Return the median milliseconds that the network adds to one sample."""
    took = []
    for sample in samples:
        began = time.perf_counter()
        network.judge(features_of(sample.statistics, EMPTY))
        took.append(time.perf_counter() - began)
    return round(1e3 * statistics.median(took), 3)


def tables(result: Mapping[str, Any]) -> str:
    """Return the figures as Markdown."""
    lines = [
        "| in the body | modality | samples | kept: rule | both | network alone |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in result["in_body"].items():
        kept = row["kept"]
        counts = f"{kept['rule']} | {kept['both']} | {kept['network']}"
        lines.append(f"| {name} | {row['modality']} | {row['samples']} | {counts} |")
    lines += [
        "",
        "| out of the body | samples | tried | missed: rule | both | network alone |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in result["out_of_body"].items():
        missed = row["missed"]
        counts = f"{missed['rule']} | {missed['both']} | {missed['network']}"
        lines.append(f"| {name} | {row['samples']} | {row['tried']} | {counts} |")
    if result["simulated"] is not None:
        lines += ["", *simulated_table(result["simulated"])]
    return "\n".join(lines)


def simulated_table(row: Mapping[str, float]) -> list[str]:
    names = {
        "blank_recall": "out of the body: recall",
        "blank_precision": "out of the body: precision",
        "kept_inside": "share of the inside that is kept",
        "smoke_error": "smoke: mean absolute error",
        "smoke_error_where_clear": "smoke: the same where it is above 0.1",
        "soiling_error": "soiling: mean absolute error",
        "soiling_error_where_clear": "soiling: the same where it is above 0.1",
    }
    head = f"| {row['pictures']:.0f} simulated pictures, {row['outside']:.0f} of them outside "
    lines = [head + "| rule | both | network alone | saying 0 |", "|---|---|---|---|---|"]
    for key, name in names.items():
        values = [row.get(f"{key}_{who}") for who in ("rule", "both", "network", "nothing")]
        cells = " | ".join("" if value is None else f"{value:.4f}" for value in values)
        lines.append(f"| {name} | {cells} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--samples", type=Path, default=ROOT / "build/bundled/samples")
    given = parser.parse_args()
    network = load_learned(given.weights)
    rows, out = bodies(given.shared / "data"), outside(given.shared / "data")
    inside, beyond = inside_rows(rows, network), outside_rows(out, rows, network)
    real = {name: row for name, row in beyond.items() if name in ("trocar", "PitVis 0-2")}
    rooms = [row for name, row in beyond.items() if name not in real]
    real["rooms and skin, synthetic"] = {
        "samples": sum(row["samples"] for row in rooms),
        "tried": sum(row["tried"] for row in rooms),
        "missed": {w: sum(row["missed"][w] for row in rooms) for w in WITNESSES},
    }
    result: dict[str, Any] = {
        "command": ".venv/bin/python tests/benchmarks/privacy_learned.py",
        "threshold": THRESHOLD,
        "weights_sha256": network.sha256,
        "trained_on": network.trained_on,
        "offset": network.offset,
        "milliseconds_added": cost_ms(rows[0].samples, network),
        "in_body": inside,
        "out_of_body": real,
        "simulated": simulated(given.weights, given.samples, network),
    }
    publish(NAME, result)
    before, _, after = DOCUMENT.read_text("utf-8").split(MARK)
    text = f"{before}{MARK}\n\n{tables(result)}\n\n{MARK}{after}"
    DOCUMENT.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
