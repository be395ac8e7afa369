"""The endoscope's disc in the picture: a robust circle through the edge of the lit part."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.frames import Pixels
from videoengine.models.quality.frame_statistics import PROBES, FrameStatistics
from videoengine.payloads import ViewCircle

Floats = NDArray[np.float64]

TRIALS: Final = 64
"""Circles tried, each through three points."""
TOLERANCE: Final = 0.012
"""A point this close to the circle, as a fraction of the picture's width, lies on it."""
LEAST_POINTS: Final = 16
LEAST_INLIERS: Final = 0.5
"""Dark tissue at the rim moves its points inward; half of them must still agree."""
KEEP_INLIERS: Final = 0.6
"""The circle seen last is kept while it holds this part of the points: it does not jitter."""
RADII: Final = (0.12, 0.75)
"""Smallest and largest radius, as a fraction of the picture's width."""
BORDER: Final = 3
"""An edge this close to the border, in sites, is the picture's own."""

# Places of three points along the list, fixed, so that the same picture has the same circle.
_TRIPLES: Final = np.random.default_rng(20).random((TRIALS, 3))


def edge_points(statistics: FrameStatistics, pixels: Pixels) -> Floats:
    """Return where the view begins, (N, 2), in units of the displayed width, upright."""
    columns, rows = statistics.sites
    found = []
    for axis, (length, across) in enumerate(((columns, rows), (rows, columns))):
        lines = (2 * np.arange(PROBES) + 1) * across // (2 * PROBES) + 0.5
        first, last = statistics.edges[axis, :, 0], statistics.edges[axis, :, 1]
        lit = last > first
        for at, inside in (
            (first.astype(np.float64), first > BORDER),
            (last + 1.0, last < length - 1 - BORDER),
        ):
            keep = lit & inside
            pair = (at[keep], lines[keep])
            found.append(np.stack(pair if axis == 0 else pair[::-1], axis=1))
    points = np.concatenate(found) / (columns, rows)
    return _upright(points, pixels)


def _upright(points: Floats, pixels: Pixels) -> Floats:
    x, y = points[:, 0], points[:, 1]
    turned = {90: (1 - y, x), 180: (1 - x, 1 - y), 270: (y, 1 - x)}.get(pixels.rotation, (x, y))
    width, height = pixels.display_size
    return np.stack((turned[0], turned[1] * (height / width)), axis=1)


def fit_circle(
    statistics: FrameStatistics, pixels: Pixels, last: ViewCircle | None
) -> ViewCircle | None:
    """Return the view circle, or None when the picture fills the frame or shows no disc."""
    points = edge_points(statistics, pixels)
    if len(points) < LEAST_POINTS:
        return None
    width, height = pixels.display_size
    tall = height / width
    if last is not None:
        known = np.array((last.cx, last.cy * tall, last.radius))
        if _near(points, known).mean() >= KEEP_INLIERS:
            return last
    circle = _best_circle(points)
    if circle is None:
        return None
    x, y, radius = (float(value) for value in circle)
    return ViewCircle(cx=x, cy=y / tall, radius=radius)


def _near(points: Floats, circle: Floats) -> NDArray[np.bool_]:
    distance = np.hypot(points[:, 0] - circle[0], points[:, 1] - circle[1])
    near: NDArray[np.bool_] = np.abs(distance - circle[2]) < TOLERANCE
    return near


def _best_circle(points: Floats) -> Floats | None:
    chosen = points[(_TRIPLES * len(points)).astype(np.intp)]
    circles = _through(chosen)
    if not len(circles):
        return None
    distance = np.hypot(
        points[None, :, 0] - circles[:, None, 0], points[None, :, 1] - circles[:, None, 1]
    )
    beyond = distance - circles[:, None, 2]
    # Dark tissue may hide the rim, but nothing is lit outside it: such points speak against.
    marks = (np.abs(beyond) < TOLERANCE).sum(axis=1) - (beyond > TOLERANCE).sum(axis=1)
    circle: Floats = circles[int(np.argmax(marks))]
    for _ in range(2):
        inside = points[_near(points, circle)]
        if len(inside) < LEAST_POINTS:
            return None
        circle = _least_squares(inside)
    if _near(points, circle).mean() < LEAST_INLIERS or not RADII[0] < circle[2] < RADII[1]:
        return None
    return circle


def _through(triples: Floats) -> Floats:
    """Return the circles (x, y, radius) through each of (M, 3, 2) points that have one."""
    a, b, c = triples[:, 0], triples[:, 1], triples[:, 2]
    ab, ac = b - a, c - a
    cross = 2 * (ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0])
    good = np.abs(cross) > 1e-4
    ab, ac, a, cross = ab[good], ac[good], a[good], cross[good]
    ab2, ac2 = (ab**2).sum(axis=1), (ac**2).sum(axis=1)
    x = (ac[:, 1] * ab2 - ab[:, 1] * ac2) / cross
    y = (ab[:, 0] * ac2 - ac[:, 0] * ab2) / cross
    radius = np.hypot(x, y)
    circles = np.stack((a[:, 0] + x, a[:, 1] + y, radius), axis=1)
    possible: Floats = circles[(radius > RADII[0]) & (radius < RADII[1])]
    return possible


def _least_squares(points: Floats) -> Floats:
    """Return the circle with the least algebraic distance to (N, 2) points."""
    center = points.sum(axis=0) / len(points)
    x, y = (points - center).T
    square = x * x + y * y
    xx, xy, yy = float(x @ x) + 1e-12, float(x @ y), float(y @ y) + 1e-12
    xs, ys = float(x @ square) / 2, float(y @ square) / 2
    determinant = xx * yy - xy * xy
    u, v = (xs * yy - ys * xy) / determinant, (ys * xx - xs * xy) / determinant
    radius = math.sqrt(u * u + v * v + float(square.sum()) / len(points))
    return np.array((center[0] + u, center[1] + v, radius))
