"""The arms of the GPU benchmark of splats: ours, eager and captured, and what peers are installed.

Every arm starts from the same raw parameters and ends with their gradients: what a peer asks to be
activated beforehand (exponentials, sigmoids, colors) is part of its work, as it is of ours.
"""

from __future__ import annotations

import importlib
import importlib.util
from abc import ABC, abstractmethod
from typing import Any, Final

import torch
from splats_gpu_cases import Case
from splats_gpu_loss import peer_loss
from torch import Tensor

from videoengine.recon3d.splats import (
    RasterOptions,
    SplatAdam,
    SplatWorkspace,
    photometric_loss,
    rasterize,
)

BASE: Final = 0.28209479177387814
ROOM: Final = 1.25
"""Declared capacity over the most pairs of any view."""
Seen = tuple[Tensor, Tensor | None, Tensor | None]
"""Color (H, W, 3), expected depth and alpha (H, W)."""


class Session(ABC):
    """One arm on one case; its leaves are its own."""

    name: str

    def __init__(self, case: Case) -> None:
        """Copy the scene."""
        self.case = case
        self.scene = case.scene.map(lambda t: t.detach().clone().requires_grad_())
        self.pose = case.poses[0].clone().requires_grad_()

    @abstractmethod
    def draw(self) -> Seen:
        """Draw at `self.pose`."""

    def look(self, view: int) -> None:
        """Move the camera."""
        with torch.no_grad():
            self.pose.copy_(self.case.poses[view])

    @torch.no_grad()
    def forward(self, view: int) -> Seen:
        """Draw without gradients."""
        self.look(view)
        return self.draw()

    def leaves(self) -> list[Tensor]:
        return [*self.scene.tensors, self.pose]

    def both(self, view: int) -> list[Tensor]:
        """Return the gradients of the case's fixed weighting."""
        self.look(view)
        return self.weighed()

    def weighed(self) -> list[Tensor]:
        color, depth, _ = self.draw()
        pairs = [(color, self.case.to_color)]
        if depth is not None:
            pairs.append((depth, self.case.to_depth))
        outputs, weights = zip(*pairs, strict=True)
        return list(torch.autograd.grad(outputs, self.leaves(), weights, allow_unused=True))

    def aim(self, target: Tensor, depth: Tensor) -> None:
        """Begin to train towards a picture; `step` goes on."""
        self.target, self.target_depth = target, depth
        self.mask = torch.ones(target.shape[:2], dtype=torch.bool, device=target.device)
        rates = (1.6e-4, 1e-3, 5e-3, 5e-2, 2.5e-3)
        groups = [
            {"params": [t], "lr": lr} for t, lr in zip(self.scene.tensors, rates, strict=True)
        ]
        fused = target.device.type == "cuda"
        self.optimizer: Any = torch.optim.Adam(groups, eps=1e-15, fused=fused, capturable=fused)

    def step(self, view: int) -> None:
        """Render, compare, go back, and move the Gaussians."""
        self.look(view)
        color, depth, _ = self.draw()
        loss = peer_loss(color, self.target, self.mask, depth, self.target_depth)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.pose.grad = None


class Ours(Session):
    """The native rasterizer, called as a user calls it."""

    name = "ours, eager"
    options = RasterOptions()

    def draw(self) -> Seen:
        drawn = rasterize(self.scene, self.case.camera, self.pose, options=self.options)
        return drawn.color, drawn.depth, drawn.alpha

    def aim(self, target: Tensor, depth: Tensor) -> None:
        super().aim(target, depth)
        self.optimizer = SplatAdam(self.scene)

    def step(self, view: int) -> None:
        self.look(view)
        self.train()

    def settle(self) -> None:
        """Raise if a call did not do its work."""
        if self.options.workspace is not None:
            self.options.workspace.check(wait=True)  # a skipped step is a quick one

    def train(self) -> None:
        color, depth, _ = self.draw()
        loss = photometric_loss(
            color, self.target, mask=self.mask, depth=depth, target_depth=self.target_depth
        )
        loss.total.backward()
        room = self.options.workspace
        self.optimizer.step(skip=None if room is None else room.ledger[4:5])
        for leaf in self.leaves():
            leaf.grad = None


class OursExact(Ours):
    """Without fused or approximate arithmetic."""

    name = "ours, exact"
    options = RasterOptions(instruction_set="baseline")


class OursFixed(Ours):
    """Gradients summed in a fixed order."""

    name = "ours, deterministic"
    options = RasterOptions(deterministic=True)


class OursGraph(Ours):
    """Captured: forward, forward and backward, and a training step, one graph each."""

    name = "ours, graph"

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        capacity = int(ROOM * most_pairs(case))
        self.options = RasterOptions(workspace=SplatWorkspace(capacity, case.poses.device))
        self.graphs: dict[str, torch.cuda.CUDAGraph] = {}
        self.kept: dict[str, Any] = {}

    def replayed(self, name: str, run: Any, view: int) -> Any:
        self.look(view)
        if name not in self.graphs:
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(3):
                    run()
            torch.cuda.current_stream().wait_stream(side)
            self.graphs[name] = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graphs[name]):
                self.kept[name] = run()
        self.graphs[name].replay()
        return self.kept[name]

    @torch.no_grad()
    def forward(self, view: int) -> Seen:
        return self.replayed("forward", self.draw, view)

    def both(self, view: int) -> list[Tensor]:
        return self.replayed("both", self.weighed, view)

    def step(self, view: int) -> None:
        self.replayed("step", self.train, view)


class Gsplat(Session):
    """gsplat's own front: projection, tiles and blending, parameters activated by torch."""

    name = "gsplat"
    packed = False

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.rasterization: Any = importlib.import_module("gsplat").rasterization
        c, device = case.camera, case.poses.device
        self.lens = torch.tensor(
            [[c.fx, 0.0, c.cx + 0.5], [0.0, c.fy, c.cy + 0.5], [0.0, 0.0, 1.0]], device=device
        )
        self.last = torch.tensor([[0.0, 0.0, 0.0, 1.0]], device=device)

    def draw(self) -> Seen:
        s, camera = self.scene, self.case.camera
        drawn, alpha, _ = self.rasterization(
            s.means,
            s.quaternions,
            s.log_scales.exp(),
            torch.sigmoid(s.logits),
            (0.5 + BASE * s.harmonics[:, 0]).clamp(min=0),
            torch.cat([self.pose, self.last])[None],
            self.lens[None],
            camera.width,
            camera.height,
            near_plane=0.01,
            far_plane=1e10,
            eps2d=0.3,
            packed=self.packed,
            render_mode="RGB+ED",
        )
        return drawn[0, ..., :3], drawn[0, ..., 3], alpha[0, ..., 0]


class GsplatPacked(Gsplat):
    """The same, packed."""

    name = "gsplat, packed"
    packed = True


class FasterGs(Session):
    """Faster-GS: color alone, which is less work than the others do."""

    name = "Faster-GS (color only)"

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.backend: Any = importlib.import_module("FasterGSCudaBackend")
        device, camera = case.poses.device, case.camera
        self.none = torch.empty(0, device=device)
        self.black = torch.zeros(3, device=device)
        self.lens = (camera.fx, camera.fy, camera.cx + 0.5, camera.cy + 0.5)

    def leaves(self) -> list[Tensor]:
        return list(self.scene.tensors)

    def draw(self) -> Seen:
        s, camera = self.scene, self.case.camera
        pose = torch.eye(4, device=self.pose.device)
        pose[:3] = self.pose.detach()
        position = -self.pose[:, :3].T @ self.pose[:, 3]
        settings = self.backend.RasterizerSettings(
            pose, position.detach(), self.black, 1, camera.width, camera.height, *self.lens, 0.01,
            1e10, False,
        )  # fmt: skip
        first, rest = s.harmonics[:, :1].contiguous(), s.harmonics[:, 1:].contiguous()
        picture = self.backend.diff_rasterize(
            s.means, s.log_scales, s.quaternions, s.logits[:, None], first,
            rest, self.none, settings,
        )  # fmt: skip
        return picture.permute(1, 2, 0), None, None


OURS_ON_CPU: Final = (Ours, OursExact)
OURS_ON_GPU: Final = (Ours, OursGraph, OursFixed, OursExact)
PEERS: Final[dict[str, tuple[type[Session], ...]]] = {
    "gsplat": (Gsplat, GsplatPacked),
    "FasterGSCudaBackend": (FasterGs,),
}
"""Module to arms."""


def arms_on(device: str) -> tuple[list[type[Session]], dict[str, str]]:
    """Return the arms that can run, and why peers are left out."""
    if device != "cuda":
        return list(OURS_ON_CPU), dict.fromkeys(PEERS, "needs a CUDA device")
    arms: list[type[Session]] = list(OURS_ON_GPU)
    left_out: dict[str, str] = {}
    for module, kinds in PEERS.items():
        if importlib.util.find_spec(module) is None:
            left_out[module] = "not installed"
        else:
            arms += kinds
    return arms, left_out


@torch.no_grad()
def most_pairs(case: Case) -> int:
    """Return the most pairs of splat and tile that a view of a case needs."""
    room = SplatWorkspace(min(256 * len(case.scene) + 1, 1 << 30), case.poses.device)
    for pose in case.poses:
        rasterize(case.scene, case.camera, pose, options=RasterOptions(workspace=room))
    return max(room.report().most_needed, 1)
