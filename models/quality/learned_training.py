"""Teaching the network of quality and privacy, on simulated procedures only.

Samples come once a second, the stages see five: what soiling follows is followed here with a
memory of the same length in seconds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import Tensor, nn
from torch.nn import functional

from videoengine import durable
from videoengine.errors import UsageError
from videoengine.frames import Color, Pixels
from videoengine.models.quality import severities, soiling
from videoengine.models.quality.frame_statistics import (
    Channel,
    Floats,
    FrameStatistics,
    statistics_of,
)
from videoengine.models.quality.learned import ABOUT, FORMAT, WIDTHS, load_learned
from videoengine.models.quality.learned_features import features_of
from videoengine.models.quality.out_of_body import cues_of, score_of
from videoengine.models.quality.privacy import CAVITY, THRESHOLD
from videoengine.models.workflow.alterations import photometric
from videoengine.models.workflow.samples import Samples, read_samples

HELD_OUT: Final = 12
"""Procedures that neither teach the network nor set its operating point."""
TUNED: Final = 6
"""Procedures that set the operating point."""
STRIDE: Final = 5
"""Every such picture of the inside is learned from, and all of the outside."""
SHARPER: Final = 0.5
"""Spread of the logarithm of texture: a recording at four times the size shows another one."""
MEMORY: Final = 5 * soiling.MEMORY
LEAST_SAMPLES: Final = soiling.LEAST_SAMPLES // 5
BLANKED: Final = 0.002
"""Share of pictures of the inside above the operating point, altered ones among them."""
CLEAR: Final = 0.1
"""Smoke or soiling from which it is clearly there."""
BATCH: Final = 256
RATE: Final = 2e-3
FORGET: Final = 0.5
"""Share of rows that tell nothing of the pictures before: so the privacy stage asks."""

TRAINED_ON: Final = (
    "{count} simulated procedures only (videoengine's own simulator); no real patient"
)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What N pictures showed and what is true of them."""

    alone: Floats
    """(N, LENGTH): features with nothing followed before."""
    followed: Floats
    """(N, LENGTH): features with what was followed."""
    truth: Floats
    """(N, 3): out of body, smoke, soiling; NaN unknown, or not yet to be told."""
    rule: Floats
    """(N, 3): what the rules say of the same."""


def rows_of(samples: Samples, rng: np.random.Generator | None = None) -> Rows:
    """Return the rows of one procedure.

    Args:
        samples: Pictures in order, one a second.
        rng: With it, the rows that are learned from: some of the pictures, each as it is and
            altered. Without it, every picture as it is.
    """
    state = soiling.no_soiling()
    empty = soiling.no_soiling()
    alone: list[Floats] = []
    followed: list[Floats] = []
    truth: list[tuple[float, ...]] = []
    rule: list[tuple[float, ...]] = []
    for number in range(len(samples)):
        picture = samples.picture(number)
        statistics = _statistics(picture)
        state = soiling.follow(state, statistics, memory=MEMORY)
        outside = samples.states[number, 0] < 0.5
        if rng is not None and number % STRIDE and not outside:
            continue
        told = state.samples >= LEAST_SAMPLES
        smoke, soiled = samples.states[number, 1:3].tolist()
        shown = [statistics]
        if rng is not None:
            shown.append(_sharper(_statistics(photometric(picture, rng)), rng))
        for one in shown:
            alone.append(features_of(one, empty))
            followed.append(features_of(one, state))
            truth.append((float(outside), smoke, soiled if told else math.nan))
            rule.append(_ruled(one, state))
    return Rows(np.stack(alone), np.stack(followed), np.array(truth), np.array(rule))


def _statistics(picture: NDArray[np.uint8]) -> FrameStatistics:
    size = (picture.shape[1], picture.shape[0])
    planes = (np.ascontiguousarray(picture),)
    return statistics_of(
        Pixels(lambda: planes, layout="rgb24", size=size, color=Color(full_range=True))
    )


def _sharper(statistics: FrameStatistics, rng: np.random.Generator) -> FrameStatistics:
    """Return the statistics of a picture of another size or sharpness."""
    factor = np.ones(len(Channel))
    common = rng.normal(0.0, SHARPER)
    factor[Channel.GRADIENT] = math.exp(common)
    factor[Channel.LAPLACIAN] = math.exp(common + rng.normal(0.0, SHARPER / 2))
    means = statistics.means * factor
    return FrameStatistics(
        total=statistics.total * factor,
        means=means,
        lit=statistics.lit,
        seen=means[statistics.lit],
        histogram=statistics.histogram,
        edges=statistics.edges,
        sites=statistics.sites,
    )


def _ruled(statistics: FrameStatistics, state: soiling.SoilingState) -> tuple[float, ...]:
    # the rule waits for 5 s of its samples, as many as LEAST_SAMPLES here
    told = soiling.SoilingState(state.luma, state.change, state.texture, state.samples * 5)
    return (
        score_of(cues_of(statistics), CAVITY),
        severities.smoke_of(statistics),
        soiling.soiling_of(told, statistics),
    )


def parts_of(paths: Sequence[Path], seed: int) -> tuple[list[Path], list[Path], list[Path]]:
    """Return the procedures to learn from, to tune on and to score, drawn by the seed.

    Raises:
        UsageError: There are too few.
    """
    needed = HELD_OUT + TUNED + 1
    if len(paths) < needed:
        raise UsageError("Procedures to learn from", got=len(paths), allowed=f"{needed} or more")
    ordered = sorted(paths, key=lambda path: path.name)
    drawn = [ordered[k] for k in np.random.default_rng(seed).permutation(len(ordered))]
    return drawn[HELD_OUT + TUNED :], drawn[HELD_OUT : HELD_OUT + TUNED], drawn[:HELD_OUT]


def train_learned(
    samples: Sequence[Path], out: Path, *, seed: int = 1, steps: int = 3000
) -> dict[str, float]:
    """Teach the network, write its file and return its figures on held-out procedures.

    Args:
        samples: Files that `make_samples` wrote; HELD_OUT + TUNED of them are not learned from.
        out: The safetensors file.
        seed: Of the split, the alterations, the first values and every batch.
        steps: Batches of BATCH rows.
    """
    train, tune, held_out = parts_of(samples, seed)
    rows = [rows_of(read_samples(p), np.random.default_rng([seed, k])) for k, p in enumerate(train)]
    network = _taught(rows, seed, steps)
    tensors = {key: value.astype(np.float16) for key, value in network.items()}
    about: dict[str, Any] = {
        "format": FORMAT,
        "offset": 0.0,
        "trained_on": TRAINED_ON.format(count=len(train)),
        "notes": {"seed": seed, "steps": steps, "held_out": sorted(p.stem for p in held_out)},
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    _write(out, tensors, about)
    tuned = [
        rows_of(read_samples(p), np.random.default_rng([seed, 1, k])) for k, p in enumerate(tune)
    ]
    offset = _operating_point(
        load_learned(out).logits(np.concatenate([r.alone for r in tuned])),
        np.concatenate([r.truth for r in tuned]),
    )
    about["offset"] = offset
    _write(out, tensors, about)
    return score(out, held_out)


def _write(out: Path, tensors: dict[str, NDArray[Any]], about: dict[str, Any]) -> None:
    durable.replace(out, save(tensors, {ABOUT: json.dumps(about)}))
    load_learned.cache_clear()


def _operating_point(logits: NDArray[np.float32], truth: Floats) -> float:
    """Return the logit above which BLANKED of the inside lies, at least that of 0.5."""
    inside = logits[truth[:, 0] < 0.5, 0]
    return max(0.0, round(float(np.quantile(inside, 1.0 - BLANKED)), 4))


def _taught(sets: Sequence[Rows], seed: int, steps: int) -> dict[str, NDArray[np.float32]]:
    alone = np.concatenate([rows.alone for rows in sets]).astype(np.float32)
    followed = np.concatenate([rows.followed for rows in sets]).astype(np.float32)
    truth = np.concatenate([rows.truth for rows in sets]).astype(np.float32)
    mean = followed.mean(axis=0).astype(np.float16).astype(np.float32)
    # what hardly ever moves in the simulator must not be blown up on a real picture
    scale = np.maximum(followed.std(axis=0), 0.02).astype(np.float16).astype(np.float32)
    torch.manual_seed(seed)
    layers = [nn.Linear(WIDTHS[k], WIDTHS[k + 1]) for k in range(len(WIDTHS) - 1)]
    parameters = [value for layer in layers for value in layer.parameters()]
    adam = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.05)
    rng = np.random.default_rng([seed, 2])
    balanced = 1.0 / np.where(
        truth[:, 0] > 0.5, (truth[:, 0] > 0.5).sum(), (truth[:, 0] < 0.5).sum()
    )
    chances = balanced / balanced.sum() * 0.4 + 0.6 / len(truth)
    ends = np.cumsum(chances)
    for step in range(steps):
        chosen = np.searchsorted(ends, rng.random(BATCH) * ends[-1])
        forgot = rng.random(BATCH) < FORGET
        seen = np.where(forgot[:, None], alone[chosen], followed[chosen])
        wanted = truth[chosen].copy()
        wanted[forgot, 2] = np.nan
        x = torch.from_numpy(np.clip((seen - mean) / scale, -4.0, 4.0))
        loss = _loss(_forward(layers, x), torch.from_numpy(wanted))
        for group in adam.param_groups:
            group["lr"] = RATE * (0.02 + 0.49 * (1.0 + math.cos(math.pi * step / steps)))
        adam.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
    found = {"mean": mean, "scale": scale}
    for number, layer in enumerate(layers):
        found[f"{number}.weight"] = layer.weight.detach().numpy()
        found[f"{number}.bias"] = layer.bias.detach().numpy()
    return found


def _forward(layers: Sequence[nn.Linear], x: Tensor) -> Tensor:
    for layer in layers[:-1]:
        x = functional.dropout(functional.relu(layer(x)), 0.1)
    last: Tensor = layers[-1](x)
    return last


def _loss(said: Tensor, wanted: Tensor) -> Tensor:
    known = ~torch.isnan(wanted)
    return functional.binary_cross_entropy_with_logits(said[known], wanted[known])


def score(weights: Path, paths: Sequence[Path]) -> dict[str, float]:
    """Return figures of the network beside the rules on whole procedures, pictures as they are.

    `blank_…` are of single pictures at the threshold: recall and precision of out of body;
    `both` is the worse of rule and network, `nothing` says 0. `…_error` are mean absolute errors,
    over all pictures of the inside and where the truth is above CLEAR.
    """
    network = load_learned(weights)
    sets = [rows_of(read_samples(path)) for path in paths]
    truth = np.concatenate([rows.truth for rows in sets])
    rule = np.concatenate([rows.rule for rows in sets])
    alone = network.logits(np.concatenate([rows.alone for rows in sets]))[:, 0] - network.offset
    said = 1.0 / (1.0 + np.exp(-network.logits(np.concatenate([r.followed for r in sets]))))
    outside = truth[:, 0] > 0.5
    found = {"pictures": float(len(truth)), "outside": float(outside.sum())}
    blanked = {"rule": rule[:, 0] >= THRESHOLD, "network": alone >= 0.0}
    blanked["both"] = blanked["rule"] | blanked["network"]
    for name, blank in blanked.items():
        found[f"blank_recall_{name}"] = float((blank & outside).sum() / max(1, outside.sum()))
        found[f"blank_precision_{name}"] = float((blank & outside).sum() / max(1, blank.sum()))
        found[f"kept_inside_{name}"] = float((~blank & ~outside).sum() / (~outside).sum())
    for column, name in ((1, "smoke"), (2, "soiling")):
        known = ~np.isnan(truth[:, column])
        wanted = truth[known, column]
        witnesses = {"rule": rule[known, column], "network": said[known, column]}
        witnesses["both"] = np.maximum(witnesses["rule"], witnesses["network"])
        witnesses["nothing"] = np.zeros(len(wanted))
        for who, values in witnesses.items():
            wrong = np.abs(values - wanted)
            found[f"{name}_error_{who}"] = float(wrong.mean())
            if (clear := wanted > CLEAR).any():
                found[f"{name}_error_where_clear_{who}"] = float(wrong[clear].mean())
    return found
