"""SurgVLP, HecVL and PeskaVLP: ResNet-50 and Bio_ClinicalBERT in one space of 768 dimensions.

Keys are those of the published files (CAMMA-public/SurgVLP).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn

from videoengine.models.backbones.backbone import Encoded
from videoengine.models.backbones.networks.bert import Bert, BertShape
from videoengine.models.backbones.networks.resnet import ResNet
from videoengine.models.backbones.wordpiece import WordPiece

VOCABULARY: Final = 28_996
LENGTH: Final = 77
"""Word-pieces of a text, padding included."""
LAST_LAYERS: Final = 4
LOGIT_SCALE: Final = 100.0
"""Of cosines, in the publisher's zero-shot script."""


class ImageSide(nn.Module):
    """A ResNet-50 and a linear layer into the common space."""

    def __init__(self, dim: int) -> None:
        """Take the dimensions of the space."""
        super().__init__()
        self.model = ResNet(50)
        self.global_embedder = nn.Linear(self.model.dim, dim)

    def forward(self, pixels: Tensor) -> Encoded:
        """Return (B, 768), and the ResNet's map (B, 7, 7, 2048)."""
        seen = self.model(pixels)
        return Encoded(self.global_embedder(seen.pooled), seen.patches)


class SurgVlp(nn.Module):
    """Both sides; called with pixels it gives the image side."""

    def __init__(self, shape: BertShape | None = None) -> None:
        """Take the sizes of the text side, by default the published ones."""
        super().__init__()
        shape = BertShape(VOCABULARY) if shape is None else shape
        self.backbone_img = ImageSide(shape.dim)
        self.backbone_text = nn.ModuleDict({"model": Bert(shape)})

    def forward(self, pixels: Tensor) -> Encoded:
        """Return the image side's features."""
        encoded: Encoded = self.backbone_img(pixels)
        return encoded

    def encode_tokens(self, ids: Tensor, attended: Tensor, context: Tensor | None = None) -> Tensor:
        """Return (N, 768) of ids (N, 77) and attended bool (N, 77).

        `context` (C, 768) stands for the C word-pieces after the first one, if it is given.

        Published: of the last four layers, the pieces of each word are added up to one vector a
        word, up to and including [SEP]; the rest of the 77 places is zero. The mean over all 77
        places, then the sum over the layers. Adding up the pieces does not change that mean.
        """
        bert = self.backbone_text["model"]
        if not isinstance(bert, Bert):
            raise TypeError("the text side is a Bert")
        last = torch.stack(bert.hidden(ids, attended, context)[-LAST_LAYERS:])
        counted = last * attended[None, :, :, None]
        return counted.sum(2).sum(0) / ids.shape[1]


class SurgVlpText:
    """Sentences to the common space."""

    def __init__(self, network: SurgVlp, words: WordPiece, device: str) -> None:
        """Take the network, its tokenizer and where it runs."""
        self._network = network
        self._words = words
        self._device = device

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Return (N, 768), not normalized."""
        return self.with_context(texts, None)

    @property
    def logit_scale(self) -> float:
        """What the publisher's script multiplies a cosine by."""
        return LOGIT_SCALE

    def context_of(self, words: str) -> Tensor:
        """Return the word vectors (C, 768) of the C word-pieces of a few words."""
        bert = self._network.backbone_text["model"]
        if not isinstance(bert, Bert):
            raise TypeError("the text side is a Bert")
        numbers = torch.tensor(self._words.numbers(words), device=self._device)
        found: Tensor = bert.embeddings.word_embeddings(numbers)
        return found

    def with_context(self, texts: Sequence[str], context: Tensor | None) -> Tensor:
        """Return (N, 768) of texts whose first word-pieces `context` (C, 768) stands for."""
        ids, attended = (
            torch.tensor(part, device=self._device) for part in self._words.ids(texts, LENGTH)
        )
        return self._network.encode_tokens(ids, attended, context)
