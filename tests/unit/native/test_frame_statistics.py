"""The native op against a NumPy reference written from its definition: every number is equal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from videoengine import _native

ROWS, COLUMNS, CHANNELS, BINS, PROBES = 18, 32, 12, 64, 64
Planes = list[NDArray[Any]]


def planes_of(layout: str, width: int, height: int, depth: int, seed: int) -> Planes:
    """Return smooth and noisy parts with a dark rim, so that every count is used."""
    rng = np.random.default_rng(seed)
    half = ((height + 1) // 2, (width + 1) // 2)
    shapes: dict[str, list[tuple[int, ...]]] = {
        "yuv420p": [(height, width), half, half],
        "nv12": [(height, width), (*half, 2)],
        "p010": [(height, width), (*half, 2)],
        "rgb24": [(height, width, 3)],
        "gray": [(height, width)],
    }
    planes: Planes = []
    for shape in shapes[layout]:
        codes = rng.integers(0, 1 << depth, shape)
        y, x = np.ogrid[: shape[0], : shape[1]]
        smooth = ((np.sin(y / 9) + np.cos(x / 7) + 2) / 4 * ((1 << depth) - 1)).astype(np.int64)
        smooth = smooth.reshape(*smooth.shape, *[1] * (len(shape) - 2))
        codes = np.where(rng.random(shape) < 0.5, codes, smooth)
        if len(planes) == 0:
            codes[: shape[0] // 6] //= 32
            codes[:, : shape[1] // 5] //= 32
        if layout == "p010":
            codes = codes << (16 - depth)
        planes.append(codes.astype(np.uint16 if depth > 8 else np.uint8))
    return planes


def measure(planes: Planes, layout: str, depth: int, full: bool, **options: Any) -> NDArray[Any]:
    out = np.full(_native.FRAME_STATISTICS_LENGTH, -7, np.int64)
    _native.frame_statistics(planes, out, layout, depth, full, **options)
    return out


def blocks(plane: NDArray[Any]) -> NDArray[Any]:
    """Return the sums of 2x2 blocks, the last column and row repeated when odd."""
    height, width = plane.shape[:2]
    pad = [(0, height % 2), (0, width % 2)] + [(0, 0)] * (plane.ndim - 2)
    wide = np.pad(plane.astype(np.int64), pad, mode="edge")
    total: NDArray[Any] = wide[::2, ::2] + wide[1::2, ::2] + wide[::2, 1::2] + wide[1::2, 1::2]
    return total


def sites(planes: Planes, layout: str, depth: int, full: bool) -> tuple[NDArray[Any], ...]:
    """Return luma, Cb and Cr on the common scale."""
    shift = 8 if layout == "p010" else depth - 8
    codes = [(plane.astype(np.int64) >> shift) & 255 for plane in planes]
    if layout == "rgb24":
        r, g, b = np.moveaxis(blocks(codes[0]), 2, 0)
        exact = (77 * r + 150 * g + 29 * b + 128) >> 8
        u = np.clip((((b - exact) * 144 + 512) >> 10) + 128, 0, 255)
        v = np.clip((((r - exact) * 183 + 512) >> 10) + 128, 0, 255)
        full = True
    else:
        exact = blocks(codes[0])
        if layout == "yuv420p":
            u, v = codes[1], codes[2]
        elif layout == "gray":
            u = v = np.full_like(exact, 128)
        else:
            u, v = codes[1][:, :, 0], codes[1][:, :, 1]
    mean = (exact + 2) >> 2
    if full:
        return (mean * 55) >> 6, ((u - 128) * 7) >> 3, ((v - 128) * 7) >> 3
    return (
        np.clip(mean - 16, 0, 219),
        np.clip(u - 128, -112, 112),
        np.clip(v - 128, -112, 112),
    )


def per_site(y: NDArray[Any], cb: NDArray[Any], cr: NDArray[Any]) -> list[NDArray[Any]]:
    """Return what each site adds to each channel, in the channels' order."""
    wide = np.pad(y, ((2, 0), (2, 0)), mode="edge")
    left, left2 = wide[2:, 1:-1], wide[2:, :-2]
    above, above2 = wide[1:-1, 2:], wide[:-2, 2:]
    lit = y >= 10
    return [
        np.ones_like(y),
        y,
        y * y,
        cb,
        cr,
        abs(left - y) + abs(above - y),
        abs(2 * left - left2 - y) + abs(2 * above - above2 - y),
        ~lit,
        y >= 205,
        (y >= 170) & (abs(cb) <= 14) & (abs(cr) <= 14),
        lit & (6 * cr - 3 * cb >= y) & (32 * cr >= y),
        lit & (4 * cr >= y),
    ]


def edge(line: NDArray[Any], from_end: bool) -> int:
    walk = line[::-1] if from_end else line
    for i in range(3, len(walk)):
        if walk[i - 3 : i + 1].sum() > 32:
            first = i - 3 + int(np.argmax(walk[i - 3 : i + 1] > 8))
            return len(line) - 1 - first if from_end else first
    return -1


def reference(planes: Planes, layout: str, depth: int, full: bool) -> NDArray[Any]:
    y, cb, cr = sites(planes, layout, depth, full)
    rows, columns = y.shape
    down = [r * rows // ROWS for r in range(ROWS + 1)]
    right = [c * columns // COLUMNS for c in range(COLUMNS + 1)]
    added = per_site(y, cb, cr)
    cells = [
        int(channel[down[r] : down[r + 1], right[c] : right[c + 1]].sum())
        for r in range(ROWS)
        for c in range(COLUMNS)
        for channel in added
    ]
    histogram = np.bincount((y[::2, ::2] >> 2).ravel(), minlength=BINS)
    edges = []
    for plane in (y, y.T):
        for probe in range(PROBES):
            line = plane[(2 * probe + 1) * plane.shape[0] // (2 * PROBES)]
            edges += [edge(line, False), edge(line, True)]
    return np.array([*cells, *histogram, *edges], np.int64)


CASES = [
    ("yuv420p", 8, False),
    ("yuv420p", 8, True),
    ("yuv420p", 10, False),
    ("yuv420p", 12, True),
    ("nv12", 8, False),
    ("p010", 10, False),
    ("gray", 8, True),
    ("gray", 10, False),
    ("rgb24", 8, True),
]


@pytest.mark.parametrize(("layout", "depth", "full"), CASES)
@pytest.mark.parametrize(("width", "height"), [(192, 108), (131, 77), (67, 300), (33, 5), (1, 1)])
def test_every_number_equals_the_reference(
    layout: str, depth: int, full: bool, width: int, height: int
) -> None:
    planes = planes_of(layout, width, height, depth, seed=width + depth)
    got = measure(planes, layout, depth, full)
    np.testing.assert_array_equal(got, reference(planes, layout, depth, full))


@pytest.mark.parametrize(("layout", "depth", "full"), CASES)
def test_baseline_and_best_instruction_sets_agree(layout: str, depth: int, full: bool) -> None:
    planes = planes_of(layout, 641, 359, depth, seed=5)
    best = measure(planes, layout, depth, full, instruction_set="best")
    baseline = measure(planes, layout, depth, full, instruction_set="baseline")
    np.testing.assert_array_equal(best, baseline)


def test_tall_pictures_do_not_overflow_the_column_sums() -> None:
    planes = [np.full((9000, 64), 255, np.uint8), *[np.full((4500, 32), 255, np.uint8)] * 2]
    planes[0][::4] = 0  # the largest gradients, row after row
    planes[0][1::4] = 0
    got = measure(planes, "yuv420p", 8, False).reshape(-1)
    y, cb, cr = sites(planes, "yuv420p", 8, False)
    total = got[: ROWS * COLUMNS * CHANNELS].reshape(-1, CHANNELS).sum(axis=0)
    np.testing.assert_array_equal(total, [int(c.sum()) for c in per_site(y, cb, cr)])


def test_rows_may_be_farther_apart_than_they_are_long() -> None:
    planes = planes_of("yuv420p", 200, 120, 8, seed=1)
    padded = [np.full((p.shape[0], p.shape[1] + 37), 99, np.uint8) for p in planes]
    views = []
    for plane, wide in zip(planes, padded, strict=True):
        wide[:, : plane.shape[1]] = plane
        views.append(wide[:, : plane.shape[1]])
    np.testing.assert_array_equal(
        measure(views, "yuv420p", 8, False), measure(planes, "yuv420p", 8, False)
    )


def test_rows_may_be_stored_from_the_bottom_up() -> None:
    planes = planes_of("gray", 64, 48, 8, seed=2)
    flipped = [np.ascontiguousarray(planes[0][::-1])[::-1]]
    np.testing.assert_array_equal(
        measure(flipped, "gray", 8, True), measure(planes, "gray", 8, True)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layout": "yuv444p"}, "layout is unknown; got 'yuv444p'"),
        ({"planes": 2}, "another number of planes; got 2; allowed: 3"),
        ({"depth": 7}, "bit_depth is out of range; got 7"),
        ({"depth": 10}, "plane 0 has the wrong dtype"),
        ({"length": 5}, "out has the wrong length; got 5"),
        ({"chroma": (10, 10)}, "plane 1 has the wrong shape"),
        ({"instruction_set": "avx512"}, "instruction_set is unknown"),
    ],
)
def test_a_bad_call_is_refused_with_what_was_got(change: dict[str, Any], message: str) -> None:
    planes = planes_of("yuv420p", 64, 48, 8, seed=0)
    if "chroma" in change:
        planes[1] = np.zeros(change["chroma"], np.uint8)
    out = np.zeros(change.get("length", _native.FRAME_STATISTICS_LENGTH), np.int64)
    with pytest.raises(ValueError, match=message):
        _native.frame_statistics(
            planes[: change.get("planes", 3)],
            out,
            change.get("layout", "yuv420p"),
            change.get("depth", 8),
            False,
            instruction_set=change.get("instruction_set", "best"),
        )
