"""Time: exact stamps, epochs that open when they must, and an axis that never goes back."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoengine.errors import UsageError
from videoengine.media_time import (
    NS_PER_SECOND,
    Epoch,
    EpochClock,
    Stamp,
    clock,
    ns_from_pts,
    parse_duration,
)

MS = Fraction(1, 1000)
KEY = "h264 yuv420p 64x48 1/1000"
bases = st.builds(Fraction, st.integers(1, 2000), st.integers(1, 10**9))


def fed(stamps: list[int | None], **options: int | bool) -> tuple[EpochClock, list[Stamp | None]]:
    made = EpochClock("s0", **options)  # type: ignore[arg-type]
    return made, [made.stamp(pts, None, MS, KEY) for pts in stamps]


@given(st.integers(-(1 << 62), 1 << 62), bases)
def test_nanoseconds_are_the_exact_fraction_rounded_half_to_even(pts: int, base: Fraction) -> None:
    assert ns_from_pts(pts, base) == round(pts * base * NS_PER_SECOND)


@pytest.mark.parametrize(("pts", "ns"), [(1, 0), (3, 2), (5, 2), (7, 4), (-1, 0), (-3, -2)])
def test_a_half_goes_to_the_even_neighbor(pts: int, ns: int) -> None:
    assert ns_from_pts(pts, Fraction(1, 2 * NS_PER_SECOND)) == ns


@given(st.integers(-(1 << 40), 1 << 40), st.integers(0, 1 << 40), bases)
def test_later_stamps_are_never_earlier_nanoseconds(pts: int, more: int, base: Fraction) -> None:
    assert ns_from_pts(pts + more, base) >= ns_from_pts(pts, base)


def test_a_steady_stream_is_one_epoch() -> None:
    made, stamps = fed([40 * n for n in range(100)])
    assert {s.epoch for s in stamps if s} == {0}
    assert made.nominal_ns == 40_000_000
    assert made.epoch is not None
    assert made.epoch.cause == "start"


@pytest.mark.parametrize(("step", "opens"), [(1000, False), (1001, True)])
def test_at_25_hz_a_hole_is_longer_than_a_second(step: int, opens: bool) -> None:
    steady: list[int | None] = [40 * n for n in range(60)]
    made, stamps = fed([*steady, 59 * 40 + step])
    assert stamps[-1] is not None
    assert (stamps[-1].epoch == 1) == opens
    assert (made.gap is not None) == opens


@pytest.mark.parametrize(("step", "opens"), [(5000, False), (5001, True)])
def test_at_one_hertz_a_hole_is_longer_than_five_periods(step: int, opens: bool) -> None:
    _, stamps = fed([*(1000 * n for n in range(60)), 59_000 + step])
    assert stamps[-1] is not None
    assert (stamps[-1].epoch == 1) == opens


def test_the_declared_period_counts_until_intervals_are_known() -> None:
    _, stamps = fed([0, 4000], nominal_hint_ns=NS_PER_SECOND, declared=True)
    assert [(s.epoch, s.pts_source) for s in stamps if s] == [(0, "declared"), (0, "declared")]


def test_a_hole_keeps_its_length_in_case_time() -> None:
    made, stamps = fed([0, 40, 80, 5080, 5120])
    assert made.epoch is not None
    assert made.epoch.cause == "hole"
    assert stamps[-1] is not None
    assert made.epoch.case_ns(stamps[-1].pts_ns) == 5_120_000_000


def test_a_gap_tells_its_neighbors_and_its_length() -> None:
    made, _ = fed([0, 40, 80])
    made.stamp(5080, None, MS, KEY)
    assert made.gap is not None
    assert made.gap.cause == "hole"
    assert made.gap.previous_start_ns == 80_000_000
    assert made.gap.previous_end_ns == 120_000_000
    assert made.gap.duration_ns == 4_960_000_000
    made.stamp(5120, None, MS, KEY)
    assert made.gap is None


def test_after_a_backward_jump_case_time_goes_on_from_the_end() -> None:
    made, _ = fed([1000, 1040, 1080, 200])
    assert made.epoch is not None
    assert (made.epoch.cause, made.epoch.first_pts) == ("backward_jump", 200)
    assert made.epoch.offset_ns == 120_000_000
    assert made.epoch.case_ns(240_000_000) == 160_000_000


def test_a_change_of_format_opens_an_epoch_and_forgets_the_period() -> None:
    made, _ = fed([0, 40, 80])
    stamp = made.stamp(120, None, MS, "h264 yuv420p 96x64 1/1000")
    assert stamp is not None
    assert stamp.epoch == 1
    assert made.epoch is not None
    assert made.epoch.cause == "format_change"
    assert made.epoch.offset_ns == 120_000_000
    assert made.nominal_ns is None


def test_a_repeated_stamp_is_refused_and_counted() -> None:
    made, stamps = fed([0, 40, 40, 80])
    assert stamps[2] is None
    assert made.repeated == 1


def test_frames_without_stamps_before_the_first_are_refused() -> None:
    made, stamps = fed([None, None, 0, None, 40])
    assert [s is None for s in stamps] == [True, True, False, True, False]
    assert made.unstamped == 3


def test_frames_without_stamps_are_interpolated_once_a_period_is_known() -> None:
    _, stamps = fed([0, 40, 80, None, None, 200])
    assert [(s.pts, s.pts_source) for s in stamps[3:] if s] == [
        (120, "interpolated"),
        (160, "interpolated"),
        (200, "stream"),
    ]


def test_a_stated_duration_longer_than_a_hole_is_not_believed() -> None:
    made, _ = fed([40 * n for n in range(10)])
    stamp = made.stamp(400, 3_600_000, MS, KEY)
    assert stamp is not None
    assert stamp.duration_ns == 40_000_000


@pytest.mark.parametrize(("stated", "kept"), [(33, 33), (900, 900), (0, 40), (None, 40), (-5, 40)])
def test_a_plausible_duration_is_kept_and_a_missing_one_is_the_period(
    stated: int | None, kept: int
) -> None:
    made, _ = fed([40 * n for n in range(10)])
    stamp = made.stamp(400, stated, MS, KEY)
    assert stamp is not None
    assert stamp.duration_ns == kept * 1_000_000


def test_the_period_is_that_of_the_last_fifty_intervals() -> None:
    fast = [10 * n for n in range(200)]
    slow = [fast[-1] + 100 * n for n in range(1, 60)]
    made, _ = fed([*fast, *slow])
    assert made.nominal_ns == 100_000_000


raw = st.lists(
    st.one_of(
        st.none(),
        st.integers(-10_000, 10_000),
        st.integers(-(10**12), 10**12),
    ),
    max_size=60,
)


@given(raw, st.lists(st.sampled_from([None, 0, 40, 900, 10**9]), min_size=60, max_size=60))
def test_case_time_never_goes_back(stamps: list[int | None], durations: list[int | None]) -> None:
    made = EpochClock("s0")
    last = -1
    for pts, duration in zip(stamps, durations, strict=False):
        stamp = made.stamp(pts, duration, MS, KEY)
        if stamp is None:
            continue
        assert made.epoch is not None
        assert stamp.duration_ns >= 0
        case_ns = made.epoch.case_ns(stamp.pts_ns)
        assert case_ns >= last
        last = case_ns


@given(raw, st.integers(0, 60))
def test_a_clock_that_was_written_and_read_goes_on_the_same(
    stamps: list[int | None], cut: int
) -> None:
    whole, expected = fed(stamps)
    first, before = fed(stamps[:cut])
    second = EpochClock("s0")
    second.decode(json.loads(json.dumps(first.encode())))
    after = [second.stamp(pts, None, MS, KEY) for pts in stamps[cut:]]
    assert [*before, *after] == expected
    assert second.encode() == whole.encode()


def test_an_epoch_survives_json() -> None:
    epoch = Epoch("s0", 3, Fraction(1001, 30_000), 7, 233_566_667, 5, "hole", None, None, None)
    assert Epoch.from_json(json.loads(json.dumps(epoch.to_json()))) == epoch


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("2m", 120), ("1h30m", 5400), ("1.5s", 1.5), ("1h1m1s", 3661)],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == int(seconds * NS_PER_SECOND)


@pytest.mark.parametrize("text", ["", " ", "90", "s", "1m2h", "-5s", "1e3s", "1h 30m"])
def test_other_texts_are_no_durations(text: str) -> None:
    with pytest.raises(UsageError, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("ns", "short", "long"),
    [
        (0, "0:00:00", "0:00:00.000"),
        (3_661_999_999_999, "1:01:01", "1:01:01.999"),
        (-5, "0:00:00", "0:00:00.000"),
    ],
)
def test_clock_time_is_written_for_people(ns: int, short: str, long: str) -> None:
    assert clock(ns) == short
    assert clock(ns, milliseconds=True) == long
