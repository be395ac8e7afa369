"""The CUDA kernel of frame_statistics gives the CPU's integers, all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from videoengine import _native

pytestmark = pytest.mark.cuda

SHAPES: dict[str, list[tuple[int, ...]]] = {
    "yuv420p": [(359, 641), (180, 321), (180, 321)],
    "nv12": [(359, 641), (180, 321, 2)],
    "p010": [(359, 641), (180, 321, 2)],
    "rgb24": [(359, 641, 3)],
    "gray": [(359, 641)],
}


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("layout", list(SHAPES))
def test_cuda_equals_cpu_exactly(layout: str, full_range: bool) -> None:
    torch = pytest.importorskip("torch")
    if not _native.built_with_cuda() or not torch.cuda.is_available():
        pytest.skip("needs a CUDA device and a build with VIDEOENGINE_CUDA=on")
    depth = 10 if layout == "p010" else 8
    kind: Any = np.uint16 if depth > 8 else np.uint8
    rng = np.random.default_rng(1)
    planes = [rng.integers(0, 1 << 8 * kind().itemsize, s).astype(kind) for s in SHAPES[layout]]
    expected = np.empty(_native.FRAME_STATISTICS_LENGTH, np.int64)
    _native.frame_statistics(planes, expected, layout, depth, full_range)
    on_device = [torch.from_numpy(plane).cuda() for plane in planes]
    out = torch.empty(len(expected), dtype=torch.int64, device="cuda")
    queue = torch.cuda.current_stream()
    _native.frame_statistics(
        on_device, out, layout, depth, full_range, stream=int(queue.cuda_stream)
    )
    queue.synchronize()
    np.testing.assert_array_equal(out.cpu().numpy(), expected)
