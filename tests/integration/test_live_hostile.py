"""Hostile feeds over HTTP: refused, quietly retried, nothing read that was not asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.made_videos import make_video, steady

from videoengine.streams import LiveConfig, LiveSource, open_live

CONFIG = LiveConfig(
    retry_s=0.05, cap_s=0.1, watchdog_s=0.5, open_timeout_s=1.0, denied_s=0.1, picture_timeout_s=0.5
)
PLAYLIST = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\n{}\n#EXT-X-ENDLIST\n"
Answer = Callable[[BaseHTTPRequestHandler], None]


class Web:
    """A web server that answers every request as told, and remembers the paths."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.answer: Answer = lambda request: request.send_error(404)
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.paths.append(self.path)
                try:
                    web.answer(self)
                except OSError:
                    return  # the client has gone

            def log_message(self, format: str, *args: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


def body(data: bytes, kind: str = "video/mp2t") -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    return answer


def playlist(target: str) -> Answer:
    return body(PLAYLIST.format(target).encode(), "application/vnd.apple.mpegurl")


def redirect(target: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", target)
        request.end_headers()

    return answer


def endless(request: BaseHTTPRequestHandler) -> None:
    """Send transport-stream packets that hold nothing, for ever."""
    request.send_response(200)
    request.end_headers()
    empty = (b"\x47\x1f\xff\x10" + b"\xff" * 184) * 50
    while True:
        request.wfile.write(empty)
        time.sleep(0.01)


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    yield web
    web.server.shutdown()
    web.server.server_close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("h") / "clip.ts", steady(20, start=90_000))


def frames_within(source: LiveSource, seconds: float) -> int:
    """Return how many frames a source gives, stopping it after some seconds."""
    timer = threading.Timer(seconds, source.stop)
    timer.start()
    count = sum(1 for _ in source)
    timer.cancel()
    source.close()
    return count


def test_a_plain_transport_stream_over_http_is_read(web: Web, clip: Path) -> None:
    web.answer = body(clip.read_bytes())
    assert frames_within(open_live(f"{web.url}/a.ts", config=CONFIG), 1.5) >= 20


@pytest.mark.parametrize("form", ["file://{}", "{}", "concat:{}|{}", "subfile,,start,0,end,0,,:{}"])
def test_a_playlist_that_names_local_files_gives_nothing(web: Web, clip: Path, form: str) -> None:
    target = form.format(*[clip] * form.count("{}"))
    web.answer = playlist(target)
    source = open_live(f"{web.url}/a.m3u8", config=CONFIG)
    assert frames_within(source, 0.7) == 0
    assert any(path.endswith("a.m3u8") for path in web.paths)


@pytest.mark.parametrize("scheme", ["file://{}", "rtsp://127.0.0.1:1/x", "https://127.0.0.1:1/x"])
def test_a_redirect_to_another_scheme_is_not_followed(web: Web, clip: Path, scheme: str) -> None:
    web.answer = redirect(scheme.format(clip))
    source = open_live(f"{web.url}/a.ts", config=CONFIG)
    assert frames_within(source, 0.7) == 0
    assert source.packets.demuxed == 0
    assert len(web.paths) > 1, "and it is tried again"


def test_pictures_above_the_limit_are_refused_and_announced(web: Web, tmp_path: Path) -> None:
    path = make_video(tmp_path / "big.ts", steady(3, start=90_000), size=(8194, 64))
    web.answer = body(path.read_bytes())
    source = open_live(f"{web.url}/a.ts", config=CONFIG)
    assert frames_within(source, 1.0) == 0
    assert "error" in [draft.kind for draft in source.announcements()]


def test_an_endless_feed_without_a_picture_ends_in_another_try(web: Web) -> None:
    web.answer = endless
    source = open_live(f"{web.url}/a.ts", config=CONFIG)
    assert frames_within(source, 4.0) == 0
    assert len(web.paths) > 1


def test_a_web_page_is_no_feed(web: Web) -> None:
    web.answer = body(b"<html>please log in</html>" * 100, "text/html")
    source = open_live(f"{web.url}/a.ts", config=CONFIG)
    assert frames_within(source, 0.5) == 0
    assert source.status().last_failure
