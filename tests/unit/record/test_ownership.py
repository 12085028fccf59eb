from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from runlore import platform
from runlore.errors import LeaseLost, StoreError, StoreFull, StoreLocked, StoreReadOnly
from runlore.model.change import NewRun, RunFinished
from runlore.model.run import Fence, Lease, Run
from runlore.model.status import Status
from runlore.platform import ProcessIdentity
from runlore.record.memory import MemoryRecord
from runlore.record.ownership import Ownership

posix = pytest.mark.skipif(sys.platform == "win32", reason="forks and signals")
NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def _clock() -> datetime:
    return NOW


@pytest.fixture
def ownership(tmp_path: Path) -> Ownership:
    return Ownership(tmp_path / "leases")


@pytest.fixture
def record() -> MemoryRecord:
    return MemoryRecord(clock=_clock)


def _begin(record: MemoryRecord, run_id: UUID, owner: ProcessIdentity) -> tuple[Run, Fence]:
    return record.begin_run(
        NewRun(
            id=run_id,
            pipeline="training",
            fingerprint=b"f",
            definition="{}",
            name="training",
            name_given=False,
            created=NOW,
            lease_host=owner.host,
            lease_boot=owner.boot,
            lease_pid=owner.pid,
            lease_born=owner.born,
        )
    )


def _run_of_a_child(ownership: Ownership, run_id: UUID) -> int:
    """Let a forked child own the run until it is killed; return its pid."""
    told, telling = os.pipe()
    child = os.fork()
    if child == 0:
        Ownership(ownership.folder).acquire(run_id)
        os.write(telling, b"!")
        while True:
            signal.pause()
    os.close(telling)
    assert os.read(told, 1) == b"!"
    os.close(told)
    return child


def _kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.kill(child, signal.SIGCONT)
    os.waitpid(child, 0)


def test_ones_own_run_is_alive(ownership: Ownership, record: MemoryRecord) -> None:
    """A run is alive to its own process, through any object, from before it is recorded until it is released."""
    run_id = uuid4()
    run, _ = _begin(record, run_id, ownership.acquire(run_id))
    [lease] = record.leases()

    assert ownership.owns(run_id)
    assert ownership.is_alive(lease)
    assert Ownership(ownership.folder).is_alive(lease)
    assert Ownership(ownership.folder).sweep_interrupted(record, _clock) == []
    assert Ownership(ownership.folder).sweep_files() == 0
    assert record.run(run.seq).status == Status.RUNNING
    ownership.release(run_id)
    ownership.release(run_id)
    assert not ownership.is_alive(lease)
    assert list(ownership.folder.iterdir()) == []


def test_a_run_has_one_owner(ownership: Ownership) -> None:
    """The same run cannot be owned a second time while it is owned."""
    run_id = uuid4()
    ownership.acquire(run_id)
    with pytest.raises(StoreError, match=str(run_id)):
        Ownership(ownership.folder).acquire(run_id)
    ownership.release(run_id)


@posix
def test_a_killed_owner_is_noticed_at_once(ownership: Ownership, record: MemoryRecord) -> None:
    """When the owner is killed, its run is interrupted by the next who looks, once, and can change no more."""
    run_id = uuid4()
    child = _run_of_a_child(ownership, run_id)
    run, fence = _begin(record, run_id, platform.this_process())
    try:
        assert ownership.sweep_interrupted(record, _clock) == []
    finally:
        _kill(child)

    assert ownership.sweep_interrupted(record, _clock) == [run.seq]
    assert ownership.sweep_interrupted(record, _clock) == []
    assert record.run(run.seq).status == Status.INTERRUPTED
    assert list(ownership.folder.iterdir()) == []
    with pytest.raises(LeaseLost):
        record.commit([RunFinished(status=Status.COMPLETED, ended=NOW)], fence=fence)


@posix
def test_a_stopped_owner_is_alive(ownership: Ownership, record: MemoryRecord) -> None:
    """A process that is stopped, as by suspending the machine, still owns its run."""
    run_id = uuid4()
    child = _run_of_a_child(ownership, run_id)
    _begin(record, run_id, platform.this_process())
    try:
        os.kill(child, signal.SIGSTOP)
        os.waitid(os.P_PID, child, os.WSTOPPED | os.WNOWAIT)

        assert ownership.sweep_interrupted(record, _clock) == []
    finally:
        _kill(child)


@posix
def test_a_child_does_not_keep_its_parents_run_alive(ownership: Ownership) -> None:
    """A process that the owner leaves behind does not own the run."""
    run_id = uuid4()
    told, telling = os.pipe()
    owner = os.fork()
    if owner == 0:
        ownership.acquire(run_id)
        left = os.fork()
        if left == 0:
            os.write(telling, str(os.getpid()).encode())
            while True:
                signal.pause()
        signal.pause()
    left = int(os.read(told, 20))
    _kill(owner)
    try:
        assert platform.process_born(left) is not None
        assert not platform.is_locked(ownership.folder / f"{run_id}.lease")
    finally:
        os.kill(left, signal.SIGKILL)
        os.close(told)
        os.close(telling)


def _lease(boot: str) -> Lease:
    return Lease(run=1, run_id=uuid4(), token=1, host="elsewhere", boot=boot, pid=1, born=1)


def test_an_owner_of_an_earlier_boot_is_gone(ownership: Ownership) -> None:
    """On a local file system nobody from another boot can be alive, whatever the machine is called now."""
    assert not ownership.is_alive(_lease("another boot"))
    assert not ownership.is_alive(_lease(platform.this_process().boot))


def test_on_a_network_another_machine_gets_the_benefit_of_doubt(
    ownership: Ownership, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a network file system a lock of another machine may not show, so its runs are not declared dead."""
    monkeypatch.setattr(platform, "network_file_system", lambda path: "nfs4")

    assert ownership.is_alive(_lease("another boot"))
    assert not ownership.is_alive(_lease(platform.this_process().boot))


@posix
def test_files_of_the_dead_are_swept(ownership: Ownership) -> None:
    """Lease files that nobody holds are deleted, held ones and files of other names stay."""
    child = _run_of_a_child(ownership, uuid4())
    _kill(child)
    mine = uuid4()
    ownership.acquire(mine)
    (ownership.folder / "note.txt").write_text("mine")

    assert ownership.sweep_files() == 1
    assert sorted(path.name for path in ownership.folder.iterdir()) == sorted([f"{mine}.lease", "note.txt"])
    ownership.release(mine)
    assert Ownership(ownership.folder / "absent").sweep_files() == 0


@pytest.mark.parametrize("error", [StoreReadOnly, StoreFull, StoreLocked])
def test_a_record_that_cannot_be_written_is_left(
    ownership: Ownership, record: MemoryRecord, monkeypatch: pytest.MonkeyPatch, error: type[StoreError]
) -> None:
    """Looking into a record that is read-only, full or locked interrupts nothing and raises nothing."""
    _begin(record, uuid4(), platform.this_process())

    def refusing(lease: Lease, at: datetime) -> bool:
        raise error("the record cannot be written")

    monkeypatch.setattr(record, "interrupt", refusing)

    assert ownership.sweep_interrupted(record, _clock) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Where no lease can be made, a run does not begin, and the error is one of the store."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="Nothing can begin"):
        Ownership(tmp_path / "file" / "leases").acquire(uuid4())
