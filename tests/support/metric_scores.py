"""Our scores of the random inputs, under the names that the peers' scores have."""

from __future__ import annotations

from typing import Any, Final, get_args

import numpy as np

from support import metric_inputs as inputs
from videoengine.models.metrics import (
    COMPONENTS,
    METRICS,
    BoxSet,
    LabelledVideo,
    MaskTally,
    TripletClasses,
    TripletVideo,
    class_average_precision,
    confusion_matrix,
    detection_ap,
    global_ap,
    instrument_score,
    mcnemar,
    step_score,
    top_k,
    top_label_reliability,
    triplet_detection,
    video_ap,
)
from videoengine.models.metrics.confusion import Over, count_classes, macro
from videoengine.models.metrics.segments import edit_distance, segments_of

Scores = dict[str, Any]
TOLERANCES: Final = {
    "sklearn": 1e-9,
    "torchmetrics": 2e-6,  # it counts in float32
    "others": 1e-9,
    "ivtmetrics": 1e-9,
}


def sklearn(seed: int) -> Scores:
    pairs = inputs.phases(seed)
    videos = [LabelledVideo.of(*pair) for pair in pairs]
    truth, said = (np.concatenate(rows) for rows in zip(*pairs, strict=True))
    counts = count_classes(truth, said, inputs.PHASES)
    found: Scores = {"accuracy": float((truth == said).mean())}
    for metric in METRICS:
        for over in get_args(Over):
            found[f"{metric}_{over}"] = macro(counts, metric, over=over)
    found["confusion"] = confusion_matrix(truth, said, inputs.PHASES)[:, :-1].tolist()
    shown = np.where(np.isin(videos[0].truth, (3, 5)), -1, videos[0].truth)
    found["pitvis_f1"] = step_score(shown, videos[0].predicted).macro_f1
    found["ap"] = class_average_precision(*inputs.presence(seed)).tolist()
    flags = instrument_score(*inputs.flags(seed))
    return found | {"flags_weighted": flags.weighted_f1, "flags_macro": flags.macro_f1}


def torchmetrics(seed: int) -> Scores:
    tally = MaskTally(inputs.MASKS)
    for truth, said in zip(*inputs.masks(seed), strict=True):
        tally.add(truth, said)
    calibration = top_label_reliability(*inputs.probabilities(seed))
    return {
        "dataset_iou": tally.over_dataset().tolist(),
        "image_iou": tally.image_iou().tolist(),
        "ece": calibration.expected_error,
        "mce": calibration.maximum_error,
    }


def others(seed: int) -> Scores:
    true, said = inputs.detections(seed)
    first, second = inputs.phases(seed)[0]
    runs = [[one.label for one in segments_of(row)] for row in (first, second)]
    return {
        "coco_ap": detection_ap(_boxes(true), _boxes(said), classes=5).tolist(),
        "edit_distance": edit_distance(*runs),
        "mcnemar": mcnemar(*inputs.answers(seed)),
    }


def ivtmetrics(seed: int) -> Scores:
    classes = TripletClasses.of()
    videos = [TripletVideo(t.astype(float), s) for t, s in inputs.triplets(seed)]
    found: Scores = {}
    for part in COMPONENTS:
        scored = video_ap(videos, classes, part)
        found[f"video_{part}"] = scored.by_class.tolist()
        found[f"video_mean_{part}"] = scored.mean
        found[f"global_{part}"] = global_ap(videos, classes, part).by_class.tolist()
        found[f"top5_{part}"] = top_k(videos, classes, 5, part)
    found["ignore_null"] = video_ap(videos, classes, ignore_null=True).mean
    found["detection_once"] = _detection(seed, once=True)
    found["detection_many"] = _detection(seed, once=False)
    return found


def _detection(seed: int, *, once: bool) -> list[list[float]]:
    true, said = inputs.detections(seed, classes=6, once=once)
    halves = [[r for r in side if r[0] < 4] for side in (true, said)]
    rest = [[r for r in side if r[0] >= 4] for side in (true, said)]
    truth, predicted = zip(
        *([_boxes(side) for side in half] for half in (halves, rest)), strict=True
    )
    scores = triplet_detection(truth, predicted, classes=6)
    return [scores.ap.tolist(), scores.recall.tolist(), scores.precision.tolist()]


def _boxes(rows: list[Any]) -> BoxSet:
    table = np.array(rows, np.float64).reshape(-1, 7)
    return BoxSet.of(table[:, 0], table[:, 1], table[:, 3:], table[:, 2])


OURS: Final = {
    "sklearn": sklearn,
    "torchmetrics": torchmetrics,
    "others": others,
    "ivtmetrics": ivtmetrics,
}


def gap(first: Any, second: Any) -> float:
    """Return the largest difference of two scores; undefined on one side only is infinite."""
    one, other = np.array(first, np.float64), np.array(second, np.float64)  # None becomes NaN
    if one.shape != other.shape or (np.isnan(one) != np.isnan(other)).any():
        return float("inf")
    return float(np.nan_to_num(np.abs(one - other)).max(initial=0.0))
