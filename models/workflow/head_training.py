"""Teaching a temporal head: phases or steps over any backbone's features, as they happen."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from videoengine.errors import UsageError
from videoengine.models.workflow.few_shot_head import TEMPORAL, FewShotHead, HeadCard, Task
from videoengine.models.workflow.few_shot_networks import Recurrent
from videoengine.models.workflow.few_shot_samples import SIMULATED, FrameEncoder, one_vocabulary
from videoengine.models.workflow.head_courses import NONE, HeadCourse
from videoengine.models.workflow.temporal_training import (
    BATCH,
    Floats,
    Watched,
    fit_temperature,
    stay_of,
    train_phases,
)

STEPS: Final = 600
"""Of training, by default."""
SQUEEZED: Final = 256
"""Longer features are squeezed to so many."""
HIDDEN: Final = 128
LAYERS: Final = 2
AT_ONCE: Final = 16 * 600
"""Seconds of video in a step of training, at most: long videos go through in smaller batches."""


def train_temporal(
    courses: Sequence[HeadCourse],
    backbone: FrameEncoder,
    *,
    task: Task,
    procedures: Sequence[str],
    seed: int = 0,
    steps: int = STEPS,
) -> FewShotHead:
    """Learn a temporal head from whole videos.

    Args:
        courses: As `read_course` read them over this backbone; at least one.
        backbone: What encoded.
        task: What the labels are of.
        procedures: Those that the videos show.
        seed: Of every draw.
        steps: Of training.

    Raises:
        UsageError: The videos speak of different vocabularies.
    """
    labelled = [one.labelled for one in courses]
    classes = len(one_vocabulary(labelled).labels)
    features = np.concatenate([one.features for one in courses]).astype(np.float32)
    dim = features.shape[1]
    sizes = {
        "features": dim, "classes": classes, "squeezed": min(dim, SQUEEZED), "hidden": HIDDEN,
        "layers": LAYERS,
    }  # fmt: skip
    spread = features.std(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Recurrent(*sizes.values())
        network.mean = torch.from_numpy(features.mean(0))
        network.spread = torch.from_numpy(np.where(spread > 0, spread, np.float32(1)))
        videos = [_watched(one, network) for one in courses]
        longest = max(len(one.features) for one in courses)
        batch = max(1, min(BATCH, AT_ONCE // longest))
        train_phases(network.network, videos, steps=steps, seed=seed, batch=batch)
    network.stay = stay_of(videos, classes)
    card = HeadCard(
        TEMPORAL,
        task,
        labelled[0].terms.name,
        backbone.card.id,
        backbone.card.model_hash,
        "all",
        seed,
        ships=all(one.kind == SIMULATED for one in labelled),
        frames=tuple(one.used(np.arange(len(one.pts_ns))) for one in labelled),
        sizes=sizes,
        preprocessing=backbone.card.preprocessing,
        procedures=tuple(sorted(procedures)),
    )
    return FewShotHead(card, network)


def _watched(course: HeadCourse, network: Recurrent) -> Watched:
    """Return a course as `train_phases` takes it: no instruments, nothing known of what comes."""
    known = np.full((len(course.features), 5), NONE, np.float32)
    known[:, 0], known[:, 1] = course.seconds, course.truth
    features: Floats = network.scaled(torch.from_numpy(course.features.astype(np.float32))).numpy()
    return Watched("", features, np.zeros((len(features), 0), np.float32), known)


@torch.no_grad()
def follow_course(head: FewShotHead, course: HeadCourse) -> Tensor:
    """Return the logits (N, K) of a temporal head at the annotated steps of a video.

    Raises:
        UsageError: The head is of another method.
    """
    network = head.network
    if not isinstance(network, Recurrent):
        raise UsageError("Only a temporal head follows a video", got=head.card.method)
    features = torch.from_numpy(course.features.astype(np.float32))
    logits, _ = network.follow(features, torch.from_numpy(course.seconds), network.start())
    return logits[torch.from_numpy(course.rows)]


def calibrate(head: FewShotHead, courses: Sequence[HeadCourse]) -> FewShotHead:
    """Return a temporal head whose probabilities were fitted on videos that did not teach it.

    Raises:
        UsageError: A video taught the head, or speaks of other terms.
    """
    labelled = [one.labelled for one in courses]
    for one in labelled:
        if any(used.is_of(one.uri, one.content) for used in head.card.frames):
            raise UsageError(
                "A video that taught the head cannot calibrate it", got=one.uri,
                allowed="videos that are not among the sources",
            )  # fmt: skip
    if one_vocabulary(labelled).name != head.card.vocabulary:
        raise UsageError(
            "The head speaks of other terms than the videos that calibrate it",
            got=labelled[0].terms.name,
            allowed=head.card.vocabulary,
        )
    logits = torch.cat([follow_course(head, one) for one in courses])
    wanted = torch.cat([torch.from_numpy(one.labelled.holds.argmax(1)) for one in courses])
    network = head.network
    assert isinstance(network, Recurrent)
    network.temperature = network.temperature * fit_temperature(logits, wanted)
    real = "simulated" if all(one.kind == SIMULATED for one in labelled) else "real"
    said = (
        f"temperature fitted on {len(wanted)} frames of {len(courses)} {real} videos that did not "
        "teach the head; on other video not calibrated"
    )
    return FewShotHead(dataclasses.replace(head.card, calibration=said), network)
