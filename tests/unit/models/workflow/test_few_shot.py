"""Few-shot heads: frames chosen by seed, a gap that closes, prompts that learn."""
# ruff: noqa: E402 - what needs torch is imported once it is there

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'videoengine[models]'")

from torch.nn import functional

from videoengine.cards import ModelCard
from videoengine.errors import UsageError
from videoengine.models.backbones.backbone import NetworkBackbone
from videoengine.models.backbones.networks.bert import BertShape
from videoengine.models.backbones.networks.clip import BertText, ImageText, TextTower, TrunkTower
from videoengine.models.backbones.networks.vision_transformer import VisionShape, VisionTransformer
from videoengine.models.backbones.preprocessing import Preprocessing
from videoengine.models.backbones.wordpiece import SPECIAL, WordPiece
from videoengine.models.workflow.few_shot import check_method, fit_head
from videoengine.models.workflow.few_shot_biomedcoop import (
    START,
    Recipe,
    fit_biomedcoop,
    loss_of,
    name_of,
    selected,
)
from videoengine.models.workflow.few_shot_head import HeadCard
from videoengine.models.workflow.few_shot_linear import fit_linear
from videoengine.models.workflow.few_shot_samples import choose
from videoengine.models.workflow.few_shot_surg_ftda import (
    farthest_points,
    fit_surg_ftda,
    modality_gap,
    sentences_of,
)
from videoengine.models.workflow.prompts import PromptSet, read_prompts
from videoengine.models.workflow.zero_shot import ZeroShotHead, prompt_features

pytestmark = pytest.mark.torch
WORDS = "a photo of the colon polyp snare wall fold insertion withdrawal inspection found"
COLON = read_prompts("colonoscopy-phase")
CARD = HeadCard("linear", "phase", COLON.vocabulary.name, "tiny", "", "all", 3, ships=True)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> NetworkBackbone:
    """An image-text network of the stock classes, small, with random weights."""
    pieces = [*SPECIAL, *WORDS.split()]
    path = tmp_path_factory.mktemp("words") / "vocab.txt"
    path.write_text("\n".join(pieces) + "\n")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        text = TextTower(BertShape(len(pieces), 24, 2, 4, 40, pooler=False), 16)
        vision = VisionShape(dim=24, depth=1, heads=4, patch=16, grid=2)
        network = ImageText(TrunkTower(vision, 16), text)
    words = WordPiece.from_file(path, lowercase=True, size=len(pieces))
    side = BertText(network, words, 24, "cpu")
    card = ModelCard("tiny", "test", 1, trained_on="nothing: random weights, a test")
    return NetworkBackbone(card, Preprocessing((32, 32)), network, text=side)


class Apart:
    """Pictures and texts in two cones that do not touch, classes turned the same way in both."""

    card = ModelCard("apart", "test", 1)

    def __init__(self, prompts: PromptSet, dim: int = 24) -> None:
        rng = np.random.default_rng(2)
        count = len(prompts.terms)
        self.middles = rng.normal(size=(count, dim))
        self.shift = rng.normal(size=dim) * 3
        self.turn = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
        self.term = {text: k for k, said in enumerate(prompts.prompts) for text in said}

    def encode_image(self, frames: Any) -> Any:
        raise NotImplementedError

    def pictures(self, labels: Any, seed: int) -> Any:
        noise = np.random.default_rng(seed).normal(size=(len(labels), len(self.shift)))
        rows = (self.middles[labels] + 0.3 * noise) @ self.turn + self.shift
        return torch.tensor(rows, dtype=torch.float32)

    def encode_text(self, texts: Sequence[str]) -> Any:
        rng = np.random.default_rng(len(texts))
        rows = [self.middles[self.term[text]] for text in texts]
        return torch.tensor(np.stack(rows) + 0.05 * rng.normal(size=(len(rows), len(self.shift))))


def one_hot(labels: Any, classes: int) -> Any:
    return np.eye(classes, dtype=bool)[labels]


def test_shots_are_so_many_a_class_and_the_same_by_seed() -> None:
    labels = np.repeat(np.arange(5), (40, 3, 20, 10, 1))
    holds = one_hot(labels, 5)
    taken = choose(holds, 4, 7)
    assert np.bincount(labels[taken], minlength=5).tolist() == [4, 3, 4, 4, 1]
    np.testing.assert_array_equal(taken, choose(holds, 4, 7))
    assert taken.tolist() != choose(holds, 4, 8).tolist()
    assert len(choose(holds, None, 7)) == len(labels)
    with pytest.raises(UsageError, match="shots"):
        choose(holds, 0, 7)


def test_frames_that_show_nothing_are_a_class_of_their_own() -> None:
    holds = np.zeros((30, 2), bool)
    holds[:5, 0] = holds[3:8, 1] = True
    taken = choose(holds, 2, 1)
    assert (~holds[taken].any(axis=1)).sum() == 2
    assert holds[taken].sum(axis=0).min() >= 2


def test_a_linear_head_tells_classes_apart() -> None:
    space = Apart(COLON)
    labels = np.tile(np.arange(5), 8)
    network = fit_linear(space.pictures(labels, 1), one_hot(labels, 5))
    said = network(space.pictures(labels, 2)).argmax(1).numpy()
    assert (said == labels).mean() > 0.95


def test_farthest_points_take_one_of_each_cluster_first() -> None:
    middles = functional.normalize(torch.eye(6), dim=-1)
    rows = middles.repeat(10, 1) + 0.001 * torch.rand(60, 6, generator=torch.manual_seed(1))
    found = farthest_points(rows, 6, seed=4)
    assert sorted(found % 6) == list(range(6))
    np.testing.assert_array_equal(found, farthest_points(rows, 6, seed=4))
    assert len(set(farthest_points(rows, 100, seed=4))) == 60


def test_surg_ftda_closes_the_gap_and_beats_zero_shot_across_it() -> None:
    space = Apart(COLON)
    labels = np.tile(np.arange(5), 16)
    images, fresh = space.pictures(labels, 1), space.pictures(labels, 2)
    network = fit_surg_ftda(images, one_hot(labels, 5), space, COLON, seed=0)
    texts = prompt_features(space, COLON.prompts).float()
    with torch.no_grad():
        moved, said = network.aligned(fresh), network(fresh).argmax(1).numpy()
    assert modality_gap(moved, texts) < 0.5 * modality_gap(functional.normalize(fresh), texts)
    zero_shot = ZeroShotHead(space, COLON).logits_of(fresh).argmax(1)
    assert (said == labels).mean() > (zero_shot == labels).mean() + 0.2
    again = fit_surg_ftda(images, one_hot(labels, 5), space, COLON, seed=0)
    for key, value in network.state_dict().items():
        torch.testing.assert_close(value, again.state_dict()[key], rtol=0, atol=0)


def test_sentences_name_every_set_of_instruments_and_none() -> None:
    prompts = read_prompts("cholect50-instrument")
    targets = np.zeros((2, 6), bool)
    targets[0, [0, 2]] = True
    said = sentences_of(prompts, targets)
    both = said.holds.sum(axis=1) == 2
    assert both.sum() == 3
    assert " and " in said.texts[int(np.flatnonzero(both)[0])]
    assert (~said.holds.any(axis=1)).sum() == len(prompts.nothing)
    with pytest.raises(UsageError, match="nothing ="):
        sentences_of(dataclasses.replace(prompts, nothing=()), targets)


def test_the_words_own_vectors_as_context_change_nothing(tiny: NetworkBackbone) -> None:
    side: Any = tiny.text_side
    context = side.context_of(START)
    assert context.shape == (4, 24)
    texts = [f"{START} polyp", f"{START} snare fold"]
    with torch.no_grad():
        found = side.with_context(texts, context)
    torch.testing.assert_close(found, tiny.encode_text(texts), rtol=0, atol=0)
    other = side.with_context(texts, 2 * context)
    assert not torch.allclose(other, found)


def test_context_learns_what_a_picture_is_called(tiny: NetworkBackbone) -> None:
    side: Any = tiny.text_side
    labels = np.tile(np.arange(5), 3)
    pictures = torch.randn(5, 16, generator=torch.manual_seed(3))[labels]
    how = Recipe(epochs=12, rate=0.05, consistency=0, distillation=0)
    losses: list[float] = []
    for epochs in (1, how.epochs):
        network = fit_biomedcoop(
            pictures, labels, side, COLON, seed=1, recipe=dataclasses.replace(how, epochs=epochs)
        )
        logits = network(pictures)
        losses.append(float(functional.cross_entropy(logits, torch.from_numpy(labels))))
    assert losses[1] < losses[0]
    assert all(p.grad is None for p in tiny.network.parameters())


def test_without_its_own_terms_the_loss_is_coop() -> None:
    draw = torch.Generator().manual_seed(2)
    images, texts = (functional.normalize(torch.randn(n, 8, generator=draw)) for n in (4, 3))
    said = functional.normalize(torch.randn(3, 5, 8, generator=draw), dim=-1)
    truth = torch.tensor([0, 2, 1, 1])
    plain = loss_of(images, truth, texts, said, 100.0, Recipe(consistency=0, distillation=0))
    torch.testing.assert_close(plain, functional.cross_entropy(100 * images @ texts.T, truth))
    middle = functional.normalize(said.mean(1), dim=-1)
    pulled = loss_of(images, truth, texts, said, 100.0, Recipe(distillation=0)) - plain
    torch.testing.assert_close(pulled, 0.75 * functional.mse_loss(texts, middle))


def test_a_prompt_whose_scores_are_outliers_does_not_teach() -> None:
    scores = torch.tensor([20.0, 20.5, 21.0, 19.5, 20.2, 60.0])
    assert selected(scores).tolist() == [True] * 5 + [False]
    assert selected(torch.full((4,), 20.0)).all()


def test_names_of_terms_are_words() -> None:
    assert name_of("CalotTriangleDissection") == "calot triangle dissection"
    assert name_of("polyp found") == "polyp found"


def test_methods_with_texts_refuse_what_has_none(tiny: NetworkBackbone) -> None:
    mute = NetworkBackbone(tiny.card, tiny.preprocessing, VisionTransformer(VisionShape(24, 1, 4)))
    name = COLON.vocabulary.name
    check_method("linear", "phase", mute, None, name)
    with pytest.raises(UsageError, match="text side"):
        check_method("surg_ftda", "phase", mute, COLON, name)
    with pytest.raises(UsageError, match="--prompts"):
        check_method("surg_ftda", "phase", tiny, None, name)
    with pytest.raises(UsageError, match="one class a frame"):
        check_method("biomedcoop", "instrument", tiny, COLON, name)
    uneven = dataclasses.replace(COLON, prompts=(("a",), *COLON.prompts[1:]))
    with pytest.raises(UsageError, match="same number"):
        fit_head(
            torch.rand(5, 16), np.eye(5, dtype=bool), tiny,
            dataclasses.replace(CARD, method="biomedcoop"), prompts=uneven,
        )  # fmt: skip


@pytest.mark.parametrize("method", ["linear", "surg_ftda", "biomedcoop"])
def test_a_head_reads_back_what_it_wrote(
    tiny: NetworkBackbone, tmp_path: Path, method: Any
) -> None:
    from videoengine.models.workflow.few_shot_head import load_head

    features = torch.randn(5, 16, generator=torch.manual_seed(4))
    card = dataclasses.replace(CARD, method=method)
    head = fit_head(
        features, np.eye(5, dtype=bool), tiny, card, prompts=COLON, recipe=Recipe(epochs=1)
    )
    path = tmp_path / "head.safetensors"
    head.save(path)
    again = load_head(path)
    assert again.card == head.card
    np.testing.assert_array_equal(again.logits_of(features), head.logits_of(features))
    np.testing.assert_allclose(again.probabilities_of(features).sum(axis=1), 1.0)
