"""The bundled recogniser: one small network, many questions, after EndoNet (Twinanda et al. 2017).

A residual trunk gives maps at strides 4, 8, 16 and 32; a light decoder brings them back to stride
4, where instruments are segmented and found by their centers (CenterNet: Zhou et al. 2019), each
with the verb and target of what it does; pooled features say what lies in the picture as a whole.
It is written for two CPU cores: plain convolutions, no more than half a gigaflop for 256 x 208.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from videoengine.models.backbones.backbone import Encoded
from videoengine.models.workflow.terms import PROCEDURES, STATES, outputs

STRIDE: Final = 4
"""Of the maps that the heads write."""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Sizes of the network; what it speaks of is in its vocabularies."""

    instruments: int
    verbs: int
    targets: int
    widths: tuple[int, int, int, int] = (32, 64, 128, 192)
    depths: tuple[int, int, int, int] = (1, 2, 2, 1)
    decoder: int = 48
    states: int = len(STATES)
    """Whole-picture answers."""
    procedures: int = len(PROCEDURES)

    @property
    def features(self) -> int:
        """Length of the pooled features."""
        return self.widths[2] + self.widths[3]


@dataclass(slots=True)
class Answers:
    """What the network says of B pictures (H, W); h, w = H/4, W/4. All are logits but `sides`."""

    features: Tensor
    """(B, D), for the temporal models."""
    mask: Tensor
    """(B, 1 + instruments, h, w); channel 0 is tissue."""
    center: Tensor
    """(B, instruments, h, w)."""
    sides: Tensor
    """(B, 4, h, w): distances to left, top, right and bottom in pixels of the map."""
    verb: Tensor
    """(B, verbs, h, w)."""
    target: Tensor
    """(B, targets, h, w)."""
    presence: Tensor
    """(B, instruments)."""
    states: Tensor
    """(B, states)."""
    procedure: Tensor
    """(B, procedures)."""

    def map(self, change: Callable[[Tensor], Tensor]) -> Answers:
        """Return the same answers, each changed."""
        return Answers(*(change(getattr(self, field.name)) for field in fields(self)))


def _convolution(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Block(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        """Make the layers; the way around is the identity where shapes allow it."""
        super().__init__()
        self.first = _convolution(inputs, outputs, 3, stride)
        self.second = nn.Sequential(
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        )
        same = inputs == outputs and stride == 1
        self.around = (
            nn.Identity()
            if same
            else nn.Sequential(
                nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity(),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, outputs, h, w)."""
        return functional.relu(self.second(self.first(x)) + self.around(x))


class Trunk(nn.Module):
    """Maps at strides 4, 8, 16 and 32."""

    def __init__(self, widths: tuple[int, ...], depths: tuple[int, ...]) -> None:
        """Make a stem of stride 4 and one stage per width."""
        super().__init__()
        self.stem = nn.Sequential(
            _convolution(3, widths[0] // 2, 3, 2), _convolution(widths[0] // 2, widths[0], 3, 2)
        )
        stages: list[nn.Module] = []
        inputs = widths[0]
        for number, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            blocks = [Block(inputs, width, 2 if number else 1)]
            blocks += [Block(width, width, 1) for _ in range(depth - 1)]
            stages.append(nn.Sequential(*blocks))
            inputs = width
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps, the finest first."""
        maps: list[Tensor] = []
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def pooled_features(maps: list[Tensor]) -> Tensor:
    """Return the means (B, D) of the two coarsest maps, side by side."""
    return torch.cat([maps[2].mean((2, 3)), maps[3].mean((2, 3))], dim=1)


class TrunkBackbone(nn.Module):
    """The trunk alone, as a backbone of `models/backbones`; its patches have stride 16."""

    def __init__(self) -> None:
        """Make an untrained trunk of the usual size."""
        super().__init__()
        config = NetworkConfig(*outputs())
        self.trunk = Trunk(config.widths, config.depths)

    def forward(self, pixels: Tensor) -> Encoded:
        """Return features of pictures (B, 3, H, W) that `Preprocessing` made ready."""
        maps = self.trunk(pixels)
        return Encoded(pooled_features(maps), maps[2].permute(0, 2, 3, 1))


class FrameNetwork(nn.Module):
    """Answers of one picture."""

    def __init__(self, config: NetworkConfig) -> None:
        """Make an untrained network."""
        super().__init__()
        self.config = config
        self.trunk = Trunk(config.widths, config.depths)
        width = config.decoder
        self.lateral = nn.ModuleList(nn.Conv2d(w, width, 1) for w in config.widths)
        self.smooth = _convolution(width, width)
        self.dense = _convolution(width, width)
        self.mask = nn.Conv2d(width, 1 + config.instruments, 1)
        self.center = nn.Conv2d(width, config.instruments, 1)
        self.sides = nn.Conv2d(width, 4, 1)
        # a verb and a target are read off the neighborhood of a tip, not off a pixel
        self.doing = _convolution(width, width, 5)
        self.verb = nn.Conv2d(width, config.verbs, 1)
        self.target = nn.Conv2d(width, config.targets, 1)
        self.presence = nn.Linear(config.features + 2 * config.instruments, config.instruments)
        self.states = nn.Linear(config.features, config.states)
        self.procedure = nn.Linear(config.features, config.procedures)
        self.center.bias = nn.Parameter(torch.full((config.instruments,), -4.0))  # centers are rare

    def forward(self, pictures: Tensor) -> Answers:
        """Return the answers for pictures (B, 3, H, W), RGB in 0…1."""
        maps = self.trunk((pictures - 0.4) * 4.0)
        x = self.lateral[3](maps[3])
        for level in (2, 1, 0):
            x = functional.interpolate(x, size=maps[level].shape[-2:], mode="nearest")
            x = x + self.lateral[level](maps[level])
        x = self.smooth(x)
        dense, doing = self.dense(x), self.doing(x)
        mask, center = self.mask(dense), self.center(dense)
        pooled = pooled_features(maps)
        strongest = torch.cat([mask[:, 1:] - mask[:, :1], center], dim=1).flatten(2).amax(dim=2)
        return Answers(
            features=pooled,
            mask=mask,
            center=center,
            sides=functional.softplus(self.sides(dense)) * 8.0,
            verb=self.verb(doing),
            target=self.target(doing),
            presence=self.presence(torch.cat([pooled, strongest.clamp(-8.0, 8.0)], dim=1)),
            states=self.states(pooled),
            procedure=self.procedure(pooled),
        )
