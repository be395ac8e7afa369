"""A second, independent RTSP server: what our own server proves must hold with GStreamer's too."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from support.gst_server import gst_server
from support.made_videos import make_video, steady

from videoengine.streams import LiveConfig, open_live

pytestmark = pytest.mark.gstreamer
CODECS = {
    "h264": ("libx264", {"bf": "0", "g": "10"}),
    "h265": ("libx265", {"x265-params": "log-level=none:bframes=0:keyint=10"}),
}


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_frames_and_stamps_are_those_of_the_file(
    tmp_path: Path, codec: str, transport: str
) -> None:
    encoder, options = CODECS[codec]
    clip = make_video(tmp_path / "clip.mp4", steady(60), codec=encoder, options=options)
    with av.open(str(clip)) as container:
        truth = [frame.to_ndarray() for frame in container.decode(video=0)][:40]
    folder = tmp_path / "quarantine"
    folder.mkdir()
    config = LiveConfig(rtsp_transport=transport, lossless=True)  # type: ignore[arg-type]
    with gst_server(clip, codec=codec) as url:
        source = open_live(url, config=config, quarantine=folder)
        frames = []
        for frame in source:
            frames.append(frame)
            if len(frames) == 40:
                break
        source.close()
    assert {frame.epoch for frame in frames} == {0}
    steps = np.diff([frame.pts for frame in frames])
    assert set(steps.tolist()) == {3600}
    for frame, expected in zip(frames, truth, strict=True):
        luma = frame.pixels.planes()[0]
        np.testing.assert_array_equal(luma, expected[: luma.shape[0]])
    assert source.status().recorded_packets >= 40
