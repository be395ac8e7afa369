"""Zero-shot heads: a picture beside what is said of each term, on any image-text backbone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from videoengine.cards import ModelCard
from videoengine.models.workflow.prompts import Observation, PromptSet

Scores = NDArray[np.float64]
_SIDES: Final = 2
"""Of an observation: present, absent."""


class ImageTextBackbone(Protocol):
    """What a zero-shot head asks of a backbone."""

    @property
    def card(self) -> ModelCard:
        """What it is."""
        ...

    def encode_image(self, frames: NDArray[np.uint8]) -> Tensor:
        """Return float32 (B, D) of frames uint8 (B, H, W, 3)."""
        ...

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Return float32 (N, D) in the space of the pictures."""
        ...


class ZeroShotHead:
    """Scores of K terms from pictures; the texts are encoded once.

    Prompts: the unit vectors of a term's prompts are averaged and brought to length 1; a logit is
    the cosine over the temperature. With `nothing` in the file each term stands against it on its
    own, so several may hold; without it they share one softmax.

    Observations (Pellegrini et al., Xplainer, MICCAI 2023): the probability of one is the softmax
    over its two sides, that of a term the geometric mean over its observations.
    """

    def __init__(self, backbone: ImageTextBackbone, prompts: PromptSet) -> None:
        """Encode the texts.

        Raises:
            UsageError: The backbone has no text side.
            ModelError: Its vocabulary is not here.
        """
        self.backbone = backbone
        self.prompts = prompts
        self._nothing: Tensor | None = None
        if prompts.observations:
            self._texts = torch.cat([_pairs(backbone, one) for one in prompts.observations])
        else:
            self._texts = prompt_features(backbone, prompts.prompts)
            if prompts.nothing:
                self._nothing = prompt_features(backbone, [prompts.nothing])

    def logits(self, frames: NDArray[np.uint8]) -> Scores:
        """Return (N, K) of frames uint8 (N, H, W, 3), RGB.

        Of prompts: cosine over temperature, less that of `nothing` if there is one. Of
        observations: the log of the probability.
        """
        return self.logits_of(self.backbone.encode_image(frames))

    def probabilities(self, frames: NDArray[np.uint8]) -> Scores:
        """Return (N, K), 0 to 1, of frames uint8 (N, H, W, 3), RGB."""
        return self.probabilities_of(self.backbone.encode_image(frames))

    def logits_of(self, features: Tensor) -> Scores:
        """Return (N, K) of the backbone's features (N, D)."""
        images = functional.normalize(features.double(), dim=-1)
        cosines = images @ self._texts.T / self.prompts.temperature
        if self.prompts.observations:
            found = torch.stack([part.mean(-1) for part in self._observed(cosines)], dim=-1)
        elif self._nothing is not None:
            found = cosines - images @ self._nothing.T / self.prompts.temperature
        else:
            found = cosines
        scores: Scores = found.numpy(force=True)
        return scores

    def probabilities_of(self, features: Tensor) -> Scores:
        """Return (N, K), 0 to 1, of the backbone's features (N, D)."""
        logits = torch.from_numpy(self.logits_of(features))
        if self.prompts.observations:
            found = logits.exp()
        elif self._nothing is not None:
            found = logits.sigmoid()
        else:
            found = logits.softmax(-1)
        scores: Scores = found.numpy()
        return scores

    def evidence_of(self, features: Tensor) -> list[Scores]:
        """Return, for each term, the probability of its observations: K arrays (N, observations).

        Empty for a file of prompts.
        """
        if not self.prompts.observations:
            return []
        images = functional.normalize(features.double(), dim=-1)
        observed = self._observed(images @ self._texts.T / self.prompts.temperature)
        return [part.exp().numpy(force=True) for part in observed]

    def _observed(self, cosines: Tensor) -> list[Tensor]:
        """Return the log probability of each term's observations, (N, observations) each."""
        sides = cosines.reshape(len(cosines), -1, _SIDES).log_softmax(-1)[..., 0]
        counts = [len(one) for one in self.prompts.observations]
        return list(torch.split(sides, counts, dim=-1))


def prompt_features(backbone: ImageTextBackbone, prompts: Sequence[Sequence[str]]) -> Tensor:
    """Return one unit vector a term, float64 (K, D): the mean of its prompts' unit vectors."""
    rows = [unit_features(backbone, said).mean(0) for said in prompts]
    return functional.normalize(torch.stack(rows), dim=-1)


def unit_features(backbone: ImageTextBackbone, texts: Sequence[str]) -> Tensor:
    """Return the unit vectors of texts, float64 (N, D)."""
    return functional.normalize(backbone.encode_text(list(texts)).double(), dim=-1)


def _pairs(backbone: ImageTextBackbone, observations: Sequence[Observation]) -> Tensor:
    """Return (2 × observations, D): present and absent by turns."""
    return unit_features(
        backbone, [text for one in observations for text in (one.present, one.absent)]
    )
