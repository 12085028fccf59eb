"""View: the folder in which a local store shows a tree's files under their names, without a copy."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple

from runlore import platform
from runlore.model.digest import digest_of


class View(NamedTuple):
    """What such a folder has to hold. Names are relative, with ``/``."""

    #: Name → the blob's file.
    files: dict[str, Path]
    #: Empty folders.
    folders: frozenset[str]
    #: Name of a file that can be executed → its digest. Whether it can is a matter of the file, and a blob may lie in
    #: another tree where it cannot, so such a file is a copy.
    executables: dict[str, str]


def build(view: View, draft: Path, place: Path) -> None:
    """Fill the folder ``draft``, which will be renamed to ``place``."""
    for name in view.folders:
        (draft / name).mkdir(parents=True, exist_ok=True)
    for name, target in view.files.items():
        file = draft / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if name in view.executables or platform.WINDOWS:
            _copy(target, file, 0o555 if name in view.executables else 0o444)
        else:  # not as a hard link, which would change the blob's change time
            os.symlink(os.path.relpath(target, (place / name).parent), file)


def holds(view: View, place: Path) -> bool:
    """Whether the folder still holds exactly these files, each leading to its blob, and these empty folders."""
    if platform.WINDOWS or place.is_symlink() or not place.is_dir():
        return False
    found, empty = 0, set()
    for folder, folders, files in os.walk(place):
        found += len(files) + sum(os.path.islink(os.path.join(folder, name)) for name in folders)
        if not folders and not files and folder != str(place):
            empty.add(Path(folder).relative_to(place).as_posix())
    try:
        return (
            found == len(view.files)
            and empty == view.folders
            and all(
                _leads_to(target, place / name) for name, target in view.files.items() if name not in view.executables
            )
            and all(_is_copy(place / name, digest) for name, digest in view.executables.items())
        )
    except OSError:
        return False


def _leads_to(target: Path, file: Path) -> bool:
    """Whether a link says what it should and leads there: where a folder above is a link, that is not the same."""
    return os.readlink(file) == os.path.relpath(target, file.parent) and os.path.samefile(file, target)


def _copy(target: Path, file: Path, mode: int) -> None:
    import shutil  # only where there is something to copy

    shutil.copyfile(target, file)
    file.chmod(mode)


def _is_copy(file: Path, digest: str) -> bool:
    found = os.lstat(file)
    return stat.S_ISREG(found.st_mode) and found.st_mode & 0o777 == 0o555 and digest_of(file.read_bytes()) == digest
