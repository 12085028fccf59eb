"""The installation key: a secret of this user on this machine, which signs the pickles written here."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from runlore import platform
from runlore.errors import StoreCorrupt, StoreError
from runlore.platform import crash_point
from runlore.settings import Settings

_LENGTH = 32


def installation_key(settings: Settings) -> bytes:
    """Return the key (32 bytes), made on first use in a file that only its owner can read.

    It lies in the user's data folder rather than with the record, so that a record from elsewhere brings none; where
    there is no such folder, in the record's. Where none is there and none can be made (everything is read-only), it
    lasts as long as this process: what earlier ones pickled then needs ``trust=True``.

    Raises `StoreCorrupt` if the file does not hold a key, `StoreError` if it cannot be read.
    """
    path = (settings.user_folder or settings.home) / "key"
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    try:
        _make(path)
        return _read(path)
    except OSError:
        return _key_of_this_process()


@cache
def _key_of_this_process() -> bytes:
    return os.urandom(_LENGTH)


def _read(path: Path) -> bytes:
    try:
        text = path.read_bytes()
        key = bytes.fromhex(text.decode("ascii"))
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(str(path)) from None
    except OSError as error:
        raise StoreError(f"The key of this installation at {path} cannot be read: {error}.") from error
    except ValueError:
        key = b""
    if len(key) != _LENGTH:
        raise StoreCorrupt(
            f"{path} does not hold a key of this installation. Delete it to have a new one made; pickles written "
            "before then need trust=True."
        )
    return key


def _make(path: Path) -> None:
    """Write a whole key beside its place and give it the name, unless somebody was quicker."""
    for folder in reversed([path.parent, *path.parent.parents]):
        if not folder.exists():
            folder.mkdir(0o700, exist_ok=True)
    draft = path.with_name(f"key-{os.getpid()}-{os.urandom(8).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        try:
            os.write(descriptor, os.urandom(_LENGTH).hex().encode("ascii"))
            platform.flush(descriptor)
        finally:
            os.close(descriptor)
        crash_point("key.written")
        try:
            if platform.WINDOWS:
                os.rename(draft, path)  # which there refuses to replace
            else:
                os.link(draft, path)
        except FileExistsError:
            return
        platform.flush_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)
