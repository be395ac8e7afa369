"""The image encoder of Segment Anything, windowed attention with relative positions.

LVM-Med publishes its ViT-B in this layout (Kirillov et al., 2023; Nguyen et al., 2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from videoengine.models.backbones.backbone import Encoded
from videoengine.models.backbones.networks.vision_transformer import PatchEmbed


@dataclass(frozen=True, slots=True)
class SamShape:
    """The sizes of the encoder."""

    dim: int = 768
    depth: int = 12
    heads: int = 12
    grid: int = 64
    """Patches along a side in training (1024 pixels)."""
    window: int = 14
    whole: tuple[int, ...] = (2, 5, 8, 11)
    """Layers that attend over the whole picture."""
    channels_out: int = 256
    absolute: bool = False
    """Whether there is a table of absolute positions; LVM-Med has none, SAM has."""


class RelativeAttention(nn.Module):
    """Attention on a grid; a learned term for the distance down and along is added."""

    def __init__(self, shape: SamShape, side: int) -> None:
        """Take the sizes and the side of the grid that the tables are for."""
        super().__init__()
        self.heads = shape.heads
        self.qkv = nn.Linear(shape.dim, 3 * shape.dim)
        self.proj = nn.Linear(shape.dim, shape.dim)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * side - 1, shape.dim // shape.heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * side - 1, shape.dim // shape.heads))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, h, w, D) of (B, h, w, D)."""
        batch, height, width, dim = x.shape
        qkv = self.qkv(x).view(batch, height * width, 3, self.heads, dim // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        grid = q.view(batch, self.heads, height, width, dim // self.heads)
        down = torch.einsum("bnhwc,hkc->bnhwk", grid, _distances(self.rel_pos_h, height))
        along = torch.einsum("bnhwc,wkc->bnhwk", grid, _distances(self.rel_pos_w, width))
        bias = (down[..., :, None] + along[..., None, :]).flatten(4).flatten(2, 3)
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        y: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, height, width, dim))
        return y


def _distances(table: Tensor, side: int) -> Tensor:
    """Return (side, side, c): the row of the table for each distance, interpolated if need be."""
    wanted = 2 * side - 1
    if len(table) != wanted:
        table = functional.interpolate(table.T[None], wanted, mode="linear")[0].T
    places = torch.arange(side, device=table.device)
    return table[places[:, None] - places[None, :] + side - 1]


class Mlp(nn.Module):
    """Two linear layers around an exact GELU, under SAM's keys."""

    def __init__(self, dim: int) -> None:
        """Take the width."""
        super().__init__()
        self.lin1 = nn.Linear(dim, 4 * dim)
        self.lin2 = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return (…, D) of (…, D)."""
        y: Tensor = self.lin2(functional.gelu(self.lin1(x)))
        return y


class Block(nn.Module):
    """Attention within windows, or over the whole picture, then an MLP."""

    def __init__(self, shape: SamShape, *, whole: bool) -> None:
        """Take the sizes and whether it attends over everything."""
        super().__init__()
        self.window = 0 if whole else shape.window
        self.norm1 = nn.LayerNorm(shape.dim, 1e-6)
        self.attn = RelativeAttention(shape, shape.grid if whole else shape.window)
        self.norm2 = nn.LayerNorm(shape.dim, 1e-6)
        self.mlp = Mlp(shape.dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, h, w, D) of (B, h, w, D)."""
        y = self.norm1(x)
        y = self.attn(y) if not self.window else self._windowed(y)
        x = x + y
        out: Tensor = x + self.mlp(self.norm2(x))
        return out

    def _windowed(self, x: Tensor) -> Tensor:
        """Attend within windows; the picture is padded with zeros to whole ones."""
        batch, height, width, dim = x.shape
        side = self.window
        below, right = -height % side, -width % side
        padded = functional.pad(x, (0, 0, 0, right, 0, below))
        rows, columns = padded.shape[1] // side, padded.shape[2] // side
        cut = padded.view(batch, rows, side, columns, side, dim).transpose(2, 3)
        seen = self.attn(cut.reshape(-1, side, side, dim))
        back = seen.view(batch, rows, columns, side, side, dim).transpose(2, 3)
        joined: Tensor = back.reshape(padded.shape)
        return joined[:, :height, :width]


class ChannelNorm(nn.Module):
    """Norm over the channels of (B, C, h, w)."""

    def __init__(self, channels: int) -> None:
        """Take the channels."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, h, w)."""
        last = x.permute(0, 2, 3, 1)
        y = functional.layer_norm(last, last.shape[-1:], self.weight, self.bias, 1e-6)
        return y.permute(0, 3, 1, 2)


class SamEncoder(nn.Module):
    """The transformer, and the neck that narrows it to 256 channels."""

    def __init__(self, shape: SamShape) -> None:
        """Take the sizes."""
        super().__init__()
        self.patch_embed = PatchEmbed(shape.dim, 16)
        if shape.absolute:
            self.pos_embed = nn.Parameter(torch.zeros(1, shape.grid, shape.grid, shape.dim))
        self.absolute = shape.absolute
        self.blocks = nn.ModuleList(
            Block(shape, whole=index in shape.whole) for index in range(shape.depth)
        )
        out = shape.channels_out
        self.neck = nn.Sequential(
            nn.Conv2d(shape.dim, out, 1, bias=False),
            ChannelNorm(out),
            nn.Conv2d(out, out, 3, padding=1, bias=False),
            ChannelNorm(out),
        )

    def forward(self, pixels: Tensor) -> Encoded:
        """Return the mean over the last map (B, 256) and the map (B, h, w, 256)."""
        x = self.patch_embed(pixels).permute(0, 2, 3, 1)
        if self.absolute:
            x = x + self.pos_embed
        for block in self.blocks:
            x = block(x)
        seen = self.neck(x.permute(0, 3, 1, 2))
        return Encoded(seen.mean((2, 3)), seen.permute(0, 2, 3, 1))
