"""The loss and Adam of splats on the CPU, beside plain torch; arms take turns.

    python tests/benchmarks/splat_training.py [--rounds N]

The plain loss is L1 and SSIM as torch does them best: one separable convolution over the five
moments of three colors together; it has neither mask nor depth, ours has both. Adam is
`torch.optim.Adam`, which moves every Gaussian; ours once with all of them seen and once with one in
five.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, Final

import torch
from measure import publish, summary
from torch import Tensor
from torch.nn import functional

from videoengine import _native
from videoengine.recon3d.splats import AdamRates, Gaussians, SplatAdam, photometric_loss

SIZES: Final = {"640x512": (512, 640), "1920x1080": (1080, 1920)}
COUNT: Final = 100_000
MOMENTS: Final = 15  # x, y, xx, yy, xy of three colors
Arm = Callable[[], tuple[float, float]]


def in_ms(began: float) -> float:
    return 1000 * (time.perf_counter() - began)


def pictures(height: int, width: int) -> dict[str, Tensor]:
    draws = torch.Generator().manual_seed(1)
    rows = torch.linspace(0, 9, height)[:, None, None]
    columns = torch.linspace(0, 12, width)[None, :, None]
    smooth = 0.5 + 0.3 * torch.sin(rows + columns) * torch.ones(1, 1, 3)
    noise = torch.rand(2, height, width, 3, generator=draws) * 0.1
    return {
        "color": (smooth + noise[0]).clamp(0, 1),
        "target": (smooth + noise[1]).clamp(0, 1),
        "depth": 60 + 5 * smooth[..., 0],
        "target_depth": 60 + 5 * smooth[..., 0] + noise[0, ..., 0],
        "mask": torch.rand(height, width, generator=draws) > 0.1,
    }


def our_loss(v: dict[str, Tensor]) -> Arm:
    def arm() -> tuple[float, float]:
        color, depth = v["color"].clone().requires_grad_(), v["depth"].clone().requires_grad_()
        began = time.perf_counter()
        loss = photometric_loss(
            color, v["target"], mask=v["mask"], depth=depth, target_depth=v["target_depth"]
        )
        forward, began = in_ms(began), time.perf_counter()
        loss.total.backward()
        return forward, in_ms(began)

    return arm


def plain_loss(v: dict[str, Tensor]) -> Arm:
    line = torch.exp(-((torch.arange(11.0) - 5) ** 2) / (2 * 1.5**2))
    line = (line / line.sum()).repeat(MOMENTS, 1, 1, 1)

    def arm() -> tuple[float, float]:
        color = v["color"].clone().requires_grad_()
        began = time.perf_counter()
        x, y = (t.permute(2, 0, 1)[None] for t in (color, v["target"]))
        moments = torch.cat([x, y, x * x, y * y, x * y], dim=1)
        moments = functional.conv2d(moments, line, padding=(0, 5), groups=MOMENTS)
        moments = functional.conv2d(moments, line.transpose(2, 3), padding=(5, 0), groups=MOMENTS)
        a, b, aa, bb, ab = moments.split(3, dim=1)
        above = (2 * a * b + 1e-4) * (2 * (ab - a * b) + 9e-4)
        ssim = above / ((a * a + b * b + 1e-4) * (aa - a * a + bb - b * b + 9e-4))
        loss = 0.8 * (x - y).abs().mean() + 0.2 * (1 - ssim.mean())
        forward, began = in_ms(began), time.perf_counter()
        loss.backward()
        return forward, in_ms(began)

    return arm


def leaves(degree: int) -> Gaussians:
    draws = torch.Generator().manual_seed(2)
    shapes = ((COUNT, 3), (COUNT, 4), (COUNT, 3), (COUNT,), (COUNT, (degree + 1) ** 2, 3))
    scene = Gaussians(*(torch.randn(s, generator=draws).requires_grad_() for s in shapes))
    for tensor in scene.tensors:
        tensor.grad = torch.randn(tensor.shape, generator=draws)
    return scene


def our_adam(degree: int, share: float) -> Arm:
    adam = SplatAdam(leaves(degree), AdamRates())
    draws = torch.Generator().manual_seed(3)

    def arm() -> tuple[float, float]:
        visible = torch.rand(COUNT, generator=draws) < share
        began = time.perf_counter()
        adam.step(visible=visible)
        return in_ms(began), 0.0

    return arm


def plain_adam(degree: int) -> Arm:
    adam = torch.optim.Adam([{"params": [t]} for t in leaves(degree).tensors], lr=1e-3)

    def arm() -> tuple[float, float]:
        began = time.perf_counter()
        adam.step()
        return in_ms(began), 0.0

    return arm


def measured(arms: dict[str, Arm], rounds: int, *names: str) -> dict[str, Any]:
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in arms}
    for _ in range(rounds + 2):
        for name, arm in arms.items():
            rows[name].append(arm())
    found: dict[str, Any] = {}
    for name, times in rows.items():
        columns = list(zip(*times[2:], strict=True))
        found[name] = {what: summary(columns[i]) for i, what in enumerate(names)}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    losses = {}
    for name, size in SIZES.items():
        v = pictures(*size)
        arms = {"ours": our_loss(v), "plain torch": plain_loss(v)}
        losses[name] = measured(arms, rounds, "forward_ms", "backward_ms")
    steps = {}
    for degree in (0, 3):
        arms = {
            "ours, all seen": our_adam(degree, 1.0),
            "ours, one in five seen": our_adam(degree, 0.2),
            "torch.optim.Adam": plain_adam(degree),
        }
        steps[f"degree {degree}"] = measured(arms, rounds, "step_ms")
    publish(
        "splat_training",
        {
            "what": "loss of a picture, step of 100,000 Gaussians; medians after 2 rounds to warm",
            "threads": torch.get_num_threads(),
            "instruction_set": _native.instruction_set(),
            "loss": losses,
            "adam": steps,
        },
    )


if __name__ == "__main__":
    main()
