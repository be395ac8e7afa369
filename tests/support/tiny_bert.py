"""A sentence-embedding folder of a few kilobytes, with weights drawn at random."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hook", "view", "when", "how", "long", "is", "##s"]
CONFIG: dict[str, Any] = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "vocab_size": len(WORDS),
    "hidden_size": 16,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 12,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
}


def write_tiny_bert(folder: Path, *, pooling: str | None = None) -> Path:
    """Write the folder; `pooling` is a key of sentence-transformers, None leaves the file out."""
    import torch
    from safetensors.torch import save_file

    from videoengine.models.backbones.networks.bert import Bert, BertShape

    folder.mkdir(parents=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Bert(BertShape(len(WORDS), 16, 2, 4, 12))
    save_file(network.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    if pooling is not None:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps({pooling: True}))
    return folder
