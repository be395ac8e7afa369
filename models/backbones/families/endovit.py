"""EndoViT: a masked autoencoder trained on nine endoscopic sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from videoengine.cards import ModelCard
from videoengine.models.backbones.hub import hub_file
from videoengine.models.backbones.preprocessing import Preprocessing
from videoengine.models.backbones.registry import Entry, published, register

if TYPE_CHECKING:
    from torch import nn

    from videoengine.models.backbones.checkpoint import Tensors

HOW: Final = Preprocessing((224, 224), mean=(0.3464, 0.2280, 0.2228), std=(0.2520, 0.2128, 0.2093))
REPOSITORY: Final = "egeozsoy/EndoViT"


def build() -> nn.Module:
    """Build ViT-B/16."""
    from videoengine.models.backbones.networks.vision_transformer import (
        VisionShape,
        VisionTransformer,
    )

    return VisionTransformer(VisionShape())


def convert(tensors: Tensors) -> Tensors:
    """Take the encoder; the decoder that painted hidden patches, and a classifier, go."""
    from videoengine.models.backbones.keys import without

    return without(tensors, r"decoder_", r"mask_token$", r"head\.(weight|bias)$")


@register
def endovit() -> tuple[Entry, ...]:
    """The encoder on the hub; per-task ones have the same layout."""
    card = published(
        ModelCard(
            "endovit",
            "endovit",
            1,
            licence="see the repository",
            weights=REPOSITORY,
            trained_on="Endo700k: nine endoscopic sets without labels, Cholec80 among them",
            modalities=("laparoscopy", "robotic", "colonoscopy", "gastroscopy", "unknown"),
            seeds_row="C2",
        ),
        HOW,
        768,
    )
    return (
        Entry(
            card,
            HOW,
            build,
            convert=convert,
            within=("model",),
            files=(hub_file(REPOSITORY, "pytorch_model.bin"),),
            page=f"https://huggingface.co/{REPOSITORY}",
            checked="ViT-B/16 of timm: all keys, equal features; the published file was not seen",
        ),
    )
