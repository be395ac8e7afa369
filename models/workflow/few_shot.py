"""Few-shot heads: a backbone stays as it is, a handful of labelled frames teach the rest."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from videoengine.errors import UsageError
from videoengine.models.backbones.backbone import NetworkBackbone, PromptableText
from videoengine.models.workflow.few_shot_biomedcoop import Recipe, fit_biomedcoop
from videoengine.models.workflow.few_shot_head import ONE_A_FRAME, FewShotHead, HeadCard, Task
from videoengine.models.workflow.few_shot_linear import fit_linear
from videoengine.models.workflow.few_shot_networks import Method
from videoengine.models.workflow.few_shot_samples import (
    SIMULATED,
    FrameEncoder,
    Labelled,
    Tell,
    choose,
    encode,
    one_vocabulary,
)
from videoengine.models.workflow.few_shot_surg_ftda import fit_surg_ftda
from videoengine.models.workflow.prompts import PromptSet

ALL: Final = "all"
"""In place of a number of shots: every labelled frame."""
TEXT_METHODS: Final[tuple[Method, ...]] = ("surg_ftda", "biomedcoop")
"""Methods that need the text side of the backbone, and prompts."""


def train_head(
    sources: Sequence[Labelled],
    backbone: FrameEncoder,
    *,
    method: Method,
    task: Task,
    shots: int | None,
    seed: int,
    rate_hz: float = 1.0,
    procedures: Sequence[str] = (),
    prompts: PromptSet | None = None,
    recipe: Recipe | None = None,
    tell: Tell | None = None,
) -> FewShotHead:
    """Choose frames, encode them and learn a head from them.

    Args:
        sources: What is true of them, as `read_labels` found it.
        backbone: What encodes; for `surg_ftda` and `biomedcoop` with a text side.
        method: How the head learns.
        task: What the labels are of.
        shots: Labelled frames a class, over all sources together; None for all.
        seed: Of the choice and of the training.
        rate_hz: As the labels were read.
        procedures: Those that the sources show; the head speaks of no other.
        prompts: What is said of the terms, for the methods with texts.
        recipe: Of BiomedCoOp, by default as published.
        tell: Called after each frame that is read.

    Raises:
        UsageError: The call does not fit together, or no frame is labelled.
    """
    terms = one_vocabulary(sources)
    check_method(method, task, backbone, prompts, terms.name)
    holds = np.concatenate([one.holds for one in sources])
    starts = np.cumsum([0, *(len(one.holds) for one in sources)])
    chosen = choose(holds, shots, seed)
    parts: list[Tensor] = []
    used: list[tuple[Labelled, NDArray[np.int64]]] = []
    for number, source in enumerate(sources):
        low, high = starts[number], starts[number + 1]
        rows = chosen[(chosen >= low) & (chosen < high)] - low
        if len(rows):
            parts.append(encode(source, rows, backbone, rate_hz=rate_hz, tell=tell))
            used.append((source, rows))
    features, targets = torch.cat(parts), holds[chosen]
    card = HeadCard(
        method,
        task,
        terms.name,
        backbone.card.id,
        backbone.card.model_hash,
        ALL if shots is None else str(shots),
        seed,
        ships=all(source.kind == SIMULATED for source, _ in used),
        frames=tuple(source.used(rows) for source, rows in used),
        preprocessing=backbone.card.preprocessing,
        procedures=tuple(sorted(procedures)),
    )
    return fit_head(features, targets, backbone, card, prompts=prompts, recipe=recipe)


def fit_head(
    features: Tensor,
    targets: NDArray[np.bool_],
    backbone: FrameEncoder,
    card: HeadCard,
    *,
    prompts: PromptSet | None = None,
    recipe: Recipe | None = None,
) -> FewShotHead:
    """Learn a head from features (N, D) and what holds (N, K); `card` says all but the sizes."""
    check_method(card.method, card.task, backbone, prompts, card.vocabulary)
    sizes = {"features": features.shape[1], "classes": targets.shape[1]}
    network: nn.Module
    if card.method == "linear":
        network = fit_linear(features, targets)
    elif not isinstance(backbone, NetworkBackbone) or prompts is None:
        raise TypeError("check_method lets no such backbone pass")
    elif card.method == "surg_ftda":
        network = fit_surg_ftda(features, targets, backbone, prompts, seed=card.seed)
        sizes["texts"] = network.classifier.mean.shape[0]
    else:
        text = backbone.text_side
        if not isinstance(text, PromptableText):
            raise TypeError("check_method lets no such text side pass")
        labels = targets.argmax(1)
        network = fit_biomedcoop(features, labels, text, prompts, seed=card.seed, recipe=recipe)
        sizes["context"], sizes["words"] = network.context.shape
    name = "" if prompts is None or card.method == "linear" else prompts.name
    return FewShotHead(dataclasses.replace(card, sizes=sizes, prompts=name), network)


def check_method(
    method: Method, task: Task, backbone: FrameEncoder, prompts: PromptSet | None, terms: str
) -> None:
    """Raise UsageError unless a method can learn this task from this backbone and these prompts."""
    if method not in TEXT_METHODS:
        return
    text = backbone.text_side if isinstance(backbone, NetworkBackbone) else None
    if text is None:
        raise UsageError(
            f"{method} needs a backbone with a text side",
            got=backbone.card.id,
            allowed="models of `videoengine models list` that take texts; or --method linear",
        )
    if prompts is None or prompts.vocabulary.name != terms:
        raise UsageError(
            f"{method} needs prompts for {terms}",
            got="none" if prompts is None else f"{prompts.name}, for {prompts.vocabulary.name}",
            remedy="Give a prompt file: --prompts FILE.",
        )
    if method == "biomedcoop" and task not in ONE_A_FRAME:
        raise UsageError(
            "biomedcoop learns one class a frame",
            got=task,
            allowed="phase, step; or another method",
        )
    if method == "biomedcoop" and not isinstance(text, PromptableText):
        raise UsageError(
            "The text side of this backbone takes no learned words",
            got=backbone.card.id,
            allowed="surgvlp, hecvl, peskavlp, biomedclip, unimed-clip-vit-b16",
        )
