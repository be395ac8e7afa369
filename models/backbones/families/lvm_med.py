"""LVM-Med: second-order graph matching over 1.3 million medical pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from videoengine.cards import ModelCard
from videoengine.models.backbones.families.resnet import resnet50
from videoengine.models.backbones.preprocessing import Preprocessing
from videoengine.models.backbones.registry import Entry, published, register

if TYPE_CHECKING:
    from torch import nn

    from videoengine.models.backbones.checkpoint import Tensors

PAGE: Final = "https://github.com/duyhominhnguyen/LVM-Med"
RESNET_HOW: Final = Preprocessing((224, 224))
VIT_HOW: Final = Preprocessing((1024, 1024))
TRAINED_ON: Final = "1.3 million medical pictures of 55 public sets; Kvasir is among them"


def build_vit() -> nn.Module:
    """Build the ViT-B in Segment Anything's layout, without absolute positions."""
    from videoengine.models.backbones.networks.sam_encoder import SamEncoder, SamShape

    return SamEncoder(SamShape())


def convert(tensors: Tensors) -> Tensors:
    """Take the encoder of a bare file, or under `module.`, `encoder.` or `image_encoder.`."""
    from videoengine.models.backbones.keys import renamed, without

    bare = renamed(tensors, [(r"^(module\.)?(image_encoder\.|encoder\.)?", "")])
    return without(bare, r"fc\.(weight|bias)$")


def _card(name: str, how: Preprocessing, dim: int) -> ModelCard:
    card = ModelCard(
        name,
        "lvm-med",
        1,
        licence="CC-BY-NC-ND-4.0",
        trained_on=TRAINED_ON,
        seeds_row="S024",
    )
    return published(card, how, dim)


@register
def lvm_med() -> tuple[Entry, ...]:
    """The ResNet-50 and the ViT-B."""
    return (
        Entry(
            _card("lvm-med-resnet50", RESNET_HOW, 2048),
            RESNET_HOW,
            resnet50,
            convert=convert,
            within=("state_dict",),
            page=PAGE,
            checked="torchvision's key layout; the published file was not seen",
        ),
        Entry(
            _card("lvm-med-vit-b", VIT_HOW, 256),
            VIT_HOW,
            build_vit,
            convert=convert,
            within=("state_dict",),
            page=PAGE,
            checked="SAM's encoder of transformers at a tiny size; the published file was not seen",
        ),
    )
