"""Many processes that tag one run at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runlore import pipeline, step
from runlore.client import Client

SCRIPT = """
import sys
from runlore.client import Client

number, rounds = int(sys.argv[1]), int(sys.argv[2])
run = Client()["shared/1"]
sys.stdin.read(1)  # until all are there
for turn in range(rounds):
    run.add_tags(f"mine-{number}-{turn}", "everybody's")
    run.replace_tag(f"mine-{number}-{turn}", f"kept-{number}-{turn}")
    run.remove_tags("nobody's", f"passing-{number}")
"""


@step
def one() -> int:
    return 1


@pipeline
def shared() -> None:
    one()


@pytest.mark.parametrize(("processes", "rounds"), [pytest.param(4, 3), pytest.param(40, 10, marks=pytest.mark.slow)])
def test_processes_that_tag_one_run_lose_nothing(home: Path, tmp_path: Path, processes: int, rounds: int) -> None:
    """Every tag that was added is there, every one that was replaced is gone, and order and times are as before."""
    for _ in range(3):
        shared()
    before = [(run.id, run.created, run.ended, run.duration) for run in Client().runs()]
    Client()["shared/1"].add_tags(f"passing-{number}" for number in range(processes))
    script = tmp_path / "tagging.py"
    script.write_text(SCRIPT)
    children = [
        subprocess.Popen(
            [sys.executable, str(script), str(number), str(rounds)],
            env=dict(os.environ),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for number in range(processes)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"x")
        child.stdin.flush()
    errors = [child.communicate()[1].decode() for child in children]

    assert [child.returncode for child in children] == [0] * processes, errors
    run = Client()["shared/1"]
    kept = {f"kept-{number}-{turn}" for number in range(processes) for turn in range(rounds)}
    assert set(run.tags) == kept | {"everybody's"}
    assert "pipeline:shared" in run.system_tags
    assert [(run.id, run.created, run.ended, run.duration) for run in Client().runs()] == before
    assert Client()["shared"].last_run.number == 3
    assert [finding for finding in Client().workspace.record.check() if not finding.harmless] == []
