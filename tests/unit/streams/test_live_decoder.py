"""Decoding live: every packet accounted for, less decoded in the open, never an invented hole."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from pathlib import Path
from time import monotonic_ns
from typing import Any

import av
import pytest
from support.made_videos import B_FRAMES, make_video, steady

from videoengine.events import Draft
from videoengine.frames import Frame
from videoengine.media_time import EpochClock
from videoengine.sources import PacketLedger, SourceInfo
from videoengine.streams import LiveConfig
from videoengine.streams.live_framer import LiveFramer
from videoengine.streams.packet_queue import Lost, Opened, PacketQueue, Received

SECOND = 1_000_000_000


class Feed:
    """Packets of a made file through a framer, as a reader would hand them on."""

    def __init__(self, path: Path, config: LiveConfig | None = None) -> None:
        self.container = av.open(str(path))
        self.video = self.container.streams.video[0]
        self.packets = PacketLedger()
        self.announced: deque[Draft] = deque()
        info = SourceInfo("x", "rtsp", "pyav", "", (0, 0), Fraction(1, 90_000), None, None, None)
        self.clock = EpochClock("s0")
        self.framer = LiveFramer(
            info, self.clock, self.packets, config or LiveConfig(), self.announced
        )
        codec = self.video.codec_context
        opened = Opened(
            codec.codec.canonical_name, codec.extradata, self.video.time_base, 25.0, attempts=2
        )
        self.frames: list[Frame] = list(self.framer.frames(opened))
        self.opened = opened

    def feed(self, *, late_s: float = 0.0, unstamped: int = 0, count: int | None = None) -> Feed:
        packets: Any = (p for p in self.container.demux(self.video) if p.size)
        for number, packet in enumerate(packets):
            if count is not None and number >= count:
                break
            self.packets.demuxed += 1
            if number < unstamped:
                packet.pts = None
            arrival_ns = monotonic_ns() - round(late_s * SECOND)
            self.frames += self.framer.frames(Received(packet, arrival_ns, "f.ts", 1000.0))
        return self

    def lose(self, *, stale: bool) -> Feed:
        self.frames += self.framer.frames(Lost("stalled" if stale else "end_of_stream", stale))
        return self

    @property
    def accounted(self) -> int:
        return self.packets.decoded + sum(self.packets.skipped.values())


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_video(tmp_path / "in.ts", steady(90, start=90_000), options=B_FRAMES)


def test_every_packet_becomes_a_frame_with_its_own_stamp(clip: Path) -> None:
    feed = Feed(clip).feed().lose(stale=False)
    assert [f.pts for f in feed.frames] == steady(90, start=90_000)
    assert {f.duration_ns for f in feed.frames} == {40_000_000}
    assert feed.accounted == feed.packets.demuxed == 90


def test_what_a_decoder_holds_when_a_feed_stalls_is_stale_and_never_a_frame(clip: Path) -> None:
    feed = Feed(clip).feed().lose(stale=True)
    assert len(feed.frames) < 90
    assert feed.packets.skipped == {"stale": 90 - len(feed.frames)}


def test_a_feed_that_comes_back_opens_an_epoch_whatever_its_stamps(clip: Path) -> None:
    feed = Feed(clip).feed().lose(stale=False)
    list(feed.framer.frames(feed.opened))
    feed.container.seek(0)
    before = len(feed.frames)
    feed.feed().lose(stale=False)
    assert {f.epoch for f in feed.frames[:before]} == {0}
    assert {f.epoch for f in feed.frames[before:]} == {1}
    assert feed.clock.epoch is not None
    assert feed.clock.epoch.cause == "reconnect"
    assert feed.framer.reconnects == 1


def test_an_epoch_says_where_it_is_recorded_and_what_the_senders_clock_was(clip: Path) -> None:
    feed = Feed(clip).feed(count=10)
    assert feed.clock.epoch is not None
    assert feed.clock.epoch.media_file == "quarantine/f.ts"
    assert feed.clock.epoch.wall_anchor == "1970-01-01T00:16:40.000+00:00"


def test_pictures_before_the_first_stamp_get_theirs_from_it(tmp_path: Path) -> None:
    path = make_video(tmp_path / "in.ts", steady(20, start=90_000), options={"bf": "0"})
    feed = Feed(path).feed(unstamped=2).lose(stale=False)
    assert [f.pts for f in feed.frames] == steady(20, start=90_000)


def test_a_decoder_that_is_late_leaves_out_more_and_says_so_and_no_hole_is_invented(
    tmp_path: Path,
) -> None:
    options = {**B_FRAMES, "g": "50"}  # key pictures 2 s apart: longer than a hole
    path = make_video(tmp_path / "in.ts", steady(400, start=90_000), options=options)
    config = LiveConfig(decode_late_s=1e-4, decode_calm_s=1e9)
    feed = Feed(path, config).feed(late_s=1.0).lose(stale=False)
    stages = [draft.payload.stage for draft in feed.announced]
    assert stages == ["decode:nonref", "decode:nonkey"]
    assert feed.accounted == feed.packets.demuxed == 400
    assert feed.packets.skipped["nonkey"] > 300
    assert {f.epoch for f in feed.frames} == {0}


def test_a_decoder_that_is_calm_again_decodes_all_again(tmp_path: Path) -> None:
    path = make_video(tmp_path / "in.ts", steady(400, start=90_000), options=B_FRAMES)
    feed = Feed(path, LiveConfig(decode_late_s=1e-4, decode_calm_s=1e-3)).feed(late_s=1, count=40)
    feed.feed().lose(stale=False)
    assert feed.framer.decoder.mode == "all"
    assert feed.accounted == feed.packets.demuxed


def test_a_full_queue_skips_to_the_next_key_picture(clip: Path) -> None:
    queue = PacketQueue(limit_bytes=3000)
    with av.open(str(clip)) as container:
        items = [Received(p, 0, None, None) for p in container.demux(video=0) if p.size]
    taken = [queue.put(item) for item in items]
    assert not all(taken)
    assert queue.put(Lost("stalled", True)), "what is no packet always has room"
    while queue.take(0) is not None:
        pass
    later = [queue.put(item) for item in items[1:]]
    first = later.index(True)
    assert items[1:][first].packet.is_keyframe
