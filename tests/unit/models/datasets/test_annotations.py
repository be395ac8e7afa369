"""Moments: which frame, which second; boxes that reach beyond the picture."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoengine.models.datasets.annotations import Moment, clipped


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), Fraction(30_000, 1001), Fraction(1)])
def test_each_second_belongs_to_exactly_one_frame(fps: Fraction) -> None:
    moments = [Moment(number / fps, 1 / fps) for number in range(200)]
    seconds = [moment.sample(1) for moment in moments]
    found = [second for second in seconds if second is not None]
    assert found == list(range(len(found)))
    assert len(found) == int((200 - 1) / fps + Fraction(1, 2) / fps) + 1


@given(st.integers(0, 10**6), st.sampled_from([1, 2, 24, 25]))
def test_a_frame_whose_stamp_is_rounded_keeps_its_number(number: int, fps: int) -> None:
    exact = Fraction(number, fps)
    rounded = Fraction(round(exact * 1000), 1000)
    moment = Moment(rounded, Fraction(1, fps))
    assert moment.number(fps) == moment.sample(fps) == number


def test_a_box_is_cut_at_the_edge_of_the_picture() -> None:
    assert clipped(0.75, -0.25, 0.5, 0.5) == (0.75, 0.0, 0.25, 0.25)
    assert clipped(0.25, 0.25, 0.5, 0.5) == (0.25, 0.25, 0.5, 0.5)
    assert clipped(2.0, 2.0, 0.5, 0.5) == (1.0, 1.0, 0.0, 0.0)
