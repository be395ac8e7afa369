"""A video of a dataset as a Source: its frames by their own stamps, its labels as `truth`."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from videoengine.errors import UsageError, nearest
from videoengine.events import Event
from videoengine.frames import Frame, Pixels
from videoengine.media_time import NS_PER_SECOND, EpochClock, ns_from_pts
from videoengine.models.datasets.annotations import Annotations, Moment, Statement
from videoengine.models.datasets.dataset_video import SCHEME, DatasetVideo, content_of
from videoengine.sources import PacketLedger, SourceInfo, Truth, true_events
from videoengine.stages import NamedArray
from videoengine.streams.image_folder import ImageFolder, Timing
from videoengine.streams.pyav_decoder import PyAVDecoder
from videoengine.streams.recorded_source import RecordedSource


class AnnotatedSource:
    """A recorded video with labels; `truth` is empty at every frame that was not annotated."""

    is_live = False

    def __init__(self, video: DatasetVideo, *, uri: str, stream_id: str) -> None:
        """Open the video and read its first picture and all its labels.

        Args:
            video: As a reader found it.
            uri: As the user gave it.
            stream_id: Name of the stream.

        Raises:
            SourceError: The video or its labels cannot be read.
        """
        self.video = video
        self._annotations: Annotations = video.annotations()
        pictures = video.pictures()
        content = content_of(pictures)
        self._images: dict[int, Path] = {}
        if isinstance(pictures, Timing):
            self._images = {image.pts: image.path for image in pictures.images}
        self._source = _recorded(pictures, uri, stream_id)
        self._first_ns: int | None = None
        self.info: SourceInfo = dataclasses.replace(
            self._source.info, uri=uri, kind=SCHEME, content=content
        )

    @property
    def clock(self) -> EpochClock:
        """The clock that stamps the frames."""
        return self._source.clock

    @property
    def packets(self) -> PacketLedger:
        """What became of the packets so far."""
        return self._source.packets

    @property
    def failure(self) -> str | None:
        """Why the source ended before its end, or None."""
        return self._source.failure

    @property
    def truth_arrays(self) -> tuple[str, ...]:
        """Names of the arrays that `truth` can give."""
        return tuple(sorted(self._annotations.arrays))

    @property
    def array_vocabularies(self) -> Mapping[str, str]:
        """Vocabulary that each array counts in (its values are ids + 1), or "" for a mask."""
        return self._annotations.arrays

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames that were not yielded yet."""
        for frame in self._source:
            if self._first_ns is None:
                self._first_ns = frame.pts_ns
            yield frame

    def truth(self, frame: Frame, *, arrays: Collection[str] = ()) -> Truth:
        """Return what is annotated of a frame that this source yielded.

        An array that was asked for is left out at a frame for which the dataset has none.

        Raises:
            UsageError: There is no such array.
        """
        for name in arrays:
            if name not in self._annotations.arrays:
                raise UsageError(
                    f"{self.video.dataset} has no such array of {self.video.video}",
                    got=repr(name),
                    allowed=", ".join(self.truth_arrays) or "none",
                    remedy=nearest(name, self.truth_arrays),
                )
        found = self._annotations.at(self._moment(frame), frozenset(arrays))
        named = (NamedArray(name, found.arrays[name]) for name in sorted(found.arrays))
        return Truth(stated(frame, found.statements), tuple(named))

    def _moment(self, frame: Frame) -> Moment:
        first = frame.pts_ns if self._first_ns is None else self._first_ns
        base = self.info.time_base
        exact = Fraction(frame.pts_ns - first, NS_PER_SECOND)
        if frame.pts_ns == ns_from_pts(frame.pts, base):  # then ticks are exact
            ticks = round(Fraction(first, NS_PER_SECOND) / base)
            exact = (frame.pts - ticks) * base
        period = Fraction(frame.duration_ns, NS_PER_SECOND)
        return Moment(exact, period, self._images.get(frame.pts), frame.pixels.size)

    def position(self) -> dict[str, Any]:
        """Return where the source stands: after the frame yielded last."""
        return {**self._source.position(), "first_ns": self._first_ns}

    def resume(self, position: Mapping[str, Any], replay: Sequence[int]) -> dict[int, Pixels]:
        """Go on after `position`.

        Raises:
            SourceError: The picture at the position is not the one that was read before.
        """
        found = self._source.resume(position, replay)
        self._first_ns = position["first_ns"]
        return found

    def close(self) -> None:
        """Release the decoder; safe to call twice."""
        self._source.close()

    def __enter__(self) -> Self:
        """Return the source."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the source."""
        self.close()


def _recorded(pictures: Path | Timing, uri: str, stream_id: str) -> RecordedSource:
    packets = PacketLedger()
    if isinstance(pictures, Path):
        opened = PyAVDecoder(pictures, packets=packets)
        return RecordedSource(opened, uri=uri, kind=SCHEME, stream_id=stream_id, packets=packets)
    images = ImageFolder(pictures, packets=packets)
    return RecordedSource(
        images, uri=uri, kind=SCHEME, stream_id=stream_id, packets=packets, declared=True
    )


def stated(frame: Frame, statements: Sequence[Statement]) -> tuple[Event, ...]:
    """Return statements as events of the stage `truth`; an answer is about the question before."""
    events: list[Event] = []
    question = ""
    plain = true_events(frame, [statement.draft for statement in statements])
    for event, statement in zip(plain, statements, strict=True):
        if event.kind == "question":
            question = event.key
        elif event.kind == "answer":
            event = dataclasses.replace(event, payload={**event.payload, "about": question})
        if statement.box is not None:
            evidence = [{**row, "box": list(statement.box)} for row in event.evidence]
            event = dataclasses.replace(event, evidence=evidence)
        events.append(event)
    return tuple(events)
