"""timm, torchvision, pytorchvideo, mmaction2: adapters if they import, else one error."""
# ruff: noqa: E402 - what needs torch is imported once it is there

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pip install 'videoengine[models]'")

from videoengine.errors import ModelError, UsageError
from videoengine.models.backbones import extras, find
from videoengine.models.backbones.checkpoint import load_whole
from videoengine.models.backbones.loading import build, untrained_for_tests

FRAMES = np.zeros((1, 240, 320, 3), np.uint8)
needs_timm = pytest.mark.skipif(find_spec("timm") is None, reason="videoengine[vision]")
needs_torchvision = pytest.mark.skipif(
    find_spec("torchvision") is None, reason="videoengine[vision]"
)
needs_pytorchvideo = pytest.mark.skipif(
    find_spec("pytorchvideo") is None, reason="videoengine[legacy]"
)


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("timm:vit_tiny_patch16_224", "vision"),
        ("torchvision:resnet18", "vision"),
        ("pytorchvideo:slow_r50", "legacy"),
        ("siglip-base-patch16-224", "hub"),
        ("mmaction:slowonly-r50", "legacy"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    name: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "available", lambda _: False)
    with pytest.raises(ModelError, match=rf"pip install 'videoengine\[{extra}\]'"):
        build(find(name))


def test_a_package_that_does_not_import_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "brokenvision.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModelError, match="wheel needs the CUDA build of torch"):
        extras.require("brokenvision", "vision", "A backbone")


def test_an_unknown_backbone_of_mmaction_is_refused() -> None:
    with pytest.raises(UsageError, match="Did you mean 'slowonly-r50'"):
        find("mmaction:slowonly-r5")


@needs_timm
def test_timm_states_its_own_preprocessing() -> None:
    entry = find("timm:vit_tiny_patch16_224.augreg_in21k_ft_in1k")
    assert entry.preprocessing.interpolation == "bicubic"
    assert entry.preprocessing.mean == (0.5, 0.5, 0.5)
    assert entry.preprocessing.crop == (224, 224)
    with pytest.raises(UsageError, match="timm has no such model"):
        find("timm:vit_tiny_patch16_22")


@needs_timm
@pytest.mark.parametrize(
    ("name", "grid"), [("vit_tiny_patch16_224", (14, 14, 192)), ("resnet10t", (6, 6, 512))]
)
def test_a_model_of_timm_loads_whole_and_gives_features(name: str, grid: tuple[int, ...]) -> None:
    timm = pytest.importorskip("timm")
    entry = find(f"timm:{name}")
    whole = timm.create_model(name, pretrained=False)
    load_whole(build(entry), entry.convert(whole.state_dict()), Path("published"))
    backbone = untrained_for_tests(entry, seed=1)
    assert backbone.encode_image(FRAMES).shape == (1, grid[-1])
    assert backbone.patch_grid(FRAMES).shape == (1, *grid)


@needs_torchvision
@pytest.mark.parametrize(("name", "dim"), [("mobilenet_v3_small", 1024), ("video/r3d_18", 512)])
def test_a_model_of_torchvision_loads_whole_and_gives_features(name: str, dim: int) -> None:
    models = pytest.importorskip("torchvision.models")
    entry = find(f"torchvision:{name}")
    zoo = models.video if name.startswith("video/") else models
    whole = getattr(zoo, name.removeprefix("video/"))(weights=None)
    load_whole(build(entry), entry.convert(whole.state_dict()), Path("published"))
    backbone = untrained_for_tests(entry, seed=1)
    if entry.preprocessing.frames == 1:
        assert backbone.encode_image(FRAMES).shape == (1, dim)
        with pytest.raises(UsageError, match="no grid of patches"):
            backbone.patch_grid(FRAMES)
    else:
        clip = np.zeros((1, 16, 120, 160, 3), np.uint8)
        assert backbone.encode_clip(clip).shape == (1, dim)


@needs_pytorchvideo
def test_a_recogniser_of_pytorchvideo_loads_whole() -> None:
    hub = pytest.importorskip("pytorchvideo.models.hub")
    entry = find("pytorchvideo:x3d_xs")
    whole = hub.x3d_xs(pretrained=False)
    load_whole(build(entry), entry.convert(whole.state_dict()), Path("published"))
    clip = np.zeros((1, 16, 120, 160, 3), np.uint8)
    features = untrained_for_tests(entry, seed=1).encode_clip(clip)
    assert features.shape[1] == 2048


@pytest.mark.skipif(find_spec("mmaction") is None, reason="docs/models.md says how to install it")
@pytest.mark.parametrize(("name", "dim"), [("slowonly-r50", 2048), ("video-swin-tiny", 768)])
def test_a_backbone_of_mmaction_loads_whole(name: str, dim: int) -> None:
    entry = find(f"mmaction:{name}")
    own = build(entry).state_dict()
    published = {key.replace("model.", "backbone.", 1): tensor for key, tensor in own.items()}
    published |= {"cls_head.fc_cls.bias": torch.zeros(400)}
    load_whole(build(entry), entry.convert(published), Path("published"))
    clip = np.zeros((1, 16, 120, 160, 3), np.uint8)
    assert untrained_for_tests(entry, seed=1).encode_clip(clip).shape == (1, dim)
