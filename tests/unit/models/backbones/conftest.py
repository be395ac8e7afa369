"""Manifests, tiny files, and a torchvision that imports beside a CPU torch. Tests alone do this."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    *(
        f"{name}(Tensor input) -> Tensor"
        for name in (
            "roi_align",
            "_roi_align_backward",
            "ps_roi_align",
            "_ps_roi_align_backward",
            "roi_pool",
            "_roi_pool_backward",
            "ps_roi_pool",
            "_ps_roi_pool_backward",
            "qroi_align",
            "deform_conv2d",
            "_deform_conv2d_backward",
            "_cuda_version",
        )
    ),
)
"""Operators that torchvision's CUDA wheel cannot register; nothing here calls one."""
_libraries: list[Any] = []


def declare_torchvision_operators() -> None:
    """Let torchvision import: it describes operators that its library would have declared."""
    if find_spec("torchvision") is None or find_spec("torch") is None or _libraries:
        return
    import torch

    if torch.version.cuda is not None:
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in SCHEMAS:
        library.define(schema)
    _libraries.append(library)


declare_torchvision_operators()


@pytest.fixture(scope="session")
def manifest(shared: Path) -> Callable[[str], dict[str, Any]]:
    """Tensors of the published shapes under the published keys, by the manifest's name."""

    def make(name: str) -> dict[str, Any]:
        rows = json.loads((shared / "statedict_manifests" / f"{name}.json").read_text())
        return {
            key: _tensor(key, shape) if isinstance(shape, list) else shape
            for key, shape in rows.items()
        }

    return make


def _tensor(key: str, shape: list[int]) -> Any:
    import torch

    if key.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.long)
    if key.endswith("position_ids"):
        return torch.arange(shape[-1]).view(shape)
    if key.endswith("running_var"):
        return torch.ones(shape)
    return torch.zeros(shape)


class Hub:
    """A hub on this machine: paths to bytes, an agreement to accept, a second host for blobs."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.files: dict[str, bytes] = {}
        self.token = ""
        """Needed for what has `gated` in its path."""
        self.cut = 0
        """Bytes that are stated but not sent."""
        self.etag: str | None = None
        self.asked: list[tuple[str, str]] = []
        """(path, authorization) of every request."""
        self.elsewhere = ""
        """Where resolve/ redirects to; empty serves at once."""


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            authorization = self.headers.get("Authorization", "")
            hub.asked.append((self.path, authorization))
            data = hub.files.get(self.path.removeprefix("/blob"))
            if "gated" in self.path and authorization != f"Bearer {hub.token}":
                self.send_response(401)
            elif data is None:
                self.send_response(404)
            elif hub.elsewhere and not self.path.startswith("/blob"):
                self.send_response(302)
                self.send_header("Location", f"{hub.elsewhere}/blob{self.path}")
                self.send_header("X-Repo-Commit", "c0ffee")
                stated = hub.etag or hashlib.sha256(data).hexdigest()
                self.send_header("X-Linked-Etag", f'"{stated}"')
            else:
                self.send_response(200)
                self.send_header("Content-Length", str(len(data) + hub.cut))
                self.end_headers()
                self.wfile.write(data)
                return
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    return Handler


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that `HF_ENDPOINT` points to."""
    found = Hub("")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(found))
    found.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", found.address)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    yield found
    server.shutdown()
    server.server_close()
