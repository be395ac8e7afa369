"""A clip of any length: the packets of a short one, remuxed again and again."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av

from videoengine.streams.testing import tissue_clip

ROOT = Path(__file__).resolve().parent.parent.parent
REAL = "data/cholec80_clips/group20-VID05_196_and_VID18_166_b.mp4"


def short_clip(folder: Path) -> Path:
    """Return a real 854x480 clip when VIDEOENGINE_SHARED has one, else a synthetic one."""
    real = Path(os.environ.get("VIDEOENGINE_SHARED", ROOT.parent / "shared")) / REAL
    if real.is_file():
        return real
    path = folder / "tissue.mp4"
    tissue_clip(1, path)
    return path


def loop(clip: Path, out: Path, seconds: float) -> Path:
    """Write `clip` repeated until `seconds` are reached, without decoding; stamps go on."""
    with av.open(str(clip)) as source:
        stream = source.streams.video[0]
        rows = [
            (bytes(packet), packet.pts, packet.dts, packet.is_keyframe)
            for packet in source.demux(stream)
            if packet.size
        ]
        time_base = stream.time_base
        assert time_base is not None
        stamps = sorted(pts for _, pts, _, _ in rows if pts is not None)
        length = stamps[-1] - stamps[0] + (stamps[1] - stamps[0])
        repeats = max(1, round(Fraction(seconds) / (length * time_base)))
        with av.open(str(out), "w") as target:
            copy = target.add_stream_from_template(stream)
            for turn in range(repeats):
                for data, pts, dts, key in rows:
                    packet = av.Packet(data)
                    packet.stream, packet.time_base = copy, time_base
                    packet.pts = None if pts is None else pts + turn * length
                    packet.dts = None if dts is None else dts + turn * length
                    packet.is_keyframe = key
                    target.mux(packet)
    return out
