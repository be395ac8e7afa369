"""DINOv3's vision transformer: rotary positions, register tokens, no position table.

Keys are those of the published `model.safetensors` (Siméoni et al., 2025).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from videoengine.models.backbones.backbone import Encoded


@dataclass(frozen=True, slots=True)
class Dinov3Shape:
    """The sizes of a DINOv3 transformer."""

    dim: int
    depth: int
    heads: int
    hidden: int
    gated: bool = False
    patch: int = 16
    registers: int = 4
    theta: float = 100.0
    """Base of the rotary frequencies."""
    eps: float = 1e-5


class Embeddings(nn.Module):
    """Class token, registers and patches; the mask token of training is kept, unused."""

    def __init__(self, shape: Dinov3Shape) -> None:
        """Take the sizes."""
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, shape.dim))
        self.mask_token = nn.Parameter(torch.zeros(1, 1, shape.dim))
        self.register_tokens = nn.Parameter(torch.zeros(1, shape.registers, shape.dim))
        self.patch_embeddings = nn.Conv2d(3, shape.dim, shape.patch, shape.patch)


class RotaryAttention(nn.Module):
    """Self-attention whose patch queries and keys are turned by their place; keys have no bias."""

    def __init__(self, shape: Dinov3Shape) -> None:
        """Take the sizes."""
        super().__init__()
        self.heads = shape.heads
        self.q_proj = nn.Linear(shape.dim, shape.dim)
        self.k_proj = nn.Linear(shape.dim, shape.dim, bias=False)
        self.v_proj = nn.Linear(shape.dim, shape.dim)
        self.o_proj = nn.Linear(shape.dim, shape.dim)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        """Return (B, N, D) of (B, N, D); `turn` is cosine and sine, (h·w, D / heads) each."""
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = functional.scaled_dot_product_attention(_turned(q, turn), _turned(k, turn), v)
        y: Tensor = self.o_proj(mixed.transpose(1, 2).flatten(2))
        return y


def _turned(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Turn the last tokens, the patches, of (B, heads, N, d)."""
    cosine, sine = turn
    first = x.shape[2] - len(cosine)
    patches = x[:, :, first:]
    low, high = patches.chunk(2, dim=-1)
    patches = patches * cosine + torch.cat((-high, low), -1) * sine
    return torch.cat((x[:, :, :first], patches), 2)


class GatedMlp(nn.Module):
    """Two linear layers around a GELU, or three with a SiLU gate."""

    def __init__(self, shape: Dinov3Shape) -> None:
        """Take the sizes."""
        super().__init__()
        self.gated = shape.gated
        if shape.gated:
            self.gate_proj = nn.Linear(shape.dim, shape.hidden)
        self.up_proj = nn.Linear(shape.dim, shape.hidden)
        self.down_proj = nn.Linear(shape.hidden, shape.dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return (…, D) of (…, D)."""
        up = self.up_proj(x)
        inner = functional.silu(self.gate_proj(x)) * up if self.gated else functional.gelu(up)
        y: Tensor = self.down_proj(inner)
        return y


class Scale(nn.Module):
    """One learned factor a channel."""

    def __init__(self, dim: int) -> None:
        """Take the width."""
        super().__init__()
        self.lambda1 = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Return x times the factors."""
        scaled: Tensor = x * self.lambda1
        return scaled


class Layer(nn.Module):
    """Attention and MLP, each normed before and added after, with learned factors."""

    def __init__(self, shape: Dinov3Shape) -> None:
        """Take the sizes."""
        super().__init__()
        self.norm1 = nn.LayerNorm(shape.dim, shape.eps)
        self.attention = RotaryAttention(shape)
        self.layer_scale1 = Scale(shape.dim)
        self.norm2 = nn.LayerNorm(shape.dim, shape.eps)
        self.mlp = GatedMlp(shape)
        self.layer_scale2 = Scale(shape.dim)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        """Return (B, N, D) of (B, N, D)."""
        x = x + self.layer_scale1(self.attention(self.norm1(x), turn))
        y: Tensor = x + self.layer_scale2(self.mlp(self.norm2(x)))
        return y


class Dinov3(nn.Module):
    """The whole transformer; any size that is a multiple of the patch."""

    def __init__(self, shape: Dinov3Shape) -> None:
        """Take the sizes."""
        super().__init__()
        self.shape = shape
        self.embeddings = Embeddings(shape)
        self.layer = nn.ModuleList(Layer(shape) for _ in range(shape.depth))
        self.norm = nn.LayerNorm(shape.dim, shape.eps)

    def forward(self, pixels: Tensor) -> Encoded:
        """Return the class token (B, D) and the patches (B, h, w, D), both after the norm."""
        own = self.embeddings
        x = own.patch_embeddings(pixels)
        height, width = x.shape[2:]
        first = (own.cls_token, own.register_tokens)
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat((*(token.expand(len(x), -1, -1) for token in first), x), 1)
        turn = self._turn(height, width, x.device)
        for layer in self.layer:
            x = layer(x, turn)
        x = self.norm(x)
        return Encoded(x[:, 0], x[:, 1 + self.shape.registers :].unflatten(1, (height, width)))

    def _turn(self, height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return cosine and sine of each patch's angles, from its center in -1…1."""
        part = self.shape.dim // self.shape.heads // 4
        steps = torch.arange(part, dtype=torch.float32, device=device) / part
        frequencies = self.shape.theta**-steps
        down = 2 * (torch.arange(height, device=device) + 0.5) / height - 1
        along = 2 * (torch.arange(width, device=device) + 0.5) / width - 1
        centers = torch.stack(torch.meshgrid(down, along, indexing="ij"), -1).flatten(0, 1)
        angles = (2 * math.pi * centers[:, :, None] * frequencies).flatten(1).tile(2)
        return angles.cos(), angles.sin()
