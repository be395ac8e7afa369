from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from support.stated_cases import both_ways, layouts, near, near_boxes, sayings

ROUNDING_NS = 2
BOX_PART = 2e-6
"""Six digits of a percent, and six in the log."""


@settings(max_examples=10, deadline=None)
@given(data=st.data(), boxes=st.booleans(), every=st.sampled_from([1, 5]))
def test_label_studio_brings_back_the_same_frames_and_boxes(
    data: st.DataObject, boxes: bool, every: int
) -> None:
    layout = data.draw(layouts())
    statements = data.draw(sayings(layout, boxes=boxes))
    said, back = both_ways("label-studio", layout, statements, every=every)
    assert near(back[0], said[0], ROUNDING_NS)
    assert near_boxes(back[1], said[1], ROUNDING_NS, BOX_PART)
