"""Registered files: files and folders that stay where they are, known by what they held (`docs/design/blobs.md`)."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from runlore import platform
from runlore.errors import (
    ArtifactChanged,
    ArtifactCorrupt,
    ArtifactMissing,
    NameInvalid,
    NotFound,
    StoreError,
    ValueUnstorable,
)
from runlore.model.digest import is_digest
from runlore.model.noun import noun
from runlore.record.blobs.memo import Memo, stamp_of
from runlore.record.blobs.tree import File, checked_file_name

FORMAT = "runlore-registered-1"
_CHUNK = 1 << 20
_BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


@noun
class Registered:
    """What a path held when it was registered."""

    #: Relative to the folder of the store for files if it lies in it, else absolute.
    path: str
    folder: bool
    #: By name, with ``/``; of a single file one, whose name is that of the file.
    files: tuple[File, ...]
    #: Links among them, and the path itself (``""``) if it is one: name and text.
    links: tuple[tuple[str, str], ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


def encode_registered(registered: Registered) -> bytes:
    """Write the manifest; the same content at the same place gives the same bytes."""
    body = {
        "format": FORMAT,
        "path": registered.path,
        "folder": registered.folder,
        "files": [[file.name, file.digest, file.size] for file in sorted(registered.files)],
        "links": [list(link) for link in sorted(registered.links)],
    }
    return json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode()  # names may be no UTF-8


def decode_registered(data: bytes, about: str) -> Registered:
    """Read a manifest and check its names again. Raises `ArtifactCorrupt`."""
    try:
        body = json.loads(data)
        if body["format"] != FORMAT:
            raise ValueError(f"it has the format {body['format']!r}, and this version reads {FORMAT!r}")
        files = tuple(File(checked_file_name(name), digest, size) for name, digest, size in body["files"])
        links = tuple((name and checked_file_name(name), text) for name, text in body["links"])
        path, folder = body["path"], body["folder"]
        if not all(type(f.digest) is str and is_digest(f.digest) and type(f.size) is int for f in files):
            raise ValueError("an entry is malformed")
        if not (type(path) is str and type(folder) is bool and all(type(text) is str for _, text in links)):
            raise ValueError("an entry is malformed")
        if not folder and len(files) != 1:
            raise ValueError("a file is one file")
    except (ValueError, TypeError, KeyError, NameInvalid, RecursionError) as error:
        raise ArtifactCorrupt(f"The description of what was registered as {about} cannot be read: {error}.") from error
    return Registered(path=path, folder=folder, files=files, links=links)


class RegisteredFiles:
    """Takes files in where they lie, and tells whether they are still what they were.

    Args:
        folder: where files belong that are to be registered; others must be asked for.
        home: the record's folder, of which nothing else can be registered.
        memo: file in which it is remembered which files were hashed and found unchanged.
    """

    def __init__(self, folder: Path, home: Path, memo: Path, *, now: Callable[[], int] = time.time_ns) -> None:
        self.folder = folder
        self._home = home
        self._local = Memo(memo, trust_times=not platform.WINDOWS, now=now, worth_keeping=0)
        self._remote = Memo(memo, trust_times=False, now=now)

    def take(self, path: str | os.PathLike[str], *, outside: bool = False) -> Registered:
        """Hash what is at ``path``, a file, a folder or a ``file:`` URI, and describe it. Nothing is copied.

        Raises `ArtifactMissing` when nothing is there, `ValueUnstorable` for a path outside of `folder` unless
        ``outside`` says so, for a folder with links that lead out of it, and for what is no file.
        """
        place = Path(os.path.abspath(_local_path(path)))
        if not place.exists():
            raise ArtifactMissing(f"There is nothing at {place} to register. Write the file or folder first.")
        text = self._text(place, outside)
        links = {"": os.readlink(place)} if place.is_symlink() else {}
        if place.is_dir():
            found = dict(_walk(place, links))
            files = tuple(File(name, *self._hashed(file, name)) for name, file in found.items())
        elif place.is_file():
            name = checked_file_name(place.name)
            files = (File(name, *self._hashed(place, name)),)
        else:
            raise ValueUnstorable(f"{place} is neither a file nor a folder, and cannot be registered.")
        return Registered(path=text, folder=place.is_dir(), files=files, links=tuple(sorted(links.items())))

    def place(self, registered: Registered) -> Path:
        """Where the file or folder is."""
        return self.folder / registered.path

    def path(self, registered: Registered) -> Path:
        """The file or folder, which is what was registered; files that did not change since are not hashed again.

        Raises `ArtifactMissing`, or `ArtifactChanged` naming the first file that differs.
        """
        return self._checked(registered, anew=False)

    def verify(self, registered: Registered) -> None:
        """Hash every file in any case. Raises as `path` does."""
        self._checked(registered, anew=True)

    # -- within ----------------------------------------------------------------------------------------------------

    def _text(self, place: Path, outside: bool) -> str:
        """The path as it is recorded; refuses what belongs to the record, and what lies outside without being asked."""
        real, folder, home = (Path(os.path.realpath(one)) for one in (place, self.folder, self._home))
        if real.is_relative_to(folder) and place.is_relative_to(self.folder):
            return place.relative_to(self.folder).as_posix()
        if real == home or real in home.parents or (real.is_relative_to(home) and not real.is_relative_to(folder)):
            raise ValueUnstorable(f"{place} belongs to the record in {home}, or holds it, and cannot be registered.")
        if not outside and not real.is_relative_to(folder):
            raise ValueUnstorable(
                f"{place} lies outside of {self.folder}, where files belong that are to be registered. Write it there "
                "(Client().active_stack.artifact_store.path), or pass outside=True to register it where it is; then "
                "see to it that nobody changes or deletes it."
            )
        return str(place)

    def _checked(self, registered: Registered, *, anew: bool) -> Path:
        place = self.place(registered)
        links = {"": os.readlink(place)} if place.is_symlink() else {}
        if links.get("") != dict(registered.links).get(""):
            raise ArtifactChanged(f"{place} is another link now than when it was registered.")
        if not place.exists():
            raise ArtifactMissing(f"{place}, which was registered, is not there any more.")
        if place.is_dir() != registered.folder:
            raise ArtifactChanged(f"{place} was a {'folder' if registered.folder else 'file'} when it was registered.")
        if registered.folder:
            try:
                found = dict(_walk(place, links))
            except (ValueUnstorable, NameInvalid) as error:
                raise ArtifactChanged(f"{place} changed since it was registered: {error}") from error
        else:
            found = {registered.files[0].name: place}
        known = {file.name: file for file in registered.files}
        for name in sorted({*known, *found}):
            if name not in found:
                raise ArtifactMissing(f"The file {name!r} of {place} is gone since it was registered.")
            if name not in known:
                raise ArtifactChanged(f"The file {name!r} has come to {place} since it was registered.")
            self._check_file(found[name], known[name], place, anew)
        if links != dict(registered.links):
            name = min(name for name, _ in {*links.items()} ^ {*registered.links})
            raise ArtifactChanged(f"The link {name!r} in {place} is not what it was when it was registered.")
        return place

    def _check_file(self, path: Path, file: File, place: Path, anew: bool) -> None:
        memo, key = self._memo_of(path), _key(path, file.digest)
        try:
            status = os.stat(path)
            if not anew and stat.S_ISREG(status.st_mode) and memo.knows(key, stamp_of(status)):
                return
            digest, size = self._hashed(path, file.name) if status.st_size == file.size else ("", status.st_size)
        except FileNotFoundError:
            raise ArtifactMissing(f"The file {file.name!r} of {place} is gone since it was registered.") from None
        if (digest, size) != (file.digest, file.size):
            how = f"had {file.size} bytes and has {size}" if size != file.size else "has other bytes of the same length"
            raise ArtifactChanged(f"The file {file.name!r} of {place} changed since it was registered: it {how}.")

    def _hashed(self, path: Path, name: str) -> tuple[str, int]:
        """Digest and size of a file, remembered if it was left alone meanwhile."""
        memo = self._memo_of(path)
        descriptor = os.open(path, os.O_RDONLY | _BINARY)
        with open(descriptor, "rb", buffering=0) as file:
            status, began = os.fstat(descriptor), memo.now()
            if not stat.S_ISREG(status.st_mode):
                raise ValueUnstorable(f"{path} is no plain file, and cannot be registered.")
            result, size = sha256(), 0
            buffer = memoryview(bytearray(_CHUNK))
            while count := file.readinto(buffer):
                result.update(buffer[:count])
                size += count
            after = os.fstat(descriptor)
        if stamp_of(after) != stamp_of(status) or size != status.st_size:
            raise ArtifactChanged(
                f"The file {name!r} at {path} was written to while it was read. Try again when it is whole."
            )
        digest = "sha256:" + result.hexdigest()
        memo.learn(_key(path, digest), stamp_of(status), began)
        return digest, size

    def _memo_of(self, path: Path) -> Memo:
        folder = str(path.parent)
        if folder not in self._networked:
            self._networked[folder] = platform.network_file_system(folder) is not None
        return self._remote if self._networked[folder] else self._local

    @cached_property
    def _networked(self) -> dict[str, bool]:
        return {}


class RegisteredReader:
    """Where a materializer finds what was registered."""

    def __init__(self, files: RegisteredFiles, registered: Registered) -> None:
        self._files = files
        self._registered = registered
        self.size = registered.size

    def read(self) -> bytes:
        if self._registered.folder:
            raise NotFound(f"{self._registered.path} is a folder; it has no single payload.")
        return self.path().read_bytes()

    def path(self) -> Path:
        return self._files.path(self._registered)

    def files(self) -> tuple[str, ...]:
        return tuple(file.name for file in self._registered.files)

    def file(self, name: str) -> bytes:
        if name not in self.files():
            raise NotFound(f"{self._registered.path} holds no file {name!r}.")
        place = self.path()
        return (place / name if self._registered.folder else place).read_bytes()


def _key(path: Path, digest: str) -> str:
    """What a memo calls a file at a place, since files of the same bytes may lie at several."""
    return "sha256:" + sha256(f"{digest} {path}".encode("utf-8", "surrogatepass")).hexdigest()


def _local_path(path: str | os.PathLike[str]) -> str:
    text = os.fspath(path)
    if not isinstance(text, str):
        raise ValueUnstorable(f"A path is a str or a Path, not {text!r}.")
    scheme, separator, _ = text.partition("://")
    if not separator:
        return text
    from urllib.parse import unquote, urlsplit  # which hardly anybody needs

    parts = urlsplit(text)
    if scheme.lower() != "file" or parts.netloc not in ("", "localhost"):
        raise ValueUnstorable(f"{text!r} is on another machine; what is registered is a local file or folder.")
    return unquote(parts.path)


def _walk(top: Path, links: dict[str, str]) -> Iterator[tuple[str, Path]]:
    """Every file under a folder with its name; links are noted in ``links`` and count as what they lead to."""
    real = Path(os.path.realpath(top))

    def walk(folder: Path, above: tuple[Path, ...]) -> Iterator[tuple[str, Path]]:
        here = Path(os.path.realpath(folder))
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            raise StoreError(f"{folder} cannot be read: {error.strerror}.") from error
        for entry in entries:
            path = Path(entry.path)
            name = checked_file_name(path.relative_to(top).as_posix())
            if entry.is_symlink():
                try:
                    target = Path(os.path.realpath(path, strict=True))
                except OSError as error:
                    raise ValueUnstorable(
                        f"{path} is a link that leads nowhere: {error.strerror}. Leave it out."
                    ) from error
                if not target.is_relative_to(real):
                    raise ValueUnstorable(f"{path} is a link that leads out of the folder, to {target}. Leave it out.")
                if target in (*above, here):
                    raise ValueUnstorable(f"{path} is a link to a folder that it lies in. Leave it out.")
                links[name] = os.readlink(path)
            if entry.is_dir():
                yield from walk(path, (*above, here))
            elif entry.is_file():
                yield name, path
            else:
                raise ValueUnstorable(f"{path} is neither a file nor a folder, and cannot be registered. Leave it out.")

    return walk(top, ())
