"""The README's code runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.clips import tissue, write_clip

README = Path(__file__).resolve().parent.parent.parent / "README.md"


@pytest.mark.skipif(not README.is_file(), reason="not a checkout")
def test_the_readmes_code_runs_and_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(code) == 1
    assert sum(bool(line.strip()) for line in code[0].splitlines()) <= 12
    monkeypatch.chdir(tmp_path)
    write_clip(Path("procedure.mp4"), size=(428, 240), pictures=tissue((428, 240)))
    names: dict[str, object] = {}
    exec(code[0], names)
    assert "in_body" in capsys.readouterr().out
    assert getattr(names["shown"], "shape") == (256, 456, 3)  # noqa: B009
