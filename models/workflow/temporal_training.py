"""Teaching phases over time, on what the frame network says of whole procedures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from videoengine.models.workflow.bundled import as_batch
from videoengine.models.workflow.network import Answers, FrameNetwork
from videoengine.models.workflow.samples import NONE, Samples
from videoengine.models.workflow.temporal import Course, PhaseNetwork
from videoengine.models.workflow.terms import slots_of, terms_of

BATCH: Final = 16
"""Pictures that the frame network answers at once, and videos in a step."""
CUT: Final = 0.3
"""Share of the videos that begin somewhere in the middle, their clock with them, as clips do."""
WARPED: Final = 0.3
"""Share of the videos whose clock runs at another speed."""
WEIGHTS: Final = {"phase": 1.0, "following": 0.3, "phase_left": 0.2, "left": 0.2}
PRIOR: Final = 0.5
"""Counted to every change of phase that was never seen."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Watched:
    """What the frame network said of one video, a picture a second, and what is true of it."""

    procedure: str
    features: Floats
    """(T, D)."""
    presence: Floats
    """(T, instruments of the procedure), probabilities."""
    course: Floats
    """(T, 5), as in `Samples`."""


@torch.inference_mode()
def answers_of(network: FrameNetwork, samples: Samples) -> Iterator[tuple[int, Answers]]:
    """Yield the number of the first picture of each batch of a set, and the network's answers."""
    for first in range(0, len(samples), BATCH):
        numbers = range(first, min(first + BATCH, len(samples)))
        yield first, network(as_batch([samples.picture(number) for number in numbers]))


def watch(network: FrameNetwork, samples: Samples) -> Watched:
    """Return what the network says of a whole set."""
    start = slots_of(samples.procedure).instrument
    end = start + len(terms_of(samples.procedure).instrument.labels)
    features: list[Floats] = []
    presence: list[Floats] = []
    for _, answers in answers_of(network, samples):
        features.append(answers.features.numpy())
        presence.append(answers.presence[:, start:end].sigmoid().numpy())
    return Watched(
        samples.procedure, np.concatenate(features), np.concatenate(presence), samples.course
    )


def train_phases(
    network: PhaseNetwork,
    videos: Sequence[Watched],
    *,
    steps: int,
    seed: int = 1,
    rate: float = 1e-3,
    batch: int = BATCH,
) -> PhaseNetwork:
    """Teach a temporal network in place, and return it ready to answer.

    Args:
        network: Of the procedure that the videos show.
        videos: At least one.
        steps: Of `batch` videos each.
        seed: Of every draw.
        rate: Of learning, at its highest.
        batch: Videos in a step.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    network.train()
    for _ in range(steps):
        chosen = [videos[k] for k in rng.integers(len(videos), size=batch)]
        features, presence, clock, truth = _batch(chosen, rng)
        said, _ = network(features, presence, clock, network.start(batch))
        terms = phase_losses(said, truth)
        total = torch.stack([WEIGHTS[name] * term for name, term in terms.items()]).sum()
        optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return network.eval()


def _batch(videos: Sequence[Watched], rng: np.random.Generator) -> tuple[Tensor, ...]:
    """Return features, presence, clock and truth, (B, T, …); after a video's end truth is NONE."""
    starts = [
        int(rng.integers(len(video.course) // 2)) if rng.random() < CUT else 0 for video in videos
    ]
    longest = max(len(video.course) - start for video, start in zip(videos, starts, strict=True))

    def filled(rows: Sequence[Floats], value: float) -> Tensor:
        out = np.full((len(rows), longest, rows[0].shape[1]), value, np.float32)
        for place, row in enumerate(rows):
            out[place, : len(row)] = row
        return torch.from_numpy(out)

    features = filled([v.features[s:] for v, s in zip(videos, starts, strict=True)], 0.0)
    presence = filled([v.presence[s:] for v, s in zip(videos, starts, strict=True)], 0.0)
    truth = filled([v.course[s:] for v, s in zip(videos, starts, strict=True)], float(NONE))
    speed = np.where(
        rng.random(len(videos)) < WARPED, np.exp(rng.normal(0.0, 0.5, len(videos))), 1.0
    )
    clock = torch.arange(longest, dtype=torch.float32) * torch.from_numpy(speed).float()[:, None]
    features = features + 0.05 * features.std() * torch.randn(features.shape)
    return features, presence, clock, truth


def phase_losses(said: Course, truth: Tensor) -> dict[str, Tensor]:
    """Return the terms of the loss, unweighted; `truth` is (B, T, 5), NONE where not known.

    A term of which nothing is known is left out.
    """
    losses: dict[str, Tensor] = {}
    for name, logits, column in (("phase", said.phase, 1), ("following", said.following, 2)):
        wanted = truth[..., column].long()
        if not bool((wanted != NONE).any()):
            continue
        losses[name] = functional.cross_entropy(
            logits.flatten(0, 1), wanted.flatten(), ignore_index=NONE
        )
    for name, value, column in (("phase_left", said.phase_left, 3), ("left", said.left, 4)):
        seconds = truth[..., column]
        known = seconds >= 0
        if not bool(known.any()):
            continue
        wanted = torch.log1p(seconds.clamp(min=0.0) / 60.0)
        losses[name] = functional.smooth_l1_loss(value[known], wanted[known], beta=0.1)
    return losses


@torch.inference_mode()
def follow(network: PhaseNetwork, video: Watched) -> Course:
    """Return what the network says of a video from its beginning, (1, T, …)."""
    clock = torch.arange(len(video.course), dtype=torch.float32)[None]
    inputs = (torch.from_numpy(x)[None] for x in (video.features, video.presence))
    said, _ = network(*inputs, clock, network.start())
    course: Course = said
    return course


def stay_of(videos: Sequence[Watched], phases: int) -> Tensor:
    """Return log probabilities (phases, phases) of the phase a second later, as counted.

    Seconds whose phase is NONE are left out.
    """
    counts = torch.full((phases, phases), PRIOR / 60.0)
    for video in videos:
        phase = torch.from_numpy(video.course[:, 1].astype(np.int64))
        known = (phase[:-1] != NONE) & (phase[1:] != NONE)
        ones = torch.ones(int(known.sum()))
        counts.index_put_((phase[:-1][known], phase[1:][known]), ones, accumulate=True)
    return (counts / counts.sum(dim=1, keepdim=True)).log()


def fit_temperature(logits: Tensor, wanted: Tensor) -> float:
    """Return the divisor of logits (N, K) under which what came (N,) was likeliest (Guo 2017)."""
    tried = torch.exp(torch.linspace(-1.5, 2.0, 141))
    losses = torch.stack([functional.cross_entropy(logits / t, wanted) for t in tried])
    return float(tried[losses.argmin()])


def spread_of(said: Tensor, true_s: Tensor) -> tuple[float, float]:
    """Return the 10th and 90th percentile of true over said time, where 10 s or more are left."""
    known = true_s >= 10.0
    ratio = true_s[known] / (60.0 * torch.expm1(said[known])).clamp(min=1.0)
    low, high = torch.quantile(ratio, torch.tensor([0.1, 0.9])).tolist()
    return low, high


def fit_line(scores: NDArray[Any], right: NDArray[Any]) -> tuple[float, float]:
    """Return slope and offset of the logistic that turns logits into chances (Platt 1999)."""
    x, y = torch.from_numpy(scores).double(), torch.from_numpy(right).double()
    line = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([line], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        search.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(line[0] * x + line[1], y)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    search.step(closure)  # type: ignore[no-untyped-call]
    slope, offset = line.detach().tolist()
    return slope, offset
