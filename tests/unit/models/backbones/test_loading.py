"""From a name to features: no weights, no output."""
# ruff: noqa: E402 - what needs torch is imported once it is there

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pip install 'videoengine[models]'")

from videoengine.errors import ModelError, UsageError
from videoengine.models.backbones import (
    Preprocessing,
    Store,
    assemble,
    entries,
    find,
    load_backbone,
    locate,
)
from videoengine.models.backbones.families import resnet as resnet_family
from videoengine.models.backbones.loading import build, untrained_for_tests
from videoengine.models.backbones.registry import register

pytestmark = pytest.mark.torch
FRAMES = np.random.default_rng(0).integers(0, 256, (3, 60, 80, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ResNet-18 as torchvision publishes one, with random weights."""
    from safetensors.torch import save_file

    backbone = untrained_for_tests(find("resnet18"), seed=1)
    tensors = dict(backbone.network.state_dict())
    tensors |= {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    save_file(tensors, path)
    return path


def test_a_file_gives_a_backbone_whose_card_knows_the_file(weights: Path) -> None:
    backbone = load_backbone("resnet18", weights)
    features = backbone.encode_image(FRAMES)
    assert features.shape == (3, 512)
    assert features.dtype == torch.float32
    assert backbone.patch_grid(FRAMES).shape == (3, 7, 7, 512)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert backbone.card.weights_sha256 == digest
    assert backbone.card.model_hash != find("resnet18").card.model_hash


def test_frames_one_by_one_give_what_a_batch_gives(weights: Path) -> None:
    entry = dataclasses.replace(find("resnet18"), preprocessing=Preprocessing((64, 64)))
    backbone = assemble(entry, locate(entry, weights))
    many = np.concatenate([FRAMES] * 7)
    batch = backbone.encode_image(many)
    single = torch.cat([backbone.encode_image(frame[None]) for frame in FRAMES])
    torch.testing.assert_close(batch[:3], single, atol=1e-5, rtol=1e-4)
    clips = backbone.encode_clip(many.reshape(7, 3, *many.shape[1:]))
    torch.testing.assert_close(clips[0], batch[:3].mean(0))


def test_a_head_can_be_trained_on_features(weights: Path) -> None:
    features = load_backbone("resnet18", weights).encode_image(FRAMES)
    assert not features.requires_grad
    head = torch.nn.Linear(512, 2)
    head(features).sum().backward()
    assert head.weight.grad is not None


def test_without_weights_there_is_no_backbone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(ModelError, match="videoengine models pull resnet18") as raised:
        load_backbone("resnet18", store=store)
    assert raised.value.exit_code == 4
    with pytest.raises(ModelError, match=r"Endo-FM, then give the file"):
        load_backbone("endo-fm", store=store)
    with pytest.raises(UsageError, match="Did you mean 'resnet18'"):
        load_backbone("resnet-18", store=store)


def test_a_network_without_weights_cannot_run() -> None:
    network = build(find("resnet18"))
    with pytest.raises((RuntimeError, NotImplementedError)):
        network(torch.zeros(1, 3, 64, 64)).pooled.sum().item()


def test_random_weights_say_so_and_are_named_by_no_preset() -> None:
    backbone = untrained_for_tests(find("resnet18"), seed=1)
    assert backbone.card.id == "resnet18+untrained"
    assert "random weights" in backbone.card.trained_on
    with pytest.raises(UsageError):
        find(backbone.card.id)


def test_another_hash_is_refused(weights: Path) -> None:
    with pytest.raises(ModelError, match="not the file that was asked for"):
        load_backbone("resnet18", weights, sha256="0" * 64)
    with pytest.raises(ModelError, match="not the file that was asked for"):
        load_backbone("resnet18", weights, sha256="")
    pinned = dataclasses.replace(find("resnet18").card, weights_sha256="f" * 64)
    entry = dataclasses.replace(find("resnet18"), card=pinned)
    with pytest.raises(ModelError, match="allowed: ffff"):
        locate(entry, weights)


def test_weights_of_another_channel_order_are_refused(weights: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = tmp_path / "bgr.safetensors"
    save_file(load_file(weights), path, metadata={"channel_order": "bgr"})
    with pytest.raises(ModelError, match="another order of the colors; got bgr; allowed: rgb"):
        load_backbone("resnet18", path)
    how = dataclasses.replace(resnet_family.IMAGENET, channel_order="bgr")
    entry = dataclasses.replace(find("resnet18"), preprocessing=how)
    turned = assemble(entry, locate(entry, path)).encode_image(FRAMES)
    straight = load_backbone("resnet18", weights)
    assert not torch.allclose(turned, straight.encode_image(FRAMES))


def test_a_file_of_another_model_is_refused(weights: Path) -> None:
    with pytest.raises(ModelError, match=r"resnet18.safetensors do not fit ResNet; got .*missing"):
        load_backbone("resnet50", weights)


def test_what_a_backbone_cannot_do_is_said(weights: Path) -> None:
    backbone = load_backbone("resnet18", weights)
    with pytest.raises(UsageError, match="no text side"):
        backbone.encode_text(["a grasper"])
    with pytest.raises(UsageError, match=r"uint8 \(B, T, H, W, 3\)"):
        backbone.encode_clip(FRAMES)
    endo_fm = untrained_for_tests(find("endo-fm"), seed=1)
    with pytest.raises(UsageError, match="sees clips of 8 frames; got single frames"):
        endo_fm.encode_image(FRAMES)
    with pytest.raises(UsageError, match="takes clips of 8 frames; got 3"):
        endo_fm.encode_clip(FRAMES[None])


def test_every_entry_has_a_card_that_can_be_shown() -> None:
    known = entries()
    assert len(known) > 30
    for name, entry in known.items():
        assert entry.card.id == name
        assert entry.card.preprocessing == entry.preprocessing.text()
        assert entry.card.licence
        assert entry.page
        assert entry.checked
        assert entry.card.trained_on != "nothing: a rule without learned weights"


def test_two_families_of_one_name_are_refused() -> None:
    def resnet() -> Any:
        return ()

    with pytest.raises(UsageError, match="Two families have one name"):
        register(resnet)


def test_features_that_are_not_finite_are_an_error() -> None:
    backbone = untrained_for_tests(find("resnet18"), seed=1)
    backbone.network.get_parameter("conv1.weight").data.fill_(1e38)
    with pytest.raises(ModelError, match="not finite"):
        backbone.encode_image(FRAMES)
