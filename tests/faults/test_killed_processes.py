"""Processes killed by SIGKILL at named crash points: nothing that was reported is lost, and no repair is needed."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from runlore import pipeline, platform, step
from runlore.author.current import use_workspace
from runlore.settings import Settings
from runlore.workspace import Workspace

pytestmark = [
    pytest.mark.kill,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    # A child of these tests lives for one short run and uses nothing that the parent's threads hold.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


@step
def small(seed: int) -> int:
    print("seed", seed)
    return seed * 2


@step
def large(seed: int) -> bytes:
    return seed.to_bytes(8, "big") * 5_000


@step
def item(x: int, seed: int) -> int:
    return x + seed


@step
def total(xs: list[int], data: bytes) -> int:
    return sum(xs) + len(data)


def settings(home: Path) -> Settings:
    return Settings(home=home, user_folder=home / "user", progress="quiet", capture_code=False)


def pipeline_with_acks(report: Any) -> Any:
    """The workload; ``report`` is told of results that the record has acknowledged."""

    @pipeline
    def workload(seed: int) -> None:
        first = small(seed)
        report("small", first.load())
        data = large(seed)
        report("large", len(data.load()))
        more = large(seed + 1, id="more")
        report("more", len(more.load()))
        total(item.map([1, 2, 3], seed=seed), data)

    return workload


def killed_run(home: Path, acks: Path, seed: int, point: int | None) -> tuple[int, int]:
    """Run the workload in a child that dies at its ``point``-th crash point; return its status and how many it met."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        met = 0

        def die(_: str) -> None:
            nonlocal met
            met += 1
            if met == point:
                os.kill(os.getpid(), signal.SIGKILL)

        def report(name: str, value: object) -> None:
            with acks.open("a") as file:
                file.write(f"{seed} {name} {value}\n")

        status = 1
        try:
            platform.on_crash_point(die)
            workspace = Workspace.open(settings(home))
            with use_workspace(workspace):
                run = pipeline_with_acks(report)(seed=seed)
                report("total", run.steps["total"].output.load())
            os.write(writer, met.to_bytes(4, "big"))
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    _, status = os.waitpid(child, 0)
    count = int.from_bytes(os.read(reader, 4), "big")
    os.close(reader)
    return status, count


def assert_true(home: Path, acks: Path, seed: int) -> None:
    """The record is clean, nobody runs, everything acknowledged is there, and the same work succeeds now."""
    workspace = Workspace.open(settings(home))
    try:
        assert [finding for finding in workspace.record.check() if not finding.harmless] == []
        assert workspace.record.leases() == ()
        acknowledged = [line.split() for line in acks.read_text().splitlines()] if acks.exists() else []
        for said, name, value in acknowledged:
            if int(said) == seed:
                found = [run for run in workspace.client.runs("workload") if run.config.parameters["seed"] == seed]
                assert found, "an acknowledged run is gone"
                result = found[-1].steps[name].output.load()
                assert str(len(result) if isinstance(result, bytes) else result) == value
        for run in workspace.client.list_pipeline_runs():
            assert run.status in ("completed", "interrupted", "cached")
        with use_workspace(workspace):
            run = pipeline_with_acks(lambda *_: None)(seed=seed)
            assert run.steps["total"].output.load() == 6 + 3 * seed + 40_000
    finally:
        workspace.close()


#: 1,000 points in all; the everyday suite takes the first hundred.
BLOCKS = [pytest.param(block, marks=pytest.mark.slow if block >= 2 else ()) for block in range(20)]


@pytest.mark.parametrize("block", BLOCKS)
def test_sigkill_at_any_point_loses_nothing_reported(tmp_path: Path, block: int) -> None:
    """A process killed at a durable operation leaves a clean record, reads `interrupted`, and the next run works."""
    seeded = random.Random(block)
    # The second run in a store counts: the first one also makes the store.
    killed_run(tmp_path / "trial", tmp_path / "trial.acks", 1, None)
    status, points = killed_run(tmp_path / "trial", tmp_path / "trial.acks", 2, None)
    assert status == 0 and points > 20
    kills = 0
    for number in range(100):  # a run that meets fewer points than the one that was counted survives
        if kills == 50:
            break
        home, seed = tmp_path / str(number // 10), block * 1_000 + number
        acks = tmp_path / f"{number // 10}.acks"
        status, _ = killed_run(home, acks, seed, seeded.randrange(1, points + 1))
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        kills += os.WIFSIGNALED(status)

        assert_true(home, acks, seed)
    assert kills == 50
