"""Surg-FTDA: few pairs of pictures and texts close the gap, then texts alone teach the classes.

Published (CAMMA-public/Surg-FTDA): anchors by farthest-point sampling, an aligner of three layers
with 128 hidden units, mean squared error, Adam at 1e-3, 15 epochs of batches of 16 over 500
anchors; a GPT-2 that writes the answer is trained on texts. Here the classes are read off by a
logistic classifier instead of written, and with fewer anchors the epochs are more, so that the
number of steps stays that of the release.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from videoengine.errors import UsageError
from videoengine.models.readouts import LogisticReadout
from videoengine.models.workflow.few_shot_linear import buffers_of
from videoengine.models.workflow.few_shot_networks import Aligned
from videoengine.models.workflow.prompts import PromptSet
from videoengine.models.workflow.zero_shot import ImageTextBackbone, unit_features

ANCHORS: Final = 500
BATCH: Final = 16
EPOCHS: Final = 15
STEPS: Final = EPOCHS * -(-ANCHORS // BATCH)
"""Of the release: 15 epochs over 500 anchors."""
RATE: Final = 1e-3
PENALTY: Final = 1e-2
"""Of the classifier; texts are few and well apart."""


@dataclass(frozen=True, slots=True)
class Sentences:
    """Texts that stand for sets of terms."""

    texts: tuple[str, ...]
    holds: NDArray[np.bool_]
    """(N, K)."""


def farthest_points(features: Tensor, number: int, seed: int) -> NDArray[np.int64]:
    """Return the rows that farthest-point sampling takes from unit vectors (N, D), in its order.

    The first one is drawn with the seed; each next one lies farthest from all before.
    """
    count = min(number, len(features))
    chosen = [int(np.random.default_rng(seed).integers(len(features)))]
    near = (features - features[chosen[0]]).norm(dim=-1)
    for _ in range(count - 1):
        chosen.append(int(near.argmax()))
        near = torch.minimum(near, (features - features[chosen[-1]]).norm(dim=-1))
    return np.array(chosen, np.int64)


def modality_gap(images: Tensor, texts: Tensor) -> float:
    """Return the distance between the means of two sets of unit vectors (Liang et al., 2022)."""
    return float((images.mean(0) - texts.mean(0)).norm())


def sentences_of(prompts: PromptSet, targets: NDArray[np.bool_]) -> Sentences:
    """Return the texts of every term and of every set of terms that a row of (N, K) holds.

    Raises:
        UsageError: The file holds observations, or some row holds nothing and it says nothing of
            that.
    """
    if not prompts.prompts:
        raise UsageError("Surg-FTDA learns from prompts", got=f"observations in {prompts.name}")
    single = np.eye(len(prompts.prompts), dtype=bool)
    texts: list[str] = []
    holds: list[NDArray[np.bool_]] = []
    for row in np.unique(np.concatenate((single, targets.astype(bool))), axis=0):
        said = _said(prompts, row)
        texts += said
        holds += [row] * len(said)
    return Sentences(tuple(texts), np.stack(holds))


def fit_surg_ftda(
    features: Tensor,
    targets: NDArray[np.bool_],
    backbone: ImageTextBackbone,
    prompts: PromptSet,
    *,
    seed: int,
) -> Aligned:
    """Learn the aligner from pictures beside texts, then the classes from texts alone.

    Args:
        features: Of labelled pictures, (N, D).
        targets: What holds in them, (N, K).
        backbone: Whose text side encodes the prompts.
        prompts: Sentences of every term.
        seed: Of the anchors, the weights and the order.
    """
    said = sentences_of(prompts, targets)
    texts = unit_features(backbone, said.texts).float().cpu()
    images = functional.normalize(features.detach().float().cpu(), dim=-1)
    anchors = farthest_points(images, ANCHORS, seed)
    pairs = np.array(
        [_text_of(said, targets[row], turn) for turn, row in enumerate(anchors)], np.int64
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Aligned(images.shape[1], targets.shape[1], texts.shape[1])
        _align(network, images[anchors], texts[pairs])
    readout = LogisticReadout.fit(texts.numpy(), said.holds, penalty=PENALTY)
    network.classifier.load_state_dict(buffers_of(readout))
    return network


def _align(network: Aligned, images: Tensor, texts: Tensor) -> None:
    """Teach the aligner to bring each picture to its text."""
    optimizer = torch.optim.Adam(network.aligner.parameters(), lr=RATE)
    steps = 0
    while steps < STEPS:
        for part in torch.split(torch.randperm(len(images)), BATCH):
            loss = functional.mse_loss(network.aligner(images[part]), texts[part])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            steps += 1


def _said(prompts: PromptSet, row: NDArray[np.bool_]) -> list[str]:
    terms = np.flatnonzero(row)
    if not len(terms):
        if not prompts.nothing:
            raise UsageError(
                "Some frames show none of the terms, and the prompts have no words for that",
                got=prompts.name,
                remedy='Add nothing = ["…"] to the prompt file.',
            )
        return list(prompts.nothing)
    sides = [prompts.prompts[term] for term in terms]
    return [
        " and ".join(side[turn % len(side)] for side in sides)
        for turn in range(max(map(len, sides)))
    ]


def _text_of(said: Sentences, row: NDArray[np.bool_], turn: int) -> int:
    """Return which text stands for a picture; those that could take turns."""
    fitting = np.flatnonzero((said.holds == row.astype(bool)).all(axis=1))
    return int(fitting[turn % len(fitting)])
