"""BiomedCoOp: a few word vectors are learned in front of the names of the classes.

Published (Koleilat et al., BiomedCoOp, CVPR 2025, and its code): four vectors that begin as "a
photo of a"; cross-entropy, plus 0.75 × the squared distance to the mean of each class's prompts,
plus 0.75 × the divergence from a frozen zero-shot teacher made of the prompts whose scores are no
outliers; SGD at 0.0025, 100 epochs, batches of 4. Here the pictures are encoded once, without
random crops, and the prompts are those of the prompt file, a handful a class instead of the fifty
that a language model wrote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from videoengine.errors import UsageError
from videoengine.models.backbones.backbone import PromptableText
from videoengine.models.workflow.few_shot_networks import Prompted
from videoengine.models.workflow.prompts import PromptSet

START: Final = "a photo of a"
OUTLIER: Final = 1.5
"""Prompts whose scores lie farther out, in standard deviations, teach nothing."""
TINY: Final = 1e-8
_WORD: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the context is learned; as published."""

    epochs: int = 100
    batch: int = 4
    rate: float = 0.0025
    consistency: float = 0.75
    """Weight of the distance to the mean of the prompts; with both weights 0 this is CoOp."""
    distillation: float = 0.75
    """Weight of the divergence from the teacher."""


def fit_biomedcoop(
    features: Tensor,
    labels: NDArray[np.int64],
    text: PromptableText,
    prompts: PromptSet,
    *,
    seed: int,
    recipe: Recipe | None = None,
) -> Prompted:
    """Learn the context from pictures with one label each.

    Args:
        features: Of the pictures, (N, D).
        labels: Class of each, (N,).
        text: The text side, whose words can be replaced.
        prompts: The same number of sentences for every term.
        seed: Of the order of the pictures.
        recipe: Of the training, by default as published.

    Raises:
        UsageError: The prompts cannot be used.
    """
    how = Recipe() if recipe is None else recipe
    said = _ensemble(text, prompts)
    images = functional.normalize(features.detach().float().cpu(), dim=-1)
    truth = torch.from_numpy(labels)
    names = [f"{START} {name_of(term)}" for term in prompts.terms]
    context = text.context_of(START).detach().clone().requires_grad_(True)
    optimizer = torch.optim.SGD([context], lr=how.rate, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, how.epochs)
    order = torch.Generator().manual_seed(seed)
    for _ in range(how.epochs):
        turns = torch.randperm(len(images), generator=order)
        for part in torch.split(turns, how.batch):
            texts = functional.normalize(text.with_context(names, context).cpu(), dim=-1)
            loss = loss_of(images[part], truth[part], texts, said, text.logit_scale, how)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        schedule.step()
    network = Prompted(images.shape[1], len(names), *context.shape)
    with torch.no_grad():
        learned = functional.normalize(text.with_context(names, context).cpu(), dim=-1)
    scale = torch.tensor(text.logit_scale)
    network.load_state_dict({"texts": learned, "context": context.detach().cpu(), "scale": scale})
    return network


def loss_of(
    images: Tensor, truth: Tensor, texts: Tensor, said: Tensor, scale: float, how: Recipe
) -> Tensor:
    """Return the loss of a batch.

    Args:
        images: Unit vectors (B, D).
        truth: Classes (B,).
        texts: Unit vectors of the learned prompts, (K, D).
        said: Unit vectors of the written prompts, (K, P, D).
        scale: What cosines are multiplied by.
        how: Weights of the parts.
    """
    logits = scale * images @ texts.T
    loss = functional.cross_entropy(logits, truth)
    if how.consistency:
        middle = functional.normalize(said.mean(1), dim=-1)
        loss = loss + how.consistency * functional.mse_loss(texts, middle)
    if how.distillation:
        scores = scale * torch.einsum("bd,kpd->bpk", images, said)
        kept = said[:, selected(scores.amax(-1).mean(0))]
        teacher = scale * images @ functional.normalize(kept.mean(1), dim=-1).T
        loss = loss + how.distillation * functional.kl_div(
            logits.log_softmax(-1), teacher.log_softmax(-1), reduction="batchmean", log_target=True
        )
    return loss


def selected(scores: Tensor) -> Tensor:
    """Return which prompts teach, bool (P,): those whose score (P,) is no outlier.

    The score is centered on the median, divided by the median deviation, then standardized.
    """
    away = scores - scores.quantile(0.5)
    away = away / (away.abs().quantile(0.5) + TINY)
    spread = away.std(correction=0)
    kept = ((away - away.mean()) / (spread + TINY)).abs() <= OUTLIER
    return kept if bool(kept.any()) else torch.ones_like(kept)


def name_of(term: str) -> str:
    """Return a term as words: CalotTriangleDissection as calot triangle dissection."""
    return " ".join(_WORD.findall(term)).lower()


def _ensemble(text: PromptableText, prompts: PromptSet) -> Tensor:
    """Return the unit vectors of the written prompts, (K, P, D)."""
    counts = {len(said) for said in prompts.prompts}
    if len(counts) != 1:
        raise UsageError(
            f"BiomedCoOp takes the same number of prompts for every term; {prompts.name}",
            got=f"{sorted(counts)} prompts" if counts else "observations",
            allowed="one number, [prompts]",
        )
    with torch.no_grad():
        rows = [text.with_context(list(said), None).float().cpu() for said in prompts.prompts]
    return functional.normalize(torch.stack(rows), dim=-1)
