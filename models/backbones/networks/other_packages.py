"""Networks of timm, torchvision, pytorchvideo and mmaction2 behind our `Encoded`."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from videoengine.models.backbones.backbone import Encoded


class TimmNetwork(nn.Module):
    """A model of timm without its classifier."""

    def __init__(self, model: nn.Module) -> None:
        """Take a model made with `num_classes=0`."""
        super().__init__()
        self.model: Any = model

    def forward(self, pixels: Tensor) -> Encoded:
        """Return what comes before the classifier (B, D), and the grid (B, h, w, D) if any."""
        seen = self.model.forward_features(pixels)
        pooled = self.model.forward_head(seen, pre_logits=True)
        return Encoded(pooled, self._grid(seen, pixels))

    def _grid(self, seen: Tensor, pixels: Tensor) -> Tensor | None:
        if seen.ndim == 4:
            last = seen.shape[-1] == self.model.num_features != seen.shape[1]
            return seen if last else seen.permute(0, 2, 3, 1)
        patches = getattr(self.model, "patch_embed", None)
        if seen.ndim != 3 or patches is None:
            return None
        height, width = (
            side // part for side, part in zip(pixels.shape[2:], patches.patch_size, strict=True)
        )
        first = seen.shape[1] - height * width
        return seen[:, first:].reshape(len(seen), height, width, -1) if first >= 0 else None


class HeadlessNetwork(nn.Module):
    """A network whose last layer was taken out: it gives (B, D), or a map that is averaged."""

    def __init__(self, model: nn.Module) -> None:
        """Take the network without its classifier."""
        super().__init__()
        self.model: Any = model

    def forward(self, pixels: Tensor) -> Encoded:
        """Return (B, D); of a map (B, D, …) the mean over what comes after the channels."""
        seen = self.model(pixels)
        return Encoded(seen if seen.ndim == 2 else seen.flatten(2).mean(2))


def without_classifier(model: nn.Module) -> int:
    """Replace the last linear layer of a network by nothing, in place; return its width.

    Args:
        model: Ends in a linear layer `fc`, `classifier`, `head`, `heads` or `proj`.

    Raises:
        TypeError: It does not.
    """
    linear = [(name, part) for name, part in model.named_modules() if isinstance(part, nn.Linear)]
    if not linear:
        raise TypeError(f"{type(model).__name__} has no linear layer")
    name, last = linear[-1]
    parent, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(parent), leaf, nn.Identity())
    return last.in_features
