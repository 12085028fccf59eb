"""What differs between operating systems: durable flush, locks, process identity, file systems, crash points."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

WINDOWS = sys.platform == "win32"

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

#: What an operating system answers when it, or this file system, cannot do a thing at all.
_UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP})
#: Kinds of mount on which locks, shared memory and change times cannot be relied upon.
_NETWORK_KINDS = frozenset(
    "9p afs afpfs beegfs ceph cifs davfs fuse.glusterfs fuse.sshfs fuse.s3fs fuse.rclone gfs2 glusterfs gpfs lustre "
    "ncpfs nfs nfs4 ocfs2 orangefs pvfs2 smb2 smb3 smbfs webdav".split()
)


# -- crash points ------------------------------------------------------------------------------------------------

_crash_hook: Callable[[str], None] | None = None


def crash_point(name: str) -> None:
    """Mark a place between two durable operations, where tests kill the process. Does nothing otherwise."""
    if _crash_hook is not None:
        _crash_hook(name)


def on_crash_point(hook: Callable[[str], None] | None) -> None:
    """Call ``hook`` with the name of every crash point from now on; ``None`` takes it away."""
    global _crash_hook
    _crash_hook = hook


# -- durability --------------------------------------------------------------------------------------------------


def flush(descriptor: int) -> None:
    """Return when the file's bytes have reached the disk itself. A failure is final: never flush again and go on."""
    if sys.platform == "darwin":
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
        except OSError as error:
            if error.errno not in _UNSUPPORTED and error.errno != errno.ENOTTY:
                raise
    os.fsync(descriptor)


def flush_folder(folder: str | os.PathLike[str]) -> None:
    """Return when the names in ``folder`` have reached the disk. Windows journals names by itself."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flush(descriptor)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:  # some file systems cannot flush a folder, and need not
            raise
    finally:
        os.close(descriptor)


def reserve(descriptor: int, offset: int, size: int) -> None:
    """Allocate ``size`` bytes at ``offset`` in one piece, where the file system can.

    Raises `OSError` (``ENOSPC``) at once where they do not fit.
    """
    if sys.platform == "linux" and size > 0:
        try:
            os.posix_fallocate(descriptor, offset, size)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise


# -- locks -------------------------------------------------------------------------------------------------------

#: Files that this process has locked. Closing any descriptor of such a file would drop the lock (POSIX), so nothing
#: here ever opens one of them a second time.
_held: dict[str, FileLock] = {}
_held_guard = threading.Lock()


def _forget_locks() -> None:
    """After a fork, the child owns none of its parent's locks; closing its copies of the files costs it nothing."""
    global _held_guard
    _held_guard = threading.Lock()
    for lock in _held.values():
        if lock._descriptor is not None:
            os.close(lock._descriptor)
            lock._descriptor = None
    _held.clear()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget_locks)


class FileLock:
    """An exclusive lock on a file, which the operating system drops when the process that holds it dies.

    A POSIX record lock, on Windows a locked region; children do not inherit it. It is held by the process, whatever
    the thread. A lock object is used once at a time.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(os.path.realpath(path))
        self._descriptor: int | None = None

    def acquire(self, timeout: float = 0.0) -> bool:
        """Create the file if need be and lock it; wait at most ``timeout`` seconds. Tell whether it is ours now."""
        deadline = time.monotonic() + timeout
        while not self._try():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.002)
        return True

    def release(self, *, remove: bool = False) -> None:
        """Give the lock up, and with ``remove`` delete the file while it is still held. Harmless when not held."""
        with _held_guard:
            if self._descriptor is None:
                return
            if remove and not WINDOWS:
                self.path.unlink(missing_ok=True)
            _held.pop(str(self.path), None)
            os.close(self._descriptor)
            self._descriptor = None
            if remove and WINDOWS:  # which cannot delete what is open
                self.path.unlink(missing_ok=True)

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def _try(self) -> bool:
        with _held_guard:
            name = str(self.path)
            if name in _held:
                return False
            descriptor = os.open(name, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
            try:
                ours = _lock(descriptor, shared=False) and _is_named(descriptor, name)
            except BaseException:
                os.close(descriptor)
                raise
            if not ours:
                os.close(descriptor)
                return False
            self._descriptor = descriptor
            _held[name] = self
            return True


def is_locked(path: str | os.PathLike[str]) -> bool:
    """Whether any process, this one included, holds the `FileLock` on ``path``. A file that is gone is not locked."""
    name = os.path.realpath(path)
    with _held_guard:
        if name in _held:
            return True
        try:
            descriptor = os.open(name, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except FileNotFoundError:
            return False
        try:
            return not _lock(descriptor, shared=True)  # shared: two that ask at once do not see each other
        finally:
            os.close(descriptor)


if sys.platform == "win32":

    def _lock(descriptor: int, *, shared: bool) -> bool:
        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _is_named(descriptor: int, name: str) -> bool:
        return True  # a locked file cannot be deleted there
else:

    def _lock(descriptor: int, *, shared: bool) -> bool:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.lockf(descriptor, kind | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                return False
            raise
        return True

    def _is_named(descriptor: int, name: str) -> bool:
        """Whether the file just locked still has its name: a sweeper may have deleted it before it was locked."""
        try:
            there = os.stat(name)
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(descriptor))


# -- processes ---------------------------------------------------------------------------------------------------


class ProcessIdentity(NamedTuple):
    """What tells one process from every other one, for as long as records live."""

    #: Name of the machine, for people.
    host: str
    #: Changes at every boot; empty where the system does not tell.
    boot: str
    #: Which pid namespace ``pid`` belongs to (containers); empty where there are none.
    namespace: str
    pid: int
    #: Start time of the process in units of the system; 0 where it does not tell.
    born: int


def this_process() -> ProcessIdentity:
    """Identify the calling process; right in forked children as well."""
    return _identity(os.getpid())


@cache
def _identity(pid: int) -> ProcessIdentity:
    return ProcessIdentity(_host(), _boot(), _namespace(), pid, process_born(pid) or 0)


def _host() -> str:
    if sys.platform == "win32":
        return os.environ.get("COMPUTERNAME", "windows")
    return os.uname().nodename


@cache
def _boot() -> str:
    try:
        if sys.platform == "linux":
            return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        if sys.platform == "darwin":
            return _output("sysctl", "-n", "kern.bootsessionuuid").strip()
    except OSError:
        pass
    return ""


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid") if sys.platform == "linux" else ""
    except OSError:
        return ""


def process_born(pid: int) -> int | None:
    """Start time of a process, or ``None`` when there is no such process (a zombie counts as gone).

    0 where a process is there but its start time cannot be read.
    """
    if sys.platform == "linux":
        try:
            text = Path(f"/proc/{pid}/stat").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return None
        except OSError:
            return 0
        fields = text[text.rindex(b")") + 2 :].split()  # the name in front may hold blanks and brackets
        return None if fields[0] in (b"Z", b"X") else int(fields[19])
    if sys.platform == "win32":
        listing = _output("tasklist", "/fi", f"PID eq {pid}", "/nh", "/fo", "csv")
        return 0 if f'"{pid}"' in listing else None
    listing = _output("ps", "-o", "stat=,lstart=", "-p", str(pid)).strip()
    if not listing or listing.startswith("Z"):
        return None
    try:
        return int(time.mktime(time.strptime(listing.split(None, 1)[1].strip(), "%a %b %d %H:%M:%S %Y")))
    except (IndexError, ValueError):
        return 0


def is_running(pid: int, born: int) -> bool:
    """Whether the process that had this pid and start time still runs. Zombies do not; 0 matches any start time."""
    now = process_born(pid)
    return now is not None and (now == born or not now or not born)


def kill_tree(pid: int) -> None:
    """Kill a process and all of its descendants, at once. Harmless when it is gone."""
    if sys.platform == "win32":
        _output("taskkill", "/f", "/t", "/pid", str(pid))
        return
    import signal

    family = [pid]
    children = _children()
    for parent in family:  # grows while it is walked
        family.extend(children.get(parent, ()))
    for member in family:
        try:
            os.kill(member, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def _children() -> dict[int, list[int]]:
    """Every process by its parent."""
    pairs: list[tuple[int, int]] = []
    if sys.platform == "linux":
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    text = Path(f"/proc/{entry}/stat").read_bytes()
                except OSError:
                    continue
                pairs.append((int(entry), int(text[text.rindex(b")") + 2 :].split()[1])))
    else:
        for line in _output("ps", "-axo", "pid=,ppid=").splitlines():
            number, above = line.split()
            pairs.append((int(number), int(above)))
    children: dict[int, list[int]] = {}
    for pid, parent in pairs:
        children.setdefault(parent, []).append(pid)
    return children


def _output(*command: str) -> str:
    import subprocess

    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


# -- file systems ------------------------------------------------------------------------------------------------


def network_file_system(path: str | os.PathLike[str]) -> str | None:
    """Kind of network file system that ``path`` (which need not exist) lies on, such as ``nfs4``; ``None`` if local."""
    real = os.path.realpath(path)
    if sys.platform == "win32":
        import ctypes

        drive = os.path.splitdrive(real)[0]
        remote = drive.startswith("\\\\") or ctypes.windll.kernel32.GetDriveTypeW(drive + "\\") == 4
        return "network drive" if remote else None
    if sys.platform == "linux":
        try:
            mounts = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
        except OSError:
            return None
        return kind_if_network(_kind_of_mount(real, mounts))
    for line in sorted(_output("mount").splitlines(), key=len, reverse=True):
        where, _, rest = line.partition(" on ")[2].rpartition(" (")
        if where and (real == where or real.startswith(where.rstrip("/") + "/")):
            return kind_if_network(rest.split(",")[0].rstrip(")"))
    return None


def kind_if_network(kind: str) -> str | None:
    """Return ``kind`` if it names a network file system."""
    return kind if kind in _NETWORK_KINDS else None


def _kind_of_mount(real: str, mountinfo: str) -> str:
    """File system type of the mount that holds ``real``; see proc(5), "mountinfo"."""
    best, kind = -1, ""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = fields[4].replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
        inside = point == "/" or real == point or real.startswith(point + "/")
        if inside and len(point) >= best:  # of two mounts on one place the later hides the earlier
            best, kind = len(point), after.split(" ")[0]
    return kind


@cache
def user_name() -> str | None:
    """Name of the user: from the environment as login programs set it, else from the accounts; else ``None``."""
    import getpass  # only needed when something is written

    try:
        return getpass.getuser() or None
    except (OSError, KeyError, ImportError):
        return None  # a container may run under a number that no account has
