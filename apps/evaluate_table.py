"""An evaluation as text: per cent, as publications print them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from videoengine.apps.evaluate import Evaluation

NAMES: Final = {
    "unrelaxed": "unrelaxed",
    "relaxed": "relaxed, 10 s",
    "relaxed-script": "relaxed, as the MATLAB script",
}
MACRO: Final = {
    "truth": "classes in the truth",
    "union": "in truth or predicted (scikit-learn)",
    "all": "all classes",
}
METRICS: Final = ("precision", "recall", "jaccard", "f1")
COMPONENTS: Final = ("i", "v", "t", "iv", "it", "ivt")


def as_text(evaluation: Evaluation) -> str:
    """Return the whole evaluation, lines of at most 100 columns."""
    count = len(evaluation.videos)
    videos = "1 video" if count == 1 else f"{count} videos"
    interval = "" if count == 1 else "; [95 % interval over videos]"
    lines = [f"{videos} at {evaluation.settings['rate_hz']:g} a second, in per cent{interval}"]
    for kind in ("phase", "step"):
        if kind in evaluation.scores:
            lines += ["", *_course(kind, evaluation.scores[kind])]
    if "tools" in evaluation.scores:
        row = evaluation.scores["tools"]
        lines += ["", f"tools{_stated(row)}", f"  mAP over all frames       {_figure(row['map'])}"]
        lines += [f"    {name:30}{_percent(value)}" for name, value in row["ap"].items()]
    if "triplets" in evaluation.scores:
        lines += ["", *_triplets(evaluation.scores["triplets"])]
    if "boxes" in evaluation.scores:
        row = evaluation.scores["boxes"]
        lines += [
            "",
            f"boxes: {row['boxes']} true, {row['predicted']} predicted",
            f"  COCO AP {_percent(row['coco'])}   AP50 {_percent(row['coco_50'])}   "
            f"VOC 2007 AP50 {_percent(row['voc07_50'])}",
        ]
    lines += _against(evaluation.against)
    lines += [f"note: {note}" for note in evaluation.notes]
    return "\n".join(line.rstrip() for line in lines)


def _course(kind: str, row: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of phases or steps."""
    yield f"{kind}{_stated(row)}"
    for boundary, title in NAMES.items():
        part = row[boundary]
        yield f"  {title:30}{'phase by phase ± phases':26}video by video ± videos"
        accuracy = part["accuracy"]
        told = f"{_spread(accuracy, 'std_videos')}  {_range(accuracy)}"
        yield f"    {'accuracy':28}{'':26}{told}"
        for metric in METRICS:
            phases, videos = part[metric]["per_phase"], part[metric]["per_video"]
            yield (
                f"    {metric:28}{_spread(phases, 'std_phases'):26}"
                f"{_spread(videos, 'std_videos')}  {_range(videos)}"
            )
    pooled = "   ".join(f"{name} {_percent(value)}" for name, value in row["pooled"].items())
    yield f"  all frames pooled: {pooled}"
    yield f"  {'Jaccard by phase':30}{'unrelaxed':>10}{'relaxed':>10}"
    tables = [row[boundary]["jaccard"]["of_phases"] for boundary in ("unrelaxed", "relaxed")]
    for name in row["classes"]:
        yield f"    {name:28}{_percent(tables[0][name]):>10}{_percent(tables[1][name]):>10}"
    for over, title in MACRO.items():
        yield f"  macro-F1 of {title:38}{_figure(row[f'macro_f1_{over}'])}"
    yield f"  {'edit score':50}{_figure(row['edit'])}"
    for overlap, figure in row["segmental_f1"].items():
        yield f"  {f'segmental F1@{overlap}':50}{_figure(figure)}"
    if "pitvis" in row:
        yield f"  {'PitVis (macro-F1 + edit) / 2, as its script':50}{_figure(row['pitvis'])}"
    if "ece" in row:
        yield f"  {'expected calibration error':50}{_percent(row['ece'])}"


def _triplets(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of triplets."""
    yield f"triplets{_stated(row)}, {row['vocabulary']}; AP by video, then class (ivtmetrics)"
    for component in COMPONENTS:
        yield f"  {component:26}{_figure(row[component])}"
    yield f"  {'ivt without nulls':26}{_percent(row['ivt_without_nulls'])}"
    yield f"  {'top 5':26}{_percent(row['top_5'])}"


def _against(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield what the predictions have over the others."""
    if rows:
        yield ""
        yield "against the others: difference in points, videos won-tied-lost"
    for name, row in rows.items():
        gap = row["difference"]
        counts = f"{row['wins']}-{row['ties']}-{row['losses']}"
        yield (
            f"  {name:26}{100 * gap['value']:+7.1f}  [{100 * gap['low']:+.1f}, "
            f"{100 * gap['high']:+.1f}]  {counts:>9}  {row['verdict']}"
        )


def _stated(row: Mapping[str, Any]) -> str:
    missing = 1 - row["stated"]
    told = f", nothing stated at {100 * missing:.1f} % of them" if missing > 0 else ""
    return f": {row['moments']} moments{told}"


def _figure(row: Mapping[str, Any]) -> str:
    return f"{_percent(row['mean'])}  {_range(row)}".rstrip()


def _range(row: Mapping[str, Any]) -> str:
    if math.isnan(row.get("low", math.nan)):
        return ""
    return f"[{_percent(row['low']).strip()}, {_percent(row['high']).strip()}]"


def _spread(row: Mapping[str, Any], spread: str) -> str:
    std = row[spread]
    return _percent(row["mean"]) + ("" if math.isnan(std) else f" ± {100 * std:<5.1f}")


def _percent(value: float) -> str:
    return "     -" if math.isnan(value) else f"{100 * value:6.1f}"
