"""Phases over time: a recurrent network whose cost and state are the same at minute 1 and hour 10.

One step a second of media time. What it sees is the frame's pooled features, the instruments that
are present, and how long the procedure has gone on; its state is one vector, so a run that is
killed goes on where it was. Nothing from the future enters.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class TemporalConfig:
    """Sizes of a temporal model."""

    features: int
    instruments: int
    phases: int
    hidden: int = 128
    layers: int = 2
    squeezed: int = 0
    """Features that are kept of a longer vector; 0 keeps as many as there are."""


@dataclass(slots=True)
class Course:
    """What is said at each of T steps of B videos."""

    phase: Tensor
    """(B, T, phases), logits."""
    following: Tensor
    """(B, T, phases), logits of the phase that comes next."""
    phase_left: Tensor
    """(B, T): log of 1 + minutes until this phase ends."""
    left: Tensor
    """(B, T): log of 1 + minutes until the procedure ends."""


class PhaseNetwork(nn.Module):
    """A causal recogniser of phases."""

    def __init__(self, config: TemporalConfig) -> None:
        """Make an untrained network."""
        super().__init__()
        self.config = config
        kept = config.squeezed or config.features
        inputs = kept + config.instruments + 2
        self.squeeze = nn.Sequential(
            nn.LayerNorm(config.features), nn.Linear(config.features, kept)
        )
        self.enter = nn.Sequential(nn.Linear(inputs, config.hidden), nn.ReLU(), nn.Dropout(0.2))
        self.memory = nn.GRU(config.hidden, config.hidden, config.layers, batch_first=True)
        self.phase = nn.Linear(2 * config.hidden, config.phases)
        self.following = nn.Linear(2 * config.hidden, config.phases)
        self.left = nn.Linear(2 * config.hidden, 2)

    def start(self, videos: int = 1) -> Tensor:
        """Return the state (layers, B, hidden) before the first step."""
        return torch.zeros(self.config.layers, videos, self.config.hidden)

    def forward(
        self, features: Tensor, presence: Tensor, elapsed_s: Tensor, state: Tensor
    ) -> tuple[Course, Tensor]:
        """Take T steps of B videos.

        Args:
            features: (B, T, D) pooled features.
            presence: (B, T, instruments) probabilities.
            elapsed_s: (B, T) seconds since the procedure began.
            state: (layers, B, hidden).

        Returns:
            What is said at each step, and the state after the last.
        """
        minutes = elapsed_s[..., None] / 60.0
        clock = torch.cat([torch.log1p(minutes), minutes / 10.0], dim=-1)
        x = self.enter(torch.cat([self.squeeze(features), presence * 2.0 - 1.0, clock], dim=-1))
        remembered, state = self.memory(x, state)
        both = torch.cat([x, remembered], dim=-1)
        left = self.left(both)
        course = Course(self.phase(both), self.following(both), left[..., 0], left[..., 1])
        return course, state
