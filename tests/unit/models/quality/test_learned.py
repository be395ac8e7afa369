"""The learned network's file: what does not fit is refused in one line, and NumPy alone runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from videoengine.errors import ModelError
from videoengine.models.quality import statistics_of
from videoengine.models.quality.learned import ABOUT, FORMAT, SHAPES, WEIGHTS, load_learned
from videoengine.models.quality.learned_features import LENGTH, features_of
from videoengine.models.quality.soiling import follow, no_soiling

safetensors_numpy = pytest.importorskip(
    "safetensors.numpy", reason="needs the extra: pip install 'videoengine[models]'"
)
pytestmark = pytest.mark.torch

Tensors = dict[str, NDArray[Any]]


def tensors() -> Tensors:
    return {key: np.ones(shape, np.float16) for key, shape in SHAPES.items()}


def written(path: Path, values: Tensors, **changes: object) -> Path:
    about = {"format": FORMAT, "offset": 0.5, "trained_on": "a test", "notes": {}} | changes
    path.write_bytes(safetensors_numpy.save(values, {ABOUT: json.dumps(about)}))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_learned(path)
    return str(caught.value)


def test_the_bundled_file_is_small_and_says_what_it_was_trained_on() -> None:
    network = load_learned()
    assert WEIGHTS.stat().st_size < 300_000
    assert "simulated procedures only" in network.trained_on
    assert network.notes["held_out"]


def test_what_is_written_is_read_whole(tmp_path: Path) -> None:
    network = load_learned(written(tmp_path / "w.safetensors", tensors()))
    assert network.tensors.keys() == SHAPES.keys()
    assert (network.offset, network.trained_on) == (0.5, "a test")


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    values = tensors()
    del values["1.bias"]
    assert "1.bias is missing" in refusal(written(tmp_path / "w.safetensors", values))


def test_a_key_too_many_is_named(tmp_path: Path) -> None:
    values = tensors() | {"9.bias": np.ones(3, np.float16)}
    assert "9.bias is not known" in refusal(written(tmp_path / "w.safetensors", values))


def test_a_misshapen_key_is_named_with_both_shapes(tmp_path: Path) -> None:
    values = tensors() | {"mean": np.ones(7, np.float16)}
    line = refusal(written(tmp_path / "w.safetensors", values))
    assert f"mean is (7,), not ({LENGTH},)" in line


def test_values_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    values = tensors()
    values["0.bias"][3] = np.nan
    assert "not finite" in refusal(written(tmp_path / "w.safetensors", values))


def test_another_format_is_refused(tmp_path: Path) -> None:
    line = refusal(written(tmp_path / "w.safetensors", tensors(), format="other@1"))
    assert "other@1" in line
    assert FORMAT in line


@pytest.mark.parametrize("noted", [{"offset": "much"}, {"notes": "["}])
def test_notes_that_cannot_be_read_are_refused(noted: dict[str, object], tmp_path: Path) -> None:
    line = refusal(written(tmp_path / "w.safetensors", tensors(), **noted))
    assert "lack what is noted" in line


@pytest.mark.parametrize("kept", [0, 4, 100, 5000])
def test_a_file_cut_short_is_damaged(kept: int, tmp_path: Path) -> None:
    path = written(tmp_path / "w.safetensors", tensors())
    path.write_bytes(path.read_bytes()[:kept])
    assert "damaged or cut short" in refusal(path)


def test_no_file_is_one_line_with_the_remedy(tmp_path: Path) -> None:
    line = refusal(tmp_path / "none.safetensors")
    assert "cannot be read" in line
    assert "make train-bundled" in line


def test_without_the_extra_the_line_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = written(tmp_path / "w.safetensors", tensors())
    monkeypatch.setitem(sys.modules, "safetensors", None)
    assert "pip install 'videoengine[models]'" in refusal(path)


def test_running_the_network_imports_no_torch() -> None:
    code = (
        "import sys, json; from videoengine.models.quality.learned_stages import *; "
        "from videoengine.stages import StageContext; LearnedPrivacyStage(StageContext()); "
        "print(json.dumps('torch' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) is False


def test_a_black_picture_has_features_and_they_are_nothing(
    pixels_of: Callable[..., Any],
) -> None:
    statistics = statistics_of(pixels_of(np.zeros((240, 427, 3), np.uint8)))
    assert not features_of(statistics, no_soiling()).any()


def test_features_of_any_picture_are_finite_and_of_one_length(
    pixels_of: Callable[..., Any],
) -> None:
    rng = np.random.default_rng(1)
    state = no_soiling()
    for size in ((2, 2), (3, 33), (240, 427), (17, 31)):
        statistics = statistics_of(pixels_of(rng.integers(0, 256, (*size, 3), dtype=np.uint8)))
        state = follow(state, statistics)
        features = features_of(statistics, state)
        assert features.shape == (LENGTH,)
        assert np.isfinite(features).all()


def test_a_batch_is_judged_as_one_by_one(tmp_path: Path) -> None:
    network = load_learned()
    features = np.random.default_rng(2).normal(size=(5, LENGTH))
    together = network.logits(features)
    for one, row in zip(features, together, strict=True):
        np.testing.assert_allclose(network.logits(one), row, rtol=1e-4, atol=1e-4)


def test_features_far_from_any_taught_stay_within_bounds() -> None:
    judgement = load_learned().judge(np.full(LENGTH, 1e6))
    assert all(0.0 <= v <= 1.0 for v in (judgement.out_of_body, judgement.smoke, judgement.soiling))
