from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from runlore.errors import (
    ArtifactCorrupt,
    ArtifactMissing,
    NotFound,
    StoreFull,
    UntrustedPickle,
    ValueUnloadable,
    ValueUnstorable,
)
from runlore.model.artifact import Content
from runlore.model.digest import digest_of
from runlore.record.blobs.local import LocalBlobs
from runlore.record.memory import MemoryRecord
from runlore.record.vault import Vault, collection_of
from runlore.values import codec
from runlore.values import pandas as pandas_values
from runlore.values.materializer import Materializer, Reader, Writer

KEY = b"k" * 32


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """A vault whose limit for inline payloads is 1000 bytes."""
    return Vault(MemoryRecord(), LocalBlobs(tmp_path / "blobs"), inline_limit=1000, key=KEY)


def _others(vault: Vault, key: bytes = b"o" * 32, policy: str = "own") -> Vault:
    """The same store, opened by an installation with another key or policy."""
    return Vault(vault.record, vault.blobs, inline_limit=1000, key=key, policy=policy)


class Parts:
    """What `PartsMaterializer` stores as one file for each member."""

    def __init__(self, **files: bytes) -> None:
        self.files = files


class PartsMaterializer(Materializer):
    """Stores a tree."""

    name = "test-parts"

    def save(self, value: Any, writer: Writer) -> None:
        for name, data in value.files.items():
            with writer.file(f"parts/{name}") as file:
                file.write(data)

    def load(self, reader: Reader) -> Any:
        folder = reader.path()
        listed = {name.removeprefix("parts/"): reader.file(name) for name in reader.files()}
        assert listed == {path.name: path.read_bytes() for path in (folder / "parts").iterdir()}
        return Parts(**listed)


class CodeMaterializer(PartsMaterializer):
    """The same, but loading may run code."""

    name = "test-code"
    runs_code = True


@pytest.fixture
def parts() -> Parts:
    return Parts(a=b"1" * 10, b=b"2" * 2_000_000, c=b"1" * 10)


@pytest.mark.parametrize("value", [None, True, 0, -1, 10**50, 0.1, math.inf, "", "ä", (1, "2"), {"a": [1.0]}, b"\0"])
@pytest.mark.parametrize("annotated", [True, False])
def test_small_values_stay_inline(vault: Vault, value: object, annotated: bool) -> None:
    """A small value is a payload without a file, known by its digest, and comes back as it was."""
    content = vault.store(value, annotation=type(value) if annotated else None)
    back = vault.load(content)

    assert (back, type(back)) == (value, type(value))
    assert content.form == "inline"
    assert content.payload is not None
    assert (content.digest, content.size) == (digest_of(content.payload), len(content.payload))
    assert content.materializer == "json"
    assert content.type == f"builtins.{type(value).__name__}"
    assert vault.present(content)
    assert list(vault.blobs.list()) == []


def test_the_limit_decides(vault: Vault) -> None:
    """A payload of exactly the limit is inline, one byte more is a blob, and both load the same way."""
    at, over = vault.store("x" * 998), vault.store("x" * 999)

    assert (at.size, at.form) == (1000, "inline")
    assert (over.size, over.form, over.payload) == (1001, "blob", None)
    assert vault.blobs.has(over.digest)
    assert (vault.load(at), vault.load(over)) == ("x" * 998, "x" * 999)


@pytest.mark.parametrize("length", [3, 100_000])
def test_arrays_come_back(vault: Vault, length: int) -> None:
    """An array inline or in a blob comes back equal, writable, and apart from the stored one."""
    array = np.arange(length, dtype=np.float32)
    content = vault.store(array)
    back = vault.load(content)
    back[0] = -1

    assert content.form == ("inline" if length == 3 else "blob")
    assert type(back) is np.ndarray
    np.testing.assert_array_equal(vault.load(content), array)


def test_identity_is_content(vault: Vault) -> None:
    """Equal values have one digest; values that only compare equal have several."""
    assert vault.store([1, 2]).digest == vault.store([1, 2]).digest
    assert len({vault.store(value).digest for value in (1, 1.0, True, "1", 0.0, -0.0)}) == 6


def test_payloads_are_taken_from_the_record(vault: Vault) -> None:
    """Content without its payload at hand is read from the record; an absent or damaged one is told."""
    content = vault.store([1, 2, 3])
    bare = replace(content, payload=None)
    with pytest.raises(ArtifactMissing, match=r"training/1/a/x.*builtins\.list.*enable_cache=False"):
        vault.load(bare, about="training/1/a/x")
    assert not vault.present(bare)
    damaged = replace(content, payload=b"[1,2,4]")
    with pytest.raises(ArtifactCorrupt, match="damaged"):
        vault.load(damaged)

    assert not vault.present(damaged)


def test_lost_blobs_are_told(vault: Vault) -> None:
    """A blob that is gone or damaged is a typed error naming what it is about, and is not present."""
    content = vault.store("x" * 5000)
    path = vault.blobs.path(content.digest)
    os.chmod(path, 0o600)
    path.write_bytes(b"y" * content.size)
    with pytest.raises(ArtifactCorrupt, match=f"training/1/a/x.*{content.digest}"):
        vault.load(content, about="training/1/a/x")
    assert not vault.present(content)
    path.unlink()
    with pytest.raises(ArtifactMissing, match=content.digest):
        vault.load(content)

    assert not vault.present(content)


def test_trees_come_back(vault: Vault, parts: Parts) -> None:
    """What a materializer writes as files is a tree: equal files stored once, each listed, all loaded."""
    content = vault.store(parts, materializer=PartsMaterializer)

    assert content.form == "tree"
    assert content.size == 2_000_020
    assert [(file.name, file.size) for file in vault.files(content)] == [
        ("parts/a", 10),
        ("parts/b", 2_000_000),
        ("parts/c", 10),
    ]
    assert len(list(vault.blobs.list())) == 3  # two different files and the manifest
    assert vault.load(content).files == parts.files
    assert vault.present(content)
    assert vault.store(parts, materializer=PartsMaterializer).digest == content.digest


def test_a_tree_with_a_lost_file_is_not_present(vault: Vault, parts: Parts) -> None:
    """A tree is present when each of its files is."""
    content = vault.store(parts, materializer=PartsMaterializer)
    vault.blobs.delete(digest_of(b"1" * 10))

    assert not vault.present(content)
    with pytest.raises(ArtifactMissing):
        vault.load(content)


def test_unknown_files_of_a_tree(vault: Vault, parts: Parts) -> None:
    """A file that a tree does not have is not found, with the name that was probably meant."""
    reader = vault.reader(vault.store(parts, materializer=PartsMaterializer))
    with pytest.raises(NotFound, match="'parts/a'"):
        reader.file("parts/A")
    with pytest.raises(ValueUnloadable, match="folder"):
        reader.read()
    with pytest.raises(NotFound):
        vault.reader(vault.store(1)).file("x")


def test_pickles_of_ours_load(vault: Vault) -> None:
    """What only a pickle can store carries our signature and loads; the secret itself is nowhere in the record."""
    content = vault.store(lambda: 42)

    assert content.materializer == "cloudpickle"
    assert vault.load(content)() == 42
    assert KEY.hex() not in content.meta
    assert len(json.loads(content.meta)["mac"]) == 64


@pytest.mark.parametrize("big", [False, True])
def test_pickles_of_others_do_not_load(vault: Vault, big: bool) -> None:
    """Another installation's pickle, an unsigned or a changed one, runs nothing unless it is trusted."""
    ballast = b"\0" * (5000 if big else 1)
    content = vault.store(lambda: ballast)
    foreign = _others(vault)
    unsigned = replace(content, meta="{}")
    for store, what in ((foreign, content), (vault, unsigned), (_others(vault, key=b""), content)):
        with pytest.raises(UntrustedPickle, match="training/1/a"):
            store.load(what, about="training/1/a")
        assert store.load(what, trust=True)() == ballast
    garbled = replace(content, meta='{"mac":"zz"}')
    with pytest.raises(UntrustedPickle):
        vault.load(garbled)

    assert foreign.present(content)  # which loads nothing


def test_policies(vault: Vault) -> None:
    """`trust` loads every pickle, `never` not even our own, unless asked for by `trust=True`."""
    content = vault.store(lambda: 42)

    assert _others(vault, policy="trust").load(content)() == 42
    strict = _others(vault, key=KEY, policy="never")
    with pytest.raises(UntrustedPickle):
        strict.load(content)
    assert strict.load(content, trust=True)() == 42
    assert strict.load(strict.store([1])) == [1]


def test_other_materializers_that_run_code_are_guarded(vault: Vault, parts: Parts) -> None:
    """A materializer that says that loading runs code falls under the same policy, trees included."""
    content = vault.store(parts, materializer=CodeMaterializer)

    assert vault.load(content).files == parts.files
    with pytest.raises(UntrustedPickle, match="test-code"):
        _others(vault).load(content)
    assert _others(vault).load(content, trust=True).files == parts.files


class Odd(Materializer):
    """Misbehaves as its value says."""

    name = "test-odd"

    def save(self, value: Any, writer: Writer) -> None:
        if value == "raise":
            writer.write(b"half" * 1000)
            raise OSError("out of luck")
        if value == "both":
            writer.write(b"x")
            writer.file("a")
        if value == "both ways":
            writer.file("a")
            writer.write(b"x")
        if value == "twice":
            writer.file("a")
            writer.file("a")
        if value == "climb":
            writer.file("../a")
        if value == "raise in a file":
            with writer.file("a") as file:
                file.write(b"half")
                raise OSError("out of luck")
        writer.write(b"")

    def load(self, reader: Reader) -> Any:
        raise KeyError("surprise")

    def metadata(self, value: Any) -> dict[str, Any]:
        if value == "bad description":
            raise ZeroDivisionError("no")
        return {"shape": (np.int64(3), 4), "count": np.int64(3), "object": Odd, 5: object()}  # type: ignore[dict-item]


@pytest.mark.parametrize("value", ["raise", "both", "both ways", "twice", "climb", "raise in a file"])
def test_a_materializer_that_fails_stores_nothing(vault: Vault, value: str) -> None:
    """When storing fails, the error is ours and no draft stays."""
    from runlore.errors import NameInvalid

    with pytest.raises((ValueUnstorable, NameInvalid)):
        vault.store(value, materializer=Odd)

    assert [path for path in Path(vault.blobs.location).glob("tmp/*")] == []


def test_a_materializer_that_fails_to_load(vault: Vault) -> None:
    """Whatever a materializer raises while loading, the error says what was being loaded."""
    content = vault.store("anything", materializer=Odd)
    with pytest.raises(ValueUnloadable, match="training/1/a.*'test-odd'.*KeyError"):
        vault.load(content, about="training/1/a")


def test_descriptions_never_fail_a_value(vault: Vault) -> None:
    """What a materializer notes is kept as typed JSON, in words where it cannot be, and its failure is noted."""
    meta = json.loads(vault.store("fine", materializer=Odd).meta)

    assert meta["count"] == 3
    assert "object" in meta and "5" in meta
    failed = json.loads(vault.store("bad description", materializer=Odd).meta)
    assert failed == {"description_failed": "ZeroDivisionError: no"}
    assert vault.store("fine", materializer=Odd, describe=False).meta == "{}"


def test_an_unknown_materializer_is_a_miss(vault: Vault) -> None:
    """Content whose materializer is not here is not present, and loading it says so."""
    content = replace(vault.store(1), materializer="test-not-there")

    assert not vault.present(content)
    with pytest.raises(ValueUnloadable, match="test-not-there"):
        vault.load(content)


def test_collections_are_their_items(vault: Vault) -> None:
    """A collection's digest tells its items and their order; it has no bytes of its own."""
    one, two = vault.store(1), vault.store("x" * 5000)
    both = collection_of([one, two])

    assert both.materializer == "collection"
    assert both.size == one.size + two.size
    assert both.digest == collection_of(iter([one, two])).digest
    others: list[list[Content]] = [[], [one], [two, one], [one, two, two], [vault.store(True), two]]
    assert len({collection_of(items).digest for items in others} | {both.digest}) == 6
    assert vault.present(both)
    with pytest.raises(ValueUnloadable, match="items"):
        vault.load(both)


class Special(Materializer):
    """Takes plain int, which the typed codec would take otherwise."""

    name = "test-special"
    seen: ClassVar[list[int]] = []

    def save(self, value: Any, writer: Writer) -> None:
        self.seen.append(value)
        writer.write(str(value).encode())

    def load(self, reader: Reader) -> Any:
        return int(reader.read())


def test_an_explicit_materializer_wins_for_scalars(vault: Vault) -> None:
    """The short way for scalars is not taken when a materializer is asked for."""
    content = vault.store(7, materializer=Special)

    assert content.materializer == "test-special"
    assert vault.load(content) == 7


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The system says that the disk is full."""
    import errno

    from runlore import platform

    def reserve(descriptor: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(platform, "reserve", reserve)
    yield


def test_a_full_disk_is_told_as_such(vault: Vault, full: None) -> None:
    """Storing a large value on a full disk is `StoreFull`, not a fault of the value."""
    with pytest.raises(StoreFull):
        vault.store(np.zeros(1_000_000))


def test_inline_payloads_have_a_path(vault: Vault) -> None:
    """A materializer that wants a file gets one for an inline payload too."""
    content = vault.store("text")
    path = vault.reader(content).path()

    assert path.read_bytes() == content.payload
    assert vault.reader(content).path() == path


def test_containers_with_arrays_are_one_payload_without_pickle(vault: Vault) -> None:
    """A list of dicts with an array in each is one payload, inline or blob, that any installation loads."""
    for count, form in ((2, "inline"), (300, "blob")):
        value = [{"id": place, "weights": np.full(10, place)} for place in range(count)]
        content = vault.store(value)
        found = _others(vault).load(content)

        assert (content.materializer, content.form) == ("nested", form)
        assert "mac" not in json.loads(content.meta)
        assert all(type(each["weights"]) is np.ndarray for each in found)
        assert [each["weights"].tolist() for each in found] == [each["weights"].tolist() for each in value]
    assert len(list(vault.blobs.list())) == 1


def test_a_declined_value_goes_to_the_next_and_leaves_nothing(vault: Vault) -> None:
    """A materializer that finds out only while saving that it has no exact form passes the value on."""
    frame = pd.DataFrame({"a": [lambda: 7]})
    content = vault.store(frame)

    assert content.materializer == "cloudpickle"
    assert vault.load(content)["a"][0]() == 7
    with pytest.raises(ValueUnstorable, match="<lambda>|function"):
        vault.store(frame, materializer="pandas")
    assert [digest for digest, _ in vault.blobs.list()] == [content.digest]


def test_values_are_gone_through_once(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Storing a collection encodes it once, and a frame is packed once."""
    calls: list[str] = []
    encode, pack = codec.encode, pandas_values._pack
    monkeypatch.setattr(codec, "encode", lambda value, **more: (calls.append("encode"), encode(value, **more))[1])
    monkeypatch.setattr(pandas_values, "_pack", lambda value: (calls.append("pack"), pack(value))[1])

    vault.store([(1, "a")] * 100, describe=False)
    assert calls.count("encode") == 2  # the value, and its empty description
    vault.store(pd.DataFrame({"a": ["x", "y"]}), describe=False)
    assert calls.count("pack") == 1


class Guarded:
    """What `GuardedMaterializer` refuses to store."""


class GuardedMaterializer(Materializer):
    """Takes a value, and refuses it."""

    name = "test-guarded"
    types = (f"{__name__}.Guarded",)

    def save(self, value: Any, writer: Writer) -> None:
        raise ValueUnstorable("not this one")

    def load(self, reader: Reader) -> Any:
        return None


def test_a_refusal_of_the_user_is_final(vault: Vault) -> None:
    """A materializer that raises the plain error, instead of declining, is not passed over in favour of a pickle."""
    with pytest.raises(ValueUnstorable, match="not this one"):
        vault.store(Guarded())
