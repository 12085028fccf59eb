from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runlore import platform
from runlore.errors import ArtifactCorrupt, ArtifactMissing, StoreCorrupt, StoreError, StoreFull, StoreReadOnly
from runlore.model.digest import digest_of
from runlore.record.blobs.local import LocalBlobs
from runlore.record.blobs.memo import SETTLED

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="file modes, links and forks")


class Clock:
    """Time in nanoseconds, which tests move."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def blobs(tmp_path: Path, clock: Clock) -> LocalBlobs:
    return LocalBlobs(tmp_path / "blobs", trust_times=True, now=clock)


def _file(blobs: LocalBlobs, digest: str) -> Path:
    name = digest.removeprefix("sha256:")
    return blobs.root / "sha256" / name[:2] / name


def _hashings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count how often a file is hashed from now on."""
    from runlore.record.blobs import local

    counted: list[int] = []
    plain = local._digest_of_file

    def counting(descriptor: int) -> str:
        counted.append(descriptor)
        return plain(descriptor)

    monkeypatch.setattr(local, "_digest_of_file", counting)
    return counted


def test_the_layout_is_as_specified(blobs: LocalBlobs) -> None:
    """A blob is `sha256/<two digits>/<digits>`, so that `sha256sum` verifies it, and read-only in private folders."""
    digest = blobs.put(b"bytes")
    path = _file(blobs, digest)

    assert path.read_bytes() == b"bytes"
    assert path.stat().st_mode & 0o777 == 0o444
    assert all(folder.stat().st_mode & 0o777 == 0o700 for folder in (path.parent, path.parent.parent, blobs.root))


def test_the_umask_opens_nothing(blobs: LocalBlobs) -> None:
    """Whatever the umask, a draft is readable by its owner alone."""
    former = os.umask(0)
    try:
        writer = blobs.writer()
    finally:
        os.umask(former)
    [draft] = (blobs.root / "tmp").iterdir()

    assert draft.stat().st_mode & 0o777 == 0o600
    writer.abort()


def test_opening_creates_nothing(tmp_path: Path) -> None:
    """A store that is only looked at leaves no trace."""
    blobs = LocalBlobs(tmp_path / "blobs")

    assert list(blobs.list()) == []
    assert blobs.sweep() == 0
    assert not blobs.has(digest_of(b""))
    assert list(tmp_path.iterdir()) == []


def test_a_settled_file_is_hashed_once(blobs: LocalBlobs, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose change time was 2 s old when it was verified is not hashed again, until it changes."""
    digest = blobs.put(b"x" * 100)
    clock.now = _file(blobs, digest).stat().st_ctime_ns + SETTLED
    hashings = _hashings(monkeypatch)
    blobs.path(digest)
    blobs.path(digest)
    assert len(hashings) == 1

    _file(blobs, digest).chmod(0o600)
    _file(blobs, digest).write_bytes(b"y" * 100)
    with pytest.raises(ArtifactCorrupt):
        blobs.path(digest)


def test_a_fresh_file_is_hashed_each_time(blobs: LocalBlobs, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within 2 s of a change another one may leave no trace, so nothing is remembered."""
    digest = blobs.put(b"x" * 100)
    clock.now = _file(blobs, digest).stat().st_ctime_ns + SETTLED - 1
    hashings = _hashings(monkeypatch)
    blobs.path(digest)
    blobs.path(digest)

    assert len(hashings) == 2


def test_large_files_are_remembered_by_later_processes(
    blobs: LocalBlobs, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process does not hash a large file that was verified before; `verify` always does."""
    digest = blobs.put(b"x" * 2_000_000)
    clock.now = _file(blobs, digest).stat().st_ctime_ns + SETTLED
    blobs.path(digest)
    hashings = _hashings(monkeypatch)
    later = LocalBlobs(blobs.root, trust_times=True, now=clock)
    later.path(digest)
    assert later.read(digest) == b"x" * 2_000_000
    assert hashings == []

    later.verify(digest)
    assert len(hashings) == 1


def test_where_times_are_not_trusted_each_process_hashes_once(
    blobs: LocalBlobs, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On such a file system nothing is taken from other processes, and within one a file is hashed once."""
    digest = blobs.put(b"x" * 2_000_000)
    clock.now = _file(blobs, digest).stat().st_ctime_ns + SETTLED
    blobs.path(digest)
    hashings = _hashings(monkeypatch)
    doubtful = LocalBlobs(blobs.root, trust_times=False, now=clock)
    doubtful.path(digest)
    doubtful.path(digest)

    assert len(hashings) == 1


def test_a_damaged_memo_is_harmless(blobs: LocalBlobs, clock: Clock) -> None:
    """Broken lines in the book of verified files are ignored."""
    digest = blobs.put(b"x" * 2_000_000)
    clock.now = _file(blobs, digest).stat().st_ctime_ns + SETTLED
    blobs.path(digest)
    book = blobs.root / "verified"
    book.write_bytes(b"\xff\xfe nonsense\n" + book.read_bytes() + b"sha256:torn 1")
    later = LocalBlobs(blobs.root, trust_times=True, now=clock)

    assert later.path(digest).stat().st_size == 2_000_000
    later.sweep()
    assert len(book.read_bytes().splitlines()) == 1


@pytest.mark.parametrize("seed", range(60))
def test_any_change_is_found(blobs: LocalBlobs, clock: Clock, seed: int) -> None:
    """Whatever happens to a file, remembered as verified or not, no wrong byte is handed out."""
    chance = random.Random(seed)
    data = chance.randbytes(chance.choice([1, 100, 70_000, 1_500_000]))
    digest = blobs.put(data)
    path = _file(blobs, digest)
    clock.now = path.stat().st_ctime_ns + chance.choice([0, SETTLED])
    blobs.path(digest)
    change = chance.choice(["flip", "cut", "delete", "replace by link", "replace by folder", "replace by pipe"])
    if change in ("flip", "cut"):
        path.chmod(0o600)
        at = chance.randrange(len(data))
        path.write_bytes(
            data[:at] + (bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :] if change == "flip" else b"")
        )
    else:
        path.unlink()
    if change == "replace by link":
        (blobs.root / "elsewhere").write_bytes(data)
        path.symlink_to(blobs.root / "elsewhere")
    elif change == "replace by folder":
        path.mkdir()
    elif change == "replace by pipe":
        os.mkfifo(path)

    expected = ArtifactMissing if change == "delete" else ArtifactCorrupt
    reads: list[Callable[[str], object]] = [blobs.read, blobs.path, blobs.verify]
    for read in reads:
        with pytest.raises(expected, match=digest):
            read(digest)


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.EIO, StoreError), (errno.ENOSPC, StoreFull), (errno.EDQUOT, StoreFull), (errno.EROFS, StoreReadOnly)],
)
def test_a_failed_flush_is_final(
    blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[Exception]
) -> None:
    """When flushing fails, nothing is published, the draft is gone, and the writer cannot be asked again."""

    def failing(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    blobs.put(b"earlier")
    monkeypatch.setattr(platform, "flush", failing)
    writer = blobs.writer()
    writer.write(b"lost")
    with pytest.raises(expected):
        writer.commit()
    monkeypatch.undo()
    with pytest.raises(StoreError):
        writer.commit()

    assert not blobs.has(digest_of(b"lost"))
    assert list((blobs.root / "tmp").iterdir()) == []
    assert blobs.read(digest_of(b"earlier")) == b"earlier"


@pytest.mark.skipif(sys.platform == "darwin", reason="flushes by another call there")
@pytest.mark.parametrize("durability", ["full", "relaxed"])
def test_a_large_buffer_is_flushed_while_it_is_hashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: str
) -> None:
    """What is flushed early is flushed once more before it gets its name, and a failure then publishes nothing."""
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.fstat(descriptor).st_size))
    blobs = LocalBlobs(tmp_path / "blobs", durability=durability)
    data = bytes(16 << 20)
    writer = blobs.writer()
    writer.write(data)
    early = list(flushed)
    digest, _ = writer.commit()

    assert early.count(len(data)) == (durability == "full")
    assert flushed.count(len(data)) == (2 if durability == "full" else 0)
    assert blobs.read(digest) == data

    def failing(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    if durability == "full":
        writer = blobs.writer()
        monkeypatch.setattr(os, "fsync", failing)
        with pytest.raises(StoreError):
            writer.write(data)
        with pytest.raises(StoreError):
            writer.commit()
        assert list((blobs.root / "tmp").iterdir()) == []


@pytest.fixture
def small_files() -> Iterator[None]:
    """The system lets no file grow over 3 MB, as if the disk were full."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, former[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, former)
    signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.parametrize("piece", [100_000, 5_000_000])
def test_a_full_disk_leaves_nothing(blobs: LocalBlobs, small_files: None, piece: int) -> None:
    """When space runs out, the error says so, nothing is left behind, and earlier blobs are intact."""
    blobs.put(b"earlier")
    writer = blobs.writer()
    with pytest.raises(StoreFull, match="no space left"):
        for _ in range(0, 5_000_000, piece):
            writer.write(b"z" * piece)

    assert list((blobs.root / "tmp").iterdir()) == []
    assert blobs.read(digest_of(b"earlier")) == b"earlier"


def test_a_store_on_a_file_is_an_error(tmp_path: Path) -> None:
    """Where the store's folder cannot be made, the error is one of the store."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError):
        LocalBlobs(tmp_path / "file" / "blobs").put(b"bytes")


def test_folders_deleted_meanwhile_are_made_again(blobs: LocalBlobs) -> None:
    """A store whose folders vanish under a running process goes on."""
    blobs.put(b"one")
    shutil.rmtree(blobs.root)

    assert blobs.read(blobs.put(b"one")) == b"one"


def test_shown_folders_can_be_deleted_at_any_time(blobs: LocalBlobs) -> None:
    """A folder of a tree is made again if somebody removed it, or all of them, and no draft is left."""
    files = {"a": blobs.put(b"a")}
    name = blobs.put(b"a manifest")
    for _ in range(2):
        shown = blobs.folder(name, files)
        assert (shown / "a").read_bytes() == b"a"
        shutil.rmtree(blobs.root / "trees")

    assert (blobs.folder(name, files) / "a").read_bytes() == b"a"
    assert not list((blobs.root / "tmp").iterdir())


def test_drafts_of_the_dead_are_swept(blobs: LocalBlobs) -> None:
    """What killed writers left is removed, what living ones write and files of other origin are spared."""
    child = os.fork()
    if child == 0:
        blobs.writer().write(b"never finished")
        os._exit(0)
    os.waitpid(child, 0)
    alive = blobs.writer()
    (blobs.root / "tmp" / "note.txt").write_text("mine")
    assert len(list((blobs.root / "tmp").iterdir())) == 3

    assert blobs.sweep() == 1
    assert len(list((blobs.root / "tmp").iterdir())) == 2
    alive.abort()


def test_folders_of_deleted_trees_are_swept(blobs: LocalBlobs) -> None:
    """The folder of a tree goes when its manifest is gone."""
    manifest = blobs.put(b"the manifest")
    folder = blobs.folder(manifest, {"a": blobs.put(b"1")})
    assert blobs.sweep() == 0
    blobs.delete(manifest)

    assert blobs.sweep() == 1
    assert not folder.exists()


def test_a_tampered_folder_is_made_anew(blobs: LocalBlobs, tmp_path: Path) -> None:
    """A tree's folder with a file too many, too few or redirected is not handed out as it is."""
    tree, files = digest_of(b"tree"), {"a": blobs.put(b"1"), "b/c": blobs.put(b"2")}
    (tmp_path / "evil").write_bytes(b"evil")

    def add(folder: Path) -> None:
        (folder / "b" / "more").write_bytes(b"evil")

    def remove(folder: Path) -> None:
        (folder / "a").unlink()

    def redirect(folder: Path) -> None:
        (folder / "a").unlink()
        (folder / "a").symlink_to(tmp_path / "evil")

    for tamper in (add, remove, redirect):
        tamper(blobs.folder(tree, files))
        folder = blobs.folder(tree, files)
        found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        assert found == {"a": b"1", "b/c": b"2"}, tamper


def _elsewhere(blobs: LocalBlobs, digest: str, folder: Path) -> None:
    """Beside ``folder``, another file where a link in it would find the blob's."""
    place = folder / "sha256" / _file(blobs, digest).parent.name
    place.mkdir(parents=True)
    (place / _file(blobs, digest).name).write_bytes(b"evil")


def test_a_folder_of_a_tree_that_is_a_link_is_made_anew(blobs: LocalBlobs, tmp_path: Path) -> None:
    """Links that say the right thing where they lead elsewhere, since a folder above them is a link, are not shown."""
    digest = blobs.put(b"1")
    tree, files = digest_of(b"tree"), {"b/c": digest}
    folder = blobs.folder(tree, files)
    _elsewhere(blobs, digest, tmp_path / "evil")
    (tmp_path / "evil" / "trees" / "t").mkdir(parents=True)
    (folder / "b").rename(tmp_path / "evil" / "trees" / "t" / "b")
    (folder / "b").symlink_to(tmp_path / "evil" / "trees" / "t" / "b")
    assert (folder / "b" / "c").read_bytes() == b"evil"

    assert (blobs.folder(tree, files) / "b" / "c").read_bytes() == b"1"


def test_trees_shown_elsewhere_are_refused(blobs: LocalBlobs, tmp_path: Path) -> None:
    """Where all folders of trees lie behind a link, no file is handed out that is not the blob's."""
    digest = blobs.put(b"1")
    _elsewhere(blobs, digest, tmp_path / "evil")
    (tmp_path / "evil" / "trees").mkdir()
    (blobs.root / "trees").symlink_to(tmp_path / "evil" / "trees")

    with pytest.raises(StoreCorrupt, match="trees"):
        blobs.folder(digest_of(b"tree"), {"a": digest})


@pytest.mark.skipif(os.name == "nt", reason="links and modes are POSIX's")
def test_empty_folders_and_executables_are_shown_and_guarded(blobs: LocalBlobs, tmp_path: Path) -> None:
    """A tree's folder holds its empty folders and a copy of what can be executed, and is made anew if it does not."""
    tree, files = digest_of(b"tree"), {"run": blobs.put(b"#!/bin/sh\n"), "same": blobs.put(b"#!/bin/sh\n")}

    def shown() -> Path:
        return blobs.folder(tree, files, folders=["a/b"], executables=["run"])

    def add_folder(folder: Path) -> None:
        (folder / "more").mkdir()

    def remove_folder(folder: Path) -> None:
        (folder / "a" / "b").rmdir()

    def change_copy(folder: Path) -> None:
        (folder / "run").unlink()
        (folder / "run").write_bytes(b"#!/bin/evil")
        (folder / "run").chmod(0o555)

    def change_mode(folder: Path) -> None:
        (folder / "run").chmod(0o755)

    def redirect(folder: Path) -> None:
        (folder / "run").unlink()
        (folder / "run").symlink_to(folder / "same")

    assert shown() == shown()
    for tamper in (add_folder, remove_folder, change_copy, change_mode, redirect):
        tamper(shown())
        folder = shown()
        found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
        assert found == ["a", "a/b", "run", "same"], tamper
        assert (folder / "run").read_bytes() == b"#!/bin/sh\n", tamper
        assert ((folder / "run").stat().st_mode & 0o777, (folder / "same").stat().st_mode & 0o777) == (0o555, 0o444)
        assert (folder / "same").is_symlink()
