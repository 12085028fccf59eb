"""Code: the sources of the project as they were when a run began."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from runlore.errors import AlreadyExists, ArtifactCorrupt
from runlore.model.counted import counted
from runlore.model.name import shortened
from runlore.recall.named import Named


class Code(Mapping[str, str]):
    """Sources by their path in the project; read from the record when they are looked at."""

    def __init__(self, manifest: bytes, read: Callable[[str], bytes], *, owner: str) -> None:
        described = json.loads(manifest)
        self._read = read
        self._owner = owner
        self._cells: list[str] = described["cells"]
        self._digests: Named[str] = Named(described["files"], kind="source file", owner=owner)
        #: Path of the script that was started, or ``None`` if there was none.
        self.entry: str | None = described["entry"]
        #: Files that were left out because there were too many or they were too large.
        self.omitted: int = described["omitted"]

    @property
    def cells(self) -> tuple[str, ...]:
        """Notebook cells, or pieces of an interactive session, that defined the steps."""
        return tuple(self._text(digest) for digest in self._cells)

    def __getitem__(self, path: str) -> str:
        return self._text(self._digests[path])

    def __iter__(self) -> Iterator[str]:
        return iter(self._digests)

    def __len__(self) -> int:
        return len(self._digests)

    def write(self, folder: str | Path) -> Path:
        """Write the files as they were into ``folder``; raises `AlreadyExists` rather than replace one."""
        target = Path(folder)
        for name, digest in self._digests.items():
            path = target / _inside(name)
            if path.exists():
                raise AlreadyExists(f"{path} is already there; choose a folder that is empty.")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._read(digest))
        return target

    def _text(self, digest: str) -> str:
        return self._read(digest).decode("utf-8", "replace")

    def __repr__(self) -> str:
        return f"<Code of {shortened(self._owner, 60)}: {counted(len(self), 'file')}>"


def _inside(name: str) -> str:
    """Refuse a path that would leave the folder: a record may come from a stranger."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise ArtifactCorrupt(f"A source file is called {name!r}, which leads out of the folder.")
    return name
