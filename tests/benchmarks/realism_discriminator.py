"""How well a small network, and a line through the statistics, tell two sets of clips apart.

Folds hold out whole clips of either class: neither a clip nor a seed is ever on both sides of a
split. Accuracy is balanced over the classes, so 0.5 is chance however many crops a class has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from realism_clips import Clip, Picture
from realism_statistics import RIM, Floats, Image, statistics_in_view
from torch import Tensor, nn

CROP: Final = 64
CROPS: Final = 6
"""Crops of a picture."""
FOLDS: Final = 3
UPDATES: Final = 400
BATCH: Final = 64
RATE: Final = 2e-3
WEIGHT_DECAY: Final = 1e-3
RIDGE: Final = 0.1
STEPS: Final = 300
TRIES: Final = 40
"""Places tried for a crop; a view too small for it gives fewer."""

Looks = {"color": False, "gray": True}
"""Name: are crops freed of color, brightness and contrast, so that texture alone remains?"""


@dataclass(frozen=True, slots=True)
class Fold:
    """Numbers of the held-out clips of either class."""

    first: tuple[int, ...]
    second: tuple[int, ...]


def folds_of(first: int, second: int) -> list[Fold]:
    """Return up to FOLDS folds; every clip of either class is held out once."""
    count = min(FOLDS, first, second)
    if count < 2:
        return []
    return [
        Fold(tuple(range(k, first, count)), tuple(range(k, second, count))) for k in range(count)
    ]


def crops_of(picture: Picture, rng: np.random.Generator) -> list[Image]:
    """Return crops whose four corners lie inside the view, uint8 (CROP, CROP, 3)."""
    height, width = picture.rgb.shape[:2]
    view, found = picture.view, []
    reach = view.radius * RIM if view.is_disc else math.inf
    for _ in range(TRIES):
        top, left = int(rng.integers(height - CROP + 1)), int(rng.integers(width - CROP + 1))
        across = max(abs(left - view.cx), abs(left + CROP - view.cx))
        down = max(abs(top - view.cy), abs(top + CROP - view.cy))
        if math.hypot(across, down) < reach:
            found.append(picture.rgb[top : top + CROP, left : left + CROP])
        if len(found) == CROPS:
            break
    return found


def crops_of_clip(clip: Clip, seed: int) -> Tensor:
    """Return float32 (N, 3, CROP, CROP), 0 to 1."""
    rng = np.random.default_rng(seed)
    found = [crop for picture in clip.pictures for crop in crops_of(picture, rng)]
    if not found:
        return torch.zeros(0, 3, CROP, CROP)
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2).float() / 255


def without_color(crops: Tensor) -> Tensor:
    """Return gray crops of mean 0 and deviation 1, as three equal channels."""
    gray = crops.mean(dim=1, keepdim=True)
    gray = gray - gray.mean(dim=(2, 3), keepdim=True)
    return (gray / (gray.std(dim=(2, 3), keepdim=True) + 0.02)).expand(-1, 3, -1, -1)


def network() -> nn.Module:
    """Return four convolutions and a mean: 64x64 to one logit, about 60,000 weights."""
    layers: list[nn.Module] = []
    for inside, outside in ((3, 16), (16, 32), (32, 64), (64, 64)):
        layers += [
            nn.Conv2d(inside, outside, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(outside),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 1))


def train(crops: Tensor, labels: Tensor) -> nn.Module:
    """Return a network trained on crops, (N, 3, CROP, CROP), both classes weighing the same."""
    torch.manual_seed(0)
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=UPDATES)
    loss = nn.BCEWithLogitsLoss(pos_weight=(1 - labels).sum() / labels.sum())
    for _ in range(UPDATES):
        batch = torch.randint(len(crops), (BATCH,))
        some = crops[batch]
        if torch.rand(()) < 0.5:
            some = some.flip(3)
        optimizer.zero_grad()
        loss(model(some)[:, 0], labels[batch]).backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def balanced(scores: Tensor, labels: Tensor) -> float:
    """Return the mean of both classes' accuracy."""
    right = (scores > 0) == (labels > 0.5)
    return float((right[labels > 0.5].float().mean() + right[labels < 0.5].float().mean()) / 2)


def parts_of(
    first: Sequence[Tensor], second: Sequence[Tensor], fold: Fold, held: bool
) -> tuple[Tensor, Tensor]:
    """Return the items, and their labels, of the held-out clips or of the others."""
    zero = [x for k, x in enumerate(first) if (k in fold.first) == held]
    one = [x for k, x in enumerate(second) if (k in fold.second) == held]
    labels = [torch.zeros(sum(map(len, zero))), torch.ones(sum(map(len, one)))]
    return torch.cat([*zero, *one]), torch.cat(labels)


def network_accuracy(
    first: Sequence[Tensor], second: Sequence[Tensor], folds: Sequence[Fold]
) -> list[float]:
    """Return the balanced accuracy on each fold's held-out crops."""
    found = []
    for fold in folds:
        model = train(*parts_of(first, second, fold, held=False))
        crops, labels = parts_of(first, second, fold, held=True)
        with torch.no_grad():
            scores = torch.cat([model(part)[:, 0] for part in crops.split(512)])
        found.append(balanced(scores, labels))
    return found


def line(items: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return weights and offset of a ridge logistic regression on standardized columns."""
    weights, offset = torch.zeros(items.shape[1]), torch.zeros(())
    for value in (weights, offset):
        value.requires_grad_(True)
    loss = nn.BCEWithLogitsLoss(pos_weight=(1 - labels).sum() / labels.sum())
    optimizer = torch.optim.Adam((weights, offset), lr=0.05)
    for _ in range(STEPS):
        optimizer.zero_grad()
        total = loss(items @ weights + offset, labels) + RIDGE * weights.square().mean()
        total.backward()
        optimizer.step()
    return weights.detach(), offset.detach()


def line_accuracy(
    first: Sequence[Tensor], second: Sequence[Tensor], folds: Sequence[Fold]
) -> list[float]:
    """Return the balanced accuracy on each fold's held-out pictures."""
    found = []
    for fold in folds:
        items, labels = parts_of(first, second, fold, held=False)
        mean, spread = items.mean(dim=0), items.std(dim=0) + 1e-6
        weights, offset = line((items - mean) / spread, labels)
        items, labels = parts_of(first, second, fold, held=True)
        found.append(balanced((items - mean) / spread @ weights + offset, labels))
    return found


def grainy(clip: Clip, codes: float) -> Clip:
    """Return a clip with grain of a deviation in codes: a difference of a known size."""
    rng = np.random.default_rng(0)
    pictures = []
    for picture in clip.pictures:
        grain = rng.normal(0, codes, picture.rgb.shape)
        rgb = np.clip(np.rint(picture.rgb + grain), 0, 255).astype(np.uint8)
        pictures.append(replace(picture, rgb=rgb))
    return replace(clip, pictures=pictures)


def table_of(clip: Clip, names: Sequence[str]) -> NDArray[np.float32]:
    """Return the statistics of every picture that has all of them, (N, len(names))."""
    rows = [statistics_in_view(picture.rgb, picture.view) for picture in clip.pictures]
    full = [[row[name] for name in names] for row in rows if all(name in row for name in names)]
    return np.array(full, np.float32).reshape(-1, len(names))


def area_under_curve(first: Floats, second: Floats) -> float:
    """Return the chance that a value of `second` exceeds one of `first`; ties count half."""
    order = np.sort(first)
    below = np.searchsorted(order, second, "left") + np.searchsorted(order, second, "right")
    return float(below.mean() / 2 / len(first))


def result_of(values: Sequence[float]) -> dict[str, Any]:
    return {
        "accuracy": round(float(np.mean(values)), 3),
        "folds": [round(value, 3) for value in values],
    }


def halves_accuracy(first: Tensor, second: Tensor) -> float:
    """Return the accuracy for two clips, trained on their first, tested on their last two fifths.

    Crops stand in the order of their pictures; the fifth between is dropped.
    """
    cuts = [(len(x) * 2 // 5, len(x) * 3 // 5) for x in (first, second)]
    before, after = [], []
    for crops, (end, start) in zip((first, second), cuts, strict=True):
        before.append(crops[:end])
        after.append(crops[start:])
    return network_accuracy(
        [before[0], after[0]], [before[1], after[1]], [Fold(first=(1,), second=(1,))]
    )[0]


def compare(first: list[Clip], second: list[Clip], names: Sequence[str]) -> dict[str, Any]:
    """Return every accuracy for two sets of clips, folds of whole clips."""
    folds = folds_of(len(first), len(second))
    if not folds:
        return {"left_out": f"{len(first)} clips against {len(second)}: folds need 2 of each"}
    one = [crops_of_clip(clip, k) for k, clip in enumerate(first)]
    two = [crops_of_clip(clip, 100 + k) for k, clip in enumerate(second)]
    found: dict[str, Any] = {"crops": [sum(map(len, one)), sum(map(len, two))]}
    for look, colorless in Looks.items():
        a, b = ([without_color(x) if colorless else x for x in part] for part in (one, two))
        found[f"network_{look}"] = result_of(network_accuracy(a, b, folds))
    a, b = ([torch.from_numpy(table_of(c, names)) for c in part] for part in (first, second))
    found["line_on_statistics"] = result_of(line_accuracy(a, b, folds))
    return found
