"""Smooth random fields and the resampling that the made videos are painted with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]
"""(H, W), computed in float32."""


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: float) -> Field:
    """Return a smooth field, about 0 with spread 1, with `cells` bumps across its height.

    Random knots under a cubic B-spline: no lattice shows.
    """
    height, width = shape
    step = height / cells
    rows, columns = int(height / step) + 4, int(width / step) + 4
    knots = rng.standard_normal((rows, columns)).astype(np.float32)
    field = _spline(height, rows, step) @ knots @ _spline(width, columns, step).T
    unit: Field = (field / field.std()).astype(np.float32)
    return unit


def fractal_noise(
    rng: np.random.Generator, shape: tuple[int, int], cells: float, octaves: int
) -> Field:
    """Return the sum of `octaves` smooth fields, each twice as fine and half as strong."""
    field = np.zeros(shape, np.float32)
    for octave in range(octaves):
        field += smooth_noise(rng, shape, cells * 2**octave) * np.float32(0.5**octave)
    unit: Field = field / field.std()
    return unit


def _spline(length: int, knots: int, step: float) -> Field:
    """Return the (length, knots) matrix of cubic B-spline weights."""
    place = (np.arange(length) + 0.5) / step
    whole = place.astype(int)
    t = place - whole
    weights = np.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    )
    matrix = np.zeros((length, knots), np.float32)
    for k in range(4):
        matrix[np.arange(length), np.minimum(whole + k, knots - 1)] += weights[k] / 6
    return matrix


def shifted(field: Field, rows: Field, columns: Field) -> Field:
    """Return `field` read at real row and column positions, (len(rows), len(columns))."""
    top = np.clip(rows.astype(np.int32), 0, field.shape[0] - 2)
    left = np.clip(columns.astype(np.int32), 0, field.shape[1] - 2)
    down = (rows - top).astype(np.float32)[:, None]
    right = (columns - left).astype(np.float32)[None]
    lines = field[top]
    lines += (field[top + 1] - lines) * down
    out = lines[:, left]
    out += (lines[:, left + 1] - out) * right
    return out


def doubled(field: Field, size: tuple[int, int]) -> Field:
    """Return `field` at twice the size, interpolated, cut to (width, height)."""
    padded = np.pad(field, ((0, 1), (0, 1)), mode="edge")
    height, width = field.shape
    out = np.empty((2 * height, 2 * width), np.float32)
    out[::2, ::2] = field
    out[1::2, ::2] = (field + padded[1:, :-1]) * np.float32(0.5)
    out[:, 1:-1:2] = (out[:, :-2:2] + out[:, 2::2]) * np.float32(0.5)
    out[:, -1] = out[:, -2]
    return out[: size[1], : size[0]]


def blurred(field: Field, factor: int) -> Field:
    """Return `field` without detail finer than about 2 x `factor` samples."""
    height, width = field.shape
    rows, columns = -(-height // factor), -(-width // factor)
    padded = np.pad(field, ((0, rows * factor - height), (0, columns * factor - width)), "edge")
    small = padded.reshape(rows, factor, columns, factor).mean(axis=(1, 3), dtype=np.float32)
    small = np.pad(small, 1, mode="edge")
    place = (np.arange(max(height, width), dtype=np.float32) + 0.5) / factor + 0.5
    return shifted(small, place[:height], place[:width])
