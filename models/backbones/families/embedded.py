"""The trunk of the bundled recogniser as a backbone like any other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from videoengine.cards import ModelCard
from videoengine.models.backbones.preprocessing import Preprocessing
from videoengine.models.backbones.registry import Entry, published, register

if TYPE_CHECKING:
    from torch import nn

    from videoengine.models.backbones.checkpoint import Tensors

FILE: Final = Path(__file__).parents[2] / "workflow" / "weights" / "embedded.safetensors"
HOW: Final = Preprocessing((256, 144), mean=(0.4, 0.4, 0.4), std=(0.25, 0.25, 0.25))


def build() -> nn.Module:
    """Build the trunk; its two coarsest maps are pooled into the features."""
    from videoengine.models.workflow.network import TrunkBackbone

    return TrunkBackbone()


def convert(tensors: Tensors) -> Tensors:
    """Take the trunk; the heads (`frame.…`) and the phases of each procedure are left out."""
    import torch

    start = "frame.trunk."
    kept = {k.removeprefix("frame."): v for k, v in tensors.items() if k.startswith(start)}
    counters = {
        f"{key.removesuffix('running_mean')}num_batches_tracked": torch.zeros((), dtype=torch.int64)
        for key in kept
        if key.endswith("running_mean")
    }
    return {**kept, **counters}


@register
def embedded() -> tuple[Entry, ...]:
    """The network that ships with videoengine."""
    card = published(
        ModelCard(
            "embedded",
            "embedded",
            1,
            trained_on="simulated procedures only (videoengine's own simulator); no real patient",
            modalities=("laparoscopy", "colonoscopy", "unknown"),
        ),
        HOW,
        320,
    )
    return (
        Entry(
            card,
            HOW,
            build,
            convert=convert,
            bundled=FILE if FILE.exists() else None,
            page="this package: make train-bundled",
            checked="the bundled file itself",
        ),
    )
