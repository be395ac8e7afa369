"""ResNet-18, -34 and -50 without a classifier, under torchvision's keys (He et al., 2016)."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from videoengine.models.backbones.backbone import Encoded

DEPTHS: Final = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
BOTTLENECK: Final = 4
"""How much wider the end of a bottleneck is than its middle."""


class BasicBlock(nn.Module):
    """Two 3×3 convolutions around which the input is added."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        """Take the channels and the stride of the first convolution."""
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = _shortcut(channels_in, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, h / stride, w / stride)."""
        kept = x if self.downsample is None else self.downsample(x)
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + kept)


class Bottleneck(nn.Module):
    """1×1, 3×3, 1×1 convolutions; the stride is in the 3×3 one, as torchvision has it."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        """Take the channels of the middle and its stride."""
        super().__init__()
        wide = channels * BOTTLENECK
        self.conv1 = nn.Conv2d(channels_in, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, wide, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(wide)
        self.downsample = _shortcut(channels_in, wide, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, 4C, h / stride, w / stride)."""
        kept = x if self.downsample is None else self.downsample(x)
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return torch.relu(self.bn3(self.conv3(y)) + kept)


def _shortcut(channels_in: int, channels: int, stride: int) -> nn.Module | None:
    if stride == 1 and channels_in == channels:
        return None
    convolution = nn.Conv2d(channels_in, channels, 1, stride, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels))


class ResNet(nn.Module):
    """The trunk: a map at a 32nd of the resolution, and its mean."""

    def __init__(self, depth: int = 50, *, channels_in: int = 3) -> None:
        """Take the depth, 18, 34 or 50, and the channels of the input."""
        super().__init__()
        self.dim = 512 * (BOTTLENECK if depth == 50 else 1)
        self.conv1 = nn.Conv2d(channels_in, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        block = Bottleneck if depth == 50 else BasicBlock
        width = 64
        stages: list[nn.Module] = []
        for stage, count in enumerate(DEPTHS[depth]):
            blocks: list[nn.Module] = []
            for index in range(count):
                channels, stride = 64 << stage, 2 if stage and not index else 1
                blocks.append(block(width, channels, stride))
                width = channels * (BOTTLENECK if depth == 50 else 1)
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages

    def stages(self, pixels: Tensor) -> list[Tensor]:
        """Return the maps after the four stages, at 1/4, 1/8, 1/16 and 1/32 of the resolution."""
        x = self.maxpool(torch.relu(self.bn1(self.conv1(pixels))))
        maps: list[Tensor] = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            maps.append(x)
        return maps

    def forward(self, pixels: Tensor) -> Encoded:
        """Return the mean over the last map (B, D) and the map (B, h, w, D)."""
        last = self.stages(pixels)[-1]
        return Encoded(last.mean((2, 3)), last.permute(0, 2, 3, 1))
