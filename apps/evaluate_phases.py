"""The scores of phases and of steps, as JSON values; everything in 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.apps.evaluate_align import (
    Aligned,
    Row,
    Scored,
    align,
    averaged,
    drawn,
    mean_with_interval,
    terms_of,
)
from videoengine.apps.evaluate_find import Pair
from videoengine.apps.evaluate_recording import Kind, Said, places_of, plain_name
from videoengine.models.metrics import (
    BOUNDARIES,
    METRICS,
    NOTHING,
    OVERLAPS,
    LabelledVideo,
    PhaseTable,
    edit_score,
    macro_f1,
    phase_table,
    pooled_scores,
    reliability,
    segmental_f1,
    step_score,
)
from videoengine.models.metrics.confusion import Floats, Over
from videoengine.models.metrics.relaxed_boundary import CHOLEC80
from videoengine.vocabularies import vocabulary

OVERS: Final[tuple[Over, ...]] = ("truth", "union", "all")
CHOLEC80_PHASES: Final = "cholec80/phase@1"
PITVIS_STEPS: Final = "pitvis/step@1"


def score_course(pairs: Sequence[Pair], rate_hz: float, *, kind: Kind) -> Scored:
    """Score phases or steps: every averaging and boundary, edit, segments, calibration."""
    terms = terms_of(pairs, kind)
    places, count = places_of(terms), len(terms)
    aligned = align(pairs, kind, rate_hz)
    videos = [LabelledVideo.of(_ids(a.truth, places), _ids(a.predicted, places)) for a in aligned]
    rules = CHOLEC80 if terms == _labels(CHOLEC80_PHASES) else {}
    row: Row = {
        "classes": list(terms),
        "moments": sum(len(video.truth) for video in videos),
        "stated": float(np.mean([one.stated for one in aligned])),
    }
    by_video: dict[str, Floats] = {}
    for boundary in BOUNDARIES:
        table = phase_table(videos, count, boundary=boundary, fps=rate_hz, rules=rules)
        row[boundary] = _boundary_row(table, terms)
        if boundary == "unrelaxed":
            by_video |= {"accuracy": table.accuracy, "jaccard": table.of_videos("jaccard")}
    pooled = pooled_scores(videos, count)
    row["pooled"] = {"accuracy": pooled.accuracy, **pooled.macro}
    for over in OVERS:
        by_video[f"macro_f1_{over}"] = np.array([macro_f1(v, count, over=over) for v in videos])
    by_video["edit"] = np.array([edit_score(video) for video in videos])
    if terms == _labels(PITVIS_STEPS):
        by_video["pitvis"] = np.array([_pitvis(video) for video in videos])
    own = [name for name in by_video if name not in ("accuracy", "jaccard")]
    row |= {name: mean_with_interval(by_video[name]) for name in own}
    row["segmental_f1"] = {
        f"{100 * overlap:.0f}": drawn(partial(_segmental, videos, overlap), len(videos))
        for overlap in OVERLAPS
    }
    return Scored(row | _calibration(aligned), by_video)


def _boundary_row(table: PhaseTable, terms: Sequence[str]) -> Row:
    """Return the scores under one boundary."""
    row: Row = {"accuracy": averaged(table.mean_accuracy, table.accuracy)}
    for metric in METRICS:
        row[metric] = {
            "per_phase": averaged(table.per_phase(metric)),
            "per_video": averaged(table.per_video(metric), table.of_videos(metric)),
            "of_phases": dict(zip(terms, table.of_phases(metric).tolist(), strict=True)),
        }
    return row


def _labels(name: str) -> tuple[str, ...]:
    return tuple(label.name for label in vocabulary(name).labels)


def _segmental(videos: Sequence[LabelledVideo], overlap: float, draw: NDArray[np.int64]) -> float:
    return segmental_f1([videos[number] for number in draw], overlap)


def _pitvis(video: LabelledVideo) -> float:
    """Return the challenge's figure; its labels count from 1, and -1 is out of the patient."""
    raw = [np.where(ids < 0, NOTHING, ids + 1) for ids in (video.truth, video.predicted)]
    return step_score(*raw).combined


def _ids(said: Sequence[Said | None], places: dict[str, int]) -> NDArray[np.int64]:
    return np.array(
        [NOTHING if one is None else places.get(plain_name(one.name), NOTHING) for one in said],
        np.int64,
    )


def _calibration(aligned: Sequence[Aligned]) -> Row:
    """Return the calibration of stated probabilities, nothing where there are none."""
    rows = [
        (said.score, plain_name(said.name) == plain_name(true.name))
        for one in aligned
        for true, said in zip(one.truth, one.predicted, strict=True)
        if said is not None and said.known
    ]
    if not rows:
        return {}
    table = reliability(*zip(*rows, strict=True))
    return {"ece": table.expected_error, "mce": table.maximum_error, "probabilities": len(rows)}
