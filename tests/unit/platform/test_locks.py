from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from runlore.platform import FileLock, is_locked

posix = pytest.mark.skipif(sys.platform == "win32", reason="forks")
HOLDER = """
import sys
from runlore.platform import FileLock
lock = FileLock(sys.argv[1])
print(lock.acquire(), flush=True)
sys.stdin.read()
"""


def _holder(path: Path) -> subprocess.Popen[str]:
    """Start another process that holds the lock until its stdin closes or it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    return process


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    """Within one process, a second lock on the same file, by whatever name, is refused until the first is released."""
    (tmp_path / "link").symlink_to(tmp_path)
    first, second = FileLock(tmp_path / "lease"), FileLock(tmp_path / "link" / "lease")

    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    assert second.held and not first.held
    second.release()


def test_asking_does_not_drop_the_lock(tmp_path: Path) -> None:
    """To ask about a lock of one's own leaves it held for other processes, although closing a file would drop it."""
    lock = FileLock(tmp_path / "lease")
    lock.acquire()
    for _ in range(3):
        assert is_locked(tmp_path / "lease")
        assert not FileLock(tmp_path / "lease").acquire()

    asked = "import sys; from runlore.platform import is_locked; print(is_locked(sys.argv[1]))"
    answer = subprocess.run([sys.executable, "-c", asked, str(tmp_path / "lease")], capture_output=True, text=True)
    assert answer.stdout == "True\n"
    lock.release()


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    """Another process's lock shows and refuses us; killed, it is free at once."""
    process = _holder(tmp_path / "lease")
    try:
        assert is_locked(tmp_path / "lease")
        assert not FileLock(tmp_path / "lease").acquire()
    finally:
        _end(process)

    assert not is_locked(tmp_path / "lease")
    lock = FileLock(tmp_path / "lease")
    assert lock.acquire()
    lock.release()


def test_waiting_ends_when_the_lock_is_free(tmp_path: Path) -> None:
    """`acquire` with a timeout gets the lock as soon as it is released."""
    lock, waiting = FileLock(tmp_path / "lease"), FileLock(tmp_path / "lease")
    lock.acquire()
    got: list[bool] = []
    thread = threading.Thread(target=lambda: got.append(waiting.acquire(timeout=60)))
    thread.start()
    lock.release()
    thread.join()

    assert got == [True]
    waiting.release()


@posix
def test_children_do_not_inherit_locks(tmp_path: Path) -> None:
    """A forked child holds nothing, its end frees nothing, and it sees its parent's lock."""
    lock = FileLock(tmp_path / "lease")
    lock.acquire()
    child = os.fork()
    if child == 0:
        seen = is_locked(tmp_path / "lease") and not lock.held and not FileLock(tmp_path / "lease").acquire()
        os._exit(0 if seen else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert lock.held
    child = os.fork()
    if child == 0:
        os._exit(0 if is_locked(tmp_path / "lease") else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    lock.release()


def test_a_released_lock_can_take_its_file_along(tmp_path: Path) -> None:
    """`release(remove=True)` deletes the file; an absent file is not locked, and to release twice is harmless."""
    lock = FileLock(tmp_path / "lease")
    lock.acquire()
    lock.release(remove=True)
    lock.release(remove=True)

    assert not (tmp_path / "lease").exists()
    assert not is_locked(tmp_path / "lease")


@posix
def test_a_file_deleted_under_the_lock_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock on a file that lost its name between opening and locking proves nothing, so it is not taken for held."""
    from runlore import platform

    plain = platform._lock

    def swept(descriptor: int, *, shared: bool) -> bool:
        (tmp_path / "lease").unlink()
        return plain(descriptor, shared=shared)

    monkeypatch.setattr(platform, "_lock", swept)
    lock = FileLock(tmp_path / "lease")
    assert not lock.acquire()
    monkeypatch.undo()

    assert lock.acquire()
    lock.release()
