"""How a published model wants its pictures, as data; `pixels.py` applies it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from videoengine.canonical import dumps
from videoengine.errors import UsageError

Triple = tuple[float, float, float]
Interpolation = Literal["bilinear", "bicubic"]
Resize = Literal["stretch", "short_side", "none"]
ChannelOrder = Literal["rgb", "bgr"]

IMAGENET_MEAN: Final[Triple] = (0.485, 0.456, 0.406)
IMAGENET_STD: Final[Triple] = (0.229, 0.224, 0.225)
CLIP_MEAN: Final[Triple] = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD: Final[Triple] = (0.26862954, 0.26130258, 0.27577711)
HALF: Final[Triple] = (0.5, 0.5, 0.5)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """From uint8 RGB of any size to what the network was trained on."""

    size: tuple[int, int]
    """(width, height) after the resize; for `short_side` both are the length of the short side."""
    resize: Resize = "stretch"
    """`stretch` ignores the aspect ratio, `short_side` keeps it, `none` keeps the size."""
    crop: tuple[int, int] | None = None
    """(width, height) cut out of the middle after the resize."""
    interpolation: Interpolation = "bilinear"
    """Always antialiased, as Pillow does it."""
    mean: Triple = IMAGENET_MEAN
    """Subtracted from values in 0…1, in the network's channel order."""
    std: Triple = IMAGENET_STD
    channel_order: ChannelOrder = "rgb"
    """Order of the network's three channels; frames are handed over as RGB always."""
    frames: int = 1
    """Frames of a clip; 1 for networks that see single pictures."""

    def __post_init__(self) -> None:
        """Refuse what no picture can be made into."""
        if self.channel_order not in ("rgb", "bgr"):
            raise UsageError(
                "Unknown channel order", got=repr(self.channel_order), allowed="'rgb', 'bgr'"
            )
        sides = (*self.size, *(self.crop or (1, 1)), self.frames)
        if min(sides) < 1:
            raise UsageError("Sizes of a preprocessing must be positive", got=sides, allowed="> 0")
        if min(self.std) <= 0:
            raise UsageError("std must be positive", got=self.std, allowed="> 0")

    @property
    def input_size(self) -> tuple[int, int] | None:
        """(width, height) that reaches the network, or None when it follows the frame."""
        if self.crop is not None:
            return self.crop
        return self.size if self.resize == "stretch" else None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)

    def text(self) -> str:
        """Return the canonical JSON that stands in a ModelCard, and so in `model_hash`."""
        return dumps(self.to_json())
