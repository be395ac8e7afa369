"""The bundled recogniser, which has seen no patient, on real pictures: told plainly whatever it is.

    VIDEOENGINE_SHARED=../shared python tests/benchmarks/workflow_real.py [--weights FILE]

CholecT50's VID68, VID70 and VID75, with `--procedure cholecystectomy`: instruments, boxes, triplets
and phases against the published labels. The clips of Cholec80 beside the triplet that names their
group. Which procedure is decided on every source, also on what is no cholecystectomy. What is taken
for out of the body. Real pictures stay where they are; only numbers are published.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import workflow_scores as scores
from measure import publish
from numpy.typing import NDArray
from privacy_curve import SHARED
from workflow_clips import clip_rows, decision_rows, outside_rows
from workflow_watched import Looked, bundle_at, look, stepped, triplet_classes

from videoengine.frames import Pixels
from videoengine.media_time import NS_PER_SECOND
from videoengine.models.datasets import open_dataset
from videoengine.models.metrics import BoxSet, LabelledVideo, TripletVideo
from videoengine.models.workflow.bundled import Bundle, Course
from videoengine.models.workflow.terms import terms_of
from videoengine.sources import Truth, with_truth

PROCEDURE: Final = "cholecystectomy"
VIDEOS: Final = ("VID68", "VID70", "VID75")
OVERLAPS: Final = (0.3, 0.5)
UNLABELLED: Final = -1


@dataclass
class Labels:
    """What is annotated of the frames of a video, row by row."""

    second: list[float] = field(default_factory=list[float])
    phase: list[int] = field(default_factory=list[int])
    """UNLABELLED where the frame has no row."""
    presence: list[NDArray[np.float64]] = field(default_factory=list[NDArray[np.float64]])
    boxes: list[tuple[int, int, tuple[float, ...]]] = field(
        default_factory=list[tuple[int, int, tuple[float, ...]]]
    )
    """(frame, instrument, box)."""
    triplets: list[list[tuple[int, int, int]]] = field(
        default_factory=list[list[tuple[int, int, int]]]
    )

    def add(self, second: float, truth: Truth) -> None:
        """Take what is annotated of the next frame."""
        place = len(self.second)
        self.second.append(second)
        phases = truth.of("phase")
        self.phase.append(phases[0].payload["label"]["id"] if phases else UNLABELLED)
        seen = np.zeros(len(terms_of(PROCEDURE).instrument.labels))
        for event in truth.of("instrument"):
            label, box = event.payload["label"], event.payload["box"]
            if label is not None:
                seen[label["id"]] = 1.0
            if label is not None and box is not None:
                self.boxes.append((place, label["id"], tuple(box)))
        self.presence.append(seen)
        self.triplets.append(
            [
                tuple(event.payload[part]["id"] for part in ("instrument", "verb", "target"))
                for event in truth.of("triplet")
            ]  # type: ignore[misc]  # three parts
        )


@dataclass(frozen=True)
class Video:
    """One video: labels and what the bundle says."""

    name: str
    labels: Labels
    looked: Looked

    @property
    def known(self) -> NDArray[np.bool_]:
        """Frames that are annotated, (T,)."""
        return np.array(self.labels.phase) != UNLABELLED

    def truth_boxes(self) -> BoxSet:
        rows = self.labels.boxes
        return BoxSet.of([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows])

    def said_boxes(self, course: Course, *, stated: bool = False) -> BoxSet:
        """Return what was found in annotated frames, or only what is sure enough to be stated."""
        found = self.looked.boxes(course, stated=stated)
        kept = self.known[found.image]
        return BoxSet(found.image[kept], found.label[kept], found.box[kept], found.score[kept])


def watched(bundle: Bundle, data: Path, name: str, frames: int | None) -> Video:
    """Run the encoder over a video; the clock is the number of the frame, as published at 1 fps."""
    folder = data / "cholect50"
    first = int(min(path.stem for path in (folder / "videos" / name).glob("*.jpg")))
    labels = Labels()

    def pictures() -> Iterator[Pixels]:
        with open_dataset(f"dataset://cholect50{folder.resolve()}?video={name}",
                          stream_id="s0") as source:  # fmt: skip
            began: int | None = None
            for frame, truth in islice(with_truth(source), frames):
                began = frame.pts_ns if began is None else began
                labels.add(first + (frame.pts_ns - began) / NS_PER_SECOND, truth)
                yield frame.pixels

    return Video(name, labels, look(bundle, PROCEDURE, pictures()))


def phases_said(video: Video, course: Course, *, held: bool) -> NDArray[np.int64]:
    """Return the phase at every frame.

    Args:
        video: Frames lie a second or more apart.
        course: Of the procedure.
        held: Take a step every second, on the last picture that there was; else one a frame.
    """
    seconds = np.array(video.labels.second)
    if not held:
        said = stepped(course, video.looked, seconds)
        found: NDArray[np.int64] = said.phase[0].argmax(dim=1).numpy()
        return found
    clock = np.arange(round(seconds[0]), round(seconds[-1]) + 1)
    last = np.searchsorted(seconds.round(), clock, side="right") - 1
    held_looked = Looked(PROCEDURE, [video.looked.seen[k] for k in last])
    said = stepped(course, held_looked, clock.astype(np.float64))
    every: NDArray[np.int64] = said.phase[0].argmax(dim=1).numpy()
    return every[np.searchsorted(clock, seconds.round())]


def cholect50(bundle: Bundle, videos: Sequence[Video]) -> dict[str, Any]:
    """Return every figure on CholecT50."""
    course, terms = bundle.courses[PROCEDURE], terms_of(PROCEDURE)
    names = [label.name for label in terms.phase.labels]
    tools = [label.name for label in terms.instrument.labels]
    true = [np.array(v.labels.phase) for v in videos]
    common = int(np.bincount(np.concatenate([t[t >= 0] for t in true])).argmax())
    sides = {
        "phase": [phases_said(v, course, held=False) for v in videos],
        "phase_a_step_a_second": [phases_said(v, course, held=True) for v in videos],
        "commonest_phase": [np.full(len(t), common) for t in true],
    }
    found: dict[str, Any] = {
        "frames": {v.name: len(v.labels.second) for v in videos},
        "annotated": {v.name: int(v.known.sum()) for v in videos},
    }
    for side, said in sides.items():
        rows = [LabelledVideo.of(t, s) for t, s in zip(true, said, strict=True)]
        right = {v.name: float((r.truth == r.predicted).mean())
                 for v, r in zip(videos, rows, strict=True)}  # fmt: skip
        found[side] = {**scores.phases(rows, names), "accuracy_by_video": right}
    seen = [np.stack(v.labels.presence)[v.known] for v in videos]
    said_seen = [v.looked.presence[v.known].astype(np.float64) for v in videos]
    found["tool_presence"] = scores.presence(seen, said_seen, tools)
    boxes = [v.truth_boxes() for v in videos]
    said_boxes = [v.said_boxes(course) for v in videos]
    found["boxes"] = scores.detection(boxes, said_boxes, tools, OVERLAPS)
    found["median_true_box_everywhere"] = scores.detection(
        boxes, everywhere(boxes, videos), tools, OVERLAPS, coco=False
    )
    stated = [v.said_boxes(course, stated=True) for v in videos]
    found["tips_covered"] = covered(boxes, stated)
    found["tips_covered_by_the_median_box"] = covered(boxes, everywhere(boxes, videos))
    found["triplet"] = scores.triplets([triplet_video(v, course) for v in videos],
                                       triplet_classes(PROCEDURE))  # fmt: skip
    return found


def everywhere(truth: Sequence[BoxSet], videos: Sequence[Video]) -> list[BoxSet]:
    """Return, for every annotated frame, the median true box of every class: a guess that knows."""
    labels = np.concatenate([one.label for one in truth])
    boxes = np.concatenate([one.box for one in truth])
    medians = {int(k): np.median(boxes[labels == k], axis=0) for k in np.unique(labels)}
    return [
        BoxSet.of(
            np.repeat(np.flatnonzero(v.known), len(medians)),
            np.tile(list(medians), int(v.known.sum())),
            np.tile(np.stack(list(medians.values())), (int(v.known.sum()), 1)),
        )
        for v in videos
    ]


def covered(truth: Sequence[BoxSet], said: Sequence[BoxSet]) -> dict[str, Any]:
    """Return how far stated boxes hold the true ones, which end at the tip where ours do not.

    A box of the same instrument holds a true one when at least half of it lies inside.
    """
    recall: list[float] = []
    precision: list[float] = []
    for true, stated in zip(truth, said, strict=True):
        low = np.maximum(true.box[:, None, :2], stated.box[None, :, :2])
        ends = [one.box[:, :2] + one.box[:, 2:] for one in (true, stated)]
        shared = np.clip(np.minimum(ends[0][:, None], ends[1][None]) - low, 0, None).prod(axis=2)
        held = shared >= 0.5 * true.box[:, None, 2:].prod(axis=2)
        held &= true.image[:, None] == stated.image[None]
        held &= true.label[:, None] == stated.label[None]
        recall += held.any(axis=1).tolist()
        precision += held.any(axis=0).tolist()
    areas = np.concatenate([one.box[:, 2:].prod(axis=1) for one in said])
    return {
        "recall": scores.rounded(float(np.mean(recall))),
        "precision": scores.rounded(float(np.mean(precision))) if precision else None,
        "stated": len(precision),
        "median_area": scores.rounded(float(np.median(areas))) if precision else None,
    }


def triplet_video(video: Video, course: Course) -> TripletVideo:
    classes = triplet_classes(PROCEDURE)
    places = {tuple(parts): k for k, parts in enumerate(classes.parts.tolist())}
    truth = np.zeros((len(video.labels.second), len(classes.names)))
    for row, listed in zip(truth, video.labels.triplets, strict=True):
        row[[places[one] for one in listed if one in places]] = 1.0
    scored = video.looked.triplets(course, classes)
    return TripletVideo(truth[video.known], scored[video.known])


def tables(document: dict[str, Any]) -> str:
    """Return what docs/recognition_results.md shows of it, in markdown."""
    found = document["cholect50"]
    tool, box, flat = (
        found[key] for key in ("tool_presence", "boxes", "median_true_box_everywhere")
    )
    plain, held, common = (
        found[key] for key in ("phase", "phase_a_step_a_second", "commonest_phase")
    )
    rows = [
        ["tool presence mAP", scores.cell(tool["map"]), f"chance {tool['chance_map']:.3f}"],
        *(
            [f"box mAP at IoU {at}", scores.cell(box[f"map_at_{at}"]),
             f"median true box everywhere {scores.cell(flat[f'map_at_{at}'])}"]
            for at in OVERLAPS
        ),
        ["half of a true box in a stated one: recall, precision; median area of the stated",
         _held(found["tips_covered"]),
         f"median true box everywhere {_held(found['tips_covered_by_the_median_box'])}"],
        ["phase accuracy", scores.cell(plain["accuracy"]),
         f"commonest phase {scores.cell(common['accuracy'])}"],
        ["· a step a second, the last picture held", scores.cell(held["accuracy"]), ""],
        ["phase Jaccard", scores.cell(plain["jaccard"]),
         f"commonest phase {scores.cell(common['jaccard'])}"],
        ["triplet AP", scores.cell(found["triplet"]["ivt"]),
         f"chance {found['triplet']['chance_ivt']:.3f}"],
    ]  # fmt: skip
    classes = [
        [name, f"{tool['frames_with'][name]:.0f}", *(_number(part[name]) for part in (
            tool["ap"], box["ap_at_0.5"], box["ap_at_0.3"]))]
        for name in tool["ap"]
    ]  # fmt: skip
    parts = [
        scores.table(("CholecT50, 3 videos", "zero-shot", "beside it"), rows),
        scores.table(("instrument", "frames", "presence AP", "box AP 0.5", "0.3"), classes),
        _listed(document["clips"]),
        _listed(document["procedure"]),
        _listed(document["out_of_body"]),
    ]
    return "\n\n".join(parts)


def _held(row: dict[str, Any]) -> str:
    return ", ".join(_number(row[key]) for key in ("recall", "precision", "median_area"))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _listed(rows: Sequence[dict[str, Any]]) -> str:
    return scores.table(list(rows[0]), [[str(value) for value in row.values()] for row in rows])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, help="bundle; by default the one that ships")
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--pictures", type=int, help="of each source, for trying the program")
    parser.add_argument("--dry", action="store_true", help="print tables, publish nothing")
    options = parser.parse_args()
    data = options.shared / "data"
    bundle = bundle_at(options.weights)
    videos: list[Video] = []
    for name in VIDEOS:
        print(name, file=sys.stderr, flush=True)
        videos.append(watched(bundle, data, name, options.pictures))
    document = {
        "what": "zero-shot on real pictures; nothing was fitted to them",
        "bundle": {
            "weights_sha256": bundle.sha256,
            "trained_on": bundle.trained_on,
            **bundle.notes,
        },
        "cholect50": cholect50(bundle, videos),
        "clips": clip_rows(bundle, data, options.pictures),
        "procedure": decision_rows(
            bundle, data, {v.name: v.looked.decision for v in videos}, options.pictures
        ),
        "out_of_body": outside_rows(
            bundle, data, {v.name: v.looked for v in videos}, options.pictures
        ),
    }
    if not options.dry:
        publish("workflow_real", document)
    print(tables(document))


if __name__ == "__main__":
    torch.set_num_threads(min(2, torch.get_num_threads()))
    main()
