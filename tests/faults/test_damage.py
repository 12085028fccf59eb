"""Damage of every kind, to every kind of storage: found by loading and by `check`, never a wrong value."""

from __future__ import annotations

import errno
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import pytest

from runlore import ArtifactConfig, pipeline, step
from runlore.author.current import use_workspace
from runlore.errors import ArtifactChanged, ArtifactCorrupt, ArtifactMissing
from runlore.recall.version import ArtifactVersion
from runlore.record.sql.text import pack_digest
from runlore.settings import Settings
from runlore.show.cli.workspace import _check_blobs
from runlore.values.materializer import Materializer, Reader, Writer
from runlore.workspace import Workspace


class InFiles(Materializer):
    """A dict of bytes as a folder."""

    name = "test-damage-files"

    def save(self, value: Any, writer: Writer) -> None:
        for name, data in value.items():
            with writer.file(name) as file:
                file.write(data)

    def load(self, reader: Reader) -> Any:
        return {name: reader.file(name) for name in reader.files()}


@step
def inline() -> Annotated[bytes, "inline"]:
    return b"inline value"


@step
def blob() -> Annotated[bytes, "blob"]:
    return b"blob" * 10_000


@step
def other() -> Annotated[bytes, "other"]:
    return b"other" * 8_000


@step
def tree() -> Annotated[dict[str, bytes], ArtifactConfig(name="tree", materializer=InFiles)]:
    return {"a.bin": b"first" * 100, "deep/b.bin": b"second" * 100}


@step
def item(x: int) -> Annotated[bytes, "items"]:
    return b"item %d" % x if x < 2 else b"large item" * 4_000


@pipeline
def stored() -> None:
    inline(), blob(), other(), tree()
    item.map([0, 1, 2])


VALUES = {
    "inline": b"inline value",
    "blob": b"blob" * 10_000,
    "tree": {"a.bin": b"first" * 100, "deep/b.bin": b"second" * 100},
    "item": [b"item 0", b"item 1", b"large item" * 4_000],
}


class Store:
    """A record with one value of each kind, whose bytes are changed behind its back."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home, user_folder=home / "user", progress="quiet", capture_code=False)
        self.workspace = Workspace.open(self.settings)
        self.run()
        self.versions: dict[str, ArtifactVersion] = {}
        for made in self.workspace.client.list_artifact_versions():
            self.versions["item" if made.is_collection else made.name] = made
        items = self.versions["item"]
        [tree] = [self.versions["tree"]]
        files = self.workspace.vault.files(tree.content)
        self.first_item, self.other = items[0].digest, self.versions["other"].digest
        #: Kind → version that it is part of, and digest of what is changed.
        self.kinds = {
            "inline payload": ("inline", self.versions["inline"].digest),
            "blob file": ("blob", self.versions["blob"].digest),
            "tree manifest": ("tree", tree.digest),
            "tree file": ("tree", files[1].digest),
            "inline item": ("item", items[1].digest),
            "blob item": ("item", items[2].digest),
        }

    def run(self) -> Any:
        with use_workspace(self.workspace):
            return stored()

    def load(self, name: str) -> Any:
        found = self.workspace.client.get_artifact_version(self.versions[name].id)
        return found.load()

    def findings(self) -> set[str]:
        found = (*self.workspace.record.check(), *_check_blobs(self.workspace))
        return {one.subject for one in found if not one.harmless}

    def fresh(self) -> None:
        """As in a process that has verified nothing yet."""
        self.workspace.close()
        self.workspace = Workspace.open(self.settings)
        self.versions = {
            name: self.workspace.client.get_artifact_version(version.id) for name, version in self.versions.items()
        }

    def place(self, digest: str) -> Path:
        name = digest.removeprefix("sha256:")
        return self.settings.home / "blobs" / "sha256" / name[:2] / name


def changed(data: bytes, chance: random.Random) -> bytes:
    """Other bytes than ``data``."""
    how = chance.choice(["bit", "bit", "cut", "more", "empty"])
    if how == "bit":
        place = chance.randrange(len(data))
        return data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :]
    if how == "cut":
        return data[: chance.randrange(len(data))]
    return b"" if how == "empty" else data + chance.randbytes(chance.randrange(1, 9))


def mutate_payload(store: Store, digest: str, chance: random.Random) -> Callable[[], None]:
    """Change a row; return what puts it back."""
    key = pack_digest(digest)
    swapped = pack_digest(store.first_item)

    def rows(*statements: tuple[str, Any]) -> None:
        store.workspace.close()
        with closing(sqlite3.connect(store.settings.home / "record.db", isolation_level=None)) as file:
            for statement, values in statements:
                file.execute(statement, values)
        store.workspace = Workspace.open(store.settings)

    data, others = store.workspace.record.payload(digest), store.workspace.record.payload(store.first_item)
    assert data is not None and others is not None
    write = "update payload set data = ? where digest = ?"
    how = chance.choice(["change", "change", "change", "swap", "remove"])
    if how == "change":
        rows((write, (changed(data, chance), key)))
    elif how == "swap":
        rows((write, (others, key)), (write, (data, swapped)))
    else:
        rows(("delete from payload where digest = ?", (key,)))
    return lambda: rows(
        ("insert or replace into payload(digest, data) values (?, ?)", (key, data)), (write, (others, swapped))
    )


def mutate_file(store: Store, digest: str, chance: random.Random) -> Callable[[], None]:
    """Change a file, with its times as before; return what puts it back."""
    place, second = store.place(digest), store.place(store.other)
    data, others, times = place.read_bytes(), second.read_bytes(), place.stat()

    def write(path: Path, content: bytes, *, anew: bool = True) -> None:
        if anew:
            path.unlink(missing_ok=True)
        else:
            path.chmod(0o600)
        path.write_bytes(content)
        path.chmod(0o444)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    kinds = ["in place", "in place", "anew", "swap", "remove", "link to equal", "link to other", "folder", "pipe"]
    how = chance.choice([*kinds, *(["right"] if os.geteuid() else [])])
    copy = store.settings.home / "copy"
    if how in ("in place", "anew"):
        write(place, changed(data, chance), anew=how == "anew")
    elif how == "swap":
        write(place, others)
        write(second, data)
    elif how == "right":
        place.chmod(0)
    else:
        place.unlink()
        if how == "link to equal":
            copy.write_bytes(data)
            place.symlink_to(copy)
        elif how == "link to other":
            place.symlink_to(second)
        elif how == "folder":
            place.mkdir()
        elif how == "pipe":
            os.mkfifo(place)

    def back() -> None:
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        write(place, data)
        write(second, others)

    return back


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    made = Store(tmp_path_factory.mktemp("damage"))
    yield made
    made.workspace.close()


KINDS = ["inline payload", "blob file", "tree manifest", "tree file", "inline item", "blob item"]


def found_each_time(store: Store, kind: str, times: int, seed: int) -> None:
    chance = random.Random(f"{kind} {seed}")
    name, digest = store.kinds[kind]
    mutate = mutate_payload if kind.startswith("inline") else mutate_file
    for number in range(times):
        if chance.random() < 0.3:
            store.fresh()
        if chance.random() < 0.5:
            assert store.load(name) == VALUES[name]
        back = mutate(store, digest, chance)

        with pytest.raises((ArtifactCorrupt, ArtifactMissing)) as told:
            store.load(name)
        message = str(told.value)
        assert digest in message or store.first_item in message, (number, message)  # which it was swapped with
        made = store.versions[name]
        assert f"artifact:{made.name}@1, made by stored/1/{name}" in message
        assert "Run the step again with enable_cache=False" in message
        assert store.findings(), (number, message)
        back()
    assert store.load(name) == VALUES[name] and store.findings() == set()


@pytest.mark.parametrize("kind", KINDS)
def test_every_change_of_stored_bytes_is_found(store: Store, kind: str) -> None:
    """Bytes that were changed, cut, swapped, linked or removed are a typed error that says whose, and what helps."""
    found_each_time(store, kind, 12, 0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_changes_are_a_thousand_found(store: Store, kind: str) -> None:
    """The same, 1,000 times for each kind of storage."""
    found_each_time(store, kind, 1_000, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_a_miss_for_a_cached_step(tmp_path: Path, kind: str) -> None:
    """A step whose result is damaged runs again, which heals it; the others are served."""
    own = Store(tmp_path)
    name, digest = own.kinds[kind]
    chance = random.Random(kind)
    (mutate_payload if kind.startswith("inline") else mutate_file)(own, digest, chance)

    again = own.run()

    ran = {step.name for step in again.steps.values() if step.status == "completed"}
    assert name in ran and ran <= {name, "other", "item"}  # two were swapped, perhaps
    assert again.steps[name].output.load() == VALUES[name]
    own.workspace.close()


@pytest.mark.parametrize("error", [errno.EACCES, errno.EIO])
def test_bytes_that_cannot_be_read_are_a_miss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    """A file without the right to read it, or on a disk that fails, is a typed error; its step runs again."""
    own = Store(tmp_path)
    _, digest = own.kinds["blob file"]
    place, opened, read = str(own.place(digest)), os.open, os.fstat

    def refuse(path: Any, *args: Any, **given: Any) -> int:
        if str(path) == place and args[0] & os.O_ACCMODE == os.O_RDONLY:
            if error == errno.EACCES:
                raise OSError(error, os.strerror(error), place)
            return opened(os.fspath(own.settings.home), os.O_RDONLY)
        return opened(path, *args, **given)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises((ArtifactMissing, ArtifactCorrupt), match=digest):
        own.load("blob")
    assert digest in own.findings()
    assert own.run().steps["blob"].status == "completed"
    assert read is os.fstat
    own.workspace.close()


# --- files that stay where they are -----------------------------------------------------------------------------------


def alter(folder: Path, aside: Path, chance: random.Random) -> str:
    """Change something in a registered folder, times kept as they were; return the name of what differs."""
    name = chance.choice(["a.bin", "deep/b.bin"])
    place, other = folder / name, folder / ("deep/b.bin" if name == "a.bin" else "a.bin")
    data, times = place.read_bytes(), place.stat()
    how = chance.choice(
        ["change", "change", "anew", "swap", "remove", "more", "link to equal", "link to other", "folder"]
    )
    if how == "swap":
        place.write_bytes(other.read_bytes())
        other.write_bytes(data)
        name = "a.bin"  # the first that differs
    elif how == "more":
        name = f"more{chance.randrange(10)}.bin"
        (folder / name).write_bytes(b"")
    elif how in ("change", "anew"):
        if how == "anew":
            place.unlink()
        place.write_bytes(changed(data, chance))
        os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))
    else:
        place.unlink()
        if how == "link to equal":
            aside.write_bytes(data)
            place.symlink_to(aside)
        elif how == "link to other":
            place.symlink_to(other)
        elif how == "folder":
            place.mkdir()
    return name


def altered_each_time(store: Store, tmp_path: Path, times: int, seed: int) -> None:
    chance = random.Random(f"registered {seed}")
    folder, whole = tmp_path / "registered", tmp_path / "whole"
    (whole / "deep").mkdir(parents=True)
    (whole / "a.bin").write_bytes(b"first" * 100)
    (whole / "deep" / "b.bin").write_bytes(b"second" * 100)
    shutil.copytree(whole, folder)
    version = store.workspace.register_artifact(folder, f"folder{seed}", outside=True)
    for number in range(times):
        if chance.random() < 0.5:
            assert version.load() == folder
        name = alter(folder, tmp_path / "aside", chance)

        with pytest.raises((ArtifactChanged, ArtifactMissing)) as told:
            version.load()
        assert name in str(told.value) and version.pathspec in str(told.value), (number, told.value)
        assert store.findings(), (number, name)
        shutil.rmtree(folder)
        shutil.copytree(whole, folder)
    assert version.load() == folder and store.findings() == set()


def test_every_change_of_a_registered_folder_is_found(store: Store, tmp_path: Path) -> None:
    """A file that was changed, swapped, linked, removed or added is a typed error that names it."""
    altered_each_time(store, tmp_path, 25, 0)


@pytest.mark.slow
def test_a_thousand_changes_of_a_registered_folder_are_found(store: Store, tmp_path: Path) -> None:
    """The same, 1,000 times."""
    altered_each_time(store, tmp_path, 1_000, 1)
