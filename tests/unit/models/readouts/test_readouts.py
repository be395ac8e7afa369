from __future__ import annotations

import numpy as np
import pytest

from videoengine.errors import UsageError
from videoengine.models.readouts import LogisticReadout, NearestNeighbours, RidgeReadout

EXACT = 1e-9
"""Of float64 solutions of one and the same small system."""


def clouds(count: int, dim: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centers = np.random.default_rng(99).normal(size=(classes, dim)) * 3
    return centers[labels] + generator.normal(size=(count, dim)), labels


def test_the_nearest_of_a_known_feature_is_itself() -> None:
    features, labels = clouds(60, 8, 3)
    one = NearestNeighbours.fit(features, labels, k=1)
    assert (one.predict(features) == labels).all()
    many = NearestNeighbours.fit(features, labels, k=1000)
    assert many.k == 60
    np.testing.assert_allclose(many.probabilities(features).sum(1), 1)


def test_neighbours_vote_by_their_likeness() -> None:
    known = np.array([[1.0, 0.0], [0.0, 1.0]])
    votes = NearestNeighbours.fit(known, np.array([0, 1]), k=2, temperature=0.5)
    found = votes.probabilities(np.array([[3.0, 4.0]]))[0]
    expected = np.exp(np.array([0.6, 0.8]) / 0.5)
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-6)


@pytest.mark.parametrize(("count", "dim"), [(50, 7), (10, 40)])
def test_ridge_is_the_closed_form_of_both_equations(count: int, dim: int) -> None:
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(count, dim)), generator.normal(size=(count, 3))
    readout = RidgeReadout.fit(x, y, penalty=0.7)
    centered = x - x.mean(0)
    gram = centered.T @ centered + 0.7 * np.eye(dim)
    expected = np.linalg.inv(gram) @ centered.T @ (y - y.mean(0))
    np.testing.assert_allclose(readout.weights, expected, atol=EXACT)
    slope = centered.T @ (readout.scores(x) - y) + 0.7 * readout.weights
    np.testing.assert_allclose(slope, 0, atol=1e-8)


def test_ridge_tells_classes_apart() -> None:
    features, labels = clouds(90, 16, 3)
    readout = RidgeReadout.fit(features, labels)
    held_out, truth = clouds(90, 16, 3, seed=7)
    assert (readout.predict(held_out) == truth).mean() > 0.95


@pytest.mark.parametrize(("count", "dim"), [(80, 5), (12, 50)])
def test_logistic_weights_stand_where_the_slope_is_zero(count: int, dim: int) -> None:
    generator = np.random.default_rng(2)
    x = generator.normal(size=(count, dim)) * 3 + 5
    y = np.column_stack((x[:, 0] > 5, generator.random(count) > 0.5, np.zeros(count, bool)))
    readout = LogisticReadout.fit(x, y, penalty=0.5)
    found = readout.probabilities(x)
    scaled = (x - readout.mean) / readout.spread
    slope = scaled.T @ (found - y) + 0.5 * readout.weights[:-1]
    np.testing.assert_allclose(slope, 0, atol=1e-6)
    np.testing.assert_allclose(found.mean(0)[:2], y.mean(0)[:2], atol=1e-6)
    assert found[:, 2].max() < 0.01


def test_a_constant_feature_does_no_harm() -> None:
    x = np.column_stack((np.ones(20), np.arange(20.0)))
    y = (np.arange(20) >= 10)[:, None]
    found = LogisticReadout.fit(x, y).probabilities(x)
    assert ((found > 0.5) == y).all()


@pytest.mark.parametrize("fault", ["shapes", "empty", "negative", "float labels", "nan", "penalty"])
def test_what_cannot_be_fitted_is_refused(fault: str) -> None:
    x, y = np.ones((4, 2)), np.array([0, 1, 0, 1])
    if fault == "shapes":
        y = y[:3]
    elif fault == "empty":
        x, y = x[:0], y[:0]
    elif fault == "negative":
        y = y - 1
    elif fault == "float labels":
        y = y + 0.5
    elif fault == "nan":
        x[0, 0] = np.nan
    with pytest.raises(UsageError):
        RidgeReadout.fit(x, y, penalty=0.0 if fault == "penalty" else 1.0)


@pytest.mark.torch
def test_attention_finds_the_one_token_that_tells() -> None:
    torch = pytest.importorskip("torch", reason="pip install 'videoengine[models]'")
    from videoengine.models.readouts.attentive import Training, fit_attentive

    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(360) % 3
    tokens = torch.randn((360, 12, 16), generator=generator)
    places = torch.randint(12, (360,), generator=generator)
    signs = torch.eye(16)[:3] * 9
    tokens[torch.arange(360), places] += signs[labels]
    how = Training(steps=200, rate=3e-3)
    readout = fit_attentive(tokens[:300], labels[:300], 3, how, heads=2)
    with torch.no_grad():
        found = readout(tokens[300:])
    assert (found.argmax(1) == labels[300:]).float().mean() > 0.9
    mean = RidgeReadout.fit(tokens[:300].mean(1).numpy(), labels[:300].numpy())
    assert readout.pool(tokens[:2]).shape == (2, 1, 16)
    assert mean.predict(tokens[300:].mean(1).numpy()).shape == (60,)
    again = fit_attentive(tokens[:300], labels[:300], 3, how, heads=2)
    assert torch.equal(readout.query, again.query)
