from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from videoengine.apps import codec_samples, doctor
from videoengine.apps.doctor import as_text, examine


def test_every_line_that_is_missing_names_what_it_is() -> None:
    findings = examine()
    groups = {finding.group for finding in findings}
    assert {"program", "native", "decoders", "devices", "extras", "disk"} <= groups
    by_name = {finding.name: finding for finding in findings}
    for codec in ("h264", "hevc", "vp9", "av1"):
        assert by_name[f"pyav {codec}"].state == "present"
    for finding in findings:
        if finding.group in ("decoders", "extras") and finding.state == "missing":
            assert "pip install" in finding.remedy


def test_a_decoder_that_fails_is_called_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(codec_samples.SAMPLES, "h264", ("no_such_decoder", "AAAA"))
    by_name = {finding.name: finding for finding in examine()}
    assert by_name["pyav h264"].state == "broken"


def test_an_absent_package_is_missing_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    by_name = {finding.name: finding for finding in examine()}
    assert by_name["decord2"].state == "missing"
    assert by_name["decord2"].remedy == "pip install decord2"
    assert "add it: pip install decord2" in as_text(examine())


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from videoengine.apps.doctor import examine; examine(); "
        "print([m for m in ('torch', 'decord', 'nvidia.dali', 'torchcodec') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "[]"
