"""ResNet trunks: ImageNet's of torchvision, and the ones that surgical work trained further."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from videoengine.cards import ModelCard
from videoengine.models.backbones.hub import RemoteFile
from videoengine.models.backbones.preprocessing import Preprocessing, Triple
from videoengine.models.backbones.registry import Entry, published, register

if TYPE_CHECKING:
    from torch import nn

    from videoengine.models.backbones.checkpoint import Tensors

IMAGENET: Final = Preprocessing((256, 256), "short_side", (224, 224))
TECNO_MEAN: Final[Triple] = (0.3456, 0.2281, 0.2233)
TECNO_STD: Final[Triple] = (0.2528, 0.2135, 0.2104)
VISSL: Final = ("classy_state_dict", "base_model", "model", "trunk")
"""How VISSL wraps a trunk."""
SVNET_MEAN: Final[Triple] = (0.41757566, 0.26098573, 0.25888634)
SVNET_STD: Final[Triple] = (0.21938758, 0.1983, 0.19342837)


def resnet18() -> nn.Module:
    """Build ResNet-18."""
    from videoengine.models.backbones.networks.resnet import ResNet

    return ResNet(18)


def resnet50() -> nn.Module:
    """Build ResNet-50."""
    from videoengine.models.backbones.networks.resnet import ResNet

    return ResNet(50)


def _headless(tensors: Tensors) -> Tensors:
    """Leave the classifier out."""
    from videoengine.models.backbones.keys import without

    return without(tensors, r"fc\.(weight|bias)$")


def _tecno(tensors: Tensors) -> Tensors:
    from videoengine.models.backbones.keys import renamed, without

    kept = without(tensors, r"model\.fc_(phase|tool)\.(weight|bias)$")
    return renamed(kept, [(r"^model\.model\.", "")])


def _trans_svnet(tensors: Tensors) -> Tensors:
    from videoengine.models.backbones.keys import renamed, without

    return renamed(without(tensors, r"fc\.[02]\.(weight|bias)$"), [(r"^share\.", "")])


def _vissl(tensors: Tensors) -> Tensors:
    """Leave out the heads; the trunk of VISSL lies under `_feature_blocks`."""
    from videoengine.models.backbones.keys import renamed, without

    kept = without(tensors, r"heads\.", r"trunk\._feature_blocks\.fc\.")
    return renamed(kept, [(r"^(trunk\.)?_feature_blocks\.", "")])


def _imagenet(name: str, dim: int, digits: str) -> Entry:
    url = f"https://download.pytorch.org/models/{name}-{digits}.pth"
    card = published(
        ModelCard(
            name,
            "resnet",
            1,
            licence="BSD-3-Clause",
            weights=url,
            trained_on="ImageNet-1k photographs; nothing surgical",
        ),
        IMAGENET,
        dim,
    )
    return Entry(
        card,
        IMAGENET,
        resnet18 if name == "resnet18" else resnet50,
        convert=_headless,
        files=(RemoteFile(f"{name}.pth", url, sha256=digits),),
        page="https://download.pytorch.org/models",
        checked="torchvision's key layout: endodac_pose_encoder, afsfm_encoder manifests",
    )


def _surgical(name: str, how: Preprocessing, trained_on: str, page: str, seeds_row: str) -> Entry:
    convert = {"tecno-resnet50": _tecno, "trans-svnet-resnet50": _trans_svnet}.get(name, _vissl)
    card = published(
        ModelCard(
            name,
            "resnet",
            1,
            licence="see the publisher's page",
            trained_on=trained_on,
            procedures=("cholecystectomy",),
            modalities=("laparoscopy", "robotic"),
            seeds_row=seeds_row,
        ),
        how,
        2048,
    )
    inferred = name.startswith("selfsupsurg")
    return Entry(
        card,
        how,
        resnet50,
        convert=convert,
        within=VISSL if inferred else ("state_dict",),
        page=page,
        checked="VISSL's usual layout, inferred" if inferred else "manifest built from its code",
    )


@register
def resnet() -> tuple[Entry, ...]:
    """ImageNet ResNets; TeCNO, Trans-SVNet and SelfSupSurg trunks."""
    phases = "Cholec80 videos, phases and tools"
    return (
        _imagenet("resnet18", 512, "f37072fd"),
        _imagenet("resnet50", 2048, "0676ba61"),
        _surgical(
            "tecno-resnet50",
            Preprocessing((224, 224), mean=TECNO_MEAN, std=TECNO_STD),
            phases,
            "https://github.com/tobiascz/TeCNO",
            "S086",
        ),
        _surgical(
            "trans-svnet-resnet50",
            Preprocessing((250, 250), crop=(224, 224), mean=SVNET_MEAN, std=SVNET_STD),
            phases,
            "https://github.com/xjgaocs/Trans-SVNet",
            "S086",
        ),
        *(
            _surgical(
                f"selfsupsurg-{method}",
                Preprocessing((399, 224)),
                f"Cholec80 frames without labels, by {method}",
                "https://github.com/CAMMA-public/SelfSupSurg",
                "S086",
            )
            for method in ("moco_v2", "simclr", "swav", "dino")
        ),
    )
