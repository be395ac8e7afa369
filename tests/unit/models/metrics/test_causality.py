from __future__ import annotations

import numpy as np
import pytest

from videoengine.models.metrics import look_ahead, pace_of

INPUTS = np.random.default_rng(0).random((40, 3))


def test_a_model_that_looks_ahead_is_found_out() -> None:
    def running(values: np.ndarray) -> np.ndarray:
        return np.cumsum(values, axis=0)

    def centred(values: np.ndarray) -> np.ndarray:
        return values - values.mean(axis=0)

    def one_ahead(values: np.ndarray) -> np.ndarray:
        return np.roll(values, -1, axis=0)

    assert look_ahead(running, INPUTS, 20) == 0
    assert look_ahead(centred, INPUTS, 20) > 0.01
    assert look_ahead(one_ahead, INPUTS, 20) > 0.01
    with pytest.raises(ValueError, match="0 to 38, got 39"):
        look_ahead(running, INPUTS, 39)


def test_the_pace_of_frames() -> None:
    pace = pace_of([0.01] * 99 + [1.01])
    assert pace.frames_per_s == pytest.approx(50)
    assert (pace.p50_ms, pace.p95_ms) == pytest.approx((10, 10))
    with pytest.raises(ValueError, match="above 0"):
        pace_of([])
