"""The splat rasterizer on the CPU: milliseconds forward and backward, and beside plain torch.

    python tests/benchmarks/splats.py [--rounds N]

One surface fills the picture; sizes, shapes and opacities are those of recon3d.md section 4.2.
`scalar` is the same source compiled without vector instructions. The plain-torch compositor has the
form that peers.md section 5 found strongest: lists of tiles padded to one length, the exponent as a
matrix product, light as a sum of logarithms; its tiles are 8 x 8, and its projection is the tested
reference of this project.
Arms take turns in every round.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from typing import Any, Final

import torch
from measure import publish, summary
from torch import Tensor

from videoengine import _native
from videoengine.recon3d.splats import Gaussians, RasterOptions, Rules, SplatCamera, rasterize
from videoengine.recon3d.splats.reference import Projected, project

TILE: Final = 8
OPERATIONS: Final = {"forward": 35, "backward": 62}
"""Additions and multiplications for one pixel and splat, counted in splat_blend.h and the
CPU's loops: four channels, comparisons and conversions left out, and the rows of a pair as well."""
BATCH: Final = 1 << 19
"""Pairs of pixel and splat that plain torch works on at once: the fastest of 2^16 to 2^21."""
SCENES: Final = {"100k, 640x512": (100_000, 640, 512), "20k, 320x256": (20_000, 320, 256)}
POSE: Final = torch.eye(3, 4)


def surface(count: int, width: int, height: int, *, seed: int = 0) -> tuple[Gaussians, SplatCamera]:
    """Return one surface before a camera, with a border of 5 %."""
    draws = torch.Generator().manual_seed(seed)
    camera = SplatCamera(width, height, 0.82 * width, 0.82 * width, width / 2, height / 2)
    across = math.ceil(math.sqrt(count * width / height))
    places = torch.arange(count)
    grid = torch.stack([places % across, places // across], dim=1).float()
    down = math.ceil(count / across)
    spacing = 1.05 * width / across
    noise = torch.rand(count, 2, generator=draws) - 0.5
    pixels = (grid + noise - torch.tensor([across, down]) / 2) * spacing
    depth = 60.0 + 6.0 * torch.sin(pixels[:, 0] / 90) + 0.3 * torch.randn(count, generator=draws)
    means = torch.stack([pixels[:, 0] / camera.fx, pixels[:, 1] / camera.fy, torch.ones(count)], 1)
    means = means * depth[:, None]
    sigma = 0.9 * spacing * torch.exp(0.5 * torch.randn(count, generator=draws)) * depth / camera.fx
    flat = torch.exp(0.35 * torch.randn(count, generator=draws))
    scales = torch.stack([sigma * flat, sigma / flat, 0.1 * sigma], dim=1)
    angle = torch.pi * torch.rand(count, generator=draws)
    zero = torch.zeros(count)
    turn = torch.stack([torch.cos(angle / 2), zero, zero, torch.sin(angle / 2)], dim=1)
    which, share = torch.rand(2, count, generator=draws)
    opacity = torch.where(
        which < 0.5,
        0.7 + 0.29 * share,
        torch.where(which < 0.8, 0.2 + 0.4 * share, 0.02 + 0.15 * share),
    )
    colors = torch.rand(count, 3, generator=draws)
    return Gaussians.of(means, turn, scales, opacity, colors), camera


def composited(seen: Projected, camera: SplatCamera, rules: Rules) -> tuple[Tensor, Tensor, Tensor]:
    """Return color, depth and alpha; padded lists of tiles, all at once."""
    a, b, c = seen.conic[:, 0, 0], seen.conic[:, 0, 1], seen.conic[:, 1, 1]
    spread = 2 * torch.log(seen.opacity / rules.alpha_min).clamp(min=0)
    det = a * c - b * b
    reach = torch.stack([(spread * c / det).sqrt(), (spread * a / det).sqrt()], 1).detach()
    columns, rows = math.ceil(camera.width / TILE), math.ceil(camera.height / TILE)
    limit = torch.tensor([columns, rows])
    low = ((seen.center.detach() - reach) / TILE).floor().long().clamp(min=0)
    high = (((seen.center.detach() + reach) / TILE).floor().long() + 1).minimum(limit)
    counts = (high - low).clamp(min=0)
    pairs = counts.prod(1)
    owner = torch.repeat_interleave(torch.arange(len(pairs)), pairs)
    within = torch.arange(len(owner)) - torch.repeat_interleave(pairs.cumsum(0) - pairs, pairs)
    wide = counts[owner, 0]
    tile = (low[owner, 1] + within // wide) * columns + low[owner, 0] + within % wide
    order = torch.argsort(tile, stable=True)
    owner, tile = owner[order], tile[order]
    lengths = torch.bincount(tile, minlength=columns * rows)
    firsts = lengths.cumsum(0) - lengths
    level = torch.cat([seen.opacity.log(), torch.tensor([-100.0])])
    a, b, c = (torch.cat([t, torch.zeros(1)]) for t in (a, b, c))
    center = torch.cat([seen.center, torch.zeros(1, 2)])
    values = torch.cat([seen.color, seen.depth[:, None], torch.ones(len(pairs), 1)], dim=1)
    values = torch.cat([values, torch.zeros(1, 5)])
    px, py = (torch.arange(TILE * TILE) % TILE).float(), (torch.arange(TILE * TILE) // TILE).float()
    powers = torch.stack([torch.ones_like(px), px, py, px * px, px * py, py * py])
    by_length = torch.argsort(lengths)
    sums: list[Tensor] = []
    for tiles in _batches(by_length, lengths):
        longest = int(lengths[tiles[-1]])
        slot = torch.arange(longest)
        place = firsts[tiles, None] + slot
        table = torch.where(
            slot < lengths[tiles, None], owner[place.clamp(max=len(owner) - 1)], len(pairs)
        )
        corner = (torch.stack([tiles % columns, tiles // columns], 1) * TILE).float()
        x, y = (center[table] - corner[:, None]).unbind(-1)
        ta, tb, tc = a[table], b[table], c[table]
        factors = torch.stack(
            [
                level[table] - 0.5 * (ta * x * x + tc * y * y) - tb * x * y,
                ta * x + tb * y,
                tb * x + tc * y,
                -0.5 * ta,
                -tb,
                -0.5 * tc,
            ],
            dim=-1,
        )
        alpha = (factors @ powers).exp().clamp(max=rules.alpha_max)
        alpha = torch.where(alpha >= rules.alpha_min, alpha, 0.0)
        left = torch.cumsum(torch.log1p(-alpha), dim=1)
        before = torch.cat([torch.zeros_like(left[:, :1]), left[:, :-1]], dim=1)
        weight = torch.where(left > math.log(rules.light_min), alpha * before.exp(), 0.0)
        sums.append(weight.transpose(1, 2) @ values[table])
    whole = torch.cat(sums)[torch.argsort(by_length)].reshape(rows, columns, TILE, TILE, 5)
    picture = whole.permute(0, 2, 1, 3, 4).reshape(rows * TILE, columns * TILE, 5)
    picture = picture[: camera.height, : camera.width]
    return picture[..., :3], picture[..., 3] / picture[..., 4].clamp(min=1e-10), picture[..., 4]


def _batches(by_length: Tensor, lengths: Tensor) -> list[Tensor]:
    """Return tiles in batches of like length, each small enough for a cache."""
    batches: list[Tensor] = []
    end = len(by_length)
    while end > 0:
        count = max(1, BATCH // (TILE * TILE * max(1, int(lengths[by_length[end - 1]]))))
        batches.append(by_length[max(0, end - count) : end])
        end -= count
    return batches[::-1]


def plain(scene: Gaussians, camera: SplatCamera) -> tuple[Tensor, Tensor, Tensor]:
    rules = Rules()
    return composited(project(scene.tensors, POSE, camera, rules), camera, rules)


def ours(instruction_set: str) -> Callable[[Gaussians, SplatCamera], tuple[Tensor, Tensor, Tensor]]:
    options = RasterOptions(instruction_set=instruction_set)

    def draw(scene: Gaussians, camera: SplatCamera) -> tuple[Tensor, Tensor, Tensor]:
        pictures = rasterize(scene, camera, POSE, options=options)
        return pictures.color, pictures.depth, pictures.alpha

    return draw


def timed(draw: Any, scene: Gaussians, camera: SplatCamera) -> tuple[float, float, float]:
    """Return milliseconds forward alone, forward for backward, and backward of fixed weights."""
    with torch.no_grad():
        alone = time.perf_counter()
        draw(scene, camera)
        alone = time.perf_counter() - alone
    leaves = scene.map(lambda t: t.detach().clone().requires_grad_())
    began = time.perf_counter()
    pictures = draw(leaves, camera)
    middle = time.perf_counter()
    draws = torch.Generator().manual_seed(1)
    weights = [torch.randn(p.shape, generator=draws) for p in pictures]
    start = time.perf_counter()
    torch.autograd.backward(pictures, weights)
    return 1000 * alone, 1000 * (middle - began), 1000 * (time.perf_counter() - start)


def measured(name: str, arms: dict[str, Any], rounds: int) -> dict[str, Any]:
    scene, camera = surface(*SCENES[name])
    with torch.no_grad():
        pictures = {arm: draw(scene, camera) for arm, draw in arms.items()}
    first = pictures["ours"]
    rows: dict[str, list[tuple[float, float, float]]] = {arm: [] for arm in arms}
    for _ in range(rounds):
        for arm, draw in arms.items():
            rows[arm].append(timed(draw, scene, camera))
    found: dict[str, Any] = {}
    for arm, times in rows.items():
        forward, _, backward = zip(*times[1:], strict=True)
        found[arm] = {
            "forward_ms": summary(forward),
            "backward_ms": summary(backward),
            "both_ms": summary([kept + back for _, kept, back in times[1:]]),
            "largest_difference_of_color": float((pictures[arm][0] - first[0]).abs().max()),
        }
    return found


def visits(scene: Gaussians, camera: SplatCamera) -> int:
    """Return how many pairs there are of a splat and a block of 4 x 4 pixels that its box meets."""
    rules = Rules()
    with torch.no_grad():
        seen = project(scene.tensors, POSE, camera, rules)
    a, b, c = seen.conic[:, 0, 0], seen.conic[:, 0, 1], seen.conic[:, 1, 1]
    room = 2 * torch.log(seen.opacity / rules.alpha_min).clamp(min=0)
    reach = torch.stack(
        [(room * c / (a * c - b * b)).sqrt(), (room * a / (a * c - b * b)).sqrt()], 1
    )
    last = torch.tensor([camera.width - 1, camera.height - 1])
    low = ((seen.center - reach).clamp(min=0) / 4).floor()
    high = ((seen.center + reach).minimum(last) / 4).floor()
    return int((high - low + 1).clamp(min=0).prod(1).sum())


def roofline(found: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Return what this CPU can do at most, and how far from it drawing is.

    The peak is that of a matrix product, whose every operation is a fused multiply-add; a blend has
    none, since fused ones would round otherwise, so that half of the peak is what it could reach.
    """
    side = 2048
    one, other = torch.rand(side, side), torch.rand(side, side)
    long = torch.rand(1 << 26)
    products: list[float] = []
    copies: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        torch.mm(one, other)
        middle = time.perf_counter()
        long.clone()
        copies.append(2 * 4 * len(long) / (time.perf_counter() - middle) / 1e9)
        products.append(2 * side**3 / (middle - began) / 1e9)
    peak, bandwidth = max(products), max(copies)
    rows: dict[str, Any] = {}
    for name, size in SCENES.items():
        blends = visits(*surface(*size)) * 16
        for way, operations in OPERATIONS.items():
            seconds = found[name]["ours"][f"{way}_ms"]["median"] / 1000
            rows[f"{name}, {way}"] = {
                "blends": blends,
                "gflops": round(blends * operations / seconds / 1e9, 1),
                "share_of_half_the_peak": round(2 * blends * operations / seconds / 1e9 / peak, 3),
            }
    return {
        "peak_gflops": round(peak, 1),
        "gigabytes_per_second": round(bandwidth, 1),
        "operations_per_blend": OPERATIONS,
        "flops_per_byte_where_both_bind": round(peak / 2 / bandwidth, 1),
        "drawn": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds + 1
    mine = {
        "ours": ours("best"),
        "ours, baseline": ours("baseline"),
        "ours, scalar": ours("scalar"),
    }
    small, large = "20k, 320x256", "100k, 640x512"
    result = {
        large: measured(large, mine, rounds),
        small: measured(small, {**mine, "plain torch": plain}, rounds),
    }
    ratios = {
        "vector over scalar, forward": (large, "ours, scalar", "forward_ms"),
        "vector over scalar, both": (large, "ours, scalar", "both_ms"),
        "ours over plain torch, forward": (small, "plain torch", "forward_ms"),
        "ours over plain torch, both": (small, "plain torch", "both_ms"),
    }
    publish(
        "splats",
        {
            "what": "RGB, expected depth and alpha; median of rounds after one to warm up",
            "threads": torch.get_num_threads(),
            "instruction_set": _native.instruction_set(),
            "scenes": result,
            "roofline": roofline(result, rounds),
            "times": {
                says: round(
                    result[scene][arm][kind]["median"] / result[scene]["ours"][kind]["median"], 2
                )
                for says, (scene, arm, kind) in ratios.items()
            },
        },
    )


if __name__ == "__main__":
    main()
