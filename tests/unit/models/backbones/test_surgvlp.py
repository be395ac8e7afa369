"""The text side of SurgVLP: the published pooling, written out word by word beside ours."""
# ruff: noqa: E402 - what needs torch is imported once it is there

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="pip install 'videoengine[models]'")

from videoengine.errors import ModelError
from videoengine.models.backbones import find
from videoengine.models.backbones.families.surgvlp import text_side
from videoengine.models.backbones.loading import untrained_for_tests
from videoengine.models.backbones.wordpiece import WordPiece

pytestmark = pytest.mark.torch
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hook", "dis", "##sect", "##s", "the", "cystic"]


@pytest.fixture
def words(tmp_path: Path) -> WordPiece:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(PIECES) + "\n")
    return WordPiece.from_file(path, lowercase=True, size=len(PIECES))


@pytest.fixture
def network() -> Any:
    from videoengine.models.backbones.networks.bert import BertShape
    from videoengine.models.backbones.networks.surgvlp import SurgVlp

    torch.manual_seed(2)
    return SurgVlp(BertShape(len(PIECES), 16, 6, 4, 80)).eval()


def pooled_word_by_word(layers: Any, ids: list[int]) -> Any:
    """(4, 77, D) to (D,): pieces added up to words, zeros behind [SEP], mean, sum over layers."""
    total = []
    for layer in layers:
        vectors: list[Any] = []
        for place, number in enumerate(ids):
            piece = PIECES[number]
            if piece.startswith("##"):
                vectors[-1] = vectors[-1] + layer[place]
            else:
                vectors.append(layer[place])
            if piece == "[SEP]":
                break
        empty = torch.zeros(len(ids) - len(vectors), layer.shape[1])
        total.append(torch.cat([torch.stack(vectors), empty]).mean(0))
    return torch.stack(total).sum(0)


def test_texts_are_pooled_as_published(network: Any, words: WordPiece) -> None:
    texts = ["the Hook dissects", "hook", "", "the " * 200]
    ids, attended = words.ids(texts, 77)
    assert [sum(row) for row in attended] == [7, 3, 2, 77]
    given = torch.tensor(ids), torch.tensor(attended)
    with torch.no_grad():
        found = network.encode_tokens(*given)
        layers = torch.stack(network.backbone_text["model"].hidden(*given)[-4:])
    for index in range(len(texts)):
        expected = pooled_word_by_word(layers[:, index], ids[index])
        torch.testing.assert_close(found[index], expected, atol=1e-6, rtol=1e-5)


def test_padding_changes_nothing_but_the_mean(network: Any, words: WordPiece) -> None:
    short = [torch.tensor(part) for part in words.ids(["the hook"], 12)]
    long = [torch.tensor(part) for part in words.ids(["the hook"], 24)]
    with torch.no_grad():
        ratio = network.encode_tokens(*short) / network.encode_tokens(*long)
    torch.testing.assert_close(ratio, torch.full_like(ratio, 2.0), atol=1e-3, rtol=0)


def test_without_a_vocabulary_only_texts_are_refused(network: Any) -> None:
    text = text_side("hecvl", network, {}, "cpu")
    with pytest.raises(
        ModelError, match=r"Put vocab\.txt of .*Bio_ClinicalBERT beside.*pull hecvl"
    ):
        text(["a hook"])


def test_the_vocabulary_of_another_model_is_refused(network: Any, tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(PIECES) + "\n")
    with pytest.raises(ModelError, match="10 pieces; allowed: 28996 pieces"):
        text_side("hecvl", network, {"vocab.txt": path}, "cpu")
    path.write_text("one\ntwo\n")
    with pytest.raises(ModelError, match=r"without \[CLS\]"):
        WordPiece.from_file(path, lowercase=True)


def test_pictures_pass_the_published_preprocessing() -> None:
    import numpy as np

    backbone = untrained_for_tests(find("peskavlp"), seed=1)
    frames = np.zeros((1, 480, 854, 3), np.uint8)
    assert backbone.encode_image(frames).shape == (1, 768)
    assert backbone.patch_grid(frames).shape == (1, 7, 7, 2048)
