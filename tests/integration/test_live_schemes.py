"""Live feeds that are no RTSP: HLS over HTTP and a transport stream over UDP."""

from __future__ import annotations

import functools
import itertools
import socket
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
from support.made_videos import make_video, steady

from videoengine.frames import Frame
from videoengine.streams import LiveConfig, open_live

CONFIG = LiveConfig(retry_s=0.05, watchdog_s=1.0, open_timeout_s=3.0, lossless=True)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        return


def first_frames(url: str, count: int, folder: Path) -> list[Frame]:
    """Return the first frames of a feed, or fewer when it gives none for 8 s."""
    source = open_live(url, config=CONFIG, quarantine=folder)
    timer = threading.Timer(8.0, source.stop)
    timer.start()
    frames: list[Frame] = []
    for frame in source:
        frames.append(frame)
        if len(frames) == count:
            break
    timer.cancel()
    source.close()
    assert source.status().recorded_packets >= count
    return frames


def test_hls_over_http_is_read_and_recorded(tmp_path: Path) -> None:
    clip = make_video(tmp_path / "clip.mp4", steady(100), options={"bf": "0", "g": "25"})
    site = tmp_path / "site"
    site.mkdir()
    options = {"hls_time": "1", "hls_list_size": "0"}
    with (
        av.open(str(clip)) as source,
        av.open(str(site / "live.m3u8"), "w", format="hls", options=options) as target,
    ):
        video = source.streams.video[0]
        copy = target.add_stream_from_template(video)
        for packet in source.demux(video):
            if packet.size:
                packet.stream = copy
                target.mux(packet)
    handler = functools.partial(Quiet, directory=str(site))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    folder = tmp_path / "quarantine"
    folder.mkdir()
    try:
        frames = first_frames(f"http://127.0.0.1:{server.server_port}/live.m3u8", 90, folder)
    finally:
        server.shutdown()
        server.server_close()
    assert len(frames) == 90
    assert {frame.epoch for frame in frames} == {0}
    assert {b.pts - a.pts for a, b in itertools.pairwise(frames)} == {3600}


def test_a_transport_stream_over_udp_is_read_and_recorded(tmp_path: Path) -> None:
    clip = make_video(tmp_path / "clip.ts", steady(200), options={"bf": "0", "g": "10"})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    stop = threading.Event()

    def send() -> None:
        data = clip.read_bytes()
        chunk = 7 * 188
        pause_s = 8.0 / (len(data) / chunk)  # 200 pictures at 25 a second
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for start in range(0, len(data), chunk):
                if stop.is_set():
                    return
                out.sendto(data[start : start + chunk], ("127.0.0.1", port))
                time.sleep(pause_s)

    sender = threading.Thread(target=send)
    folder = tmp_path / "quarantine"
    folder.mkdir()
    threading.Timer(0.3, sender.start).start()
    try:
        frames = first_frames(f"udp://127.0.0.1:{port}", 30, folder)
    finally:
        stop.set()
        sender.join()
    assert len(frames) == 30
    steps: list[Any] = [b.pts - a.pts for a, b in itertools.pairwise(frames)]
    assert set(steps) == {3600}
