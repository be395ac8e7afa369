"""What a client of the test server is sent, and the state that clients share."""

from __future__ import annotations

import random
import re
import secrets
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

from videoengine.streams.testing.rtp import (
    CLOCK_HZ,
    CodedFile,
    CodedPicture,
    goodbye,
    payloads,
    rtp_packet,
    sender_report,
)

BLOCKED_S: Final = 10.0
"""A client that takes no byte for so long is hung up on."""
REPORT_S: Final = 1.0
POLL_S: Final = 0.1
BYE_S: Final = 0.2
"""From the last picture to the BYE: over UDP it must not overtake the picture."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server was asked for, but for its files; see `RtspServer`."""

    user: str | None
    password: str | None
    auth: Literal["basic", "digest"]
    loop: bool
    pace: float
    start: Literal["beginning", "live"]
    sender_reports: bool
    first_rtp_time: int


@dataclass(slots=True)
class Mount:
    """The file behind one name of the server."""

    file: CodedFile
    turn: int = 0
    """How often the file was switched."""
    begin_ticks: int = 0
    """Where the file begins on the clock that live clients share."""


@dataclass(slots=True)
class Hub:
    """What a server's clients share: files, faults and counts."""

    settings: Settings
    mounts: dict[str, Mount]
    rng: random.Random
    nonce: str = field(default_factory=lambda: secrets.token_hex(16))
    origin_ns: int = field(default_factory=time.monotonic_ns)
    origin_unix_s: float = field(default_factory=time.time)
    lock: threading.RLock = field(default_factory=threading.RLock)
    stalled_until_ns: float = 0.0
    stall_keeps: bool = True
    jump_ticks: int = 0
    drop_fraction: float = 0.0
    reorder: int = 0
    refused: int | None = None
    sent_pictures: int = 0
    sent_packets: int = 0
    dropped_packets: int = 0
    sent: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=100_000))

    def stalled(self) -> bool:
        """Return whether nothing may be sent now."""
        return time.monotonic_ns() < self.stalled_until_ns

    def live_ticks(self) -> int:
        """Return where the clock that live clients share is now."""
        elapsed_ns = time.monotonic_ns() - self.origin_ns
        return int(elapsed_ns * CLOCK_HZ * self.settings.pace / 1e9)


class Wire:
    """A client's connection; both threads of a session write to it."""

    def __init__(self, connection: socket.socket) -> None:
        """Take over the connection."""
        self.socket = connection
        self.socket.settimeout(POLL_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.ended = threading.Event()
        self.patience_s = BLOCKED_S
        self.abrupt = False
        self._lock = threading.Lock()

    def write(self, data: bytes) -> None:
        """Write all of `data`, or end the connection of a client that takes none of it."""
        view = memoryview(data)
        with self._lock:
            moved_s = time.monotonic()
            while view and not self.ended.is_set():
                try:
                    view = view[self.socket.send(view) :]
                    moved_s = time.monotonic()
                except TimeoutError:
                    if time.monotonic() > moved_s + self.patience_s:
                        self.end()
                except OSError:
                    self.end()

    def end(self) -> None:
        """Wake both threads to leave; the session's own thread closes the socket."""
        self.ended.set()
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the client was quicker

    def close(self) -> None:
        """Close the socket; if `abrupt`, what was not sent yet is thrown away (TCP RST)."""
        if self.abrupt:
            linger = struct.pack("ii", 1, 0)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.socket.close()


class Transport:
    """Where RTP and RTCP go: two channels of the connection, or a pair of UDP ports."""

    def __init__(self, wire: Wire, wanted: str) -> None:
        """Read a Transport header.

        Raises:
            ValueError: it asks for neither TCP nor UDP unicast.
        """
        self._wire = wire
        self._udp: tuple[socket.socket, ...] = ()
        host, own = wire.socket.getpeername()[0], wire.socket.getsockname()[0]
        interleaved = re.search(r"interleaved=(\d+)-(\d+)", wanted)
        ports = re.search(r"client_port=(\d+)(?:-(\d+))?", wanted)
        if "RTP/AVP/TCP" in wanted:
            low, high = map(int, interleaved.groups()) if interleaved else (0, 1)
            self._channels = (low, high)
            self.header = f"RTP/AVP/TCP;unicast;interleaved={low}-{high}"
        elif ports and "multicast" not in wanted:
            low = int(ports[1])
            self._targets = ((host, low), (host, int(ports[2] or low + 1)))
            self._udp = _port_pair(own)
            mine = [udp.getsockname()[1] for udp in self._udp]
            self.header = (
                f"RTP/AVP;unicast;client_port={low}-{self._targets[1][1]}"
                f";server_port={mine[0]}-{mine[1]}"
            )
        else:
            raise ValueError(f"Transport must be TCP or UDP unicast, got {wanted!r}")

    def send(self, packet: bytes, *, control: bool = False) -> None:
        """Send one RTP (or RTCP) packet."""
        if not self._udp:
            head = struct.pack("!BBH", 0x24, self._channels[control], len(packet))
            self._wire.write(head + packet)
            return
        try:
            self._udp[control].sendto(packet, self._targets[control])
        except OSError:
            return  # as on a network: a client that closed its port does not stop the camera

    def close(self) -> None:
        """Close the UDP ports."""
        for udp in self._udp:
            udp.close()


def _port_pair(host: str) -> tuple[socket.socket, socket.socket]:
    """Return UDP sockets on an even port and the one after it, as RTP asks."""
    for _ in range(100):
        first = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        first.bind((host, 0))
        port = first.getsockname()[1]
        second = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            if port % 2 == 0:
                second.bind((host, port + 1))
                return first, second
        except OSError:
            pass  # taken: try another pair
        first.close()
        second.close()
    raise OSError(f"no free pair of UDP ports on {host}")


class Player:
    """Sends a file's pictures to one client when they are due."""

    def __init__(self, hub: Hub, mount: Mount, transport: Transport, wire: Wire) -> None:
        """Choose the picture to begin with."""
        self._hub, self._mount, self._transport, self._wire = hub, mount, transport, wire
        self._live = hub.settings.start == "live"
        with hub.lock:
            self._file, self._turn = mount.file, mount.turn
            self._begin_ticks = mount.begin_ticks if self._live else 0
        self._origin_ns = hub.origin_ns if self._live else time.monotonic_ns()
        self._round, self._number = 0, 0
        if self._live:
            now = max(hub.live_ticks() - self._begin_ticks, 0)
            self._round = now // self._file.period_ticks if hub.settings.loop else 0
            self._number = self._file.key_at(now - self._round * self._file.period_ticks)
        self._ssrc, self.sequence = hub.rng.getrandbits(32), hub.rng.getrandbits(16)
        self._packets = self._bytes = 0
        self._next_ticks = 0
        self._held: list[bytes] = []
        self._report_due_s = 0.0
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rtsp-player", daemon=True)

    @property
    def first_rtp_time(self) -> int:
        """Return the stamp of the first packet, 32 bits."""
        return self._stamp(self._file.pictures[self._number]) & 0xFFFF_FFFF

    @property
    def playing(self) -> bool:
        """Return whether pictures are being sent."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self, *, bye: bool = False) -> None:
        """End the thread; with `bye`, tell the client by RTCP."""
        self._leave.set()
        if self._thread.is_alive():
            self._thread.join()
        if bye:
            self._transport.send(goodbye(self._ssrc), control=True)

    def _base(self) -> int:
        return self._begin_ticks + self._round * self._file.period_ticks

    def _stamp(self, picture: CodedPicture) -> int:
        settings = self._hub.settings
        return settings.first_rtp_time + self._hub.jump_ticks + self._base() + picture.pts_ticks

    def _gone(self) -> bool:
        return self._leave.is_set() or self._wire.ended.is_set()

    def _run(self) -> None:
        while not self._gone():
            if self._mount.turn != self._turn and not self._follow_switch():
                self._wire.end()  # as a camera does when its codec is set anew
                return
            picture = self._file.pictures[self._number]
            turn = self._mount.turn
            if not self._wait(picture) or self._mount.turn != turn:
                continue
            self._send(picture)
            self._number += 1
            if self._number == len(self._file.pictures):
                self._round, self._number = self._round + 1, 0
                if not self._hub.settings.loop:
                    self._leave.wait(BYE_S)
                    self._transport.send(goodbye(self._ssrc), control=True)
                    return

    def _follow_switch(self) -> bool:
        """Go on with the mount's other file; return False if its codec is another."""
        with self._hub.lock:
            file, self._turn = self._mount.file, self._mount.turn
            begin = self._mount.begin_ticks if self._live else self._next_ticks
        same = file.codec == self._file.codec
        self._file, self._begin_ticks = file, begin
        self._round = self._number = 0
        return same

    def _wait(self, picture: CodedPicture) -> bool:
        """Sleep until the picture is due and no stall holds it; return False to look again."""
        hub, pace = self._hub, self._hub.settings.pace
        if pace:
            late = (self._base() + picture.due_ticks) * 1e9 / (CLOCK_HZ * pace)
            wait_s = (self._origin_ns + late - time.monotonic_ns()) / 1e9
            if wait_s > 0:
                self._leave.wait(min(wait_s, POLL_S))
                return False
        if hub.stalled() and (hub.stall_keeps or not pace):
            self._leave.wait(0.005)
            return False
        return True

    def _send(self, picture: CodedPicture) -> None:
        """Send one picture; in a stall that keeps nothing, only count its packets as lost."""
        hub, stamp = self._hub, self._stamp(picture)
        lost = hub.stalled()
        if not lost:
            with hub.lock:
                hub.sent.append((stamp, time.monotonic_ns()))
                hub.sent_pictures += 1
        parts = list(payloads(picture.units, self._file.codec))
        for number, payload in enumerate(parts, 1):
            if self._gone():
                return
            packet = rtp_packet(
                payload,
                sequence=self.sequence,
                ticks=stamp,
                ssrc=self._ssrc,
                marker=number == len(parts),
            )
            self.sequence += 1
            self._packets += 1
            self._bytes += len(payload)
            if not lost:
                self._pass_on(packet)
        end = self._base() + picture.pts_ticks + self._file.frame_ticks
        self._next_ticks = max(self._next_ticks, end)
        if hub.settings.sender_reports and not lost and time.monotonic() >= self._report_due_s:
            self._report_due_s = time.monotonic() + REPORT_S
            self._report(stamp)

    def _pass_on(self, packet: bytes) -> None:
        """Send, drop or hold back one packet, as the faults ask."""
        hub = self._hub
        with hub.lock:
            if hub.drop_fraction and hub.rng.random() < hub.drop_fraction:
                hub.dropped_packets += 1
                return
            self._held.append(packet)
            if len(self._held) < hub.reorder:
                return
            ready, self._held = self._held, []
            if hub.reorder:
                hub.rng.shuffle(ready)
            hub.sent_packets += len(ready)
        for one in ready:
            self._transport.send(one)

    def _report(self, stamp: int) -> None:
        """Send a sender report: the capture clock's stamp now, or without pace the newest one."""
        hub, pace = self._hub, self._hub.settings.pace
        now_ns = time.monotonic_ns()
        if pace:
            stamp = hub.settings.first_rtp_time + hub.jump_ticks
            stamp += int((now_ns - self._origin_ns) * CLOCK_HZ * pace / 1e9)
        report = sender_report(
            ssrc=self._ssrc,
            unix_s=hub.origin_unix_s + (now_ns - hub.origin_ns) / 1e9,
            ticks=stamp,
            packets=self._packets,
            payload_bytes=self._bytes,
        )
        self._transport.send(report, control=True)
