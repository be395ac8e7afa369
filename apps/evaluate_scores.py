"""The scores of tools, triplets and boxes, as JSON values; everything in 0 to 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from videoengine.apps.evaluate_align import Aligned, Row, Scored, align, drawn, terms_of
from videoengine.apps.evaluate_find import Pair
from videoengine.apps.evaluate_phases import score_course
from videoengine.apps.evaluate_recording import Kind, places_of, plain_name
from videoengine.errors import UsageError
from videoengine.models.metrics import (
    COMPONENTS,
    BoxSet,
    TripletClasses,
    TripletVideo,
    class_average_precision,
    detection_ap,
    mean_ap,
    tool_presence_ap,
    top_k,
    video_ap,
)
from videoengine.models.metrics.confusion import Floats
from videoengine.models.metrics.phases import mean_of_known
from videoengine.vocabularies import vocabularies


def _tables(
    aligned: Sequence[Aligned], places: dict[str, int], count: int
) -> list[tuple[Floats, Floats]]:
    """Return truth 0 or 1 and scores of each video, (T, C) each."""
    found: list[tuple[Floats, Floats]] = []
    for one in aligned:
        tables = np.zeros((2, len(one.truth), count))
        for table, side in zip(tables, (one.truth, one.predicted), strict=True):
            for row, value in zip(table, side, strict=True):
                for said in value or ():
                    place = places.get(plain_name(said.name))
                    if place is not None:
                        row[place] = max(row[place], said.score)
        found.append(((tables[0] > 0).astype(float), tables[1]))
    return found


def score_tools(pairs: Sequence[Pair], rate_hz: float) -> Scored:
    """Score the presence of tools: average precision over the moments of all videos."""
    terms = terms_of(pairs, "tools")
    aligned = align(pairs, "tools", rate_hz)
    tables = _tables(aligned, places_of(terms), len(terms))

    def pooled(draw: NDArray[np.int64]) -> float:
        chosen = [tables[n] for n in draw]
        return mean_ap(tool_presence_ap(*zip(*chosen, strict=True)))

    by_class = tool_presence_ap(*zip(*tables, strict=True))
    row: Row = {
        "moments": sum(len(one.truth) for one in aligned),
        "stated": float(np.mean([one.stated for one in aligned])),
        "map": drawn(pooled, len(tables)),
        "ap": dict(zip(terms, by_class.tolist(), strict=True)),
    }
    each = np.array([mean_ap(class_average_precision(*table)) for table in tables])
    return Scored(row, {"tool_map": each})


def score_triplets(pairs: Sequence[Pair], rate_hz: float) -> Scored:
    """Score triplets and their components as ivtmetrics does, by video."""
    terms = terms_of(pairs, "triplets")
    name = next(
        (name for name, known in vocabularies().items()
         if "triplet@" in name and tuple(label.name for label in known.labels) == terms),
        None,
    )  # fmt: skip
    if name is None:
        known = ", ".join(name for name in vocabularies() if "triplet@" in name)
        raise UsageError("The truth's triplets are of no vocabulary of ours", allowed=known)
    classes = TripletClasses.of(name)
    aligned = align(pairs, "triplets", rate_hz)
    tables = _tables(aligned, places_of(terms), len(terms))
    videos = [TripletVideo(*table) for table in tables]
    row: Row = {
        "vocabulary": name,
        "moments": sum(len(one.truth) for one in aligned),
        "stated": float(np.mean([one.stated for one in aligned])),
        "top_5": top_k(videos, classes, 5),
        "ivt_without_nulls": video_ap(videos, classes, ignore_null=True).mean,
    }
    for component in COMPONENTS:
        by_video = np.array([video_ap([video], classes, component).by_class for video in videos])
        row[component] = drawn(partial(_mean_of_draw, by_video), len(videos))
    each = np.array([video_ap([video], classes).mean for video in videos])
    return Scored(row, {"triplet_map": each})


def _mean_of_draw(by_video: Floats, draw: NDArray[np.int64]) -> float:
    """Return the mean over videos, then classes, of (V, C) average precisions."""
    return float(mean_of_known(mean_of_known(by_video[draw], axis=0)))


def score_boxes(pairs: Sequence[Pair], rate_hz: float) -> Scored:
    """Score boxes of instruments under the rules of COCO and of VOC 2007."""
    terms = terms_of(pairs, "boxes")
    places = places_of(terms)
    aligned = align(pairs, "boxes", rate_hz)
    sides = [_box_set([getattr(a, side) for a in aligned], places)
             for side in ("truth", "predicted")]  # fmt: skip
    coco = detection_ap(*sides, classes=len(terms))
    voc = detection_ap(*sides, classes=len(terms), thresholds=(0.5,), protocol="voc07")
    row = {
        "boxes": len(sides[0].image),
        "predicted": len(sides[1].image),
        "coco": mean_ap(coco),
        "coco_50": mean_ap(coco[0]),
        "voc07_50": mean_ap(voc),
        "ap_50": dict(zip(terms, coco[0].tolist(), strict=True)),
    }
    return Scored(row, {})


def _box_set(videos: Sequence[Sequence[Any]], places: dict[str, int]) -> BoxSet:
    moments = [value or () for video in videos for value in video]
    rows = [
        (image, places[plain_name(said.name)], said.box, said.score)
        for image, value in enumerate(moments)
        for said in value
        if plain_name(said.name) in places
    ]
    images, labels, boxes, scores = zip(*rows, strict=True) if rows else ((), (), (), ())
    return BoxSet.of(images, labels, boxes, scores)


SCORERS: Final[dict[Kind, Callable[[Sequence[Pair], float], Scored]]] = {
    "phase": partial(score_course, kind="phase"),
    "step": partial(score_course, kind="step"),
    "tools": score_tools,
    "boxes": score_boxes,
    "triplets": score_triplets,
}
