"""Code snapshot: the sources of a project that a run could reach, as blobs, named by one manifest.

The manifest is canonical JSON::

    {"form": 1, "entry": "train.py", "pipeline": "train.py", "files": {"train.py": "sha256:…"}, "cells": ["sha256:…"],
     "omitted": 0}

``files`` are the project's own modules that were imported when the run began, by their path in the project; ``cells``
the pieces of a notebook or interactive session, or what stood behind ``python -c``, that define the functions asked
about, in the order of those functions; ``pipeline`` the one of the files, or the number from 0 of the cell, that
defines the first of the functions, else null; ``omitted`` counts files beyond the limits. Ignored and secret-looking
files are left out. A manifest without ``pipeline`` is from before it was written.
"""

from __future__ import annotations

import json
import linecache
import os
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from inspect import unwrap
from pathlib import Path, PurePosixPath
from types import CodeType, ModuleType
from typing import Any

from runlore.execute.ignored import Ignored
from runlore.execute.keep import Store, keep

#: Version of the manifest's form.
FORM = 1
#: Files and bytes of source beyond which a snapshot leaves files out.
FILE_LIMIT = 2_000
SIZE_LIMIT = 10_000_000

#: What the root of a project holds; the nearest folder upwards that has one of them is the root.
_MARKS = (".git", ".hg", "pyproject.toml", "setup.py", "setup.cfg", ".runlore")
_PACKAGES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_OWN = str(Path(__file__).resolve().parent.parent) + os.sep


def snapshot(functions: Iterable[Callable[..., Any]], blobs: Store, *, entry: str | Path | None = None) -> str:
    """Store the sources that ``functions`` and the running program are made of; return the manifest's digest.

    ``entry`` is the script that was started, by default that of ``__main__``. Unchanged files (same path, change time
    and size) are neither read nor written again. A file that cannot be read is left out.
    """
    functions = tuple(functions)
    sources = tuple(_source_files(functions))
    script = _real(str(entry)) if entry is not None else _main_script()
    roots = _roots([*([script] if script else []), *(path for path in sources if os.path.isfile(path))])
    found = _project_files(roots, (*sources, *([script] if script else []), *_module_files()))
    files, omitted = _store_files(found, blobs)
    cells = dict(_cells(sources, functions))
    manifest = {
        "form": FORM,
        "entry": next((name for name, path in found.items() if path == script and name in files), None),
        "pipeline": _place_of(sources[:1], found, files, cells),
        "files": files,
        "cells": [keep(cell, blobs) for cell in cells.values()],
        "omitted": omitted,
    }
    return keep(json.dumps(manifest, sort_keys=True, ensure_ascii=False, separators=(",", ":")), blobs)


def project_root(path: str | Path) -> Path:
    """Root of the project that a file belongs to: the nearest marked folder upwards, else the file's own folder.

    The home folder and the file system's root are nobody's project, whatever they hold.
    """
    return _root_of(os.path.dirname(_real(str(path))))


@cache
def _root_of(folder: str) -> Path:
    start = Path(folder)
    for candidate in (start, *start.parents):
        if candidate == _home() or candidate == candidate.parent:
            break
        if any((candidate / mark).exists() for mark in _MARKS):
            return candidate
    return start


@cache
def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except (RuntimeError, OSError, KeyError):
        return None


@cache
def _real(path: str) -> str:
    return os.path.realpath(path)


def _main_script() -> str | None:
    name = getattr(sys.modules.get("__main__"), "__file__", None)
    return _real(name) if isinstance(name, str) and name.endswith(".py") and os.path.isfile(name) else None


def _source_files(functions: Iterable[Callable[..., Any]]) -> Iterable[str]:
    """File names under which the functions were compiled, real or made up (`<stdin>`), each once, in order."""
    seen: dict[str, None] = {}
    once = {id(function): function for function in functions}  # a step may be called a thousand times
    for function in once.values():
        code = getattr(unwrap(function), "__code__", None)
        if code is not None:
            seen[code.co_filename] = None
    for name in seen:
        yield _real(name) if os.path.isfile(name) else name


#: Modules that are known not to be a project's: looking at thousands of them for every run would take milliseconds.
_foreign: dict[str, ModuleType] = {}


def _module_files() -> Iterable[str]:
    """Source files of the imported modules that may be a project's."""
    for name, module in tuple(sys.modules.items()):
        if _foreign.get(name) is module:
            continue
        try:
            # Not getattr(): modules that import lazily would start to.
            path = object.__getattribute__(module, "__dict__").get("__file__")
        except (AttributeError, TypeError):
            continue
        if not isinstance(path, str):
            continue
        if path.endswith(".py") and not _installed(path):
            yield path
        else:
            _foreign[name] = module


def _roots(paths: Iterable[str]) -> list[Path]:
    found = dict.fromkeys(project_root(path) for path in paths if not _installed(path))
    return [root for root in found if not any(other in root.parents for other in found)]


def _project_files(roots: list[Path], paths: Iterable[str]) -> dict[str, str]:
    """Name in the project → real path, for those of ``paths`` that belong to a project and are not ignored."""
    ignored = [Ignored(root) for root in roots]
    found: dict[str, str] = {}
    for path in dict.fromkeys(paths):
        if _installed(path):
            continue
        place = _place(path, tuple(roots))
        if place is not None and place[1] not in ignored[place[0]]:
            number, inner, real = place
            found.setdefault(str(inner) if number == 0 else f"{number}:{roots[number].name}/{inner}", real)
    return dict(sorted(found.items()))


@lru_cache(4096)
def _place(path: str, roots: tuple[Path, ...]) -> tuple[int, PurePosixPath, str] | None:
    """Number of the root that a file is below, its name from there, and its real path."""
    real = Path(_real(path))
    for number, root in enumerate(roots):
        if real.is_relative_to(root):
            return number, PurePosixPath(real.relative_to(root).as_posix()), str(real)
    return None


def _installed(path: str) -> bool:
    """Whether the file came with Python, a package or runlore itself, or is not a file at all."""
    # The name first: resolving links of a thousand modules would take longer than all else of a run's start.
    return path.startswith("<") or _in_library(path) or not os.path.isfile(path) or _in_library(_real(path))


def _in_library(path: str) -> bool:
    return any(part in path for part in _PACKAGES) or path.startswith(_libraries())


@cache
def _libraries() -> tuple[str, ...]:
    """Folders, as named and as resolved, of the standard library, of installed packages and of runlore itself."""
    paths = sysconfig.get_paths()
    folders = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")]
    return (_OWN, *dict.fromkeys(name + os.sep for folder in folders for name in (folder, _real(folder))))


_known: dict[str, tuple[int, int, str]] = {}


def _store_files(found: dict[str, str], blobs: Store) -> tuple[dict[str, str], int]:
    files: dict[str, str] = {}
    size = omitted = 0
    for name, path in found.items():
        try:
            state = os.stat(path)
            if len(files) >= FILE_LIMIT or size + state.st_size > SIZE_LIMIT:
                omitted += 1
                continue
            files[name] = _store_file(path, state, blobs)
        except FileNotFoundError:
            continue  # imported, then deleted
        except PermissionError:
            omitted += 1
            continue
        size += state.st_size
    return files, omitted


def _store_file(path: str, state: os.stat_result, blobs: Store) -> str:
    known = _known.get(path)
    if known is not None and known[:2] == (state.st_mtime_ns, state.st_size) and blobs.claim(known[2]):
        return known[2]
    with open(path, "rb") as file:
        digest = keep(file.read(), blobs)
    _known[path] = (state.st_mtime_ns, state.st_size, digest)
    return digest


def _place_of(
    source: Sequence[str], found: Mapping[str, str], files: Mapping[str, str], cells: Mapping[str, str]
) -> str | int | None:
    """The stored file, or the number of the cell, that a source is."""
    for path in source:
        if path in cells:
            return list(cells).index(path)
        return next((name for name, real in found.items() if real == path and name in files), None)
    return None


def _cells(sources: Iterable[str], functions: Sequence[Callable[..., Any]]) -> Iterable[tuple[str, str]]:
    """Sources that exist only in memory, by their made up names: notebook cells, and what a session keeps."""
    for name in sources:
        if not os.path.isfile(name):
            text = "".join(linecache.getlines(name)) or _command(name, functions)
            if text:
                yield name, text


def _command(name: str, functions: Iterable[Callable[..., Any]]) -> str:
    """What stood behind ``python -c``, if a function was compiled from it; Python 3.13 keeps it by itself."""
    if name != "<string>" or hasattr(sys.modules.get("__main__"), "__file__"):
        return ""
    wanted = [
        code for one in functions if (code := getattr(unwrap(one), "__code__", None)) and code.co_filename == name
    ]
    for text in sys.orig_argv[1:]:
        for candidate in (text, text.partition("c")[2]):  # -c and the text may be one word
            try:
                compiled = compile(candidate, name, "exec", dont_inherit=True)
            except (SyntaxError, ValueError):
                continue
            if any(code in _codes_in(compiled) for code in wanted):
                return candidate
    return ""


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes_in(constant)
