"""The GPU benchmark of splats as a page: times, ratios to gsplat, and which bars are met."""

from __future__ import annotations

from typing import Any, Final

TITLES: Final = {"forward": "forward", "both": "forward and backward", "step": "training step"}
BARS: Final = {
    ("surface, 100k, 640x512", "both"): 1.5,
    ("surface, 300k, 1280x1024", "both"): 2.0,
    ("surface, 1M, 1280x1024", "both"): 2.0,
    ("surface, 100k, 640x512", "step"): 4.0,
}
"""Issue 7: ours, captured, over gsplat."""
LEAST_RATIO: Final = 1.10
"""Less is no win."""


def cell(times: dict[str, float]) -> str:
    return f"{times['median']:.3f} ({times['p10']:.3f} to {times['p90']:.3f})"


def verdict(ours: dict[str, float], theirs: dict[str, float]) -> str:
    """Say how many times as fast, and whether that is more than the spread."""
    ratio = theirs["median"] / ours["median"]
    apart = ours["p90"] < theirs["p10"] if ratio > 1 else theirs["p90"] < ours["p10"]
    if not apart or 1 / LEAST_RATIO < ratio < LEAST_RATIO:
        return f"{ratio:.2f}, within the spread"
    return f"{ratio:.2f}"


def section(name: str, case: dict[str, Any]) -> list[str]:
    width, height = case["size"]
    lines = [f"## {name}", "", f"{case['gaussians']:,} Gaussians, {width}×{height}", ""]
    if "most_pairs" in case:
        lines[2] += f", {case['most_pairs']:,} pairs of splat and tile"
    arms = list(case["times_ms"]["forward"][-1])
    lines += ["| arm | " + " | ".join(TITLES.values()) + " | bytes |", "|---|---|---|---|---|"]
    for arm in arms:
        cells = [cell(case["times_ms"][work][-1][arm]) for work in TITLES]
        peak = case["peak_bytes"][arm]
        lines.append(
            f"| {arm} | {' | '.join(cells)} | {'' if peak is None else f'{peak / 1e6:.0f} MB'} |"
        )
    lines += ["", "The other block, its median over that above: "]
    noise = [
        f"{arm} "
        + ", ".join(
            f"{case['times_ms'][w][0][arm]['median'] / case['times_ms'][w][-1][arm]['median']:.3f}"
            for w in TITLES
        )
        for arm in arms
    ]
    lines[-1] += "; ".join(noise) + "."
    for arm, why in case["failed"].items():
        lines += ["", f"{arm} is left out: {why}"]
    return [*lines, *against_gsplat(name, case)]


def against_gsplat(name: str, case: dict[str, Any]) -> list[str]:
    best = case["times_ms"]
    if "gsplat" not in best["forward"][-1]:
        return [""]
    lines = ["", "| times as fast as gsplat | " + " | ".join(TITLES.values()) + " |"]
    lines.append("|---|---|---|---|")
    for arm in best["forward"][-1]:
        if arm.startswith("ours"):
            cells = [verdict(best[w][-1][arm], best[w][-1]["gsplat"]) for w in TITLES]
            lines.append(f"| {arm} | {' | '.join(cells)} |")
    for (scene, work), bar in BARS.items():
        if scene == name and "ours, graph" in best[work][-1]:
            ratio = best[work][-1]["gsplat"]["median"] / best[work][-1]["ours, graph"]["median"]
            said = "met" if ratio >= bar else "missed"
            lines += ["", f"Bar for {TITLES[work]}, {bar:g} times: {said} ({ratio:.2f})."]
    if "psnr_to_gsplat_db" in case:
        pairs = [f"{arm} {value} dB" for arm, value in case["psnr_to_gsplat_db"].items()]
        lines += ["", "PSNR to gsplat: " + ", ".join(pairs) + "."]
    return [*lines, ""]


def table_of(result: dict[str, Any]) -> str:
    """Return the page."""
    lines = ["# The rasterizer beside its peers on a GPU", ""]
    what = "median milliseconds (10th to 90th percentile)"
    lines.append(f"{result['device']}, torch {result['torch']}; {what}.")
    lines.append(f"Scenes {result['scenes']}.")
    for module, why in result["left_out"].items():
        lines.append(f"{module}: {why}.")
    lines.append("")
    for name, case in result["cases"].items():
        lines += section(name, case)
    return "\n".join(lines).rstrip() + "\n"
