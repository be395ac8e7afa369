"""A dataset's video as a source: true stamps, truth at annotated frames, going on in the middle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import published_trees as trees
from support.made_videos import make_video

from videoengine.errors import SourceError, UsageError
from videoengine.models.datasets import list_videos, open_dataset
from videoengine.sources import HasTruth, with_truth
from videoengine.stages import NamedArray


@pytest.fixture
def cholec80(tmp_path: Path) -> Path:
    return trees.cholec80(tmp_path / "cholec80")


def test_frames_have_the_stamps_of_the_video_and_truth_rests_on_them(cholec80: Path) -> None:
    stamps = [90_000 + 3600 * number for number in range(75)]
    make_video(cholec80 / "videos/video01.mp4", stamps)  # it does not begin at 0
    with open_dataset(list_videos(cholec80)[0].uri, stream_id="left") as source:
        assert isinstance(source, HasTruth)
        seen = [(frame, truth) for frame, truth in with_truth(source)]
    first = seen[0][0].pts_ns
    assert [frame.pts_ns - first for frame, _ in seen] == [40_000_000 * n for n in range(75)]
    tools = [frame.seq for frame, truth in seen if truth.of("instrument")]
    assert tools == [0, 25, 50]
    for frame, truth in seen:
        for event in truth.events:
            assert (event.stage, event.stream_id) == ("truth", "left")
            assert (event.start_ns, event.end_ns) == (frame.pts_ns, frame.end_ns)
            assert event.evidence[0]["start_ns"] == frame.pts_ns


def test_the_keys_of_truth_are_distinct_and_repeatable(cholec80: Path) -> None:
    def keys() -> list[str]:
        with open_dataset(list_videos(cholec80)[0].uri, stream_id="s0") as source:
            return [event.key for _, truth in with_truth(source) for event in truth.events]

    assert keys() == keys()
    assert len(set(keys())) == len(keys())


def test_images_are_stamped_by_their_numbers_as_declared(tmp_path: Path) -> None:
    videos = list_videos(trees.cholect50(tmp_path / "set"))
    with open_dataset(videos[0].uri, stream_id="s0") as source:
        frames = list(source)
        assert [frame.pts_ns for frame in frames] == [0, 10**9, 3 * 10**9]
        assert {frame.pts_source for frame in frames} == {"declared"}
        assert [bool(source.truth(frame).events) for frame in frames] == [True, True, False]


def test_a_video_without_labels_is_read_and_nothing_is_true_of_it(cholec80: Path) -> None:
    video = list_videos(cholec80)[1]
    assert (video.video, video.kinds) == ("video02", ())
    with open_dataset(video.uri, stream_id="s0") as source:
        truths = [truth for _, truth in with_truth(source)]
        assert source.truth_arrays == ()
    assert len(truths) == 5
    assert not any(truth.events or truth.arrays for truth in truths)


def test_going_on_from_a_position_gives_the_rest_with_its_truth(cholec80: Path) -> None:
    uri = list_videos(cholec80)[0].uri
    with open_dataset(uri, stream_id="s0") as source:
        whole = [(frame.pts_ns, source.truth(frame)) for frame in source]
    with open_dataset(uri, stream_id="s0") as source:
        for frame in source:
            if frame.seq == 30:
                break
        position = json.loads(json.dumps(source.position()))
    with open_dataset(uri, stream_id="s0") as source:
        assert set(source.resume(position, [28 * 3600])) >= {28 * 3600}
        rest = [(frame.pts_ns, source.truth(frame)) for frame in source]
    assert rest == whole[31:]


def test_content_follows_the_pictures_and_not_the_labels(cholec80: Path) -> None:
    def content() -> str:
        with open_dataset(list_videos(cholec80)[0].uri, stream_id="s0") as source:
            return source.info.content

    before = content()
    rows = trees.phase_rows(["Preparation"] * 75)
    trees.table(cholec80 / "phase_annotations/video01-phase.txt", rows)
    assert content() == before
    trees.video(cholec80 / "videos/video01.mp4", 2.96)
    assert content() != before


def test_an_unknown_array_names_those_that_there_are(tmp_path: Path) -> None:
    with open_dataset(list_videos(trees.endovis2017(tmp_path))[0].uri, stream_id="s0") as source:
        frame = next(iter(source))
        with pytest.raises(UsageError, match="Did you mean 'mask/tool'"):
            source.truth(frame, arrays=["mask/tools"])
        (only,) = source.truth(frame, arrays=["mask/tool"]).arrays
        assert isinstance(only, NamedArray)
        assert source.array_vocabularies["mask/instrument"] == "endovis2017/instrument@1"


def test_a_wrong_label_file_is_refused_at_opening(cholec80: Path) -> None:
    trees.write(cholec80 / "tool_annotations/video01-tool.txt", "Frame\tGrasper\n0\t1\n")
    with pytest.raises(SourceError, match=r"video01-tool\.txt, line 1: the column 'Bipolar'"):
        open_dataset(list_videos(cholec80)[0].uri, stream_id="s0")
    (cholec80 / "videos/video02.mp4").write_bytes(b"no video")
    with pytest.raises(SourceError):
        open_dataset(list_videos(cholec80)[1].uri, stream_id="s0")
