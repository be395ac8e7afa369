"""`sim://PROCEDURE?seed=N&…`: a simulated procedure as a Source.

    sim://cholecystectomy?seed=7&start=1m&duration=90s&size=640x512&fps=25&view=mono
    sim:///absolute/path/of/my_procedure.toml?seed=1

Frame k is stamped k ticks of 1/fps s. A frame is rendered when somebody asks for its pixels, and
only then. In order that is quick; a frame alone needs the procedure's past, tick by tick.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from videoengine.errors import SourceError, UsageError, nearest
from videoengine.frames import Frame, Pixels
from videoengine.media_time import NS_PER_SECOND, EpochClock
from videoengine.recon3d.simulator.statements import ARRAYS, drafts, named_arrays
from videoengine.recon3d.simulator.studio import Studio, studio_of
from videoengine.recon3d.simulator.take import OPTIONS, Filming, Take, parse_seed
from videoengine.sources import PacketLedger, SourceInfo, Truth, true_events

if TYPE_CHECKING:
    from videoengine.recon3d.simulator.plan import Plan

SCHEME: Final = "sim"
DEFAULT_SEED: Final = 0
CHECK_ROWS: Final = 16
"""Every so many rows enter the checksum that proves a resumed position."""


def open_simulation(uri: str, *, stream_id: str) -> SimulatedSource:
    """Open the procedure that a `sim://` URI names; nothing is rendered yet.

    Raises:
        UsageError: The URI asks for what there is not.
        SourceError: The procedure file cannot be read.
    """
    return SimulatedSource(uri, studio_of(take_of(uri)), stream_id=stream_id)


def take_of(uri: str) -> Take:
    """Return what a `sim://` URI asks for."""
    procedure, options = _parse(uri)
    seed = parse_seed(options.pop("seed", str(DEFAULT_SEED)))
    filming = Filming.parse(options)
    return Take(plan_of(procedure, seed), filming)


def plan_of(procedure: str, seed: int) -> Plan:
    """Return the plan of a procedure, given by name or path."""
    from videoengine.recon3d.simulator.planner import make_plan
    from videoengine.recon3d.simulator.procedure import load_procedure

    return make_plan(load_procedure(procedure), seed)


def _parse(uri: str) -> tuple[str, dict[str, str]]:
    """Return the procedure's name or path, and the options as they are written."""
    parts = urlsplit(uri)
    if parts.fragment:
        raise UsageError("A simulation has no fragment", got=f"#{parts.fragment}")
    name = unquote(parts.netloc)
    if not name and not parts.path.strip("/"):
        raise UsageError(
            "No procedure is named",
            got=uri,
            allowed="sim://PROCEDURE?seed=N, or sim:///PATH.toml?seed=N",
        )
    if name and parts.path.strip("/"):
        raise UsageError(
            "A procedure file is named by its whole path",
            got=uri,
            allowed="sim://NAME, or sim:///absolute/path.toml",
            remedy="Write three slashes and the path from the root.",
        )
    known = ("seed", *OPTIONS)
    options: dict[str, str] = {}
    for key, value in parse_qsl(parts.query, keep_blank_values=True):
        if key not in known:
            raise UsageError(
                "A simulation has no such option",
                got=repr(key),
                allowed=", ".join(known),
                remedy=nearest(key, known),
            )
        if key in options:
            raise UsageError("An option is given twice", got=key, allowed="each option once")
        options[key] = value
    return name or unquote(parts.path), options


class SimulatedSource:
    """A take of a simulated procedure: frames, pixels on demand, and the truth about them."""

    is_live = False
    failure: str | None = None
    truth_arrays = ARRAYS

    def __init__(self, uri: str, studio: Studio, *, stream_id: str) -> None:
        """Stand before the first frame.

        Args:
            uri: As the user gave it.
            studio: Knows what is filmed, and renders it.
            stream_id: Name of the stream.
        """
        take = studio.take
        fps, filming = take.filming.fps, take.filming
        self.take = take
        self.packets = PacketLedger()
        self.info = SourceInfo(
            uri=uri,
            kind=SCHEME,
            decoder="simulator",
            codec="rgb24",
            size=filming.size,
            time_base=1 / fps,
            rate_fps=float(fps),
            duration_ns=take.duration_ns,
            frame_count=take.frame_count,
            content=studio.content,
        )
        self._studio = studio
        self._closed = threading.Event()
        self._next = 0
        self.clock = EpochClock(stream_id, nominal_hint_ns=round(NS_PER_SECOND / fps))

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames that were not yielded yet; none is rendered for it."""
        while self._next < self.take.frame_count and not self._closed.is_set():
            yield self._frame(self._next)

    def _frame(self, number: int) -> Frame:
        self._next = number + 1
        self.packets.demuxed += 1
        self.packets.decoded += 1
        base = self.info.time_base
        stamp = self.clock.stamp(number, 1, base, "simulated")
        assert stamp is not None
        return Frame(
            stream_id=self.clock.stream_id,
            view=self.take.filming.view,
            epoch=stamp.epoch,
            seq=number,
            pts=stamp.pts,
            pts_ns=stamp.pts_ns,
            duration_ns=stamp.duration_ns,
            arrival_ns=monotonic_ns(),
            pts_source=stamp.pts_source,
            pixels=self._pixels(number),
        )

    def _pixels(self, number: int) -> Pixels:
        studio = self._studio
        return Pixels(
            lambda: (studio.frame(number).rgb,), layout="rgb24", size=self.take.filming.size
        )

    def truth(self, frame: Frame, *, arrays: Collection[str] = ()) -> Truth:
        """Return what is known of a frame; with arrays it is rendered, and boxes are stated.

        Raises:
            UsageError: There is no such array.
        """
        for name in arrays:
            if name not in ARRAYS:
                raise UsageError(
                    "The simulator has no such array",
                    got=repr(name),
                    allowed=", ".join(ARRAYS),
                    remedy=nearest(name, ARRAYS),
                )
        number, plan = frame.pts, self.take.plan
        if not arrays:
            return Truth(true_events(frame, drafts(plan, self._studio.truth(number))))
        rendered = self._studio.frame(number, frozenset(arrays))
        stated = true_events(frame, drafts(plan, rendered.truth))
        return Truth(stated, named_arrays(rendered.arrays, arrays))

    def position(self) -> dict[str, Any]:
        """Return where the source stands: after the frame yielded last."""
        last = self._next - 1
        return {
            "next": self._next,
            "content": self.info.content,
            "check": None if last < 0 else _check(self._pixels(last)),
            "clock": self.clock.encode(),
            "packets": self.packets.to_json(),
        }

    def resume(self, position: Mapping[str, Any], replay: Sequence[int]) -> dict[int, Pixels]:
        """Go on after `position`.

        Raises:
            SourceError: The simulator shows something else now.
        """
        count: int = position["next"]
        held = {number: self._pixels(number) for number in sorted(replay)}
        same = position["content"] == self.info.content
        if same and count:
            last = held.get(count - 1) or self._pixels(count - 1)
            same = _check(last) == position["check"]
        if not same:
            raise SourceError(
                f"{self.info.uri} is not the video that was read before",
                got="other pictures: the procedure file or the simulator has changed",
                remedy="Analyze it anew into another --out.",
            )
        self._next = count
        self.clock.decode(position["clock"])
        ledger = PacketLedger(**position["packets"])
        self.packets.demuxed, self.packets.decoded = ledger.demuxed, ledger.decoded
        self.packets.skipped = dict(ledger.skipped)
        return held

    def close(self) -> None:
        """Yield no more frames; safe to call twice."""
        self._closed.set()

    def __enter__(self) -> Self:
        """Return the source."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the source."""
        self.close()


def _check(pixels: Pixels) -> int:
    return zlib.crc32(pixels.planes()[0][::CHECK_ROWS].tobytes())
