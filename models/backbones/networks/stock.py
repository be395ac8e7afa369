"""Stock classes of transformers behind our `Encoded`. Their own packages make them, not we."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from videoengine.errors import ModelError
from videoengine.models.backbones.backbone import Encoded
from videoengine.models.backbones.extras import require


def stock(what: str, model: str, config: str, sizes: Mapping[str, Any]) -> nn.Module:
    """Make a class of transformers from its configuration, with no file and no network.

    Args:
        what: Who needs it, for the message.
        model: Name of the model's class.
        config: Name of its configuration's class.
        sizes: Fields of the configuration.
    """
    transformers = require("transformers", "hub", what)
    made: nn.Module = getattr(transformers, model)(getattr(transformers, config)(**sizes))
    return made


class SiglipNetwork(nn.Module):
    """SigLIP's two towers; the image tower pools by attention."""

    def __init__(self, model: nn.Module) -> None:
        """Take a `SiglipModel`."""
        super().__init__()
        self.model: Any = model

    def forward(self, pixels: Tensor) -> Encoded:
        """Return (B, D) and the patches (B, h, w, D)."""
        seen = self.model.vision_model(pixel_values=pixels)
        side = round(seen.last_hidden_state.shape[1] ** 0.5)
        return Encoded(seen.pooler_output, seen.last_hidden_state.unflatten(1, (side, side)))


class SiglipText:
    """Sentences to SigLIP's space; every text is filled to the full length, as in training."""

    def __init__(self, network: SiglipNetwork, path: Path, device: str) -> None:
        """Take the network, `tokenizer.json`, and where it runs."""
        tokenizers = require("tokenizers", "hub", "SigLIP's text side")
        try:
            self._tokenizer: Any = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:
            raise ModelError(f"The tokenizer {path} cannot be read", got=error) from error
        length = network.model.config.text_config.max_position_embeddings
        self._tokenizer.enable_truncation(length)
        self._tokenizer.enable_padding(length=length, pad_id=1, pad_token="</s>")
        self._network = network
        self._device = device

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Return (N, D), not normalized."""
        rows = [encoded.ids for encoded in self._tokenizer.encode_batch(list(texts))]
        ids = torch.tensor(rows, device=self._device)
        found: Tensor = self._network.model.text_model(input_ids=ids).pooler_output
        return found


class ClipOfTubes(nn.Module):
    """A video transformer over tubes of two frames: VideoMAE and V-JEPA 2.

    Published heads read all tokens; frozen, their mean stands for the clip.
    """

    def __init__(self, model: nn.Module, *, grid: int, arguments: dict[str, Any]) -> None:
        """Take the model, its patches along a side, and what else its call needs."""
        super().__init__()
        self.model: Any = model
        self.grid = grid
        self.arguments = arguments

    def forward(self, pixels: Tensor) -> Encoded:
        """Return the mean token (B, D) and the tubes (B, T / 2, h, w, D) of (B, 3, T, H, W)."""
        seen = self.model(pixels.transpose(1, 2), **self.arguments).last_hidden_state
        tubes = seen.unflatten(1, (-1, self.grid, self.grid))
        return Encoded(seen.mean(1), tubes)
