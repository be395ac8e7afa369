"""SigLIP and MedSigLIP, through the stock class of transformers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from videoengine.cards import ModelCard
from videoengine.errors import ModelError
from videoengine.models.backbones.hub import hub_file
from videoengine.models.backbones.preprocessing import HALF, Preprocessing
from videoengine.models.backbones.registry import Entry, published, register

if TYPE_CHECKING:
    from torch import nn

    from videoengine.models.backbones.backbone import TextEncoder
    from videoengine.models.backbones.checkpoint import Tensors

TOKENIZER: Final = "tokenizer.json"
BASE: Final[dict[str, Any]] = {}
"""The stock configuration is that of SigLIP-base."""
SO400M: Final[dict[str, Any]] = {
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
}


def build(name: str, tower: dict[str, Any], size: int, patch: int) -> nn.Module:
    """Build both towers."""
    from videoengine.models.backbones.networks.stock import SiglipNetwork, stock

    vision = {**tower, "image_size": size, "patch_size": patch}
    ends = {"bos_token_id": 1, "eos_token_id": 1}  # inside the vocabulary; nothing reads them
    sizes = {"text_config": {**tower, **ends}, "vision_config": vision}
    model = stock(name, "SiglipModel", "SiglipConfig", sizes)
    return SiglipNetwork(model)


def convert(tensors: Tensors) -> Tensors:
    """Leave out the position tables of older transformers."""
    from videoengine.models.backbones.keys import renamed, without

    kept = without(tensors, r"(text|vision)_model\.embeddings\.position_ids$")
    return renamed(kept, [(r"^", "model.")])


def text_side(network: nn.Module, others: Mapping[str, Path], device: str) -> TextEncoder:
    """Make the text side from `tokenizer.json`, or one that refuses."""
    from videoengine.models.backbones.networks.stock import SiglipNetwork, SiglipText

    if not isinstance(network, SiglipNetwork):
        raise TypeError("the text side belongs to SiglipNetwork")
    if TOKENIZER in others:
        return SiglipText(network, others[TOKENIZER], device)

    def refuse(texts: object) -> Any:
        raise ModelError(
            "SigLIP has no tokenizer for texts",
            remedy=f"Put {TOKENIZER} of the model's repository beside the weights.",
        )

    return refuse


def _entry(
    repository: str, tower: dict[str, Any], patch: int, how: Preprocessing, about: ModelCard
) -> Entry:
    """Return an entry; `about` says what its name and sizes do not."""
    name, dim = repository.partition("/")[2], tower.get("hidden_size", 768)
    card = dataclasses.replace(about, id=name, weights=repository)
    return Entry(
        published(card, how, dim, texts=True),
        how,
        partial(build, name, tower, how.size[0], patch),
        convert=convert,
        files=(hub_file(repository, "model.safetensors"), hub_file(repository, TOKENIZER)),
        page=f"https://huggingface.co/{repository}",
        text=text_side,
        stock=True,
        needs=(("transformers", "hub"),),
        checked="stock class of transformers at a tiny size: all keys",
    )


@register
def siglip() -> tuple[Entry, ...]:
    """Two SigLIPs, and MedSigLIP behind its agreement."""
    plain = ModelCard("", "siglip", 1, trained_on="WebLI pictures with texts; nothing surgical")
    medical = ModelCard(
        "",
        "siglip",
        1,
        licence="Health AI Developer Foundations terms",
        gated=True,
        trained_on="medical pictures with texts: radiology, skin, eye, tissue slides",
        seeds_row="S057",
    )
    base, large = (
        Preprocessing((size, size), interpolation="bicubic", mean=HALF, std=HALF)
        for size in (224, 384)
    )
    whole = Preprocessing((448, 448), mean=HALF, std=HALF)
    return (
        _entry("google/siglip-base-patch16-224", BASE, 16, base, plain),
        _entry("google/siglip-so400m-patch14-384", SO400M, 14, large, plain),
        _entry("google/medsiglip-448", SO400M, 14, whole, medical),
    )
