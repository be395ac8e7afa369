"""Vision transformers with learned positions: ViT, MAE, DINOv2 (with registers), CLIP's pre-norm.

Keys are those of timm and of DINOv2's own release.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from videoengine.models.backbones.backbone import Encoded


@dataclass(frozen=True, slots=True)
class VisionShape:
    """The sizes of a vision transformer."""

    dim: int = 768
    depth: int = 12
    heads: int = 12
    patch: int = 16
    grid: int = 14
    """Patches along each side in training; other sizes interpolate the positions."""
    registers: int = 0
    layer_scale: bool = False
    mask_token: bool = False
    """The file holds the token that stood for hidden patches in training; it is kept, unused."""
    swiglu: int | None = None
    """Hidden width of a gated MLP; None is the usual one, four times as wide as `dim`."""
    eps: float = 1e-6


class Attention(nn.Module):
    """Self-attention with one matrix for queries, keys and values."""

    def __init__(self, dim: int, heads: int) -> None:
        """Take the width and the number of heads."""
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, dim * 3)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, N, D) of (B, N, D)."""
        batch, count, dim = x.shape
        q, k, v = self.qkv(x).view(batch, count, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v)
        y: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, count, dim))
        return y


class Mlp(nn.Module):
    """Two linear layers around an exact GELU."""

    def __init__(self, dim: int, hidden: int) -> None:
        """Take the outer and the inner width."""
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return (…, D) of (…, D)."""
        y: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return y


class SwiGlu(nn.Module):
    """A gated MLP: the first half of the inner layer, through SiLU, weighs the second."""

    def __init__(self, dim: int, hidden: int) -> None:
        """Take the outer and the inner width."""
        super().__init__()
        self.w12 = nn.Linear(dim, 2 * hidden)
        self.w3 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return (…, D) of (…, D)."""
        gate, value = self.w12(x).chunk(2, dim=-1)
        y: Tensor = self.w3(functional.silu(gate) * value)
        return y


class LayerScale(nn.Module):
    """One learned factor a channel."""

    def __init__(self, dim: int) -> None:
        """Take the width."""
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Return x times the factors."""
        scaled: Tensor = x * self.gamma
        return scaled


class Block(nn.Module):
    """Attention and MLP, each normed before and added after."""

    def __init__(self, shape: VisionShape) -> None:
        """Take the sizes."""
        super().__init__()
        dim = shape.dim
        self.norm1 = nn.LayerNorm(dim, shape.eps)
        self.attn = Attention(dim, shape.heads)
        self.ls1 = LayerScale(dim) if shape.layer_scale else nn.Identity()
        self.norm2 = nn.LayerNorm(dim, shape.eps)
        self.mlp = Mlp(dim, 4 * dim) if shape.swiglu is None else SwiGlu(dim, shape.swiglu)
        self.ls2 = LayerScale(dim) if shape.layer_scale else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, N, D) of (B, N, D)."""
        x = x + self.ls1(self.attn(self.norm1(x)))
        y: Tensor = x + self.ls2(self.mlp(self.norm2(x)))
        return y


class PatchEmbed(nn.Module):
    """Pictures to patches: a convolution as wide as its stride."""

    def __init__(self, dim: int, patch: int) -> None:
        """Take the width and the side of a patch in pixels."""
        super().__init__()
        self.proj = nn.Conv2d(3, dim, patch, patch)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, D, h, w) of (B, 3, H, W)."""
        y: Tensor = self.proj(pixels)
        return y


class VisionTransformer(nn.Module):
    """A class token, registers if any, and patches; the class token is the picture's vector."""

    def __init__(self, shape: VisionShape) -> None:
        """Take the sizes."""
        super().__init__()
        self.shape = shape
        self.cls_token = nn.Parameter(torch.zeros(1, 1, shape.dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + shape.grid**2, shape.dim))
        if shape.mask_token:
            self.mask_token = nn.Parameter(torch.zeros(1, shape.dim))
        if shape.registers:
            self.register_tokens = nn.Parameter(torch.zeros(1, shape.registers, shape.dim))
        self.patch_embed = PatchEmbed(shape.dim, shape.patch)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.depth))
        self.norm = nn.LayerNorm(shape.dim, shape.eps)

    def tokens(self, pixels: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Return all tokens after the last norm, (B, 1 + registers + h·w, D), and (h, w)."""
        x = self.patch_embed(pixels)
        height, width = x.shape[2:]
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), x), 1)
        x = x + self._positions(height, width)
        if self.shape.registers:
            kept = self.register_tokens.expand(len(x), -1, -1)
            x = torch.cat((x[:, :1], kept, x[:, 1:]), 1)
        for block in self.blocks:
            x = block(x)
        return self.norm(x), (height, width)

    def _positions(self, height: int, width: int) -> Tensor:
        grid = self.shape.grid
        if (height, width) == (grid, grid):
            return self.pos_embed
        patches = self.pos_embed[:, 1:].view(1, grid, grid, -1).permute(0, 3, 1, 2)
        patches = functional.interpolate(
            patches,
            (height, width),
            mode="bicubic",
            antialias=self.shape.registers > 0,  # as the published code does, with registers only
            align_corners=False,
        )
        return torch.cat((self.pos_embed[:, :1], patches.flatten(2).transpose(1, 2)), 1)

    def forward(self, pixels: Tensor) -> Encoded:
        """Return the class token (B, D) and the patches (B, h, w, D), both after the norm."""
        x, grid = self.tokens(pixels)
        patches = x[:, 1 + self.shape.registers :]
        return Encoded(x[:, 0], patches.reshape(len(x), *grid, -1))
