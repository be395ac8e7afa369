"""Image-text towers over BERT: BiomedCLIP's (a ViT and an MLP), and CLIP's own with quick GELU.

Keys are those of open_clip (Radford et al., 2021; Zhang et al., 2023).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from videoengine.models.backbones.backbone import Encoded
from videoengine.models.backbones.networks.bert import Bert, BertShape
from videoengine.models.backbones.networks.vision_transformer import VisionShape, VisionTransformer
from videoengine.models.backbones.wordpiece import WordPiece


class TextTower(nn.Module):
    """BERT's first token, narrowed to the common space by an MLP without biases."""

    def __init__(self, shape: BertShape, dim: int) -> None:
        """Take the sizes of BERT and the dimensions of the space."""
        super().__init__()
        self.transformer = Bert(shape)
        inner = (shape.dim + dim) // 2
        self.proj = nn.Sequential(
            nn.Linear(shape.dim, inner, bias=False), nn.GELU(), nn.Linear(inner, dim, bias=False)
        )

    def forward(self, ids: Tensor, attended: Tensor, context: Tensor | None = None) -> Tensor:
        """Return (N, D) of ids (N, L) and attended bool (N, L).

        `context` (C, width) stands for the C word-pieces after the first one, if it is given.
        """
        y: Tensor = self.proj(self.transformer(ids, attended, context)[:, 0])
        return y


class TrunkTower(nn.Module):
    """A vision transformer's class token, narrowed to the common space."""

    def __init__(self, shape: VisionShape, dim: int) -> None:
        """Take the sizes of the transformer and the dimensions of the space."""
        super().__init__()
        self.trunk = VisionTransformer(shape)
        self.head = nn.ModuleDict({"proj": nn.Linear(shape.dim, dim, bias=False)})

    def forward(self, pixels: Tensor) -> Encoded:
        """Return (B, D), and the patches before the last layer (B, h, w, width)."""
        seen = self.trunk(pixels)
        return Encoded(self.head["proj"](seen.pooled), seen.patches)


class QuickBlock(nn.Module):
    """CLIP's block: attention in one matrix, an MLP with x · sigmoid(1.702 x)."""

    def __init__(self, dim: int, heads: int) -> None:
        """Take the width and the number of heads."""
        super().__init__()
        self.ln_1 = nn.LayerNorm(dim)
        self.attn = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.ln_2 = nn.LayerNorm(dim)
        inner, outer = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
        self.mlp = nn.ModuleDict({"c_fc": inner, "c_proj": outer})

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, N, D) of (B, N, D)."""
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        y = self.mlp["c_fc"](self.ln_2(x))
        out: Tensor = x + self.mlp["c_proj"](y * torch.sigmoid(1.702 * y))
        return out


class QuickTower(nn.Module):
    """CLIP's vision transformer: normed before the first block, projected after the last."""

    def __init__(self, shape: VisionShape, dim: int) -> None:
        """Take the sizes of the transformer and the dimensions of the space."""
        super().__init__()
        self.conv1 = nn.Conv2d(3, shape.dim, shape.patch, shape.patch, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(shape.dim))
        self.positional_embedding = nn.Parameter(torch.zeros(1 + shape.grid**2, shape.dim))
        self.ln_pre = nn.LayerNorm(shape.dim)
        blocks = nn.ModuleList(QuickBlock(shape.dim, shape.heads) for _ in range(shape.depth))
        self.transformer = nn.ModuleDict({"resblocks": blocks})
        self.ln_post = nn.LayerNorm(shape.dim)
        self.proj = nn.Parameter(torch.zeros(shape.dim, dim))
        self._blocks = [blocks]  # in a list: the module is registered once, under its own key

    def forward(self, pixels: Tensor) -> Encoded:
        """Return (B, D), and the patches after the last norm (B, h, w, width)."""
        x = self.conv1(pixels)
        grid = x.shape[2:]
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat((self.class_embedding.expand(len(x), 1, -1), x), 1)
        x = self.ln_pre(x + self.positional_embedding)
        for block in self._blocks[0]:
            x = block(x)
        x = self.ln_post(x)
        return Encoded(x[:, 0] @ self.proj, x[:, 1:].unflatten(1, tuple(grid)))


class ImageText(nn.Module):
    """Both towers; called with pixels it gives the image side."""

    def __init__(self, visual: nn.Module, text: TextTower) -> None:
        """Take the towers."""
        super().__init__()
        self.visual = visual
        self.text = text
        self.logit_scale = nn.Parameter(torch.zeros(()))

    def forward(self, pixels: Tensor) -> Encoded:
        """Return the image side's features."""
        encoded: Encoded = self.visual(pixels)
        return encoded


class BertText:
    """Sentences to the common space of an `ImageText`."""

    def __init__(self, network: ImageText, words: WordPiece, length: int, device: str) -> None:
        """Take the network, its tokenizer, the word-pieces of a text, and where it runs."""
        self._network = network
        self._words = words
        self._length = length
        self._device = device

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Return (N, D), not normalized."""
        return self.with_context(texts, None)

    @property
    def logit_scale(self) -> float:
        """What the model multiplies a cosine by."""
        return float(self._network.logit_scale.exp())

    def context_of(self, words: str) -> Tensor:
        """Return the word vectors (C, width) of the C word-pieces of a few words."""
        numbers = torch.tensor(self._words.numbers(words), device=self._device)
        found: Tensor = self._network.text.transformer.embeddings.word_embeddings(numbers)
        return found

    def with_context(self, texts: Sequence[str], context: Tensor | None) -> Tensor:
        """Return (N, D) of texts whose first word-pieces `context` (C, width) stands for."""
        ids, attended = (
            torch.tensor(part, device=self._device) for part in self._words.ids(texts, self._length)
        )
        found: Tensor = self._network.text(ids, attended, context)
        return found


def cosine(images: Tensor, texts: Tensor) -> Tensor:
    """Return the cosine of every picture with every text, (B, N)."""
    return functional.normalize(images, dim=-1) @ functional.normalize(texts, dim=-1).T
