"""Several processes that run pipelines into one store at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runlore.settings import Settings
from runlore.workspace import Workspace

SCRIPT = """
import sys
from runlore import pipeline, step

@step
def number(x: int) -> int:
    return x

@pipeline
def shared(x: int) -> None:
    number(x)

for turn in range(int(sys.argv[2])):
    shared(x=1000 * int(sys.argv[1]) + turn)
"""


@pytest.mark.parametrize(("processes", "runs"), [pytest.param(4, 25), pytest.param(8, 200, marks=pytest.mark.slow)])
def test_processes_share_one_store(tmp_path: Path, processes: int, runs: int) -> None:
    """No lock error reaches anybody, every run is there, and numbers are unique and gapless."""
    script = tmp_path / "shared.py"
    script.write_text(SCRIPT)
    environ = {**os.environ, "RUNLORE_HOME": str(tmp_path / "home"), "RUNLORE_PROGRESS": "quiet"}
    children = [
        subprocess.Popen([sys.executable, str(script), str(each), str(runs)], env=environ, stderr=subprocess.PIPE)
        for each in range(processes)
    ]
    errors = [child.communicate()[1].decode() for child in children]
    assert [child.returncode for child in children] == [0] * processes, errors

    workspace = Workspace.open(Settings(home=tmp_path / "home", progress="quiet"))
    try:
        found = list(workspace.client.runs("shared"))
        assert sorted(run.number for run in found) == list(range(1, processes * runs + 1))
        assert {run.status for run in found} == {"completed"}
        assert [finding for finding in workspace.record.check() if not finding.harmless] == []
    finally:
        workspace.close()
