"""Where a materializer writes: kept in memory while small, a blob once it is not, a tree where files are opened."""

from __future__ import annotations

import hmac
import io
from hashlib import sha256
from typing import TYPE_CHECKING, BinaryIO, cast

from runlore.errors import NameInvalid, ValueUnstorable
from runlore.record.blobs.port import Blobs, BlobWriter
from runlore.record.blobs.tree import File, checked_file_name, encode_manifest
from runlore.values.written import SEARCHED

if TYPE_CHECKING:
    from collections.abc import Buffer, Callable  # type: ignore[attr-defined,unused-ignore]


class Sink:
    """The `Writer` of one value. Either `write`, or `file`."""

    __slots__ = (
        "_blob",
        "_before_blobs",
        "_blobs",
        "_buffered",
        "_files",
        "_folders",
        "_key",
        "_limit",
        "_parts",
        "_signature",
        "head",
        "mac",
    )

    def __init__(
        self, blobs: Blobs, limit: int, key: bytes | None, before_blobs: Callable[[], object] | None = None
    ) -> None:
        """``limit``: largest payload, in bytes, that stays in memory. ``key``: sign the bytes with it.

        ``before_blobs`` is called before the first blob is begun, if one is.
        """
        self._blobs = blobs
        self._before_blobs = before_blobs
        self._limit = limit
        self._key = key
        self._signature = hmac.new(key, digestmod=sha256) if key else None
        self._parts: list[bytes] = []
        self._buffered = 0
        self._blob: BlobWriter | None = None
        self._files: dict[str, _TreeFile] = {}
        #: Empty folders of the tree; the empty name is the tree itself.
        self._folders: set[str] = set()
        #: Signature of the payload, or of the manifest of a tree, once finished.
        self.mac: bytes | None = None
        #: The beginning of a payload that is signed.
        self.head = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._refuse_both(self._files or self._folders)
        if self._signature is not None:
            self._signature.update(data)
            if len(self.head) < SEARCHED:
                self.head += memoryview(data).cast("B")[: SEARCHED - len(self.head)]
        if self._blob is None:
            size = len(data) if type(data) is bytes else memoryview(data).nbytes
            if self._buffered + size <= self._limit:
                self._parts.append(bytes(data))
                self._buffered += size
                return
            self._blob = self._to_write().writer()
            for part in self._parts:
                self._blob.write(part)
            self._parts.clear()
        self._blob.write(data)

    def file(self, name: str, *, executable: bool = False) -> BinaryIO:
        self._refuse_both(self._parts or self._blob is not None)
        checked_file_name(name)
        if name in self._files:
            raise NameInvalid(f"The file {name!r} was opened for writing before.")
        made = self._files[name] = _TreeFile(name, self._to_write().writer(), executable)
        return cast(BinaryIO, made)

    def folder(self, name: str = "") -> None:
        self._refuse_both(self._parts or self._blob is not None)
        self._folders.add(checked_file_name(name) if name else "")

    def finish(self) -> tuple[str, str, int, bytes | None]:
        """Publish, and return form, digest, size and, if inline, the payload."""
        if self._files or self._folders:
            return self._finish_tree()
        if self._signature is not None:
            self.mac = self._signature.digest()
        if self._blob is not None:
            digest, size = self._blob.commit()
            return "blob", digest, size, None
        payload = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        return "inline", "sha256:" + sha256(payload).hexdigest(), self._buffered, payload

    def abort(self) -> None:
        """Throw away what was not published. Harmless afterwards."""
        if self._blob is not None:
            self._blob.abort()
        for file in self._files.values():
            file.abort()

    def _to_write(self) -> Blobs:
        if self._before_blobs is not None:
            self._before_blobs()
            self._before_blobs = None
        return self._blobs

    @staticmethod
    def _refuse_both(other: object) -> None:
        if other:
            raise ValueUnstorable("A materializer either writes one payload or opens files, not both.")

    def _finish_tree(self) -> tuple[str, str, int, None]:
        for file in self._files.values():
            file.close()
        files = [File(file.name, *file.published(), file.executable) for file in self._files.values()]
        manifest = encode_manifest(files, self._folders - {""})
        if self._key:
            self.mac = hmac.digest(self._key, manifest, "sha256")
        return "tree", self._to_write().put(manifest), sum(file.size for file in files), None


class _TreeFile(io.RawIOBase):
    """One file of a tree as a file object: written from front to back, published when closed."""

    def __init__(self, name: str, blob: BlobWriter, executable: bool) -> None:
        super().__init__()
        self.name = name
        self.executable = executable
        self._blob = blob
        self._position = 0
        self._published: tuple[str, int] | None = None
        self._given_up = False

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        if self.closed:
            raise ValueError(f"the file {self.name!r} is closed")
        view = memoryview(data)
        try:
            self._blob.write(view)
        except BaseException:
            self._given_up = True  # closing the file must not hide why
            raise
        self._position += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        if not self.closed:
            super().close()
            if not self._given_up:
                self._published = self._blob.commit()

    def abort(self) -> None:
        """Give the file up; nothing is published any more."""
        self._given_up = True
        self._blob.abort()
        self.close()

    def published(self) -> tuple[str, int]:
        """Digest and size, once closed."""
        if self._published is None:
            raise ValueUnstorable(f"The file {self.name!r} was given up before it was whole.")
        return self._published
