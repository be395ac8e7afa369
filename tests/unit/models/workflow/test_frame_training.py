# ruff: noqa: E402  (without torch the modules cannot be imported, and the file is skipped)
"""Teaching the frame network: targets, losses, and going on after a cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'videoengine[models]'")

from videoengine.models.workflow.found import found_in
from videoengine.models.workflow.frame_training import (
    Batch,
    FrameTrainer,
    batch_of,
    focal,
    heat_of,
    losses,
    side_loss,
    sides_of,
)
from videoengine.models.workflow.network import FrameNetwork, NetworkConfig
from videoengine.models.workflow.samples import make_samples, read_samples

pytestmark = pytest.mark.torch
CONFIG = NetworkConfig(instruments=3, verbs=4, targets=5, widths=(8, 16, 16, 24), decoder=16)


def painted(seed: int = 0, count: int = 6) -> Batch:
    """Gray pictures with one bright square each, whose kind is its color."""
    rng = np.random.default_rng(seed)
    pictures = np.full((count, 3, 64, 64), 0.3, np.float32)
    mask = np.zeros((count, 16, 16), np.int64)
    rows = []
    for i in range(count):
        kind, x, y = i % 3, *(4 * rng.integers(2, 9, 2))
        pictures[i, kind, y : y + 20, x : x + 20] = 0.95
        mask[i, y // 4 : y // 4 + 5, x // 4 : x // 4 + 5] = kind + 1
        rows.append([i, kind, (x + 10) / 64, (y + 10) / 64, 20 / 64, 20 / 64, kind, kind + 1])
    return Batch(
        torch.from_numpy(pictures),
        torch.from_numpy(mask),
        torch.tensor(rows, dtype=torch.float32),
        torch.tensor([[1.0, 0.0, float("nan"), float("nan")]] * count),
        torch.tensor([0, 1] * (count // 2)),
    )


def test_a_center_alone_is_1_and_its_sides_give_the_box_back() -> None:
    batch = painted()
    heat, rows, columns = heat_of(batch.tools, (6, 3, 16, 16))
    assert int((heat == 1.0).sum()) == 6
    sides = sides_of(batch.tools, rows, columns, (16, 16))
    left = (columns + 0.5 - sides[:, 0]) / 16
    right = (columns + 0.5 + sides[:, 2]) / 16
    assert torch.allclose(right - left, batch.tools[:, 4], atol=1e-6)
    assert torch.allclose((left + right) / 2, batch.tools[:, 2], atol=1e-6)


def test_losses_of_the_truth_are_nothing() -> None:
    batch = painted()
    heat, rows, columns = heat_of(batch.tools, (6, 3, 16, 16))
    assert float(focal((heat == 1.0).float() * 40.0 - 20.0, heat)) < 1e-6
    wanted = sides_of(batch.tools, rows, columns, (16, 16))
    assert float(side_loss(wanted, wanted)) < 1e-6
    assert float(side_loss(wanted * 2.0, wanted)) > 0.5


def test_a_batch_without_instruments_has_a_loss() -> None:
    batch = painted()
    empty = Batch(batch.pictures, batch.mask * 0, batch.tools[:0], batch.states, batch.procedure)
    terms = losses(FrameNetwork(CONFIG)(empty.pictures), empty)
    assert set(terms) == {"mask", "center", "presence", "states", "procedure"}
    assert all(torch.isfinite(term) for term in terms.values())


def test_it_learns_what_it_is_shown_and_finds_it() -> None:
    torch.manual_seed(0)
    batch = painted()
    trainer = FrameTrainer(FrameNetwork(CONFIG), steps=150, rate=5e-3)
    first = sum(trainer.step(batch).values())
    terms = [sum(trainer.step(batch).values()) for _ in range(149)]
    assert terms[-1] < 0.25 * first
    answers = trainer.network.eval()(batch.pictures)
    for i in range(6):
        best = found_in(answers, i, threshold=0.2)[0]
        assert best.instrument == i % 3
        assert int(best.verbs.argmax()) == i % 3


def test_a_trainer_that_was_cut_off_goes_on_as_if_it_had_not(tmp_path: Path) -> None:
    batch = painted()
    torch.manual_seed(0)
    whole = FrameTrainer(FrameNetwork(CONFIG), steps=6)
    torch.manual_seed(0)
    broken = FrameTrainer(FrameNetwork(CONFIG), steps=6)
    for _ in range(3):
        whole.step(batch)
        broken.step(batch)
    broken.save(tmp_path / "state.pt")
    resumed = FrameTrainer(FrameNetwork(CONFIG), steps=6)
    resumed.load(tmp_path / "state.pt")
    assert resumed.done == 3
    expected = [whole.step(batch) for _ in range(3)]
    for step in expected:
        assert resumed.step(batch) == pytest.approx(step, rel=1e-4)


def test_a_batch_of_samples_is_what_the_samples_hold(tmp_path: Path) -> None:
    uri = "sim://colonoscopy?seed=3&start=30s&duration=2s&size=64x64&fps=1"
    samples = read_samples(make_samples(uri, tmp_path, procedure="colonoscopy"))
    plain = batch_of([(samples, 1), (samples, 0)], None)
    assert plain.pictures.shape == (2, 3, 64, 64)
    assert np.array_equal(plain.mask[0].numpy(), samples.mask[1])
    shown = samples.picture(1).transpose(2, 0, 1) / 255.0
    assert np.abs(plain.pictures[0].numpy() - shown).max() < 1e-6
    altered = batch_of([(samples, 1), (samples, 0)], np.random.default_rng(1))
    assert not torch.equal(altered.pictures, plain.pictures)
    assert torch.equal(altered.mask, plain.mask)
