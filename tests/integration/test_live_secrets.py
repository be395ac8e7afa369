"""A password in a URL is for FFmpeg alone: not in a case, log, report, metric, title or message."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from support.clips import write_clip

from videoengine.streams.testing import RtspServer

SECRETS = ("nur53", "s3cr3t-pw", "t0k3n")
CLI = [sys.executable, "-m", "videoengine.apps.cli"]


def start(url: str, out: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [*CLI, "live", url, "--out", str(out), "--preset", "basic", *more]
    command += ["--modality", "laparoscopy"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def found_in(data: bytes | str) -> list[str]:
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    return [secret for secret in SECRETS if secret in text]


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as answer:
        return str(answer.read().decode())


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
@pytest.mark.parametrize("right", [True, False])
def test_no_secret_of_a_url_is_written_or_shown_anywhere(tmp_path: Path, right: bool) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    port = free_port()
    with RtspServer(clip, user=SECRETS[0], password=SECRETS[1] if right else "other") as server:
        address = server.url.removeprefix("rtsp://")
        url = f"rtsp://{SECRETS[0]}:{SECRETS[1]}@{address}?key={SECRETS[2]}"
        child = start(url, tmp_path / "cases", "--metrics", f"127.0.0.1:{port}")
        deadline = time.monotonic() + 20
        served = ""
        while time.monotonic() < deadline:
            try:
                served = scrape(port)
            except OSError:
                served = ""
            if served and (not right or "videoengine_stage_age_seconds_count" in served):
                break
            time.sleep(0.1)
        time.sleep(1.5)
        served = scrape(port)
        title = Path(f"/proc/{child.pid}/cmdline").read_bytes()
        assert b"live" in title
        child.terminate()
        out, error = child.communicate(timeout=20)
    assert child.returncode == (0 if right else 7), error.decode()
    assert found_in(served) == []
    assert found_in(title) == []
    assert found_in(out) == []
    assert found_in(error) == []
    files = [path for path in (tmp_path / "cases").rglob("*") if path.is_file()]
    assert any(path.name == "manifest.json" for path in files)
    assert any(path.name == "report.html" for path in files) == right
    for path in files:
        assert found_in(path.read_bytes()) == [], path


@pytest.mark.parametrize(
    "url", ["rtsp://nur53:s3cr3t-pw@", "gopher://nur53:s3cr3t-pw@host/x?k=t0k3n", "rtsp:nur53@x"]
)
def test_an_error_about_a_url_does_not_repeat_its_secrets(tmp_path: Path, url: str) -> None:
    child = start(url, tmp_path / "cases")
    out, error = child.communicate(timeout=30)
    assert child.returncode == 2
    assert found_in(out.replace(b"nur53@x", b"")) == []
    assert [s for s in found_in(error) if s != "nur53" or "://" in url] == []
