"""A recorded video as a Source: a decoder's pictures, stamped and counted, resumable."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from time import monotonic_ns
from typing import Any, Final, Self

from videoengine.errors import SourceError
from videoengine.frames import Frame, Pixels
from videoengine.media_time import EpochClock
from videoengine.sources import PacketLedger, SourceInfo
from videoengine.streams.decoder import Decoder, Picture

CHECK_ROWS: Final = 16
"""Every so many rows of each plane enter the checksum that proves a resumed position."""


class RecordedSource:
    """A file or a folder: frames in presentation order from any decoder."""

    is_live = False

    def __init__(
        self,
        decoder: Decoder,
        *,
        uri: str,
        kind: str,
        stream_id: str,
        packets: PacketLedger,
        declared: bool = False,
    ) -> None:
        """Read the first picture.

        Args:
            decoder: Stands at its start; closed by this source, also when this fails.
            uri: As the user gave it.
            kind: `file` or `folder`.
            stream_id: Name of the stream.
            packets: The ledger that the decoder counts in.
            declared: Whether the stamps come from the caller.

        Raises:
            SourceError: There is not one picture.
        """
        self.packets = packets
        self._decoder = decoder
        self._declared = declared
        self._uri = uri
        self._read = 0
        self._seq = 0
        self._last: Frame | None = None
        self._ended = False
        self._counting = threading.Lock()
        try:
            self._pictures = decoder.pictures()
            self._pending = next(self._pictures, None)
            if self._pending is None:
                raise SourceError(
                    f"{uri} holds no picture that can be decoded",
                    got=decoder.failure or "0 frames",
                    remedy="Check the recording with a player.",
                )
        except BaseException:
            decoder.close()
            raise
        self.clock = self._new_clock(stream_id)
        self.info = self._describe(kind, self._pending.pixels)

    def _new_clock(self, stream_id: str) -> EpochClock:
        hint = self._decoder.info.nominal_ns
        return EpochClock(stream_id, nominal_hint_ns=hint, declared=self._declared)

    def _describe(self, kind: str, pixels: Pixels) -> SourceInfo:
        video = self._decoder.info
        return SourceInfo(
            uri=self._uri,
            kind=kind,
            decoder=self._decoder.name,
            codec=video.codec,
            size=pixels.size,
            time_base=video.time_base,
            rate_fps=video.rate_fps,
            duration_ns=video.duration_ns,
            frame_count=video.frame_count,
            sample_aspect_ratio=pixels.sample_aspect_ratio,
            rotation=pixels.rotation,
            bit_depth=pixels.bit_depth,
        )

    @property
    def failure(self) -> str | None:
        """Why the source ended before its end, or what was damaged, or None."""
        return self._decoder.failure

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames that were not yielded yet."""
        for picture in self._rest():
            with self._counting:  # what close() in another thread abandons is not counted here
                if self._ended:
                    return
                frame = self._frame(picture)
            if frame is not None:
                yield frame
        with self._counting:
            self._balance("no_picture")

    def _frame(self, picture: Picture) -> Frame | None:
        """Stamp and count a picture; None when it cannot be placed in time."""
        self._read += 1
        stamp = self.clock.stamp(
            picture.pts, picture.duration, picture.time_base, picture.format_key
        )
        if stamp is None:
            self.packets.skip("unstamped" if picture.pts is None else "repeated_stamp")
            return None
        self.packets.decoded += 1
        self._last = Frame(
            self.clock.stream_id,
            "mono",
            stamp.epoch,
            self._seq,
            stamp.pts,
            stamp.pts_ns,
            stamp.duration_ns,
            monotonic_ns(),
            stamp.pts_source,
            picture.pixels,
        )
        self._seq += 1
        return self._last

    def _rest(self) -> Iterator[Picture]:
        if self._pending is not None:
            pending, self._pending = self._pending, None
            yield pending
        yield from self._pictures

    def _balance(self, cause: str) -> None:
        """Account for the packets that gave no frame, once."""
        if not self._ended:
            self._ended = True
            ledger = self.packets
            missing = ledger.demuxed - ledger.decoded - sum(ledger.skipped.values())
            if missing > 0:
                ledger.skip(cause, missing)

    def position(self) -> dict[str, Any]:
        """Return where the source stands: after the frame yielded last."""
        last = self._last
        return {
            "pictures": self._read,
            "seq": self._seq,
            "epoch": None if last is None else last.epoch,
            "pts": None if last is None else last.pts,
            "check": None if last is None else _check(last.pixels),
            "clock": self.clock.encode(),
            "packets": self.packets.to_json(),
        }

    def resume(self, position: Mapping[str, Any], replay: Sequence[int]) -> dict[int, Pixels]:
        """Go on after `position`, by a seek where it can be proven and from the start where not.

        Raises:
            SourceError: The picture at the position is not the one that was read before.
        """
        if position["pts"] is None:
            return {}
        found = self._seek(position, replay)
        if found is None:
            found = self._walk(position, replay)
        if found is None:
            raise SourceError(
                f"{self._uri} is not the video that was read before",
                got="other pictures or stamps at the place to go on from",
                remedy="Give the unchanged recording.",
            )
        self.clock.decode(position["clock"])
        self._read, self._seq = position["pictures"], position["seq"]
        ledger = PacketLedger(**position["packets"])
        self.packets.demuxed, self.packets.decoded = ledger.demuxed, ledger.decoded
        self.packets.skipped = dict(ledger.skipped)
        return found

    def _restart(self, position: Mapping[str, Any], pts: int | None) -> bool:
        self._pending, self._ended = None, False
        if not self._decoder.restart(pts, counted=position["packets"]["demuxed"]):
            return False
        self._pictures = self._decoder.pictures()
        return True

    def _seek(self, position: Mapping[str, Any], replay: Sequence[int]) -> dict[int, Pixels] | None:
        """Start at a key packet at or before every picture wanted; None when it is not proven."""
        last: int = position["pts"]
        wanted = {*replay, last}
        earliest = min(wanted)
        if not self._restart(position, earliest):
            return None
        found: dict[int, Pixels] = {}
        for picture in self._pictures:
            if picture.pts in wanted and (found or picture.pts == earliest):
                found.setdefault(picture.pts, picture.pixels)
            if picture.pts == last and found:
                break
        return self._proven(found, wanted, position)

    def _walk(self, position: Mapping[str, Any], replay: Sequence[int]) -> dict[int, Pixels] | None:
        """Read from the start, stamping as before, to the picture that was read last."""
        self._restart(position, None)
        wanted = {*replay, position["pts"]}
        clock = self._new_clock(self.clock.stream_id)
        found: dict[int, Pixels] = {}
        for count, picture in enumerate(self._pictures, 1):
            stamp = clock.stamp(
                picture.pts, picture.duration, picture.time_base, picture.format_key
            )
            if stamp is not None and stamp.epoch == position["epoch"] and stamp.pts in wanted:
                found[stamp.pts] = picture.pixels
            if count == position["pictures"]:
                break
        return self._proven(found, wanted, position)

    def _proven(
        self, found: dict[int, Pixels], wanted: set[int], position: Mapping[str, Any]
    ) -> dict[int, Pixels] | None:
        if set(found) != wanted or _check(found[position["pts"]]) != position["check"]:
            return None
        return found

    def close(self) -> None:
        """Release the decoder; packets still in it are counted as abandoned."""
        self._decoder.close()
        with self._counting:
            self._balance("abandoned")
        self._pictures = iter(())
        self._pending = None

    def __enter__(self) -> Self:
        """Return the source."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the source."""
        self.close()


def _check(pixels: Pixels) -> int:
    check = 0
    for plane in pixels.planes():
        check = zlib.crc32(plane[::CHECK_ROWS].tobytes(), check)
    return check
