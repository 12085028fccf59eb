from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from runlore import platform
from runlore.errors import StoreCorrupt
from runlore.record.key import installation_key
from runlore.settings import Settings

posix = pytest.mark.skipif(sys.platform == "win32", reason="file modes and forks")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "project" / ".runlore", user_folder=tmp_path / "user")


def test_the_key_is_made_once(settings: Settings) -> None:
    """The first who asks makes the key, in the user's folder; it stays, and only its owner can read it."""
    assert settings.user_folder is not None
    key = installation_key(settings)

    assert len(key) == 32
    assert installation_key(settings) == key
    assert [path.name for path in settings.user_folder.iterdir()] == ["key"]
    assert not settings.home.exists()
    if sys.platform != "win32":
        assert (settings.user_folder / "key").stat().st_mode & 0o777 == 0o600


def test_without_a_user_folder_the_key_is_with_the_record(tmp_path: Path) -> None:
    """Where a user has no folder, the record's keeps the key."""
    installation_key(Settings(home=tmp_path / "home"))

    assert (tmp_path / "home" / "key").is_file()


def test_installations_differ(tmp_path: Path) -> None:
    """Two installations have two keys."""
    assert installation_key(Settings(home=tmp_path / "a")) != installation_key(Settings(home=tmp_path / "b"))


@posix
def test_all_who_ask_at_once_get_one_key(settings: Settings) -> None:
    """Processes that start together agree on the key."""
    reading, writing = os.pipe()
    children = []
    for _ in range(8):
        child = os.fork()
        if child == 0:
            os.write(writing, installation_key(settings))
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    os.close(writing)
    with open(reading, "rb") as file:
        keys = file.read()

    assert keys == installation_key(settings) * 8


@posix
@pytest.mark.kill
def test_a_kill_leaves_no_half_key(settings: Settings) -> None:
    """Killed between writing and naming the key, the next who asks makes a whole one."""
    child = os.fork()
    if child == 0:
        platform.on_crash_point(lambda name: os.kill(os.getpid(), signal.SIGKILL))
        installation_key(settings)
        os._exit(0)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    assert installation_key(settings) == installation_key(settings)


@pytest.mark.parametrize("text", [b"", b"abc", b"zz" * 32, b"ab" * 31, b"\xff" * 64])
def test_a_damaged_key_is_told(tmp_path: Path, text: bytes) -> None:
    """A file that holds no key is an error that says what to do; it is not replaced behind the user's back."""
    (tmp_path / "key").write_bytes(text)
    with pytest.raises(StoreCorrupt, match="Delete it"):
        installation_key(Settings(home=tmp_path))

    assert (tmp_path / "key").read_bytes() == text


def test_a_key_that_cannot_be_made(tmp_path: Path) -> None:
    """Where no key can be made, one lasts as long as the process, so that a read-only record can be read."""
    (tmp_path / "file").write_bytes(b"")
    settings = Settings(home=tmp_path / "file")

    assert len(installation_key(settings)) == 32
    assert installation_key(settings) == installation_key(settings)
