"""An RTSP camera for tests: it serves a file and fails on demand."""

from __future__ import annotations

import math
import random
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote

from videoengine.streams.testing.rtp import CLOCK_HZ, CodedFile, read_coded_file
from videoengine.streams.testing.rtsp_requests import Session
from videoengine.streams.testing.rtsp_session import POLL_S, Hub, Mount, Settings

_LOWEST_TICKS = 900
"""A file is switched at least 10 ms after the newest stamp."""


class RtspServer:
    """Serves H.264 and HEVC files over RTSP 1.0, by TCP or UDP, with the faults of real cameras.

    Every file is served under its name without the suffix. RTP stamps are presentation times:
    `first_rtp_time` plus the file's own distances at 90 kHz, round after round without a gap.
    """

    def __init__(
        self,
        paths: str | Path | Sequence[str | Path],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        user: str | None = None,
        password: str | None = None,
        auth: Literal["basic", "digest"] = "basic",
        loop: bool = True,
        pace: float = 1.0,
        start: Literal["beginning", "live"] = "beginning",
        sender_reports: bool = True,
        first_rtp_time: int = CLOCK_HZ,
        seed: int = 0,
    ) -> None:
        """Read the files and listen.

        Args:
            paths: One file, or several; `url` is the first one's.
            host: The address to listen on.
            port: 0 takes any free one.
            user: Asked of clients; None lets all in.
            password: The user's.
            auth: How clients log in.
            loop: Begin again at the end; otherwise the end is an RTCP BYE.
            pace: Media seconds per second; 0 sends as quickly as the client reads.
            start: "beginning": each client gets the whole file on its own clock; "live": all share
                one clock and a client begins at the newest key picture.
            sender_reports: Send RTCP reports, after the first picture and then each second.
            first_rtp_time: The first stamp, best not 0: FFmpeg unwraps wrongly after an exact 0.
            seed: Of `drop`, `reorder` and the sequence numbers.

        Raises:
            ValueError: no file, another codec than H.264 and HEVC, or a pace that does not fit.
            OSError: the port is taken.
        """
        if pace < 0 or (start == "live" and not pace):
            raise ValueError(f"pace must be above 0, or 0 from the beginning, got {pace}")
        self._hub = Hub(
            Settings(user, password, auth, loop, pace, start, sender_reports, first_rtp_time),
            _mounts([paths] if isinstance(paths, str | Path) else paths),
            random.Random(seed),
        )
        self._host, self._port = host, port
        self._sessions: list[Session] = []
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self.restart()

    def __enter__(self) -> Self:
        """Return the server, which listens already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the server."""
        self.close()

    @property
    def port(self) -> int:
        """Return the port, the same after `restart`."""
        return self._port

    @property
    def url(self) -> str:
        """Return the first file's address, without credentials."""
        return self.urls[0]

    @property
    def urls(self) -> tuple[str, ...]:
        """Return every file's address, without credentials."""
        return tuple(f"rtsp://{self._host}:{self._port}/{name}" for name in self._hub.mounts)

    @property
    def url_with_credentials(self) -> str:
        """Return the first file's address, with user and password if there are any."""
        settings = self._hub.settings
        if settings.user is None:
            return self.url
        login = f"{quote(settings.user, safe='')}:{quote(settings.password or '', safe='')}"
        return self.url.replace("rtsp://", f"rtsp://{login}@", 1)

    @property
    def clients(self) -> int:
        """Return how many clients are playing."""
        with self._lock:
            return sum(session.playing for session in self._sessions)

    @property
    def sent_pictures(self) -> int:
        """Return how many pictures were sent, to all clients together."""
        return self._hub.sent_pictures

    @property
    def sent_packets(self) -> int:
        """Return how many RTP packets were sent, without the dropped ones."""
        return self._hub.sent_packets

    @property
    def dropped_packets(self) -> int:
        """Return how many RTP packets `drop` kept back."""
        return self._hub.dropped_packets

    def sent(self) -> list[tuple[int, int]]:
        """Return (RTP time before the wrap, monotonic ns) of the newest 100 000 pictures sent."""
        with self._hub.lock:
            return list(self._hub.sent)

    def kill(self) -> None:
        """Close the port and all connections at once, as a crash does."""
        self._end(bye=False)

    def close(self) -> None:
        """End the clients' sessions, the threads and the sockets."""
        self._end(bye=True)

    def restart(self) -> None:
        """Listen, again on the same port after `kill`; no effect while it listens."""
        if self._listener is not None:
            return
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._host, self._port))
            listener.listen()
        except OSError:
            listener.close()
            raise
        listener.settimeout(POLL_S)
        self._port = listener.getsockname()[1]
        self._listener = listener
        self._stop.clear()
        self._thread = threading.Thread(
            target=self._accept, args=(listener,), name="rtsp-accept", daemon=True
        )
        self._thread.start()

    def hang_up(self) -> None:
        """End all sessions cleanly, with RTCP BYE; the server goes on listening."""
        self._end_sessions(bye=True)

    def stall(self, seconds: float | None = None, *, buffer: bool = True) -> None:
        """Send nothing for a while, with all connections open.

        Args:
            seconds: How long; None lasts until `go_on`.
            buffer: Send what was due afterwards, with its stamps; False loses it.
        """
        with self._hub.lock:
            self._hub.stall_keeps = buffer
            self._hub.stalled_until_ns = (
                math.inf if seconds is None else time.monotonic_ns() + seconds * 1e9
            )

    def go_on(self) -> None:
        """End a stall."""
        self._hub.stalled_until_ns = 0.0

    def refuse(self, status: Literal[401, 404, 503] | None = 503) -> None:
        """Answer new clients with this status; None serves them again."""
        self._hub.refused = status

    def jump_clock(self, seconds: float) -> None:
        """Move the RTP stamps by so much from the next picture on; negative goes back."""
        with self._hub.lock:
            self._hub.jump_ticks += round(seconds * CLOCK_HZ)

    def drop(self, fraction: float) -> None:
        """Lose this part of the RTP packets, chosen by the seed; 0 ends it."""
        if not 0 <= fraction <= 1:
            raise ValueError(f"fraction must be from 0 to 1, got {fraction}")
        self._hub.drop_fraction = fraction

    def reorder(self, packets: int) -> None:
        """Shuffle the RTP packets within groups of so many; 0 ends it."""
        if packets < 0:
            raise ValueError(f"packets must be at least 0, got {packets}")
        self._hub.reorder = packets

    def switch(self, path: str | Path) -> None:
        """Go on under `url` with another file, from its first key picture.

        With the same codec, clients find the other parameter sets in the stream and the stamps go
        on; with another codec, the connections are closed, as cameras do.
        """
        file = read_coded_file(Path(path))
        with self._hub.lock:
            mount = next(iter(self._hub.mounts.values()))
            mount.begin_ticks = self._after(mount.file)
            mount.file = file
            mount.turn += 1

    def _after(self, file: CodedFile) -> int:
        """Return where a file may begin on the live clock: after all stamps sent by now."""
        return self._hub.live_ticks() + file.reorder_ticks + max(file.frame_ticks, _LOWEST_TICKS)

    def _accept(self, listener: socket.socket) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return  # closed
            with self._lock:
                self._sessions = [session for session in self._sessions if session.alive]
                if self._stop.is_set():
                    connection.close()
                    return
                self._sessions.append(Session(self._hub, connection))

    def _end(self, *, bye: bool) -> None:
        listener, thread = self._listener, self._thread
        with self._lock:
            self._stop.set()
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        self._end_sessions(bye=bye)
        if thread is not None:
            thread.join()
        if listener is not None:
            listener.close()
        self._listener = self._thread = None

    def _end_sessions(self, *, bye: bool) -> None:
        with self._lock:
            sessions, self._sessions = self._sessions, []
        for session in sessions:
            session.end(bye=bye)
        for session in sessions:
            session.join()


def _mounts(paths: Sequence[str | Path]) -> dict[str, Mount]:
    """Return the files by the names they are served under."""
    if not paths:
        raise ValueError("paths must name a file, got none")
    return {quote(Path(path).stem): Mount(read_coded_file(Path(path))) for path in paths}
