"""BERT's encoder under the keys of Hugging Face's `BertModel` (Devlin et al., 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class BertShape:
    """The sizes of a BERT encoder."""

    vocabulary: int
    dim: int = 768
    depth: int = 12
    heads: int = 12
    positions: int = 512
    eps: float = 1e-12
    pooler: bool = True
    """The file holds the layer that was trained on the first token."""


class Embeddings(nn.Module):
    """Sum of the vectors of a word-piece, its place and its segment (always the first), normed."""

    def __init__(self, shape: BertShape) -> None:
        """Take the sizes."""
        super().__init__()
        self.word_embeddings = nn.Embedding(shape.vocabulary, shape.dim)
        self.position_embeddings = nn.Embedding(shape.positions, shape.dim)
        self.token_type_embeddings = nn.Embedding(2, shape.dim)
        self.LayerNorm = nn.LayerNorm(shape.dim, shape.eps)  # the published key

    def forward(self, ids: Tensor, context: Tensor | None = None) -> Tensor:
        """Return (B, N, D) of ids (B, N).

        Args:
            ids: Of word-pieces.
            context: (C, D): vectors that stand for the C word-pieces after the first one.
        """
        places = self.position_embeddings.weight[: ids.shape[1]]
        words = self.word_embeddings(ids)
        if context is not None:
            learned = context.expand(len(ids), -1, -1)
            words = torch.cat((words[:, :1], learned, words[:, 1 + len(context) :]), 1)
        x = words + places + self.token_type_embeddings.weight[0]
        y: Tensor = self.LayerNorm(x)
        return y


class SelfAttention(nn.Module):
    """Queries, keys and values."""

    def __init__(self, shape: BertShape) -> None:
        """Take the sizes."""
        super().__init__()
        self.heads = shape.heads
        self.query = nn.Linear(shape.dim, shape.dim)
        self.key = nn.Linear(shape.dim, shape.dim)
        self.value = nn.Linear(shape.dim, shape.dim)

    def forward(self, x: Tensor, attended: Tensor) -> Tensor:
        """Return (B, N, D); `attended` is bool (B, N), false where there is only padding."""
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=attended[:, None, None])
        return mixed.transpose(1, 2).flatten(2)


class AddAndNorm(nn.Module):
    """A linear layer whose result is added to what was before, and normed."""

    def __init__(self, dim_in: int, shape: BertShape) -> None:
        """Take the width of the input and the sizes."""
        super().__init__()
        self.dense = nn.Linear(dim_in, shape.dim)
        self.LayerNorm = nn.LayerNorm(shape.dim, shape.eps)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        """Return (B, N, D)."""
        y: Tensor = self.LayerNorm(self.dense(x) + before)
        return y


class Layer(nn.Module):
    """Attention, then an MLP, each followed by its norm."""

    def __init__(self, shape: BertShape) -> None:
        """Take the sizes."""
        super().__init__()
        own, output = SelfAttention(shape), AddAndNorm(shape.dim, shape)
        self.attention = nn.ModuleDict({"self": own, "output": output})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(shape.dim, 4 * shape.dim)})
        self.output = AddAndNorm(4 * shape.dim, shape)

    def forward(self, x: Tensor, attended: Tensor) -> Tensor:
        """Return (B, N, D) of (B, N, D)."""
        mixed = self.attention["self"](x, attended)
        x = self.attention["output"](mixed, x)
        y: Tensor = self.output(functional.gelu(self.intermediate["dense"](x)), x)
        return y


class Bert(nn.Module):
    """The encoder; `hidden` gives what comes out of every layer."""

    def __init__(self, shape: BertShape) -> None:
        """Take the sizes."""
        super().__init__()
        self.embeddings = Embeddings(shape)
        layers = nn.ModuleList(Layer(shape) for _ in range(shape.depth))
        self.encoder = nn.ModuleDict({"layer": layers})
        if shape.pooler:
            self.pooler = nn.ModuleDict({"dense": nn.Linear(shape.dim, shape.dim)})

    def hidden(self, ids: Tensor, attended: Tensor, context: Tensor | None = None) -> list[Tensor]:
        """Return the embeddings and the output of each layer, (B, N, D) each."""
        x = self.embeddings(ids, context)
        outputs = [x]
        layers = self.encoder["layer"]
        if not isinstance(layers, nn.ModuleList):
            raise TypeError("the encoder's layers are a list")
        for layer in layers:
            x = layer(x, attended)
            outputs.append(x)
        return outputs

    def forward(self, ids: Tensor, attended: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the last layer, (B, N, D), of ids (B, N) and attended bool (B, N)."""
        return self.hidden(ids, attended.to(torch.bool), context)[-1]
