"""The container of a splatted scene: tensors of one length, checked once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from videoengine.errors import UsageError

BASES: Final = (1, 4, 9, 16)
"""Spherical harmonics of degrees 0 to 3."""
FIELDS: Final = ("means", "quaternions", "log_scales", "logits", "harmonics")


@dataclass(frozen=True, slots=True)
class Gaussians:
    """N Gaussians as they are optimized; any values are valid but NaN, infinity and no rotation.

    All are of one dtype (float32 or float64) and on one device.
    """

    means: Tensor
    """(N, 3), world."""
    quaternions: Tensor
    """(N, 4), w first, of any length but 0."""
    log_scales: Tensor
    """(N, 3): logarithms of standard deviations along the axes."""
    logits: Tensor
    """(N,): of opacity, whose sigmoid it is."""
    harmonics: Tensor
    """(N, 1, 4, 9 or 16, 3): color is 1/2 + their sum in the direction of view, at least 0."""

    def __post_init__(self) -> None:
        """Refuse tensors that do not fit each other."""
        count = self.means.shape[0] if self.means.dim() else 0
        bases = self.harmonics.shape[1] if self.harmonics.dim() == 3 else 0
        if bases not in BASES:
            raise UsageError(
                "harmonics have the wrong shape",
                got=tuple(self.harmonics.shape),
                allowed=f"({count}, 1, 4, 9 or 16, 3)",
            )
        shapes = ((count, 3), (count, 4), (count, 3), (count,), (count, bases, 3))
        for name, shape in zip(FIELDS, shapes, strict=True):
            tensor: Tensor = getattr(self, name)
            if tuple(tensor.shape) != shape:
                raise UsageError(
                    f"{name} have the wrong shape", got=tuple(tensor.shape), allowed=shape
                )
            if tensor.dtype not in (torch.float32, torch.float64):
                raise UsageError(
                    f"{name} have the wrong dtype", got=tensor.dtype, allowed="float32, float64"
                )
            if tensor.dtype != self.means.dtype or tensor.device != self.means.device:
                raise UsageError(
                    f"{name} do not go with the means",
                    got=f"{tensor.dtype} on {tensor.device}",
                    allowed=f"{self.means.dtype} on {self.means.device}",
                )

    @classmethod
    def of(
        cls, means: Tensor, quaternions: Tensor, scales: Tensor, opacities: Tensor, colors: Tensor
    ) -> Gaussians:
        """Return Gaussians of degree 0 from what they look like.

        Args:
            means: (N, 3).
            quaternions: (N, 4).
            scales: (N, 3), standard deviations, above 0.
            opacities: (N,), above 0 and below 1.
            colors: (N, 3), 0 to 1.
        """
        if not bool((scales > 0).all()):
            raise UsageError("A scale is not positive", got=float(scales.min()), allowed="above 0")
        if not bool(((opacities > 0) & (opacities < 1)).all()):
            worst = opacities[(opacities <= 0) | (opacities >= 1)][0]
            raise UsageError(
                "An opacity is impossible", got=float(worst), allowed="between 0 and 1"
            )
        harmonics = ((colors - 0.5) / 0.28209479177387814)[:, None]
        return cls(means, quaternions, scales.log(), torch.logit(opacities), harmonics)

    @property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return the fields in the order of the rasterizer."""
        return (self.means, self.quaternions, self.log_scales, self.logits, self.harmonics)

    @property
    def degree(self) -> int:
        """Return the degree of the spherical harmonics, 0 to 3."""
        return BASES.index(self.harmonics.shape[1])

    def __len__(self) -> int:
        """Return the number of Gaussians."""
        return self.means.shape[0]

    def map(self, change: Callable[[Tensor], Tensor]) -> Gaussians:
        """Return the same Gaussians, each tensor changed."""
        return Gaussians(*(change(tensor) for tensor in self.tensors))
