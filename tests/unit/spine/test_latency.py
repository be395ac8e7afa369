"""Histograms: percentiles within an eighth, Prometheus text that adds up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from videoengine.latency import Histogram, counter_text, histogram_text


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=200), st.integers(1, 100))
def test_a_percentile_is_at_most_an_eighth_above_the_true_one(
    values: list[int], percent: int
) -> None:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    rank = max(1, -(-percent * len(values) // 100))
    true = sorted(values)[rank - 1]
    assert true <= histogram.percentile_ns(percent) <= true + true // 8 + 1
    assert histogram.percentile_ns(100) == max(values)
    assert histogram.sum_ns == sum(values)


def test_an_empty_histogram_answers_zero() -> None:
    assert Histogram().percentile_ns(99) == 0


def test_prometheus_buckets_are_cumulative_and_labels_are_escaped() -> None:
    histogram = Histogram()
    for milliseconds in (1, 3, 30, 900):
        histogram.record(milliseconds * 1_000_000)
    lines = list(histogram_text("x_seconds", {('a"b\n', "st\\age"): histogram}))
    counts = [int(line.rsplit(" ", 1)[1]) for line in lines if "_bucket" in line]
    assert counts == sorted(counts)
    assert counts[-1] == 4
    assert 'stream="a\\"b\\n",stage="st\\\\age"' in lines[1]
    assert list(counter_text("n", {(("k", "v"),): 3})) == ["# TYPE n counter", 'n{k="v"} 3']
