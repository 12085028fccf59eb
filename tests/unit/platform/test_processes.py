from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from runlore import platform

posix = pytest.mark.skipif(sys.platform == "win32", reason="forks and signals")


def test_this_process_is_running() -> None:
    """A process is told by pid and start time: the pid with another start time is somebody else."""
    me = platform.this_process()

    assert me.pid == os.getpid()
    assert platform.is_running(me.pid, me.born)
    if me.born:
        assert not platform.is_running(me.pid, me.born + 1)


@posix
def test_the_dead_do_not_run() -> None:
    """A process that ended is gone, whether or not its parent has noticed (a zombie)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    os.close(reading)
    born = platform.process_born(child)
    assert born is not None
    assert platform.is_running(child, born)
    os.close(writing)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)

    assert not platform.is_running(child, born)
    os.waitpid(child, 0)
    assert platform.process_born(child) is None


@posix
def test_a_forked_child_is_another_process() -> None:
    """The identity of a child is its own."""
    me = platform.this_process()
    child = os.fork()
    if child == 0:
        it = platform.this_process()
        os._exit(0 if it.pid == os.getpid() != me.pid and it.boot == me.boot else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0


@posix
def test_a_tree_of_processes_is_killed() -> None:
    """`kill_tree` ends a process with its descendants, also those in sessions of their own."""
    script = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    born = platform.process_born(child)
    assert born is not None
    platform.kill_tree(parent.pid)

    assert parent.wait() == -signal.SIGKILL
    parent.stdout.close()
    while platform.is_running(child, born):  # ends as soon as the system has carried the signal out
        os.sched_yield()
    platform.kill_tree(parent.pid)


def test_crash_points_do_nothing_unless_asked() -> None:
    """A hook hears the names of crash points until it is taken away."""
    heard: list[str] = []
    platform.crash_point("unheard")
    platform.on_crash_point(heard.append)
    try:
        platform.crash_point("blob.flushed")
    finally:
        platform.on_crash_point(None)
    platform.crash_point("unheard")

    assert heard == ["blob.flushed"]


MOUNTS = """\
22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p1 rw
30 22 0:26 / /home rw - nfs4 server:/home rw,vers=4.2
31 30 0:27 / /home/ada/local\\040disk rw - xfs /dev/sdb1 rw
32 22 0:28 / /mnt/share rw - cifs //host/share rw
33 22 0:29 / /mnt/share rw - tmpfs tmpfs rw
34 22 0:30 / /data rw - fuse.sshfs host: rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/ada/project", "nfs4"),
        ("/home", "nfs4"),
        ("/homely", None),
        ("/home/ada/local disk/x", None),
        ("/mnt/share/x", None),
        ("/data/x", "fuse.sshfs"),
        ("/var/lib", None),
    ],
)
def test_network_file_systems_are_known(path: str, kind: str | None) -> None:
    """The innermost and latest mount that holds a path decides whether it lies on a network."""
    assert platform.kind_if_network(platform._kind_of_mount(path, MOUNTS)) == kind


def test_the_temporary_folder_is_local(tmp_path: os.PathLike[str]) -> None:
    """A path need not exist to be asked about."""
    assert platform.network_file_system(os.path.join(tmp_path, "not", "there")) is None


def test_flushing_and_reserving(tmp_path: os.PathLike[str]) -> None:
    """A file can be reserved and flushed, and its folder flushed, without a change to its bytes."""
    path = os.path.join(tmp_path, "file")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        os.write(descriptor, b"head")
        platform.reserve(descriptor, 4, 1000)
        platform.flush(descriptor)
        os.ftruncate(descriptor, 4)
    finally:
        os.close(descriptor)
    platform.flush_folder(tmp_path)

    with open(path, "rb") as file:
        assert file.read() == b"head"
