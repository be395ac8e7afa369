"""`--metrics HOST:PORT`: Prometheus text and health over HTTP; it holds no pixel."""

from __future__ import annotations

import json
import re
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple, Self

from videoengine.errors import OutputError, UsageError

LOOPBACK: Final = "127.0.0.1"
PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"
REQUEST_SECONDS: Final = 10.0
"""A client that sends or takes nothing for this long is let go."""
_ADDRESS: Final = re.compile(
    r"(?:(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[^:\s]*)):)?(?P<port>\d+)"
)


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return it as it is written in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(written: str, option: str) -> Address:
    """Return the address that `HOST:PORT` or `PORT` names; without a host, this machine only."""
    found = _ADDRESS.fullmatch(written.strip())
    if found is None or int(found["port"]) > 65535:
        raise UsageError(
            f"{option} names no address", got=repr(written), allowed="HOST:PORT, or a port alone"
        )
    return Address(found["six"] or found["host"] or LOOPBACK, int(found["port"]))


class Handler(BaseHTTPRequestHandler, ABC):
    """Answers GET and HEAD; writes no log and names no version."""

    timeout = REQUEST_SECONDS
    server_version = "videoengine"
    sys_version = ""
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing: a terminal shows the dashboard."""

    def answer(self, status: int, kind: str, body: bytes, **headers: str) -> None:
        """Send one whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, why: str) -> None:
        """Send one line that says why there is nothing."""
        body = f"{why}\n".encode()
        self.answer(status, "text/plain; charset=utf-8", body, Connection="close")

    def do_GET(self) -> None:
        """Answer, unless the client has gone."""
        try:
            self.respond(self.path.partition("?")[0])
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    do_HEAD = do_GET  # noqa: N815 - the base's name

    @abstractmethod
    def respond(self, path: str) -> None:
        """Answer a request for `path`."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Write nothing: a client that breaks off is no event."""


class _Server6(_Server):
    address_family = socket.AF_INET6


class LocalServer:
    """An HTTP server in a thread of its own."""

    def __init__(self, address: Address, handler: type[Handler], option: str) -> None:
        """Listen at once.

        Raises:
            OutputError: The address is in use, or not one of this machine's.
        """
        make = _Server6 if ":" in address.host else _Server
        try:
            self._server = make((address.host, address.port), handler)
        except OSError as error:
            raise OutputError(
                f"{option} cannot listen on {address}",
                got=error.strerror or type(error).__name__,
                allowed="a free port of this machine",
            ) from error
        self.address = Address(address.host, int(self._server.server_address[1]))
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name=option.strip("-"), daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening; safe to call twice."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        """Return the server."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self.close()


class MetricsServer(LocalServer):
    """Serves /metrics and /healthz."""

    def __init__(
        self, address: Address, metrics: Callable[[], str], states: Callable[[], Mapping[str, str]]
    ) -> None:
        """Listen at once.

        Args:
            address: Where; port 0 takes a free one.
            metrics: Returns Prometheus text.
            states: Returns the state of every stream, by stream id.
        """

        class Metrics(Handler):
            def respond(self, path: str) -> None:
                if path == "/metrics":
                    self.answer(200, PROMETHEUS, metrics().encode())
                elif path == "/healthz":
                    self._health()
                else:
                    self.refuse(404, "There are /metrics and /healthz.")

            def _health(self) -> None:
                found = dict(states())
                well = all(state == "live" for state in found.values())
                body = json.dumps({"ok": well, "streams": found}).encode() + b"\n"
                self.answer(200 if well else 503, "application/json", body)

        super().__init__(address, Metrics, "--metrics")
