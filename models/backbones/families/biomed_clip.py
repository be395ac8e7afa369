"""BiomedCLIP and UniMed-CLIP: medical pictures and their captions, over a biomedical BERT."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from videoengine.cards import ModelCard
from videoengine.models.backbones.hub import hub_file
from videoengine.models.backbones.preprocessing import CLIP_MEAN, CLIP_STD, Preprocessing
from videoengine.models.backbones.registry import Entry, published, register

if TYPE_CHECKING:
    from torch import nn

    from videoengine.models.backbones.backbone import TextEncoder
    from videoengine.models.backbones.checkpoint import Tensors

HOW: Final = Preprocessing((224, 224), "short_side", (224, 224), "bicubic", CLIP_MEAN, CLIP_STD)
BIOMED: Final = "microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224"
BERT: Final = "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract"
UNIMED_PAGE: Final = "https://github.com/mbzuai-oryx/UniMed-CLIP"
VOCABULARY: Final = 30_522
DIM: Final = 512
LENGTHS: Final = {"biomedclip": 256, "unimed-clip-vit-b16": 77}
"""Word-pieces of a text."""


def build_biomed() -> nn.Module:
    """Build a ViT-B/16 of timm and PubMedBERT."""
    from videoengine.models.backbones.networks.bert import BertShape
    from videoengine.models.backbones.networks.clip import ImageText, TextTower, TrunkTower
    from videoengine.models.backbones.networks.vision_transformer import VisionShape

    text = TextTower(BertShape(VOCABULARY, pooler=False), DIM)
    return ImageText(TrunkTower(VisionShape(), DIM), text)


def build_unimed() -> nn.Module:
    """Build CLIP's ViT-B/16 with quick GELU and BiomedBERT."""
    from videoengine.models.backbones.networks.bert import BertShape
    from videoengine.models.backbones.networks.clip import ImageText, QuickTower, TextTower
    from videoengine.models.backbones.networks.vision_transformer import VisionShape

    text = TextTower(BertShape(VOCABULARY, pooler=False), DIM)
    return ImageText(QuickTower(VisionShape(), DIM), text)


def convert(tensors: Tensors) -> Tensors:
    """Leave out the position table of older transformers, and a pooler that nothing asks."""
    from videoengine.models.backbones.keys import renamed, without

    bare = renamed(tensors, [(r"^module\.", "")])
    return without(bare, r"text\.transformer\.(embeddings\.position_ids$|pooler\.)")


def text_side(network: nn.Module, others: Mapping[str, Path], device: str) -> TextEncoder:
    """Make the text side from BiomedBERT's vocabulary, which has no capitals."""
    from videoengine.models.backbones.networks.clip import BertText, ImageText, QuickTower
    from videoengine.models.backbones.vocabulary import with_vocabulary
    from videoengine.models.backbones.wordpiece import WordPiece

    if not isinstance(network, ImageText):
        raise TypeError("the text side belongs to ImageText")
    name = "unimed-clip-vit-b16" if isinstance(network.visual, QuickTower) else "biomedclip"

    def make(path: Path) -> TextEncoder:
        words = WordPiece.from_file(path, lowercase=True, size=VOCABULARY)
        return BertText(network, words, LENGTHS[name], device)

    return with_vocabulary(name, f"https://huggingface.co/{BERT}", others, make)


def _card(name: str, licence: str, trained_on: str, seeds_row: str) -> ModelCard:
    card = ModelCard(
        name,
        "biomed-clip",
        1,
        licence=licence,
        weights=BIOMED if name == "biomedclip" else None,
        trained_on=trained_on,
        seeds_row=seeds_row,
    )
    return published(card, HOW, DIM, texts=True)


@register
def biomed_clip() -> tuple[Entry, ...]:
    """Both models; the second one's layout is inferred."""
    figures = "15 million figures and captions of PubMed Central"
    union = "UniMed: 5.3 million medical pictures with captions, six modalities"
    return (
        Entry(
            _card("biomedclip", "MIT", figures, "S103"),
            HOW,
            build_biomed,
            convert=convert,
            files=(hub_file(BIOMED, "open_clip_pytorch_model.bin"), hub_file(BERT, "vocab.txt")),
            page=f"https://huggingface.co/{BIOMED}",
            text=text_side,
            checked="open_clip's class for the published configuration: all keys, equal features",
        ),
        Entry(
            _card("unimed-clip-vit-b16", "see the repository", union, "C2"),
            HOW,
            build_unimed,
            convert=convert,
            within=("state_dict",),
            page=UNIMED_PAGE,
            text=text_side,
            checked="image side: open_clip's ViT-B-16-quickgelu; text side and mean are inferred",
        ),
    )
