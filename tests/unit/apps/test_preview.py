"""The preview: through the Gate, on this machine, encoded when somebody watches."""

from __future__ import annotations

import http.client
import io
import time
from collections.abc import Iterator

import av
import numpy as np
import pytest
from support.events import NS, privacy, quality
from support.fakes import ListSink, gray

from videoengine.apps import preview
from videoengine.apps.metrics_server import Address
from videoengine.apps.preview import PreviewFeed, PreviewServer, parse_preview
from videoengine.errors import UsageError
from videoengine.frames import Frame

PERIOD = NS // 5


def frame(seconds: float, size: tuple[int, int] = (320, 180)) -> Frame:
    ns = round(seconds * NS)
    return Frame("s0", "mono", 0, 0, 0, ns, NS // 25, 0, "stream", gray(200, size))


@pytest.fixture
def feed() -> PreviewFeed:
    return PreviewFeed(PERIOD)


@pytest.fixture
def served(feed: PreviewFeed) -> Iterator[tuple[PreviewFeed, http.client.HTTPConnection]]:
    with PreviewServer(Address("127.0.0.1", 0), lambda: {"s0": feed}) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.address.port, timeout=5)
        yield feed, connection
        feed.close()
        connection.close()


def allow(feed: PreviewFeed) -> ListSink:
    sink = ListSink()
    feed.watch(sink).put([privacy(n / 5) for n in range(8)])
    return sink


def decoded(data: bytes) -> np.ndarray:
    with av.open(io.BytesIO(data), "r", format="mjpeg") as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def test_a_picture_is_black_until_the_log_allows_it(feed: PreviewFeed) -> None:
    feed.on_frame(frame(1.4))
    assert decoded(feed.jpeg()).max() < 20
    time.sleep(0.12)
    sink = allow(feed)
    assert len(sink.events) == 8, "the log gets every event"
    assert decoded(feed.jpeg()).min() > 180


def test_leaving_the_body_blanks_at_once(feed: PreviewFeed) -> None:
    allow(feed)
    feed.on_frame(frame(1.4))
    assert decoded(feed.jpeg()).min() > 180
    time.sleep(0.12)
    feed.watch(ListSink()).put([privacy(1.6, False)])
    assert decoded(feed.jpeg()).max() < 20


def test_the_newest_frame_that_the_log_speaks_for_is_shown(
    feed: PreviewFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "STEP_NS", 0)
    allow(feed)
    feed.on_frame(frame(1.6))
    feed.on_frame(frame(2.2))
    assert decoded(feed.jpeg()).min() > 180


def test_a_feed_that_stands_still_goes_black(
    feed: PreviewFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "STALE_NS", 0)
    allow(feed)
    feed.on_frame(frame(1.4))
    time.sleep(0.001)
    assert decoded(feed.jpeg()).max() < 20


def test_outside_the_view_circle_it_is_black(feed: PreviewFeed) -> None:
    allow(feed)
    feed.watch(ListSink()).put([quality(1.4, circle={"cx": 0.5, "cy": 0.5, "radius": 0.2})])
    feed.on_frame(frame(1.4))
    picture = decoded(feed.jpeg())
    assert picture[90, 160].min() > 180
    assert picture[2, 2].max() < 20


def test_pictures_are_at_most_640_wide(feed: PreviewFeed) -> None:
    allow(feed)
    feed.on_frame(frame(1.4, (1920, 1080)))
    assert decoded(feed.jpeg()).shape == (360, 640, 3)


def test_nothing_is_converted_while_nobody_watches(feed: PreviewFeed) -> None:
    touched: list[int] = []

    def planes() -> tuple[np.ndarray, ...]:
        touched.append(1)
        return (np.zeros((8, 16), np.uint8),)

    from videoengine.frames import Pixels

    pixels = Pixels(planes, layout="gray", size=(16, 8))
    feed.on_frame(Frame("s0", "mono", 0, 0, 0, 0, 1, 0, "stream", pixels))
    assert not touched


def test_a_still_and_a_stream_are_served_and_never_cached(
    served: tuple[PreviewFeed, http.client.HTTPConnection],
) -> None:
    feed, connection = served
    allow(feed)
    feed.on_frame(frame(1.4))
    connection.request("GET", "/s0.jpg")
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.getheader("Cache-Control") == "no-store"
    assert decoded(answer.read()).min() > 180
    connection.request("GET", "/s0.mjpg")
    answer = connection.getresponse()
    assert answer.getheader("Content-Type") == "multipart/x-mixed-replace; boundary=picture"
    head = [answer.readline() for _ in range(4)]
    assert head[0] == b"--picture\r\n"
    size = int(head[2].split(b":")[1])
    assert decoded(answer.read(size)).min() > 180
    feed.close()


def test_the_index_names_the_streams_and_loads_nothing_from_elsewhere(
    served: tuple[PreviewFeed, http.client.HTTPConnection],
) -> None:
    _, connection = served
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert "default-src 'none'" in (answer.getheader("Content-Security-Policy") or "")
    page = answer.read().decode()
    assert 'src="/s0.mjpg"' in page
    assert "Not a medical device" in page


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:1", 200), ("127.0.0.1", 200), ("[::1]:8", 200), ("127.9.9.9:1", 200),
        ("evil.example", 403), ("127.0.0.1.evil.example", 403), ("", 403), ("10.0.0.1", 403),
    ],
)  # fmt: skip
def test_only_the_names_of_this_machine_are_answered(
    served: tuple[PreviewFeed, http.client.HTTPConnection], host: str, status: int
) -> None:
    _, connection = served
    connection.request("GET", "/s0.jpg", headers={"Host": host})
    assert connection.getresponse().status == status


def test_another_stream_is_not_found(
    served: tuple[PreviewFeed, http.client.HTTPConnection],
) -> None:
    _, connection = served
    for path in ("/s1.jpg", "/../s0.jpg", "/s0.png"):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 404


@pytest.mark.parametrize("written", ["0.0.0.0:8080", "10.1.2.3:1", "[::]:80", "example.com:80"])
def test_the_preview_never_leaves_this_machine(written: str) -> None:
    with pytest.raises(UsageError, match="stays on this machine"):
        parse_preview(written)


@pytest.mark.parametrize("written", ["8080", "127.0.0.2:8080", "[::1]:80", "localhost:80"])
def test_a_loopback_address_is_fine(written: str) -> None:
    assert parse_preview(written).port in (80, 8080)
