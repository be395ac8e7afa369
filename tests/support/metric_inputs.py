"""Random predictions of every kind, by seed; NumPy only, so that a peer's Python makes them too."""

from __future__ import annotations

from typing import Any

import numpy as np

Videos = list[tuple[Any, Any]]
PHASES, TOOLS, TRIPLETS, MASKS = 7, 7, 100, 4


def runs(rng: np.random.Generator, frames: int, classes: int) -> Any:
    """Return labels int64 (frames,) in runs."""
    lengths = rng.integers(1, 25, size=frames)
    labels = rng.integers(classes, size=frames)
    return np.repeat(labels, lengths)[:frames].astype(np.int64)


def phases(seed: int) -> Videos:
    """Return (truth, predicted) of some videos, (T,) each; often a phase is missing."""
    rng = np.random.default_rng([1, seed])
    videos: Videos = []
    for _ in range(int(rng.integers(1, 5))):
        frames, classes = int(rng.integers(20, 160)), int(rng.integers(3, PHASES + 1))
        truth = runs(rng, frames, classes)
        predicted = np.where(rng.random(frames) < 0.7, truth, runs(rng, frames, PHASES))
        videos.append((truth, predicted))
    return videos


def presence(seed: int) -> tuple[Any, Any]:
    """Return truth 0 or 1 and scores, (N, 7) each; scores are coarse, so that many are equal."""
    rng = np.random.default_rng([2, seed])
    frames = int(rng.integers(5, 200))
    truth = (rng.random((frames, TOOLS)) < rng.random(TOOLS) * 0.6).astype(np.int64)
    truth[:, int(rng.integers(TOOLS))] *= int(rng.integers(2))
    return truth, np.round(rng.random((frames, TOOLS)) * 0.7 + truth * 0.3, 2)


def triplets(seed: int) -> Videos:
    """Return (truth 0 or 1, scores) of 2 videos, (T, 100) each, about two triplets a frame."""
    rng = np.random.default_rng([3, seed])
    videos: Videos = []
    for _ in range(2):
        frames = int(rng.integers(6, 16))
        common = rng.permutation(TRIPLETS)[:12]
        truth = np.zeros((frames, TRIPLETS), np.int64)
        for row in truth:
            row[rng.choice(common, int(rng.integers(0, 4)), replace=False)] = 1
        videos.append((truth, np.clip(rng.random(truth.shape) * 0.8 + truth * 0.3, 0, 1)))
    return videos


def _boxes(rng: np.random.Generator, labels: Any) -> list[list[float]]:
    corners = rng.random((len(labels), 2)) * 0.6
    sides = 0.1 + rng.random((len(labels), 2)) * 0.3
    return np.hstack([corners, sides]).tolist()


def detections(seed: int, *, classes: int = 5, once: bool = False) -> tuple[list[Any], list[Any]]:
    """Return true and detected rows [image, class, score, x, y, w, h] of 8 images.

    Args:
        seed: Chooses everything.
        classes: How many.
        once: At most one box of a class in an image.
    """
    rng = np.random.default_rng([4, seed, int(once)])
    true: list[Any] = []
    said: list[Any] = []
    for image in range(8):
        count = int(rng.integers(1, 4))
        labels = rng.choice(classes, count, replace=not once)
        boxes = _boxes(rng, labels)
        true += [[image, int(k), 1.0, *b] for k, b in zip(labels, boxes, strict=True)]
        kept = rng.random(count) < 0.85
        moved = np.array(boxes) + rng.normal(0, 0.03, (count, 4))
        rows = [
            (int(k), b) for k, b, keep in zip(labels, moved.tolist(), kept, strict=True) if keep
        ]
        others = rng.choice(classes, int(rng.integers(1, 3)), replace=not once)
        taken = {k for k, _ in rows} if once else set[int]()
        extra = [(int(k), b) for k, b in zip(others, _boxes(rng, others), strict=True)]
        rows += [row for row in extra if row[0] not in taken]
        said += [[image, k, float(rng.random()), *b] for k, b in rows]
    return true, said


def masks(seed: int) -> tuple[Any, Any]:
    """Return truth and predicted class ids of 3 images, (3, 12, 16) each."""
    rng = np.random.default_rng([5, seed])
    truth = np.repeat(rng.integers(MASKS, size=(3, 12, 4)), 4, axis=2)
    return truth, np.where(rng.random(truth.shape) < 0.7, truth, rng.integers(MASKS))


def probabilities(seed: int) -> tuple[Any, Any]:
    """Return probabilities (N, 7) and true ids (N,)."""
    rng = np.random.default_rng([6, seed])
    raw = np.exp(rng.normal(0, 2, (int(rng.integers(20, 300)), PHASES)))
    table = raw / raw.sum(axis=1, keepdims=True)
    truth = np.where(rng.random(len(table)) < 0.6, table.argmax(1), rng.integers(PHASES))
    return table, truth


def answers(seed: int) -> tuple[Any, Any]:
    """Return whether each of N answers of two systems is right, bool (N,) each."""
    rng = np.random.default_rng([7, seed])
    count = int(rng.integers(5, 300))
    return rng.random(count) < 0.6, rng.random(count) < 0.5


def flags(seed: int) -> tuple[Any, Any]:
    """Return 19 instrument flags by frame, true and predicted, bool (T, 19) each."""
    rng = np.random.default_rng([8, seed])
    truth = rng.random((60, 19)) < rng.random(19) * 0.3
    return truth, np.where(rng.random(truth.shape) < 0.85, truth, rng.random(truth.shape) < 0.2)
