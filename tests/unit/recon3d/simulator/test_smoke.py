"""Smoke: what was made is what hangs and what was vented."""

from __future__ import annotations

from typing import Final

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from videoengine.recon3d.simulator.smoke import MOST, Smoke

TOLERANCES: Final = {"account": 1e-9}  # relative; sums of some hundred doubles

puffs = st.lists(
    st.tuples(st.booleans(), st.floats(0.0, 80.0), st.floats(0.0, 1.0)), min_size=1, max_size=90
)


@settings(max_examples=60, deadline=None)
@given(puffs)
def test_smoke_is_conserved(script: list[tuple[bool, float, float]]) -> None:
    smoke, made = Smoke(), 0.0
    for k, (emits, mass, suction) in enumerate(script):
        if emits:
            smoke.emit(np.asarray([mass, -mass, 20.0]), mass)
            made += mass
        smoke.step(0.04, 0.04 * k, 5, suction=suction)
        assert len(smoke.puffs) <= MOST
    slack = TOLERANCES["account"] * max(made, 1e-6)
    assert abs(smoke.made - made) <= slack
    assert abs(smoke.hanging + smoke.vented - made) <= slack
    assert smoke.vented >= 0
    assert (smoke.puffs[:, 3] >= 0).all()
