"""Environment: the Python, packages and machine that a run used, as text that is equal for equal environments."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import time
from functools import cache

from runlore.execute.keep import Store, keep
from runlore.platform import user_name

#: Version of the description's form.
FORM = 1
#: Nanoseconds after which a folder's change time tells every change: file systems count it in coarse ticks.
SETTLED = 2_000_000_000

_METADATA = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)(?:-[^/]*)?\.(?:dist-info|egg-info)\Z")

_packages: dict[str, tuple[int, dict[str, str]]] = {}
_described: tuple[object, str] | None = None


def describe() -> str:
    """Describe this process as canonical JSON: python, platform, machine, gpus, host, user, packages (name → version).

    No environment variable and no argument is in it, so no secret can be. Remembered until packages are installed,
    which a notebook may do between two runs.
    """
    global _described
    found = packages()
    key = (found, os.getpid())
    if _described is None or _described[0] != key:
        _described = (key, json.dumps(_description(found), sort_keys=True, ensure_ascii=False, separators=(",", ":")))
    return _described[1]


def snapshot(blobs: Store) -> str:
    """Store the description of this process; return its digest."""
    return keep(describe(), blobs)


def _description(found: dict[str, str]) -> dict[str, object]:
    return {
        "form": FORM,
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "executable": sys.executable or None,
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        # not platform.platform(), which reads through the interpreter's file for the version of libc
        "platform": "-".join((platform.system(), platform.release(), platform.machine())),
        "processors": os.cpu_count(),
        "gpus": gpus(),
        "runlore": sys.modules["runlore"].__version__,  # the package itself stands above all of its parts
        "host": host(),
        "user": user_name(),
        "packages": found,
    }


@cache
def gpus(folder: str = "/proc/driver/nvidia/gpus") -> list[str]:
    """Models of the graphics processors that the driver tells of; empty without one, or on other systems.

    Nothing is started to find out: asking a driver's own tools takes a second.
    """
    found = []
    try:
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name, "information"), encoding="utf-8", errors="replace") as file:
                facts = dict(line.partition(":")[::2] for line in file)
            found.append(facts.get("Model", "").strip() or "unknown")
    except OSError:
        pass
    return found


@cache
def host() -> str | None:
    """Name of this machine, if it has one."""
    return platform.node() or None


def packages() -> dict[str, str]:
    """Installed distributions, normalised name → version, where the first on ``sys.path`` wins as for imports.

    Read from the names of the metadata directories, which the packaging standards fix: reading the metadata itself
    takes a hundred times as long.
    """
    found: dict[str, str] = {}
    for entry in reversed(sys.path):
        found.update(_packages_in(entry or os.curdir))
    return dict(sorted(found.items()))


def _packages_in(folder: str) -> dict[str, str]:
    try:
        changed = os.stat(folder).st_mtime_ns
    except OSError:
        return {}
    known = _packages.get(folder)
    if known is not None and known[0] == changed:
        return known[1]
    found = _scan(folder)
    if abs(time.time_ns() - changed) > SETTLED:
        _packages[folder] = (changed, found)
    return found


def _scan(folder: str) -> dict[str, str]:
    try:
        names = os.listdir(folder)
    except OSError:  # a zip file, or not ours to read
        return {}
    found = {}
    for name in sorted([name for name in names if name.endswith("-info")]):
        match = _METADATA.match(name)
        if match is not None:
            found[re.sub(r"[-_.]+", "-", match["name"]).lower()] = match["version"]
    return found
