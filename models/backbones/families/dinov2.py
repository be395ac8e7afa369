"""DINOv2, with and without registers, and what was trained further from it: RAD-DINO."""

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

HOW: Final = Preprocessing((256, 256), "short_side", (224, 224), "bicubic")
RAD_MEAN: Final = (0.5307, 0.5307, 0.5307)
RAD_STD: Final = (0.2583, 0.2583, 0.2583)
SIZES: Final = {
    "small": (384, 12, 6, None),
    "base": (768, 12, 12, None),
    "large": (1024, 24, 16, None),
    "giant": (1536, 40, 24, 4096),
}
"""Width, layers, heads, and the hidden width of a gated MLP."""
GRID: Final = 37
"""Patches along a side of 518 pixels: what the positions are published for."""


def build(size: str, registers: int) -> nn.Module:
    """Build a DINOv2 transformer, patches of 14 pixels."""
    from videoengine.models.backbones.networks.vision_transformer import (
        VisionShape,
        VisionTransformer,
    )

    dim, depth, heads, swiglu = SIZES[size]
    return VisionTransformer(
        VisionShape(
            dim,
            depth,
            heads,
            patch=14,
            grid=GRID,
            registers=registers,
            layer_scale=True,
            mask_token=True,
            swiglu=swiglu,
        )
    )


def convert(tensors: Tensors) -> Tensors:
    """Take the hub's layout (of transformers 4 and 5) or that of the original release."""
    from videoengine.models.backbones.keys import joined, renamed

    parts = renamed(
        tensors,
        [
            (r"^(dinov2\.)?embeddings\.position_embeddings$", "pos_embed"),
            (r"^(dinov2\.)?embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
            (r"^(dinov2\.)?embeddings\.", ""),
            (r"^(dinov2\.)?layernorm\.", "norm."),
            (r"^(dinov2\.)?encoder\.layer\.", "blocks."),
        ],
    )
    for old, new in (
        (r"\.attention\.attention\.(query|key|value)\.", r".attn.\1."),
        (r"\.attention\.([qkv])_proj\.", r".attn.\1_proj."),
        (r"\.attention\.(output\.dense|o_proj)\.", ".attn.proj."),
        (r"\.layer_scale(\d)\.lambda1$", r".ls\1.gamma"),
        (r"\.mlp\.weights_in\.", ".mlp.w12."),
        (r"\.mlp\.(weights_out|down_proj)\.", ".mlp.w3."),
    ):
        parts = renamed(parts, [(old, new)])
    parts = joined(parts, (".attn.query.", ".attn.key.", ".attn.value."), ".attn.qkv.")
    parts = joined(parts, (".attn.q_proj.", ".attn.k_proj.", ".attn.v_proj."), ".attn.qkv.")
    return joined(parts, (".mlp.gate_proj.", ".mlp.up_proj."), ".mlp.w12.")


def _entry(size: str, registers: int) -> Entry:
    repository = f"facebook/dinov2-{'with-registers-' if registers else ''}{size}"
    card = published(
        ModelCard(
            repository.removeprefix("facebook/"),
            "dinov2",
            1,
            licence="Apache-2.0",
            weights=repository,
            trained_on="LVD-142M photographs without labels; nothing surgical",
            seeds_row="S012",
        ),
        HOW,
        SIZES[size][0],
    )
    return Entry(
        card,
        HOW,
        partial(build, size, registers),
        convert=convert,
        files=(hub_file(repository, "model.safetensors"),),
        page=f"https://huggingface.co/{repository}",
        checked="stock class of transformers at a tiny size: all keys, equal features",
    )


@register
def dinov2() -> tuple[Entry, ...]:
    """Four sizes, with registers and without."""
    return tuple(_entry(size, registers) for registers in (0, 4) for size in SIZES)


@register
def rad_dino() -> tuple[Entry, ...]:
    """DINOv2-base trained further on chest radiographs."""
    how = Preprocessing((518, 518), "short_side", (518, 518), "bicubic", RAD_MEAN, RAD_STD)
    repository = "microsoft/rad-dino"
    card = published(
        ModelCard(
            "rad-dino",
            "rad-dino",
            1,
            licence="MSRLA (see the repository)",
            weights=repository,
            trained_on="chest radiographs without labels; nothing surgical",
            seeds_row="S046",
        ),
        how,
        768,
    )
    return (
        Entry(
            card,
            how,
            partial(build, "base", 0),
            convert=convert,
            files=(hub_file(repository, "model.safetensors"),),
            page=f"https://huggingface.co/{repository}",
            checked="same layout as dinov2-base",
        ),
    )
