"""Manifests, tiny files, and a torchvision that imports beside a CPU torch. Tests alone do this."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="pip install 'videoengine[models]'")

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
    if find_spec("torchvision") is None or torch.version.cuda is not None or _libraries:
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
    if key.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.long)
    if key.endswith("position_ids"):
        return torch.arange(shape[-1]).view(shape)
    if key.endswith("running_var"):
        return torch.ones(shape)
    return torch.zeros(shape)
