"""GStreamer's RTSP server for tests; run as a script by /usr/bin/python3, which has `gi`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PYTHON = "/usr/bin/python3"
PROBE = "import gi; gi.require_version('GstRtspServer', '1.0')"


def gst_missing() -> str | None:
    """Return why GStreamer's server cannot be used here, or None if it can."""
    if not Path(PYTHON).exists():
        return f"no {PYTHON}"
    done = subprocess.run([PYTHON, "-c", PROBE], capture_output=True, text=True, check=False)
    return f"GstRtspServer is missing: {done.stderr.strip()[-200:]}" if done.returncode else None


@contextmanager
def gst_server(path: Path, *, codec: str = "h264") -> Iterator[str]:
    """Serve an MP4 file (codec "h264" or "h265") and yield its address; skips if it cannot."""
    reason = gst_missing()
    if reason:
        import pytest

        pytest.skip(reason)
    command = [PYTHON, __file__, str(path), codec]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        port = server.stdout.readline().strip()
        if not port:
            raise RuntimeError(f"the GStreamer server ended with code {server.wait()}")
        yield f"rtsp://127.0.0.1:{port}/video"
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


def main() -> None:
    """Serve the file of the command line on a free port and print the port."""
    import gi  # pyright: ignore[reportMissingImports]

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import (  # pyright: ignore[reportMissingImports]
        GLib,
        Gst,
        GstRtspServer,
    )

    path, codec = sys.argv[1:]
    gst: Any = Gst
    gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f'( filesrc location="{path}" ! qtdemux ! {codec}parse '
        f"! rtp{codec}pay name=pay0 pt=96 config-interval=-1 )"
    )
    server.get_mount_points().add_factory("/video", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
