"""Getting weights: whole or not at all, from a hub that misbehaves in every way it can."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import pytest

from videoengine.cards import ModelCard
from videoengine.errors import ModelError
from videoengine.models.backbones import Entry, Preprocessing, Store
from videoengine.models.backbones.hub import RemoteFile, hub_file
from videoengine.models.backbones.pulling import adopt, pull

DATA = b"weights" * 1000
HASH = hashlib.sha256(DATA).hexdigest()
VOCABULARY = b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n"


def make_entry(repository: str = "lab/net") -> Entry:
    def build() -> Any:
        raise AssertionError("nothing is built here")

    card = ModelCard("net", "nets", 1)
    files = (hub_file(repository, "model.safetensors"), hub_file("lab/words", "vocab.txt"))
    return Entry(card, Preprocessing((4, 4)), build, files=files, page="https://example.org")


@pytest.fixture
def store(tmp_path: Path, hub: Any) -> Store:
    hub.files["/lab/net/resolve/main/model.safetensors"] = DATA
    hub.files["/lab/words/resolve/main/vocab.txt"] = VOCABULARY
    return Store(tmp_path / "models")


def leftovers(store: Store) -> list[Path]:
    return list(store.folder.rglob("*")) if store.folder.exists() else []


def test_a_model_arrives_whole_and_is_recorded(store: Store, hub: Any) -> None:
    hub.elsewhere = hub.address
    pulled = pull(make_entry(), store)
    assert pulled.fetched
    stored = store.files("net")["model.safetensors"]
    assert (stored.sha256, stored.size, stored.revision) == (HASH, len(DATA), "c0ffee")
    assert {path.name for path in pulled.folder.iterdir()} == {
        "model.safetensors",
        "vocab.txt",
        "weights.json",
    }
    assert store.verify("net")["vocab.txt"].read_bytes() == VOCABULARY
    asked = len(hub.asked)
    assert not pull(make_entry(), store).fetched
    assert len(hub.asked) == asked
    assert pull(make_entry(), store, again=True).fetched


def test_a_revision_is_asked_for(store: Store, hub: Any) -> None:
    hub.files["/lab/net/resolve/v2/model.safetensors"] = DATA
    pull(make_entry(), store, revision="v2")
    assert hub.asked[0][0] == "/lab/net/resolve/v2/model.safetensors"


@pytest.mark.parametrize("fault", ["cut", "etag", "pinned", "absent", "second absent"])
def test_what_arrives_wrong_is_not_kept(fault: str, store: Store, hub: Any) -> None:
    entry, pinned = make_entry(), None
    if fault == "cut":
        hub.cut = 10
    elif fault == "etag":
        hub.elsewhere, hub.etag = hub.address, "0" * 64
    elif fault == "pinned":
        pinned = "1" * 64
    else:
        where = "net/resolve/main/model.safetensors" if fault == "absent" else None
        del hub.files[f"/lab/{where or 'words/resolve/main/vocab.txt'}"]
    with pytest.raises(ModelError) as raised:
        pull(entry, store, sha256=pinned)
    assert raised.value.remedy
    assert raised.value.exit_code == 4
    assert leftovers(store) == []


def test_a_failed_pull_leaves_the_model_that_was_there(store: Store, hub: Any) -> None:
    pull(make_entry(), store)
    hub.cut = 10
    with pytest.raises(ModelError, match="of 7010 bytes"):
        pull(make_entry(), store, again=True)
    assert store.verify("net")["model.safetensors"].read_bytes() == DATA
    assert [path.name for path in store.folder.iterdir()] == ["net"]


def test_a_gated_model_says_how_to_get_access(
    store: Store, hub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.token = "secret-token"
    hub.files["/lab/gated/resolve/main/model.safetensors"] = DATA
    entry = make_entry("lab/gated")
    with pytest.raises(ModelError, match=r"Accept its terms at .*/lab/gated and set HF_TOKEN"):
        pull(entry, store)
    monkeypatch.setenv("HF_TOKEN", "wrong-token")
    with pytest.raises(ModelError) as raised:
        pull(entry, store)
    assert "wrong-token" not in str(raised.value)
    monkeypatch.setenv("HF_TOKEN", "secret-token")
    assert pull(entry, store).fetched
    recorded = (store.place("net") / "weights.json").read_text()
    assert "secret-token" not in recorded


def test_a_token_is_not_handed_to_another_host(
    store: Store, hub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret-token")
    hub.elsewhere = hub.address.replace("127.0.0.1", "localhost")
    pull(make_entry(), store)
    assert [bool(token) for path, token in hub.asked] == [True, False, True, False]


def test_no_network_says_what_to_do(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match=r"cannot be reached.*bring the file"):
        pull(make_entry(), store)
    assert leftovers(store) == []


@pytest.mark.parametrize("target", ["http://example.org", "file:///etc", "ftp://127.0.0.1"])
def test_only_https_is_followed(target: str, store: Store, hub: Any) -> None:
    hub.elsewhere = target
    with pytest.raises(ModelError):
        pull(make_entry(), store)
    bad = dataclasses.replace(make_entry(), files=(RemoteFile("passwd", f"{target}/passwd"),))
    with pytest.raises(ModelError, match="https only"):
        pull(bad, store)
    assert leftovers(store) == []


def test_a_file_that_changed_is_noticed(store: Store) -> None:
    pull(make_entry(), store)
    path = store.place("net") / "model.safetensors"
    path.write_bytes(b"x" + DATA[1:])
    with pytest.raises(ModelError, match="pull net --again"):
        store.verify("net")


def test_a_damaged_record_is_noticed(store: Store) -> None:
    pull(make_entry(), store)
    for text in ("", "{}", "[]", '{"files": {"a": {}}}', '{"files": 3}'):
        (store.place("net") / "weights.json").write_text(text)
        with pytest.raises(ModelError, match="damaged"):
            store.files("net")


def test_a_file_brought_by_hand_is_kept(store: Store, tmp_path: Path) -> None:
    path, words = tmp_path / "SurgVLP.zip", tmp_path / "words.txt"
    path.write_bytes(DATA)
    words.write_bytes(VOCABULARY)
    with pytest.raises(ModelError, match="not the file that was asked for"):
        adopt(make_entry(), store, path, {}, sha256="2" * 64)
    assert leftovers(store) == []
    adopt(make_entry(), store, path, {"vocab.txt": words}, sha256=HASH)
    assert store.verify("net").keys() == {"SurgVLP.zip", "vocab.txt"}


def test_without_a_link_the_page_is_named(store: Store) -> None:
    with pytest.raises(ModelError, match=r"example\.org.*pull net --from FILE"):
        pull(dataclasses.replace(make_entry(), files=()), store)
