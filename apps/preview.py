"""`--preview HOST:PORT`: what each live stream shows, through the Gate, for this machine only."""

from __future__ import annotations

import html
import ipaddress
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

import videoengine
from videoengine.apps.metrics_server import Address, Handler, LocalServer, parse_address
from videoengine.errors import UsageError
from videoengine.events import Event
from videoengine.frames import Frame, Pixels
from videoengine.gate import LiveGate
from videoengine.lane import Sink
from videoengine.media_time import NS_PER_SECOND
from videoengine.streams.jpeg import JpegEncoder

WIDTH: Final = 640
"""Pixels across a picture; smaller video is not enlarged."""
PICTURES_PER_SECOND: Final = 10
STEP_NS: Final = NS_PER_SECOND // PICTURES_PER_SECOND
STALE_NS: Final = 2 * NS_PER_SECOND
"""After this long without a frame the picture goes black: a frozen one would pass for live."""
HELD: Final = 15
"""Frames kept, one per step: a slow stage keeps statements from the log for up to a second."""
QUANTIZER: Final = 5
WATCHERS: Final = 16
BOUNDARY: Final = "picture"
POLICY: Final = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Live preview</title><style>
body{{background:#111;color:#ddd;font:15px system-ui;margin:1.5rem}}
figure{{display:inline-block;margin:0 1rem 1rem 0}}
img{{display:block;width:640px;max-width:100%;background:#000}}
</style></head><body>
<p>videoengine, live preview. Black is what may not be shown. {disclaimer}</p>{figures}
</body></html>
"""


class PreviewFeed:
    """One stream's newest frames and the Gate they pass; everything may come from any thread."""

    def __init__(self, period_ns: int) -> None:
        """Begin black, with the period of the privacy stage."""
        self.gate = LiveGate(period_ns)
        self._changed = threading.Condition()
        self._frames: deque[tuple[int, Frame]] = deque(maxlen=HELD)
        self._next_ns = 0
        self._closed = False
        self._drawn = 0
        self._jpeg: tuple[float, bytes] | None = None
        self._encoder = JpegEncoder(QUANTIZER)
        self._encoding = threading.Lock()

    def watch(self, sink: Sink) -> Sink:
        """Return a sink that lets the Gate see what goes to the log."""
        return _Watched(sink, self.gate)

    def on_frame(self, frame: Frame) -> None:
        """Keep a frame, at most ten a second; converts nothing."""
        now = time.monotonic_ns()
        with self._changed:
            if now < self._next_ns:
                return
            self._next_ns = now + STEP_NS
            self._frames.append((now, frame))
            self._drawn += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Let every watcher go."""
        with self._changed:
            self._closed = True
            self._frames.clear()
            self._changed.notify_all()

    def wait(self, seen: int, seconds: float) -> int | None:
        """Wait for a frame after number `seen`; return its number, or None after the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._drawn > seen, seconds)
            return None if self._closed else self._drawn

    def jpeg(self) -> bytes:
        """Return the newest picture that may be seen, as JPEG; black if there is none."""
        with self._encoding:
            now = time.monotonic()
            if self._jpeg is None or now - self._jpeg[0] >= 0.9 / PICTURES_PER_SECOND:
                self._jpeg = now, self._encoder.encode(self._picture())
            return self._jpeg[1]

    def _picture(self) -> Any:
        with self._changed:
            oldest = time.monotonic_ns() - STALE_NS
            frames = [frame for at_ns, frame in self._frames if at_ns >= oldest]
        if not frames:
            return _black().rgb()
        # An event is stated a little after its frame: the newest frame it speaks for is shown.
        for frame in reversed(frames):
            if self.gate.allows(frame):
                break
        else:
            frame = frames[-1]
        return self.gate.show(frame, _size(frame.pixels)).rgb


def _size(pixels: Pixels) -> tuple[int, int]:
    width, height = pixels.target_size(None)
    scale = min(1.0, WIDTH / width)
    # JPEG with halved color needs even sides.
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _black() -> Pixels:
    plane = np.zeros((360, WIDTH), np.uint8)
    return Pixels(lambda: (plane,), layout="gray", size=(WIDTH, 360))


class _Watched:
    """Forwards to the log; the Gate sees every event first, so that it closes at once."""

    def __init__(self, sink: Sink, gate: LiveGate) -> None:
        self._sink, self._gate = sink, gate

    def put(self, events: Sequence[Event]) -> None:
        """Take events in their final order."""
        for event in events:
            self._gate.add(event)
        self._sink.put(events)

    def checkpoint(self, row: dict[str, Any]) -> None:
        """Make a checkpoint last."""
        self._sink.checkpoint(row)


def parse_preview(written: str) -> Address:
    """Return the address of `--preview`, which never leaves this machine."""
    address = parse_address(written, "--preview")
    if not _is_loopback(address.host):
        raise UsageError(
            "--preview shows pictures, so it stays on this machine",
            got=address.host,
            allowed="127.0.0.1, ::1 or localhost",
            remedy="From elsewhere: ssh -L PORT:127.0.0.1:PORT THIS_MACHINE",
        )
    return address


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class PreviewServer(LocalServer):
    """Serves an index page, /<stream_id>.mjpg and /<stream_id>.jpg."""

    def __init__(self, address: Address, feeds: Callable[[], Mapping[str, PreviewFeed]]) -> None:
        """Listen at once; `feeds` returns what there is to see, by stream id."""
        shown = feeds

        class Preview(_Preview):
            feeds = staticmethod(shown)
            places = threading.BoundedSemaphore(WATCHERS)

        super().__init__(address, Preview, "--preview")


class _Preview(Handler):
    feeds: Callable[[], Mapping[str, PreviewFeed]]
    places: threading.BoundedSemaphore

    def respond(self, path: str) -> None:
        if not self._from_here():
            self.refuse(403, "The preview answers to the name of this machine only.")
            return
        feeds = self.feeds()
        name, _, kind = path.removeprefix("/").rpartition(".")
        if path == "/":
            self._index(list(feeds))
        elif kind not in ("jpg", "mjpg") or name not in feeds:
            self.refuse(404, "No such stream.")
        elif kind == "jpg":
            self.answer(200, "image/jpeg", feeds[name].jpeg())
        else:
            self._stream(feeds[name])

    def _from_here(self) -> bool:
        """Tell whether the request names this machine: another site's name may lead here too."""
        host = self.headers.get("Host", "")
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        return _is_loopback(name)

    def _index(self, names: Sequence[str]) -> None:
        figures = "".join(
            f'<figure><img src="/{html.escape(name)}.mjpg" alt="Live picture of '
            f'{html.escape(name)}"><figcaption>{html.escape(name)}</figcaption></figure>'
            for name in names
        )
        page = _PAGE.format(figures=figures, disclaimer=videoengine.DISCLAIMER).encode()
        self.answer(200, "text/html; charset=utf-8", page, Content_Security_Policy=POLICY)

    def _stream(self, feed: PreviewFeed) -> None:
        if not self.places.acquire(blocking=False):
            self.refuse(503, "Too many are watching.")
            return
        try:
            self._pictures(feed)
        finally:
            self.places.release()

    def _pictures(self, feed: PreviewFeed) -> None:
        """Send pictures until the stream or the client ends."""
        self.send_response(200)
        self.send_header("Connection", "close")
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command == "HEAD":
            return
        seen: int | None = 0
        while seen is not None:
            data = feed.jpeg()
            head = (
                f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            )
            self.wfile.write(head.encode() + data + b"\r\n")
            time.sleep(1 / PICTURES_PER_SECOND)
            # Also without a fresh frame: what was allowed a second ago may have to go black.
            seen = feed.wait(seen, 1.0)
        self.wfile.write(f"--{BOUNDARY}--\r\n".encode())
