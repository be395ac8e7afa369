"""Vectors in arrays (…, 3); sums have a fixed order, and so the same bits everywhere."""

from __future__ import annotations

import numpy as np

from videoengine.recon3d.simulator.portable_math import Array


def dot(a: Array, b: Array) -> Array:
    """Return scalar products (…)."""
    product = a * b
    return product[..., 0] + product[..., 1] + product[..., 2]


def cross(a: Array, b: Array) -> Array:
    """Return vector products (…, 3)."""
    a, b = np.broadcast_arrays(a, b)
    return np.stack(
        [
            a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1],
            a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2],
            a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0],
        ],
        axis=-1,
    )


def length(a: Array) -> Array:
    """Return lengths (…)."""
    return np.sqrt(dot(a, a))


def unit(a: Array) -> Array:
    """Return vectors of length 1; a vector of no length stays as it is."""
    size = length(a)
    return a / np.where(size > 0.0, size, 1.0)[..., None]


def mix(a: Array, b: Array, share: Array) -> Array:
    """Return vectors between `a` (share 0) and `b` (share 1)."""
    return a + (b - a) * share[..., None]


def across(a: Array, axis: Array) -> Array:
    """Return the unit direction of `a` perpendicular to a unit axis."""
    return unit(a - axis * dot(a, axis)[..., None])


def pose(x: Array, y: Array, z: Array, origin: Array) -> Array:
    """Return transforms (…, 4, 4) whose columns are the axes and the origin."""
    out = np.zeros((*origin.shape[:-1], 4, 4))
    for column, vector in enumerate((x, y, z, origin)):
        out[..., :3, column] = vector
    out[..., 3, 3] = 1.0
    return out


def inverse(transform: Array) -> Array:
    """Return the inverses of rigid transforms (…, 4, 4)."""
    out = np.zeros(transform.shape)
    turned = np.swapaxes(transform[..., :3, :3], -1, -2)
    out[..., :3, :3] = turned
    out[..., :3, 3] = -(turned @ transform[..., :3, 3:])[..., 0]
    out[..., 3, 3] = 1.0
    return out


def carried(transform: Array, point: Array) -> Array:
    """Return points (…, 3) of a frame in the frame that `transform` (…, 4, 4) leads to."""
    axes = transform[..., :3, :3]
    turned = axes[..., 0] * point[..., 0:1] + axes[..., 1] * point[..., 1:2]
    return turned + axes[..., 2] * point[..., 2:3] + transform[..., :3, 3]
