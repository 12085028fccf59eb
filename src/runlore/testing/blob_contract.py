"""The contract of `Blobs`, as tests to inherit. A store is sound when this passes.

Subclass `BlobContract`, give it ``blobs`` and the three hooks that reach around the store, and let pytest collect it.
"""

from __future__ import annotations

import random
import threading
from abc import ABC, abstractmethod
from pathlib import Path

import pytest

from runlore.errors import ArtifactCorrupt, ArtifactMissing, StoreError
from runlore.model.digest import digest_of
from runlore.record.blobs.port import Blobs

_ABSENT = digest_of(b"nobody ever wrote this")
_SIZES = (0, 1, 31, 4096, 65_537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5_000_003)


class BlobContract(ABC):
    """Every promise of `runlore.record.blobs.port`."""

    @abstractmethod
    @pytest.fixture
    def blobs(self, tmp_path: Path) -> Blobs:
        """A fresh, empty store."""

    @abstractmethod
    def stored(self, blobs: Blobs) -> dict[str, bytes]:
        """Read every published blob around the store: digest → bytes."""

    @abstractmethod
    def damage(self, blobs: Blobs, digest: str, data: bytes) -> None:
        """Overwrite a published blob's bytes around the store."""

    @abstractmethod
    def leftovers(self, blobs: Blobs) -> int:
        """Number of files that are neither published nor the store's own books."""

    @pytest.mark.parametrize("size", _SIZES)
    def test_bytes_come_back_as_they_went_in(self, blobs: Blobs, size: int) -> None:
        """What was written is read, found under its digest, and stored as it is."""
        data = random.Random(size).randbytes(size)
        digest = blobs.put(data)

        assert digest == digest_of(data)
        assert blobs.read(digest) == data
        assert blobs.path(digest).read_bytes() == data
        assert self.stored(blobs) == {digest: data}

    def test_pieces_join(self, blobs: Blobs) -> None:
        """A blob written in pieces of any kind and size is the pieces in their order."""
        pieces: list[bytes | bytearray | memoryview] = [
            b"head",
            bytearray(b"x" * 3_000_000),
            memoryview(b"tail"),
            b"",
            memoryview(bytearray(2_000_000)),
        ]
        writer = blobs.writer()
        for piece in pieces:
            writer.write(piece)
        digest, size = writer.commit()

        whole = b"".join(bytes(piece) for piece in pieces)
        assert (digest, size) == (digest_of(whole), len(whole))
        assert blobs.read(digest) == whole

    def test_a_buffer_may_be_reused(self, blobs: Blobs) -> None:
        """When `write` has returned, the caller may change the buffer without changing the blob."""
        buffer = bytearray(b"a" * 4_000_000)
        writer = blobs.writer(len(buffer))
        writer.write(buffer)
        buffer[:] = b"b" * len(buffer)
        digest, _ = writer.commit()

        assert digest == digest_of(b"a" * 4_000_000)
        assert blobs.read(digest) == b"a" * 4_000_000

    def test_a_wrong_size_does_no_harm(self, blobs: Blobs) -> None:
        """The size given to `writer` is a hint: more or fewer bytes are stored as written."""
        for hint, size in ((5_000_000, 3), (3, 2_000_000), (2_000_000, 2_000_000)):
            writer = blobs.writer(hint)
            writer.write(b"z" * size)
            digest, stored = writer.commit()

            assert stored == size
            assert blobs.read(digest) == b"z" * size

    def test_nothing_is_visible_before_commit(self, blobs: Blobs) -> None:
        """A blob in the making has no name."""
        writer = blobs.writer()
        writer.write(b"half")

        assert self.stored(blobs) == {}
        assert not blobs.has(digest_of(b"half"))
        assert list(blobs.list()) == []
        writer.abort()

    def test_abort_leaves_nothing(self, blobs: Blobs) -> None:
        """A blob given up leaves neither a blob nor a file; to give up again, or after commit, is harmless."""
        writer = blobs.writer()
        writer.write(b"half")
        writer.abort()
        writer.abort()
        kept = blobs.writer()
        kept.write(b"kept")
        digest, _ = kept.commit()
        kept.abort()

        assert self.stored(blobs) == {digest: b"kept"}
        assert self.leftovers(blobs) == 0

    def test_a_finished_writer_writes_no_more(self, blobs: Blobs) -> None:
        """After commit or abort, writing and committing are errors and change nothing."""
        writer = blobs.writer()
        writer.commit()
        with pytest.raises(StoreError):
            writer.write(b"late")
        with pytest.raises(StoreError):
            writer.commit()

        assert self.stored(blobs) == {digest_of(b""): b""}

    def test_writing_again_changes_nothing(self, blobs: Blobs) -> None:
        """Equal bytes are one blob, however often and from how many threads they are written."""
        threads = [threading.Thread(target=blobs.put, args=(b"same" * 1000,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert self.stored(blobs) == {digest_of(b"same" * 1000): b"same" * 1000}
        assert self.leftovers(blobs) == 0

    def test_the_absent_is_missing(self, blobs: Blobs) -> None:
        """What is not there is `ArtifactMissing` to every reader, and `has` says so."""
        for read in (blobs.read, blobs.path, blobs.verify):
            with pytest.raises(ArtifactMissing, match=_ABSENT):
                read(_ABSENT)
        assert not blobs.has(_ABSENT)
        assert blobs.delete(_ABSENT) == 0

    @pytest.mark.parametrize("change", ["flip", "cut", "grow", "empty"])
    @pytest.mark.parametrize("size", [1000, 2_000_000])
    def test_damage_is_found(self, blobs: Blobs, change: str, size: int) -> None:
        """Damaged bytes are `ArtifactCorrupt` to every reader and never handed out, even if they were whole before."""
        data = random.Random(1).randbytes(size)
        digest = blobs.put(data)
        blobs.path(digest)
        middle = size // 2
        wrong = {
            "flip": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
            "cut": data[:middle],
            "grow": data + b"!",
            "empty": b"",
        }
        self.damage(blobs, digest, wrong[change])

        for read in (blobs.read, blobs.path, blobs.verify):
            with pytest.raises(ArtifactCorrupt, match=digest):
                read(digest)

    def test_writing_again_heals(self, blobs: Blobs) -> None:
        """Writing the bytes of a damaged blob makes it whole."""
        digest = blobs.put(b"precious")
        self.damage(blobs, digest, b"previous")
        blobs.put(b"precious")

        assert blobs.read(digest) == b"precious"

    def test_list_names_all(self, blobs: Blobs) -> None:
        """`list` gives every blob once, with its size."""
        written = {blobs.put(b"n" * count): count for count in range(40)}

        assert dict(blobs.list()) == written
        assert len(list(blobs.list())) == 40

    def test_delete_frees(self, blobs: Blobs) -> None:
        """A deleted blob is gone, its size is reported once, the others stay, and it can be written again."""
        gone, kept = blobs.put(b"gone!"), blobs.put(b"kept")

        assert blobs.delete(gone) == 5
        assert blobs.delete(gone) == 0
        assert not blobs.has(gone)
        assert self.stored(blobs) == {kept: b"kept"}
        with pytest.raises(ArtifactMissing):
            blobs.read(gone)
        assert blobs.put(b"gone!") == gone
        assert blobs.read(gone) == b"gone!"

    def test_a_folder_shows_its_files(self, blobs: Blobs) -> None:
        """A tree's folder holds exactly its files, also in folders below, and asking again gives the same."""
        files = {"a.txt": blobs.put(b"1"), "b/c.txt": blobs.put(b"2"), "b/d/e.txt": blobs.put(b"1")}
        tree = digest_of(b"the manifest")
        folder = blobs.folder(tree, files)

        found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert found == {"a.txt": b"1", "b/c.txt": b"2", "b/d/e.txt": b"1"}
        assert blobs.folder(tree, files) == folder

    def test_a_folder_is_verified(self, blobs: Blobs) -> None:
        """A tree with a damaged or missing file is not handed out."""
        files = {"a": blobs.put(b"whole"), "b": blobs.put(b"other")}
        tree = digest_of(b"the manifest")
        blobs.folder(tree, files)
        self.damage(blobs, files["a"], b"wrong")
        with pytest.raises(ArtifactCorrupt):
            blobs.folder(tree, files)
        blobs.delete(files["a"])
        with pytest.raises(ArtifactMissing):
            blobs.folder(tree, files)

    def test_a_living_writer_is_spared(self, blobs: Blobs) -> None:
        """Sweeping while a blob is being written takes nothing away from it."""
        writer = blobs.writer()
        writer.write(b"slow")
        blobs.sweep()
        digest, _ = writer.commit()

        assert blobs.read(digest) == b"slow"

    @pytest.mark.parametrize(
        "name", ["", "abc", "sha256:", "sha256:" + "A" * 64, "../../etc/passwd", "md5:" + "0" * 64]
    )
    def test_only_digests_name_blobs(self, blobs: Blobs, name: str) -> None:
        """Text that is no digest names nothing, wherever it would lead as a path."""
        for read in (blobs.read, blobs.path, blobs.verify):
            with pytest.raises(ArtifactMissing):
                read(name)
