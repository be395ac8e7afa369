"""The requests of one RTSP client, answered: RFC 2326."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import socket
import threading
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from videoengine.streams.testing.rtp import session_description
from videoengine.streams.testing.rtsp_session import Hub, Mount, Player, Transport, Wire

REALM: Final = "videoengine"
REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    454: "Session Not Found",
    461: "Unsupported Transport",
    501: "Not Implemented",
    503: "Service Unavailable",
}
FAREWELL_S: Final = 0.3
"""How long a client that reads nothing delays the end of its session."""
METHODS: Final = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER"


@dataclass(frozen=True, slots=True)
class Request:
    """One RTSP request; header names are in lower case."""

    method: str
    url: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back, but for CSeq."""

    status: int = 200
    headers: tuple[str, ...] = ()
    body: str = ""


class Session:
    """One client's connection, served in a thread of its own."""

    def __init__(self, hub: Hub, connection: socket.socket) -> None:
        """Begin to serve the connection."""
        self._hub = hub
        self._wire = Wire(connection)
        self._id = secrets.token_hex(4)
        self._transport: Transport | None = None
        self._player: Player | None = None
        self._thread = threading.Thread(target=self._run, name="rtsp-session", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Return whether the client is still connected."""
        return self._thread.is_alive()

    @property
    def playing(self) -> bool:
        """Return whether pictures are being sent."""
        return self._player is not None and self._player.playing

    def end(self, *, bye: bool) -> None:
        """End the connection: with `bye` after an RTCP BYE, otherwise as a crash does."""
        player = self._player
        self._wire.abrupt = not bye
        self._wire.patience_s = FAREWELL_S
        if bye and player is not None and not self._wire.ended.is_set():
            player.stop(bye=True)
        self._wire.end()

    def join(self) -> None:
        """Wait until the session's threads and sockets are gone."""
        self._thread.join()

    def _run(self) -> None:
        buffer = bytearray()
        try:
            while not self._wire.ended.is_set():
                request = self._next_request(buffer)
                if request is not None:
                    self._reply(request)
                    continue
                try:
                    data = self._wire.socket.recv(65536)
                except TimeoutError:
                    continue
                except OSError:
                    break
                if not data:
                    break
                buffer += data
        finally:
            self._wire.end()
            if self._player is not None:
                self._player.stop()
            if self._transport is not None:
                self._transport.close()
            self._wire.close()

    def _next_request(self, buffer: bytearray) -> Request | None:
        """Take a whole request off the buffer, past the client's own RTCP packets."""
        while buffer.startswith(b"$"):
            if len(buffer) < 4 or len(buffer) < 4 + int.from_bytes(buffer[2:4], "big"):
                return None
            del buffer[: 4 + int.from_bytes(buffer[2:4], "big")]
        head, found, _ = bytes(buffer).partition(b"\r\n\r\n")
        if not found:
            return None
        first, *lines = head.decode("utf-8", "replace").strip().split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        length = headers.get("content-length", "0")
        whole = len(head) + 4 + (int(length) if length.isdigit() else 0)
        if len(buffer) < whole:
            return None
        del buffer[:whole]
        method, url, *_ = [*first.split(), "", ""]
        return Request(method, url, headers)

    def _reply(self, request: Request) -> None:
        answer = self._answer(request)
        lines = [
            f"RTSP/1.0 {answer.status} {REASONS[answer.status]}",
            f"CSeq: {request.headers.get('cseq', '0')}",
            *answer.headers,
        ]
        if answer.body:
            lines.append(f"Content-Length: {len(answer.body)}")
        self._wire.write(("\r\n".join(lines) + "\r\n\r\n" + answer.body).encode())
        if answer.status != 200:
            return
        if request.method == "PLAY" and self._player is not None:
            self._player.start()
        if request.method == "TEARDOWN":
            self._wire.ended.set()

    def _answer(self, request: Request) -> Answer:
        if request.method == "OPTIONS":
            return Answer(headers=(f"Public: {METHODS}",))
        refused = self._hub.refused
        if request.method in ("DESCRIBE", "SETUP", "PLAY") and refused is not None:
            return self._unauthorized() if refused == 401 else Answer(refused)
        if not self._authorized(request):
            return self._unauthorized()
        mount = self._mount(request.url)
        if mount is None:
            return Answer(404)
        if request.method == "DESCRIBE":
            base = request.url.rstrip("/") + "/"
            host = self._wire.socket.getsockname()[0]
            headers = ("Content-Type: application/sdp", f"Content-Base: {base}")
            return Answer(headers=headers, body=session_description(mount.file, host=host))
        if request.method == "SETUP":
            return self._set_up(request)
        if request.method not in METHODS.split(", "):
            return Answer(501)
        if self._transport is None and request.method in ("PLAY", "PAUSE"):
            return Answer(454)
        if request.method == "PLAY":
            return self._play(request, mount)
        if request.method in ("PAUSE", "TEARDOWN") and self._player is not None:
            self._player.stop()
        return Answer(headers=(f"Session: {self._id}",))

    def _set_up(self, request: Request) -> Answer:
        if self._transport is not None:
            self._transport.close()
        try:
            self._transport = Transport(self._wire, request.headers.get("transport", ""))
        except ValueError:
            return Answer(461)
        session = f"Session: {self._id};timeout=60"
        return Answer(headers=(f"Transport: {self._transport.header}", session))

    def _play(self, request: Request, mount: Mount) -> Answer:
        assert self._transport is not None
        if self._player is not None:
            self._player.stop()
        self._player = player = Player(self._hub, mount, self._transport, self._wire)
        track = request.url.rstrip("/") + "/trackID=0"
        info = f"url={track};seq={player.sequence & 0xFFFF};rtptime={player.first_rtp_time}"
        return Answer(headers=(f"Session: {self._id}", f"RTP-Info: {info}"))

    def _mount(self, url: str) -> Mount | None:
        path = urlsplit(url).path.strip("/").removesuffix("/trackID=0")
        return self._hub.mounts.get(path)

    def _unauthorized(self) -> Answer:
        if self._hub.settings.auth == "basic":
            return Answer(401, (f'WWW-Authenticate: Basic realm="{REALM}"',))
        value = f'Digest realm="{REALM}", nonce="{self._hub.nonce}", algorithm=MD5'
        return Answer(401, (f"WWW-Authenticate: {value}",))

    def _authorized(self, request: Request) -> bool:
        settings = self._hub.settings
        if settings.user is None:
            return True
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        password = settings.password or ""
        if settings.auth == "basic":
            right = base64.b64encode(f"{settings.user}:{password}".encode()).decode()
            return kind == "Basic" and hmac.compare_digest(value.encode(), right.encode())
        given: dict[str, str] = dict(re.findall(r'(\w+)="([^"]*)"', value))
        who = _md5(f"{settings.user}:{REALM}:{password}")
        what = _md5(f"{request.method}:{given.get('uri', '')}")
        right = _md5(f"{who}:{self._hub.nonce}:{what}")
        known = given.get("username") == settings.user and given.get("nonce") == self._hub.nonce
        return kind == "Digest" and known and given.get("response") == right


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
