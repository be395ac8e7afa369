from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.error import FFmpegError
from numpy.typing import NDArray
from support.made_videos import B_FRAMES, make_video, steady

from videoengine.streams.testing import RtspServer

Codec = tuple[str, dict[str, str]]
H264: Codec = ("libx264", {"bf": "0", "g": "5"})
H264_B: Codec = ("libx264", B_FRAMES)
HEVC: Codec = ("libx265", {"x265-params": "log-level=none:keyint=10"})
SIZE = (320, 240)
COUNT = 15


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rtsp")


def made(folder: Path, codec: Codec, *, size: tuple[int, int] = SIZE, suffix: str = ".mp4") -> Path:
    path = folder / f"{codec[0]}{len(codec[1])}_{size[0]}{suffix}"
    if path.exists():
        return path
    return make_video(path, steady(COUNT), codec=codec[0], options=codec[1], size=size)


@pytest.fixture(scope="module")
def clip(folder: Path) -> Path:
    return made(folder, H264)


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
    yield
    # Threads of tests before this one may end meanwhile: fewer is not a leak.
    deadline = time.monotonic() + 3
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= threads
    assert len(os.listdir("/proc/self/fd")) <= files


def opened(url: str, transport: str = "tcp") -> Any:
    options = {"rtsp_transport": transport, "analyzeduration": "0", "probesize": "32"}
    return av.open(url, options=options, timeout=(5, 2))


def pictures(source: Any) -> list[NDArray[np.uint8]]:
    return [frame.to_ndarray() for frame in source.decode(video=0)]


def stamps(container: Any, count: int) -> list[int | None]:
    """Return the stamps of `count` coded pictures."""
    found: list[int | None] = []
    for packet in container.demux(video=0):
        found.append(packet.pts)
        if len(found) == count:
            break
    return found


def steps(values: list[int]) -> set[int]:
    return {later - earlier for earlier, later in pairwise(values)}


def eventually(condition: Any, *, within_s: float = 2.0) -> None:
    ends = time.monotonic() + within_s
    while not condition() and time.monotonic() < ends:
        time.sleep(0.01)
    assert condition()


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("codec", [H264, H264_B, HEVC], ids=["h264", "h264_b", "hevc"])
def test_every_picture_arrives_unharmed(folder: Path, codec: Codec, transport: str) -> None:
    path = made(folder, codec)
    with av.open(str(path)) as file:
        wanted = pictures(file)
    frames: list[Any] = []
    with RtspServer(path, loop=False) as server, opened(server.url, transport) as stream:
        frames.extend(stream.decode(video=0))
    assert len(frames) == len(wanted) == COUNT
    for frame, picture in zip(frames, wanted, strict=True):
        assert (frame.to_ndarray() == picture).all()
    # PyAV gives the first picture of an RTSP stream no stamp.
    assert steps([frame.pts for frame in frames[1:]]) == {3600}


@pytest.mark.parametrize("codec", [H264, HEVC], ids=["h264", "hevc"])
def test_a_transport_stream_is_served_too(folder: Path, codec: Codec) -> None:
    path = made(folder, codec, suffix=".ts")
    with av.open(str(path)) as file:
        wanted = pictures(file)
    with RtspServer(path, loop=False, pace=0) as server, opened(server.url) as stream:
        assert all((a == b).all() for a, b in zip(pictures(stream), wanted, strict=True))


def test_a_loop_goes_on_without_a_gap(clip: Path) -> None:
    with RtspServer(clip, pace=20) as server, opened(server.url) as stream:
        stamps(stream, 3 * COUNT)
    sent = [stamp for stamp, _ in server.sent()][: 3 * COUNT]
    assert sent == steady(3 * COUNT, start=90_000)


@pytest.mark.parametrize("auth", ["basic", "digest"])
def test_a_login_is_asked_for(clip: Path, auth: Any) -> None:
    with RtspServer(clip, user="me", password="s:e@c", auth=auth) as server:
        with opened(server.url_with_credentials) as stream:
            assert len(stamps(stream, 2)) == 2
        with pytest.raises(FFmpegError, match="401"):
            opened(server.url)
        with pytest.raises(FFmpegError, match="401"):
            opened(server.url.replace("rtsp://", "rtsp://me:wrong@"))


def test_a_killed_server_ends_its_client_and_serves_again(clip: Path) -> None:
    with RtspServer(clip) as server:
        with opened(server.url) as stream:
            packets = stream.demux(video=0)
            next(packets)
            server.kill()
            began = time.monotonic()
            try:
                for _ in packets:
                    pass
            except FFmpegError:
                pass
            assert time.monotonic() - began < 1
        with pytest.raises(FFmpegError):
            opened(server.url)
        server.restart()
        with opened(server.url) as stream:
            assert len(stamps(stream, 3)) == 3


def test_a_stall_sends_what_was_due_afterwards(clip: Path) -> None:
    with RtspServer(clip) as server, opened(server.url) as stream:
        stamps(stream, 3)
        server.stall(0.4)
        stamps(stream, 12)
    sent = server.sent()[:15]
    assert steps([stamp for stamp, _ in sent]) == {3600}
    assert max(steps([when for _, when in sent])) > 0.35e9


def test_a_stall_without_buffer_loses_what_was_due(clip: Path) -> None:
    with RtspServer(clip) as server, opened(server.url) as stream:
        stamps(stream, 3)
        server.stall(buffer=False)
        before = server.sent_pictures
        time.sleep(0.3)
        assert server.sent_pictures <= before + 1
        server.go_on()
        stamps(stream, 3)
    assert max(steps([stamp for stamp, _ in server.sent()])) >= 6 * 3600


@pytest.mark.parametrize("status", [401, 404, 503])
def test_a_refusal_lasts_until_it_is_ended(clip: Path, status: Any) -> None:
    with RtspServer(clip) as server:
        server.refuse(status)
        with pytest.raises(FFmpegError):
            opened(server.url)
        server.refuse(None)
        with opened(server.url) as stream:
            assert len(stamps(stream, 1)) == 1


@pytest.mark.parametrize("seconds", [5, -5])
def test_the_clock_jumps(clip: Path, seconds: int) -> None:
    with RtspServer(clip, pace=5) as server, opened(server.url) as stream:
        stamps(stream, 5)
        server.jump_clock(seconds)
        stamps(stream, 20)
    assert steps([stamp for stamp, _ in server.sent()]) == {3600, 3600 + seconds * 90_000}


def test_the_clock_passes_32_bits(clip: Path) -> None:
    first = 2**32 - 5 * 3600 - 100  # FFmpeg unwraps wrongly after a stamp of exactly 0
    with (
        RtspServer(clip, first_rtp_time=first, pace=5) as server,
        opened(server.url) as stream,
    ):
        found = stamps(stream, 12)
    assert [stamp for stamp, _ in server.sent()][:12] == steady(12, start=first)
    assert steps([stamp for stamp in found[1:] if stamp is not None]) == {3600}


def test_two_clients_are_served_from_the_beginning(clip: Path) -> None:
    with RtspServer(clip) as server, opened(server.url) as one:
        first = next(one.decode(video=0)).to_ndarray()
        with opened(server.url, "udp") as other:
            assert (next(other.decode(video=0)).to_ndarray() == first).all()
            eventually(lambda: server.clients == 2)
        eventually(lambda: server.clients == 1)


def test_a_client_joins_live_at_the_newest_key_picture(clip: Path) -> None:
    with RtspServer(clip, start="live") as server:
        time.sleep(0.3)
        with opened(server.url) as stream:
            next(stream.decode(video=0))
    assert server.sent()[0][0] == 90_000 + 5 * 3600


def test_a_client_that_reads_nothing_holds_no_other_up(clip: Path) -> None:
    with (
        RtspServer(clip, pace=0) as server,
        opened(server.url),
        opened(server.url) as quick,
    ):
        time.sleep(0.2)
        assert len(stamps(quick, 100)) == 100


def test_dropped_packets_are_counted(clip: Path) -> None:
    with RtspServer(clip, pace=0, loop=False) as server:
        server.drop(0.3)
        with opened(server.url) as stream:
            stamps(stream, COUNT)
        eventually(lambda: server.sent_pictures == COUNT)
        sent, dropped = server.sent_packets, server.dropped_packets
    assert 0.1 < dropped / (sent + dropped) < 0.5


def test_reordered_packets_arrive_over_udp(clip: Path) -> None:
    with RtspServer(clip, pace=4) as server:
        server.reorder(4)
        with opened(server.url, "udp") as stream:
            found = stamps(stream, 10)
    assert steps([stamp for stamp in found[1:] if stamp is not None]) == {3600}


def test_a_switch_changes_the_size_in_band(folder: Path, clip: Path) -> None:
    small = made(folder, H264, size=(160, 120))
    with RtspServer(clip, pace=3) as server, opened(server.url) as stream:
        frames = stream.decode(video=0)
        next(frames)
        server.switch(small)
        widths = [next(frames).width for _ in range(20)]
    assert set(widths) == {320, 160}
    assert steps([stamp for stamp, _ in server.sent()]) == {3600}


def test_a_switch_of_codec_closes_the_connection(folder: Path, clip: Path) -> None:
    with RtspServer(clip) as server:
        with opened(server.url) as stream:
            packets = stream.demux(video=0)
            next(packets)
            server.switch(made(folder, HEVC))
            began = time.monotonic()
            try:
                for _ in packets:
                    pass
            except FFmpegError:
                pass
            assert time.monotonic() - began < 1
        with opened(server.url) as stream:
            assert stream.streams.video[0].codec_context.name == "hevc"


def test_hanging_up_ends_clients_but_not_the_server(clip: Path) -> None:
    with RtspServer(clip) as server:
        with opened(server.url) as stream:
            packets = stream.demux(video=0)
            next(packets)
            server.hang_up()
            assert len(list(packets)) < 5
        with opened(server.url) as stream:
            assert len(stamps(stream, 1)) == 1


def test_wrong_options_are_refused(clip: Path) -> None:
    with pytest.raises(ValueError, match="pace"):
        RtspServer(clip, pace=0, start="live")
    with pytest.raises(ValueError, match="paths"):
        RtspServer([])
    with RtspServer(clip) as server, pytest.raises(ValueError, match="fraction"):
        server.drop(2)


def ask(connection: socket.socket, *lines: str) -> str:
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    return connection.recv(65536).decode("latin-1")


def test_requests_are_answered_as_rtsp_asks(clip: Path) -> None:
    with RtspServer(clip) as server, socket.create_connection(("127.0.0.1", server.port)) as talk:
        url = server.url
        assert "Public: OPTIONS" in ask(talk, f"OPTIONS {url} RTSP/1.0", "CSeq: 1")
        described = ask(talk, f"DESCRIBE {url} RTSP/1.0", "CSeq: 2")
        assert "CSeq: 2\r\n" in described
        assert "sprop-parameter-sets=" in described
        assert "a=framerate:25\r\n" in described
        assert " 404 " in ask(talk, f"DESCRIBE {url}x RTSP/1.0", "CSeq: 3")
        assert " 454 " in ask(talk, f"PLAY {url} RTSP/1.0", "CSeq: 4")
        assert " 461 " in ask(talk, f"SETUP {url} RTSP/1.0", "Transport: RAW/RAW/UDP", "CSeq: 5")
        assert " 501 " in ask(talk, f"RECORD {url} RTSP/1.0", "CSeq: 6")
        assert " 200 " in ask(talk, f"GET_PARAMETER {url} RTSP/1.0", "CSeq: 7")


def interleaved(connection: socket.socket, count: int) -> list[tuple[int, bytes]]:
    """Read (channel, packet) from a connection that plays."""
    stream = connection.makefile("rb")
    with stream:
        while stream.readline() != b"\r\n":
            pass
        heads = (stream.read(4) for _ in range(count))
        return [(head[1], stream.read(int.from_bytes(head[2:], "big"))) for head in heads]


def test_a_sender_report_pairs_the_wall_clock_with_the_stamps(clip: Path) -> None:
    with RtspServer(clip) as server, socket.create_connection(("127.0.0.1", server.port)) as talk:
        ask(talk, f"SETUP {server.url} RTSP/1.0", "Transport: RTP/AVP/TCP;interleaved=0-1")
        began = time.time()
        talk.sendall(f"PLAY {server.url} RTSP/1.0\r\nCSeq: 2\r\n\r\n".encode())
        packets = interleaved(talk, 25)
    media = [packet for channel, packet in packets if channel == 0]
    report = next(packet for channel, packet in packets if channel == 1)
    _, kind, _, ssrc, seconds, fraction, ticks = struct.unpack("!BBHIIII", report[:20])
    assert (kind, ssrc) == (200, int.from_bytes(media[0][8:12], "big"))
    unix_s = seconds - 2_208_988_800 + fraction / 2**32
    begin_s = unix_s - (ticks - 90_000) / 90_000  # of the stamp 90 000, the first picture
    assert begin_s == pytest.approx(began, abs=0.1)
    numbers = [int.from_bytes(packet[2:4], "big") for packet in media]
    assert {(later - earlier) % 2**16 for earlier, later in pairwise(numbers)} == {1}


def test_closing_does_not_wait_for_a_client_that_reads_nothing(clip: Path) -> None:
    with RtspServer(clip, pace=0) as server, opened(server.url):
        time.sleep(0.3)
        began = time.monotonic()
        server.close()
        assert time.monotonic() - began < 1
