"""DINOv3: vision transformers with rotary positions and registers, behind an agreement."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from videoengine.cards import ModelCard
from videoengine.models.backbones.hub import hub_file
from videoengine.models.backbones.preprocessing import Preprocessing
from videoengine.models.backbones.registry import Entry, published, register

if TYPE_CHECKING:
    from torch import nn

    from videoengine.models.backbones.checkpoint import Tensors

HOW: Final = Preprocessing((224, 224))
SIZES: Final = {
    "vits16": (384, 12, 6, 1536, False),
    "vits16plus": (384, 12, 6, 1536, True),
    "vitb16": (768, 12, 12, 3072, False),
    "vitl16": (1024, 24, 16, 4096, False),
    "vith16plus": (1280, 32, 20, 5120, True),
}
"""Width, layers, heads, hidden width of the MLP, and whether it is gated."""


def build(size: str) -> nn.Module:
    """Build a DINOv3 transformer, patches of 16 pixels."""
    from videoengine.models.backbones.networks.dinov3 import Dinov3, Dinov3Shape

    return Dinov3(Dinov3Shape(*SIZES[size]))


def convert(tensors: Tensors) -> Tensors:
    """Take the published layout, or what transformers 5 saves."""
    from videoengine.models.backbones.keys import renamed

    return renamed(tensors, [(r"^model\.layer\.", "layer.")])


def _entry(size: str) -> Entry:
    repository = f"facebook/dinov3-{size}-pretrain-lvd1689m"
    card = published(
        ModelCard(
            f"dinov3-{size}",
            "dinov3",
            1,
            licence="DINOv3 licence",
            weights=repository,
            gated=True,
            trained_on="LVD-1689M photographs without labels; nothing surgical",
            seeds_row="S001",
        ),
        HOW,
        SIZES[size][0],
    )
    return Entry(
        card,
        HOW,
        partial(build, size),
        convert=convert,
        files=(hub_file(repository, "model.safetensors"),),
        page=f"https://huggingface.co/{repository}",
        checked="stock class of transformers at a tiny size: all keys, equal features",
    )


@register
def dinov3() -> tuple[Entry, ...]:
    """The distilled sizes; the one of 7 billion parameters and the ConvNeXts are not known."""
    return tuple(_entry(size) for size in SIZES)
