"""Download: the stored files of an artifact version, written where the user wants them, no value loaded.

What is written is written beside its place and renamed, so nothing is there half.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from runlore.errors import AlreadyExists, ArtifactDeleted
from runlore.model.artifact import Content
from runlore.values.shipped import SHIPPED

if TYPE_CHECKING:
    from runlore.recall.version import ArtifactVersion
    from runlore.record.vault import Vault

#: File name endings of the materializers that need no library; anything unknown is ``.bin``.
_ENDINGS = {
    "json": ".json",
    "cloudpickle": ".pkl",
    "columns": ".columns",
    "nested": ".nested",
    "nested-pickled": ".nested",
}


def download(version: ArtifactVersion, vault: Vault, target: Path, *, overwrite: bool) -> Path:
    """Write the files of ``version`` to ``target`` (`ArtifactVersion.download_files`) and return it."""
    if version.deleted:
        raise ArtifactDeleted(f"The bytes of {version.pathspec} were deleted on purpose; there is nothing to download.")
    if target.suffix.lower() == ".zip":
        _refuse_existing(target, overwrite)
        with _draft_of(target) as draft:
            _write_archive(version, vault, draft)
    elif target.suffix and not target.is_dir() and _is_one_file(version, vault):
        _refuse_existing(target, overwrite)
        with _draft_of(target) as draft:
            for _, data in _files(version, vault):
                _put(data, draft)
    elif target.is_dir():
        _write_into(version, vault, target, overwrite)
    else:
        if os.path.lexists(target):
            raise AlreadyExists(f"{target} is a file, where a folder would be written; choose another path.")
        with _draft_of(target) as draft:
            _write_folder(version, vault, draft)
    return target


def _refuse_existing(target: Path, overwrite: bool) -> None:
    if target.is_dir() and not target.is_symlink():
        raise AlreadyExists(f"{target} is a folder; choose another path.")
    if os.path.lexists(target) and not overwrite:
        raise AlreadyExists(f"{target} is already there; choose another path or pass overwrite=True.")


@contextmanager
def _draft_of(target: Path) -> Iterator[Path]:
    """A path beside ``target`` to write to, which becomes ``target`` at the end of the block."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{uuid4().hex}.part")
    try:
        yield draft
        os.replace(draft, target)
    finally:
        _remove(draft)


def _remove(draft: Path) -> None:
    if draft.is_dir():
        shutil.rmtree(draft, ignore_errors=True)
    else:
        draft.unlink(missing_ok=True)


def _write_folder(version: ArtifactVersion, vault: Vault, folder: Path) -> list[str]:
    """Write every file into a new folder; return their names."""
    folder.mkdir()
    names = []
    for name, data in _files(version, vault):
        _put(data, folder / name)
        names.append(name)
    for name, is_folder in _kept_of_trees(version, vault):
        if is_folder:
            (folder / name).mkdir(parents=True, exist_ok=True)
        else:
            (folder / name).chmod(0o755)
    return names


def _kept_of_trees(version: ArtifactVersion, vault: Vault) -> Iterator[tuple[str, bool]]:
    """Names of a stored folder's empty folders (true), and of its files that can be executed (false)."""
    if not version.is_collection and version.content.form == "tree":
        tree = vault.tree(version.content)
        yield from ((name, True) for name in tree.folders)
        yield from ((file.name, False) for file in tree.files if file.executable)


def _write_into(version: ArtifactVersion, vault: Vault, target: Path, overwrite: bool) -> None:
    """Write into a folder that is there, file by file, once all files are whole and nothing stands in their way."""
    draft = target / f".{uuid4().hex}.part"
    try:
        names = _write_folder(version, vault, draft)
        for name in names:
            _refuse_leaving(target, name)
            _refuse_existing(target / name, overwrite)
        for name in names:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(draft / name, target / name)
        for name, is_folder in _kept_of_trees(version, vault):
            if is_folder:
                _refuse_leaving(target, name)
                (target / name).mkdir(parents=True, exist_ok=True)
    finally:
        _remove(draft)


def _refuse_leaving(target: Path, name: str) -> None:
    """Refuse to write through a link that leads out of the folder."""
    top = os.path.realpath(target)
    if not Path(os.path.realpath((target / name).parent)).is_relative_to(top):
        raise AlreadyExists(f"A link in {target} leads the file {name!r} out of the folder; choose another path.")


def _put(data: bytes | Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(data, Path):
        shutil.copyfile(data, path)
    else:
        path.write_bytes(data)


def _write_archive(version: ArtifactVersion, vault: Vault, target: Path) -> None:
    import zipfile

    with zipfile.ZipFile(target, "x", compression=zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for name, data in _files(version, vault):
            if isinstance(data, Path):
                archive.write(data, name)
            else:
                archive.writestr(name, data)
        for name, is_folder in _kept_of_trees(version, vault):
            if is_folder:
                archive.mkdir(name)


def _is_one_file(version: ArtifactVersion, vault: Vault) -> bool:
    if version.is_collection:
        return False
    content = version.content  # a stored file is a tree of one, which is how it keeps its name
    return content.form in ("inline", "blob") or content.materializer == "path" or vault.is_registered_file(content)


def _files(version: ArtifactVersion, vault: Vault) -> Iterator[tuple[str, bytes | Path]]:
    """Every file with its relative name, which has been checked to stay inside the folder."""
    stem = _safe(version.name)
    if version.is_collection:
        for position in range(len(version)):
            content = version[position].content
            inner = f"{stem}_{position}"
            for name, data in _files_of(vault, content, inner):
                yield (f"{inner}/{name}" if content.form in ("tree", "registered") else name), data
    else:
        yield from _files_of(vault, version.content, stem)


def _files_of(vault: Vault, content: Content, stem: str) -> Iterator[tuple[str, bytes | Path]]:
    if content.form in ("tree", "registered"):
        yield from vault.local_files(content)
    elif content.form == "blob":
        yield stem + _ending(content.materializer), vault.reader(content).path()
    else:
        yield stem + _ending(content.materializer), vault.reader(content).read()


def _ending(materializer: str) -> str:
    shipped = SHIPPED.get(materializer)
    return shipped.ending if shipped is not None else _ENDINGS.get(materializer, ".bin")


def _safe(name: str) -> str:
    return "".join(char if char.isalnum() or char in "._-" else "_" for char in name).lstrip(".") or "artifact"
