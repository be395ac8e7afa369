"""Every key of a published file finds its place: tensors of the recorded shapes load whole."""
# ruff: noqa: E402 - what needs torch is imported once it is there

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="pip install 'videoengine[models]'")

from videoengine.errors import ModelError
from videoengine.models.backbones import find
from videoengine.models.backbones.checkpoint import load_whole
from videoengine.models.backbones.keys import renamed, without
from videoengine.models.backbones.loading import build

pytestmark = [pytest.mark.torch, pytest.mark.shared]
Manifest = Callable[[str], dict[str, Any]]

LEFT_OUT = {
    "surgvlp": ["backbone_text.model.embeddings.position_ids"],
    "endo-fm": [],
    "tecno-resnet50": [f"model.fc_{h}.{p}" for h in ("phase", "tool") for p in ("weight", "bias")],
    "trans-svnet-resnet50": [f"fc.{n}.{p}" for n in (0, 2) for p in ("weight", "bias")],
}
"""Keys that are no part of the trunk: heads, and a table of the numbers 0 to 511."""
MANIFESTS = {
    "surgvlp": "surgvlp_family",
    "endo-fm": "endo_fm_teacher_backbone",
    "tecno-resnet50": "tecno_feature_cnn_lightning",
    "trans-svnet-resnet50": "trans_svnet_resnet_embedding",
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_published_layout_loads_whole(name: str, manifest: Manifest) -> None:
    entry, tensors = find(name), manifest(MANIFESTS[name])
    network = build(entry)
    converted = entry.convert(tensors)
    load_whole(network, converted, Path("published"))
    left_out = LEFT_OUT[name]
    assert len(converted) == len(tensors) - len(left_out)
    placed = {tensor.data_ptr() for tensor in network.state_dict().values() if tensor.numel()}
    for key, tensor in tensors.items():
        if key not in left_out and tensor.is_floating_point():
            assert tensor.data_ptr() in placed, key


def test_hecvl_and_peskavlp_are_built_and_loaded_as_surgvlp() -> None:
    one, *others = (find(name) for name in ("surgvlp", "hecvl", "peskavlp"))
    for other in others:
        assert (other.build, other.convert) == (one.build, one.convert)


@pytest.mark.parametrize(("name", "channels"), [("endodac_pose_encoder", 6), ("afsfm_encoder", 3)])
def test_a_resnet18_of_the_depth_networks_loads_whole(
    name: str, channels: int, manifest: Manifest
) -> None:
    from videoengine.models.backbones.networks.resnet import ResNet

    tensors = {key: t for key, t in manifest(name).items() if isinstance(t, torch.Tensor)}
    trunk = renamed(without(tensors, r"encoder\.fc\."), [(r"^encoder\.", "")])
    load_whole(ResNet(18, channels_in=channels), trunk, Path("published"))
    assert len(trunk) == len(tensors) - 2


@pytest.mark.parametrize("fault", ["missing", "left over", "misshapen"])
def test_a_file_that_does_not_fit_is_refused(fault: str, manifest: Manifest) -> None:
    entry = find("endo-fm")
    tensors = entry.convert(manifest("endo_fm_teacher_backbone"))
    if fault == "missing":
        del tensors["blocks.3.attn.qkv.weight"]
    elif fault == "left over":
        tensors["blocks.12.attn.qkv.weight"] = torch.zeros(1)
    else:
        tensors["time_embed"] = torch.zeros(1, 16, 768)
    network = build(entry)
    with pytest.raises(ModelError, match=f"1 {fault}") as raised:
        load_whole(network, tensors, Path("endo_fm.pth"))
    assert "endo_fm.pth" in str(raised.value)
    assert "models info" in str(raised.value)
    assert all(parameter.is_meta for parameter in network.parameters())
