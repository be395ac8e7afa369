"""TeCNO's two networks in their published sizes, with random weights: to be timed, never believed.

Czempiel et al., TeCNO: Surgical Phase Recognition with Multi-Stage Temporal Convolutional Networks,
MICCAI 2020: a ResNet-50 gives 2048 numbers a frame; a causal temporal convolution network of two
stages reads those of the whole video so far. Written from the paper and from the shapes of its
checkpoint (2 stages, 8 layers, 32 maps, 132,846 parameters).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from videoengine.models.backbones.networks.resnet import ResNet

PARAMETERS: Final = 132_846
"""Of the published temporal network."""
FEATURES: Final = 2048
MAPS: Final = 32
LAYERS: Final = 8
PHASES: Final = 7
SIDE: Final = 224
"""Pixels of the square picture that the ResNet sees."""
MEAN: Final = (0.3456, 0.2281, 0.2233)
"""Published, of red, green and blue in 0 to 1."""
DEVIATION: Final = (0.2528, 0.2135, 0.2104)


class Layer(nn.Module):
    """A dilated convolution that sees no future, and a way around it."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.past = 2 * dilation
        self.dilated = nn.Conv1d(MAPS, MAPS, 3, dilation=dilation)
        self.mix = nn.Conv1d(MAPS, MAPS, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, MAPS, T)."""
        mixed: Tensor = self.mix(functional.relu(self.dilated(functional.pad(x, (self.past, 0)))))
        return x + mixed


class Stage(nn.Module):
    """Eight layers, each seeing twice as far back as the one before."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.enter = nn.Conv1d(inputs, MAPS, 1)
        self.layers = nn.Sequential(*(Layer(2**number) for number in range(LAYERS)))
        self.leave = nn.Conv1d(MAPS, PHASES, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, PHASES, T)."""
        logits: Tensor = self.leave(self.layers(self.enter(x)))
        return logits


class TemporalNetwork(nn.Module):
    """The second stage refines what the first says."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Stage(FEATURES), Stage(PHASES)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (B, PHASES, T) of features (B, FEATURES, T)."""
        refined: Tensor = self.second(self.first(features).softmax(dim=1))
        return refined


def folded(network: nn.Module) -> nn.Module:
    """Fold every normalization into its convolution and lay memory out as ours has it."""
    for module in network.modules():
        layers = dict(module.named_children())
        for name, following in pairwise(layers):
            first, second = layers[name], layers[following]
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                setattr(module, name, fuse_conv_bn_eval(first, second))
                setattr(module, following, nn.Identity())
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def published() -> tuple[nn.Module, TemporalNetwork]:
    """Return both networks, untrained."""
    torch.manual_seed(0)
    temporal = TemporalNetwork().eval()
    count = sum(parameter.numel() for parameter in temporal.parameters())
    if count != PARAMETERS:
        raise RuntimeError(f"the temporal network must have {PARAMETERS} parameters, got {count}")
    return folded(ResNet(50).eval()), temporal
