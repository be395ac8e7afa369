"""Latency histograms, and their Prometheus text. Only the monotonic clock is used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

Labels = tuple[tuple[str, str], ...]
"""(label, value) pairs of one Prometheus line."""
SUB_BUCKETS: Final = 8
"""Buckets an octave: a percentile is at most 1/8 above the true value."""
EXPORTED_BOUNDS_S: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


@dataclass(slots=True)
class Histogram:
    """Counts of durations in logarithmic buckets; exact count, sum and maximum."""

    counts: dict[int, int] = field(default_factory=dict[int, int])
    count: int = 0
    sum_ns: int = 0
    max_ns: int = 0

    def record(self, duration_ns: int, times: int = 1) -> None:
        """Count a duration."""
        duration_ns = max(0, duration_ns)
        bucket = _bucket(duration_ns)
        self.counts[bucket] = self.counts.get(bucket, 0) + times
        self.count += times
        self.sum_ns += duration_ns * times
        self.max_ns = max(self.max_ns, duration_ns)

    def percentile_ns(self, percent: float) -> int:
        """Return the upper bound of the bucket that holds the percentile; 0 when empty."""
        rank = percent / 100 * self.count
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= rank:
                return min(_upper_ns(bucket), self.max_ns)
        return self.max_ns

    def at_most(self, bound_ns: int) -> int:
        """Return how many recorded durations lie in buckets that end at or below the bound."""
        return sum(n for bucket, n in self.counts.items() if _upper_ns(bucket) <= bound_ns)


def _bucket(duration_ns: int) -> int:
    if duration_ns < SUB_BUCKETS:
        return duration_ns
    shift = duration_ns.bit_length() - SUB_BUCKETS.bit_length()
    return shift * SUB_BUCKETS + (duration_ns >> shift)


def _upper_ns(bucket: int) -> int:
    if bucket < SUB_BUCKETS:
        return bucket
    shift, step = divmod(bucket - SUB_BUCKETS, SUB_BUCKETS)
    return ((SUB_BUCKETS + step + 1) << shift) - 1


def escape(value: str) -> str:
    """Return a Prometheus label value with its special characters escaped."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def histogram_text(
    name: str, histograms: Mapping[tuple[str, str], Histogram], meaning: str = ""
) -> Iterable[str]:
    """Yield the Prometheus lines of one histogram per (stream, stage), in seconds."""
    if meaning:
        yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} histogram"
    for (stream, stage), histogram in histograms.items():
        labels = f'stream="{escape(stream)}",stage="{escape(stage)}"'
        for bound in EXPORTED_BOUNDS_S:
            count = histogram.at_most(round(bound * 1e9))
            yield f'{name}_bucket{{{labels},le="{bound:g}"}} {count}'
        yield f'{name}_bucket{{{labels},le="+Inf"}} {histogram.count}'
        yield f"{name}_sum{{{labels}}} {histogram.sum_ns / 1e9:.9g}"
        yield f"{name}_count{{{labels}}} {histogram.count}"


def counter_text(
    name: str, values: Mapping[Labels, float], meaning: str = "", kind: str = "counter"
) -> Iterable[str]:
    """Yield the Prometheus lines of a counter or gauge."""
    if meaning:
        yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"
    for labels, value in values.items():
        inside = ",".join(f'{key}="{escape(text)}"' for key, text in labels)
        shown = value if isinstance(value, int) else f"{value:.9g}"
        yield f"{name}{{{inside}}} {shown}"
