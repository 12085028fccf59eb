"""Pruning in real processes: beside one that is stopped, killed at any point, and several at once."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runlore import pipeline, platform, step
from runlore.author.current import use_workspace
from runlore.model.pruning import Pruning
from runlore.settings import Settings
from runlore.show.cli.workspace import _check_blobs
from runlore.workspace import Workspace

pytestmark = [
    pytest.mark.kill,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


@step
def large(seed: int) -> bytes:
    return seed.to_bytes(8, "big") * 5_000


@step
def small(data: bytes) -> int:
    return len(data)


@pipeline
def workload(seed: int) -> None:
    small(large(seed))


def settings(home: Path) -> Settings:
    return Settings(home=home, user_folder=home / "user", progress="quiet", capture_code=False)


def forked(work: Callable[[], None]) -> int:
    """Start a child that does ``work`` and ends; return its pid."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return child


def stopped_at(point: str) -> None:
    """From now on, the process stops when it comes to the crash point, once."""

    def stop(name: str) -> None:
        if name == point:
            platform.on_crash_point(None)
            os.kill(os.getpid(), signal.SIGSTOP)

    platform.on_crash_point(stop)


def damage(workspace: Workspace) -> list[Any]:
    return [one for one in (*workspace.record.check(), *_check_blobs(workspace)) if not one.harmless]


def save(home: Path, seed: int) -> None:
    workspace = Workspace.open(settings(home))
    workspace.save_artifact(large(seed), "saved")
    workspace.close()


def run(home: Path, seed: int) -> None:
    workspace = Workspace.open(settings(home))
    with use_workspace(workspace):
        workload(seed=seed)
    workspace.close()


@pytest.mark.parametrize("work", [save, run])
@pytest.mark.parametrize("garbage", [False, True])
def test_a_writer_that_was_stopped_is_whole(tmp_path: Path, work: Callable[[Path, int], None], garbage: bool) -> None:
    """A process stopped between its blob and its row, while others prune, goes on as if they had not."""
    workspace = Workspace.open(settings(tmp_path))
    if garbage:  # the same bytes lie there, unused, and are marked while somebody else holds a lease
        lost = workspace.vault.store(large(7))
        with workspace.ownership.holding():
            assert workspace.client.prune_artifacts().waiting_files == 1
        assert workspace.blobs.has(lost.digest)

    def child() -> None:
        stopped_at("blob.durable")
        work(tmp_path, 7)

    pid = forked(child)
    _, status = os.waitpid(pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    for _ in range(3):
        pruned = workspace.client.prune_artifacts()
        assert (pruned.files, pruned.waiting_files) == (0, 1)
    os.kill(pid, signal.SIGCONT)
    _, status = os.waitpid(pid, 0)

    assert status == 0
    [version] = [one for one in workspace.client.list_artifact_versions() if one.type == "builtins.bytes"]
    assert version.load() == large(7)
    assert workspace.client.prune_artifacts().files == 0
    assert version.load() == large(7) and damage(workspace) == []
    workspace.close()


def filled(home: Path) -> Workspace:
    """A record with versions in use, others that are not, and files that nothing refers to."""
    workspace = Workspace.open(settings(home))
    with use_workspace(workspace):
        runs = [workload(seed=seed) for seed in range(4)]
    for made in runs[1:]:
        made.delete()
    workspace.vault.store(large(99))
    return workspace


def assert_pruned(home: Path) -> None:
    """One more prune, and what is not in use is gone, what is in use whole, and the record clean."""
    workspace = Workspace.open(settings(home))
    assert damage(workspace) == []
    workspace.client.prune_artifacts()
    assert damage(workspace) == []
    assert workspace.record.prunable(Pruning()).versions == ()
    assert workspace.record.marks() == () and workspace.record.dead() == {}
    [left] = workspace.client.list_pipeline_runs()
    assert left.steps["large"].output.load() == large(0)
    assert {digest for digest, _ in workspace.blobs.list()} == {left.steps["large"].output.digest}
    assert [one for one in workspace.record.check()] == []
    workspace.close()


def killed_prune(home: Path, point: int | None) -> int:
    """Prune in a child that dies at its ``point``-th crash point; return how many it meets if it lives."""
    reader, writer = os.pipe()

    def child() -> None:
        met = 0

        def die(_: str) -> None:
            nonlocal met
            met += 1
            if met == point:
                os.kill(os.getpid(), signal.SIGKILL)

        workspace = Workspace.open(settings(home))
        platform.on_crash_point(die)
        workspace.client.prune_artifacts(threads=1)
        os.write(writer, met.to_bytes(4, "big"))

    pid = forked(child)
    os.close(writer)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) == (point is not None) or status == 0
    count = int.from_bytes(os.read(reader, 4), "big")
    os.close(reader)
    return count


def _killed_at(tmp_path: Path, points: range | list[int]) -> None:
    for point in points:
        home = tmp_path / str(point)
        filled(home).close()
        killed_prune(home, point)
        assert_pruned(home)


def test_a_killed_prune_is_finished_by_the_next(tmp_path: Path) -> None:
    """A prune killed at some of its points leaves a clean record, and the next one does the rest."""
    filled(tmp_path / "trial").close()
    points = killed_prune(tmp_path / "trial", None)
    assert points > 10

    _killed_at(tmp_path, random.Random(1).sample(range(1, points + 1), 5))


@pytest.mark.slow
def test_a_prune_killed_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    """The same at every point."""
    filled(tmp_path / "trial").close()

    _killed_at(tmp_path, range(1, killed_prune(tmp_path / "trial", None) + 1))


def _together(tmp_path: Path, rounds: int) -> None:
    Workspace.open(settings(tmp_path)).close()

    def runner() -> None:
        workspace = Workspace.open(settings(tmp_path))
        with use_workspace(workspace):
            for number in range(rounds):
                made = workload(seed=number % 3)
                workspace.save_artifact(large(number % 3), "saved")
                assert made.steps["large"].output.load() == large(number % 3)
        workspace.close()

    def pruner() -> None:
        workspace = Workspace.open(settings(tmp_path))
        for _ in range(rounds):
            for made in workspace.client.list_pipeline_runs(status=["completed", "cached"])[2:]:
                workspace.record.delete_run(made.seq)
            workspace.client.prune_artifacts(include_manual=True, threads=2)
        workspace.close()

    children = [forked(work) for work in (runner, runner, pruner)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    workspace = Workspace.open(settings(tmp_path))
    assert damage(workspace) == []
    workspace.client.prune_artifacts(include_manual=True)
    assert damage(workspace) == []
    for made in workspace.client.list_pipeline_runs():
        assert made.steps["large"].output.load() in [large(seed) for seed in range(3)]
    workspace.close()


def test_runs_saves_and_prunes_at_once(tmp_path: Path) -> None:
    """Processes that run and save beside one that deletes runs and prunes: nothing fails, nothing is damaged."""
    _together(tmp_path, 8)


@pytest.mark.slow
def test_runs_saves_and_prunes_at_once_for_long(tmp_path: Path) -> None:
    """The same for longer."""
    _together(tmp_path, 150)
