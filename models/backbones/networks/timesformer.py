"""TimeSformer with divided space-time attention, under Endo-FM's keys (Bertasius et al., 2021)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from videoengine.models.backbones.backbone import Encoded
from videoengine.models.backbones.networks.vision_transformer import (
    Attention,
    Mlp,
    PatchEmbed,
    VisionShape,
)


class DividedBlock(nn.Module):
    """Attention over time at each place, then over space in each frame, then an MLP."""

    def __init__(self, shape: VisionShape) -> None:
        """Take the sizes."""
        super().__init__()
        dim = shape.dim
        self.norm1 = nn.LayerNorm(dim, shape.eps)
        self.attn = Attention(dim, shape.heads)
        self.temporal_norm1 = nn.LayerNorm(dim, shape.eps)
        self.temporal_attn = Attention(dim, shape.heads)
        self.temporal_fc = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim, shape.eps)
        self.mlp = Mlp(dim, 4 * dim)

    def forward(self, token: Tensor, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Return the class token (B, 1, D) and the patches (B, N, T, D) after the block."""
        batch, places, length, _ = patches.shape
        over_time = self.temporal_attn(self.temporal_norm1(patches.flatten(0, 1)))
        patches = patches + self.temporal_fc(over_time).unflatten(0, (batch, places))

        frames = patches.transpose(1, 2)  # (B, T, N, D)
        each = token.unsqueeze(1).expand(-1, length, -1, -1)
        over_space = torch.cat((each, frames), 2).flatten(0, 1)
        over_space = self.attn(self.norm1(over_space)).unflatten(0, (batch, length))
        token = token + over_space[:, :, 0].mean(1, keepdim=True)
        patches = patches + over_space[:, :, 1:].transpose(1, 2)

        token = token + self.mlp(self.norm2(token))
        return token, patches + self.mlp(self.norm2(patches))


class TimeSformer(nn.Module):
    """One class token for the clip, patches at every place and time."""

    def __init__(self, shape: VisionShape, *, frames: int = 8) -> None:
        """Take the sizes and the frames of a clip."""
        super().__init__()
        self.shape = shape
        self.cls_token = nn.Parameter(torch.zeros(1, 1, shape.dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + shape.grid**2, shape.dim))
        self.time_embed = nn.Parameter(torch.zeros(1, frames, shape.dim))
        self.patch_embed = PatchEmbed(shape.dim, shape.patch)
        self.blocks = nn.ModuleList(DividedBlock(shape) for _ in range(shape.depth))
        self.norm = nn.LayerNorm(shape.dim, shape.eps)

    def forward(self, pixels: Tensor) -> Encoded:
        """Return the clip's token (B, D) and the patches (B, T, h, w, D) of (B, 3, T, H, W)."""
        batch, _, length = pixels.shape[:3]
        x = self.patch_embed(pixels.transpose(1, 2).flatten(0, 1))
        grid = x.shape[2:]
        x = x.flatten(2).transpose(1, 2) + self.pos_embed[:, 1:]
        patches = x.unflatten(0, (batch, length)).transpose(1, 2) + self.time_embed
        token = (self.cls_token + self.pos_embed[:, :1]).expand(batch, -1, -1)
        for block in self.blocks:
            token, patches = block(token, patches)
        seen = self.norm(patches).transpose(1, 2).unflatten(2, tuple(grid))
        return Encoded(self.norm(token)[:, 0], seen)
