"""Blood and water on the tissue: what came is what is there and what went."""

from __future__ import annotations

from typing import Final

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from videoengine.recon3d.simulator.anatomy import Grid
from videoengine.recon3d.simulator.stains import BLOOD, WATER, Slope, Stains

TOLERANCES: Final = {"account": 1e-4}  # relative; sums of float32 cells


def basin(wraps: bool) -> Grid:
    rng = np.random.default_rng(1)
    rest = rng.normal(0, 2, (30, 28, 3)).astype(np.float32)
    front = np.full((30, 28), 1e9, np.float32)
    return Grid(rest, rest, front, np.zeros((0, 30, 28, 3), np.float32), wraps, 1.0)


places = st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0.5, 9))
deeds = st.one_of(
    st.tuples(st.just("blood"), places, st.floats(0.0, 5.0)),
    st.tuples(st.just("water"), places, st.floats(0.0, 9.0)),
    st.tuples(st.just("suck"), places, st.floats(0.0, 1.0)),
    st.tuples(st.just("burn"), places, st.floats(0.0, 1.0)),
    st.tuples(st.just("run"), places, st.floats(0.0, 1.0)),
)


@settings(max_examples=60, deadline=None)
@given(st.booleans(), st.lists(deeds, min_size=1, max_size=60))
def test_blood_and_water_are_conserved(
    wraps: bool, script: list[tuple[str, tuple[float, float, float], float]]
) -> None:
    stains = Stains((24, 26), (1.3, 1.3), wraps=wraps)
    slope = Slope(basin(wraps), (24, 26), np.asarray([0.0, -0.55, -0.83]))
    poured = {BLOOD: 0.0, WATER: 0.0}
    for deed, (u, v, radius), amount in script:
        if deed in ("blood", "water"):
            channel = BLOOD if deed == "blood" else WATER
            stains.pour(channel, u, v, radius, amount)
            poured[channel] += amount
        elif deed == "suck":
            stains.suck(u, v, radius, amount)
        elif deed == "burn":
            stains.burn(u, v, radius, amount)
        else:
            stains.run(slope)
    account, left = stains.account, stains.grid.sum(axis=(0, 1), dtype=np.float64)
    for channel, came, went in (
        (BLOOD, account.blood_in, account.blood_out),
        (WATER, account.water_in, account.water_out),
    ):
        slack = TOLERANCES["account"] * max(poured[channel], 1e-6)
        assert abs(came - poured[channel]) <= slack
        assert abs(left[channel] + went - came) <= slack
        assert went >= -slack
    assert stains.grid.min() >= 0
    assert stains.grid[..., 1].max() <= 1
