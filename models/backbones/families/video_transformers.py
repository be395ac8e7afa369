"""V-JEPA 2 and VideoMAE, through the stock classes of transformers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from videoengine.cards import ModelCard
from videoengine.models.backbones.hub import hub_file
from videoengine.models.backbones.preprocessing import Preprocessing
from videoengine.models.backbones.registry import Entry, published, register

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from videoengine.models.backbones.checkpoint import Tensors

    Build = Callable[[], nn.Module]
    Convert = Callable[[Tensors], Tensors]

VIDEOMAE: Final[dict[str, dict[str, Any]]] = {
    "base": {},
    "large": {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
    },
}
VJEPA: Final[dict[str, dict[str, Any]]] = {
    "vitl-fpc64-256": {},
    "vith-fpc64-256": {"hidden_size": 1280, "num_hidden_layers": 32},
    "vitg-fpc64-256": {
        "hidden_size": 1408,
        "num_hidden_layers": 40,
        "num_attention_heads": 22,
        "mlp_ratio": 48 / 11,
    },
}
PATCH: Final = 16


def build(name: str, classes: tuple[str, str], size: int, extra: dict[str, Any]) -> nn.Module:
    """Build a video transformer from its configuration."""
    from videoengine.models.backbones.networks.stock import ClipOfTubes, stock

    model = stock(name, *classes, extra)
    arguments = {"skip_predictor": True} if classes[0].startswith("VJEPA") else {}
    return ClipOfTubes(model, grid=size // PATCH, arguments=arguments)


def convert_videomae(tensors: Tensors) -> Tensors:
    """Take the encoder; the decoder that painted hidden tubes goes."""
    from videoengine.models.backbones.keys import renamed, without

    kept = without(tensors, r"decoder\.", r"encoder_to_decoder\.", r"(videomae\.)?mask_token$")
    kept = without(kept, r"(videomae\.)?(embeddings\.)?position_embeddings$")
    kept = renamed(kept, [(r"\.q_bias$", ".query.bias"), (r"\.v_bias$", ".value.bias")])
    return renamed(kept, [(r"^(videomae\.)?", "model.")])


def convert_vjepa(tensors: Tensors) -> Tensors:
    """Take all: the predictor has its place in the stock class, though no feature comes from it."""
    from videoengine.models.backbones.keys import renamed

    return renamed(tensors, [(r"^", "model.")])


def _entry(card: ModelCard, how: Preprocessing, dim: int, build: Build, convert: Convert) -> Entry:
    repository = card.weights or ""
    return Entry(
        published(card, how, dim),
        how,
        build,
        convert=convert,
        files=(hub_file(repository, "model.safetensors"),),
        page=f"https://huggingface.co/{repository}",
        stock=True,
        needs=(("transformers", "hub"),),
        checked="stock class of transformers at a tiny size: all keys",
    )


@register
def videomae() -> tuple[Entry, ...]:
    """The pre-trained ones: clips of 16 frames."""
    how = Preprocessing((224, 224), "short_side", (224, 224), frames=16)
    classes = ("VideoMAEModel", "VideoMAEConfig")
    found: list[Entry] = []
    for size, extra in VIDEOMAE.items():
        card = ModelCard(
            f"videomae-{size}",
            "videomae",
            1,
            licence="CC-BY-NC-4.0",
            weights=f"MCG-NJU/videomae-{size}",
            trained_on="Kinetics-400 clips without labels; nothing surgical",
            seeds_row="S019",
        )
        sizes = {**extra, "use_mean_pooling": False}
        made = partial(build, card.id, classes, 224, sizes)
        found.append(_entry(card, how, extra.get("hidden_size", 768), made, convert_videomae))
    return tuple(found)


@register
def vjepa2() -> tuple[Entry, ...]:
    """Clips of 64 frames at 256 pixels."""
    how = Preprocessing((292, 292), "short_side", (256, 256), frames=64)
    classes = ("VJEPA2Model", "VJEPA2Config")
    found: list[Entry] = []
    for size, extra in VJEPA.items():
        card = ModelCard(
            f"vjepa2-{size}",
            "vjepa2",
            1,
            licence="MIT",
            weights=f"facebook/vjepa2-{size}",
            trained_on="VideoMix22M, a million hours of video without labels; nothing surgical",
            seeds_row="S019",
        )
        made = partial(build, card.id, classes, 256, extra)
        found.append(_entry(card, how, extra.get("hidden_size", 1024), made, convert_vjepa))
    return tuple(found)
