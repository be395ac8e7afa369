"""timm, torchvision, pytorchvideo and mmaction2: `prefix:NAME`, when the package imports.

Their weights come as a file: nothing is downloaded by these packages here, and no configuration
file of theirs is run.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from videoengine.cards import ModelCard
from videoengine.errors import UsageError, nearest
from videoengine.models.backbones.extras import require
from videoengine.models.backbones.preprocessing import Interpolation, Preprocessing
from videoengine.models.backbones.registry import Entry, published, register_maker

if TYPE_CHECKING:
    from torch import nn

    from videoengine.models.backbones.checkpoint import Tensors

    Convert = Callable[[Tensors], Tensors]

EXTRAS: Final = {
    "timm": "vision",
    "torchvision": "vision",
    "pytorchvideo": "legacy",
    "mmaction": "legacy",
}
"""Package to the extra that brings it."""
PICTURES: Final = Preprocessing((256, 256), "short_side", (224, 224))
CLIPS: Final = Preprocessing((256, 256), "short_side", (224, 224), frames=16)
FAIR: Final = Preprocessing(
    (256, 256),
    "short_side",
    (224, 224),
    mean=(0.45, 0.45, 0.45),
    std=(0.225, 0.225, 0.225),
    frames=16,
)
"""What pytorchvideo's recognisers were trained with."""
MMACTION: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "slowonly-r50": (
        "ResNet3dSlowOnly",
        {"depth": 50, "pretrained": None, "conv1_kernel": (1, 7, 7), "inflate": (0, 0, 1, 1)},
    ),
    "video-swin-tiny": (
        "SwinTransformer3D",
        {"arch": "tiny", "pretrained": None, "patch_norm": True, "window_size": (8, 7, 7)},
    ),
}
"""Backbones of mmaction2 by a name of ours: class and arguments of its published configuration."""


def _entry(
    name: str, how: Preprocessing, build: Callable[[], nn.Module], convert: Convert
) -> Entry:
    package = name.partition(":")[0]
    card = ModelCard(
        name,
        package,
        1,
        licence="of the weights that are given",
        trained_on="what the weights that are given were trained on",
    )
    return Entry(
        published(card, how, None),
        how,
        build,
        convert=convert,
        within=("state_dict", "model_state"),
        stock=True,
        needs=((package, EXTRAS[package]),),
        page=f"the zoo of {package}",
        checked="a network of the package itself",
    )


@register_maker("timm", "an image model of timm, by its name")
def timm(name: str) -> Entry:
    """A model of timm with the preprocessing that its pre-trained configuration states."""
    package = require("timm", EXTRAS["timm"], "A timm backbone")
    if not package.is_model(name):
        raise _no_such("timm", name, package.list_models())
    facts = package.get_pretrained_cfg(name)
    size = facts.input_size[1]
    edge = round(size / (facts.crop_pct or 1))
    way: Interpolation = "bicubic" if facts.interpolation == "bicubic" else "bilinear"
    mean, std = tuple(facts.mean), tuple(facts.std)
    how = Preprocessing((edge, edge), "short_side", (size, size), way, mean, std)

    def convert(tensors: Tensors) -> Tensors:
        from videoengine.models.backbones.keys import without

        return _inside(without(tensors, rf"{facts.classifier or 'head'}\.(weight|bias)$"))

    def build() -> nn.Module:
        from videoengine.models.backbones.networks.other_packages import TimmNetwork

        return TimmNetwork(package.create_model(name, pretrained=False, num_classes=0))

    return _entry(f"timm:{name}", how, build, convert)


@register_maker("torchvision", "a classifier of torchvision; `torchvision:video/NAME` of clips")
def torchvision(name: str) -> Entry:
    """A classifier of torchvision without its last layer."""
    package = require("torchvision", EXTRAS["torchvision"], "A torchvision backbone")
    video = name.startswith("video/")
    zoo = package.models.video if video else package.models
    wanted = name.removeprefix("video/")
    known = package.models.list_models(module=zoo)
    if wanted not in known:
        raise _no_such("torchvision", wanted, known)
    make: Callable[[], Any] = partial(getattr(zoo, wanted), weights=None)
    return _headless(f"torchvision:{name}", CLIPS if video else PICTURES, make)


@register_maker("pytorchvideo", "a recogniser of pytorchvideo's hub, by its function")
def pytorchvideo(name: str) -> Entry:
    """A recogniser of pytorchvideo without its last layer."""
    hub = require("pytorchvideo.models.hub", EXTRAS["pytorchvideo"], "A pytorchvideo backbone")
    make: Any = getattr(hub, name, None)
    if make is None or name.startswith("_"):
        raise _no_such("pytorchvideo", name, [row for row in dir(hub) if not row.startswith("_")])
    return _headless(f"pytorchvideo:{name}", FAIR, partial(make, pretrained=False))


@register_maker("mmaction", f"a backbone of mmaction2: {', '.join(MMACTION)}")
def mmaction(name: str) -> Entry:
    """The backbone of an mmaction2 recogniser; its head is left out."""
    if name not in MMACTION:
        raise _no_such("mmaction2", name, list(MMACTION))
    kind, arguments = MMACTION[name]

    def build() -> nn.Module:
        from videoengine.models.backbones.networks.mmaction import backbone

        return backbone(kind, arguments)

    def convert(tensors: Tensors) -> Tensors:
        from videoengine.models.backbones.keys import renamed, without

        kept = without(tensors, r"cls_head\.", r"data_preprocessor\.")
        return renamed(kept, [(r"^(backbone\.)?", "model.")])

    return _entry(f"mmaction:{name}", CLIPS, build, convert)


def _no_such(package: str, name: str, known: list[str]) -> UsageError:
    return UsageError(
        f"{package} has no such model",
        got=repr(name),
        allowed=f"one of its {len(known)}",
        remedy=nearest(name, known),
    )


def _inside(tensors: Tensors) -> Tensors:
    from videoengine.models.backbones.keys import renamed

    return renamed(tensors, [(r"^", "model.")])


def _headless(name: str, how: Preprocessing, make: Callable[[], nn.Module]) -> Entry:
    def build() -> nn.Module:
        from videoengine.models.backbones.networks.other_packages import (
            HeadlessNetwork,
            without_classifier,
        )

        model = make()
        without_classifier(model)
        return HeadlessNetwork(model)

    def convert(tensors: Tensors) -> Tensors:
        """Leave out the classifier's tensors, by name: the ones that `build` took out."""
        import torch

        with torch.device("meta"):
            classifier = make().state_dict().keys() - {
                key.removeprefix("model.") for key in build().state_dict()
            }
        return _inside({key: kept for key, kept in tensors.items() if key not in classifier})

    return _entry(name, how, build, convert)
