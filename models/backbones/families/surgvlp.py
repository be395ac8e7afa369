"""SurgVLP, HecVL, PeskaVLP: surgical video lectures and what was said in them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from videoengine.cards import ModelCard
from videoengine.models.backbones.hub import RemoteFile, hub_file
from videoengine.models.backbones.preprocessing import Preprocessing
from videoengine.models.backbones.registry import Entry, published, register

if TYPE_CHECKING:
    from torch import nn

    from videoengine.models.backbones.backbone import TextEncoder
    from videoengine.models.backbones.checkpoint import Tensors

HOW: Final = Preprocessing((640, 360), "stretch", (224, 224))
PAGE: Final = "https://github.com/CAMMA-public/SurgVLP"
TEXT_PAGE: Final = "https://huggingface.co/emilyalsentzer/Bio_ClinicalBERT"
SHARES: Final = {
    "surgvlp": "93757ace1bfc47248e1e",
    "hecvl": "3b9b9207068a4b03bc2a",
    "peskavlp": "65a2b1bf113e428280d0",
}
"""Of the publisher's file server, as its README links them; each is an archive of one file."""


def build() -> nn.Module:
    """Build both sides."""
    from videoengine.models.backbones.networks.surgvlp import SurgVlp

    return SurgVlp()


def convert(tensors: Tensors) -> Tensors:
    """Leave out the table 0…511 that older transformers saved beside the weights."""
    from videoengine.models.backbones.keys import without

    return without(tensors, r"backbone_text\.model\.embeddings\.position_ids$")


def text_side(
    name: str, network: nn.Module, others: Mapping[str, Path], device: str
) -> TextEncoder:
    """Make the text side from Bio_ClinicalBERT's vocabulary.

    The vocabulary has capitals, but the published loader lower-cases: the repository has no
    tokenizer configuration, and that is what transformers then does.
    """
    from videoengine.models.backbones.networks.surgvlp import VOCABULARY, SurgVlp, SurgVlpText
    from videoengine.models.backbones.vocabulary import with_vocabulary
    from videoengine.models.backbones.wordpiece import WordPiece

    if not isinstance(network, SurgVlp):
        raise TypeError("the text side belongs to SurgVlp")

    def make(path: Path) -> TextEncoder:
        words = WordPiece.from_file(path, lowercase=True, size=VOCABULARY)
        return SurgVlpText(network, words, device)

    return with_vocabulary(name, TEXT_PAGE, others, make)


@register
def surgvlp() -> tuple[Entry, ...]:
    """The three published files; one architecture."""
    return tuple(
        Entry(
            published(
                ModelCard(
                    name,
                    "surgvlp",
                    1,
                    licence="CC-BY-NC-SA-4.0",
                    trained_on="surgical video lectures with transcripts (SVL)",
                    seeds_row="S060",
                ),
                HOW,
                768,
                texts=True,
            ),
            HOW,
            build,
            convert=convert,
            files=(
                RemoteFile(f"{name}.zip", f"https://seafile.unistra.fr/f/{share}/?dl=1"),
                hub_file("emilyalsentzer/Bio_ClinicalBERT", "vocab.txt"),
            ),
            page=PAGE,
            text=partial(text_side, name),
            checked="manifest surgvlp_family (520 keys), built from the publisher's code",
        )
        for name, share in SHARES.items()
    )
