"""Live feeds beside OpenCV and roboflow's engine (`streamvision`), on the same RTSP server.

    python tests/benchmarks/live.py [--passes 3] [--silence]

Three trials, each client in a process of its own, one after the other, interleaved over the passes:

* overload: 25 pictures a second, a consumer that takes 80 ms: age when handed out, pictures skipped
  and pictures that the client itself reports as skipped, memory, time to the first picture;
* recovery: the server is killed and is back after 1.5 s, three times;
* time: uneven stamps; the largest error of the time that the client states, origin removed.

`--silence` runs another trial instead: a link that stays open and falls silent, while new
connections work. OpenCV takes 30 s and more to notice.
Peers live in build/peers, made here (`streamvision` brings an OpenCV of its own).
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from measure import publish, summary  # noqa: E402
from support.made_videos import make_video, steady, uneven  # noqa: E402

from videoengine.streams.testing import RtspServer  # noqa: E402

CLIENTS = ("videoengine", "cv2_naive", "cv2_latest", "streamvision", "streamvision_auto")
PEERS = ROOT / "build" / "peers"
PACKAGES = ("streamvision==0.1.3", "opencv-python-headless", "av==18.1.0")


@dataclass
class Seen:
    """What a client printed."""

    rows: list[tuple[int, int, int]]
    """(number, monotonic ns, stated ns) of every picture handed out."""
    report: dict[str, Any]
    began_ns: int


def peers() -> Path:
    """Return the Python of the peers' environment, made when it is not there."""
    python = PEERS / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", PEERS], check=True)
        subprocess.run([python, "-m", "pip", "-q", "install", *PACKAGES], check=True)
    return python


def run(client: str, url: str, seconds: float, service_ms: float) -> Seen:
    python = sys.executable if client == "videoengine" else str(peers())
    script = Path(__file__).with_name("live_client.py")
    command = [python, str(script), client, url, str(seconds), str(service_ms)]
    began_ns = time.monotonic_ns()
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=seconds + 150
    )
    rows: list[tuple[int, int, int]] = []
    report: dict[str, Any] = {}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            report = json.loads(line)
        else:
            number, at_ns, stated_ns = map(int, line.split())
            rows.append((number, at_ns, stated_ns))
    return Seen(rows, report, began_ns)


def overload(client: str, clip: Path, stamps: list[int]) -> dict[str, float | None]:
    with RtspServer(clip, start="live") as server:
        seen = run(client, server.url, 12.0, 80.0)
        sent = server.sent()
    first = sent[0][0]
    places = {pts: number for number, pts in enumerate(stamps)}
    when: dict[int, int] = {}
    for rtp, at_ns in sent:
        when.setdefault(places[(rtp - first) % (stamps[-1] + 3600)], at_ns)
    # What is handed out before the feed has settled (1 s) belongs to the first picture.
    settled = [row for row in seen.rows if row[1] > seen.rows[0][1] + 1e9]
    ages = [(at_ns - when[number]) / 1e6 for number, at_ns, _ in settled if number in when]
    numbers = [number for number, _, _ in seen.rows]
    skipped = numbers[-1] - numbers[0] + 1 - len(numbers)
    reported = seen.report.get("reported")
    return {
        "age_p50_ms": statistics.median(ages),
        "age_p99_ms": sorted(ages)[int(0.99 * (len(ages) - 1))],
        "served": len(numbers),
        "skipped": skipped,
        "reported": reported,
        "growth_mb": seen.report.get("growth_mb"),
        "first_picture_s": (seen.rows[0][1] - seen.began_ns) / 1e9,
    }


def recovery(client: str, clip: Path) -> list[float]:
    back: list[float] = []
    with RtspServer(clip, start="live") as server:

        def faults() -> None:
            time.sleep(6.0)
            for _ in range(3):
                server.kill()
                time.sleep(1.5)
                server.restart()
                back.append(time.monotonic_ns())
                time.sleep(4.5)

        thread = threading.Thread(target=faults)
        thread.start()
        seen = run(client, server.url, 24.0, 5.0)
        thread.join()
    found: list[float] = []
    for at_ns in back:
        after = [row[1] for row in seen.rows if row[1] > at_ns]
        found.append((after[0] - at_ns) / 1e9 if after else float("inf"))
    return found


class Link:
    """A TCP proxy before a server, whose open connections can fall silent for ever."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._quiet: set[socket.socket] = set()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self._target))
            self._open += [client, server]
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                if one not in self._quiet:
                    other.sendall(data)
            if one not in self._quiet:
                other.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def fall_silent(self) -> None:
        """Carry nothing more on the connections there are; new ones work."""
        self._quiet.update(self._open)


def silence(client: str, clip: Path) -> float:
    began: list[int] = []
    with RtspServer(clip, start="live") as server:
        link = Link(server.port)

        def fault() -> None:
            link.fall_silent()
            began.append(time.monotonic_ns())

        timer = threading.Timer(6.0, fault)
        timer.start()
        url = server.url.replace(f":{server.port}/", f":{link.port}/")
        seen = run(client, url, 15.0 if client == "videoengine" else 110.0, 5.0)
        timer.join()
    after = [row[1] for row in seen.rows if row[1] > began[0] + 0.3e9]
    return round((after[0] - began[0]) / 1e9, 3) if after else float("inf")


def stamp_error_ms(client: str, clip: Path, stamps: list[int]) -> float:
    with RtspServer(clip, start="beginning", loop=False) as server:
        seen = run(client, server.url, 14.0, 0.0)
    first, errors = None, []
    for number, _, stated_ns in seen.rows:
        true_ns = stamps[number] * 100_000 // 9
        first = first or (stated_ns, true_ns)
        errors.append(abs((stated_ns - first[0]) - (true_ns - first[1])) / 1e6)
    return max(errors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--silence", action="store_true")
    parser.add_argument("--clients", nargs="*", default=CLIENTS)
    options = parser.parse_args()
    peers()
    loads: dict[str, list[dict[str, float | None]]] = {c: [] for c in options.clients}
    backs: dict[str, list[float]] = {c: [] for c in options.clients}
    errors: dict[str, list[float]] = {c: [] for c in options.clients}
    with tempfile.TemporaryDirectory() as name:
        even, odd = steady(1000), uneven(90)
        settings = {"bf": "0", "g": "25", "preset": "ultrafast"}
        plain = make_video(Path(name) / "even.mp4", even, size=(640, 360), options=settings)
        ragged = make_video(Path(name) / "odd.mp4", odd, size=(640, 360), options=settings)
        if options.silence:
            quiet = {client: silence(client, plain) for client in options.clients}
            what = "seconds from the moment a link falls silent to the next picture handed out"
            publish("live_silence", {"what": what, "seconds": quiet})
            return
        for _ in range(options.passes):
            for client in options.clients:
                loads[client].append(overload(client, plain, even))
                backs[client] += recovery(client, plain)
                errors[client].append(stamp_error_ms(client, ragged, odd))
                print(client, loads[client][-1], backs[client][-3:], errors[client][-1],
                      file=sys.stderr, flush=True)  # fmt: skip
    publish(
        "live",
        {
            "what": "640x360 H.264 at 25 pictures/s over RTSP/TCP on one machine",
            "overload_80ms": {
                client: {key: summary([float(r[key] or 0) for r in rows]) for key in rows[0]}
                for client, rows in loads.items()
            },
            "recovery_after_kill_s": {c: summary(v) for c, v in backs.items()},
            "stamp_error_ms": {c: summary(v) for c, v in errors.items()},
        },
    )


if __name__ == "__main__":
    main()
