"""Code: the sources of a run as they were when it began, and the state of the repository that they lay in."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from runlore.errors import AlreadyExists, ArtifactCorrupt
from runlore.model.counted import counted
from runlore.model.name import shortened
from runlore.recall.named import Named

if TYPE_CHECKING:
    from tarfile import TarFile

#: A manifest of nothing, for a run whose sources were not captured.
_NOTHING: dict[str, Any] = {"entry": None, "files": {}, "cells": [], "omitted": 0}
#: Folder of the cells among files.
_CELLS = "__cells__"


class Code(Mapping[str, str]):
    """The project's own modules, by their path in the project; read from the record when they are looked at.

    Of code that was in no file, as in a notebook or ``python -c``, there are `cells`; of code of which no text was to
    be had, such as that typed into an interactive session of Python 3.12 or older, the instructions in `steps`.
    """

    def __init__(
        self,
        digest: str | None,
        read: Callable[[str], bytes],
        *,
        owner: str,
        steps: Callable[[], Mapping[str, str | None]] = dict,
        git: Callable[[], Mapping[str, Any] | None] = lambda: None,
    ) -> None:
        described = _NOTHING if digest is None else json.loads(read(digest))
        self._read = read
        self._owner = owner
        self._asked_steps = steps
        self._asked_git = git
        self._cells: list[str] = described["cells"]
        self._digests: Named[str] = Named(described["files"], kind="source file", owner=owner)
        self._pipeline: str | int | None = described.get("pipeline")
        #: Digest under which the record keeps the snapshot; ``None`` if there is none, as with ``capture_code`` off.
        self.path: str | None = digest
        #: Path of the script that was started, or ``None`` if there was none.
        self.entry_path: str | None = described["entry"]
        #: Files that were left out because there were too many or they were too large.
        self.omitted: int = described["omitted"]

    # -- the texts -----------------------------------------------------------------------------------------------

    @property
    def entry(self) -> str | None:
        """Source of what defined the pipeline: its script, module or cell; else of the script that was started.

        Where there is neither, the code of the steps as it was taken for the cache; ``None`` if there is none at all.
        """
        if isinstance(self._pipeline, int):
            return self.cells[self._pipeline]
        name = self._pipeline if self._pipeline is not None else self.entry_path
        if name is not None:
            return self[name]
        texts = [*self.cells[:1]] or [text for text in self.steps.values() if text]
        return "\n\n".join(texts) or None

    @property
    def cells(self) -> tuple[str, ...]:
        """Notebook cells, or pieces of an interactive session, that defined the pipeline and its steps."""
        return tuple(self._text(digest) for digest in self._cells)

    @cached_property
    def steps(self) -> Named[str | None]:
        """Code of each step's function as it was taken for the cache, by step; ``None`` where none was taken."""
        return Named(self._asked_steps(), kind="step", owner=self._owner)

    def __getitem__(self, path: str) -> str:
        return self._text(self._digests[path])

    def __iter__(self) -> Iterator[str]:
        return iter(self._digests)

    def __len__(self) -> int:
        return len(self._digests)

    @property
    def digests(self) -> Mapping[str, str]:
        """Digest of each source, by its path in the project."""
        return self._digests

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    # -- the repository ------------------------------------------------------------------------------------------

    @cached_property
    def _git(self) -> Mapping[str, Any]:
        return self._asked_git() or {}

    @property
    def commit(self) -> str | None:
        """The commit that the project was at; ``None`` outside a repository."""
        return self._git.get("commit")

    @property
    def branch(self) -> str | None:
        """The branch that was checked out, if one was."""
        return self._git.get("branch")

    @property
    def dirty(self) -> bool | None:
        """Whether tracked files differed from the commit; ``None`` outside a repository."""
        return self._git.get("dirty")

    @property
    def diff(self) -> str | None:
        """How tracked files differed from the commit, as a patch; ``None`` if they did not, or by more than 5 MB."""
        digest = self._git.get("diff")
        return None if digest is None else self._text(digest)

    @property
    def info(self) -> dict[str, Any]:
        """What there is to know without the texts, by name."""
        return {
            "path": self.path,
            "entry": self.entry_path,
            "files": len(self),
            "cells": len(self._cells),
            "omitted": self.omitted,
            "commit": self.commit,
            "branch": self.branch,
            "dirty": self.dirty,
        }

    # -- as files ------------------------------------------------------------------------------------------------

    @property
    def tarball(self) -> TarFile:
        """An archive of all files, the cells in ``__cells__/``; the same sources give the same bytes."""
        import io
        import tarfile  # takes some ms to import, and few ask

        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name, digest in sorted(self._files().items()):
                data = self._read(digest)
                member = tarfile.TarInfo(_inside(name))
                member.size, member.mode = len(data), 0o644
                archive.addfile(member, io.BytesIO(data))
        packed.seek(0)
        return tarfile.open(fileobj=packed, mode="r")  # noqa: SIM115

    def extract(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write all files as they were into ``folder``, cells into ``__cells__/`` there, and return the folder.

        Nothing is written unless everything can be. Raises `AlreadyExists` for what is there, unless ``overwrite``, and
        `ArtifactCorrupt` for a path that leads out of the folder, by its name or by a link.
        """
        target = Path(folder)
        if os.path.lexists(target) and not target.is_dir():
            raise AlreadyExists(f"{target} is a file, where a folder would be written; choose another path.")
        contents = {}
        for name, digest in self._files().items():
            path = target / _inside(name)
            if not path.parent.resolve().is_relative_to(target.resolve()):
                raise ArtifactCorrupt(f"{name!r} would be written through a link that leads out of {target}.")
            if path.is_dir() and not path.is_symlink():
                raise AlreadyExists(
                    f"{path} is a folder, where a file would be written; choose a folder that is empty."
                )
            if os.path.lexists(path) and not overwrite:
                raise AlreadyExists(f"{path} is already there; choose a folder that is empty, or pass overwrite=True.")
            contents[path] = self._read(digest)
        for path, data in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.part")
            draft.write_bytes(data)
            os.replace(draft, path)  # a link that is there is replaced, not followed
        target.mkdir(parents=True, exist_ok=True)
        return target

    def _files(self) -> dict[str, str]:
        """Digest by path, of files and cells."""
        folder = _CELLS
        while any(name.startswith(folder + "/") for name in self._digests):
            folder = f"_{folder}"
        return {**self._digests, **{f"{folder}/{number}.py": digest for number, digest in enumerate(self._cells, 1)}}

    def _text(self, digest: str) -> str:
        return self._read(digest).decode("utf-8", "replace")

    def _repr_html_(self) -> str:
        from runlore.recall.html.provenance import code_html  # what only notebooks need

        return code_html(self, self._owner)

    def __repr__(self) -> str:
        cells = f", {counted(len(self._cells), 'cell')}" if self._cells else ""
        return f"<Code of {shortened(self._owner, 60)}: {counted(len(self), 'file')}{cells}>"


def _inside(name: str) -> str:
    """Refuse a path that would leave the folder: a record may come from a stranger."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or not path.parts or "\0" in name:
        raise ArtifactCorrupt(f"A source file is called {name!r}, which leads out of the folder.")
    if os.name == "nt" and ":" in name:
        raise ArtifactCorrupt(f"A source file is called {name!r}, which is no name of a file on Windows.")
    return name
