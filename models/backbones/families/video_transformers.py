"""V-JEPA 2 and VideoMAE, through the stock classes of transformers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from videoengine.models.backbones.hub import hub_file
from videoengine.models.backbones.preprocessing import Preprocessing
from videoengine.models.backbones.registry import Entry, published, register

if TYPE_CHECKING:
    from torch import nn

    from videoengine.models.backbones.checkpoint import Tensors

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

    model = stock(name, *classes, **extra)
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


def _entry(repository: str, family: str, how: Preprocessing, dim: int, **rest: Any) -> Entry:
    name = repository.partition("/")[2]
    licence, seeds_row = rest.pop("licence"), rest.pop("seeds_row")
    card = published(
        name,
        family,
        how,
        licence=licence,
        dim=dim,
        weights=repository,
        trained_on=rest.pop("trained_on"),
        seeds_row=seeds_row,
    )
    classes, extra = rest.pop("classes"), rest.pop("extra")
    size = (how.crop or how.size)[0]
    return Entry(
        card,
        how,
        partial(build, name, classes, size, extra),
        files=(hub_file(repository, "model.safetensors"),),
        page=f"https://huggingface.co/{repository}",
        stock=True,
        needs=(("transformers", "hub"),),
        checked="stock class of transformers at a tiny size: all keys",
        **rest,
    )


@register
def videomae() -> tuple[Entry, ...]:
    """The pre-trained ones: clips of 16 frames."""
    how = Preprocessing((224, 224), "short_side", (224, 224), frames=16)
    return tuple(
        _entry(
            f"MCG-NJU/videomae-{size}",
            "videomae",
            how,
            extra.get("hidden_size", 768),
            classes=("VideoMAEModel", "VideoMAEConfig"),
            extra={**extra, "use_mean_pooling": False},
            convert=convert_videomae,
            licence="CC-BY-NC-4.0",
            trained_on="Kinetics-400 clips without labels; nothing surgical",
            seeds_row="S019",
        )
        for size, extra in VIDEOMAE.items()
    )


@register
def vjepa2() -> tuple[Entry, ...]:
    """Clips of 64 frames at 256 pixels."""
    how = Preprocessing((292, 292), "short_side", (256, 256), frames=64)
    return tuple(
        _entry(
            f"facebook/vjepa2-{size}",
            "vjepa2",
            how,
            extra.get("hidden_size", 1024),
            classes=("VJEPA2Model", "VJEPA2Config"),
            extra=extra,
            convert=convert_vjepa,
            licence="MIT",
            trained_on="VideoMix22M, a million hours of video without labels; nothing surgical",
            seeds_row="S019",
        )
        for size, extra in VJEPA.items()
    )
