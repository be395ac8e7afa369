"""Templates: what is refused before anything is written, and that three languages are whole."""

from __future__ import annotations

import string
import tomllib

import pytest

from videoengine.errors import UsageError
from videoengine.models.vlm.note.template import (
    FOLDER,
    LARGEST_BYTES,
    load_template,
    parse_template,
    template_names,
)
from videoengine.vocabularies import vocabulary

ENGLISH = (FOLDER / "en.toml").read_text("utf-8")
GAP = 'gap = "No video from {start} to {end}, {length}: {cause}."'
BUNDLED = {
    "phase": ("cholec80/phase@1", "videoengine/colonoscopy-phase@1"),
    "instrument": ("cholect50/instrument@1", "videoengine/colonoscopy-instrument@1"),
    "verb": ("cholect50/verb@1", "videoengine/colonoscopy-verb@1"),
    "target": ("cholect50/target@1", "videoengine/colonoscopy-target@1"),
    "procedure": ("videoengine/procedure@1",),
}


def test_three_languages_ship() -> None:
    assert template_names() == ["de", "en", "es"]


@pytest.mark.parametrize("language", ["de", "es"])
def test_every_language_has_the_fields_and_sources_of_english(language: str) -> None:
    english, other = load_template("en"), load_template(language)
    assert other.language == language
    assert [s.loinc for s in other.sections] == [s.loinc for s in english.sections]
    for one, two in zip(english.fields, other.fields, strict=True):
        assert (one.name, one.sources, one.observed) == (two.name, two.sources, two.observed)


@pytest.mark.parametrize("language", ["de", "en", "es"])
@pytest.mark.parametrize("kind", BUNDLED)
def test_the_terms_of_the_bundled_models_are_translated(language: str, kind: str) -> None:
    known = load_template(language).terms[kind]
    for name in BUNDLED[kind]:
        for label in vocabulary(name).labels:
            assert label.name in known or label.name.startswith("null_")


@pytest.mark.parametrize("language", ["de", "es"])
def test_sentences_name_what_the_english_ones_name(language: str) -> None:
    def named(text: str) -> set[str | None]:
        return {part[1] for part in string.Formatter().parse(text)} - {None}

    english, other = load_template("en"), load_template(language)
    for name, pattern in english.sentences.items():
        assert named(other.sentences[name].other) == named(pattern.other)
        assert named(other.sentences[name].one) == named(pattern.one)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "blood_loss"\ntitle', 'nmae = "blood_loss"\ntitle', "Did you mean 'name'"),
        ("{phase}: {times}, {length}", "{phase}: {tmies}, {length}", "unknown placeholder"),
        ('draft = "Draft"\n', "", "words lacks 'draft'"),
        ('draft = "Draft"', "draft = 3", "got int"),
        ('draft = "Draft"', 'draft = "a\\u0000b"', "on one line"),
        ('observed = "phases"', 'observed = "phasis"', "Did you mean 'phases'"),
        ('observed = "phases"', 'observed = "phases"\nfont = "x"', "something unknown"),
        (GAP, 'gap = { one = "x", other = "x" }', "forms by number"),
        ("{stage} refused", "{stage} refused }", "a brace alone"),
        ('loinc = "59770-8"', 'loinc = "blood"', "LOINC"),
        ('name = "condition"', 'name = "implants"', "two of one field"),
        ("[terms.stage]", "[terms.stages]", "Did you mean 'stage'"),
        ("[words]", "[words", "is not TOML"),
    ],
)  # fmt: skip
def test_a_template_that_is_not_as_it_must_be_is_refused(old: str, new: str, said: str) -> None:
    assert old in ENGLISH
    with pytest.raises(UsageError, match=said.replace("[", r"\[")):
        parse_template(ENGLISH.replace(old, new, 1).encode(), "mine.toml")


def test_a_template_that_is_too_large_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("t") / "big.toml"
    path.write_text(ENGLISH + "#" * LARGEST_BYTES)
    with pytest.raises(UsageError, match="too large"):
        load_template(path)


def test_an_unknown_template_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="allowed: de, en, es"):
        load_template("fr")


def test_a_term_without_translation_keeps_its_own_name() -> None:
    table = tomllib.loads(ENGLISH)
    assert "hook" in table["terms"]["instrument"]
    template = parse_template(ENGLISH.replace('hook = "hook"\n', "", 1).encode(), "mine.toml")
    assert "hook" not in template.terms["instrument"]
