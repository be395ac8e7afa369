"""The k nearest features vote; the likeness is the cosine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from videoengine.errors import UsageError

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class NearestNeighbours:
    """Features that are known, with the class of each."""

    features: NDArray[np.float32]
    """(N, D), of length 1."""
    labels: NDArray[np.int64]
    """(N,), 0 to classes - 1."""
    classes: int
    k: int = 20
    temperature: float = 0.07
    """A neighbour's vote is exp(cosine / temperature), as DINO's protocol weighs it."""

    @classmethod
    def fit(
        cls, features: Floats, labels: NDArray[Any], *, k: int = 20, temperature: float = 0.07
    ) -> NearestNeighbours:
        """Keep features (N, D) and labels (N,).

        Raises:
            UsageError: Shapes that do not fit, or no sample.
        """
        rows, named = checked(features, labels)
        if k < 1 or temperature <= 0:
            raise UsageError("k and temperature must be positive", got=(k, temperature))
        classes = int(named.max()) + 1
        return cls(unit(rows), named, classes, min(k, len(rows)), temperature)

    def probabilities(self, features: Floats) -> NDArray[np.float64]:
        """Return (M, classes) of features (M, D): the share of the votes, summing to 1."""
        likeness = unit(np.asarray(features, np.float32)) @ self.features.T
        # a stable sort: of equally near ones the first known counts, on every machine
        nearest = np.argsort(-likeness, axis=1, kind="stable")[:, : self.k]
        near = np.take_along_axis(likeness, nearest, 1).astype(np.float64)
        votes = np.exp((near - near.max(1, keepdims=True)) / self.temperature)
        found = np.zeros((len(likeness), self.classes))
        rows = np.repeat(np.arange(len(likeness)), self.k)
        np.add.at(found, (rows, self.labels[nearest].ravel()), votes.ravel())
        shares: NDArray[np.float64] = found / found.sum(1, keepdims=True)
        return shares

    def predict(self, features: Floats) -> NDArray[np.int64]:
        """Return the class (M,) with the largest share."""
        best: NDArray[np.int64] = self.probabilities(features).argmax(1)
        return best


def unit(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return features (N, D) brought to length 1; zero stays zero."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = features / np.maximum(length, np.finfo(np.float32).tiny)
    return scaled


def checked(
    features: Floats, labels: NDArray[Any]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return features (N, D) and labels (N,) in their types.

    Raises:
        UsageError: Shapes that do not fit, no sample, a negative class, or not finite.
    """
    rows, named = np.asarray(features, np.float32), np.asarray(labels)
    if rows.ndim != 2 or named.shape != (len(rows),) or not len(rows):
        raise UsageError(
            "A readout is fitted to features (N, D) and labels (N,)",
            got=f"{rows.shape} and {named.shape}",
        )
    if not np.issubdtype(named.dtype, np.integer) or named.min() < 0:
        raise UsageError("Labels are whole numbers from 0", got=named.dtype)
    if not np.isfinite(rows).all():
        raise UsageError("Features must be finite", got="NaN or infinity")
    return rows, named.astype(np.int64)
