"""Vocabularies: published terms keep their published numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from videoengine.errors import UsageError
from videoengine.payloads import Label
from videoengine.vocabularies import vocabularies, vocabulary

COUNTS = {
    "autolaparo/anatomy@1": 1,
    "autolaparo/instrument@1": 4,
    "autolaparo/motion@1": 7,
    "autolaparo/part@1": 2,
    "autolaparo/phase@1": 7,
    "cholec80/phase@1": 7,
    "cholec80/tool@1": 7,
    "cholect50/instrument@1": 6,
    "cholect50/verb@1": 10,
    "cholect50/target@1": 15,
    "cholect50/triplet@1": 100,
    "endoscapes/structure@1": 6,
    "endovis2017/instrument@1": 7,
    "endovis2017/part@1": 3,
    "endovis2018/class@1": 12,
    "hyperkvasir/finding@1": 23,
    "m2cai16/phase@1": 8,
    "medmultipoints/label@1": 5,
    "ophnet/phase@1": 52,
    "ophnet/surgery@1": 80,
    "pitvis/instrument@1": 18,
    "pitvis/step@1": 14,
    "videoengine/colonoscopy-instrument@1": 4,
    "videoengine/colonoscopy-phase@1": 5,
    "videoengine/colonoscopy-target@1": 6,
    "videoengine/colonoscopy-triplet@1": 16,
    "videoengine/colonoscopy-verb@1": 8,
    "videoengine/procedure@1": 2,
}


def test_every_vocabulary_has_its_published_number_of_distinct_terms() -> None:
    assert {name: len(v.labels) for name, v in vocabularies().items()} == COUNTS
    for name, found in vocabularies().items():
        assert [label.id for label in found.labels] == list(range(COUNTS[name]))
        assert len({label.name for label in found.labels}) == COUNTS[name]


def test_a_term_is_found_by_id_and_by_name() -> None:
    phases = vocabulary("cholec80/phase@1")
    expected = Label("cholec80/phase@1", 1, "CalotTriangleDissection")
    assert phases.label(1) == phases.label("CalotTriangleDissection") == expected


def test_an_unknown_name_or_term_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'cholec80/tool@1'"):
        vocabulary("cholec80/tools@1")
    with pytest.raises(UsageError, match="Did you mean 'Grasper'"):
        vocabulary("cholec80/tool@1").label("Graspr")


@pytest.mark.parametrize("family", ["cholect50/", "videoengine/colonoscopy-"])
def test_triplets_are_made_of_the_terms_of_their_family(family: str) -> None:
    parts = ("instrument", "verb", "target")
    terms = [{label.name for label in vocabulary(f"{family}{part}@1").labels} for part in parts]
    for label in vocabulary(f"{family}triplet@1").labels:
        for known, term in zip(terms, label.name.split(","), strict=True):
            assert term in known


@pytest.mark.shared
def test_the_cholect50_terms_are_those_of_its_label_files(shared: Path) -> None:
    categories = json.loads((shared / "cholect50/labels/VID70.json").read_text())["categories"]
    for kind in ("instrument", "verb", "target", "triplet"):
        terms = [label.name for label in vocabulary(f"cholect50/{kind}@1").labels]
        assert dict(enumerate(terms)) == {int(i): term for i, term in categories[kind].items()}
