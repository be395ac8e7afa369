"""`doctor`: what this machine has, and the command that adds what it lacks."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

import videoengine

State = Literal["present", "missing", "broken"]
DECODERS: Final = {
    "torchcodec": ("torchcodec", "pip install 'torchcodec==0.13.*'  # and: apt-get install ffmpeg"),
    "decord2": ("decord", "pip install decord2"),
    "nvidia-dali-cuda130": ("nvidia.dali", "pip install nvidia-dali-cuda130  # NVIDIA GPU"),
    "pynvvideocodec": ("PyNvVideoCodec", "pip install pynvvideocodec  # NVIDIA GPU"),
}
"""Distribution to its module and the command that adds it."""
MARKS: Final[dict[State, str]] = {"present": "ok", "missing": "--", "broken": "!!"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination."""

    group: str
    name: str
    state: State
    detail: str
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


def examine() -> list[Finding]:
    """Look at this machine; no model is loaded and torch is not imported."""
    return [
        *_program(),
        *_native(),
        *_decoders(),
        *_devices(),
        *_extras(),
        *_disk(),
    ]


def as_text(findings: list[Finding]) -> str:
    """Return the findings as a table, one group after the other."""
    width = max(len(finding.name) for finding in findings)
    lines = [f"videoengine doctor. {videoengine.DISCLAIMER}"]
    group = ""
    for finding in findings:
        if finding.group != group:
            group = finding.group
            lines.append(f"\n{group}")
        line = f"  {MARKS[finding.state]}  {finding.name:{width}}  {finding.detail}"
        lines.append(line.rstrip())
        if finding.remedy:
            lines.append(f"      {'':{width}}  add it: {finding.remedy}")
    return "\n".join(lines)


def _program() -> Iterator[Finding]:
    yield Finding("program", "videoengine", "present", _own_version())
    python = f"{platform.python_version()} at {sys.executable}"
    yield Finding("program", "python", "present", python)
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    yield Finding("program", "system", "present", f"{system}, {os.cpu_count()} processors")
    yield _package("program", "numpy")


def _own_version() -> str:
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return videoengine.__version__
    said = _output("git", "-C", str(root), "rev-parse", "--short=12", "HEAD")
    return f"{videoengine.__version__}, commit {said}" if said else videoengine.__version__


def _native() -> Iterator[Finding]:
    try:
        from videoengine import _native as native
    except ImportError as error:
        remedy = "pip install --force-reinstall videoengine"
        yield Finding("native", "videoengine._native", "broken", str(error), remedy)
        return
    detail = f"instruction set {native.instruction_set()}"
    yield Finding("native", "videoengine._native", "present", detail)
    if native.built_with_cuda():
        yield Finding("native", "CUDA kernels", "present", "built in")
    else:
        remedy = "VIDEOENGINE_CUDA=on pip install .  # in a checkout, with nvcc 13"
        yield Finding("native", "CUDA kernels", "missing", "built for the CPU only", remedy)


def _decoders() -> Iterator[Finding]:
    try:
        import av
        import av.error
    except ImportError as error:
        yield Finding("decoders", "pyav", "broken", str(error), "pip install 'av>=17'")
        return
    detail = f"{av.__version__} with FFmpeg {av.ffmpeg_version_info}"
    yield Finding("decoders", "pyav", "present", detail)
    from videoengine.apps.codec_samples import SAMPLES, decodes

    for codec in SAMPLES:
        name, remedy = f"pyav {codec}", "pip install --force-reinstall 'av>=17'"
        try:
            detail = f"a sample picture decoded by {decodes(codec)}"
            yield Finding("decoders", name, "present", detail)
        except (av.error.FFmpegError, ValueError) as error:  # an unknown codec is a ValueError
            yield Finding("decoders", name, "broken", str(error), remedy)
    for name, (module, remedy) in DECODERS.items():
        yield _package("decoders", name, module=module, remedy=remedy)


def _devices() -> Iterator[Finding]:
    command = (
        "nvidia-smi",
        "--query-gpu=name,memory.total,driver_version",
        "--format=csv,noheader",
    )
    rows = [row.strip() for row in _output(*command).splitlines() if row.strip()]
    for index, row in enumerate(rows):
        yield Finding("devices", f"cuda:{index}", "present", row)
    if not rows:
        yield Finding(
            "devices", "cuda", "missing", "no NVIDIA device or driver; all runs on the CPU"
        )
    nvcc = re.search(r"release ([\d.]+)", _output("nvcc", "--version"))
    if nvcc is not None:
        yield Finding("devices", "nvcc", "present", f"CUDA {nvcc[1]}")
    else:
        yield Finding("devices", "nvcc", "missing", "only needed to build the CUDA kernels")


def _extras() -> Iterator[Finding]:
    """Read the extras from the installed metadata: whatever is added later shows up here."""
    try:
        names = metadata("videoengine").get_all("Provides-Extra") or []
        needs = requires("videoengine") or []
    except PackageNotFoundError:
        detail = "videoengine runs from a folder and is not installed: extras are not known"
        yield Finding("extras", "extras", "missing", detail, "pip install .  # in the checkout")
        return
    for extra in names:
        pattern = re.compile(rf"""extra == ['"]{re.escape(extra)}['"]""")
        wanted = [re.split(r"[^A-Za-z0-9._-]", need)[0] for need in needs if pattern.search(need)]
        found = {name: _version(name) for name in wanted}
        lacking = [name for name, got in found.items() if got is None]
        have = ", ".join(f"{name} {got}" for name, got in found.items() if got is not None)
        if lacking:
            detail = f"lacks {', '.join(lacking)}" + (f"; has {have}" if have else "")
            remedy = f"pip install 'videoengine[{extra}]'"
            yield Finding("extras", f"[{extra}]", "missing", detail, remedy)
        else:
            yield Finding("extras", f"[{extra}]", "present", have)


def _disk() -> Iterator[Finding]:
    for name, path in (("working folder", Path.cwd()), ("temporary files", Path("/tmp"))):
        if path.is_dir():
            free = shutil.disk_usage(path).free
            yield Finding("disk", name, "present", f"{free / 1e9:.1f} GB free at {path}")


def _package(group: str, name: str, *, module: str = "", remedy: str = "") -> Finding:
    """Tell whether a distribution is here, from its metadata; nothing of it is imported."""
    found = _version(name)
    if found is None:
        return Finding(group, name, "missing", "not installed", remedy or f"pip install {name}")
    try:
        importable = find_spec(module or name) is not None
    except (ImportError, ValueError):
        importable = False
    if not importable:
        return Finding(group, name, "broken", f"{found}, but {module or name} is not found", remedy)
    return Finding(group, name, "present", found)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _output(*command: str) -> str:
    """Return what a program prints, or an empty string when it is absent, fails or hangs."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
