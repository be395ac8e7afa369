from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from videoengine import durable
from videoengine.cards import ModelCard
from videoengine.errors import UsageError
from videoengine.models.readouts import FeatureCache, cache_key

CARD = ModelCard("net", "nets", 1, weights_sha256="a" * 64, preprocessing="{}")


def key(number: int) -> str:
    return cache_key(CARD, f"{number:064x}", "1 fps")


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "cache")
    array = np.arange(12, dtype=np.float16).reshape(3, 4)
    assert cache.get(key(1)) is None
    cache.put(key(1), array)
    found = cache.get(key(1))
    assert found is not None
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, array)
    calls: list[int] = []

    def make() -> np.ndarray:
        calls.append(1)
        return array

    for _ in range(2):
        cache.get_or_make(key(2), make)
    assert calls == [1]


def test_the_key_changes_with_weights_preprocessing_adapter_video_and_sampling() -> None:
    cards = [
        CARD,
        dataclasses.replace(CARD, weights_sha256="b" * 64),
        dataclasses.replace(CARD, preprocessing='{"size":1}'),
        dataclasses.replace(CARD, adapter_version=2),
    ]
    keys = {cache_key(card, "c" * 64, "1 fps") for card in cards}
    keys |= {cache_key(CARD, "d" * 64, "1 fps"), cache_key(CARD, "c" * 64, "2 fps")}
    assert len(keys) == 6


def test_features_of_unknown_weights_are_not_kept() -> None:
    with pytest.raises(UsageError, match="weights that are known"):
        cache_key(dataclasses.replace(CARD, weights_sha256=None), "c" * 64, "1 fps")


def test_the_longest_unused_goes_first(tmp_path: Path) -> None:
    array = np.zeros(1000, np.float32)
    cache = FeatureCache(tmp_path, max_bytes=3 * 4200)
    for number in range(3):
        cache.put(key(number), array)
        os.utime(tmp_path / f"{key(number)}.npy", (number, number))
    assert cache.get(key(0)) is not None  # used now
    cache.put(key(3), array)
    assert cache.get(key(1)) is None
    assert all(cache.get(key(number)) is not None for number in (0, 2, 3))
    assert cache.size() <= 3 * 4200
    cache.put(key(4), np.zeros(10_000, np.float32))
    assert cache.get(key(4)) is None
    assert cache.get(key(0)) is not None


@pytest.mark.parametrize("fault", ["cut", "turned", "empty", "pickle"])
def test_a_damaged_array_counts_as_none(fault: str, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    cache.put(key(1), np.arange(100))
    path = tmp_path / f"{key(1)}.npy"
    data = path.read_bytes()
    if fault == "cut":
        path.write_bytes(data[:-1])
    elif fault == "turned":
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    else:
        path.write_bytes(b"" if fault == "empty" else b"\x80\x04N." * 20)
    assert cache.get(key(1)) is None
    assert not path.exists()


def test_a_kill_in_the_middle_of_a_write_leaves_nothing_half(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)

    def die(operation: str) -> None:
        if operation == "write":
            raise KeyboardInterrupt

    durable.inject_fault(die)
    try:
        with pytest.raises(KeyboardInterrupt):
            cache.put(key(1), np.arange(100))
    finally:
        durable.inject_fault(None)
    assert cache.get(key(1)) is None
    cache.put(key(1), np.arange(100))
    assert cache.get(key(1)) is not None


def test_a_key_is_no_path(tmp_path: Path) -> None:
    for bad in ("../x", "", "A" * 64, "a" * 63):
        with pytest.raises(UsageError, match="SHA-256"):
            FeatureCache(tmp_path).get(bad)
