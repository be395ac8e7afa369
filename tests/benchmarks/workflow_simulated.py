"""The bundled recogniser on held-out simulated procedures, beside an oracle and against the bars.

    python tests/benchmarks/workflow_simulated.py [--weights FILE] [--part scores|refusals|all]

Patients of seeds that taught nothing, one picture a second, through the code of the stages; every
fourth is of a build that training left out; procedures that thresholds were fitted on are not among
them. The oracle is a temporal model of the same class, taught in the same
steps on the same training procedures, which is told the true instruments instead of a picture.
Intervals are 95 % of a bootstrap over procedures.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import workflow_scores as scores
from measure import ROOT, publish
from numpy.typing import NDArray
from workflow_refusals import refusals
from workflow_tables import bars, simulated_tables
from workflow_video import Video, evaluated, first_of, path_of, presence_of
from workflow_watched import IN_BODY_FROM, INSIDE, bundle_at, oracle_watched, triplet_classes

from videoengine.apps.train_bundled import PHASE_STEPS, TRAIN
from videoengine.apps.training_sets import Made, procedures_of, render
from videoengine.models.metrics import LabelledVideo, average_precision, top_label_reliability
from videoengine.models.workflow.bundled import Bundle, new_phase_network
from videoengine.models.workflow.procedure import UNKNOWN
from videoengine.models.workflow.samples import NONE, file_of, read_samples
from videoengine.models.workflow.temporal_training import (
    Watched,
    follow,
    stay_of,
    train_phases,
)
from videoengine.models.workflow.terms import PROCEDURES, STATES, terms_of
from videoengine.recon3d.simulator.anatomy import USUAL

SAMPLES: Final = ROOT / "build" / "bundled" / "samples"
SEVERITIES: Final = ("smoke", "soiling")


@dataclass(frozen=True)
class Oracle:
    """Phases of every test procedure as the oracle says them."""

    raw: list[NDArray[np.int64]]
    smooth: list[NDArray[np.int64]]
    taught_on: int
    majority: int
    """The phase that most pictures of the training procedures show."""


def taught(folder: Path, procedure: str, wanted: int, pictures: int | None) -> list[Watched]:
    """Return the training procedures that are on disk, as the oracle sees them."""
    features = new_phase_network(procedure).config.features
    found: list[Watched] = []
    for made in procedures_of("train", procedure, wanted):
        path = file_of(folder, made.uri)
        if not path.exists():
            continue
        samples = first_of(read_samples(path), pictures)
        nothing = np.zeros((len(samples), features), np.float32)
        found.append(Watched(procedure, nothing, presence_of(samples), samples.course))
    return found


def oracle_of(
    folder: Path, videos: Sequence[Video], procedure: str, options: argparse.Namespace
) -> Oracle:
    known = taught(folder, procedure, options.oracle_videos or TRAIN[procedure], options.pictures)
    if not known:
        raise SystemExit(f"{folder} holds no training procedure: make train-bundled renders them")
    phases = len(terms_of(procedure).phase.labels)
    network = train_phases(new_phase_network(procedure), known, steps=options.oracle_steps)
    stay = stay_of(known, phases)
    raw: list[NDArray[np.int64]] = []
    smooth: list[NDArray[np.int64]] = []
    for video in videos:
        seen = oracle_watched(video.watched, video.presence[0].astype(np.float32))
        logits = follow(network, seen).phase[0]
        raw.append(logits.argmax(dim=1).numpy())
        smooth.append(path_of(logits, 1.0, stay))
    every = np.concatenate([one.course[:, 1] for one in known]).astype(np.int64)
    majority = int(np.bincount(every, minlength=phases).argmax())
    return Oracle(raw, smooth, len(known), majority)


def labelled(videos: Sequence[Video], said: Sequence[NDArray[np.int64]]) -> list[LabelledVideo]:
    return [LabelledVideo.of(v.phase, s) for v, s in zip(videos, said, strict=True)]


def scored(videos: Sequence[Video], oracle: Oracle, chosen: Sequence[int]) -> dict[str, Any]:
    """Return every figure of a group of procedures of one kind."""
    procedure = videos[0].watched.procedure
    terms = terms_of(procedure)
    own = [videos[k] for k in chosen]
    names = [label.name for label in terms.phase.labels]
    tools = [label.name for label in terms.instrument.labels]
    raw, smooth = (labelled(own, [getattr(v, kind) for v in own]) for kind in ("raw", "smooth"))
    known, known_smooth = (
        labelled(own, [side[k] for k in chosen]) for side in (oracle.raw, oracle.smooth)
    )
    most = labelled(own, [np.full_like(v.phase, oracle.majority) for v in own])
    unlisted = sum(v.unlisted for v in own)
    return {
        "procedures": len(own),
        "pictures": sum(len(v.phase) for v in own),
        "phase": scores.phases(raw, names),
        "phase_smoothed": scores.phases(smooth, names),
        "oracle": scores.phases(known, names),
        "oracle_smoothed": scores.phases(known_smooth, names),
        "majority_phase": scores.phases(most, names),
        "accuracy_over_oracle": scores.ratio(raw, known, len(names)),
        "accuracy_over_oracle_smoothed": scores.ratio(smooth, known_smooth, len(names)),
        "phase_ece": round(
            top_label_reliability(
                np.concatenate([v.probabilities for v in own]),
                np.concatenate([v.phase for v in own]),
            ).expected_error,
            4,
        ),
        "tool_presence": scores.presence(
            [v.presence[0] for v in own], [v.presence[1] for v in own], tools
        ),
        "boxes": scores.detection([v.boxes[0] for v in own], [v.boxes[1] for v in own], tools),
        "mask": mask_scores(own, tools),
        "triplet": {
            **scores.triplets([v.triplet for v in own], triplet_classes(procedure)),
            "true_but_not_in_the_vocabulary": unlisted,
        },
        "procedure": decisions(own, procedure),
        "states": state_scores(own),
        "ahead": ahead_scores(own),
        "online_against_offline": max(v.online_offline for v in own),
        "encoder_ms": round(float(np.mean([v.encoder_ms for v in own])), 2),
    }


def mask_scores(videos: Sequence[Video], tools: Sequence[str]) -> dict[str, Any]:
    found = {
        "any": scores.masks(
            np.array([v.tool.hits[0] for v in videos]),
            np.array([v.tool.union[0] for v in videos]),
            [v.tool.images[:, 0] for v in videos],
        )
    }
    for place, name in enumerate(tools):
        found[name] = scores.masks(
            np.array([v.labels.hits[place] for v in videos]),
            np.array([v.labels.union[place] for v in videos]),
            [v.labels.images[:, place] for v in videos],
        )
    return found


def decisions(videos: Sequence[Video], procedure: str) -> dict[str, Any]:
    """Return how the procedure stage decided, and what a wrong decision would have logged."""
    said = [video.decision.procedure for video in videos]
    right = np.array([name == procedure for name in said], np.float64)
    wrong = [len(v.phase) for v, name in zip(videos, said, strict=True)
             if name not in (procedure, UNKNOWN)]  # fmt: skip
    return {
        "accuracy": scores.interval(lambda draw: float(right[draw].mean()), len(videos)),
        "unknown": said.count(UNKNOWN),
        "wrong": len(wrong),
        "phase_events_of_the_other_procedure": sum(wrong),
    }


def state_scores(videos: Sequence[Video]) -> dict[str, Any]:
    """Return out of the body as a yes, smoke and soiling as errors, polyps as a ranking."""
    true, said = ([v.states[side] for v in videos] for side in (0, 1))
    found: dict[str, Any] = {
        "out_of_body": scores.recall_and_precision(
            [one[:, INSIDE] == 0 for one in true],
            [one[:, INSIDE] < IN_BODY_FROM for one in said],
        )
    }
    for name in SEVERITIES:
        at = STATES.index(name)
        mean = float(np.nanmean(np.concatenate([one[:, at] for one in true])))
        found[name] = {
            "mean_error": scores.mean_by_video(
                [np.abs(t[:, at] - s[:, at]) for t, s in zip(true, said, strict=True)]
            ),
            "mean_error_of_the_mean": scores.mean_by_video([np.abs(t[:, at] - mean) for t in true]),
        }
    at = STATES.index("polyp")
    truth = np.concatenate([one[:, at] for one in true])
    chance = np.concatenate([one[:, at] for one in said])
    kept = ~np.isnan(truth)
    found["polyp_ap"] = scores.rounded(average_precision(truth[kept], chance[kept]))
    found["polyp_chance"] = scores.rounded(float(truth[kept].mean()))
    return found


def ahead_scores(videos: Sequence[Video]) -> dict[str, Any]:
    """Return errors in minutes, and how often the truth lies in the stated interval of 80 %."""
    found: dict[str, Any] = {}
    for kind in ("until_next", "until_end"):
        rows = [getattr(video, kind) for video in videos]
        mean = float(np.nanmean(np.concatenate([row.truth for row in rows])))
        found[kind] = {
            "mean_error_minutes": scores.mean_by_video([row.error for row in rows]),
            "mean_error_of_the_mean": scores.mean_by_video(
                [np.abs(row.truth - mean) for row in rows]
            ),
            "inside_the_stated_interval": scores.mean_by_video([row.inside for row in rows]),
        }
    right = [
        np.where(v.next_truth == NONE, np.nan, (v.next_truth == v.next_said).astype(np.float64))
        for v in videos
    ]
    found["next_phase_accuracy"] = scores.mean_by_video(right)
    return found


def measured(bundle: Bundle, procedure: str, options: argparse.Namespace) -> dict[str, Any]:
    wanted: list[Made] = procedures_of("test", procedure, options.procedures)
    paths = render(
        wanted,
        options.samples,
        workers=options.workers,
        told=lambda done, of: print(f"{procedure}: {done} of {of} rendered", file=sys.stderr),
    )
    videos: list[Video] = []
    classes = triplet_classes(procedure)
    for made, path in zip(wanted, paths, strict=True):
        samples = first_of(read_samples(path), options.pictures)
        videos.append(evaluated(bundle, made, samples, classes))
        print(f"{procedure}: seed {made.seed}, {made.build}", file=sys.stderr, flush=True)
    print(f"{procedure}: the oracle learns", file=sys.stderr, flush=True)
    oracle = oracle_of(options.samples, videos, procedure, options)
    every = range(len(videos))
    groups = {
        "all": list(every),
        "builds_that_taught": [k for k in every if videos[k].made.build == USUAL],
        "left_out_build": [k for k in every if videos[k].made.build != USUAL],
    }
    return {
        "seeds": [video.made.seed for video in videos],
        "builds": [video.made.build for video in videos],
        "oracle_taught_on": oracle.taught_on,
        "groups": {name: scored(videos, oracle, own) for name, own in groups.items() if own},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--procedures", type=int, default=20, help="of each kind")
    parser.add_argument("--weights", type=Path, help="bundle; by default the one that ships")
    parser.add_argument("--samples", type=Path, default=SAMPLES)
    parser.add_argument("--workers", type=int, default=2, help="processes that render")
    parser.add_argument("--part", choices=("scores", "refusals", "all"), default="scores")
    parser.add_argument("--oracle-steps", type=int, default=PHASE_STEPS)
    parser.add_argument("--oracle-videos", type=int, help="fewer, for trying the program")
    parser.add_argument("--pictures", type=int, help="of each video, for trying the program")
    parser.add_argument("--dry", action="store_true", help="print tables, publish nothing")
    options = parser.parse_args()
    bundle = bundle_at(options.weights)
    how = {"weights_sha256": bundle.sha256, "trained_on": bundle.trained_on, **bundle.notes}
    if options.part in ("scores", "all"):
        found = {name: measured(bundle, name, options) for name in PROCEDURES}
        document: dict[str, Any] = {
            "what": "held-out simulated procedures, one picture a second",
            "bundle": how,
            "oracle_steps": options.oracle_steps,
            "resamples": scores.RESAMPLES,
            "bars": bars(found["cholecystectomy"]["groups"]["all"]),
            **found,
        }
        if not options.dry:
            publish("workflow_simulated", document)
        print(simulated_tables(document))
    if options.part in ("refusals", "all"):
        document = {"what": "phase events by vocabulary", "bundle": how, "runs": refusals()}
        if not options.dry:
            publish("workflow_refusals", document)
        else:
            print(document)


if __name__ == "__main__":
    torch.set_num_threads(min(2, torch.get_num_threads()))
    main()
