"""Linear readouts in closed form, or by Newton's steps: ridge regression, logistic regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from videoengine.errors import UsageError
from videoengine.models.readouts.nearest import Floats, checked

NEWTON_STEPS: Final = 50
TOLERANCE: Final = 1e-10
"""Of the largest change of a weight, relative to the largest weight."""


@dataclass(frozen=True, slots=True)
class RidgeReadout:
    """Scores that are linear in the features: y = (x - mean) W + bias."""

    weights: NDArray[np.float64]
    """(D, C)."""
    mean: NDArray[np.float64]
    """(D,)."""
    bias: NDArray[np.float64]
    """(C,)."""

    @classmethod
    def fit(cls, features: Floats, targets: Floats, *, penalty: float = 1.0) -> RidgeReadout:
        """Solve min |y - (x - mean) W - bias|² + penalty |W|²; the bias is not penalized.

        The smaller of the two normal equations is solved: of D or of N unknowns.

        Args:
            features: (N, D).
            targets: (N, C), or labels (N,) of whole numbers: +1 for the class, -1 for others.
            penalty: Larger is smoother; more than 0.
        """
        if not penalty > 0:
            raise UsageError("penalty must be positive", got=penalty, allowed="> 0")
        wanted = np.asarray(targets)
        if wanted.ndim == 1:
            _, labels = checked(features, wanted)
            wanted = 2.0 * np.eye(int(labels.max()) + 1)[labels] - 1
        rows = np.asarray(features, np.float64)
        if rows.ndim != 2 or wanted.ndim != 2 or len(rows) != len(wanted) or not len(rows):
            raise UsageError(
                "Ridge regression takes features (N, D) and targets (N, C)",
                got=f"{rows.shape} and {wanted.shape}",
            )
        mean, bias = rows.mean(0), wanted.mean(0)
        x, y = rows - mean, wanted - bias
        if x.shape[0] < x.shape[1]:
            weights = x.T @ np.linalg.solve(x @ x.T + penalty * np.eye(len(x)), y)
        else:
            weights = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)
        return cls(weights, mean, bias)

    def scores(self, features: Floats) -> NDArray[np.float64]:
        """Return (M, C) of features (M, D)."""
        scores: NDArray[np.float64] = (np.asarray(features, np.float64) - self.mean) @ self.weights
        return scores + self.bias

    def predict(self, features: Floats) -> NDArray[np.int64]:
        """Return the class (M,) of the largest score."""
        best: NDArray[np.int64] = self.scores(features).argmax(1)
        return best


@dataclass(frozen=True, slots=True)
class LogisticReadout:
    """One probability a class, each on its own: several may be true, as with instruments."""

    weights: NDArray[np.float64]
    """(D + 1, C); the last row is the bias."""
    mean: NDArray[np.float64]
    """(D,)."""
    spread: NDArray[np.float64]
    """(D,)."""

    @classmethod
    def fit(
        cls, features: Floats, presence: NDArray[Any], *, penalty: float = 1.0
    ) -> LogisticReadout:
        """Find each class's weights by Newton's method; the bias is not penalized.

        Args:
            features: (N, D); brought to mean 0 and spread 1 first.
            presence: Bool or 0 and 1, (N, C).
            penalty: Larger is smoother; more than 0, so that separable classes stay finite.
        """
        rows, truth = np.asarray(features, np.float64), np.asarray(presence, np.float64)
        if rows.ndim != 2 or truth.ndim != 2 or len(rows) != len(truth) or not len(rows):
            raise UsageError(
                "Logistic regression takes features (N, D) and presence (N, C)",
                got=f"{rows.shape} and {truth.shape}",
            )
        if not penalty > 0 or not np.isin(truth, (0, 1)).all():
            raise UsageError("presence is 0 or 1, penalty more than 0", got=f"penalty {penalty}")
        mean, spread = rows.mean(0), rows.std(0)
        spread = np.where(spread > 0, spread, 1.0)
        scaled = np.column_stack(((rows - mean) / spread, np.ones(len(rows))))
        # In the span of the samples: with fewer samples than features the steps stay small
        basis, reduced = _reduced(scaled)
        columns = [_newton(reduced, column, basis, penalty) for column in truth.T]
        return cls(np.column_stack(columns), mean, spread)

    def probabilities(self, features: Floats) -> NDArray[np.float64]:
        """Return (M, C) of features (M, D)."""
        scaled = (np.asarray(features, np.float64) - self.mean) / self.spread
        return _logistic(scaled @ self.weights[:-1] + self.weights[-1])


def _logistic(score: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 * (1 + np.tanh(score / 2))  # never overflows


def _reduced(scaled: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return an orthonormal basis (D, R) of the rows' span without the bias, and rows in it."""
    features = scaled[:, :-1]
    _, sizes, directions = np.linalg.svd(features, full_matrices=False)
    kept = sizes > (sizes.max(initial=0.0) * 1e-12)
    basis = directions[kept].T
    return basis, np.column_stack((features @ basis, scaled[:, -1]))


def _newton(
    rows: NDArray[np.float64],
    truth: NDArray[np.float64],
    basis: NDArray[np.float64],
    penalty: float,
) -> NDArray[np.float64]:
    """Return the weights (D + 1,) of one class; a step that does not help is halved."""
    share = np.full(rows.shape[1], penalty)
    share[-1] = 1e-6  # a class that is never there has no finite bias
    weights = np.zeros(rows.shape[1])
    loss = _loss(rows, truth, weights, share)
    for _ in range(NEWTON_STEPS):
        found = _logistic(rows @ weights)
        slope = rows.T @ (found - truth) + share * weights
        curve = (rows.T * (found * (1 - found))) @ rows + np.diag(share)
        step = np.linalg.solve(curve, slope)
        while (tried := _loss(rows, truth, weights - step, share)) > loss:
            step /= 2
            if np.abs(step).max() < TOLERANCE:
                break
        weights, loss = weights - step, tried
        if np.abs(step).max() <= TOLERANCE * max(1.0, float(np.abs(weights).max())):
            break
    return np.append(basis @ weights[:-1], weights[-1])


def _loss(
    rows: NDArray[np.float64],
    truth: NDArray[np.float64],
    weights: NDArray[np.float64],
    share: NDArray[np.float64],
) -> float:
    score = rows @ weights
    return float((np.logaddexp(0, score) - truth * score).sum() + (share * weights**2).sum() / 2)
