"""Tree: a folder as a manifest of names and digests, itself a blob. The format is `docs/design/blobs.md`, "Trees"."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from runlore.errors import ArtifactCorrupt, NameInvalid
from runlore.model.digest import is_digest

FORMAT = "runlore-tree-1"
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class File(NamedTuple):
    """One file of a tree. Files are sorted by name."""

    #: Relative, with ``/`` between folders.
    name: str
    digest: str
    #: In bytes.
    size: int
    executable: bool = False


class Tree(NamedTuple):
    """What a manifest says."""

    files: tuple[File, ...]
    #: Names of the folders that hold nothing.
    folders: tuple[str, ...] = ()


def checked_file_name(name: object) -> str:
    """Return a name that stays inside its tree on every system, or raise `NameInvalid`."""
    if not isinstance(name, str):
        raise NameInvalid(f"The name of a file is a str; {name!r} is a {type(name).__name__}.")
    parts = name.split("/")
    if _CONTROL.search(name) or "\\" in name:
        problem = "holds a control character, half a character or a backslash"
    elif name.startswith("/") or _DRIVE.match(name):
        problem = "is absolute"
    elif any(part in ("", ".", "..") for part in parts):
        problem = "has an empty part, '.' or '..'"
    elif len(name.encode()) > 4096 or any(len(part.encode()) > 255 for part in parts):
        problem = "is too long (255 bytes for each part, 4096 for all)"
    else:
        return name
    raise NameInvalid(f"A file of an artifact needs a relative name inside its folder; {name[:80]!r} {problem}.")


def encode_manifest(files: Iterable[File], folders: Iterable[str] = ()) -> bytes:
    """Write a manifest; equal trees give equal bytes. Raises `NameInvalid` for names that cannot stand side by side."""
    ordered, empty = sorted(files), sorted(folders)
    _check_names([file.name for file in ordered], empty)
    body: dict[str, Any] = {"format": FORMAT, "files": [[file.name, file.digest, file.size] for file in ordered]}
    if empty:
        body["folders"] = empty
    executables = [file.name for file in ordered if file.executable]
    if executables:
        body["executable"] = executables
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def decode_manifest(data: bytes, about: str) -> tuple[File, ...]:
    """Read the files of a manifest; see `decode_tree`."""
    return decode_tree(data, about).files


def decode_tree(data: bytes, about: str) -> Tree:
    """Read a manifest and check every name in it again, since it may come from anywhere.

    Raises `ArtifactCorrupt`, in which ``about`` names what the manifest belongs to.
    """
    try:
        body = json.loads(data)
        if body["format"] != FORMAT:
            raise ValueError(f"it has the format {body['format']!r}, and this version reads {FORMAT!r}")
        folders, executables = body.get("folders", []), body.get("executable", [])
        if type(folders) is not list or type(executables) is not list:
            raise ValueError("its folders or executable files are no list")
        runs = set(executables)
        files = tuple(File(checked_file_name(name), digest, size, name in runs) for name, digest, size in body["files"])
        if not all(type(f.digest) is str and is_digest(f.digest) and type(f.size) is int for f in files):
            raise ValueError("an entry is malformed")
        if sum(file.executable for file in files) != len(executables):
            raise ValueError("an executable file is not among its files")
        _check_names([file.name for file in files], folders)
    except (ValueError, TypeError, KeyError, NameInvalid, RecursionError) as error:
        raise ArtifactCorrupt(f"The list of files of {about} cannot be read: {error}.") from error
    return Tree(files, tuple(folders))


def _check_names(files: list[str], folders: list[str]) -> None:
    """Refuse a name that is there twice, that is a file and a folder at once, or an empty folder that is not."""
    names = [*files, *folders]
    seen: set[str] = set()
    for name in names:
        checked_file_name(name)
        if name in seen:
            raise NameInvalid(f"A folder cannot hold two files called {name!r}.")
        seen.add(name)
    for name in names:
        parts = name.split("/")
        for end in range(1, len(parts)):
            if "/".join(parts[:end]) in seen:
                raise NameInvalid(
                    f"{'/'.join(parts[:end])!r} is a file, or an empty folder; it cannot be the folder of {name!r} as "
                    "well."
                )
