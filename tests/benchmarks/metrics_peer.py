"""Scores of one peer on the random inputs of a range of seeds: JSON lines, for metrics_agreement.

PYTHON_OF_THE_PEER tests/benchmarks/metrics_peer.py PEER FIRST END
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support import metric_inputs as inputs

Scores = dict[str, Any]
COMPONENTS = ("i", "v", "t", "iv", "it", "ivt")


def sklearn(seed: int) -> Scores:
    metrics = import_module("sklearn.metrics")
    videos = inputs.phases(seed)
    truth, said = (np.concatenate(rows) for rows in zip(*videos, strict=True))
    every = list(range(inputs.PHASES))
    found: Scores = {"accuracy": metrics.accuracy_score(truth, said)}
    for name in ("precision", "recall", "jaccard", "f1"):
        score = getattr(metrics, f"{name}_score")
        found[f"{name}_union"] = score(truth, said, average="macro", zero_division=0)
        found[f"{name}_all"] = score(truth, said, average="macro", zero_division=0, labels=every)
        present = sorted(set(truth.tolist()))
        found[f"{name}_truth"] = score(
            truth, said, average="macro", zero_division=0, labels=present
        )
    found["confusion"] = metrics.confusion_matrix(truth, said, labels=every).tolist()
    first, second = videos[0]
    kept = ~np.isin(first, (3, 5))
    found["pitvis_f1"] = metrics.f1_score(
        first[kept], second[kept], average="macro", zero_division=1
    ) if kept.any() else None  # fmt: skip
    true, scores = inputs.presence(seed)
    found["ap"] = [
        metrics.average_precision_score(t, s) if t.any() else None
        for t, s in zip(true.T, scores.T, strict=True)
    ]
    flags = inputs.flags(seed)
    seen = np.flatnonzero(flags[0].any(0) | flags[1].any(0))
    for average in ("weighted", "macro"):
        found[f"flags_{average}"] = metrics.f1_score(*flags, average=average, labels=seen)
    return found


def torchmetrics(seed: int) -> Scores:
    torch, scores = import_module("torch"), import_module("torchmetrics.functional")
    truth, said = (torch.from_numpy(mask) for mask in inputs.masks(seed))
    kind: Any = {"task": "multiclass", "num_classes": inputs.MASKS, "average": "none"}
    table, true = inputs.probabilities(seed)
    stated, right = torch.from_numpy(table), torch.from_numpy(true)
    many: Any = {"task": "multiclass", "num_classes": inputs.PHASES, "n_bins": 15}
    return {
        "dataset_iou": scores.jaccard_index(said, truth, **kind).tolist(),
        "image_iou": [
            scores.jaccard_index(a, b, **kind).tolist() for a, b in zip(said, truth, strict=True)
        ],
        "ece": float(scores.calibration_error(stated, right, norm="l1", **many)),
        "mce": float(scores.calibration_error(stated, right, norm="max", **many)),
    }


def others(seed: int) -> Scores:
    """Scores of pycocotools, scipy and rapidfuzz."""
    distance, statistics = import_module("rapidfuzz.distance"), import_module("scipy.stats")
    true, said = inputs.detections(seed)
    rows = [
        {"id": n + 1, "image_id": i, "category_id": k, "bbox": b, "area": b[2] * b[3], "iscrowd": 0}
        for n, (i, k, _, *b) in enumerate(true)
    ]
    images, labels = [{"id": i} for i in range(8)], [{"id": k} for k in range(5)]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = import_module("pycocotools.coco").COCO()
        coco.dataset = {"images": images, "annotations": rows, "categories": labels}
        coco.createIndex()
        results = coco.loadRes(
            [{"image_id": i, "category_id": k, "bbox": b, "score": s} for i, k, s, *b in said]
        )
        judge = import_module("pycocotools.cocoeval").COCOeval(coco, results, "bbox")
        judge.params.areaRng, judge.params.areaRngLbl = [[-1, 1e10]], ["all"]
        judge.evaluate()
        judge.accumulate()
    table = judge.eval["precision"][:, :, :, 0, -1]  # thresholds, recalls, classes
    first, second = inputs.phases(seed)[0]
    one, other = inputs.answers(seed)
    wins, losses = int((one & ~other).sum()), int((other & ~one).sum())
    return {
        "coco_ap": np.where(table.max(1) < 0, np.nan, table.mean(1)).tolist(),
        "edit_distance": distance.Levenshtein.distance(_collapsed(first), _collapsed(second)),
        "mcnemar": statistics.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0,
    }


def _collapsed(labels: Any) -> list[int]:
    return [int(b) for a, b in zip([None, *labels], labels, strict=False) if a != b]


def ivtmetrics(seed: int) -> Scores:
    detection = import_module("ivtmetrics.detection").Detection
    videos = inputs.triplets(seed)
    judge = import_module("ivtmetrics.recognition").Recognition(100)
    for truth, scores in videos:
        judge.update(truth, scores)
        judge.video_end()
    found: Scores = {}
    for part in COMPONENTS:
        found[f"video_{part}"] = judge.compute_video_AP(part)["AP"].tolist()
        found[f"video_mean_{part}"] = judge.compute_video_AP(part)["mAP"]
        found[f"global_{part}"] = judge.compute_global_AP(part)["AP"].tolist()
        found[f"top5_{part}"] = judge.topK(5, part)
    found["ignore_null"] = judge.compute_video_AP("ivt", ignore_null=True)["mAP"]
    found["detection_once"] = _detection(detection(6, 6), seed, once=True)
    found["detection_many_as_is"] = _detection(detection(6, 6), seed, once=False)
    repaired: Any = detection(6, 6)
    in_place = repaired.xywh2xyxy
    repaired.xywh2xyxy = lambda box: in_place(box.copy())
    found["detection_many"] = _detection(repaired, seed, once=False)
    return found


def _detection(judge: Any, seed: int, *, once: bool) -> Any:
    true, said = inputs.detections(seed, classes=6, once=once)
    for half in (range(4), range(4, 8)):
        for image in half:
            rows = [[[k, k, s, *b] for i, k, s, *b in side if i == image] for side in (true, said)]
            judge.update([rows[0]], [rows[1]])
        judge.video_end()
    judge.video_count -= 1  # the empty video that the last video_end opens
    found = judge.compute_video_AP("ivt")
    return [found[name].tolist() for name in ("AP", "Rec", "Pre")]


PEERS = {"sklearn": sklearn, "torchmetrics": torchmetrics, "others": others,
         "ivtmetrics": ivtmetrics}  # fmt: skip


def main() -> None:
    warnings.simplefilter("ignore")
    peer, first, end = PEERS[sys.argv[1]], int(sys.argv[2]), int(sys.argv[3])
    for seed in range(first, end):
        print(json.dumps(peer(seed), default=float))


if __name__ == "__main__":
    main()
