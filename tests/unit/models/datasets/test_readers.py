"""Which dataset a folder holds, and what a `dataset://` URI may say."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import published_trees as trees

from videoengine.errors import SourceError, UsageError
from videoengine.models.datasets import READERS, list_videos, open_dataset
from videoengine.streams import open_source

MADE: dict[str, Callable[[Path], Path]] = {
    "autolaparo": trees.autolaparo,
    "cholec80": trees.cholec80,
    "cholect45": trees.cholect45,
    "cholect50": trees.cholect50,
    "endoscapes": trees.endoscapes,
    "endovis2017": trees.endovis2017,
    "endovis2018": trees.endovis2018,
    "hyperkvasir": trees.hyperkvasir,
    "m2cai16": trees.m2cai16,
    "medmultipoints": trees.medmultipoints,
    "ophnet": trees.ophnet,
    "pitvis": trees.pitvis,
}


@pytest.fixture(scope="module")
def cholec80(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trees.cholec80(tmp_path_factory.mktemp("sets") / "my cholec80 #1")


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_dataset_is_known_by_the_content_of_its_folder(name: str, tmp_path: Path) -> None:
    videos = list_videos(MADE[name](tmp_path / "set"))
    assert {video.dataset for video in videos} == {name}
    assert [video.uri for video in videos] == [
        video.uri for video in list_videos(tmp_path / "set", dataset=name)
    ]
    assert len({video.video for video in videos}) == len(videos)


def test_a_uri_opens_its_video_with_and_without_the_name(cholec80: Path) -> None:
    uri = list_videos(cholec80)[0].uri
    assert uri.endswith("/my%20cholec80%20%231?video=video01")
    for text in (uri, uri.replace("dataset://cholec80/", "dataset:///")):
        with open_source(text, stream_id="left") as source:
            frame = next(iter(source))
            assert (frame.stream_id, frame.pts_source) == ("left", "stream")
            assert (source.info.kind, source.info.uri) == ("dataset", text)


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        ("", "No video of .* is named.*allowed: video01, video02. Add .video=video01"),
        ("?video=video1", "has no such video.*Did you mean 'video01'"),
        ("?vidio=video01", "no such option.*Did you mean 'video'"),
        ("?video=video01&video=video02", "named twice"),
        ("?video=video01#x", "no fragment"),
    ],
)
def test_a_uri_that_cannot_be_right_is_refused(cholec80: Path, tail: str, words: str) -> None:
    uri = list_videos(cholec80)[0].uri.partition("?")[0]
    with pytest.raises(UsageError, match=words):
        open_dataset(f"{uri}{tail}", stream_id="s0")


def test_another_folder_or_reader_is_refused(cholec80: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean 'cholec80'"):
        list_videos(cholec80, dataset="cholec8")
    with pytest.raises(SourceError, match=r"not hold pitvis.*got phase_ann.*datasets\.md"):
        list_videos(cholec80, dataset="pitvis")
    with pytest.raises(SourceError, match=r"does not hold a known dataset.*got an empty folder"):
        list_videos(tmp_path)
    with pytest.raises(SourceError, match="is no folder"):
        list_videos(tmp_path / "gone")
    with pytest.raises(UsageError, match="No folder is named"):
        open_dataset("dataset://cholec80?video=video01", stream_id="s0")


def test_a_folder_of_two_datasets_asks_for_the_name(cholec80: Path, tmp_path: Path) -> None:
    both = trees.pitvis(tmp_path / "both")
    shutil.copytree(cholec80, both, dirs_exist_ok=True)
    with pytest.raises(UsageError, match=r"got cholec80, pitvis.*dataset://cholec80"):
        list_videos(both)
    assert len(list_videos(both, dataset="pitvis")) == 2
