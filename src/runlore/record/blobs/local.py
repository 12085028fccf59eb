"""Local blobs: a folder of files named by their digest. Layout and protocol are `docs/design/blobs.md`."""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from runlore import platform
from runlore.errors import ArtifactCorrupt, ArtifactMissing, StoreCorrupt, StoreError, StoreFull, StoreReadOnly
from runlore.model.digest import digest_of, is_digest
from runlore.platform import crash_point
from runlore.record.blobs import owner
from runlore.record.blobs.memo import Memo, stamp_of
from runlore.record.blobs.port import Blobs, BlobWriter
from runlore.record.blobs.view import View, build, holds

#: So often a tree's folder is made; another process may be just putting its own in that place.
_ATTEMPTS = 4
#: From this size on, a buffer is hashed in a second thread while it is being written.
_LARGE = 1 << 20
_CHUNK = 1 << 20
#: From this size on, a buffer is also flushed while the second thread still hashes it.
_FLUSHED_AT_ONCE = 16 << 20
_CLOEXEC = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG})
_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class LocalBlobs(Blobs):
    """Blobs in a folder of a local file system. Nothing is created before the first write.

    ``durability`` is ``full`` (a committed blob survives a power cut) or ``relaxed`` (it survives a killed process).
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        durability: str = "full",
        trust_times: bool | None = None,
        now: Callable[[], int] | None = None,
    ) -> None:
        """``trust_times`` says whether change times can be relied upon; by default, unless the folder is on a network.

        ``now`` gives the time in nanoseconds since the epoch, for tests.
        """
        self.root = Path(os.path.abspath(root))
        self.location = str(self.root)
        self._durable = durability == "full"
        self._files = self.root / "sha256"
        self._drafts = self.root / "tmp"
        self._trees = self.root / "trees"
        self._shared = platform.network_file_system(self.root) is not None
        if trust_times is None:
            trust_times = not platform.WINDOWS and not self._shared
        self._memo = Memo(self.root / "verified", trust_times=trust_times, now=now or time.time_ns)
        self._folders: set[str] = set()

    def writer(self, size: int | None = None) -> BlobWriter:
        return _LocalWriter(self, size)

    def read(self, digest: str) -> bytes:
        with self._opened(digest) as descriptor, open(descriptor, "rb", closefd=False, buffering=0) as file:
            before, began = stamp_of(os.fstat(descriptor)), self._memo.now()
            with _reading(digest):
                data = file.readall()
            if len(data) == before[1] and self._memo.knows(digest, before):
                return data
            if digest_of(data) != digest:
                raise self._damaged(digest, "its bytes have another digest")
            if stamp_of(os.fstat(descriptor)) == before:
                self._memo.learn(digest, before, began)
            return data

    def path(self, digest: str) -> Path:
        with self._opened(digest) as descriptor:
            before = stamp_of(os.fstat(descriptor))
            if not self._memo.knows(digest, before):
                self._hash(digest, descriptor)
        return self._place(digest)

    def folder(
        self, name: str, files: Mapping[str, str], *, folders: Iterable[str] = (), executables: Iterable[str] = ()
    ) -> Path:
        view = View(
            files={file: self.path(digest) for file, digest in files.items()},
            folders=frozenset(folders),
            executables={file: files[file] for file in executables},
        )
        place = self._trees / _hex(name)
        for _ in range(_ATTEMPTS):
            if holds(view, place):
                return place
            self._build(place, view)
            if platform.WINDOWS:  # where `holds` sees no links
                return place
        raise StoreCorrupt(
            f"Files cannot be shown in {self._trees}: links there do not lead to {self._files}. See that both are "
            "plain folders; what lies in the first can be deleted at any time."
        )

    def has(self, digest: str) -> bool:
        try:
            return stat.S_ISREG(os.lstat(self._place(digest)).st_mode)
        except OSError:
            return False

    def verify(self, digest: str) -> None:
        with self._opened(digest) as descriptor:
            self._hash(digest, descriptor)

    def list(self) -> Iterator[tuple[str, int]]:
        for folder in _entries(self._files):
            for entry in _entries(folder.path):
                digest = f"sha256:{entry.name}"
                if is_digest(digest):
                    with suppress(FileNotFoundError):
                        yield digest, entry.stat(follow_symlinks=False).st_size

    def delete(self, digest: str) -> int:
        place = self._place(digest)
        self._memo.forget(digest)
        with _writing(f"delete {digest}"):
            try:
                size = os.lstat(place).st_size
                if platform.WINDOWS:  # which does not delete what is read-only
                    os.chmod(place, 0o600)
                os.unlink(place)
            except (FileNotFoundError, NotADirectoryError):
                return 0
        crash_point("blob.deleted")
        return size

    def sweep(self) -> int:
        removed = 0
        for entry in _entries(self._drafts):
            if owner.is_gone(entry.name, entry.path, shared=self._shared):
                removed += _remove(entry)
        for entry in _entries(self._trees):
            if not self.has(f"sha256:{entry.name}"):
                removed += _remove(entry)
        self._memo.compact(self.has)
        return removed

    # -- within ----------------------------------------------------------------------------------------------------

    def _place(self, digest: str) -> Path:
        name = _hex(digest)
        return self._files / name[:2] / name

    @contextmanager
    def _opened(self, digest: str) -> Iterator[int]:
        """A descriptor of the blob's file, which is a regular one that nobody could have redirected."""
        place = self._place(digest)
        try:
            if _NOFOLLOW == 0 and place.is_symlink():
                raise OSError(errno.ELOOP, "is a symbolic link")
            descriptor = os.open(place, os.O_RDONLY | _CLOEXEC | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0))
        except (FileNotFoundError, NotADirectoryError):
            raise ArtifactMissing(f"The blob {digest} is not in {self.root}. Was it deleted by hand?") from None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EISDIR):
                raise self._damaged(digest, "it is not a plain file") from None
            if error.errno in (errno.EACCES, errno.EPERM):  # as good as gone: a step that could be served from it runs
                raise ArtifactMissing(
                    f"The blob {digest} may not be read: {error}. Give this user the right to read {place}."
                ) from None
            raise StoreError(f"The blob {digest} cannot be opened: {error}.") from error
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise self._damaged(digest, "it is not a plain file")
            yield descriptor
        finally:
            os.close(descriptor)

    def _hash(self, digest: str, descriptor: int) -> None:
        before, began = stamp_of(os.fstat(descriptor)), self._memo.now()
        with _reading(digest):
            found = _digest_of_file(descriptor)
        if found != digest:
            raise self._damaged(digest, f"its bytes have the digest {found}")
        if stamp_of(os.fstat(descriptor)) == before:
            self._memo.learn(digest, before, began)

    def _damaged(self, digest: str, how: str) -> ArtifactCorrupt:
        self._memo.forget(digest)
        return ArtifactCorrupt(f"The blob {digest} in {self.root} is damaged: {how}.")

    def _make_folder(self, folder: Path) -> None:
        """Make a folder of the store, readable by its owner alone, and make its name durable."""
        if str(folder) in self._folders:
            return
        missing = []
        for parent in (folder, *folder.parents):
            if parent.is_dir():
                break
            missing.append(parent)
        for made in reversed(missing):
            with suppress(FileExistsError):
                made.mkdir(0o700)
            if self._durable:
                platform.flush_folder(made.parent)
        self._folders.add(str(folder))

    def _draft(self) -> tuple[int, Path]:
        """A new file that only its writer can read, in the file system of the blobs, named after its owner."""
        self._make_folder(self._drafts)
        place = self._drafts / owner.draft_name()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CLOEXEC | _NOFOLLOW
        try:
            return os.open(place, flags, 0o600), place
        except FileNotFoundError:  # somebody removed the folder since
            self._folders.clear()
            self._make_folder(self._drafts)
            return os.open(place, flags, 0o600), place

    def _publish(self, draft: Path, digest: str) -> None:
        """Give a finished draft its name. It replaces what is there, which is the same bytes or damaged ones."""
        place = self._place(digest)
        try:
            self._make_folder(place.parent)
            _replace(draft, place)
        except FileNotFoundError:
            self._folders.clear()
            self._make_folder(place.parent)
            _replace(draft, place)
        crash_point("blob.published")
        if self._durable:
            platform.flush_folder(place.parent)
        crash_point("blob.durable")

    def _build(self, place: Path, view: View) -> None:
        """Make a tree's folder beside its place and swap it in; whoever comes second finds it made."""
        with _writing("make a folder of files"):
            for folder in (self._drafts, self._trees):
                self._folders.discard(str(folder))  # somebody may have removed it since
                self._make_folder(folder)
            draft, old = self._drafts / owner.draft_name(), self._drafts / owner.draft_name()
            draft.mkdir(0o700)
            try:
                build(view, draft, place)
                if os.path.lexists(place):
                    os.rename(place, old)
                try:
                    os.rename(draft, place)
                except OSError:
                    if not holds(view, place):
                        raise
            finally:
                for left in (draft, old):
                    _throw_away(left)


class _LocalWriter:
    """A blob in the making: one draft, hashed while it is written."""

    def __init__(self, blobs: LocalBlobs, size: int | None) -> None:
        self._blobs = blobs
        self._hash = sha256()
        self._written = 0
        self._reserved = 0
        self._open = True
        with _writing("begin a blob"):
            self._descriptor, self._draft = blobs._draft()
        crash_point("blob.begun")
        if size is not None and size >= _LARGE:
            self._attempt(lambda: self._reserve(size))

    def write(self, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data)
        if not view.nbytes:
            return
        if not view.contiguous:
            view = memoryview(view.tobytes())
        if view.ndim != 1 or view.format != "B":
            view = view.cast("B")
        self._attempt(lambda: self._append(view))

    def commit(self) -> tuple[str, int]:
        self._attempt(self._finish)
        return "sha256:" + self._hash.hexdigest(), self._written

    def abort(self) -> None:
        if self._open:
            self._open = False
            with suppress(OSError):
                os.close(self._descriptor)
            with suppress(OSError):
                self._draft.unlink(missing_ok=True)

    def _attempt(self, action: Callable[[], None]) -> None:
        """Do it, or throw the draft away: after a failed write or flush nothing about the file can be known."""
        if not self._open:
            raise StoreError("This blob was committed or given up before.")
        try:
            with _writing("write a blob"):
                action()
        except BaseException:
            self.abort()
            raise

    def _reserve(self, size: int) -> None:
        if self._written + size > self._reserved:
            platform.reserve(self._descriptor, self._written, size)
            self._reserved = self._written + size

    def _append(self, view: memoryview) -> None:
        if view.nbytes < _LARGE:
            self._hash.update(view)
            self._put(view)
            return
        # Hashing and writing both let go of the interpreter lock, so on two cores they take the time of the slower one.
        self._reserve(view.nbytes)
        hashing = threading.Thread(target=self._hash.update, args=(view,), name="runlore-hash", daemon=True)
        hashing.start()
        try:
            for start in range(0, view.nbytes, _CHUNK):
                self._put(view[start : start + _CHUNK])
            if self._blobs._durable and view.nbytes >= _FLUSHED_AT_ONCE:
                os.fsync(self._descriptor)
        finally:
            hashing.join()  # the caller may reuse the buffer as soon as we return

    def _put(self, view: memoryview) -> None:
        while view.nbytes:
            count = os.write(self._descriptor, view)
            self._written += count
            view = view[count:]

    def _finish(self) -> None:
        crash_point("blob.written")
        if self._reserved > self._written:
            os.ftruncate(self._descriptor, self._written)
        os.chmod(self._draft, 0o444)
        if self._blobs._durable:
            platform.flush(self._descriptor)
        crash_point("blob.flushed")
        os.close(self._descriptor)
        self._open = False
        digest = "sha256:" + self._hash.hexdigest()
        try:
            self._blobs.claimed(digest)
            self._blobs._publish(self._draft, digest)
        except BaseException:
            self._draft.unlink(missing_ok=True)
            raise


def _hex(digest: str) -> str:
    if not is_digest(digest):  # so that no path is ever made of anything else
        raise ArtifactMissing(f"{digest!r} is not a digest; one reads sha256: and 64 hexadecimal digits.")
    return digest[7:]


def _digest_of_file(descriptor: int) -> str:
    """Hash a file from its beginning."""
    result = sha256()
    buffer = memoryview(bytearray(_CHUNK))
    with open(descriptor, "rb", closefd=False, buffering=0) as file:
        file.seek(0)
        while count := file.readinto(buffer):
            result.update(buffer[:count])
    return "sha256:" + result.hexdigest()


def _replace(draft: Path, place: Path) -> None:
    try:
        os.replace(draft, place)
    except PermissionError:
        if not (platform.WINDOWS and place.exists()):
            raise
        os.chmod(draft, 0o600)  # Windows: the blob is there and somebody reads it, so it stays
        os.unlink(draft)


def _entries(folder: str | os.PathLike[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _remove(entry: os.DirEntry[str]) -> int:
    _throw_away(entry.path)
    return int(not os.path.lexists(entry.path))


def _throw_away(path: str | os.PathLike[str]) -> None:
    """Delete a file or folder, if it is there and that can be done."""
    if os.path.isdir(path) and not os.path.islink(path):
        import shutil

        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            os.unlink(path)


@contextmanager
def _reading(digest: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        failure = ArtifactCorrupt if error.errno == errno.EIO else StoreError  # a disk that has lost the bytes
        raise failure(f"The blob {digest} cannot be read: {error}.") from error


@contextmanager
def _writing(what: str) -> Iterator[None]:
    """Turn what the system says into an error that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFull(f"There is no space left to {what}: {error}. Free some and resume the run.") from error
        if error.errno in _READ_ONLY:
            raise StoreReadOnly(f"The store cannot be written, so it is not possible to {what}: {error}.") from error
        raise StoreError(f"It was not possible to {what}: {error}. Nothing was published.") from error
