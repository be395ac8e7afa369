from __future__ import annotations

import numpy as np
import pytest

from videoengine.models.metrics import reliability, top_label_reliability


def test_by_hand() -> None:
    # Bin (0.5, 0.6]: sure 0.6, right 1/2. Bin (0.9, 1]: sure 1, right 1.
    table = reliability([0.6, 0.6, 1.0, 1.0], [1, 0, 1, 1], bins=10)
    assert table.expected_error == pytest.approx((0.1 * 2 + 0 * 2) / 4)
    assert table.maximum_error == pytest.approx(0.1)
    assert table.samples.sum() == 4


def test_honest_probabilities_have_little_error_and_boastful_ones_much() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(20_000)
    right = rng.random(20_000) < confidence
    assert reliability(confidence, right).expected_error < 0.02
    assert reliability(np.sqrt(confidence), right).expected_error > 0.1


def test_zero_lies_in_the_first_bin_and_the_likeliest_class_is_taken() -> None:
    assert reliability([0.0, 1.0], [0, 1]).expected_error == 0
    assert top_label_reliability([[0.2, 0.8], [0.8, 0.2]], [1, 1]).expected_error == pytest.approx(
        0.3
    )


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match=r"got 0\.5 to 1\.2"):
        reliability([0.5, 1.2], [1, 1])
    with pytest.raises(ValueError, match="N > 0"):
        reliability([], [])
