from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from runlore import platform
from runlore.model.digest import digest_of
from runlore.record.blobs.local import LocalBlobs

pytestmark = [pytest.mark.kill, pytest.mark.skipif(sys.platform == "win32", reason="forks")]
POINTS = ("blob.begun", "blob.written", "blob.flushed", "blob.published", "blob.durable")
DATA = (b"small", b"large" * 400_000)


def _die_at(point: str, nth: int) -> None:
    """Kill this process when it comes to ``point`` for the ``nth`` time."""
    passed = 0

    def hook(name: str) -> None:
        nonlocal passed
        if name == point:
            passed += 1
            if passed == nth:
                os.kill(os.getpid(), signal.SIGKILL)

    platform.on_crash_point(hook)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("nth", [1, 2])
def test_a_killed_writer_leaves_whole_blobs_or_none(tmp_path: Path, point: str, nth: int) -> None:
    """Whenever a writer is killed, what it reported is whole, nothing half is there, and sweeping clears the rest."""
    root, reported = tmp_path / "blobs", tmp_path / "reported"
    child = os.fork()
    if child == 0:
        blobs = LocalBlobs(root)
        log = os.open(reported, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        _die_at(point, nth)
        for data in DATA:
            os.write(log, blobs.put(data).encode() + b"\n")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL

    blobs = LocalBlobs(root)
    for digest in reported.read_text().split():
        blobs.verify(digest)
    for digest, size in blobs.list():
        blobs.verify(digest)
        assert (digest, size) in {(digest_of(data), len(data)) for data in DATA}
    blobs.sweep()
    assert list((root / "tmp").iterdir()) == []
    assert [blobs.read(blobs.put(data)) == data for data in DATA] == [True, True]


def test_every_crash_point_is_passed(tmp_path: Path) -> None:
    """The points at which the test above kills are those that writing a blob passes, in this order."""
    passed: list[str] = []
    platform.on_crash_point(passed.append)
    try:
        LocalBlobs(tmp_path / "blobs").put(b"data")
    finally:
        platform.on_crash_point(None)

    assert tuple(passed) == POINTS
