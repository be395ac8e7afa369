"""`evaluate workflow`: predictions beside the truth, with the scores the field uses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import videoengine
from videoengine.apps.evaluate_align import Scored
from videoengine.apps.evaluate_find import Pair, Reading, find_recordings, pair_up
from videoengine.apps.evaluate_recording import KINDS, Kind
from videoengine.apps.evaluate_scores import SCORERS
from videoengine.apps.session import git_commit
from videoengine.canonical import as_items, as_object
from videoengine.errors import UsageError
from videoengine.models.metrics import compare

RATES_HZ: Final = (0.01, 60.0)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The scores of predictions, and of what they are compared with."""

    settings: dict[str, Any]
    """How truth and predictions were read and joined."""
    videos: list[dict[str, Any]]
    """Name, truth, predictions and headline figures of each."""
    scores: dict[Kind, dict[str, Any]]
    """By kind; undefined figures are NaN."""
    against: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """By headline figure: difference, interval, verdict, and videos won, tied and lost."""
    notes: list[str] = field(default_factory=list[str])

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; an undefined figure is null."""
        row: dict[str, Any] = _finite(asdict(self))
        return row


def evaluate_workflow(
    predictions: Sequence[str],
    truth: Sequence[str],
    reading: Reading,
    *,
    against: Sequence[str] = (),
) -> Evaluation:
    """Score predictions, and compare them with other predictions of the same videos.

    Args:
        predictions: Cases, label files or folders of them.
        truth: `sim://` URIs, label files, folders or data sets.
        reading: How they are read.
        against: Other predictions, by which those of `predictions` are to be better.

    Raises:
        UsageError: They do not belong together, or nothing of the truth is predicted.
        SourceError: A label file or a source cannot be read.
        CaseError: A case is damaged or not finished.
    """
    low, high = RATES_HZ
    if not low <= reading.rate_hz <= high:
        raise UsageError(
            "Predictions cannot be compared at this rate",
            got=f"{reading.rate_hz:g} a second",
            allowed=f"{low:g} to {high:g}",
        )
    known = [find_recordings(named, reading) for named in truth]
    quiet = replace(reading, progress=None)
    pairs = pair_up(known, [find_recordings(named, quiet) for named in predictions])
    scored, notes = _score(pairs, reading.rate_hz)
    compared: dict[str, dict[str, Any]] = {}
    if against:
        others = pair_up(known, [find_recordings(named, quiet) for named in against])
        order = {pair.truth.origin: pair for pair in others}
        compared = _compare(
            scored, _score([order[pair.truth.origin] for pair in pairs], reading.rate_hz)[0]
        )
    settings = {
        "rate_hz": reading.rate_hz,
        "fps": None if reading.fps is None else str(reading.fps),
        "stages": list(reading.stages),
        "boxes": reading.boxes,
        "against": list(against),
        "version": videoengine.__version__,
        "commit": git_commit(),
    }
    rows: dict[Kind, dict[str, Any]] = {kind: one.row for kind, one in scored.items()}
    return Evaluation(settings, _videos(pairs, scored), rows, compared, notes)


def _score(pairs: Sequence[Pair], rate_hz: float) -> tuple[dict[Kind, Scored], list[str]]:
    """Return the scores of every kind that is both known and predicted."""
    found: dict[Kind, Scored] = {}
    notes: list[str] = []
    for kind in KINDS:
        known = [pair for pair in pairs if pair.truth.track(kind) is not None]
        if not known:
            continue
        if not any(pair.predicted.track(kind) is not None for pair in known):
            notes.append(f"{kind}: known, but not predicted")
            continue
        if len(known) < len(pairs):
            notes.append(f"{kind}: known of {len(known)} of {len(pairs)} videos")
        silent = sum(pair.predicted.track(kind) is None for pair in known)
        if silent:
            notes.append(f"{kind}: nothing predicted of {silent} videos, scored as wrong")
        found[kind] = SCORERS[kind](known, rate_hz)
    if not found:
        stated = sorted({kind for pair in pairs for kind in KINDS if pair.truth.track(kind)})
        raise UsageError(
            "Nothing of the truth is predicted",
            got="; ".join(notes) or "a truth without phases, tools, boxes or triplets",
            allowed=f"predictions of {', '.join(stated or KINDS)}",
        )
    return found, notes


def _videos(pairs: Sequence[Pair], scored: dict[Kind, Scored]) -> list[dict[str, Any]]:
    """Return what each video is and its headline figures."""
    rows: list[dict[str, Any]] = []
    places = dict.fromkeys(KINDS, 0)
    for pair in pairs:
        row: dict[str, Any] = {
            "name": pair.truth.name,
            "truth": pair.truth.origin,
            "predictions": pair.predicted.origin,
        }
        for kind, one in scored.items():
            if pair.truth.track(kind) is None:
                continue
            figures = {name: float(v[places[kind]]) for name, v in one.by_video.items()}
            places[kind] += 1
            if figures:
                row[kind] = figures
        rows.append(row)
    return rows


def _compare(first: dict[Kind, Scored], second: dict[Kind, Scored]) -> dict[str, dict[str, Any]]:
    """Return what the first has over the second, by kind and headline figure."""
    found: dict[str, dict[str, Any]] = {}
    for kind, one in first.items():
        other = second.get(kind)
        if other is None:
            continue
        for name, values in one.by_video.items():
            paired = compare(values, other.by_video[name])
            found[f"{kind}/{name}"] = {**asdict(paired), "verdict": paired.verdict}
    return found


def _finite(value: Any) -> Any:
    """Return JSON values with null for what is not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    row, items = as_object(value), as_items(value)
    if row is not None:
        return {str(key): _finite(item) for key, item in row.items()}
    return value if items is None else [_finite(item) for item in items]
