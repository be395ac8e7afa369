"""The file of a head: whole or not at all, and only over the backbone it learned from."""
# ruff: noqa: E402 - what needs torch is imported once it is there

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'videoengine[models]'")

from safetensors.torch import save_file

from videoengine.cards import ModelCard
from videoengine.errors import ModelError, UsageError
from videoengine.models.backbones.checkpoint import read_checkpoint
from videoengine.models.workflow.few_shot_head import (
    HEADER,
    FewShotHead,
    HeadCard,
    Used,
    load_head,
)
from videoengine.models.workflow.few_shot_networks import Logistic

pytestmark = pytest.mark.torch
BACKBONE = ModelCard("tiny", "test", 1, weights_sha256="ab")
CARD = HeadCard(
    "linear",
    "instrument",
    "cholect50/instrument@1",
    "tiny",
    BACKBONE.model_hash,
    "4",
    2,
    ships=False,
    frames=(Used("dataset://x?video=a", "c0", (0, 10)), Used("sim://y", "", (5,))),
    sizes={"features": 3, "classes": 6},
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "head.safetensors"
    FewShotHead(CARD, Logistic(3, 6)).save(made)
    return made


def rewrite(path: Path, change: Callable[[dict[str, Any], dict[str, str]], None]) -> None:
    read = read_checkpoint(path)
    tensors, metadata = dict(read.tensors), dict(read.metadata)
    change(tensors, metadata)
    save_file(tensors, path, metadata)


def test_a_head_of_real_frames_says_that_it_does_not_ship(path: Path) -> None:
    (header,) = read_checkpoint(path).metadata.values()
    assert json.loads(header)["ships"] == "no"
    assert load_head(path).card == CARD


def test_a_head_knows_the_frames_it_learned_from(path: Path) -> None:
    head = load_head(path)
    assert head.learned_from("dataset://elsewhere?video=a", "c0") == (0, 10)
    assert head.learned_from("dataset://x?video=a", "c1") == ()
    assert head.learned_from("sim://y", "") == (5,)


def test_a_head_refuses_another_backbone_and_other_features(path: Path) -> None:
    head = load_head(path)
    head.check_backbone(BACKBONE)
    with pytest.raises(ModelError, match="another backbone"):
        head.check_backbone(dataclasses.replace(BACKBONE, weights_sha256="cd"))
    with pytest.raises(UsageError, match="features"):
        head.logits_of(torch.zeros(2, 4))


def _card(**changes: Any) -> Callable[[dict[str, Any], dict[str, str]], None]:
    def change(_: dict[str, Any], metadata: dict[str, str]) -> None:
        metadata[HEADER] = json.dumps({**json.loads(metadata[HEADER]), **changes})

    return change


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda t, _: t.pop("mean"), "1 missing"),
        (lambda t, _: t.update(more=torch.zeros(1)), "1 left over"),
        (lambda t, _: t.update(mean=torch.zeros(4)), "1 misshapen"),
        (lambda t, _: t.update(mean=torch.full((3,), float("nan"))), "not finite"),
        (_card(format="other@1"), "no few-shot head"),
        (lambda _, m: m.clear(), "no few-shot head"),
        (lambda _, m: m.update({HEADER: "{"}), "damaged"),
        (_card(method="magic"), "damaged"),
        (_card(vocabulary="none@1"), "damaged"),
        (_card(seed="2"), "damaged"),
        (_card(frames=[{}]), "damaged"),
        (_card(sizes={"features": 3}), "does not fit its vocabulary"),
        (_card(sizes={"features": -3, "classes": 6}), "sizes"),
        (_card(sizes={"features": 3, "classes": 6, "texts": 1}), "sizes"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(path: Path, change: Any, word: str) -> None:
    rewrite(path, change)
    with pytest.raises(ModelError, match=word):
        load_head(path)


def test_a_file_that_is_cut_short_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ModelError, match="cut short"):
        load_head(path)
