"""Attentive pooling: learned queries look at all tokens of a frozen network (SciVid, V-JEPA)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from videoengine.errors import UsageError


class AttentivePooling(nn.Module):
    """One query a class, or one for all, over the tokens of a picture or clip."""

    def __init__(
        self, dim: int, classes: int, *, heads: int = 8, shared_query: bool = True
    ) -> None:
        """Take the width of a token, the classes, and whether all classes read one vector.

        Raises:
            UsageError: The heads do not divide the width.
        """
        super().__init__()
        if dim % heads:
            raise UsageError("heads must divide the width", got=f"{dim} / {heads}")
        self.heads = heads
        self.shared_query = shared_query
        self.norm = nn.LayerNorm(dim)
        self.query = nn.Parameter(torch.empty(1 if shared_query else classes, dim))
        self.key_value = nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(dim, dim)
        self.classifier = nn.Linear(dim, classes if shared_query else 1)
        nn.init.trunc_normal_(self.query, std=0.02)

    def pool(self, tokens: Tensor) -> Tensor:
        """Return (B, queries, D) of tokens (B, N, D)."""
        key, value = self.key_value(self.norm(tokens)).chunk(2, -1)
        query = self.query.expand(len(tokens), -1, -1)
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (query, key, value)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value)
        pooled: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return pooled

    def forward(self, tokens: Tensor) -> Tensor:
        """Return scores (B, C) of tokens (B, N, D)."""
        scores: Tensor = self.classifier(self.pool(tokens))
        return scores[:, 0] if self.shared_query else scores[..., 0]


@dataclass(frozen=True, slots=True)
class Training:
    """How an attentive readout is trained; the network beneath it is not."""

    steps: int = 200
    batch: int = 32
    rate: float = 1e-3
    weight_decay: float = 0.01
    seed: int = 0


def fit_attentive(
    tokens: Tensor, targets: Tensor, classes: int, how: Training | None = None, *, heads: int = 8
) -> AttentivePooling:
    """Train a readout on tokens that were computed once.

    Args:
        tokens: float (B, N, D).
        targets: Labels int64 (B,), or presence 0 and 1 as float (B, C).
        classes: C.
        how: Steps, rate, seed; equal ones give an equal readout.
        heads: Of the attention.
    """
    chosen = Training() if how is None else how
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(chosen.seed)
        readout = AttentivePooling(tokens.shape[-1], classes, heads=heads)
    readout = readout.to(tokens.device).train()
    several = targets.ndim == 2
    optimizer = torch.optim.AdamW(
        readout.parameters(), lr=chosen.rate, weight_decay=chosen.weight_decay
    )
    generator = torch.Generator().manual_seed(chosen.seed)
    for _ in range(chosen.steps):
        drawn = torch.randint(len(tokens), (min(chosen.batch, len(tokens)),), generator=generator)
        scores, wanted = readout(tokens[drawn]), targets[drawn]
        loss = (
            functional.binary_cross_entropy_with_logits(scores, wanted)
            if several
            else functional.cross_entropy(scores, wanted)
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return readout.eval()
