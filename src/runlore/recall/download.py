"""Download: the stored files of an artifact version, written where the user wants them, no value loaded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from runlore.errors import AlreadyExists, ArtifactCorrupt, ArtifactDeleted
from runlore.model.artifact import Content
from runlore.values.shipped import SHIPPED

if TYPE_CHECKING:
    from runlore.recall.version import ArtifactVersion

#: File name endings of the materializers that need no library; anything unknown is ``.bin``.
_ENDINGS = {"json": ".json", "cloudpickle": ".pkl", "columns": ".columns", "nested": ".nested"}


def download(version: ArtifactVersion, target: Path, *, overwrite: bool) -> Path:
    """Write the files of ``version`` to the folder or ``.zip`` archive ``target`` and return it."""
    if version.deleted:
        raise ArtifactDeleted(f"The bytes of {version.pathspec} were deleted on purpose; there is nothing to download.")
    if target.suffix == ".zip":
        _refuse_existing(target, overwrite)
        _write_archive(version, target)
    else:
        _write_folder(version, target, overwrite)
    return target


def _refuse_existing(target: Path, overwrite: bool) -> None:
    if target.exists() and not overwrite:
        raise AlreadyExists(f"{target} is already there; choose another path or pass overwrite=True.")


def _write_folder(version: ArtifactVersion, target: Path, overwrite: bool) -> None:
    for name, data in _files(version):
        path = target / name
        _refuse_existing(path, overwrite)
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, Path):
            shutil.copyfile(data, path)
        else:
            path.write_bytes(data)


def _write_archive(version: ArtifactVersion, target: Path) -> None:
    import zipfile

    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", compression=zipfile.ZIP_DEFLATED) as archive:
        for name, data in _files(version):
            if isinstance(data, Path):
                archive.write(data, name)
            else:
                archive.writestr(name, data)


def _files(version: ArtifactVersion) -> Iterator[tuple[str, bytes | Path]]:
    stem = _safe(version.name)
    if version.is_collection:
        for position in range(len(version)):
            yield from _files_of(version, version[position].content, f"{stem}_{position}")
    else:
        yield from _files_of(version, version.content, stem)


def _files_of(version: ArtifactVersion, content: Content, stem: str) -> Iterator[tuple[str, bytes | Path]]:
    reader = version.vault_reader(content)
    if content.form == "tree":
        for name in reader.files():
            yield _inside(name), reader.file(name)
    elif content.form == "blob":
        yield stem + _ending(content.materializer), reader.path()
    else:
        yield stem + _ending(content.materializer), reader.read()


def _ending(materializer: str) -> str:
    shipped = SHIPPED.get(materializer)
    return shipped.ending if shipped is not None else _ENDINGS.get(materializer, ".bin")


def _inside(name: str) -> str:
    """Refuse a name that would leave the folder: a manifest may come from a stranger."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise ArtifactCorrupt(f"A file of this artifact is called {name!r}, which leads out of the folder.")
    return name


def _safe(name: str) -> str:
    return "".join(char if char.isalnum() or char in "._-" else "_" for char in name).lstrip(".") or "artifact"
