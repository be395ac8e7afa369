"""Weight files that are broken, hostile or foreign: one error with the remedy, nothing run."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest

from videoengine.errors import ModelError

torch = pytest.importorskip("torch", reason="pip install 'videoengine[models]'")
pytestmark = pytest.mark.torch
TENSORS = {"a.weight": torch.ones(2, 3), "a.bias": torch.zeros(2)}


def read(path: Path, **options: Any) -> Any:
    from videoengine.models.backbones.checkpoint import read_checkpoint

    return read_checkpoint(path, **options)


def save_safetensors(path: Path, **metadata: str) -> Path:
    from safetensors.torch import save_file

    save_file(TENSORS, path, metadata=metadata or None)
    return path


def test_safetensors_are_read_with_their_metadata(tmp_path: Path) -> None:
    found = read(save_safetensors(tmp_path / "w.safetensors", channel_order="bgr"))
    assert found.metadata == {"channel_order": "bgr"}
    assert torch.equal(found.tensors["a.weight"], TENSORS["a.weight"])


def test_torch_files_are_read_bare_and_wrapped(tmp_path: Path) -> None:
    torch.save(TENSORS | {"height": 256, "use_stereo": False}, tmp_path / "bare.pth")
    torch.save({"epoch": 3, "teacher": TENSORS, "student": TENSORS}, tmp_path / "wrapped.pth")
    bare, wrapped = read(tmp_path / "bare.pth"), read(tmp_path / "wrapped.pth", within=["teacher"])
    assert bare.scalars == {"height": 256, "use_stereo": False}
    assert bare.tensors.keys() == wrapped.tensors.keys() == TENSORS.keys()


def test_an_archive_of_one_torch_file_is_opened(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "SurgVLP.pth")
    with zipfile.ZipFile(tmp_path / "SurgVLP.zip", "w") as archive:
        archive.write(tmp_path / "SurgVLP.pth", "SurgVLP/SurgVLP.pth")
    assert read(tmp_path / "SurgVLP.zip").tensors.keys() == TENSORS.keys()


class _Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (os.environ["EVIL"],)


@pytest.mark.parametrize("kind", ["torch", "old torch", "plain pickle"])
def test_a_pickle_is_refused_and_not_run(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, made = tmp_path / "evil.pth", tmp_path / "made"
    monkeypatch.setenv("EVIL", str(made))
    if kind == "plain pickle":
        path.write_bytes(pickle.dumps({"a": _Evil()}))
    else:
        torch.save({"a": _Evil()}, path, _use_new_zipfile_serialization=kind == "torch")
    with pytest.raises(ModelError, match=r"nothing of it was run.*safetensors") as raised:
        read(path)
    assert not made.exists()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["safetensors", "pth", "old.pth"])
def test_a_truncated_file_is_refused(kind: str, share: float, tmp_path: Path) -> None:
    path = tmp_path / f"w.{kind}"
    if kind == "safetensors":
        save_safetensors(path)
    else:
        torch.save(TENSORS, path, _use_new_zipfile_serialization=kind == "pth")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelError) as raised:
        read(path)
    assert "w." in str(raised.value)
    assert raised.value.remedy


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_refused(seed: int, tmp_path: Path) -> None:
    path = tmp_path / ("w.safetensors" if seed % 2 else "w.pth")
    generator = __import__("random").Random(seed)
    path.write_bytes(generator.randbytes(1 + 97 * seed))
    with pytest.raises(ModelError):
        read(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(ModelError, match="--weights FILE"):
            read(path)


def test_an_unknown_wrapping_is_named(tmp_path: Path) -> None:
    torch.save({"ema": TENSORS}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match="wrapped in a way that is not known; got ema"):
        read(tmp_path / "w.pth")


def test_values_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    from videoengine.models.backbones.checkpoint import load_whole

    layer = torch.nn.Linear(3, 2)
    tensors = {"weight": torch.full((2, 3), torch.nan), "bias": torch.zeros(2)}
    with pytest.raises(ModelError, match="not finite; got weight"):
        load_whole(layer, tensors, tmp_path / "w.pth")


def test_half_precision_becomes_single(tmp_path: Path) -> None:
    from videoengine.models.backbones.checkpoint import load_whole

    layer = torch.nn.Linear(3, 2)
    load_whole(layer, {"weight": torch.ones(2, 3).half(), "bias": torch.ones(2).half()}, tmp_path)
    assert layer.weight.dtype == torch.float32
    assert float(layer.weight.detach().sum()) == 6
