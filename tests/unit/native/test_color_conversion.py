"""color_conversion against a float reference written from the definition."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from videoengine import _native

Planes = list[NDArray[Any]]

CHECKOUT: Final = Path(__file__).resolve().parents[3]
TOLERANCE: Final = {
    # what rounding to a whole level, 15-bit samples, 14-bit weights and 16-bit coefficients allow
    "level": 1,
}
WEIGHTS: Final = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}


def triangle(full: int, target: int, *, half: bool = False, shift: float = 0.0) -> NDArray[Any]:
    """Return the (target, samples) matrix that resamples one axis."""
    samples = (full + 1) // 2 if half else full
    step = full / target / (2 if half else 1)
    centers = (np.arange(target) + 0.5) * step + shift
    distance = np.abs(centers[:, None] - (np.arange(samples) + 0.5)[None])
    weights = np.maximum(0, max(1.0, step) - distance)
    empty = weights.sum(axis=1) == 0
    weights[empty, -1] = 1
    return weights / weights.sum(axis=1, keepdims=True)


def reference(
    planes: Planes, size: tuple[int, int], layout: str, depth: int, matrix: str, full: bool
) -> NDArray[Any]:
    """Return float RGB (h, w, 3), not rounded."""
    width, height = size
    high, wide = planes[0].shape[:2]
    rows, columns = triangle(high, height), triangle(wide, width)
    if layout == "rgb24":
        channels = planes[0].astype(float).transpose(2, 0, 1)
        return (rows @ channels @ columns.T).transpose(1, 2, 0)
    samples = [
        plane.astype(float) / (2.0 ** (16 - depth) if layout == "p010" else 1) for plane in planes
    ]
    luma = rows @ samples[0] @ columns.T
    middle, unit = 2.0 ** (depth - 1), 2.0 ** (depth - 8)
    if layout == "gray":
        cb = cr = np.zeros_like(luma)
    else:
        pair = samples[1:] if layout == "yuv420p" else [samples[1][..., 0], samples[1][..., 1]]
        down = triangle(high, height, half=True)
        across = triangle(wide, width, half=True, shift=0.25)
        cb, cr = (down @ plane @ across.T - middle for plane in pair)
    if full:
        scale = 255 / (2.0**depth - 1)
        luma, cb, cr = luma * scale, cb * scale, cr * scale
    else:
        luma = (luma / unit - 16) * 255 / 219
        cb, cr = cb / unit * 255 / 224, cr / unit * 255 / 224
    kr, kb = WEIGHTS[matrix]
    green = 1 - kr - kb
    return np.stack(
        [
            luma + 2 * (1 - kr) * cr,
            luma - 2 * (1 - kb) * kb / green * cb - 2 * (1 - kr) * kr / green * cr,
            luma + 2 * (1 - kb) * cb,
        ],
        axis=-1,
    )


def picture(layout: str, size: tuple[int, int], depth: int, seed: int) -> Planes:
    """Return random planes: noise, the hardest picture for a filter."""
    rng = np.random.default_rng(seed)
    width, height = size
    kind = np.uint16 if depth > 8 else np.uint8
    half = ((height + 1) // 2, (width + 1) // 2)
    shapes: dict[str, list[tuple[int, ...]]] = {
        "yuv420p": [(height, width), half, half],
        "nv12": [(height, width), (*half, 2)],
        "p010": [(height, width), (*half, 2)],
        "rgb24": [(height, width, 3)],
        "gray": [(height, width)],
    }
    planes = [rng.integers(0, 2**depth, shape).astype(kind) for shape in shapes[layout]]
    return [plane << (16 - depth) for plane in planes] if layout == "p010" else planes


def convert(
    planes: Planes, size: tuple[int, int], layout: str, depth: int, matrix: str, full: bool
) -> NDArray[np.uint8]:
    out = np.full((size[1], size[0], 3), 77, np.uint8)
    _native.color_conversion(planes, out, layout, depth, matrix, full)
    return out


CASES = [
    ("yuv420p", 8),
    ("yuv420p", 10),
    ("yuv420p", 12),
    ("yuv420p", 16),
    ("nv12", 8),
    ("p010", 10),
    ("p010", 12),
    ("rgb24", 8),
    ("gray", 8),
    ("gray", 16),
]
SIZES = [
    ((854, 480), (456, 256)),
    ((64, 48), (64, 48)),
    ((33, 21), (100, 57)),
    ((101, 77), (13, 9)),
    ((640, 360), (31, 200)),
    ((1, 1), (5, 3)),
    ((2, 3), (1, 1)),
    ((5, 400), (3, 7)),
]


@pytest.mark.parametrize(("layout", "depth"), CASES)
@pytest.mark.parametrize(("size", "target"), SIZES)
def test_every_layout_and_size_agrees_with_the_float_reference(
    layout: str, depth: int, size: tuple[int, int], target: tuple[int, int]
) -> None:
    planes = picture(layout, size, depth, seed=sum(size) + depth)
    for matrix, full in (("bt601", False), ("bt709", True), ("bt2020", False)):
        expected = np.clip(reference(planes, target, layout, depth, matrix, full), 0, 255)
        got = convert(planes, target, layout, depth, matrix, full)
        assert np.abs(got - expected).max() <= TOLERANCE["level"]


@settings(deadline=None, max_examples=60)
@given(
    width=st.integers(1, 70),
    height=st.integers(1, 70),
    target=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    case=st.sampled_from(CASES),
    seed=st.integers(0, 1000),
)
def test_any_size_agrees_with_the_float_reference(
    width: int, height: int, target: tuple[int, int], case: tuple[str, int], seed: int
) -> None:
    layout, depth = case
    planes = picture(layout, (width, height), depth, seed)
    expected = np.clip(reference(planes, target, layout, depth, "bt709", False), 0, 255)
    got = convert(planes, target, layout, depth, "bt709", False)
    assert np.abs(got - expected).max() <= TOLERANCE["level"]


def test_rgb_of_the_same_size_comes_out_unchanged() -> None:
    planes = picture("rgb24", (67, 45), 8, seed=3)
    assert np.array_equal(convert(planes, (67, 45), "rgb24", 8, "bt709", True), planes[0])


@pytest.mark.parametrize("level", [16, 17, 126, 234, 235])
def test_a_plain_gray_picture_has_one_level_everywhere(level: int) -> None:
    planes: Planes = [np.full((50, 70), level, np.uint8)]
    planes += [np.full((25, 35), 128, np.uint8) for _ in range(2)]
    got = convert(planes, (31, 90), "yuv420p", 8, "bt709", False)
    assert (got == round((level - 16) * 255 / 219)).all()


def test_planes_with_padded_rows_are_read_by_their_stride() -> None:
    planes = picture("yuv420p", (50, 40), 8, seed=4)
    padded = [np.pad(plane, ((0, 0), (0, 13)))[:, : plane.shape[1]] for plane in planes]
    expected = convert(planes, (30, 20), "yuv420p", 8, "bt601", False)
    assert np.array_equal(convert(padded, (30, 20), "yuv420p", 8, "bt601", False), expected)


def test_read_only_planes_are_accepted() -> None:
    planes = picture("nv12", (16, 16), 8, seed=5)
    for plane in planes:
        plane.flags.writeable = False
    convert(planes, (8, 8), "nv12", 8, "bt601", False)


SHIM = """
#include "videoengine/color_conversion.h"
extern "C" void convert(const void* y, const void* u, const void* v, int width, int height,
                        int depth, unsigned char* out, int out_width, int out_height) {
  videoengine::Picture picture;
  const int bytes = depth > 8 ? 2 : 1, half = (width + 1) / 2;
  picture.planes[0] = {y, width * bytes};
  picture.planes[1] = {u, half * bytes};
  picture.planes[2] = {v, half * bytes};
  picture.width = width, picture.height = height, picture.bit_depth = depth;
  videoengine::color_conversion(picture, out, 3 * out_width, out_width, out_height);
}
"""


@pytest.mark.slow
@pytest.mark.parametrize("flags", [[], ["-DVIDEOENGINE_SSE2=0"]], ids=["baseline", "no vectors"])
def test_every_instruction_set_gives_the_same_bytes(tmp_path: Path, flags: list[str]) -> None:
    """The same source, built for the baseline and without a line of x86, against the module."""
    compiler = shutil.which("g++")
    source = CHECKOUT / "cuda" / "src" / "color_conversion.cpp"
    if compiler is None or not source.is_file():
        pytest.skip("needs g++ and the checkout")
    (tmp_path / "shim.cpp").write_text(SHIM)
    library = tmp_path / "baseline.so"
    command = [compiler, "-std=c++17", "-O3", "-shared", "-fPIC", "-DVIDEOENGINE_CLONES=", *flags]
    include = ["-I", str(CHECKOUT / "cuda" / "include")]
    files = [str(source), str(tmp_path / "shim.cpp"), "-o", str(library)]
    subprocess.run([*command, *include, *files], check=True)
    baseline = ctypes.CDLL(str(library)).convert
    for depth, size, target in [(8, *pair) for pair in SIZES] + [(10, (854, 480), (456, 256))]:
        planes = picture("yuv420p", size, depth, seed=9)
        expected = convert(planes, target, "yuv420p", depth, "bt709", False)
        got = np.zeros_like(expected)
        pointers = [plane.ctypes.data_as(ctypes.c_void_p) for plane in planes]
        baseline(*pointers, *size, depth, got.ctypes.data_as(ctypes.c_void_p), *target)
        assert np.array_equal(got, expected), (depth, size, target)


GOOD = picture("yuv420p", (16, 12), 8, seed=6)
OUT = np.empty((6, 8, 3), np.uint8)


@pytest.mark.parametrize(
    ("planes", "out", "layout", "depth", "matrix", "words"),
    [
        (GOOD, OUT, "yuv422p", 8, "bt709", "layout is unknown; got 'yuv422p'; allowed: yuv420p"),
        (GOOD, OUT, "yuv420p", 8, "bt470", "matrix is unknown; got 'bt470'; allowed: bt601"),
        (GOOD, OUT, "yuv420p", 7, "bt709", "bit_depth is out of range; got 7; allowed: 8 to 16"),
        (GOOD, OUT, "yuv420p", 10, "bt709", "plane 0 has the wrong dtype; got 8-bit"),
        (GOOD[:2], OUT, "yuv420p", 8, "bt709", "another number of planes; got 2; allowed: 3"),
        (GOOD, OUT, "nv12", 8, "bt709", "another number of planes; got 3; allowed: 2"),
        ([GOOD[0], GOOD[0], GOOD[2]], OUT, "yuv420p", 8, "bt709", "got (12, 16); allowed: (6, 8)"),
        ([GOOD[0][:, ::2]], OUT, "gray", 8, "bt709", "plane 0 is not packed"),
        ([GOOD[0][:0]], OUT, "gray", 8, "bt709", "plane 0 has the wrong size; got (0, 16)"),
        (GOOD, OUT[..., :2], "yuv420p", 8, "bt709", "out has the wrong shape; got (6, 8, 2)"),
        (GOOD, OUT[:, ::2], "yuv420p", 8, "bt709", "out is not packed"),
        (GOOD, OUT[:0], "yuv420p", 8, "bt709", "out has the wrong shape; got (0, 8, 3)"),
    ],
)
def test_a_call_that_cannot_be_right_says_what_and_what_is_allowed(
    planes: Planes, out: NDArray[Any], layout: str, depth: int, matrix: str, words: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        _native.color_conversion(planes, out, layout, depth, matrix, False)
