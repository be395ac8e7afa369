"""The backend gsplat: what it refuses, and what it is given, by a stand-in that draws with us."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType
from typing import Any, Final

import pytest

torch = pytest.importorskip("torch")

# ruff: noqa: E402
from torch import Tensor

from videoengine.errors import ModelError, UsageError
from videoengine.recon3d.splats import (
    Fisheye,
    Gaussians,
    Lamp,
    RasterOptions,
    Rules,
    SplatCamera,
    peer,
    rasterize,
)

pytestmark = pytest.mark.torch

CAMERA: Final = SplatCamera(33, 27, 30.0, 31.0, 15.3, 13.2)
PEER: Final = RasterOptions(backend="gsplat")
EXACT: Final = 1e-12  # the same rasterizer on both sides


def made(count: int, degree: int = 0) -> Gaussians:
    draws = torch.Generator().manual_seed(6)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draws, dtype=torch.float64)

    means = torch.stack([normal(count), normal(count), 2 + normal(count)], dim=1)
    harmonics = 0.4 * normal(count, (degree + 1) ** 2, 3)
    return Gaussians(means, normal(count, 4), normal(count, 3) - 2, normal(count), harmonics)


def stand_in(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Put a module in gsplat's place that draws what it is given with our own rasterizer."""
    calls: list[dict[str, Any]] = []

    def rasterization(**given: Any) -> tuple[Tensor, Tensor, dict[str, Any]]:
        calls.append(given)
        lens, pose = given["Ks"][0], given["viewmats"][0]
        assert given["Ks"].shape == (1, 3, 3)
        assert given["viewmats"].shape == (1, 4, 4)
        camera = SplatCamera(
            given["width"], given["height"], float(lens[0, 0]), float(lens[1, 1]),
            float(lens[0, 2]) - 0.5, float(lens[1, 2]) - 0.5,
            fisheye=None if given["camera_model"] == "pinhole" else Fisheye(),
        )  # fmt: skip
        rules = Rules(near=given["near_plane"], far=given["far_plane"], blur=given["eps2d"])
        scene = Gaussians(
            given["means"],
            given["quats"],
            given["scales"].log(),
            torch.logit(given["opacities"]),
            ((given["colors"] - 0.5) / 0.28209479177387814)[:, None],
        )
        drawn = rasterize(scene, camera, pose[:3], options=RasterOptions(rules=rules))
        return (
            torch.cat([drawn.color, drawn.depth[..., None]], -1)[None],
            drawn.alpha[None, ..., None],
            {},
        )

    module = ModuleType("gsplat")
    module.rasterization = rasterization  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gsplat", module)
    monkeypatch.setattr(peer, "find_spec", lambda name: object())
    monkeypatch.setattr(peer, "_refuse_other_devices", lambda means: None)
    return calls


@pytest.mark.parametrize(
    ("degree", "lamp", "fisheye"),
    [(0, None, None), (2, Lamp(2.0, 1.5), None), (1, None, Fisheye())],
)
def test_it_is_given_the_scene_and_its_pictures_are_ours(
    degree: int, lamp: Lamp | None, fisheye: Fisheye | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = stand_in(monkeypatch)
    camera, scene = replace(CAMERA, lamp=lamp, fisheye=fisheye), made(60, degree)
    pose = torch.eye(4, dtype=torch.float64)[:3].clone().requires_grad_()
    background = torch.tensor([0.3, 0.1, 0.7], dtype=torch.float64)
    rules = Rules(near=0.2, blur=0.5)
    one = rasterize(scene, camera, pose, background=background, options=replace(PEER, rules=rules))
    other = rasterize(
        scene, camera, pose, background=background, options=RasterOptions(rules=rules)
    )
    assert len(calls) == 1
    assert calls[0]["render_mode"] == "RGB+ED"
    for name in ("color", "depth", "alpha"):
        found, wanted = getattr(one, name), getattr(other, name)
        assert float((found - wanted).detach().abs().max()) <= EXACT, name
    (to_pose,) = torch.autograd.grad(one.color.sum(), [pose])
    (wanted_pose,) = torch.autograd.grad(other.color.sum(), [pose])
    assert float((to_pose - wanted_pose).norm() / wanted_pose.norm()) <= EXACT


def test_without_gsplat_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gsplat", None)
    monkeypatch.setattr(peer, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"needs gsplat; got not installed\. pip install gsplat"):
        rasterize(made(3), CAMERA, torch.eye(4, dtype=torch.float64)[:3], options=PEER)


def test_a_gsplat_that_does_not_import_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gsplat", None)  # what import refuses
    monkeypatch.setattr(peer, "find_spec", lambda name: object())
    with pytest.raises(ModelError, match="gsplat does not import"):
        rasterize(made(3), CAMERA, torch.eye(4, dtype=torch.float64)[:3], options=PEER)


def test_without_cuda_it_says_where_it_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse = peer._refuse_other_devices
    stand_in(monkeypatch)
    monkeypatch.setattr(peer, "_refuse_other_devices", refuse)
    with pytest.raises(UsageError, match=r"gsplat draws on CUDA alone; got torch.float64 on cpu"):
        rasterize(made(3), CAMERA, torch.eye(4, dtype=torch.float64)[:3], options=PEER)


def test_what_it_has_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    scene, pose = made(3), torch.eye(4, dtype=torch.float64)[:3]
    for options, words in (
        (replace(PEER, normals=True), "gsplat has no normals of ours"),
        (replace(PEER, median=True), "gsplat has no median of ours"),
        (replace(PEER, capacity=9), "gsplat has no capacity of ours"),
        (replace(PEER, rules=Rules(light_min=1e-3)), "gsplat has its own light_min; got 0.001"),
    ):
        with pytest.raises(UsageError, match=words):
            rasterize(scene, CAMERA, pose, options=options)
    absolute = torch.zeros(3, 2, dtype=torch.float64)
    with pytest.raises(UsageError, match="gsplat has no absolute of ours"):
        rasterize(scene, CAMERA, pose, absolute=absolute, options=PEER)
    camera = replace(CAMERA, fisheye=Fisheye(0.1))
    with pytest.raises(UsageError, match="gsplat's fisheye has no coefficients"):
        rasterize(scene, camera, pose, options=PEER)
