"""Stores that are full, read-only, or locked by somebody else: one clear error, and nothing is lost."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runlore import pipeline, step
from runlore.author.current import use_workspace
from runlore.author.pipeline import Pipeline
from runlore.errors import StoreFull, StoreReadOnly
from runlore.record.sql import connection
from runlore.settings import Settings
from runlore.workspace import Workspace


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2.5 MB in memory, mounted for the test."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root on Linux")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = command("mount", "-t", "tmpfs", "-o", "size=2560k,mode=700", "tmpfs", str(place))
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        if command("umount", str(place)).returncode:
            command("umount", "--lazy", str(place))


def remount(place: Path, options: str) -> None:
    done = command("mount", "-o", f"remount,{options}", str(place))
    assert done.returncode == 0, done.stderr


def settings(disk: Path) -> Settings:
    return Settings(home=disk / "home", user_folder=disk / "user", progress="quiet", capture_code=False)


@step
def large(seed: int) -> bytes:
    return seed.to_bytes(8, "big") * 12_500


@step
def small(seed: int) -> str:
    return f"{seed:06}" * 2_000


@step
def length(data: bytes) -> int:
    ran.append("length")
    return len(data)


ran: list[str] = []


@pipeline
def storing_blobs(seed: int) -> None:
    length(large(seed))


@pipeline
def storing_values(seed: int) -> None:
    small(seed)


def values_of(workspace: Workspace) -> dict[int, object]:
    """What every successful run left, by its seed."""
    found: dict[int, object] = {}
    for name, first in (("storing_blobs", "large"), ("storing_values", "small")):
        for run in workspace.client.list_pipeline_runs(pipeline=name):
            if run.status == "completed":
                found[run.config.parameters["seed"]] = run.steps[first].output.load()
    return found


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and those that a traceback shows with it."""
    while error is not None:
        yield error
        error = error.__context__


def harmful(workspace: Workspace) -> list[object]:
    return [finding for finding in workspace.record.check() if not finding.harmless]


def test_a_folder_that_does_not_fit_is_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    """Saving a folder on a full disk is `StoreFull`, leaves no draft, and the folder saved before still loads."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a").write_bytes(b"1" * 40_000)
    workspace = Workspace.open(settings(small_disk))
    before = workspace.save_artifact(folder, "tree")
    (folder / "b").write_bytes(b"2" * 4_000_000)

    with pytest.raises(StoreFull, match="no space left"):
        workspace.save_artifact(folder, "tree")

    assert [file.name for file in before.load().iterdir()] == ["a"]
    assert not list((small_disk / "home/blobs/tmp").iterdir())
    workspace.close()


@pytest.mark.parametrize("checkpoints", [1, 256])
@pytest.mark.parametrize("flow", [storing_blobs, storing_values], ids=["blobs", "values"])
def test_a_full_disk_is_one_clear_error_and_loses_nothing(
    small_disk: Path, flow: Pipeline, checkpoints: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk the caller gets `StoreFull`, all earlier results load, and with more space the next run works."""
    monkeypatch.setattr(connection, "CHECKPOINT_EVERY", checkpoints)
    whole = large if flow is storing_blobs else small
    workspace = Workspace.open(settings(small_disk))
    done = []
    with use_workspace(workspace):
        with pytest.raises(StoreFull, match="no space left") as caught:
            for seed in range(1_000):
                flow(seed=seed)
                done.append(seed)
        assert len(done) > 3
        assert len([error for error in chain(caught.value) if isinstance(error, StoreFull)]) == 1
        assert values_of(workspace) == {seed: whole.function(seed) for seed in done}
        with pytest.raises(StoreFull):
            flow(seed=5_000)
    workspace.close()

    still_full = Workspace.open(settings(small_disk))
    assert values_of(still_full) == {seed: whole.function(seed) for seed in done}
    still_full.close()

    remount(small_disk, "size=16m")
    workspace = Workspace.open(settings(small_disk))
    try:
        assert harmful(workspace) == []
        assert workspace.record.leases() == ()
        assert {run.status for run in workspace.client.list_pipeline_runs()} <= {"completed", "failed", "interrupted"}
        assert values_of(workspace) == {seed: whole.function(seed) for seed in done}
        with use_workspace(workspace):
            again = flow(seed=len(done))
        assert again.status == "completed"
    finally:
        workspace.close()


@step
def huge() -> bytes:
    return bytes(4_000_000)


@pipeline
def storing_too_much() -> None:
    huge()


def test_a_result_larger_than_the_disk_fails_its_step_and_leaves_nothing(small_disk: Path) -> None:
    """A blob that does not fit fails its step with `StoreFull` that names the output; its draft is gone."""
    workspace = Workspace.open(settings(small_disk))
    try:
        with use_workspace(workspace):
            with pytest.raises(StoreFull, match="write a blob") as caught:
                storing_too_much()
            assert any("output 'output' of step 'huge'" in note for note in caught.value.__notes__)
            assert list((small_disk / "home" / "blobs" / "tmp").iterdir()) == []
            assert workspace.client.get_pipeline("storing_too_much").last_run.status == "failed"
            assert storing_values(seed=1).status == "completed"
    finally:
        workspace.close()


def fill(disk: Path) -> None:
    """Take all the space that is left."""
    with (disk / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_step_that_fails_on_a_full_disk_is_still_told(small_disk: Path) -> None:
    """When a step's failure cannot be recorded for want of space, `StoreFull` carries it along."""

    @step
    def fills_and_fails(disk: str) -> int:
        fill(Path(disk))
        raise ValueError("the reason " * 2_000)

    @pipeline
    def failing(disk: str) -> None:
        fills_and_fails(disk)

    workspace = Workspace.open(settings(small_disk))
    try:
        with use_workspace(workspace), pytest.raises(StoreFull) as caught:
            failing(str(small_disk))
        assert any("step 'fills_and_fails' failed: ValueError('the reason" in note for note in caught.value.__notes__)
        assert any("will read 'interrupted'" in note for note in caught.value.__notes__)
        (small_disk / "filler").unlink()
        workspace.ownership.sweep_interrupted(workspace.record, lambda: datetime.now(UTC))
        assert workspace.client.get_pipeline("failing").last_run.status == "interrupted"
    finally:
        workspace.close()


def test_a_disk_that_others_filled_is_named_and_heals(small_disk: Path) -> None:
    """Where others left no space at all, opening says `StoreFull`; with a little space again, everything is there."""
    workspace = Workspace.open(settings(small_disk))
    with use_workspace(workspace):
        storing_blobs(seed=1)
    workspace.close()
    fill(small_disk)
    with pytest.raises(StoreFull, match="no space left"):
        Workspace.open(settings(small_disk))
    (small_disk / "filler").unlink()

    workspace = Workspace.open(settings(small_disk))
    try:
        assert values_of(workspace) == {1: large.function(1)}
        with use_workspace(workspace):
            assert storing_blobs(seed=2).status == "completed"
        assert harmful(workspace) == []
    finally:
        workspace.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("killed", [False, True], ids=["closed", "killed"])
def test_a_read_only_store_can_be_read_and_refuses_to_run(small_disk: Path, killed: bool) -> None:
    """On a read-only file system all reads work; a pipeline is refused with `StoreReadOnly` before anything runs."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            workspace = Workspace.open(settings(small_disk))
            with use_workspace(workspace):
                storing_blobs(seed=1)
                storing_values(seed=2)
            if not killed:
                workspace.close()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    ran.clear()

    remount(small_disk, "ro")
    workspace = Workspace.open(settings(small_disk))
    try:
        assert values_of(workspace) == {1: large.function(1), 2: small.function(2)}
        assert [run.status for run in workspace.client.list_pipeline_runs()] == ["completed"] * 2
        assert workspace.client.get_artifact_version("storing_values::small::output").load() == small.function(2)
        assert harmful(workspace) == []
        with use_workspace(workspace):
            for seed in (1, 3):
                with pytest.raises(StoreReadOnly, match="written") as caught:
                    storing_blobs(seed=seed)
                assert caught.value.__context__ is None or isinstance(caught.value.__context__, OSError)
        assert ran == []
    finally:
        workspace.close()

    remount(small_disk, "rw")
    workspace = Workspace.open(settings(small_disk))
    try:
        with use_workspace(workspace):
            assert storing_values(seed=2).status == "cached"
    finally:
        workspace.close()


HOLDER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("begin immediate")
print("held", flush=True)
sys.stdin.readline()
held.execute("rollback")
"""


def test_a_run_waits_while_another_process_holds_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that finds the record locked by another process waits until it is free, and tells nobody."""
    workspace = Workspace.open(settings(tmp_path))
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "home" / "record.db")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdin is not None and holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    tries = 0

    def pause(low: float, high: float) -> float:
        nonlocal tries
        tries += 1
        if tries == 500:
            holder.communicate("go on\n")
        return low

    monkeypatch.setattr("random.uniform", pause)
    try:
        with use_workspace(workspace):
            assert storing_blobs(seed=1).status == "completed"
        assert tries >= 500
        assert holder.returncode == 0
    finally:
        holder.kill()
        holder.wait()
        workspace.close()
