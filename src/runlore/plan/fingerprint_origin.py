"""Origin of code: whether a module belongs to the project or was installed, and at which version."""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType

PYTHON = "python"
RUNLORE = "runlore"


def top_level(module: str) -> str:
    """First part of a dotted module name."""
    return module.partition(".")[0]


@cache
def _installed_roots() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Folders of installed packages, and folders of the standard library."""
    import os
    import site
    import sysconfig

    paths = sysconfig.get_paths()
    packages = {paths[key] for key in ("purelib", "platlib") if paths.get(key)}
    packages.update(site.getsitepackages())
    packages.add(site.getusersitepackages())
    library = {paths[key] for key in ("stdlib", "platstdlib") if paths.get(key)}

    def folders(found: set[str]) -> tuple[str, ...]:
        both = found | {os.path.realpath(path) for path in found}
        return tuple(sorted(os.path.join(path, "") for path in both))

    return folders(packages), folders(library)


def _origin_of_file(file: str) -> str:
    """``project``, ``package`` or ``python``, by where the file lies."""
    packages, library = _installed_roots()
    if file.startswith(packages) or "/site-packages/" in file or "/dist-packages/" in file:
        return "package"
    if "\\site-packages\\" in file:
        return "package"
    if file.startswith((*library, "<frozen ")):
        return PYTHON
    return "project"


_MEMO: dict[str, str] = {}


def origin_of_module(name: str | None) -> str:
    """``project``, ``package``, ``python`` or ``runlore``. What has no file (REPL, ``exec``) is the project's."""
    if not name:
        return "project"
    top = top_level(name)
    if top == RUNLORE:
        return RUNLORE
    if name in _MEMO:
        return _MEMO[name]
    found, settled = _look_up(name, top)
    if settled:
        _MEMO[name] = found
    return found


def _look_up(name: str, top: str) -> tuple[str, bool]:
    if name in ("__main__", "__mp_main__"):
        return "project", False
    if top in sys.builtin_module_names:
        return PYTHON, True
    module = sys.modules.get(name) or sys.modules.get(top)
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        spec = getattr(module, "__spec__", None)
        places = getattr(spec, "submodule_search_locations", None)
        origin = getattr(spec, "origin", None)
        file = next(iter(places), None) if places else origin
    if not isinstance(file, str):
        return ("project", False) if module is not None else _not_imported(top)
    if file in ("built-in", "frozen"):
        return PYTHON, True
    return _origin_of_file(file), module is not None and name in sys.modules


def _not_imported(top: str) -> tuple[str, bool]:
    if top in sys.stdlib_module_names:
        return PYTHON, False
    import importlib.util

    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        spec = None
    if spec is None:
        return "project", False
    place = next(iter(spec.submodule_search_locations or ()), None) or spec.origin
    return (_origin_of_file(place) if isinstance(place, str) else "project"), False


def origin_of(module: ModuleType) -> str:
    """Like `origin_of_module`, for a live module."""
    return origin_of_module(getattr(module, "__name__", None))


@cache
def version_of(top: str) -> str:
    """Version under which an installed top-level module is known; for the standard library, that of Python."""
    if top == PYTHON or top in sys.stdlib_module_names or top in sys.builtin_module_names:
        return ".".join(str(part) for part in sys.version_info[:3])
    written = _version_in_folder(top)
    if written is not None:
        return written
    from importlib import metadata  # costs 30 ms

    try:
        return metadata.version(top)
    except metadata.PackageNotFoundError:
        pass
    names = sorted(set(metadata.packages_distributions().get(top, ())))
    if names:
        return ", ".join(f"{name} {metadata.version(name)}" for name in names)
    return _version_without_distribution(top)


def _version_in_folder(top: str) -> str | None:
    """The version in the name of the ``.dist-info`` folder beside the package, where names agree."""
    import os
    from importlib.util import find_spec

    try:
        place = getattr(sys.modules.get(top), "__file__", None) or getattr(find_spec(top), "origin", None)
        entries = os.listdir(os.path.dirname(os.path.dirname(place))) if place else []
    except (OSError, ImportError, ValueError, TypeError):
        return None
    found = []
    for entry in entries:
        name, _, version = entry.removesuffix(".dist-info").partition("-")
        if entry.endswith(".dist-info") and name.lower().replace(".", "_") == top.lower():
            found.append(version)
    return found[0] if len(found) == 1 else None


@cache
def version_of_extension(module: str) -> str:
    """Version of a compiled module of the project: its bytes, since a process can load it only once."""
    return _version_without_distribution(module)


def _version_without_distribution(top: str) -> str:
    """A module that no distribution claims: its ``__version__``, and the bytes of its file."""
    from hashlib import sha256

    module = sys.modules.get(top)
    said = str(getattr(module, "__version__", ""))
    file = getattr(module, "__file__", None)
    try:
        with open(file, "rb") as opened:  # type: ignore[arg-type]
            return f"{said} {sha256(opened.read()).hexdigest()}".strip()
    except (OSError, TypeError):
        return said
