"""Owner of a draft: its name says which process writes it, so that what dead ones left behind can be told and swept."""

from __future__ import annotations

import os
import time
from hashlib import sha256

from runlore import platform
from runlore.platform import ProcessIdentity

#: A draft from another container of the same machine, whose processes cannot be seen, is spared this long (seconds).
_SPARED = 24 * 3600


def draft_name() -> str:
    """A fresh name: ``<boot>-<namespace>-<pid>-<start time>-<random>``."""
    me = platform.this_process()
    return f"{_short(me.boot)}-{_short(me.namespace)}-{me.pid}-{me.born}-{os.urandom(8).hex()}"


def is_gone(
    name: str, path: str | os.PathLike[str], *, shared: bool = False, me: ProcessIdentity | None = None
) -> bool:
    """Whether the process that wrote the draft ``name`` is gone for certain.

    ``shared``: other machines write to the same folder. What cannot be judged, and names of any other form, are
    spared for a day.
    """
    me = me or platform.this_process()
    try:
        boot, namespace, pid, born, _ = name.split("-")
        number, start = int(pid), int(born)
    except ValueError:
        return _is_old(path)
    if boot != _short(me.boot):
        return not shared or _is_old(path)  # not shared: this machine was booted since
    if namespace != _short(me.namespace):
        return _is_old(path)
    return not platform.is_running(number, start)


def _short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:8]


def _is_old(path: str | os.PathLike[str]) -> bool:
    try:
        return time.time() - os.lstat(path).st_mtime > _SPARED
    except OSError:
        return False
