from __future__ import annotations

from io import BytesIO

import av
import numpy as np
import pytest

from videoengine.streams.jpeg import JpegEncoder


@pytest.mark.parametrize("size", [(64, 48), (63, 47), (1, 1)])
def test_a_picture_comes_back_as_it_was(size: tuple[int, int]) -> None:
    encoder = JpegEncoder()
    ramp = np.linspace(20, 230, size[0]).astype(np.uint8)
    rgb = np.repeat(np.tile(ramp, (size[1], 1))[..., None], 3, axis=2)
    for _ in range(2):
        data = encoder.encode(rgb)
        assert data[:2] == b"\xff\xd8"
        assert data[-2:] == b"\xff\xd9"
        with av.open(BytesIO(data), "r", format="jpeg_pipe") as container:
            back = next(container.decode(video=0)).to_ndarray(format="rgb24")
        assert back.shape == rgb.shape
        assert np.abs(back.astype(int) - rgb).mean() < 3


def test_a_black_picture_stays_black() -> None:
    data = JpegEncoder().encode(np.zeros((48, 64, 3), np.uint8))
    with av.open(BytesIO(data), "r", format="jpeg_pipe") as container:
        assert next(container.decode(video=0)).to_ndarray(format="rgb24").max() == 0


def test_no_comment_tells_the_encoder() -> None:
    assert b"Lavc" not in JpegEncoder().encode(np.zeros((48, 64, 3), np.uint8))
