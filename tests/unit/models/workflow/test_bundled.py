# ruff: noqa: E402  (without torch the modules cannot be imported, and the file is skipped)
"""The bundled file: whole or refused, small, and what it says it is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'videoengine[models]'")

from safetensors.torch import load_file, save_file

from videoengine.errors import ModelError
from videoengine.models.backbones import load_backbone
from videoengine.models.workflow.bundled import (
    WEIGHTS,
    Calibration,
    Course,
    as_batch,
    fused,
    load_bundle,
    new_phase_network,
    save_bundle,
    seen_size,
)
from videoengine.models.workflow.network import FrameNetwork, NetworkConfig
from videoengine.models.workflow.terms import PROCEDURES, outputs, terms_of

pytestmark = pytest.mark.torch
MOST_BYTES = 14_000_000
ROUNDED = 0.02
"""fp16 and folded normalizations may move an answer by so much of its spread."""


def untrained() -> FrameNetwork:
    torch.manual_seed(3)
    network = FrameNetwork(NetworkConfig(*outputs()))
    with torch.no_grad():  # statistics that folding must respect
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                for statistic, low, high in ("running_mean", -0.2, 0.2), ("running_var", 0.5, 2.0):
                    module.get_buffer(statistic).uniform_(low, high)
    return network.eval()


def written(path: Path) -> FrameNetwork:
    network = untrained()
    courses = {
        name: Course(
            new_phase_network(name),
            torch.eye(len(terms_of(name).phase.labels)).log_softmax(1),
            Calibration(found_at=0.25, left_spread=(0.5, 1.5)),
        )
        for name in PROCEDURES
    }
    save_bundle(path, network, courses, trained_on="nothing: a test", notes={"budget": "0"})
    return network


def pictures(count: int = 2) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.integers(0, 255, (144, 256, 3), np.uint8) for _ in range(count)]


def test_what_was_written_answers_as_before(tmp_path: Path) -> None:
    network = written(tmp_path / "one.safetensors")
    bundle = load_bundle(tmp_path / "one.safetensors")
    assert bundle.trained_on == "nothing: a test"
    assert bundle.courses["colonoscopy"].calibration == Calibration(
        found_at=0.25, left_spread=(0.5, 1.5)
    )
    with torch.inference_mode():
        before, after = network(as_batch(pictures())), bundle.frame(as_batch(pictures()))
    for name in ("mask", "center", "presence", "states", "features"):
        one, other = getattr(before, name), getattr(after, name)
        assert float((one - other).abs().max()) < ROUNDED * float(one.std()), name


def test_folding_changes_nothing_but_the_last_digits() -> None:
    import copy

    network = untrained()
    folded = fused(copy.deepcopy(network))
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.trunk.stem.modules())
    with torch.inference_mode():
        one, other = network(as_batch(pictures())), folded(as_batch(pictures()))
    assert torch.allclose(one.mask, other.mask, atol=1e-4)
    assert torch.allclose(one.features, other.features, atol=1e-4)


@pytest.mark.parametrize("fault", ["missing", "extra", "misshapen", "format", "stay", "header"])
def test_a_file_that_does_not_fit_is_refused_with_one_error(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "bad.safetensors"
    written(path)
    tensors = load_file(path)
    with path.open("rb") as stream:
        metadata = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))["__metadata__"]
    if fault == "missing":
        del tensors["frame.mask.weight"]
    elif fault == "extra":
        tensors["somebody.else"] = torch.zeros(1)
    elif fault == "misshapen":
        tensors["frame.mask.weight"] = torch.zeros(1)
    elif fault == "format":
        metadata = {"about": '{"format": "another"}'}
    elif fault == "stay":
        tensors["colonoscopy.stay"] = torch.zeros(2, 2)
    else:
        metadata = {"about": "{"}
    save_file(tensors, path, metadata)
    load_bundle.cache_clear()
    with pytest.raises(ModelError) as caught:
        load_bundle(path)
    assert str(path) in str(caught.value)


def test_the_same_networks_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        written(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_truncated_or_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    written(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="damaged or cut short"):
        load_bundle(path)
    with pytest.raises(ModelError, match="make train-bundled"):
        load_bundle(tmp_path / "none.safetensors")


def test_what_ships_is_small_fp16_and_says_what_it_learned_from() -> None:
    assert WEIGHTS.stat().st_size < MOST_BYTES
    tensors = load_file(WEIGHTS)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    bundle = load_bundle()
    assert bundle.trained_on.startswith("simulated procedures only")
    for name in PROCEDURES:
        calibration = bundle.courses[name].calibration
        assert 0.0 < calibration.found_at < 1.0
        assert calibration.left_spread[0] < 1.0 < calibration.left_spread[1]


def test_the_network_sees_every_shape_at_256_pixels_across() -> None:
    assert seen_size((854, 480)) == (256, 144)
    assert seen_size((1280, 1024)) == (256, 208)
    assert seen_size((475, 475)) == (256, 256)
    assert seen_size((100, 400)) == (256, 256)
    assert seen_size((4000, 400)) == (256, 128)


def test_the_backbone_and_the_recogniser_give_the_same_features() -> None:
    shown = pictures()
    backbone = load_backbone("embedded")
    theirs = backbone.encode_image(np.stack(shown)).numpy()
    with torch.inference_mode():
        ours = load_bundle().frame(as_batch(shown)).features.numpy()
    assert ours.shape == theirs.shape == (2, 320)
    assert np.allclose(ours, theirs, atol=1e-3 * ours.std())
