"""The published number of parameters, in millions: a wrong width or depth would not give it."""

from __future__ import annotations

import pytest

from videoengine.models.backbones import find
from videoengine.models.backbones.loading import build

pytest.importorskip("torch", reason="pip install 'videoengine[models]'")
pytestmark = pytest.mark.torch
MILLIONS = {
    "resnet18": 11.18,
    "resnet50": 23.51,
    "dinov2-small": 22.06,
    "dinov2-base": 86.58,
    "dinov2-large": 304.37,
    "dinov2-giant": 1136.48,
    "dinov3-vits16": 21.60,
    "dinov3-vits16plus": 28.69,
    "dinov3-vitb16": 85.66,
    "dinov3-vitl16": 303.13,
    "dinov3-vith16plus": 840.59,
    "endo-fm": 121.26,
    "surgvlp": 133.39,
    "biomedclip": 195.90,
}


@pytest.mark.parametrize("name", MILLIONS)
def test_a_network_has_the_published_size(name: str) -> None:
    count = sum(parameter.numel() for parameter in build(find(name)).parameters())
    assert round(count / 1e6, 2) == MILLIONS[name]
