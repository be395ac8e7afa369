"""Teaching the quality network: the same seed gives the same file, held-out files stay out."""
# ruff: noqa: E402

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra: pip install 'videoengine[models]'")
pytestmark = pytest.mark.torch

from videoengine.errors import UsageError
from videoengine.models.quality.learned import load_learned
from videoengine.models.quality.learned_features import LENGTH
from videoengine.models.quality.learned_training import (
    HELD_OUT,
    TUNED,
    parts_of,
    rows_of,
    train_learned,
)
from videoengine.models.workflow.samples import TOOL_COLUMNS, Samples, read_samples
from videoengine.streams.jpeg import JpegEncoder

SIZE = (96, 80)
PICTURES = 8


def made(path: Path, seed: int) -> Path:
    """Write a procedure: four pictures of a gray room, then four of red tissue."""
    width, height = SIZE
    rng = np.random.default_rng(seed)
    encoder = JpegEncoder(4)
    jpegs = []
    for number in range(PICTURES):
        color = (150, 155, 150) if number < 4 else (170, 50, 40)
        noise = rng.normal(0, 12, (height, width, 3))
        jpegs.append(encoder.encode(np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)))
    states = np.array([[0, np.nan, np.nan, 0]] * 4 + [[1, 0.2, 0.0, 0]] * 4, np.float32)
    np.savez(
        path,
        procedure=np.asarray("cholecystectomy"),
        size=np.asarray(SIZE),
        jpeg=np.frombuffer(b"".join(jpegs), np.uint8),
        ends=np.cumsum([len(j) for j in jpegs], dtype=np.int64),
        mask=np.packbits(np.zeros((PICTURES, 20, 24), bool), axis=None),
        labels=np.zeros(0, np.uint8),
        shape=np.asarray((PICTURES, 20, 24)),
        tools=np.zeros((0, len(TOOL_COLUMNS)), np.float32),
        states=states,
        course=np.zeros((PICTURES, 5), np.float32),
    )
    return path


@pytest.fixture(scope="module", name="paths")
def paths_fixture(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("samples")
    return [made(folder / f"{k:02d}.npz", k) for k in range(HELD_OUT + TUNED + 3)]


def test_parts_do_not_overlap_and_do_not_depend_on_the_order(paths: list[Path]) -> None:
    train, tune, held_out = parts_of(paths, 1)
    assert sorted([*train, *tune, *held_out]) == sorted(paths)
    assert parts_of(paths[::-1], 1) == (train, tune, held_out)
    assert parts_of(paths, 2) != (train, tune, held_out)


def test_too_few_procedures_are_refused(paths: list[Path]) -> None:
    with pytest.raises(UsageError, match="19 or more"):
        parts_of(paths[:5], 1)


def test_the_same_seed_gives_the_same_file_and_learns(paths: list[Path], tmp_path: Path) -> None:
    one, other = tmp_path / "one.safetensors", tmp_path / "other.safetensors"
    figures = train_learned(paths, one, seed=1, steps=60)
    train_learned(paths, other, seed=1, steps=60)
    assert one.read_bytes() == other.read_bytes()
    assert load_learned(one).notes["held_out"] == sorted(p.stem for p in parts_of(paths, 1)[2])
    assert figures["blank_recall_network"] == 1.0
    assert figures["kept_inside_network"] == 1.0


def test_rows_to_learn_from_come_in_pairs_and_rows_to_score_do_not(paths: list[Path]) -> None:
    samples: Samples = read_samples(paths[0])
    taught = rows_of(samples, np.random.default_rng(1))
    scored = rows_of(samples)
    assert scored.alone.shape == scored.followed.shape == (PICTURES, LENGTH)
    assert len(taught.truth) == 2 * (4 + 1)  # the room's four, one of four of tissue
    assert taught.truth[:8, 0].tolist() == [1.0] * 8
