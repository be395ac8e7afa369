"""What every backbone can be asked, and the one class that answers over any network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from videoengine.cards import ModelCard
from videoengine.errors import ModelError, UsageError
from videoengine.models.backbones.pixels import check_frames, prepare

if TYPE_CHECKING:
    from videoengine.models.backbones.preprocessing import Preprocessing

MAX_BATCH: Final = 16
"""Pictures (or clips) that pass through a network at once."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """What a network makes of its input."""

    pooled: Tensor
    """(B, D): one vector a picture or clip."""
    patches: Tensor | None = None
    """(B, h, w, D) of a picture, (B, T, h, w, D) of a clip, or None: the network keeps no grid."""


class Backbone(Protocol):
    """Frozen features of pictures, clips and sentences. Frames are uint8, RGB, of any size."""

    @property
    def card(self) -> ModelCard:
        """What it is; `card.model_hash` changes with weights, preprocessing and adapter."""
        ...

    @property
    def preprocessing(self) -> Preprocessing:
        """What is done to frames before the network sees them."""
        ...

    def encode_image(self, frames: NDArray[np.uint8]) -> Tensor:
        """Return float32 (B, D) of frames (B, H, W, 3)."""
        ...

    def encode_clip(self, clips: NDArray[np.uint8]) -> Tensor:
        """Return float32 (B, D) of clips (B, T, H, W, 3)."""
        ...

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Return float32 (N, D) in the space of the pictures; not normalized."""
        ...

    def patch_grid(self, frames: NDArray[np.uint8]) -> Tensor:
        """Return float32 (B, h, w, D) of frames (B, H, W, 3)."""
        ...


class TextEncoder(Protocol):
    """The text side of an image-text model."""

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Return float32 (N, D)."""
        ...


@runtime_checkable
class PromptableText(Protocol):
    """A text side that takes learned vectors in the place of words, with gradients."""

    @property
    def logit_scale(self) -> float:
        """What a cosine of picture and text is multiplied by."""
        ...

    def context_of(self, words: str) -> Tensor:
        """Return the word vectors (C, width) of the C word-pieces of a few words."""
        ...

    def with_context(self, texts: Sequence[str], context: Tensor | None) -> Tensor:
        """Return (N, D) of texts whose first C word-pieces `context` (C, width) stands for."""
        ...


class NetworkBackbone:
    """A backbone over a network that returns `Encoded`."""

    def __init__(
        self,
        card: ModelCard,
        preprocessing: Preprocessing,
        network: nn.Module,
        *,
        text: TextEncoder | None = None,
        device: str = "cpu",
    ) -> None:
        """Take a network whose weights are loaded; it is set to inference for good."""
        self.card = card
        self.preprocessing = preprocessing
        self.network = network.eval().requires_grad_(False).to(device)
        self.device = device
        self._text = text

    @property
    def text_side(self) -> TextEncoder | None:
        """What encodes texts, or None; learned prompts go through it (`PromptableText`)."""
        return self._text

    @property
    def has_grid(self) -> bool:
        """Whether `patch_grid` has anything to give, found with a gray picture."""
        how = self.preprocessing
        if how.frames != 1:
            return False
        width, height = how.input_size or how.size
        gray = np.full((1, height, width, 3), 128, np.uint8)
        return self._pictures(gray)[0].patches is not None

    def encode_image(self, frames: NDArray[np.uint8]) -> Tensor:
        """Return float32 (B, D) of frames uint8 (B, H, W, 3).

        Raises:
            UsageError: Not frames, or the network sees only clips.
        """
        return torch.cat([part.pooled for part in self._pictures(frames)])

    def patch_grid(self, frames: NDArray[np.uint8]) -> Tensor:
        """Return float32 (B, h, w, D) of frames uint8 (B, H, W, 3).

        Raises:
            UsageError: Not frames, or the network has no grid of patches.
        """
        grids = [part.patches for part in self._pictures(frames)]
        if grids[0] is None:
            raise UsageError(f"{self.card.id} has no grid of patches", allowed="encode_image")
        return torch.cat([grid for grid in grids if grid is not None])

    def encode_clip(self, clips: NDArray[np.uint8]) -> Tensor:
        """Return float32 (B, D) of clips uint8 (B, T, H, W, 3).

        A network of single pictures gives the mean over the frames; one of clips wants exactly
        the number of frames it was trained on.

        Raises:
            UsageError: Not clips, or not of that many frames.
        """
        check_frames(clips, "B T H W 3")
        count, length = clips.shape[:2]
        wanted = self.preprocessing.frames
        flat = clips.reshape(count * length, *clips.shape[2:])
        if wanted == 1:
            return self.encode_image(flat).view(count, length, -1).mean(1)
        if length != wanted:
            raise UsageError(
                f"{self.card.id} takes clips of {wanted} frames", got=length, allowed=wanted
            )
        step = max(1, MAX_BATCH // wanted)
        pooled: list[Tensor] = []
        for start in range(0, count, step):
            part = flat[start * wanted : (start + step) * wanted]
            pixels = prepare(part, self.preprocessing, self.device)
            pixels = pixels.view(-1, wanted, *pixels.shape[1:]).transpose(1, 2)
            pooled.append(self._forward(pixels).pooled)
        return torch.cat(pooled)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Return float32 (N, D) in the space of the pictures; not normalized.

        Raises:
            UsageError: The model has no text side, or there is no text.
            ModelError: Its vocabulary is not here.
        """
        if self._text is None:
            raise UsageError(
                f"{self.card.id} has no text side", allowed="models whose outputs name text"
            )
        if not texts:
            raise UsageError("encode_text needs at least one text", got="none")
        with torch.no_grad():
            return self._text(texts).float()

    def _pictures(self, frames: NDArray[np.uint8]) -> list[Encoded]:
        if self.preprocessing.frames != 1:
            raise UsageError(
                f"{self.card.id} sees clips of {self.preprocessing.frames} frames",
                got="single frames",
                allowed="encode_clip",
            )
        check_frames(frames, "B H W 3")
        parts = (frames[start : start + MAX_BATCH] for start in range(0, len(frames), MAX_BATCH))
        return [self._forward(prepare(part, self.preprocessing, self.device)) for part in parts]

    def _forward(self, pixels: Tensor) -> Encoded:
        """Run the network on prepared pixels; a result that is not finite is an error."""
        with torch.no_grad():
            encoded: Any = self.network(pixels)
        if not isinstance(encoded, Encoded):
            raise TypeError(f"{type(self.network).__name__} must return Encoded")
        if not bool(torch.isfinite(encoded.pooled).all()):
            raise ModelError(
                f"{self.card.id} gives features that are not finite",
                remedy="Check the weights: videoengine models check " + self.card.id,
            )
        return encoded
