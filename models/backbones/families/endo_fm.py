"""Endo-FM: a clip transformer trained on endoscopic video without labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from videoengine.cards import ModelCard
from videoengine.models.backbones.preprocessing import Preprocessing
from videoengine.models.backbones.registry import Entry, published, register

if TYPE_CHECKING:
    from torch import nn

    from videoengine.models.backbones.checkpoint import Tensors

HOW: Final = Preprocessing((224, 224), mean=(0.45, 0.45, 0.45), std=(0.225, 0.225, 0.225), frames=8)


def build() -> nn.Module:
    """Build the clip transformer, ViT-B/16 over 8 frames."""
    from videoengine.models.backbones.networks.timesformer import TimeSformer
    from videoengine.models.backbones.networks.vision_transformer import VisionShape

    return TimeSformer(VisionShape(), frames=8)


def convert(tensors: Tensors) -> Tensors:
    """Take the backbone; the head of self-distillation (`head.`) is left out."""
    from videoengine.models.backbones.keys import renamed, without

    kept = without(tensors, r"(module\.)?head\.", r"(module\.)?backbone\.head\.")
    return renamed(kept, [(r"^(module\.)?backbone\.", "")])


@register
def endo_fm() -> tuple[Entry, ...]:
    """The published teacher."""
    card = published(
        ModelCard(
            "endo-fm",
            "endo-fm",
            1,
            licence="Apache-2.0 (repository)",
            trained_on="33 thousand clips of public sets and Baoshan hospital, without labels",
            modalities=("colonoscopy", "gastroscopy", "laparoscopy", "robotic", "unknown"),
            seeds_row="D4",
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
            within=("teacher", "backbone_state_dict"),
            page="https://github.com/med-air/Endo-FM",
            checked="manifest endo_fm_teacher_backbone (247 keys), built from the publisher's code",
        ),
    )
