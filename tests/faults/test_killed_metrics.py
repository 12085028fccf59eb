"""Metrics of a process that is killed, and of one that is still at it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runlore.client import Client

pytestmark = [pytest.mark.kill, pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")]

_TRAINING = """
import sys
from runlore import log_metric, pipeline, step
from runlore.execute import metric_log
metric_log.INTERVAL = 0.02

@step
def train() -> None:
    for epoch in range(1000):
        log_metric("loss", 1 / (epoch + 1), step=epoch)
    print("logged", file=sys.__stdout__, flush=True)
    sys.stdin.readline()
    log_metric("loss", -1.0)
    print("once more", file=sys.__stdout__, flush=True)
    sys.stdin.readline()

@pipeline
def training() -> None:
    train()

training()
"""


@pytest.fixture
def training(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A process whose step has logged 1,000 points and waits."""
    child = subprocess.Popen(
        [sys.executable, "-c", _TRAINING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stdout.readline() == "logged\n"
    yield child
    child.kill()
    child.communicate()


def test_a_killed_process_loses_only_what_was_not_recorded(training: subprocess.Popen[str]) -> None:
    """Others see the points while the step still waits; killed, the run keeps them exactly, and nothing half of it."""
    run = Client().get("training/latest")
    while not run.metrics or len(run.metrics["loss"]) < 1000:  # the step does nothing meanwhile
        assert training.poll() is None
    live = run.metrics["loss"]
    assert run.status == "running" and live.count == 1000 and live.values == [1 / (n + 1) for n in range(1000)]
    assert [one.number for one in Client().runs("training")] == [1]

    assert training.stdin is not None and training.stdout is not None
    training.stdin.write("\n")
    training.stdin.flush()
    assert training.stdout.readline() == "once more\n"
    training.send_signal(signal.SIGKILL)
    training.wait()

    assert run.status == "interrupted"
    left = run.metrics["loss"]
    assert left.values in (live.values, [*live.values, -1.0]) and left.steps[:1000] == list(range(1000))
    assert left.count == len(left.values)
