"""Few-shot heads on real tissue: each of three CholecT50 videos held out in turn, three seeds.

    VIDEOENGINE_SHARED=../shared python tests/benchmarks/few_shot.py [--backbone NAME[=PATH]]

1, 4, 16 labelled frames a class, or all of the two other videos, teach a head over a frozen
backbone; it is scored on every annotated frame of the third. Phases by accuracy beside always
saying the commonest phase of the two videos; instruments by the mean average precision of presence
beside chance. Heads that learned from real frames are thrown away; only numbers are published.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import workflow_scores as scores
from measure import publish
from numpy.typing import NDArray
from privacy_curve import SHARED
from torch import Tensor, cat

from videoengine.apps.train import open_backbone
from videoengine.models.metrics import class_average_precision, mean_ap, mean_interval
from videoengine.models.workflow.few_shot import ALL, TEXT_METHODS, fit_head
from videoengine.models.workflow.few_shot_head import HeadCard, Task
from videoengine.models.workflow.few_shot_networks import METHODS, Method
from videoengine.models.workflow.few_shot_samples import (
    FrameEncoder,
    Labelled,
    choose,
    encode,
    read_labels,
)
from videoengine.models.workflow.prompts import read_prompts

VIDEOS: Final = ("VID68", "VID70", "VID75")
SHOTS: Final = ("1", "4", "16", ALL)
SEEDS: Final = (0, 1, 2)
PROMPTS: Final = {"phase": "cholec80-phase", "instrument": "cholect50-instrument"}
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Video:
    """Labels of one task and the features of the same frames."""

    labels: Labelled
    features: Tensor


def videos_of(data: Path, task: Task, backbone: FrameEncoder) -> list[Video]:
    found: list[Video] = []
    for name in VIDEOS:
        uri = f"dataset://cholect50{(data / 'cholect50').resolve()}?video={name}"
        labels = read_labels(uri, task)
        found.append(Video(labels, encode(labels, np.arange(len(labels.pts_ns)), backbone)))
    return found


def figure(task: Task, said: Values, holds: NDArray[np.bool_]) -> float:
    """Return accuracy of phases, or mean AP of the instruments that the video shows."""
    if task == "phase":
        return float((said.argmax(1) == holds.argmax(1)).mean())
    return mean_ap(class_average_precision(holds, said))


def held_out(
    videos: Sequence[Video], task: Task, method: Method, shots: str, backbone: FrameEncoder
) -> tuple[Values, NDArray[np.int64]]:
    """Return the figure of every (seed, held-out video), and the frames that taught each head."""
    found = np.zeros((len(SEEDS), len(videos)))
    taught = np.zeros((len(SEEDS), len(videos)), np.int64)
    prompts = read_prompts(PROMPTS[task]) if method in TEXT_METHODS else None
    for place, seed in enumerate(SEEDS):
        for out, test in enumerate(videos):
            others = [video for number, video in enumerate(videos) if number != out]
            holds = np.concatenate([video.labels.holds for video in others])
            rows = choose(holds, None if shots == ALL else int(shots), seed)
            card = HeadCard(method, task, test.labels.terms.name, backbone.card.id,
                            backbone.card.model_hash, shots, seed, ships=False)  # fmt: skip
            features = cat([video.features for video in others])[rows]
            head = fit_head(features, holds[rows], backbone, card, prompts=prompts)
            found[place, out] = figure(task, head.logits_of(test.features), test.labels.holds)
            taught[place, out] = len(rows)
    return found, taught


def reference(videos: Sequence[Video], task: Task) -> dict[str, Any]:
    """Return what needs no picture: the commonest phase of the other videos, or chance."""
    values: list[float] = []
    for out, test in enumerate(videos):
        holds = test.labels.holds
        if task == "phase":
            others = [video.labels.holds for number, video in enumerate(videos) if number != out]
            values.append(float(holds[:, np.concatenate(others).sum(axis=0).argmax()].mean()))
        else:
            values.append(float(holds.mean(axis=0)[holds.any(axis=0)].mean()))
    return row_of(np.array([values]))


def row_of(values: Values) -> dict[str, Any]:
    """Return the mean over videos (seeds first) with its interval over videos, and the parts."""
    by_video = values.mean(axis=0)
    return {
        "mean": scores.row_of(mean_interval(by_video)),
        "by_video": scores.named(VIDEOS, by_video),
        "by_seed": [scores.rounded(float(value)) for value in values.mean(axis=1)],
    }


def main() -> None:
    """Run and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="embedded", help="NAME or NAME=PATH")
    parser.add_argument("--methods", default="linear", help="; ".join(METHODS))
    parser.add_argument("--name", default="few_shot", help="of the file in docs/benchmarks")
    chosen = parser.parse_args()
    methods: list[Method] = [name for name in METHODS if name in chosen.methods.split(",")]
    if not methods:
        parser.error(f"--methods takes {', '.join(METHODS)}")
    backbone = open_backbone(chosen.backbone)
    result: dict[str, Any] = {
        "backbone": {"id": backbone.card.id, "model_hash": backbone.card.model_hash,
                     "weights_sha256": backbone.card.weights_sha256,
                     "trained_on": backbone.card.trained_on},
        "data": "CholecT50 stills of VID68, VID70, VID75; each held out in turn",
        "seeds": list(SEEDS),
        "interval": "95 % percentile bootstrap over the 3 videos, seeds averaged first: "
        "too narrow with so few",
        "weights": "of heads taught by real frames: not kept",
    }  # fmt: skip
    tasks: tuple[Task, ...] = ("phase", "instrument")
    for task in tasks:  # what these videos are labelled with
        videos = videos_of(SHARED / "data", task, backbone)
        rows: dict[str, Any] = {
            "figure": "accuracy" if task == "phase" else "mAP of presence over shown instruments",
            "frames": {n: len(v.labels.pts_ns) for n, v in zip(VIDEOS, videos, strict=True)},
            "commonest_phase" if task == "phase" else "chance": reference(videos, task),
        }
        for method in methods:
            if method == "biomedcoop" and task != "phase":
                continue  # one class a frame
            rows[method] = {}
            for shots in SHOTS:
                values, taught = held_out(videos, task, method, shots, backbone)
                said = row_of(values)
                said["taught_by"] = [int(taught.min()), int(taught.max())]
                rows[method][shots] = said
        result[task] = rows
    publish(chosen.name, result)


if __name__ == "__main__":
    main()
