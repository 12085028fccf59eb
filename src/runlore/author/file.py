"""File: a parameter that stands for the content of a file."""

from __future__ import annotations

import os
from dataclasses import dataclass

from runlore.errors import ParameterError


@dataclass(frozen=True)
class File:
    """A file as a parameter: the step gets this object, and its content counts for the cache.

    ``File("data.csv")`` can be given wherever a path can: ``open(file)`` works. The digest is taken when the pipeline's
    body is traced, so an edited file makes the step run again.
    """

    path: str
    #: ``sha256:`` and hex digits of the content; ``None`` until traced.
    digest: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", os.fspath(self.path))

    def __fspath__(self) -> str:
        return self.path

    def sealed(self) -> File:
        """Return a copy with the digest of the content as it is now; `ParameterError` if there is no such file."""
        import hashlib

        try:
            with open(self.path, "rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise ParameterError(f"The file {self.path!r} cannot be read: {error.strerror or error}.") from error
        return File(self.path, f"sha256:{digest}")
