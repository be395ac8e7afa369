"""The layout: four links, one wheel, arrows that point one way, a door that is quick."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import videoengine

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = ("streams", "models", "recon3d", "apps")
ALLOWED = {
    "spine": set[str](),
    "streams": {"streams"},
    "models": {"streams", "models"},
    "recon3d": {"streams", "recon3d"},
    "apps": {"streams", "models", "recon3d", "apps"},
}
checkout = pytest.mark.skipif(not (ROOT / "cuda").is_dir(), reason="not a checkout")


@checkout
@pytest.mark.parametrize("name", FOLDERS)
def test_each_top_level_folder_is_linked_into_the_package(name: str) -> None:
    link = ROOT / "videoengine" / name
    assert link.is_symlink(), f"git config core.symlinks true, then check out again: {link}"
    assert str(link.readlink()) == f"../{name}"


@checkout
def test_cuda_is_no_python_package() -> None:
    assert not list((ROOT / "cuda").rglob("*.py"))


@checkout
@pytest.mark.parametrize("layer", ALLOWED)
def test_a_layer_imports_only_from_the_layers_below(layer: str) -> None:
    folder = ROOT / ("videoengine" if layer == "spine" else layer)
    files = folder.glob("*.py") if layer == "spine" else folder.rglob("*.py")
    for path in files:
        if path == ROOT / "videoengine" / "__init__.py":
            continue  # the door may name apps
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                parts = name.split(".")
                if parts[0] == "videoengine" and parts[1:2] and parts[1] in FOLDERS:
                    assert parts[1] in ALLOWED[layer], f"{path} imports {name}"
                if layer in ("spine", "streams"):
                    assert parts[0] not in ("torch", "torchvision"), f"{path} imports {name}"


def test_the_door_offers_what_it_says() -> None:
    assert dir(videoengine) == [
        "Case",
        "DISCLAIMER",
        "Engine",
        "Event",
        "Frame",
        "Gate",
        "Pixels",
        "Stage",
        "Timeline",
        "VideoEngineError",
        "__version__",
        "analyze",
        "ask",
        "check",
        "live",
        "note",
        "open_source",
        "resume",
    ]
    for name in dir(videoengine):
        assert getattr(videoengine, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'analyse'"):
        _ = videoengine.analyse


def test_importing_the_package_is_quiet_and_loads_nothing_heavy() -> None:
    code = "import sys, videoengine; print([m for m in ('av','numpy','torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert done.stderr == ""
