"""Paired recordings at the moments of their truth, and figures with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from videoengine.apps.evaluate_find import Pair
from videoengine.apps.evaluate_recording import Kind, Track, places_of, plain_name
from videoengine.errors import UsageError
from videoengine.models.metrics import Average, Interval, bootstrap, mean_interval
from videoengine.models.metrics.confusion import Floats
from videoengine.vocabularies import vocabularies

Row = dict[str, Any]
RESAMPLES: Final = 1000
"""Of figures that are no mean over videos; means are drawn 10,000 times."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What became of one kind."""

    row: Row
    """The figures, as JSON values."""
    by_video: dict[str, Floats]
    """Headline figures of each video, (V,), for intervals and comparisons."""


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """One video at the moments of its truth."""

    truth: list[Any]
    predicted: list[Any]
    """None where nothing is stated."""

    @property
    def stated(self) -> float:
        """Share of the moments at which something is stated."""
        return 1 - sum(one is None for one in self.predicted) / len(self.predicted)


def align(pairs: Sequence[Pair], kind: Kind, rate_hz: float) -> list[Aligned]:
    """Return the videos whose truth holds a kind, at its moments."""
    found: list[Aligned] = []
    for pair in pairs:
        truth, said = pair.truth.track(kind), pair.predicted.track(kind)
        if truth is None:
            continue
        sampled: Track[Any] = truth.sampled(rate_hz)
        moments = np.array(sampled.times_ns, np.int64)
        values = [None] * len(moments) if said is None else said.at(moments)
        found.append(Aligned(list(sampled.values), values))
    return found


def terms_of(pairs: Sequence[Pair], kind: Kind) -> tuple[str, ...]:
    """Return the classes of a kind in their order: as a truth has them.

    Raises:
        UsageError: Truths differ, none fixes them, or predictions share no name with them.
    """
    listed = {pair.truth.terms[kind] for pair in pairs if pair.truth.terms.get(kind)}
    if len(listed) != 1:
        part = f"{kind.rstrip('s')}@"
        known = ", ".join(name for name in vocabularies() if part in name)
        raise UsageError(
            f"The truth's {kind} labels are of no one vocabulary",
            got=f"{len(listed)} vocabularies" if listed else "names that none of ours holds",
            allowed=known or "the same names in every truth",
        )
    terms = listed.pop()
    said = {plain_name(name) for pair in pairs for name in pair.predicted.names(kind)}
    if said and not said & places_of(terms).keys():
        raise UsageError(
            f"Predictions and truth share no {kind} label",
            got=", ".join(sorted(said)[:5]),
            allowed=", ".join(terms[:10]),
            remedy="Score predictions against the truth of the same procedure.",
        )
    return terms


def averaged(average: Average, values: Floats | None = None) -> Row:
    """Return an average with both spreads and, given one value per video, its interval."""
    row: Row = {
        "mean": average.mean,
        "std_videos": average.std_videos,
        "std_phases": average.std_phases,
    }
    if values is not None:
        interval = mean_with_interval(values)
        row |= {"low": interval["low"], "high": interval["high"]}
    return row


def mean_with_interval(values: Floats) -> Row:
    """Return the mean over videos with its interval; of one video there is no interval."""
    if len(values) < 2:
        return with_interval(Interval(float(values.mean()), float("nan"), float("nan")))
    return with_interval(mean_interval(values))


def with_interval(interval: Interval) -> Row:
    """Return a figure and where it lies at 95 %."""
    return {"mean": interval.value, "low": interval.low, "high": interval.high}


def drawn(
    statistic: Callable[[NDArray[np.int64]], float], videos: int, *, resamples: int = RESAMPLES
) -> Row:
    """Return a figure of the videos with its interval; of one video there is no interval."""
    if videos == 1:
        return with_interval(Interval(statistic(np.arange(1)), float("nan"), float("nan")))
    return with_interval(bootstrap(statistic, videos, resamples=resamples))
